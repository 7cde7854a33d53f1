"""Events that do not come from Poisson clocks: rounds, hops of a token, and workers with compute times of any law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.engines import events
from gossipsim.engines.cache import compiled
from gossipsim.engines.events import GRADIENT, HOP, ROUND, Events, PoissonClocks, alias_table
from gossipsim.engines.partners import Partners
from gossipsim.epochs import Epochs
from gossipsim.graph import Graph
from gossipsim.law import Calls, Constant, Law
from gossipsim.stream import Purpose

_DRAWS = 1 << 20
"""Random numbers that a block of rounds may take."""

_RINGS = 4096
_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))


class Rounds:
    """Synchronous rounds: each lasts as long as its slowest worker, plus the slowest link of every turn.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    workers : int
        Nodes that compute, the last ones of the network.
    compute : Calls
        Durations of oracle calls.
    links : int
        Directed links.
    turns : int
        Times per round that every link carries a message.
    latency : Law
        Duration of a message.
    transfer : float
        Time per turn that the messages take besides, through links of limited bandwidth.
    delays : ndarray, shape (links,), optional
        What every directed link adds to the latency of its messages.
    server : int
        How many nodes before the workers do not compute.
    """

    def __init__(
        self, seed: int, workers: int, compute: Calls, links: int, turns: int, latency: Law, transfer: float = 0.0,
        delays: Floats | None = None, server: int = 0,
    ) -> None:  # fmt: skip
        self.seed, self.compute, self.latency, self.transfer = seed, compute, latency, transfer
        self.workers, self.links, self.turns, self.server = workers, links, turns, server
        self.delays = np.zeros(links) if delays is None else delays
        self.block_size = max(1, min(events.BLOCK, _DRAWS // max(1, workers + turns * links)))

    def _slowest_worker(self, first: int, count: int) -> Floats:
        """Return the longest call of every round, `(count,)`, from number `first` on."""
        if isinstance(self.compute, Constant):
            return np.full(count, self.compute.value if self.workers else 0.0)
        return self._slowest(self._calls, self.workers, np.arange(first, first + count))

    def _calls(self, worker: Integers, number: Integers) -> Floats:
        return self.compute.of_calls(
            worker + self.server, number, lambda: uniforms(self.seed, Purpose.CLOCK, worker, number)
        )

    def _slowest_link(self, first: int, count: int) -> Floats:
        """Return, for every round, the sum over its turns of the time of the slowest link, `(count,)`."""
        turns = self.turns
        if isinstance(self.latency, Constant):
            return np.full(count, turns * (self.latency.value + self.delays.max(initial=0.0)) if self.links else 0.0)
        each = self._slowest(self._messages, self.links, np.arange(first * turns, (first + count) * turns))
        return np.asarray(each.reshape(count, turns).sum(axis=1))

    def _messages(self, link: Integers, number: Integers) -> Floats:
        return np.asarray(self.latency.sample(uniforms(self.seed, Purpose.LATENCY, link, number)) + self.delays[link])

    @staticmethod
    def _slowest(durations: Callable[[Integers, Integers], Floats], owners: int, index: Integers) -> Floats:
        """Return the longest over the owners of `durations(owner, number)` for the numbers in `index`."""
        if owners == 0:
            return np.zeros(len(index))
        found = durations(np.tile(np.arange(owners), len(index)), np.repeat(index, owners))
        return np.asarray(found.reshape(-1, owners).max(axis=1))

    def block(self, first: int, clock: float) -> Events:
        """Return some rounds; `i` and `j` say that everybody takes part."""
        count = self.block_size
        compute, latency = self._slowest_worker(first, count), self._slowest_link(first, count)
        t = np.cumsum(np.concatenate([[clock], compute + latency + self.turns * self.transfer]))[1:]
        return _alike(t, ROUND)


class Hops:
    """The hops of a token: each takes one oracle call and one message.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    compute, latency : Law
        Durations of an oracle call and of a message.
    """

    def __init__(self, seed: int, compute: Law, latency: Law) -> None:
        self.seed, self.compute, self.latency = seed, compute, latency

    def block(self, first: int, clock: float) -> Events:
        """Return some hops."""
        index = np.arange(first, first + events.BLOCK)
        owner = np.zeros(len(index), dtype=np.int64)
        compute = self.compute.sample(uniforms(self.seed, Purpose.CLOCK, owner, index))
        latency = self.latency.sample(uniforms(self.seed, Purpose.LATENCY, owner, index))
        return _alike(np.cumsum(np.concatenate([[clock], compute + latency]))[1:], HOP)


def _alike(t: Floats, kind: int) -> Events:
    none = np.full(len(t), -1, dtype=np.int32)
    return Events(t, none, np.full(len(t), kind, dtype=np.int32), none)


class Renewals:
    """Workers that compute without pause, each a renewal process, beside Poisson clocks on the edges.

    The k-th duration of node i is a function of (seed, i, k), the k-th exchange of (seed, k). Events at the same time come in the
    order of their nodes.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    graph : Graph
        The network.
    compute : Calls
        Durations of oracle calls.
    edge_rates : ndarray, shape (m,)
        Rate of every edge's gossip clock.
    """

    def __init__(self, seed: int, graph: Graph, compute: Calls, edge_rates: Floats) -> None:
        self.seed, self.graph, self.compute = seed, graph, compute
        self.total = float(edge_rates.sum())
        if self.total > 0.0:
            self.accept, self.alias = alias_table(edge_rates)
        self.window = events.BLOCK / (graph.n / compute.mean + self.total)
        self._rewind()

    def _rewind(self) -> None:
        self.given, self.ready, self.end = 0, _NONE, 0.0
        self.ended = np.zeros(self.graph.n, dtype=np.int64)
        self.due = self._durations(np.arange(self.graph.n), 1)[:, 0].copy()
        self.rung, self.rings = 0, np.zeros(1)

    def block(self, first: int, clock: float) -> Events:
        """Return the events from number `first` on that are at hand; to go back is to start again from time 0."""
        if first < self.given:
            self._rewind()
        while self.given + len(self.ready.t) <= first:
            self.given += len(self.ready.t)
            self.ready = self._next_window()
        return self.ready.part(first - self.given, len(self.ready.t))

    def _durations(self, nodes: Integers, count: int) -> Floats:
        """Return the next durations of some nodes, `(nodes, count)`, without taking them."""
        node, number = np.repeat(nodes, count), (self.ended[nodes, None] + np.arange(count)).ravel()
        found = self.compute.of_calls(node, number, lambda: uniforms(self.seed, Purpose.CLOCK, node, number))
        return found.reshape(-1, count)

    def _ends(self) -> tuple[Floats, Integers, Integers]:
        """Return when workers end before the end of the window, who, and for which time (from 0), in order of time."""
        nodes = np.flatnonzero(self.due < self.end)
        found: list[tuple[Floats, Integers, Integers]] = []
        while nodes.size:
            count = 2 + int(1.2 * (self.end - float(self.due[nodes].min())) / self.compute.mean)
            # a worker that ends for the k-th time is due again after its duration number k + 1
            self.ended[nodes] += 1
            due = np.cumsum(np.concatenate([self.due[nodes, None], self._durations(nodes, count)], axis=1), axis=1)
            passed = due < self.end
            ends = np.minimum(passed.sum(axis=1), count)
            taken = passed & (np.arange(count + 1) < ends[:, None])
            place, number = np.nonzero(taken)
            found.append((due[taken], nodes[place], self.ended[nodes[place]] - 1 + number))
            self.due[nodes] = due[np.arange(len(nodes)), ends]
            self.ended[nodes] += ends - 1
            nodes = nodes[self.due[nodes] < self.end]
        if not found:
            return np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
        t, node, number = (np.concatenate(column) for column in zip(*found, strict=True))
        # one stable sort is enough as long as nodes stand in order
        order = np.argsort(t, kind="stable") if len(found) == 1 else np.lexsort((node, t))
        return t[order], node[order], number[order]

    def _next_window(self) -> Events:
        """Return all events of the next stretch of time, in order."""
        self.end = (self.end if self.total else max(self.end, float(self.due.min()))) + self.window
        t, node, _ = self._ends()
        none = np.full(len(t), -1)
        parts = [(t, node, none, none)]
        if self.total > 0.0:
            parts.append(self._exchanges())
        t, i, j, edge = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(t, kind="stable") if self.total > 0.0 else slice(None)
        return Events(t[order], *(column[order].astype(np.int32) for column in (i, j, edge)))

    def _exchanges(self) -> tuple[Floats, Integers, Integers, Integers]:
        """Return the exchanges of the window; `rings` holds the time of the last one given, and those drawn ahead."""
        while self.rings[-1] < self.end:
            index = np.arange(_RINGS) + self.rung + len(self.rings) - 1
            u = uniforms(self.seed, Purpose.EVENTS, np.zeros(_RINGS, dtype=np.int64), index)
            more = np.cumsum(np.concatenate([self.rings[-1:], -np.log(u[:, 0]) / self.total]))
            self.rings = np.concatenate([self.rings[:-1], more])
        count = int(np.searchsorted(self.rings, self.end, side="left")) - 1
        index = np.arange(self.rung, self.rung + count)
        share = uniforms(self.seed, Purpose.EVENTS, np.zeros(count, dtype=np.int64), index)[:, 1] * self.graph.m
        edge = np.minimum(share.astype(np.int64), self.graph.m - 1)
        edge = np.where(share - edge < self.accept[edge], edge, self.alias[edge])
        ends, t = self.graph.edges[edge], self.rings[1 : count + 1]
        self.rings, self.rung = self.rings[count:], self.rung + count
        return t, ends[:, 0], ends[:, 1], edge


class BusyWorkers(Renewals):
    """Workers that compute without pause and, whenever they end, exchange with a uniformly random neighbour and then step.

    The partner of node i at its k-th end is a function of (seed, i, k).
    """

    def __init__(self, seed: int, graph: Graph, compute: Calls, epochs: Epochs | None = None) -> None:
        super().__init__(seed, graph, compute, np.zeros(graph.m))
        self.partners = Partners(graph, epochs)

    def _next_window(self) -> Events:
        """Return an exchange and a step for every worker that ends in the next stretch of time."""
        self.end = max(self.end, float(self.due.min())) + self.window
        t, node, number = self._ends()
        return _pairs(self.partners, t, node, uniforms(self.seed, Purpose.PARTNER, node, number)[:, 0])


class PoissonWorkers:
    """The same for exponential compute times of mean 1 / speed: the ends of all workers are one Poisson process.

    The k-th end, who it is and the partner are functions of (seed, k), given the speeds `(n,)`, 1 unless given.
    """

    def __init__(self, seed: int, graph: Graph, speeds: Floats | None = None, epochs: Epochs | None = None) -> None:
        self.seed, self.partners = seed, Partners(graph, epochs)
        self.clocks = PoissonClocks(seed, graph.n, 1.0, np.zeros((0, 2), dtype=np.int64), np.zeros(0), speeds=speeds)

    def block(self, first: int, clock: float) -> Events:
        """Return the next events; between the two events of a worker's end, only the second."""
        each = 2 if self.partners.graph.m else 1
        number, part = divmod(first, each)
        ends = self.clocks.block(number, clock).part(0, max(1, events.BLOCK // each))
        index = np.arange(number, number + len(ends.t))
        u = uniforms(self.seed, Purpose.PARTNER, np.zeros(len(index), dtype=np.int64), index)[:, 0]
        found = _pairs(self.partners, ends.t, ends.i, u)
        if part:
            return Events(np.array([clock]), *(column[1:2] for column in found[1:]))
        return found


def _pairs(partners: Partners, t: Floats, node: NDArray[Any], u: Floats) -> Events:
    """Return, for workers that end, an exchange with the neighbour that the uniform u picks, and a step; one node only steps."""
    graph, steps = partners.graph, np.full(len(t), GRADIENT, dtype=np.int32)
    if graph.m == 0:
        return Events(t.copy(), node.astype(np.int32), steps, steps)
    edge = partners.edges(t, node, u)
    i, j, e = (np.empty(2 * len(t), dtype=np.int32) for _ in range(3))
    i[::2], j[::2], e[::2] = graph.edges[edge, 0], graph.edges[edge, 1], edge
    i[1::2], j[1::2], e[1::2] = node, steps, steps
    return Events(np.repeat(t, 2), i, j, e)


def uniforms(seed: int, purpose: Purpose, owners: Integers, index: Integers) -> Floats:
    """Return `stream.uniforms_of`, in machine code."""
    out = np.empty((2, len(index)))
    words = (np.ascontiguousarray(column).view(np.uint64) for column in (owners, index))
    compiled("uniforms").uniforms(np.uint64(seed), np.uint64(purpose), *words, out[0], out[1])
    return out.T
