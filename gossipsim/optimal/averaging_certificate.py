"""Lower bounds on what any synchronous averaging weights can reach, from dual points of any origin."""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.graph import Graph
from gossipsim.optimal.certificate import ROUNDING, edge_values


def fdla_bound(graph: Graph, X_1: Floats, X_2: Floats) -> float:
    r"""Return a proved lower bound on rho(I - L(w) - J) over all edge weights w of any sign.

    For X_1, X_2 >= 0 on the vectors of zero sum with tr X_1 + tr X_2 = 1 and any w with rho(I - L(w) - J) <= s,

    0 <= <X_1, L(w) - (1 - s) P> + <X_2, (1 + s) P - L(w)> = s - (tr X_1 - tr X_2) + sum_e w_e (X_1[e] - X_2[e]),

    X[e] = b_e^T X b_e, P = I - J. An optimal s is at most 1 (w = 0 gives 1), so 0 <= L(w) <= 2 and
    |w_ij| = |L(w)_ij| <= 1: hence s >= tr X_1 - tr X_2 - sum_e |X_1[e] - X_2[e]|.

    Parameters
    ----------
    graph : Graph
        n nodes, m edges.
    X_1, X_2 : array (n, n)
        Any symmetric matrices; they are projected, made positive semidefinite and scaled here.

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    L. Xiao, S. Boyd, "Fast linear iterations for distributed averaging", Systems & Control Letters 53, 2004.

    Examples
    --------
    >>> pair = Graph.build("path", n=3)
    >>> v = np.array([1.0, 0.0, -1.0])
    >>> u = np.array([1.0, -2.0, 1.0])
    >>> round(fdla_bound(pair, 3 * np.outer(v, v), np.outer(u, u) / 3), 9)
    0.5
    """
    X_1, X_2 = dual_pair(X_1, X_2)
    excess = edge_values(X_1, graph.edges) - edge_values(X_2, graph.edges)
    return _lowered(graph, np.trace(X_1) - np.trace(X_2) - np.abs(excess).sum())


def fmmc_bound(graph: Graph, X_1: Floats, X_2: Floats, y: Floats) -> float:
    """Return a proved lower bound on rho(I - L(w) - J) over weights w >= 0 whose sum at each node is at most 1.

    As for `fdla_bound`, with y >= 0 and y_i + y_j >= X_1[e] - X_2[e] on every edge e = (i, j):
    sum_e w_e (X_1[e] - X_2[e]) <= sum_i y_i sum_{e at i} w_e <= sum_i y_i, hence s >= tr X_1 - tr X_2 - sum_i y_i.

    Parameters
    ----------
    graph : Graph
        n nodes, m edges.
    X_1, X_2 : array (n, n)
        Any symmetric matrices; they are projected, made positive semidefinite and scaled here.
    y : array (n,)
        Any numbers; what is missing on an edge is added to both its ends.

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    S. Boyd, P. Diaconis, L. Xiao, "Fastest mixing Markov chain on a graph", SIAM Review 46, 2004 (its dual).

    Examples
    --------
    >>> pair = Graph.build("path", n=3)
    >>> v = np.array([1.0, 0.0, -1.0])
    >>> u = np.array([1.0, -2.0, 1.0])
    >>> round(fmmc_bound(pair, 3 * np.outer(v, v), np.outer(u, u) / 3, np.zeros(3)), 9)
    0.5
    """
    scale = float(np.trace(X_1) + np.trace(X_2))
    if not scale > 0:
        return 0.0
    X_1, X_2 = dual_pair(X_1, X_2)
    excess = edge_values(X_1, graph.edges) - edge_values(X_2, graph.edges)
    y = repaired(graph, excess, np.asarray(y) / scale)
    return _lowered(graph, np.trace(X_1) - np.trace(X_2) - y.sum())


def repaired(graph: Graph, excess: Floats, y: Floats) -> Floats:
    """Return y (n,) raised until y >= 0 and y_i + y_j >= excess_e for every edge e = (i, j).

    Examples
    --------
    >>> repaired(Graph.build("path", n=3), np.array([1.0, -1.0]), np.array([0.5, 0.0, -1.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    y = np.maximum(y, 0.0)
    i, j = graph.edges.T
    missing = np.maximum(excess - y[i] - y[j], 0.0) / 2
    raised = y.copy()
    np.maximum.at(raised, i, y[i] + missing)
    np.maximum.at(raised, j, y[j] + missing)
    return np.asarray(raised)


def dual_pair(X_1: Floats, X_2: Floats) -> tuple[Floats, Floats]:
    """Return two matrices (n, n) made positive semidefinite on the vectors of zero sum, of total trace one (or zero)."""
    X_1, X_2 = _semidefinite(X_1), _semidefinite(X_2)
    total = max(float(np.trace(X_1) + np.trace(X_2)), np.finfo(float).tiny)
    return np.asarray(X_1 / total), np.asarray(X_2 / total)


def _semidefinite(X: Floats) -> Floats:
    from scipy.linalg import eigvalsh

    n = len(X)
    mean = (X.mean(axis=0) + X.mean(axis=1)) / 2
    X = (X + X.T) / 2 - (mean[:, None] + mean) + mean.mean()
    size = float(np.linalg.norm(X))
    lowest = float(eigvalsh(X, subset_by_index=[0, 0])[0])
    # an eigenvalue is computed to about n eps |X|: the lift covers that too
    lift = max(0.0, -lowest) + n * np.finfo(float).eps * size
    lifted = X + lift * (np.eye(n) - 1.0 / n)
    # of a negative matrix only rounding errors are left, and they prove nothing
    return np.asarray(lifted if np.trace(lifted) > 1e-8 * size else np.zeros((n, n)))


def _lowered(graph: Graph, found: float) -> float:
    # both sides are of size one: what rounding can have added is taken off, and 0 <= rho is always true
    return float(np.clip(found - ROUNDING * np.sqrt(graph.n), 0.0, 1.0))
