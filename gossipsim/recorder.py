"""The records of a run: times, counts, and one value per metric."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import SIMPLE, Engine, Records
from gossipsim.engines.events import COUNTED
from gossipsim.errors import Diverged
from gossipsim.metrics import Metric, OfMean, View
from gossipsim.trace import COUNTS, Trace
from gossipsim.world import World


class Recorder:
    """Keeps the records: times, counts, and one value per metric."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = list(dict.fromkeys(world.scenario.record.metrics))
        if world.scenario.run.error is not None and "error" not in self.names:
            self.names.append("error")
        others = [Metric.registry[name] for name in self.names if name not in SIMPLE]
        self.simple = all(issubclass(metric, OfMean) for metric in others)
        self.wants = 2 + world.objective.dim if others else 1 + ("consensus" in self.names)
        self.parts: list[Records] = []
        self.error = inf
        self.number = 0

    def __len__(self) -> int:
        return self.number

    def record(self, engine: Engine, t: float) -> None:
        """Add one record of the present state; a second one at the same time and counts replaces the first."""
        counts = np.array([engine.state.counts.row()], dtype=np.int64)
        if self.parts and self.parts[-1].time[-1] == t and (self.parts[-1].counts[-1] == counts[0]).all():
            self.parts[-1] = self.parts[-1].part(slice(-1))
            self.number -= 1
        with np.errstate(all="ignore"):
            values = engine.measure(t, self.world.target)[1][: self.wants]
        self.add(engine, Records(np.array([t]), counts, values[None]))

    def add(self, engine: Engine, records: Records) -> None:
        """Add records; only one at a time, at the engine's present state, if a metric looks at more than errors and means."""
        if len(records.time) == 0:
            return
        columns = dict(zip(SIMPLE, records.values.T, strict=False))
        with np.errstate(all="ignore"):
            for name in self.names:
                if name not in SIMPLE:
                    columns[name] = self._others(engine, Metric.registry[name], records)  # type: ignore[arg-type]
        values = np.array([columns[name] for name in self.names]).reshape(len(self.names), -1).T
        self.parts.append(Records(records.time, records.counts, values))
        self.error = float(columns["error"][-1])
        self.number += len(records.time)

    def _others(self, engine: Engine, metric: type[Metric], records: Records) -> NDArray[np.float64]:
        if issubclass(metric, OfMean):
            return metric.of_means(self.world.objective, records.values[:, len(SIMPLE) :])
        points = engine.measure(float(records.time[-1]), self.world.target)[0]
        return np.array([metric.measure(View(points, self.world.target, self.world.objective))])

    @property
    def finite(self) -> bool:
        """Whether the newest record is finite."""
        return bool(np.isfinite(self.error) and np.isfinite(self.parts[-1].values[-1]).all())

    def check(self, engine: Engine) -> None:
        """Raise `Diverged` when the error is too large for a number although the state is not, at the newest record."""
        if not np.isfinite(self.error):
            t = float(self.parts[-1].time[-1])
            with np.errstate(all="ignore"):
                far = np.abs(engine.measure(t, self.world.target)[0] - self.world.target).max(axis=1)
            raise Diverged(int(far.argmax()), t)

    def forget_after(self, t: float) -> None:
        """Drop the records later than t."""
        whole = Records.join(self.parts)
        self.parts = [whole.part(slice(0, int(np.searchsorted(whole.time, t, side="right"))))]
        self.number = len(self.parts[0].time)

    def thin(self) -> None:
        """Keep the first record and every second one after it."""
        self.parts = [Records.join(self.parts).part(slice(None, None, 2))]
        self.number = len(self.parts[0].time)

    def trace(self, engine: Engine, status: str, meta: dict[str, Any]) -> Trace:
        """Return the result."""
        time, counts, values = Records.join(self.parts)
        columns: dict[str, NDArray[Any]] = {"time": time}
        columns |= {name: counts[:, COUNTED.index(name)].copy() for name in COUNTS[1:]}
        columns |= {name: values[:, k].copy() for k, name in enumerate(self.names)}
        nodes = engine.state.nodes
        # The engine's own memory: it is done with it, and a million nodes are not held twice.
        final = {name: np.asarray(nodes[name]) for name in self.world.method.node}
        final["at"] = np.array(nodes["at"])
        t = float(time[-1])
        if self.world.recorded is not None:
            # a replay is compared with states as they were left, each node's at its own last event
            nodes["at"] = t
        with np.errstate(all="ignore"):
            final["primal"] = engine.measure(t, self.world.target)[0]
        nodes["at"] = final["at"]
        return Trace(self.world.scenario, columns, final, status, meta)
