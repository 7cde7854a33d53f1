"""The readable definition of the world: clocks, nodes and links as SimPy processes."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from typing import Any, ClassVar

import numpy as np
import simpy
from numpy.typing import NDArray

from gossipsim.engines.base import Engine, State, nonfinite
from gossipsim.engines.bell import Bell, Environment
from gossipsim.engines.events import (
    ACKNOWLEDGED,
    APPLY,
    AWAY,
    BACK,
    DELIVER,
    FAILED,
    GRADIENT,
    HOP,
    KEPT,
    LOST,
    ROUND,
    SPEAK,
    Counts,
    Limits,
    Tape,
    kind_and_place,
)  # fmt: skip
from gossipsim.engines.interpreted import InterpretedVerbs
from gossipsim.engines.moment import Moment
from gossipsim.engines.verbs import CompiledVerbs, Verbs
from gossipsim.errors import Diverged, Refused
from gossipsim.stream import Purpose, draw_at, uniform
from gossipsim.world import World

Process = Generator[simpy.Event, Any, None]


class Processes(Engine):
    """Runs a world as SimPy processes that call one verb at a time."""

    name: ClassVar[str] = "processes"

    def __init__(self, world: World) -> None:
        self.world = world
        self.env = Environment()
        self.verbs = _verbs(world)
        self.state = State(self.verbs.nodes, self.verbs.links, Counts())
        self.moment = Moment(world, self.state.links)
        self.tape = Tape(world.events())
        self.away = np.zeros(world.graph.n, dtype=bool)
        self.start = self.verbs.nodes.copy() if world.forgetful else None
        self.networked, self.bad = world.networked, np.zeros(len(world.graph.nbr), dtype=bool)
        self.said: dict[int, bool] = {}
        self.event = (0, 0, 0)
        self.wire_bell = Bell(self.env)
        if world.networked:
            self.env.process(self.wire())
        if world.method.talks in {"round", "route"}:
            self.bell = Bell(self.env)
            self.env.process(self.rounds() if world.method.talks == "round" else self.token())
            self.env.process(self.metronome())
            return
        self.node_bells = [Bell(self.env) for _ in range(world.graph.n)]
        self.link_bells = [Bell(self.env) for _ in range(world.graph.m)]
        for i, bell in enumerate(self.node_bells):
            self.env.process(self.node(i, bell))
        for edge, bell in enumerate(self.link_bells):
            self.env.process(self.exchanging_link(edge, bell) if self._asks else self.link(edge, bell))
        self.env.process(self.clock())

    @property
    def _asks(self) -> bool:
        return self.world.method.computes == "exchange"

    def clock(self) -> Process:
        """Ring a node or a link whenever one of the superposed clocks ticks."""
        for t, i, j, edge in self.tape:
            if j < GRADIENT:
                self.event = i, j, edge
                yield self.wire_bell.ring(t)
            else:
                bell = self.node_bells[i] if j < 0 else self.link_bells[edge]
                yield bell.ring(t)

    def metronome(self) -> Process:
        """Ring whenever a round, or a hop of the token, is due."""
        for t, i, j, edge in self.tape:
            self.event = i, j, edge
            yield (self.bell if j in {ROUND, HOP} else self.wire_bell).ring(t)

    def wire(self) -> Process:
        """Do what happens on a real network besides gradients and exchanges at once."""
        verbs, counts, graph, world = self.verbs, self.state.counts, self.world.graph, self.world
        delivers = world.method.pairwise == "delivery"
        while True:
            t = yield self.wire_bell.rung
            i, j, edge = self.event
            kind, place = kind_and_place(j)
            fine = True
            if kind in {FAILED, ACKNOWLEDGED}:
                counts.messages += i
                counts.bits += i * (int(world.sent_bits[0]) if kind == FAILED else world.scenario.wire.float_bits)
                counts.lost += edge
            else:
                verbs.advance(i, t)
            if kind in {AWAY, BACK}:
                self.away[i] = kind == AWAY
                if kind == BACK and edge != KEPT:
                    self.restart(i, edge, t)
            elif kind in {SPEAK, APPLY, DELIVER}:
                side = 0 if graph.edges[edge, 0] == i else 1
                slot = int(graph.slot[edge, side])
                if kind == SPEAK:
                    verbs.make_room(getattr(self.tape.source, "places", 2))
                    bits = verbs.message(i, slot, t, place)
                    self.said[place] = bits >= 0
                    counts.messages += bits >= 0
                    counts.bits += max(0, bits)
                    counts.activations += delivers and place % 2 == 0
                elif kind == DELIVER:
                    fine = not self.said[place] or verbs.receive(i, slot, t, place)
                else:
                    counts.activations += place % 2 == 0
                    if self.said[place] and self.said[place ^ 1]:
                        fine = verbs.apply(i, slot, t, place)
            counts.events += 1
            self.state.now = t
            if not fine:
                raise Diverged(i, t)

    def restart(self, i: int, source: int, t: float) -> None:
        """Bring a node back to the start of the run, or to the state of a neighbour."""
        nodes = self.verbs.nodes
        if source == LOST:
            assert self.start is not None
            nodes[i : i + 1] = self.start[i : i + 1]
            nodes["at"][i] = t
        else:
            self.verbs.advance(source, t)
            for name in self.world.method.vectors():
                nodes[name][i] = nodes[name][source]

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
        verbs, counts = self.verbs, self.state.counts
        (i, j), (at_i, at_j) = self.world.graph.edges[edge].tolist(), self.world.graph.slot[edge].tolist()
        while True:
            t = yield bell.rung
            verbs.advance(i, t)
            verbs.advance(j, t)
            bits_i = verbs.message(i, at_i, t, 0)
            bits_j = verbs.message(j, at_j, t, 1)
            fine_i = verbs.receive(i, at_i, t, 1) if bits_j >= 0 else True
            fine_j = verbs.receive(j, at_j, t, 0) if bits_i >= 0 else True
            if bits_i >= 0:
                counts.messages += 1
                counts.bits += bits_i
            if bits_j >= 0:
                counts.messages += 1
                counts.bits += bits_j
            counts.activations += 1
            counts.events += 1
            self.state.now = t
            if not (fine_i and fine_j):
                raise Diverged(j if fine_i else i, t)

    def exchanging_link(self, edge: int, bell: Bell) -> Process:
        """Let both ends ask their oracles and then exchange messages, whenever the bell rings."""
        verbs, counts, ends = self.verbs, self.state.counts, self.world.graph.edges[edge].tolist()
        inner = Bell(self.env)
        exchange = self.link(edge, inner)
        next(exchange)
        while True:
            t = yield bell.rung
            for i in ends:
                verbs.advance(i, t)
            for i in ends:
                if verbs.query(i, t):
                    verbs.oracle(i)
                    verbs.step(i, t)
                    counts.gradients += 1
            exchange.send(t)

    def rounds(self) -> Process:
        """Let everybody compute, and then, turn after turn, everybody speak and everybody hear."""
        verbs, counts, graph, method = self.verbs, self.state.counts, self.world.graph, self.world.method
        first, neighbours, reverse = graph.ptr.tolist(), graph.nbr.tolist(), graph.reverse.tolist()
        everybody, workers = range(graph.n), range(int(method.server), graph.n)

        def here(at: int) -> bool:
            return self.world.changing is None or bool(self.moment.here[at])

        while True:
            t = yield self.bell.rung
            number = counts.events
            self.moment.turn_to(self.event[2])
            for i in everybody:
                verbs.advance(i, t)
                self.state.nodes[i].turn = 0
                if method.computes == "round" and i in workers and not self.away[i] and verbs.query(i, t):
                    verbs.oracle(i)
                    verbs.step(i, t)
                    counts.gradients += 1
            for turn in range(self.world.turns):
                told = {}
                for i in everybody:
                    self.state.nodes[i].turn = turn
                    for slot in range(first[i + 1] - first[i]) if verbs.per_link else (0,):
                        box = first[i] + slot if verbs.per_link else i
                        silent = self.away[i] or (verbs.per_link and not here(first[i] + slot))
                        told[box] = -1 if silent else verbs.message(i, slot, t, box)
                used = set()
                for i in everybody:
                    slots, boxes = [], []
                    for at in range(first[i], first[i + 1]):
                        box = reverse[at] if verbs.per_link else neighbours[at]
                        if told[box] < 0 or not here(at):
                            continue
                        counts.bits += told[box]
                        counts.messages += 1
                        used.add(graph.edge_of_slot[at])
                        if self.networked and self.is_lost(at, i, number * self.world.turns + turn):
                            counts.lost += 1
                            continue
                        slots.append(at - first[i])
                        boxes.append(box)
                    if not self.away[i]:
                        verbs.gather(i, t, slots, boxes)
                counts.activations += len(used)
            counts.events += 1
            counts.rounds += 1
            self.state.now = t
            bad = nonfinite(self.state.nodes)
            if len(bad):
                raise Diverged(int(bad[0]), t)

    def is_lost(self, link: int, receiver: int, number: int) -> bool:
        """Return whether message `number` over a directed link is lost; the link's chain moves first."""
        fate = draw_at(self.world.seed, Purpose.LOSS, link, number)
        to_bad, to_good, in_good, in_bad = self.world.scenario.wire.loss.chain
        moves = uniform(fate, 0)
        if self.bad[link] and moves < to_good:
            self.bad[link] = False
        elif not self.bad[link] and moves < to_bad:
            self.bad[link] = True
        return bool(self.away[receiver] or uniform(fate, 1) < (in_bad if self.bad[link] else in_good))

    def token(self) -> Process:
        """Let the node that holds the token hear it, compute, and pass it on."""
        verbs, counts, graph, method = self.verbs, self.state.counts, self.world.graph, self.world.method
        first, neighbours, reverse = graph.ptr.tolist(), graph.nbr.tolist(), graph.reverse.tolist()
        i, came_from = 0, -1
        while True:
            t = yield self.bell.rung
            verbs.advance(i, t)
            if came_from >= 0:
                verbs.receive(i, came_from, t, 0)
            if method.computes == "hop" and verbs.query(i, t):
                verbs.oracle(i)
                verbs.step(i, t)
                counts.gradients += 1
            if method.announces is not None:
                for at in range(first[i], first[i + 1]):
                    self.state.links[reverse[at]][method.announces] = self.state.nodes[i][method.announces]
                counts.messages += first[i + 1] - first[i]
                counts.bits += (first[i + 1] - first[i]) * self.world.scenario.wire.float_bits
            verbs.carry(i)
            slot = verbs.route(i, t, counts.events)
            here, came_from = i, -1
            if slot >= 0:
                counts.bits += max(0, verbs.message(i, slot, t, 0))
                at = first[i] + slot
                i = neighbours[at]
                came_from = reverse[at] - first[i]
                counts.messages += 1
                counts.activations += 1
            counts.events += 1
            counts.rounds += 1
            self.state.now = t
            if len(nonfinite(self.state.nodes[here : here + 1])):
                raise Diverged(here, t)

    def advance(self, limits: Limits) -> None:
        """Step SimPy's queue up to the limits."""
        step, peek, counts = self.env.step, self.env.peek, self.state.counts
        until, events, gradients, activations = limits.until, limits.events, limits.gradients, limits.activations
        bits, rounds = limits.bits, limits.rounds
        while (
            peek() < until
            and counts.events < events
            and counts.gradients < gradients
            and counts.activations < activations
            and counts.bits < bits
            and counts.rounds < rounds
        ):
            step()

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point at time t; error, consensus distance and mean point."""
        return self.verbs.measure(t, target)

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        return self.tape.exhausted and self.env.peek() == inf


def _verbs(world: World) -> Verbs:
    try:
        return CompiledVerbs(world)
    except Refused:
        return InterpretedVerbs(world)
