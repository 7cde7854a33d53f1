"""Sparse elimination of a weighted graph, and the entries of the inverse Laplacian on the pattern of its factor.

Eliminating a node of an electrical network replaces its star by the equivalent mesh. In the elimination order the
weighted Laplacian is (I - W) D (I - W)^T, where W[k, j] >= 0 is the probability that the walk from j goes to k next and
D[j] is the conductance that is left at j. Each D[j] is summed from the edges that are left instead of subtracted from
the old diagonal (Grassmann, Taksar, Heyman, "Regenerative analysis and steady state distributions for Markov chains",
Operations Research 33, 1985), so that no step subtracts and every entry is accurate however badly the network is
conditioned.

With the last node grounded, the inverse Z satisfies the equations of Takahashi, Fagan, Chin ("Formation of a sparse bus
impedance matrix and its application to short circuit study", 1973), again without a subtraction:

    Z[i, j] = sum_k W[k, j] Z[i, k]  (i > j),        Z[j, j] = 1 / D[j] + sum_k W[k, j] Z[k, j].

The functions that loop are ordinary Python, compiled by numba on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import Refused
from gossipsim.graph import Graph

MEMORY = 2**30
_ENTRY = 20
"""Bytes for each entry of the factor: its row, its value, and its entry of the inverse."""


@dataclass(frozen=True, eq=False)
class Elimination:
    """The factor (I - W) D (I - W)^T of a weighted Laplacian.

    Attributes
    ----------
    place : array (n,)
        When each node is eliminated; the last one is the ground.
    start, rows, step : arrays (n + 1,), (nnz,), (nnz,)
        The columns of W below the diagonal.
    left : array (n,)
        The diagonal D, in elimination order.
    """

    place: Integers
    start: Integers
    rows: NDArray[np.int32]
    step: Floats
    left: Floats

    def solve(self, b: Floats) -> Floats:
        """Return the potentials x (n,), zero at the ground, with L x = b for currents b (n,) that sum to zero."""
        x = np.empty(len(b))
        x[self.place] = b
        compiled(_solve)(self.start, self.rows, self.step, self.left, x)
        return x[self.place]

    def resistance(self, edges: Integers) -> Floats:
        """Return R_e = Z[i, i] + Z[j, j] - 2 Z[i, j] of edges (m, 2) that lie in the pattern of the factor."""
        inverse, diagonal = np.zeros(len(self.rows)), np.zeros(len(self.place))
        compiled(select)(self.start, self.rows, self.step, self.left, inverse, diagonal)
        pairs = np.sort(self.place[edges], axis=1)
        found = np.empty(len(edges))
        compiled(look_up)(self.start, self.rows, inverse, diagonal, pairs, found)
        return found


def eliminate(graph: Graph, rates: Floats, memory: float = MEMORY) -> Elimination:
    """Factor the Laplacian with rates (m,) of a connected graph; edges of rate zero stay in the pattern.

    Raises
    ------
    Refused
        When the factor and its inverse would take more than `memory` bytes; counted before they are allocated.

    Examples
    --------
    >>> cycle = Graph.build("cycle", n=5)
    >>> eliminate(cycle, np.ones(5)).resistance(cycle.edges).round(12).tolist()
    [0.8, 0.8, 0.8, 0.8, 0.8]
    """
    # the factor has at least one entry for each edge; ordering so full a graph would already take minutes
    if 2 * graph.m * _ENTRY > memory:
        raise _too_large(graph, memory / 2)
    place = elimination_order(graph)
    moved = Graph(graph.n, place[graph.edges])
    parent, count = np.full(graph.n, -1), np.zeros(graph.n, dtype=np.int64)
    total = compiled(_count)(moved.ptr, moved.nbr, parent, count, int(memory / _ENTRY))
    if total * _ENTRY > memory:
        raise _too_large(graph, memory)
    start = np.concatenate([[0], np.cumsum(count)])
    rows, step, left = np.empty(total, dtype=np.int32), np.empty(total), np.zeros(graph.n)
    compiled(_pattern)(moved.ptr, moved.nbr, parent, start, rows)
    compiled(factor)(moved.ptr, moved.nbr, rates[moved.edge_of_slot], start, rows, step, left)
    return Elimination(place, start, rows, step, left)


def elimination_order(graph: Graph) -> Integers:
    """Return the place of each node (n,) in SuperLU's multiple-minimum-degree order, which keeps the factor sparse.

    An incomplete factorisation that drops everything costs no more than this order, which SuperLU does not offer alone.
    """
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import spilu

    # one fourth of a unit on the diagonal makes the matrix safely invertible; the order depends on the pattern alone
    matrix = (graph.laplacian() + 0.25 * eye_array(graph.n)).tocsc()
    order = spilu(
        matrix,
        drop_tol=1.0,
        fill_factor=1,
        drop_rule="basic",
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return np.asarray(order.perm_c, dtype=np.int64)


def _too_large(graph: Graph, least: float) -> Refused:
    return Refused(
        f"effective resistances of this graph (n = {graph.n}, m = {graph.m}) need a factor of more than "
        f"{least / 2**30:.2g} GiB; give the rates a `total` and the method its chi_1 and chi_2"
    )


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return machine code for a function over arrays, compiled on first use and kept on disk."""
    import numba

    fast: Callable[..., Any] = numba.njit(cache=True)(function)
    return fast


def _count(ptr: Any, nbr: Any, parent: Any, count: Any, limit: int) -> int:
    # row k of the factor: the paths in the elimination tree from k's earlier neighbours up to k
    total = 0
    mark = np.full(len(count), -1)
    for k in range(len(count)):
        mark[k] = k
        for p in range(ptr[k], ptr[k + 1]):
            i = nbr[p]
            while i < k and mark[i] != k:
                if parent[i] < 0:
                    parent[i] = k
                count[i] += 1
                total += 1
                mark[i] = k
                i = parent[i]
        if total > limit:
            break
    return total


def _pattern(ptr: Any, nbr: Any, parent: Any, start: Any, rows: Any) -> None:
    # the walk of _count again; rows arrive in increasing order, so each column comes out sorted
    free = start[:-1].copy()
    mark = np.full(len(free), -1)
    for k in range(len(free)):
        mark[k] = k
        for p in range(ptr[k], ptr[k + 1]):
            i = nbr[p]
            while i < k and mark[i] != k:
                rows[free[i]] = k
                free[i] += 1
                mark[i] = k
                i = parent[i]


def factor(ptr: Any, nbr: Any, rate: Any, start: Any, rows: Any, step: Any, left: Any) -> None:
    """Fill W (`step`, nnz) and D (`left`, n), which starts at zero, from the rate (2m,) of each slot of the moved graph."""
    n = len(left)
    work = np.zeros(n)
    # columns waiting for the node of their next row, as linked lists
    head, link, at = np.full(n, -1), np.full(n, -1), start[:-1].copy()
    for j in range(n - 1):
        for p in range(ptr[j], ptr[j + 1]):
            if nbr[p] > j:
                work[nbr[p]] += rate[p]
        k = head[j]
        while k >= 0:
            following = link[k]
            p = at[k]
            through = step[p] * left[k]
            for q in range(p + 1, start[k + 1]):
                work[rows[q]] += step[q] * through
            at[k] = p + 1
            if p + 1 < start[k + 1]:
                link[k] = head[rows[p + 1]]
                head[rows[p + 1]] = k
            k = following
        total = 0.0
        for p in range(start[j], start[j + 1]):
            total += work[rows[p]]
        left[j] = total
        for p in range(start[j], start[j + 1]):
            step[p] = work[rows[p]] / total
            work[rows[p]] = 0.0
        link[j] = head[rows[start[j]]]
        head[rows[start[j]]] = j


def _solve(start: Any, rows: Any, step: Any, left: Any, x: Any) -> None:
    n = len(left)
    for j in range(n - 1):
        for p in range(start[j], start[j + 1]):
            x[rows[p]] += step[p] * x[j]
    x[n - 1] = 0.0
    for j in range(n - 2, -1, -1):
        total = x[j] / left[j]
        for p in range(start[j], start[j + 1]):
            total += step[p] * x[rows[p]]
        x[j] = total


def select(start: Any, rows: Any, step: Any, left: Any, inverse: Any, diagonal: Any) -> None:
    """Fill Z on the pattern of the factor (`inverse`, nnz) and its diagonal (n,), both zero before."""
    n = len(left)
    work, weight = np.zeros(n), np.zeros(n)
    mark = np.full(n, -1)
    for j in range(n - 2, -1, -1):
        for p in range(start[j], start[j + 1]):
            mark[rows[p]] = j
            work[rows[p]] = 0.0
            weight[rows[p]] = step[p]
        for p in range(start[j], start[j + 1]):
            k = rows[p]
            total = weight[k] * diagonal[k]
            for q in range(start[k], start[k + 1]):
                i = rows[q]
                if mark[i] == j:
                    work[i] += weight[k] * inverse[q]
                    total += weight[i] * inverse[q]
            work[k] += total
        total = 1.0 / left[j]
        for p in range(start[j], start[j + 1]):
            inverse[p] = work[rows[p]]
            total += step[p] * inverse[p]
        diagonal[j] = total


def look_up(start: Any, rows: Any, inverse: Any, diagonal: Any, pairs: Any, found: Any) -> None:
    """Fill Z[i, i] + Z[j, j] - 2 Z[i, j] (m,) for pairs (m, 2) of places, i < j, in the pattern."""
    for e in range(len(pairs)):
        i, j = pairs[e]
        place = start[i] + np.searchsorted(rows[start[i] : start[i + 1]], j)
        found[e] = diagonal[i] + diagonal[j] - 2.0 * inverse[place]
