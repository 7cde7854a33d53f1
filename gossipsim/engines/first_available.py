"""Workers that compute without pause and meanwhile exchange with whichever neighbour is free first."""

from __future__ import annotations

import importlib

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.engines.cache import ONE_AT_A_TIME, kept_here
from gossipsim.engines.events import GRADIENT, Events
from gossipsim.engines.sources import Renewals, uniforms
from gossipsim.graph import Graph
from gossipsim.law import Calls
from gossipsim.stream import Purpose


class FirstAvailable(Renewals):
    """During every call of its oracle a worker wants Poisson(r) exchanges, at times spread uniformly over the call.

    Whenever it wants one, it exchanges at once with the neighbour that has waited longest; when no neighbour waits, it waits
    itself, and goes on computing. What a worker wants during its k-th call is a function of (seed, i, k), so that who meets whom
    does not depend on the state of any method.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    graph : Graph
        The network.
    compute : Calls
        Durations of oracle calls.
    wishes : float
        Mean number r of exchanges that a worker wants per call.
    """

    def __init__(self, seed: int, graph: Graph, compute: Calls, wishes: float) -> None:
        from scipy.special import pdtr

        self.below = pdtr(np.arange(20 + int(wishes + 12 * np.sqrt(wishes))), wishes)
        self.lists = [np.array(a, dtype=np.int64) for a in (graph.ptr, graph.nbr, graph.edge_of_slot)]
        with ONE_AT_A_TIME, kept_here():
            self.match = importlib.import_module("gossipsim.engines.queue").match
        super().__init__(seed, graph, compute, np.zeros(graph.m))

    def _rewind(self) -> None:
        super()._rewind()
        n = self.graph.n
        self.wishes, self.since, self.asked = np.zeros(n, np.int64), np.zeros(n, np.int64), 0
        self.later = self._wanted(np.zeros(n), np.arange(n), np.zeros(n, np.int64))

    def _wanted(self, start: Floats, node: Integers, number: Integers) -> tuple[Floats, Integers]:
        """Return when, and who, wants an exchange during calls `number` of some nodes, which begin at `start`."""
        calls = self.compute.of_calls(node, number, lambda: uniforms(self.seed, Purpose.CLOCK, node, number))
        count = np.searchsorted(self.below, uniforms(self.seed, Purpose.PARTNER, node, number)[:, 0], side="right")
        which, owner = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count), np.repeat(node, count)
        # wish k of call c is number c + (k + 1) 2^32 of the stream, the call itself number c
        place = uniforms(self.seed, Purpose.PARTNER, owner, np.repeat(number, count) + ((which + 1) << 32))[:, 0]
        return np.repeat(start, count) + place * np.repeat(calls, count), owner

    def _next_window(self) -> Events:
        """Return the steps of a stretch of time, and the exchanges between them."""
        self.end = max(self.end, float(self.due.min())) + self.window
        t, node, number = self._ends()
        wanted = [np.concatenate(both) for both in zip(self.later, self._wanted(t, node, number + 1), strict=True)]
        order = np.lexsort(wanted[::-1])
        at, who = (column[order] for column in wanted)
        now = int(np.searchsorted(at, self.end, side="left"))
        self.later = at[now:], who[now:]
        edge = np.empty(now, dtype=np.int64)
        self.asked = self.match(np.ascontiguousarray(who[:now]), *self.lists, self.wishes, self.since, self.asked, edge)
        met = edge >= 0
        edge, steps = edge[met], np.full(len(t), GRADIENT)
        time = np.concatenate([t, at[:now][met]])
        order = np.argsort(time, kind="stable")
        columns = ((node, self.graph.edges[edge, 0]), (steps, self.graph.edges[edge, 1]), (steps, edge))
        return Events(time[order], *(np.concatenate(both)[order].astype(np.int32) for both in columns))
