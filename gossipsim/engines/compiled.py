"""The compiled engine: one machine-code walk over blocks of events."""

from __future__ import annotations

import os
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines import handlers
from gossipsim.engines.base import NOTHING, Engine, Portion, Records, State
from gossipsim.engines.binding import Binding, compile_module
from gossipsim.engines.cache import compiled
from gossipsim.engines.divergence import Watch
from gossipsim.engines.events import COUNTED, GRADIENT, Counts, Events, Limits, PoissonClocks, Tape, together
from gossipsim.engines.portion_job import PortionJob
from gossipsim.engines.verbs import measured
from gossipsim.errors import Diverged
from gossipsim.world import World

_NO_LIMIT = 1 << 62
_AHEAD, _CACHE = 4, 1 << 22
"""How many events ahead rows are prefetched, and the size in bytes from which that pays."""

_NO_MARKS, _NO_TIMES = np.empty(0, dtype=np.int64), np.empty(0)
_FREE = Limits()


class Compiled(Engine):
    """Runs blocks of events through two compiled handlers, a gradient and an exchange; `Watch` looks for divergence."""

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
        self.handlers = compile_module("handlers", world, handlers.source(self.binding.lowered))
        self.state = State(self.binding.nodes, self.binding.links, Counts())
        self.tape = Tape(world.events())
        rows, samples = self.state.nodes, world.gradients.rows
        ahead = _AHEAD if rows.nbytes + samples.nbytes > _CACHE else 0
        bits = 0 if world.scenario.compressor is not None else world.message_bits
        self.memory = np.array(
            [ahead, rows.ctypes.data, rows.itemsize, samples.ctypes.data, samples.itemsize, 0, bits, _NO_LIMIT]
        )
        self.points = np.empty((world.graph.n, world.objective.dim))
        self.together = world.method.talks in {"round", "route"}
        alone = self.binding.lowered.computes and not self.together
        self.on_gradient = self.handlers.on_gradient.address if alone else 0
        self.on_other = self.handlers.on_other.address if world.networked else 0
        self.plain = not self.together and isinstance(self.tape.source, PoissonClocks) and self.tape.source.drawn_alike
        compiled("portion" if self.plain else "walk_together" if self.together else "walk")  # now, not when it runs
        self._nowhere = np.zeros(world.objective.dim)
        self.watch = Watch(self)

    def run(self, events: Events, limits: Limits = _FREE) -> None:
        """Run some events without measuring anything."""
        if self.together:
            self._walk_together(events, "until", _NO_TIMES, limits, self._nowhere, -inf)
        else:
            self._walk(events, _NO_MARKS, _NO_TIMES, limits, self._nowhere, -inf)

    def make_room(self) -> None:
        """Make room for the messages that the events at hand have under way."""
        self.binding.make_room(getattr(self.tape.source, "places", 0))

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        return self.tape.exhausted

    def advance(self, limits: Limits) -> None:
        """Run blocks of events up to the limits."""
        while not self.state.counts.reached(limits):
            if self._in_one_call(limits):
                self._call(Portion("until", _NO_TIMES, limits, self._nowhere))
                return
            events = self.tape.take(limits, self.state.counts)
            if len(events.t) == 0:
                return
            self.run(events, limits)
            self.watch.look()

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point at time t; error, consensus distance and mean point."""
        return measured(self.handlers, self.binding, self.points, t, target)

    def record(
        self, axis: str, places: NDArray[np.float64], limits: Limits, target: NDArray[np.float64], goal: float
    ) -> Records:
        """Run up to the limits, recording at places on an axis, many of them in one call of machine code."""
        if not len(places):
            self.advance(limits)
        elif self._in_one_call(limits):
            return self._call(Portion(axis, places, limits, target, goal))
        found = [NOTHING]
        self.memory[5] = self.wants < 2
        while len(places) and not self.state.counts.reached(limits):
            events = self.tape.take(limits.before(axis, float(places[-1])), self.state.counts)
            if len(events.t) == 0 and (axis != "until" or self.tape.exhausted):
                break
            walk = self._walk_together if self.together else self._walk_alone
            records = walk(events, axis, places, limits, target, goal)
            found.append(records)
            values = records.values
            places = places[len(values) :] if axis == "until" else self._ahead(axis, places)
            try:
                self.watch.look()
            except Diverged as fault:
                fault.records = Records.join(found)
                raise
            if len(values) and not goal < values[-1, 0] < inf:
                break
        return Records.join(found)

    def _in_one_call(self, limits: Limits) -> bool:
        """Whether machine code draws the clocks itself, for as many blocks as it takes to the limits."""
        return self.plain and limits.bits == inf

    def _call(self, portion: Portion) -> Records:
        job = PortionJob(self, portion)
        outcome = job.finish(compiled("portion").run(*job.arguments))
        if isinstance(outcome, Diverged):
            raise outcome
        return outcome

    def job(self, portion: Portion) -> PortionJob | None:
        """Return the portion as one call of machine code, or None if it takes several."""
        return PortionJob(self, portion) if self._in_one_call(portion.limits) else None

    def _ahead(self, axis: str, places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(places[places > getattr(self.state.counts, axis)])

    def counted(self, done: NDArray[np.int64], rounds: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return all counts after rows of (events, gradients, activations, messages, bits, lost) since now.

        `rounds` holds the numbers of events, in order, that are rounds.
        """
        counted = np.zeros((len(done), len(COUNTED)), dtype=np.int64)
        counted[:, :6] = done
        if rounds is not None:
            counted[:, 6] = np.searchsorted(rounds, done[:, 0])
        return np.asarray(counted + np.array(self.state.counts.row()))

    def _walk_alone(
        self,
        events: Events,
        axis: str,
        places: NDArray[np.float64],
        limits: Limits,
        target: NDArray[np.float64],
        goal: float,
    ) -> Records:
        """Run gradients and exchanges, measuring at places on an axis."""
        marks = _marks(axis, places, events, self.state.counts)
        times = places[: len(marks)] if axis == "until" else events.t[marks - 1]
        values, counts = self._walk(events, marks, times, limits, target, goal)
        return Records(times[: len(values)], counts, values)

    def _walk(
        self,
        events: Events,
        marks: NDArray[np.int64],
        times: NDArray[np.float64],
        limits: Limits,
        target: NDArray[np.float64],
        goal: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Run gradients and exchanges, measuring at marks; put back what a goal or limit leaves over.

        Returns what was measured, and all counts, at every mark passed.
        """
        self.make_room()
        values, done = self.room(len(marks)), np.empty((len(marks) + 1, 6), dtype=np.int64)
        code = self.handlers
        self.memory[7] = _NO_LIMIT if limits.bits == inf else limits.bits - self.state.counts.bits
        passed = compiled("walk").walk(
            self.on_gradient, code.on_exchange.address, self.on_other, code.on_measure.address, self.binding.address,
            self.memory, self.binding.tally, self.binding.gradients.first, *events, marks, times, goal, self.points, target,
            values, done,
        )  # fmt: skip
        early = passed > 0 and not goal < values[passed - 1, 0] < inf
        counts = self.counted(done)
        self.arrive(events, int(done[passed - early, 0]), counts[passed - early])
        return values[:passed, : self.wants], counts[:passed]

    def _walk_together(
        self,
        events: Events,
        axis: str,
        places: NDArray[np.float64],
        limits: Limits,
        target: NDArray[np.float64],
        goal: float,
    ) -> Records:
        """Run rounds or hops of a token, measuring at places on an axis."""
        rounds = np.flatnonzero(together(events))
        if self.world.changing is not None and len(rounds):
            self.binding.moment.turn_to(int(events.edge[rounds[0]]))
        size = len(places) + 1
        values, times, done = self.room(size), np.empty(size), np.empty((size, 6), dtype=np.int64)
        code, counts = self.handlers, self.state.counts
        column = -1 if axis == "until" else 0 if axis == "rounds" else COUNTED.index(axis)
        left = places if axis == "until" else places - getattr(counts, axis)
        if axis == "rounds":  # in events, as far as rounds are at hand
            left = np.append(rounds + 1.0, inf)[np.minimum(left.astype(np.int64), len(rounds) + 1) - 1]
        ends = ("gradients", "activations", "bits")
        room = np.array([getattr(limits, name) - getattr(counts, name) for name in ends], dtype=np.float64)
        passed = compiled("walk_together").walk_together(
            code.on_event.address, self.on_other, code.on_measure.address, self.binding.address, self.binding.tally,
            counts.events, *events, column, left, len(events.t) == 0, room, goal, bool(self.memory[5]), self.points,
            target, values, times, done,
        )  # fmt: skip
        whole = self.counted(done[: passed + 1], rounds)
        self.arrive(events, int(done[passed, 0]), whole[passed])
        return Records(times[:passed], whole[:passed], values[:passed, : self.wants])

    def room(self, places: int) -> NDArray[np.float64]:
        """Return room for what machine code measures at so many places."""
        return np.zeros((places, 1 if self.wants < 2 else 2 + self.world.objective.dim))

    def arrive(self, events: Events, ran: int, counts: NDArray[np.int64]) -> None:
        """Note that so many of the events have run."""
        self.tape.place -= len(events.t) - ran
        self.state.counts.take(counts)
        if ran:
            self.state.now = float(events.t[ran - 1])

    def check(self) -> None:
        """Raise `Diverged` with the first node and time at which the state stopped being finite."""
        self.watch.check()


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
        reached = np.cumsum(events.j == GRADIENT if axis == "gradients" else events.j >= 0) + getattr(counts, axis)
        marks = np.searchsorted(reached, places, side="left") + 1
    return marks[marks <= len(events.t)]
