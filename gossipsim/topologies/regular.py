"""Graphs with one formula for all nodes: star, path, cycle, complete, hypercube, exponential."""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Integers
from gossipsim.component import Nodes
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import Topology


class Star(Topology, name="star"):
    """Node 0 joined to every other node.

    Examples
    --------
    >>> Star(n=4).build().edges.tolist()
    [[0, 1], [0, 2], [0, 3]]
    """

    n: Nodes

    def make(self) -> Graph:
        """Return n - 1 edges (0, i)."""
        leaf = np.arange(1, self.n)
        return Graph(self.n, np.column_stack([np.zeros_like(leaf), leaf]))


class Path(Topology, name="path"):
    """Nodes in a row, each joined to the next.

    Examples
    --------
    >>> Path(n=3).build().edges.tolist()
    [[0, 1], [1, 2]]
    """

    n: Nodes

    def make(self) -> Graph:
        """Return n - 1 edges (i, i + 1)."""
        return Graph(self.n, consecutive(0, self.n))


class Cycle(Topology, name="cycle"):
    """Nodes in a ring, each joined to the next; n >= 3.

    Examples
    --------
    >>> Cycle(n=4).build().edges.tolist()
    [[0, 1], [0, 3], [1, 2], [2, 3]]
    """

    n: Nodes

    def check(self) -> None:
        """Refuse rings that would repeat an edge."""
        if self.n < 3:
            raise ScenarioError(f"given {self.n}", key=("n",), allowed="at least 3 for a cycle (path takes 1 and 2)")

    def make(self) -> Graph:
        """Return n edges (i, i + 1 mod n)."""
        node = np.arange(self.n)
        return Graph(self.n, unique(np.column_stack([node, (node + 1) % self.n])))


class Complete(Topology, name="complete"):
    """Every pair of nodes joined; at most 10 000 nodes.

    Examples
    --------
    >>> Complete(n=4).build().m
    6
    """

    n: Nodes

    def check(self) -> None:
        """Refuse more edges than a graph may hold."""
        limit_edges(self.n * (self.n - 1) / 2)

    def make(self) -> Graph:
        """Return all n (n - 1) / 2 pairs."""
        return Graph(self.n, clique(0, self.n))


class Hypercube(Topology, name="hypercube"):
    """Binary words of length log2(n), joined when they differ in one bit; n a power of two.

    Examples
    --------
    >>> Hypercube(n=8).build().degree.tolist()
    [3, 3, 3, 3, 3, 3, 3, 3]
    """

    n: Nodes

    def check(self) -> None:
        """Refuse other numbers of nodes, and name the nearest powers of two."""
        if self.n & (self.n - 1):
            below = 1 << (self.n.bit_length() - 1)
            raise ScenarioError(
                f"given {self.n}", key=("n",), allowed=f"a power of two, such as {below} or {2 * below}"
            )
        limit_edges(self.n * (self.n.bit_length() - 1) / 2)

    def make(self) -> Graph:
        """Return edges (i, i xor 2^k)."""
        node = np.arange(self.n)
        pairs = [np.column_stack([node, node ^ (1 << k)]) for k in range(self.n.bit_length() - 1)]
        return Graph(self.n, unique(np.concatenate([*pairs, np.zeros((0, 2), dtype=np.int64)])))


class Exponential(Topology, name="exponential"):
    """Nodes on a ring, i joined to i + 2^k modulo n for every power of two below n (undirected).

    The symmetric form of the exponential graph of Assran, Loizou, Ballas, Rabbat, "Stochastic gradient push for
    distributed deep learning", ICML 2019.

    Examples
    --------
    >>> Exponential(n=8).build().degree.tolist()
    [5, 5, 5, 5, 5, 5, 5, 5]
    """

    n: Nodes

    def check(self) -> None:
        """Refuse more edges than a graph may hold."""
        limit_edges(self.n * (self.n - 1).bit_length())

    def make(self) -> Graph:
        """Return edges (i, i + 2^k mod n), each once."""
        node = np.arange(self.n)
        jumps = [np.column_stack([node, (node + (1 << k)) % self.n]) for k in range((self.n - 1).bit_length())]
        return Graph(self.n, unique(np.concatenate([*jumps, np.zeros((0, 2), dtype=np.int64)])))


def unique(pairs: Integers) -> Integers:
    """Return each undirected edge once, smaller node first, sorted.

    Examples
    --------
    >>> unique(np.array([[2, 1], [0, 2], [1, 2]])).tolist()
    [[0, 2], [1, 2]]
    """
    if not len(pairs):
        return pairs
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    base = int(high.max()) + 1
    number = np.unique(low * base + high)
    return np.column_stack([number // base, number % base])


def consecutive(first: int, end: int) -> Integers:
    """Return the edges (first, first + 1), ..., (end - 2, end - 1)."""
    node = np.arange(first, max(end - 1, first))
    return np.column_stack([node, node + 1])


def clique(first: int, end: int) -> Integers:
    """Return all pairs of the nodes first, ..., end - 1."""
    return np.column_stack(np.triu_indices(end - first, 1)).astype(np.int64) + first
