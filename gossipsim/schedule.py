"""When to record: a grid over whatever ends the run first."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.events import Limits
from gossipsim.world import World

_FIRST_SPACING = 1.0
_AT_ONCE = 1024


class Schedule:
    """The limits of a run and the record points before them.

    The grid is even in the quantity that is expected to end the run: time, events, gradients, exchanges, bits or rounds. When
    only an error ends it, records are one time unit apart at first; whenever there are twice as many as asked for, every second
    one is dropped and the spacing doubles.
    """

    def __init__(self, world: World) -> None:
        run, self.record = world.scenario.run, world.scenario.record
        recorded = world.recorded is not None
        rates = {"until": 1.0, **world.rates_of}
        rates |= {"bits": rates["activations"] * world.exchange_bits, "rounds": rates["events"]}
        wanted = {
            "until": run.time or inf,
            "events": min(run.events or inf, len(world.recorded[0]) if recorded else inf),
            "gradients": run.gradients or inf,
            "activations": run.activations or inf,
            "bits": run.bits or inf,
            "rounds": run.rounds or inf,
        }
        self.limits = Limits(**wanted)
        expected = {name: limit / rates[name] if rates[name] > 0 else inf for name, limit in wanted.items()}
        if recorded:
            expected["events"] = 0.0
        self.axis = min(expected, key=lambda name: expected[name])
        self.length = wanted[self.axis]
        if self.axis == "bits" and world.method.talks not in {"round", "route"}:
            # the loop over exchanges counts bits as it goes, and records at numbers of exchanges
            self.axis, self.length = "activations", ceil(self.length / world.exchange_bits)
        self.thinning = self.length == inf and self.record.every is None
        self.spacing = self.record.every or _FIRST_SPACING
        self.records = 1
        self.places_in_time = self.length == inf or self.record.every is not None

    def batches(self) -> Iterator[NDArray[np.float64]]:
        """Yield the places of records on the axis, some at a time, up to but without the end of the run."""
        if self.places_in_time:
            yield from self._every()
            return
        grid = np.linspace(0.0, self.length, self.record.points + 1)[1:]
        if self.axis != "until":
            grid = np.unique(np.ceil(grid))
        for first in range(0, len(grid) - 1, _AT_ONCE):
            yield grid[first : min(first + _AT_ONCE, len(grid) - 1)]

    def _every(self) -> Iterator[NDArray[np.float64]]:
        """Yield places evenly spaced in time; the spacing may double between batches."""
        place, end = 0.0, self.limits.until
        while place < end:
            room = 2 * self.record.points + 1 - self.records if self.thinning else _AT_ONCE
            count = max(1, min(room, _AT_ONCE))
            places = place + self.spacing * np.arange(1, count + 1)
            places = places[places < end]
            if not len(places):
                return
            yield np.asarray(places, dtype=np.float64)
            place = float(places[-1])

    def thin(self, records: int) -> bool:
        """Return whether every second of so many records should go, and double the spacing if so."""
        self.records = records
        if self.thinning and records > 2 * self.record.points:
            self.spacing *= 2
            self.records = (records + 1) // 2
            return True
        return False

    def fraction(self, now: float, counts: object) -> float | None:
        """Return how much of the run is done, or None when its length is not known."""
        if self.length == inf:
            return None
        done = now if self.axis == "until" else getattr(counts, self.axis)
        return min(1.0, done / self.length)
