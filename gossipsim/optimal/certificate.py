r"""Bounds that prove how good rates can be, valid for any dual point and independent of every solver.

Notation: M[f] = b_f^T M b_f for an edge f and a symmetric M (n, n). A dual point is a positive semidefinite X with
X 1 = 0, weights rho_e >= 0 on edges, a symmetric guess G of L^+, and weights nu >= 0 on the rows A lam <= B. However
inaccurate they are, the bound holds; accurate ones make it tight.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, Integers
from gossipsim.optimal.program import Program

ROUNDING = 1e-13
"""Every bound gives way by so much times the number of nodes' square root, more than its own rounding errors."""

_GOLDEN = (5**0.5 - 1) / 2
_EPS = float(np.finfo(np.float64).eps)


def edge_values(M: Floats, edges: Integers) -> Floats:
    """Return M[f] = b_f^T M b_f for every edge, shape (m,).

    Examples
    --------
    >>> edge_values(np.eye(3), np.array([[0, 1], [1, 2]])).tolist()
    [2.0, 2.0]
    """
    i, j = edges.T
    return np.asarray(M[i, i] + M[j, j] - M[i, j] - M[j, i])


def positive_part(X: Floats) -> Floats:
    """Return a matrix (n, n) close to X that is positive semidefinite on zero-mean vectors: X, or X plus a multiple of I.

    The multiple is found by Cholesky factorisation, which succeeds on I scaled up enough.

    Examples
    --------
    >>> float(np.linalg.eigvalsh(positive_part(np.diag([1.0, 1.0, -1e-9])))[0]) >= 0
    True
    """
    from scipy.linalg.lapack import dpotrf

    n = len(X)
    X = (X + X.T) / 2
    mean = X.mean(axis=0)
    X = X - mean - mean[:, None] + mean.mean()
    size = float(np.trace(X))
    if not size > 0:
        return np.eye(n)
    shift = 4e-16 * np.sqrt(n) * size
    X += size / n  # lifts the constant vectors, which no edge value sees
    while True:
        lifted = X + shift * np.eye(n)
        if dpotrf(lifted, overwrite_a=False)[1] == 0:
            return np.asarray(lifted)
        shift *= 4


def mixing_values(program: Program, X: Floats) -> Floats:
    """Return x_f = X[f] / tr X (m,), with which lambda_2(lam) <= x^T lam for all rates.

    X (n, n) is positive semidefinite on zero-mean vectors, up to rounding, which is put right; its trace is taken there.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> mixing_values(Program.build(Graph.build("path", n=3)), np.outer([1, 0, -1], [1, 0, -1])).round(9).tolist()
    [0.5, 0.5]
    """
    X = positive_part(X)
    return np.asarray(edge_values(X, program.edges) / (np.trace(X) - X.mean() * len(X)))


def conductance_values(program: Program, G: Floats, rho: Floats) -> Floats:
    """Return y_f = (G L(rho) G)[f] / sum_e rho_e G[e]^2 (m,), with which min_e 1 / R_e(lam) <= y^T lam for all rates.

    By Dirichlet's principle 1 / R_e is the least energy of a potential that differs by one across e; the potential
    G b_e / G[e] is one of them, and y averages their energies. Where terms of G cancel, R is taken as small and the energies
    as large as rounding errors can make them, by the usual bound n eps |a| |b| on those of a product a^T b.
    """
    rho = np.maximum(rho, 0.0)
    i, j = program.edges.T
    L = program.graph.laplacian(rho)
    V = np.asarray(L @ G)
    energies = edge_values(G @ V, program.edges)
    rows, columns = np.linalg.norm(G, axis=1), np.linalg.norm(V, axis=0)
    potential, current = rows[i] + rows[j], columns[i] + columns[j]
    degree, weight = int(np.bincount(program.edges.ravel()).max()), 2.0 * float(L.diagonal().max())
    slack = (program.n + 4) * potential * current + (degree + 3) * weight * potential**2
    terms = np.abs(G[i, i]) + np.abs(G[j, j]) + 2.0 * np.abs(G[i, j])
    R = np.maximum(np.abs(edge_values(G, program.edges)) - 4.0 * _EPS * terms, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((energies + _EPS * slack) / (rho @ R**2))


def dadao_bound(program: Program, X: Floats, G: Floats, rho: ArrayLike, nu: ArrayLike | None = None) -> float:
    r"""Return a proved lower bound on c^T lam over rates with 2 chi_1 chi_2 <= 1 and A lam <= B.

    With x, y from X, G, rho: tau x + N y <= c + A^T nu gives, for any feasible lam and its a between max R and lambda_2,

        c^T lam >= (c + A^T nu)^T lam - B^T nu >= tau a + N / a - B^T nu >= 2 sqrt(tau N) - B^T nu.

    Parameters
    ----------
    program : Program
        n nodes, m edges, k rows.
    X : array (n, n)
        Positive semidefinite on zero-mean vectors.
    G : array (n, n)
        Symmetric, near L^+.
    rho : array (m,)
        Weights >= 0 on the resistances; negative ones count as zero.
    nu : array (k,), optional
        Weights >= 0 on the rows.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> star = Program.build(Graph.build("star", n=5))
    >>> G = np.linalg.pinv(star.graph.laplacian().toarray())
    >>> X = np.diag([0.0, 4.0, 4.0, 4.0, 4.0])
    >>> X[1:, 1:] -= 1.0
    >>> round(dadao_bound(star, X, G, np.ones(4)), 6)
    4.0
    """
    x, y = mixing_values(program, X), conductance_values(program, G, np.asarray(rho, dtype=np.float64))
    return dadao_bound_from_values(program, x, y, nu)


def dadao_bound_from_values(program: Program, x: Floats, y: Floats, nu: ArrayLike | None = None) -> float:
    """Return the same bound from the values x, y (m,) on edges, however they were computed (sparse, low rank)."""
    price, charge = _priced(program, program.cost, nu)
    if (price < 0).any():
        # tau and N would have to be negative; smaller weights on the rows leave every price positive, and prove something
        down = price < 0
        share = 0.99 * float((program.cost[down] / (program.cost - price)[down]).min())
        price, charge = program.cost + share * (price - program.cost), share * charge
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return 0.0

    def half(log_theta: float) -> float:
        theta = np.exp(log_theta)
        return float((price / np.maximum(theta * x + y / theta, 1e-300)).min())

    centre = 0.5 * float(np.log(y.sum() / x.sum()))
    found = 2 * max_concave(half, centre - 5.0, centre + 5.0) - charge
    return max(0.0, lowered(program, found, charge))


def fastest_mixing_bound(program: Program, X: Floats, nu: ArrayLike | None = None) -> float:
    """Return a proved upper bound on lambda_2 over rates with c^T lam <= total and A lam <= B.

    lambda_2 <= x^T lam <= gamma c^T lam + nu^T A lam <= gamma total + B^T nu once x <= gamma c + A^T nu.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> path = Program.build(Graph.build("path", n=3), "fastest_mixing")
    >>> round(fastest_mixing_bound(path, np.outer([1, 0, -1], [1, 0, -1])), 6)
    0.5
    """
    return fastest_mixing_bound_from_values(program, mixing_values(program, X), nu)


def fastest_mixing_bound_from_values(program: Program, x: Floats, nu: ArrayLike | None = None) -> float:
    """Return the same bound from the values x (m,) on edges, however they were computed."""
    return most_of(program, x, nu) * (1 + ROUNDING * float(np.sqrt(program.n)))


def most_of(program: Program, x: Floats, nu: ArrayLike | None = None) -> float:
    """Return a bound on x^T lam over rates with c^T lam <= total and A lam <= B, by weights nu (k,) on the rows."""
    left, charge = _priced(program, -x, nu)
    return float(max(0.0, (-left / program.cost).max())) * program.total + charge


def total_resistance_bound(program: Program, G: Floats, nu: ArrayLike | None = None) -> float:
    """Return a proved lower bound on n tr L^+ over rates with c^T lam <= total and A lam <= B.

    For any symmetric G, L^+ >= 2 G - G L G on zero-mean vectors, so tr L^+ >= 2 tr G - q^T lam with q_f = |G b_f|^2;
    with q^T lam <= U, by weights nu on the rows, the best multiple of G gives n tr L^+ >= n (tr G)^2 / U.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> star = Program.build(Graph.build("star", n=5), "total_resistance")
    >>> round(total_resistance_bound(star, np.linalg.pinv(star.graph.laplacian().toarray())), 6)
    64.0
    """
    G = (G + G.T) / 2
    mean = G.mean(axis=0)
    G = G - mean - mean[:, None] + mean.mean()
    i, j = program.edges.T
    most = most_of(program, ((G[i] - G[j]) ** 2).sum(axis=1), nu)
    found = program.n * float(np.trace(G)) ** 2 / most
    return lowered(program, found, 0.0)


def averaging_bound(program: Program, X: Floats) -> float:
    """Return a proved lower bound on lambda_2(W) of randomized gossip with one clock per node.

    lambda_2(L) <= sum_e x_e (P_ij + P_ji) / n <= (1 / n) sum_i max_{e at i} x_e, and lambda_2(W) = 1 - lambda_2(L) / 2.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> program = Program.build(Graph.build("complete", n=4), "averaging_time")
    >>> round(float(averaging_bound(program, np.eye(4))), 6)
    0.666667
    """
    return averaging_bound_from_values(program, mixing_values(program, X))


def averaging_bound_from_values(program: Program, x: Floats) -> float:
    """Return the same bound from the values x (m,) on edges, however they were computed."""
    largest = np.zeros(program.n)
    np.maximum.at(largest, program.edges[:, 0], x)
    np.maximum.at(largest, program.edges[:, 1], x)
    return 1.0 - float(largest.mean()) / 2 * (1 + ROUNDING * float(np.sqrt(program.n)))


def max_concave(function: Callable[[float], float], low: float, high: float, steps: int = 60) -> float:
    """Return the largest value met by golden section search; any value of `function` is valid, the largest is best.

    Examples
    --------
    >>> round(float(max_concave(lambda t: 1 - t * t, -1.0, 3.0)), 9)
    1.0
    """
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    best = max(at_left, at_right)
    for _ in range(steps):
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
        best = max(best, at_left, at_right)
    return best


def lowered(program: Program, found: float, charge: float) -> float:
    """Return `found`, less the rounding errors that its evaluation can have made."""
    return float(found - ROUNDING * float(np.sqrt(program.n)) * (abs(found) + 2 * abs(charge)))


def _priced(program: Program, price: Floats, nu: ArrayLike | None) -> tuple[Floats, float]:
    # negative weights on rows would prove nothing: they count as zero
    if nu is None or program.A is None:
        return price, 0.0
    weights = np.maximum(np.asarray(nu, dtype=np.float64), 0.0)
    return price + program.A.T @ weights, float(program.B @ weights)
