"""Optimal weights of synchronous averaging by a primal-dual interior point that knows the structure of the problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.graph import Graph
from gossipsim.optimal.averaging_certificate import repaired
from gossipsim.optimal.averaging_newton import Iterate, Newton
from gossipsim.optimal.certificate import edge_values
from gossipsim.optimal.dense import BLOCK, NotPositive

if TYPE_CHECKING:
    from gossipsim.optimal.watch import Progress

ITERATIONS = 60
BOUNDARY = 0.98
"""Fraction of the way to the boundary that a step may go."""
STALLED = 1e-4
"""Steps shorter than this end the search."""


@dataclass(frozen=True, eq=False)
class Point:
    """What a solver found: weights (m,) and the dual point X_1, X_2 (n, n), y (n,) that bounds all others."""

    weights: Floats
    X_1: Floats
    X_2: Floats
    y: Floats
    iterations: int
    words: str


def memory(graph: Graph) -> float:
    """Return about how many bytes the method needs on this graph.

    Examples
    --------
    >>> memory(Graph.build("grid", n=100)) < 1e9
    True
    """
    return 8.0 * (2 * graph.m**2 + 6 * BLOCK + 24 * graph.n**2)


def solve(graph: Graph, markov: bool, tol: float = 1e-7, progress: Progress | None = None) -> Point:
    """Minimise s subject to (1 - s) P <= L(w) <= (1 + s) P, for a Markov chain also w >= 0 and node sums at most 1.

    A strictly feasible point of either side is known at the start, and Newton's steps (`averaging_newton`) keep both
    feasible, so s - (tr X_1 - tr X_2 - sum y) is the gap of every iterate. The smallest s and the largest bound seen are
    kept.

    Parameters
    ----------
    graph : Graph
        Connected, n >= 2 nodes, m edges.
    markov : bool
        Whether w >= 0 and the sums at nodes are at most 1 (the fastest mixing Markov chain).
    tol : float
        The gap, s minus its bound, at which to stop.
    progress : callable, optional
        Called with None and a short text that names the iteration and the gap.

    Returns
    -------
    Point
        Weights strictly inside all constraints; `words` says why the search ended.

    References
    ----------
    C. Helmberg, F. Rendl, R. Vanderbei, H. Wolkowicz, "An interior-point method for semidefinite programming", SIAM
    Journal on Optimization 6, 1996 (the direction); S. Mehrotra, "On the implementation of a primal-dual interior point
    method", SIAM Journal on Optimization 2, 1992 (predictor and corrector).

    Examples
    --------
    >>> point = solve(Graph.build("path", n=3), markov=True)
    >>> point.weights.round(6).tolist(), point.words
    ([0.5, 0.5], 'converged')
    """
    at = _start(graph, markov)
    best, dual, bound = at, at, -np.inf
    words, count = f"{ITERATIONS} iterations were not enough", 0
    for count in range(ITERATIONS + 1):
        lower = _bound(at)
        if lower > bound:
            dual, bound = at, lower
        if at.s < best.s:
            best = at
        if progress is not None:
            progress(None, f"step {count}, gap {best.s - bound:.1e}")
        if best.s - bound <= tol:
            words = "converged"
            break
        if count == ITERATIONS:
            break
        try:
            at, step = _advanced(at)
        except NotPositive:
            words = "rounding errors have reached the matrices"
            break
        if step < STALLED:
            words = "the steps became too short for double precision"
            break
    return Point(best.w, *dual.X, dual.y, count, words)


def _start(graph: Graph, markov: bool) -> Iterate:
    n = graph.n
    i, j = graph.edges.T
    w = 0.9 / (1.0 + np.maximum(graph.degree[i], graph.degree[j]))
    # node sums below 1 put L(w) between 0 and 2, so that s = 1.1 is strictly feasible
    s = 1.1
    X = (np.eye(n) - 1.0 / n) / (2 * (n - 1))
    if not markov:
        return Iterate(graph, markov, w, s, (X, X), np.zeros(0), np.zeros(n))
    y = np.full(n, s / (2 * (n - 1)))
    return Iterate(graph, markov, w, s, (X, X), y[i] + y[j], y)


def _bound(at: Iterate) -> float:
    """Return the lower bound that X and y give when their positivity is taken for granted."""
    X_1, X_2 = at.X
    excess = edge_values(X_1, at.graph.edges) - edge_values(X_2, at.graph.edges)
    loss = repaired(at.graph, excess, at.y).sum() if at.markov else np.abs(excess).sum()
    return float((np.trace(X_1) - np.trace(X_2) - loss) / (np.trace(X_1) + np.trace(X_2)))


def _advanced(at: Iterate) -> tuple[Iterate, float]:
    newton = Newton(at)
    predictor = newton.direction(0.0, None)
    centring = (newton.product(predictor, newton.length(predictor, 1.0, accuracy=0.1)) / newton.mu) ** 3
    d = newton.direction(min(centring, 1.0) * newton.mu, predictor)
    step = newton.length(d, BOUNDARY, accuracy=0.02)
    X = (at.X[0] + step * d.X[0], at.X[1] + step * d.X[1])
    moved = Iterate(at.graph, at.markov, at.w + step * d.w, at.s + step * d.s, X, at.z + step * d.z, at.y + step * d.y)
    if at.markov and moved.t.min() <= 0:
        raise NotPositive
    return moved, step
