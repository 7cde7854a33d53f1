"""The optimal averaging weights written out for a general conic solver: the readable statement, and a check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipsim.errors import Refused
from gossipsim.graph import Graph
from gossipsim.optimal.averaging_interior_point import Point
from gossipsim.optimal.conic import import_cvxpy, laplacian_map, solve_conic

LARGEST = 100


def solve(graph: Graph, markov: bool, constraints: Callable[[Any], list[Any]] | None = None) -> Point:
    """Solve fdla, or fmmc for a Markov chain, in cvxpy with Clarabel.

        minimise s  s.t.  (1 - s) P <= L(w) <= (1 + s) P on vectors of zero sum;  fmmc:  w >= 0,  sum_{e at i} w_e <= 1.

    Adding J keeps both inequalities and gives them an interior: the constant vector would be in the kernel of each side.

    Parameters
    ----------
    graph : Graph
        Connected, n >= 2 nodes, m edges.
    markov : bool
        Whether the weights are to be a Markov chain's.
    constraints : callable, optional
        Maps the cvxpy variable w (m,) to further convex constraints; the dual point then proves nothing about them.

    Raises
    ------
    Refused
        More than 100 nodes, or no cvxpy installed.

    Examples
    --------
    >>> solve(Graph.build("path", n=3), markov=True).weights.round(6).tolist()
    [0.5, 0.5]
    """
    if graph.n > LARGEST:
        raise Refused(
            f"the general conic solver is too slow for {graph.n} nodes (at most {LARGEST}); "
            "method='interior_point' solves the same problem"
        )
    cp = import_cvxpy()
    n = graph.n
    J = np.full((n, n), 1.0 / n)
    P = np.eye(n) - J
    w, s = cp.Variable(graph.m), cp.Variable()
    L = cp.reshape(laplacian_map(graph) @ w, (n, n), "F")
    lower, upper = L - (1 - s) * P + J >> 0, (1 + s) * P - L + J >> 0
    sums = abs(graph.incidence()).T @ w <= 1
    asked = [lower, upper, *([w >= 0, sums] if markov else []), *(constraints(w) if constraints is not None else [])]
    remark = solve_conic(cp.Minimize(s), asked)
    y = np.asarray(sums.dual_value).reshape(n) if markov else np.zeros(n)
    found = np.asarray(w.value)
    if markov:
        found = np.maximum(found, 0.0)
        found = found / max(1.0, float((abs(graph.incidence()).T @ found).max()))
    X_1, X_2 = np.asarray(lower.dual_value), np.asarray(upper.dual_value)
    return Point(found, X_1, X_2, y, remark.iterations, remark.words or "converged")
