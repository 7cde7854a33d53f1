"""Graphs where few edges carry everything: barbell, lollipop, binary tree."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gossipsim.component import Nodes
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import Topology
from gossipsim.topologies.regular import clique, consecutive


class Barbell(Topology, name="barbell"):
    """Two complete graphs of n/2 nodes, joined by one edge; n even.

    Examples
    --------
    >>> Barbell(n=6).build().edges.tolist()
    [[0, 1], [0, 2], [1, 2], [2, 3], [3, 4], [3, 5], [4, 5]]
    """

    n: Nodes

    def check(self) -> None:
        """Refuse odd numbers of nodes, and more edges than a graph may hold."""
        if self.n % 2:
            raise ScenarioError(f"given {self.n}", key=("n",), allowed=f"even, such as {self.n + 1}")
        limit_edges(self.n * self.n / 4)

    def make(self) -> Graph:
        """Return both halves and the edge (n/2 - 1, n/2)."""
        half = self.n // 2
        return Graph(self.n, np.concatenate([clique(0, half), [[half - 1, half]], clique(half, self.n)]))


class Lollipop(Topology, name="lollipop"):
    """A complete graph of `clique` nodes (default half of them) with a path attached.

    Examples
    --------
    >>> Lollipop(n=5, clique=3).build().edges.tolist()
    [[0, 1], [0, 2], [1, 2], [2, 3], [3, 4]]
    """

    n: Nodes
    clique: Nodes | None = Field(default=None, description="nodes in the complete part; default n // 2")

    def check(self) -> None:
        """Refuse a complete part larger than the graph, and more edges than a graph may hold."""
        if self.clique is not None and self.clique > self.n:
            raise ScenarioError(f"given {self.clique}", key=("clique",), allowed=f"at most n = {self.n}")
        limit_edges(self._complete * (self._complete - 1) / 2)

    def make(self) -> Graph:
        """Return the complete part on nodes 0, ..., clique - 1, then the path from node clique - 1."""
        return Graph(self.n, np.concatenate([clique(0, self._complete), consecutive(self._complete - 1, self.n)]))

    @property
    def _complete(self) -> int:
        return self.clique or max(1, self.n // 2)


class BinaryTree(Topology, name="binary_tree"):
    """A tree in heap numbering: node i > 0 hangs below node (i - 1) // 2.

    Examples
    --------
    >>> BinaryTree(n=6).build().edges.tolist()
    [[0, 1], [0, 2], [1, 3], [1, 4], [2, 5]]
    """

    n: Nodes

    def make(self) -> Graph:
        """Return n - 1 edges ((i - 1) // 2, i)."""
        child = np.arange(1, self.n)
        return Graph(self.n, np.column_stack([(child - 1) // 2, child]))
