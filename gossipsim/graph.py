"""Who can talk to whom: an undirected, simple, immutable graph held in arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, Integers, edge_array, frozen, numbers
from gossipsim.connected import components
from gossipsim.errors import ScenarioError, shown

if TYPE_CHECKING:
    import networkx
    from scipy.sparse import csr_array

    from gossipsim.spectral import Spectrum

NODE_LIMIT = 10_000_000
EDGE_LIMIT = 50_000_000


def limit_edges(count: float) -> None:
    """Refuse a graph by its number of edges, before anything is allocated.

    Examples
    --------
    >>> limit_edges(1e12)
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: the graph would have 1e+12 edges; allowed: at most 50 million edges
    """
    if count > EDGE_LIMIT:
        raise ScenarioError(f"the graph would have {count:.4g} edges", allowed="at most 50 million edges")


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """An undirected graph without self-loops or parallel edges, on the nodes 0, ..., n - 1.

    Parameters
    ----------
    n : int
        Number of nodes.
    edges : array (m, 2) of int
        Edges e = (i, j), stored with i < j in the given order.
    weight : array (m,), optional
        A finite number >= 0 on each edge, without unit: whatever the file it came from measures.
    labels : sequence of length n, optional
        Original names of the nodes, when these are not 0, ..., n - 1.
    positions : array (n, 2), optional
        Where to draw the nodes.

    Raises
    ------
    ScenarioError
        No node, a node outside 0, ..., n - 1, a self-loop, an edge given twice, a weight negative or not finite.

    Examples
    --------
    >>> triangle = Graph.from_edges([(0, 1), (2, 1), (0, 2)])
    >>> triangle
    Graph(n=3, m=3)
    >>> triangle.edges.tolist()
    [[0, 1], [1, 2], [0, 2]]
    >>> triangle.nbr[triangle.ptr[1] : triangle.ptr[2]].tolist()
    [0, 2]
    """

    n: int
    edges: Integers
    weight: Floats | None = None
    labels: tuple[Hashable, ...] | None = None
    positions: Floats | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.n, (int, np.integer)) and not isinstance(self.n, bool)
        if not whole or not 1 <= self.n <= NODE_LIMIT:
            raise ScenarioError(f"given {shown(self.n)} nodes", key=("n",), allowed="a whole number, 1 to 10 million")
        edges = edge_array(self.edges)
        limit_edges(len(edges))
        self._check_edges(edges)
        hold = object.__setattr__
        hold(self, "n", int(self.n))
        hold(self, "edges", frozen(np.sort(edges, axis=1)))
        if self.labels is not None:
            hold(self, "labels", tuple(self.labels))
            if len(self.labels) != self.n:
                raise ScenarioError(f"{len(self.labels)} labels for {self.n} nodes", key=("labels",))
        if self.weight is not None:
            hold(self, "weight", frozen(numbers(self.weight, "weight", (len(edges),), least=0.0)))
        if self.positions is not None:
            hold(self, "positions", frozen(numbers(self.positions, "positions", (self.n, 2))))

    def _check_edges(self, edges: Integers) -> None:
        outside = ((edges < 0) | (edges >= self.n)).any(axis=1)
        if outside.any():
            row = int(outside.argmax())
            node = next(int(v) for v in edges[row] if not 0 <= v < self.n)
            raise ScenarioError(f"node {node} is outside 0..{self.n - 1}", key=("edges", row))
        loops = edges[:, 0] == edges[:, 1]
        if loops.any():
            row = int(loops.argmax())
            raise ScenarioError(f"edge from node {self._called(edges[row, 0])} to itself", key=("edges", row))
        number = edges.min(axis=1) * self.n + edges.max(axis=1)
        order = np.argsort(number, kind="stable")
        again = np.flatnonzero(np.diff(number[order]) == 0)
        if len(again):
            row = int(order[again + 1].min())
            i, j = (self._called(v) for v in edges[row])
            raise ScenarioError(f"edge between {i} and {j} is given twice", key=("edges", row))

    def _called(self, node: int) -> str:
        return str(node) if self.labels is None else repr(self.labels[node])

    @classmethod
    def from_edges(
        cls,
        edges: ArrayLike,
        n: int | None = None,
        *,
        weight: ArrayLike | None = None,
        labels: Sequence[Hashable] | None = None,
        positions: ArrayLike | None = None,
    ) -> Graph:
        """Return the graph with these edges, kept in this order; n defaults to the largest node plus one.

        Examples
        --------
        >>> Graph.from_edges([[0, 1], [1, 3]], n=5)
        Graph(n=5, m=2)
        """
        pairs = edge_array(edges)
        if n is None:
            n = int(pairs.max()) + 1 if pairs.size else 0
        names = None if labels is None else tuple(labels)
        return cls(n, pairs, weight, names, positions)  # type: ignore[arg-type]  # arrays are made in __post_init__

    @classmethod
    def build(cls, name: str, **keys: Any) -> Graph:
        """Return the topology `name`, with the keys that a scenario would give.

        Examples
        --------
        >>> Graph.build("cycle", n=16)
        Graph(n=16, m=16)
        """
        from gossipsim.topologies import Topology

        return Topology.parse({**keys, "name": name}).build()

    @classmethod
    def load(cls, path: str | Path) -> Graph:
        """Read a connected graph from a GraphML, GML, edge-list, adjacency-list, CSV or JSON node-link file.

        Raises
        ------
        ScenarioError
            With the file name and, where the format has lines, the line.
        """
        from gossipsim.topologies import Topology

        return Topology.parse({"file": str(path)}).build()

    @classmethod
    def from_networkx(cls, g: networkx.Graph[Any]) -> Graph:
        """Return the same graph from networkx, edges sorted; edge attribute `weight` and node attribute `pos` are kept.

        Nodes keep their numbers when these are 0, ..., n - 1; else they are numbered in networkx's order and named in
        `labels`.

        Raises
        ------
        ScenarioError
            Directed graphs, parallel edges, and all that `Graph` refuses.

        Examples
        --------
        >>> import networkx as nx
        >>> g = Graph.from_networkx(nx.Graph([("b", "a"), ("c", "b")]))
        >>> g.labels, g.edges.tolist()
        (('b', 'a', 'c'), [[0, 1], [0, 2]])
        """
        if g.is_directed():
            raise ScenarioError("the graph is directed", allowed="an undirected graph; networkx: g.to_undirected()")
        names, labels = numbering(list(g.nodes))
        rows = [(*sorted((names[u], names[v])), data.get("weight")) for u, v, data in g.edges(data=True)]
        rows.sort(key=lambda row: row[:2])
        weight = None if all(w is None for *_, w in rows) else [1.0 if w is None else w for *_, w in rows]
        spots = [data.get("pos") for _, data in sorted(g.nodes(data=True), key=lambda item: names[item[0]])]
        drawn = all(isinstance(spot, (Sequence, np.ndarray)) and len(spot) == 2 for spot in spots)
        pairs = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
        return cls.from_edges(pairs, len(names), weight=weight, labels=labels, positions=spots if drawn else None)

    def to_networkx(self) -> networkx.Graph[Any]:
        """Return the graph for networkx, under its labels, with `weight` on edges and `pos` on nodes when known."""
        import networkx

        names = range(self.n) if self.labels is None else self.labels
        g: networkx.Graph[Any] = networkx.Graph()
        g.add_nodes_from(names)
        g.add_edges_from((names[i], names[j]) for i, j in self.edges.tolist())
        if self.weight is not None:
            for (i, j), w in zip(self.edges.tolist(), self.weight.tolist(), strict=True):
                g.edges[names[i], names[j]]["weight"] = w
        if self.positions is not None:
            for name, spot in zip(names, self.positions.tolist(), strict=True):
                g.nodes[name]["pos"] = tuple(spot)
        return g

    @property
    def m(self) -> int:
        """Number of edges."""
        return len(self.edges)

    @cached_property
    def _half_edges(self) -> tuple[Integers, Integers]:
        source = np.concatenate([self.edges[:, 0], self.edges[:, 1]])
        target = np.concatenate([self.edges[:, 1], self.edges[:, 0]])
        return np.argsort(source * self.n + target, kind="stable"), target

    @cached_property
    def spectra(self) -> dict[bytes, Spectrum]:
        """Spectra for some rates that were asked for before, as `gossipsim.spectral.spectrum` keeps them."""
        return {}

    @cached_property
    def degree(self) -> Integers:
        """Number of neighbours of each node, shape (n,)."""
        return frozen(np.bincount(self.edges.ravel(), minlength=self.n))

    @cached_property
    def ptr(self) -> Integers:
        """Where each node's neighbours start in `nbr`, shape (n + 1,)."""
        return frozen(np.concatenate([[0], np.cumsum(self.degree)]))

    @cached_property
    def nbr(self) -> Integers:
        """Neighbours of node 0, of node 1, ..., each list sorted, shape (2m,)."""
        order, target = self._half_edges
        return frozen(target[order])

    @cached_property
    def edge_of_slot(self) -> Integers:
        """The edge that leads to each neighbour in `nbr`, shape (2m,)."""
        order, _ = self._half_edges
        return frozen(order % max(self.m, 1))

    @cached_property
    def slot(self) -> Integers:
        """For edge e = (i, j): the place of j in i's list and of i in j's list, shape (m, 2)."""
        order, _ = self._half_edges
        place = np.empty(2 * self.m, dtype=np.int64)
        place[order] = np.arange(2 * self.m)
        return frozen(place.reshape(2, -1).T - self.ptr[self.edges])

    @cached_property
    def reverse(self) -> Integers:
        """For the k-th entry of `nbr`, from i to j: the place of the entry from j to i, shape (2m,)."""
        order, _ = self._half_edges
        place = np.empty(2 * self.m, dtype=np.int64)
        place[order] = np.arange(2 * self.m)
        return frozen(place[(order + self.m) % max(1, 2 * self.m)])

    @cached_property
    def component(self) -> Integers:
        """The connected component of each node, numbered by smallest node, shape (n,)."""
        return frozen(components(self.n, self.edges))

    @property
    def is_connected(self) -> bool:
        """Whether every node can be reached from every other."""
        return int(self.component.max()) == 0

    def laplacian(self, rates: ArrayLike | None = None) -> csr_array[Any]:
        """Return L = sum_e rates_e b_e b_e^T with b_e = e_i - e_j, sparse (n, n); rates default to 1 per edge.

        Examples
        --------
        >>> Graph.build("path", n=3).laplacian([1.0, 2.0]).toarray().tolist()
        [[1.0, -1.0, 0.0], [-1.0, 3.0, -2.0], [0.0, -2.0, 2.0]]
        """
        from scipy.sparse import coo_array

        p = np.ones(self.m) if rates is None else numbers(rates, "rates", (self.m,))
        i, j = self.edges.T
        total = np.bincount(i, p, self.n) + np.bincount(j, p, self.n)
        every = np.arange(self.n)
        where = (np.concatenate([every, i, j]), np.concatenate([every, j, i]))
        return coo_array((np.concatenate([total, -p, -p]), where), shape=(self.n, self.n)).tocsr()

    def incidence(self) -> csr_array[Any]:
        """Return B with the rows b_e^T = (e_i - e_j)^T, sparse (m, n), so that L = B^T diag(rates) B."""
        from scipy.sparse import csr_array

        signs = np.tile([1.0, -1.0], self.m)
        return csr_array((signs, self.edges.ravel(), np.arange(0, 2 * self.m + 1, 2)), shape=(self.m, self.n))

    def __repr__(self) -> str:
        return f"Graph(n={self.n}, m={self.m})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph, (self.n, self.edges, self.weight, self.labels, self.positions)


def numbering(names: Sequence[Hashable]) -> tuple[dict[Hashable, int], list[Hashable] | None]:
    """Return the number of each name, and the names in order unless they are the numbers themselves.

    Examples
    --------
    >>> numbering([1, 0])
    ({1: 1, 0: 0}, None)
    >>> numbering(["b", "a"])
    ({'b': 0, 'a': 1}, ['b', 'a'])
    """
    whole = all(isinstance(name, int) and not isinstance(name, bool) for name in names)
    if whole and set(names) == set(range(len(names))):
        return {name: int(name) for name in names}, None  # type: ignore[call-overload]
    return {name: k for k, name in enumerate(names)}, list(names)
