"""What every engine offers: start, advance, state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.events import COUNTED, Counts, Limits
from gossipsim.errors import Diverged
from gossipsim.world import World


@dataclass
class State:
    """All that evolves: rows of nodes and links, time of the last event, counts."""

    nodes: NDArray[Any]
    links: NDArray[Any]
    counts: Counts
    now: float = 0.0


SIMPLE = ("error", "consensus")
"""Metrics that every engine measures itself, so that recording often costs little."""


class Records(NamedTuple):
    """Some records: times `(R,)`, counts `(R, 7)` in the order of `COUNTED`, and what was measured, `(R, Engine.wants)`."""

    time: NDArray[np.float64]
    counts: NDArray[np.int64]
    values: NDArray[np.float64]

    def part(self, which: slice) -> Records:
        """Return some of them."""
        return Records(self.time[which], self.counts[which], self.values[which])

    @staticmethod
    def join(parts: Sequence[Records]) -> Records:
        """Return them all in one."""
        parts = [part for part in parts if len(part.time)] or list(parts[:1])
        return Records(
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.values for part in parts]),
        )


class Portion(NamedTuple):
    """A part of a run: up to the limits, recording at places on an axis; see `Engine.record`."""

    axis: str
    places: NDArray[np.float64]
    limits: Limits
    target: NDArray[np.float64]
    goal: float = -inf


NOTHING = Records(np.empty(0), np.empty((0, len(COUNTED)), dtype=np.int64), np.empty((0, len(SIMPLE))))


class Job(ABC):
    """A portion of a run as one call of machine code: `words` hold its arguments, `finish` takes what it returned."""

    @property
    @abstractmethod
    def words(self) -> list[int]:
        """The arguments as 8-byte words."""

    @abstractmethod
    def finish(self, returned: int) -> Records | Diverged:
        """Note in the engine what has happened; return the records, or the divergence that ended them."""


class Engine(ABC):
    """Runs a world's events in order of time.

    Two engines given the same world produce the same bytes. `advance(limits)` runs every event strictly before
    `limits.until`, unless a count reaches its limit first; it raises `Diverged` when it meets a state that is not finite.
    """

    name: ClassVar[str]
    state: State
    wants: int = 2
    """How many numbers `record` measures at a place: 1, the error; 2, the consensus distance too; 2 + d, also the mean point."""

    @staticmethod
    def refuses(world: World) -> str | None:
        """Return one sentence when this engine cannot run the world, or None."""
        return None

    @abstractmethod
    def __init__(self, world: World) -> None: ...

    @abstractmethod
    def advance(self, limits: Limits) -> None:
        """Run events up to the limits."""

    @abstractmethod
    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point `(n, d)` at time t, and `(2 + d,)`: error, consensus distance and mean point.

        Nothing is changed; the points are only valid until the next call.
        """

    def record(
        self, axis: str, places: NDArray[np.float64], limits: Limits, target: NDArray[np.float64], goal: float
    ) -> Records:
        """Run up to the limits, recording at places on an axis: "until" (time) or one of the other limits, such as "events".

        Where one event passes several places there is one record. Without places it only advances; with them it ends at the
        last one.

        Stops after a record whose error is at most `goal` or not finite. Ends early when a limit is reached or no event is left.
        """
        if not len(places):
            self.advance(limits)
        found = [NOTHING]
        for place in places.tolist():
            if axis != "until" and getattr(self.state.counts, axis) >= place:
                continue
            try:
                self.advance(limits.before(axis, place))
            except Diverged as fault:
                fault.records = Records.join(found)
                raise
            counts = self.state.counts
            if counts.reached(limits) if axis == "until" else getattr(counts, axis) < place:
                break
            t = place if axis == "until" else self.state.now
            values = self.measure(t, target)[1][: self.wants]
            found.append(Records(np.array([t]), np.array([counts.row()]), values[None]))
            if not goal < values[0] < inf:
                break
        return Records.join(found)

    def outcome(self, portion: Portion) -> Records | Diverged:
        """Return the records of a portion, or the divergence that ended it."""
        try:
            return self.record(*portion)
        except Diverged as fault:
            return fault

    def job(self, portion: Portion) -> Job | None:
        """Return the portion as one call of machine code that many runs can share, or None if it is not one."""
        return None

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether no event is left: a recording has ended, or no clock ticks."""

    def network_report(self) -> dict[str, float] | None:
        """Return how busy links were and how long messages waited, or None on an ideal network."""
        source = getattr(getattr(self, "tape", None), "source", None)
        found: dict[str, float] | None = source.report() if source is not None and hasattr(source, "report") else None
        return found

    def check(self) -> None:  # noqa: B027  (the default is to do nothing)
        """Raise `Diverged` when a state is not finite; engines that check every event need not do anything."""


def nonfinite(nodes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the numbers of the rows that hold a number that is not finite."""
    words = nodes.view(np.float64).reshape(len(nodes), -1)
    good = np.isfinite(words)
    good[:, whole_numbers(nodes.dtype)] = True
    return np.flatnonzero(~good.all(axis=1))


@cache
def whole_numbers(row: np.dtype[Any]) -> tuple[int, ...]:
    """Return which 8-byte words of a row are whole numbers, whose bits may look like anything.

    Examples
    --------
    >>> whole_numbers(np.dtype([("at", "f8"), ("draws", "i8"), ("x", "f8", (3,))]))
    (1,)
    """
    fields: Any = row.fields or {}
    return tuple(sorted(offset // 8 for kind, offset, *_ in fields.values() if kind.base.kind in "iu"))
