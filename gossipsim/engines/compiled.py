"""The compiled engine: one machine-code walk over blocks of events."""

from __future__ import annotations

import os
from dataclasses import replace
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import NOTHING, Engine, Records, State, nonfinite
from gossipsim.engines.binding import Binding, compile_module
from gossipsim.engines.cache import driver
from gossipsim.engines.events import COUNTED, Counts, Events, Limits, Tape
from gossipsim.engines.verbs import measured
from gossipsim.errors import Diverged
from gossipsim.world import World

_AHEAD, _CACHE = 4, 1 << 22
"""How many events ahead rows are prefetched, and the size in bytes from which that pays."""

_NO_MARKS, _NO_TIMES = np.empty(0, dtype=np.int64), np.empty(0)


class Compiled(Engine):
    """Runs blocks of events through two compiled handlers, a gradient and an exchange.

    To find the node and the time of a divergence without looking at every event, it keeps a copy of the state from some
    events ago and, when a check fails, repeats the events since then one at a time.
    """

    name: ClassVar[str] = "compiled"

    @staticmethod
    def refuses(world: World) -> str | None:
        """Refuse when Numba's compiler is switched off."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
            return "the compiled engine needs Numba's compiler, and NUMBA_DISABLE_JIT switches it off"
        return None

    def __init__(self, world: World) -> None:
        self.world = world
        self.binding = Binding(world)
        self.handlers = compile_module("handlers", world, self.binding.lowered.source())
        self.state = State(self.binding.nodes, self.binding.links, Counts())
        self.tape = Tape(world.events())
        rows, samples = self.state.nodes, world.objective.samples
        ahead = _AHEAD if rows.nbytes + samples.nbytes > _CACHE else 0
        self.memory = np.array([ahead, rows.ctypes.data, rows.itemsize, samples.ctypes.data, samples.itemsize, 0])
        self.points = np.empty((world.graph.n, world.objective.dim))
        self.message_bits = world.message_bits
        self._nowhere = np.zeros(world.objective.dim)
        self._past_nodes, self._past_links = np.empty_like(rows), np.empty_like(self.state.links)
        self._remember()

    def _remember(self) -> None:
        state = self.state
        np.copyto(self._past_nodes, state.nodes)
        np.copyto(self._past_links, state.links)
        self._past = (replace(state.counts), state.now, self.tape.position)
        self._memory_ends = state.counts.events + 65536 + 16 * len(state.nodes)

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        return self.tape.exhausted

    def advance(self, limits: Limits) -> None:
        """Run blocks of events up to the limits."""
        while not self.state.counts.reached(limits):
            events = self.tape.take(limits, self.state.counts)
            if len(events.t) == 0:
                return
            self._walk(events, _NO_MARKS, _NO_TIMES, self._nowhere, -inf)
            self._look_back()

    def _look_back(self) -> None:
        if self.state.counts.events >= self._memory_ends:
            self.check()
            self._remember()

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
        """Return every node's primal point at time t, the error and the consensus distance."""
        return measured(self.handlers, self.binding, self.points, t, target)

    def record(
        self, axis: str, places: NDArray[np.float64], limits: Limits, target: NDArray[np.float64], goal: float
    ) -> Records:
        """Run up to the limits, recording at places on an axis, many of them in one call of machine code."""
        found = [NOTHING]
        self.memory[5] = not self.consensus
        while len(places) and not self.state.counts.reached(limits):
            events = self.tape.take(limits.before(axis, float(places[-1])), self.state.counts)
            if len(events.t) == 0 and (axis != "until" or self.tape.exhausted):
                break
            marks = _marks(axis, places, events, self.state.counts)
            times = places[: len(marks)] if axis == "until" else events.t[marks - 1]
            before = np.array(self.state.counts.row())
            values, done = self._walk(events, marks, times, target, goal)
            found.append(Records(times[: len(values)], before + self._counted(done[: len(values)]), values))
            places = places[len(values) :]
            try:
                self._look_back()
            except Diverged as fault:
                fault.records = Records.join(found)
                raise
            if len(values) and values[-1, 0] <= goal:
                break
        return Records.join(found)

    def _counted(self, done: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what rows of (events, gradients, exchanges, messages) amount to in the order of `COUNTED`."""
        counted = np.zeros((len(done), len(COUNTED)), dtype=np.int64)
        counted[:, :4] = done
        counted[:, 4] = done[:, 3] * self.message_bits
        return counted

    def _walk(
        self,
        events: Events,
        marks: NDArray[np.int64],
        times: NDArray[np.float64],
        target: NDArray[np.float64],
        goal: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Run events, measuring at marks; put back what a reached goal leaves over.

        Returns error and consensus, and (events, gradients, exchanges, messages), at every mark passed.
        """
        values, done = np.zeros((len(marks), 2)), np.empty((len(marks) + 1, 4), dtype=np.int64)
        code = self.handlers
        passed = driver().walk(
            code.on_gradient.address, code.on_exchange.address, code.on_measure.address, self.binding.address,
            self.memory, self.world.objective.first, *events, marks, times, goal, self.points, target, values, done,
        )  # fmt: skip
        early = passed > 0 and values[passed - 1, 0] <= goal
        end = self._counted(done[passed - early : passed - early + 1])[0]
        ran = int(end[0])
        self.tape.place -= len(events.t) - ran
        self.state.counts.take(self.state.counts.row() + end)
        if ran:
            self.state.now = float(events.t[ran - 1])
        return values[:passed], done[:passed]

    def check(self) -> None:
        """Raise `Diverged` with the first node and time at which the state stopped being finite."""
        state = self.state
        if not len(nonfinite(state.nodes)):
            return
        state.counts, state.now, position = self._past
        state.nodes[:], state.links[:] = self._past_nodes, self._past_links
        self.tape = Tape(self.world.events(), *position)
        while True:
            event = self.tape.take(Limits(events=1), Counts())
            self._walk(event, _NO_MARKS, _NO_TIMES, self._nowhere, -inf)
            for node in (int(event.i[0]), int(event.j[0])):
                if node >= 0 and len(nonfinite(state.nodes[node : node + 1])):
                    raise Diverged(node, float(event.t[0]))


def _marks(axis: str, places: NDArray[np.float64], events: Events, counts: Counts) -> NDArray[np.int64]:
    """Return the number of events before each place, for the places that are certain to lie among these events.

    No events means that none is left before the last place.
    """
    if axis == "until":
        marks = np.searchsorted(events.t, places, side="left")
        return marks[: np.searchsorted(places, events.t[-1], side="right")] if len(events.t) else marks
    if axis == "events":
        marks = (places - counts.events).astype(np.int64)
    else:
        reached = np.cumsum(events.j < 0 if axis == "gradients" else events.j >= 0) + getattr(counts, axis)
        marks = np.searchsorted(reached, places, side="left") + 1
    return marks[marks <= len(events.t)]
