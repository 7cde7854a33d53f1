"""The electrical network of a graph for changing rates: all effective resistances, and how they move along a direction.

For L = sum_e lam_e b_e b_e^T and K = B L^+ B^T (entries b_e^T L^+ b_f) there are two ways to the same numbers: a dense
inverse, for graphs whose factor fills up, and selected inversion of a sparse factor (`gossipsim.selected_inverse`),
whose order and pattern are found once and serve every later set of rates.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import Refused
from gossipsim.graph import Graph

DENSE = 6000
"""Nodes up to which a dense inverse is considered: 288 MB for each n x n array, about a minute for each inverse."""

_INVERSE, _ROWS, _FULL = 1 / 75, 2.3, 1 / 130
"""A dense step costs as much time as n^3 / 75 + min(2.3 m n, n^3 / 130) operations of the sparse kernels (measured)."""


class Network(Protocol):
    """All that an optimiser asks of a weighted graph; every array over edges is in the order of `graph.edges`."""

    graph: Graph

    def set(self, lam: Floats) -> None:
        """Take positive rates lam (m,)."""

    def resistance(self) -> Floats:
        """Return R_e = b_e^T L^+ b_e, shape (m,)."""

    def spread(self, rho: Floats) -> Floats:
        """Return sum_e rho_e K_ef^2 for every edge f, shape (m,): minus the derivative of R_f along rho."""

    def solve(self, currents: Floats) -> Floats:
        """Return L^+ times the columns of `currents` (n, k)."""


def network(graph: Graph) -> Network:
    """Return the cheaper of the two networks for a connected graph.

    Raises
    ------
    Refused
        When the sparse factor does not fit into memory and the graph is too large for a dense inverse.

    Examples
    --------
    >>> wires = network(Graph.build("cycle", n=4))
    >>> wires.set(np.ones(4))
    >>> wires.resistance().round(12).tolist(), wires.spread(np.ones(4)).round(12).tolist()
    ([0.75, 0.75, 0.75, 0.75], [0.75, 0.75, 0.75, 0.75])
    """
    try:
        sparse = SparseNetwork(graph)
    except Refused as reason:
        if graph.n <= DENSE:
            return DenseNetwork(graph)
        raise Refused(
            f"optimal rates of this graph (n = {graph.n}, m = {graph.m}) need either a sparse factor, which does not "
            f"fit into memory, or a dense inverse, which is taken up to n = {DENSE}"
        ) from reason
    dense = _INVERSE * graph.n**3 + min(_ROWS * graph.m * graph.n, _FULL * graph.n**3)
    return DenseNetwork(graph) if graph.n <= DENSE and sparse.work > dense else sparse


class DenseNetwork:
    """A network that inverts L + J at every change of rates: n^3 operations, two n x n arrays."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.Z = np.empty((0, 0))

    def set(self, lam: Floats) -> None:
        """Take positive rates lam (m,)."""
        from scipy.linalg.lapack import dpotrf, dpotri

        n, (i, j) = self.graph.n, self.graph.edges.T
        # on vectors of zero mean the inverse of L + scale J equals L^+; the scale keeps the condition number of L
        lifted = np.full((n, n), 2.0 * float(lam.sum()) / n**2, order="F")
        lifted[i, j] -= lam
        lifted[j, i] -= lam
        lifted[np.arange(n), np.arange(n)] += np.bincount(i, lam, n) + np.bincount(j, lam, n)
        factor, fault = dpotrf(lifted, lower=1, overwrite_a=1, clean=1)
        if fault == 0:
            half, fault = dpotri(factor, lower=1, overwrite_c=1)
        if fault:
            raise FloatingPointError("the rates are too uneven for double precision")
        self.Z = half + half.T
        self.Z[np.arange(n), np.arange(n)] /= 2
        self.lam = lam

    def resistance(self) -> Floats:
        """Return R_e, shape (m,)."""
        i, j = self.graph.edges.T
        diagonal = np.diag(self.Z)
        return np.asarray(diagonal[i] + diagonal[j] - 2 * self.Z[i, j])

    def spread(self, rho: Floats) -> Floats:
        """Return sum_e rho_e K_ef^2, shape (m,), as b_f^T Z L(rho) Z b_f."""
        return self._quadratic(np.ascontiguousarray((self.graph.laplacian(rho) @ self.Z).T))

    def square(self) -> Floats:
        """Return |L^+ b_f|^2, shape (m,)."""
        return self._quadratic(self.Z)

    def _quadratic(self, right: Floats) -> Floats:
        edges, n = self.graph.edges, self.graph.n
        if _ROWS * len(edges) > _FULL * n**2:
            i, j = edges.T
            product = self.Z @ right.T
            diagonal = np.diag(product)
            return np.asarray(diagonal[i] + diagonal[j] - product[i, j] - product[j, i])
        found = np.empty(len(edges))
        rows = max(1, 2**22 // n)
        for first in range(0, len(edges), rows):
            i, j = edges[first : first + rows].T
            found[first : first + rows] = np.einsum("en,en->e", self.Z[i] - self.Z[j], right[i] - right[j])
        return found

    def solve(self, currents: Floats) -> Floats:
        """Return L^+ times the columns of `currents` (n, k)."""
        found = self.Z @ (currents - currents.mean(axis=0))
        return np.asarray(found - found.mean(axis=0))


class SparseNetwork:
    """A network by elimination in a fixed order: on a planar graph about n^1.5 operations at every change of rates.

    Attributes
    ----------
    work : float
        Operations of one selected inversion, the sum of the squared column lengths of the factor.
    """

    def __init__(self, graph: Graph) -> None:
        from gossipsim.selected_inverse import eliminate

        self.graph = graph
        found = eliminate(graph, np.ones(graph.m))
        self.place, self.start, self.rows = found.place, found.start, found.rows
        self.work = float((np.diff(found.start).astype(float) ** 2).sum())
        self.moved = Graph(graph.n, found.place[graph.edges])
        self.pairs: Integers = np.sort(found.place[graph.edges], axis=1)
        self.step, self.left = found.step, found.left
        self.inverse: Floats | None = None

    def set(self, lam: Floats) -> None:
        """Take positive rates lam (m,)."""
        from gossipsim.selected_inverse import compiled, factor

        moved = self.moved
        self.step, self.left = np.empty(len(self.rows)), np.zeros(self.graph.n)
        slots = lam[moved.edge_of_slot]
        compiled(factor)(moved.ptr, moved.nbr, slots, self.start, self.rows, self.step, self.left)
        self.inverse = None

    def _invert(self) -> tuple[Floats, Floats]:
        from gossipsim.selected_inverse import compiled, select

        if self.inverse is None:
            self.inverse, self.diagonal = np.zeros(len(self.rows)), np.zeros(self.graph.n)
            compiled(select)(self.start, self.rows, self.step, self.left, self.inverse, self.diagonal)
        return self.inverse, self.diagonal

    def resistance(self) -> Floats:
        """Return R_e, shape (m,)."""
        return self._across(*self._invert())

    def spread(self, rho: Floats) -> Floats:
        """Return sum_e rho_e K_ef^2, shape (m,), by differentiating elimination and selected inversion along rho."""
        from gossipsim.optimal.moving import factor_along, select_along
        from gossipsim.selected_inverse import compiled

        inverse, diagonal = self._invert()
        moved, shape = self.moved, (self.start, self.rows, self.step, self.left)
        d_step, d_left = np.empty(len(self.rows)), np.zeros(self.graph.n)
        compiled(factor_along)(moved.ptr, moved.nbr, rho[moved.edge_of_slot], *shape, d_step, d_left)
        d_inverse, d_diagonal = np.zeros(len(self.rows)), np.zeros(self.graph.n)
        compiled(select_along)(*shape, inverse, diagonal, d_step, d_left, d_inverse, d_diagonal)
        return -self._across(d_inverse, d_diagonal)

    def _across(self, inverse: Floats, diagonal: Floats) -> Floats:
        from gossipsim.selected_inverse import compiled, look_up

        found = np.empty(self.graph.m)
        compiled(look_up)(self.start, self.rows, inverse, diagonal, self.pairs, found)
        return found

    def solve(self, currents: Floats) -> Floats:
        """Return L^+ times the columns of `currents` (n, k)."""
        from gossipsim.optimal.moving import solve_columns
        from gossipsim.selected_inverse import compiled

        x = np.empty(currents.shape)
        x[self.place] = currents - currents.mean(axis=0)
        compiled(solve_columns)(self.start, self.rows, self.step, self.left, x)
        found = x[self.place]
        return np.asarray(found - found.mean(axis=0))
