r"""A lower bound on the demand of every connected subgraph: the strength of the network in place of its resistances.

Contracting a partition of the nodes lowers resistances, and on the contraction sum_e lam_e R_e = parts - 1 (Foster,
"The average impedance of an electrical network", 1949). So the edges of positive rate have

    1 / max_e R_e <= strength(lam) = min over partitions of lam(crossing edges) / (parts - 1),

whichever edges these are. By Tutte and Nash-Williams (1961) strength(lam) >= b means lam >= b x for an x in the spanning
tree polytope; it is concave, so min c^T lam with lambda_2 >= a and strength >= 1 / a is a convex program. Weights w >= 0
of which every spanning tree has at least one unit give strength(lam) <= w^T lam: the certificate needs one minimum
spanning tree and holds for any w and X, whoever found them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.graph import Graph
from gossipsim.optimal.certificate import ROUNDING, dadao_bound_from_values, mixing_values
from gossipsim.optimal.program import Program
from gossipsim.optimal.watch import Progress

EXACT = 40
"""Nodes up to which the program is handed to a conic solver; its n m flows take a minute beyond."""


@dataclass(frozen=True, eq=False)
class Strength:
    """A bound for both conventions about edges of rate zero, and where it is attained.

    Attributes
    ----------
    bound : float
        Proved: no connected subgraph and no rates on it cost less.
    tree : array (m,)
        Near the optimal x of the spanning tree polytope: between 0 and 1, of sum n - 1.
    words : str
        Why the bound may be below the best of its kind.
    """

    bound: float
    tree: Floats
    words: str = ""


def strength(program: Program, progress: Progress | None = None) -> Strength:
    """Return the strength bound of a dadao program without limits.

    Examples
    --------
    >>> wheel = [(0, k) for k in range(1, 9)] + [(k, k % 8 + 1) for k in range(1, 9)]
    >>> found = strength(Program.build(Graph.from_edges(wheel)))
    >>> round(found.bound, 5), found.tree.round(3)[:8].tolist()
    (8.0, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """
    if program.n <= EXACT:
        return _exact(program)
    from gossipsim.optimal.random_trees import smooth_strength

    return smooth_strength(program, progress)


def strength_bound(program: Program, x: Floats, w: Floats) -> float:
    """Return the bound that x (m,) with lambda_2(lam) <= x^T lam and any weights w >= 0 (m,) on edges prove.

    Examples
    --------
    >>> path = Program.build(Graph.build("path", n=3))
    >>> round(strength_bound(path, np.array([0.5, 0.5]), np.ones(2)), 9)
    2.0
    """
    w = np.maximum(w, 0.0)
    size = float(w[spanning_tree(program.graph, w)].sum())
    if not size > 0:
        return 0.0
    # rounding in the sum over the tree must not make y too small
    return dadao_bound_from_values(program, x, w / size * (1 + ROUNDING * program.n))


def spanning_tree(graph: Graph, w: Floats) -> Integers:
    """Return the edges (n - 1,) of a minimum spanning tree for weights w (m,).

    Examples
    --------
    >>> spanning_tree(Graph.build("cycle", n=4), np.array([3.0, 0.0, -1.0, 2.0])).tolist()
    [1, 2, 3]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    i, j = graph.edges.T
    # the tree depends on the order of the weights alone; ranks start at one because zeros would count as no edge
    rank = np.empty(graph.m)
    rank[np.argsort(w, kind="stable")] = np.arange(1.0, graph.m + 1)
    tree: Any = minimum_spanning_tree(coo_array((rank, (i, j)), shape=(graph.n, graph.n)).tocsr())
    return np.sort(np.argsort(w, kind="stable")[tree.data.astype(np.int64) - 1])


def _exact(program: Program) -> Strength:
    """Solve with R. K. Martin's description of the tree polytope ("Using separation algorithms ...", 1991).

    For every root k an orientation of x: at most one unit leaves each node, none leaves the root.
    """
    from scipy.sparse import csr_array, hstack

    from gossipsim.optimal.conic import import_cvxpy, laplacian_map, solve_conic

    cp = import_cvxpy()
    n, m, (i, j) = program.n, program.m, program.edges.T
    # the unit of rates in which a, b and lam are of order one
    unit = float(program.cost.mean())
    lam, x, flow = cp.Variable(m), cp.Variable(m), cp.Variable((n, 2 * m), nonneg=True)
    a, b = cp.Variable(), cp.Variable()
    every = np.arange(m)
    leaves = csr_array((np.ones(2 * m), (np.arange(2 * m), np.concatenate([i, j]))), shape=(2 * m, n))
    both = csr_array(hstack([csr_array((np.ones(m), (every, every)))] * 2)).T
    L = cp.reshape(laplacian_map(program.graph) @ lam, (n, n), order="C")
    mixing = L - a * np.eye(n) + (1 + a) / n >> 0
    covered = lam >= x
    constraints = [
        mixing,
        covered,
        cp.sum(x) == (n - 1) * b,
        flow @ both == np.ones((n, 1)) @ cp.reshape(x, (1, m), order="C"),
        flow @ leaves <= b * (1 - np.eye(n)),
        cp.geo_mean(cp.hstack([a, b])) >= 1,
    ]
    remark = solve_conic(cp.Minimize(program.cost / unit @ lam), constraints)
    X, w = np.asarray(mixing.dual_value), np.asarray(covered.dual_value)
    bound = strength_bound(program, mixing_values(program, X), w)
    return Strength(bound, np.clip(x.value / b.value, 0.0, 1.0), remark.words)
