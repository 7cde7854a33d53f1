"""Whom a worker meets when it ends."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.epochs import Epochs
from gossipsim.graph import Graph

_KEPT = 64


class Partners:
    """A uniformly random neighbour, on the graph in force at the time.

    Parameters
    ----------
    graph : Graph
        The network, or the union of the graphs of a schedule; nobody is ever alone.
    epochs : Epochs, optional
        Which edges are there when.
    """

    def __init__(self, graph: Graph, epochs: Epochs | None = None) -> None:
        self.graph, self.epochs = graph, epochs
        self.slots = lru_cache(_KEPT)(self._slots)

    def edges(self, t: Floats, node: Integers, u: Floats) -> Integers:
        """Return the edges over which some nodes meet the neighbours that their uniforms u pick at times t, all `(k,)`."""
        if self.epochs is None:
            return _picked(self.graph.ptr, self.graph.degree, self.graph.edge_of_slot, node, u)
        found = np.empty(len(t), dtype=np.int64)
        number = self.epochs.number(t)
        for k in np.unique(number).tolist():
            mine = number == k
            found[mine] = _picked(*self.slots(k), node[mine], u[mine])
        return found

    def _slots(self, k: int) -> tuple[Integers, Integers, Integers]:
        """Return where the neighbours of each node begin, how many there are, and their edges, in graph k."""
        assert self.epochs is not None
        here = self.epochs.active[k][self.graph.edge_of_slot]
        count = np.concatenate([[0], np.cumsum(here)])
        ptr = count[self.graph.ptr]
        return ptr[:-1], np.diff(ptr), self.graph.edge_of_slot[here]


def _picked(ptr: Integers, degree: Integers, edge_of_slot: Integers, node: Integers, u: Floats) -> Integers:
    mine = degree[node]
    return edge_of_slot[ptr[node] + np.minimum((u * mine).astype(np.int64), mine - 1)]
