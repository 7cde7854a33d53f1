"""Events that do not come from Poisson clocks: rounds, hops of a token, and workers with compute times of any law."""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.engines import events
from gossipsim.engines.events import HOP, ROUND, Events, alias_table
from gossipsim.graph import Graph
from gossipsim.law import Law
from gossipsim.stream import Purpose, uniforms_of

_DRAWS = 1 << 20
"""Random numbers that a block of rounds may take."""

_RINGS = 4096
_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
_Columns = tuple[Floats, Integers, Integers, Integers, Integers, Integers]


class Rounds:
    """Synchronous rounds: each lasts as long as its slowest worker, plus the slowest link of every turn.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    workers : int
        Nodes that compute, the last ones of the network.
    compute, latency : Law
        Durations of an oracle call and of a message.
    links : int
        Directed links.
    turns : int
        Times per round that every link carries a message.
    """

    def __init__(self, seed: int, workers: int, compute: Law, links: int, turns: int, latency: Law) -> None:
        self.seed, self.compute, self.latency = seed, compute, latency
        self.workers, self.links, self.turns = workers, links, turns
        self.block_size = max(1, min(events.BLOCK, _DRAWS // max(1, workers + turns * links)))

    def _slowest(self, law: Law, purpose: Purpose, owners: int, first: int, count: int, each: int) -> Floats:
        """Return, for `count` rounds from `first` on, the sum over `each` turns of the slowest duration."""
        if owners == 0:
            return np.zeros(count)
        if law.name == "constant":
            return each * law.sample(np.full((count, 2), 0.5))
        index = np.arange(first * each, (first + count) * each)
        u = uniforms_of(self.seed, purpose, np.tile(np.arange(owners), len(index)), np.repeat(index, owners))
        return np.asarray(law.sample(u).reshape(count, each, owners).max(axis=2).sum(axis=1))

    def block(self, first: int, clock: float) -> Events:
        """Return some rounds; `i` and `j` say that everybody takes part."""
        count = self.block_size
        compute = self._slowest(self.compute, Purpose.CLOCK, self.workers, first, count, 1)
        latency = self._slowest(self.latency, Purpose.LATENCY, self.links, first, count, self.turns)
        t = np.cumsum(np.concatenate([[clock], compute + latency]))[1:]
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
        compute = self.compute.sample(uniforms_of(self.seed, Purpose.CLOCK, owner, index))
        latency = self.latency.sample(uniforms_of(self.seed, Purpose.LATENCY, owner, index))
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
    compute : Law
        Duration of an oracle call.
    edge_rates : ndarray, shape (m,)
        Rate of every edge's gossip clock.
    """

    def __init__(self, seed: int, graph: Graph, compute: Law, edge_rates: Floats) -> None:
        self.seed, self.graph, self.compute = seed, graph, compute
        self.total = float(edge_rates.sum())
        if self.total > 0.0:
            self.accept, self.alias = alias_table(edge_rates)
        self.window = events.BLOCK / (graph.n / compute.mean + self.total)
        self._rewind()

    def _rewind(self) -> None:
        self.given, self.ready, self.end = 0, _NONE, 0.0
        everybody = np.arange(self.graph.n)
        self.calls = np.zeros(self.graph.n, dtype=np.int64)
        self.due = self._durations(everybody)
        self.rings = np.zeros(1) if self.total > 0.0 else np.full(1, np.inf)
        self.rung = 0

    def block(self, first: int, clock: float) -> Events:
        """Return the events from number `first` on that are at hand; to go back is to start again from time 0."""
        if first < self.given:
            self._rewind()
        while self.given + len(self.ready.t) <= first:
            self.given += len(self.ready.t)
            self.ready = self._next_window()
        return self.ready.part(first - self.given, len(self.ready.t))

    def _next_window(self) -> Events:
        """Return all events of the next stretch of time."""
        self.end = max(self.end, float(self.due.min()) if not self.total else 0.0) + self.window
        parts = []
        while (ending := np.flatnonzero(self.due < self.end)).size:
            parts += self._events_of(ending)
            self.due[ending] += self._durations(ending)
        if self.total > 0.0:
            parts.append(self._exchanges())
        if not parts:
            return _NONE
        t, i, j, edge, node, rank = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((rank, node, t))
        return Events(t[order], *(column[order].astype(np.int32) for column in (i, j, edge)))

    def _durations(self, nodes: Integers) -> Floats:
        u = uniforms_of(self.seed, Purpose.CLOCK, nodes, self.calls[nodes])
        self.calls[nodes] += 1
        return self.compute.sample(u)

    def _events_of(self, nodes: Integers) -> list[_Columns]:
        """Return the columns t, i, j, edge, node, rank of what happens when these workers end."""
        none = np.full(len(nodes), -1)
        return [(self.due[nodes], nodes, none, none, nodes, none)]

    def _exchanges(self) -> _Columns:
        """Return the exchanges of the window; `rings` holds the last one given, and those drawn ahead."""
        while self.rings[-1] < self.end:
            index = np.arange(self.rung, self.rung + _RINGS) + len(self.rings) - 1
            u = uniforms_of(self.seed, Purpose.EVENTS, np.zeros_like(index), index)
            self.rings = np.concatenate(
                [self.rings[:-1], np.cumsum([self.rings[-1], *(-np.log(u[:, 0]) / self.total)])]
            )
        count = int(np.searchsorted(self.rings, self.end, side="left")) - 1
        index = np.arange(self.rung, self.rung + count)
        share = uniforms_of(self.seed, Purpose.EVENTS, np.zeros_like(index), index)[:, 1] * self.graph.m
        edge = np.minimum(share.astype(np.int64), self.graph.m - 1)
        edge = np.where(share - edge < self.accept[edge], edge, self.alias[edge])
        ends, t = self.graph.edges[edge], self.rings[1 : count + 1]
        self.rings, self.rung = self.rings[count:], self.rung + count
        return t, ends[:, 0], ends[:, 1], edge, self.graph.n + edge, np.zeros_like(edge)


class BusyWorkers(Renewals):
    """Workers that compute without pause and, whenever they end, exchange with a uniformly random neighbour and then step.

    The partner of node i at its k-th end is a function of (seed, i, k).
    """

    def __init__(self, seed: int, graph: Graph, compute: Law) -> None:
        super().__init__(seed, graph, compute, np.zeros(graph.m))

    def _events_of(self, nodes: Integers) -> list[_Columns]:
        """Return an exchange, where there is a neighbour, and a step for each of these workers."""
        graph = self.graph
        talkers = nodes[graph.degree[nodes] > 0]
        u = uniforms_of(self.seed, Purpose.PARTNER, talkers, self.calls[talkers])[:, 0]
        degree = graph.degree[talkers]
        slot = graph.ptr[talkers] + np.minimum((u * degree).astype(np.int64), degree - 1)
        edge = graph.edge_of_slot[slot]
        ends, first = graph.edges[edge], np.zeros_like(talkers)
        exchanges = (self.due[talkers], ends[:, 0], ends[:, 1], edge, talkers, first)
        none = np.full(len(nodes), -1)
        return [exchanges, (self.due[nodes], nodes, none, none, nodes, np.ones_like(nodes))]
