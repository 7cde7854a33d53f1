"""Nodes scattered in a square, joined when near."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats
from gossipsim.component import Positive
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import RandomTopology
from gossipsim.topologies.joining import join_closest
from gossipsim.topologies.regular import unique


class RandomGeometric(RandomTopology, name="random_geometric"):
    """Uniform points of the unit square, joined within `radius`; pieces are joined where closest (connect: true).

    Examples
    --------
    >>> graph = RandomGeometric(n=20, radius=0.3, seed=7).build()
    >>> graph.n, graph.positions.shape
    (20, (20, 2))
    """

    radius: Positive = Field(description="largest distance of two joined nodes; the square has side 1")

    def make(self) -> Graph:
        """Return the edges of at most `radius`, sorted, and the positions (n, 2)."""
        # A disc holds at least a quarter of itself inside the square: half of that spares counting a hopeless case.
        limit_edges(self.n**2 / 4 * np.pi / 4 * min(self.radius, 1.0) ** 2)
        return near(self.generator().random((self.n, 2)), self.radius, self.connect)


def near(positions: Floats, radius: float, connect: bool) -> Graph:
    """Return the graph of all pairs of at most `radius`, edges sorted, with its positions (n, 2).

    Examples
    --------
    >>> near(np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0]]), 0.2, connect=True).edges.tolist()
    [[0, 1], [1, 2]]
    """
    from scipy.spatial import cKDTree

    n, tree = len(positions), cKDTree(positions)
    limit_edges((int(tree.count_neighbors(tree, radius)) - n) / 2)
    edges = tree.query_pairs(radius, output_type="ndarray").astype(np.int64)
    if connect:
        edges = join_closest(positions, edges)
    return Graph(n, unique(edges), positions=positions)
