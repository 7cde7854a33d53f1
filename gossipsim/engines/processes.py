"""The readable definition of the world: clocks, nodes and links as SimPy processes."""

from __future__ import annotations

from collections.abc import Generator
from heapq import heappush
from typing import Any, ClassVar

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.events import NORMAL

from gossipsim.engines.base import Engine, State
from gossipsim.engines.events import Counts, Limits, Tape
from gossipsim.engines.verbs import CompiledVerbs, InterpretedVerbs, Verbs
from gossipsim.errors import Diverged, Refused
from gossipsim.world import World

Process = Generator[simpy.Event, Any, None]


class Environment(simpy.Environment):  # type: ignore[misc,unused-ignore]
    """SimPy's environment, plus events at an absolute time."""

    def at(self, t: float, event: simpy.Event) -> simpy.Event:
        """Let an event happen at exactly time t, with t as its value.

        SimPy schedules delays, and now + (t - now) is not always t in floating point.
        """
        event._ok, event._value = True, t
        heappush(self._queue, (t, NORMAL, next(self._eid), event))
        return event


class Bell:
    """Wakes the process that waits for it, and then the one that rang it."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.rung = simpy.Event(env)

    def ring(self, t: float) -> simpy.Event:
        """Wake the waiting process at time t and tell it the time; return the event, to wait for it too."""
        rung, self.rung = self.rung, simpy.Event(self.env)
        return self.env.at(t, rung)


class Processes(Engine):
    """Runs a world as SimPy processes that call one verb at a time."""

    name: ClassVar[str] = "processes"

    def __init__(self, world: World) -> None:
        self.world = world
        self.env = Environment()
        self.verbs = _verbs(world)
        self.state = State(self.verbs.nodes, self.verbs.links, Counts())
        self.tape = Tape(world.events())
        self.node_bells = [Bell(self.env) for _ in range(world.graph.n)]
        self.link_bells = [Bell(self.env) for _ in range(world.graph.m)]
        for i, bell in enumerate(self.node_bells):
            self.env.process(self.node(i, bell))
        for edge, bell in enumerate(self.link_bells):
            self.env.process(self.link(edge, bell))
        self.env.process(self.clock())

    def clock(self) -> Process:
        """Ring a node or a link whenever one of the superposed clocks ticks."""
        for t, i, j, edge in self.tape:
            bell = self.node_bells[i] if j < 0 else self.link_bells[edge]
            yield bell.ring(t)

    def node(self, i: int, bell: Bell) -> Process:
        """Compute a gradient whenever the bell rings."""
        verbs, counts = self.verbs, self.state.counts
        while True:
            t = yield bell.rung
            verbs.advance(i, t)
            fine = True
            if verbs.query(i, t):
                verbs.oracle(i)
                fine = verbs.step(i, t)
                counts.gradients += 1
            counts.events += 1
            self.state.now = t
            if not fine:
                raise Diverged(i, t)

    def link(self, edge: int, bell: Bell) -> Process:
        """Exchange messages between the two ends whenever the bell rings."""
        verbs, counts, bits = self.verbs, self.state.counts, self.world.message_bits
        (i, j), (at_i, at_j) = self.world.graph.edges[edge].tolist(), self.world.graph.slot[edge].tolist()
        while True:
            t = yield bell.rung
            verbs.advance(i, t)
            verbs.advance(j, t)
            said_i = verbs.message(i, at_i, t, 0)
            said_j = verbs.message(j, at_j, t, 1)
            fine_i = verbs.receive(i, at_i, t, 1) if said_j else True
            fine_j = verbs.receive(j, at_j, t, 0) if said_i else True
            said = said_i + said_j
            counts.messages += said
            counts.bits += said * bits
            counts.activations += 1
            counts.events += 1
            self.state.now = t
            if not (fine_i and fine_j):
                raise Diverged(j if fine_i else i, t)

    def advance(self, limits: Limits) -> None:
        """Step SimPy's queue up to the limits."""
        step, peek, counts = self.env.step, self.env.peek, self.state.counts
        until, events, gradients, activations = limits.until, limits.events, limits.gradients, limits.activations
        while (
            peek() < until
            and counts.events < events
            and counts.gradients < gradients
            and counts.activations < activations
        ):
            step()

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
        """Return every node's primal point at time t, the error and the consensus distance."""
        return self.verbs.measure(t, target)

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        return self.tape.exhausted


def _verbs(world: World) -> Verbs:
    try:
        return CompiledVerbs(world)
    except Refused:
        return InterpretedVerbs(world)
