"""Graphs that change: which edges of a union are there when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers, frozen
from gossipsim.graph import Graph


@dataclass(frozen=True, eq=False)
class Epochs:
    """A sequence of graphs on the same nodes, each in force for the time `every`: graph number floor(t / every).

    Attributes
    ----------
    every : float
        How long each graph lasts, in mean gradient times of a unit-rate node.
    active : ndarray of bool, shape (K, m)
        Which edges of the union, in the order of its `edges`, belong to graph k.
    repeat : bool
        Whether graph 0 follows the last one; otherwise the last one stays.
    positions : ndarray, shape (K, n, 2), optional
        Where the nodes are, when they move.

    Examples
    --------
    >>> union, epochs = Epochs.of([Graph.build("path", n=4), Graph.build("star", n=4)], every=2.0)
    >>> union.edges.tolist(), epochs.active.astype(int).tolist()
    ([[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]], [[1, 0, 0, 1, 1], [1, 1, 1, 0, 0]])
    >>> epochs.number(np.array([0.0, 1.9, 2.0, 4.5])).tolist()
    [0, 0, 1, 0]
    """

    every: float
    active: NDArray[np.bool_]
    repeat: bool = True
    positions: Floats | None = None

    @classmethod
    def of(cls, graphs: list[Graph], every: float, *, repeat: bool = True) -> tuple[Graph, Epochs]:
        """Return the union of some graphs with the same nodes, edges sorted, and the epochs."""
        n = graphs[0].n
        numbers = [np.sort(graph.edges[:, 0] * n + graph.edges[:, 1]) for graph in graphs]
        every_edge = np.unique(np.concatenate(numbers))
        active = np.zeros((len(graphs), len(every_edge)), dtype=bool)
        for k, present in enumerate(numbers):
            active[k, np.searchsorted(every_edge, present)] = True
        pairs = np.stack([every_edge // n, every_edge % n], axis=1)
        union = Graph(n, pairs, labels=graphs[0].labels, positions=graphs[0].positions)
        spots = [graph.positions for graph in graphs]
        moving = np.array(spots) if all(spot is not None for spot in spots) else None
        return union, cls(every, frozen(active), repeat, moving)

    def __len__(self) -> int:
        return len(self.active)

    def epoch(self, t: float) -> int:
        """Return how many times the graph may have changed up to time t, not reduced to the K graphs."""
        return int(np.floor(t / self.every))

    def graph_of(self, epoch: int) -> int:
        """Return the number of the graph in force in an epoch."""
        return epoch % len(self) if self.repeat else min(epoch, len(self) - 1)

    def number(self, t: Floats) -> Integers:
        """Return the number of the graph in force at each of these times, shape of `t`."""
        epoch = np.floor(np.asarray(t) / self.every).astype(np.int64)
        return epoch % len(self) if self.repeat else np.minimum(epoch, len(self) - 1)

    def end(self, epoch: int) -> float:
        """Return when an epoch ends; infinite when the last graph stays."""
        return np.inf if not self.repeat and epoch >= len(self) - 1 else (epoch + 1) * self.every

    def part(self, union: Graph, k: int) -> Graph:
        """Return graph number k; its edges keep the order that they have in the union."""
        spots = None if self.positions is None else self.positions[k]
        return Graph(union.n, union.edges[self.active[k]], labels=union.labels, positions=spots)

    def spread(self, k: int, values: Floats) -> Floats:
        """Return values on the edges of graph k as values on the edges of the union, zero on absent ones, `(m,)`."""
        whole = np.zeros(self.active.shape[1])
        whole[self.active[k]] = values
        return whole
