r"""A primal-dual interior point that keeps effective resistances as smooth convex constraints.

A general solver sees one matrix inequality per edge. Here R_e(lam) <= a stays one scalar constraint, whose derivatives
are entries of K = B' L^+ B: dR_e / dlam_f = -K_ef^2 and d2R_e / dlam_f dlam_g = 2 K_ef K_fg K_eg. With slacks s ~ a - R,
w ~ B - A q and multipliers X, rho, z, nu, the conditions

    c - E'(X[.] + K2 rho) - z + A' nu = 0,    tr X - sum rho = reward,
    X S = mu I,    rho s = mu,    z q = mu,    nu w = mu,        S = L(E q) - a P, K2 = K o K

are followed as mu decreases by Newton steps: the direction of Helmberg, Rendl, Vanderbei, Wolkowicz ("An interior-point
method for semidefinite programming", 1996) for X S = mu I, with the predictor and corrector of Mehrotra ("On the
implementation of a primal-dual interior point method", 1992), and one step length for all, since the problem is not linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.certificate import edge_values
from gossipsim.optimal.dense import NotPositive, inverse, laplacian, longest_step, ray, weighted
from gossipsim.optimal.newton import Schur, assemble
from gossipsim.optimal.statement import Statement

BOUNDARY = 0.98
"""The part of the way to the boundary that a step goes at most."""

STALLED = 1e-7
"""Steps shorter than this, twice, end the search."""


@dataclass
class Point:
    """Where the search is: primal q (k,), a, slacks s (m,), w (r,); multipliers X (n, n), rho (m,), z (k,), nu (r,).

    G = L^+, Si = S^+, F = G L(rho) G (all (n, n)) and R (m,) belong to it.
    """

    q: Floats
    a: float
    s: Floats
    w: Floats
    X: Floats
    rho: Floats
    z: Floats
    nu: Floats
    G: Floats
    Si: Floats
    F: Floats
    R: Floats

    def values(self, p: Statement) -> tuple[Floats, Floats]:
        """Return x and y (m,) of `gossipsim.optimal.certificate`; y is zero without resistances."""
        x = edge_values(self.X, p.edges) / float(np.trace(self.X))
        y = edge_values(self.F, p.edges) / float(self.rho @ self.R**2) if p.resistance else np.zeros(p.m)
        return x, y


@dataclass
class Direction:
    """A Newton step, and dS Si (n, n), which the corrector uses again."""

    q: Floats
    a: float
    s: Floats
    w: Floats
    X: Floats
    rho: Floats
    z: Floats
    nu: Floats
    S: Floats
    SSi: Floats


Judge = Callable[[Point, int], bool]
"""Looks at every point, keeps what is best, and says whether to stop."""


def follow(p: Statement, judge: Judge, most: int = 100) -> tuple[int, str]:
    """Follow the central path until `judge` is content; return the number of steps and why it ended.

    Raises
    ------
    NotPositive
        Never: a failed factorisation ends the search, and the judge has kept the best point.
    """
    short = 0
    step = 0
    try:
        point = first(p)
        for step in range(most):
            if judge(point, step):
                return step, ""
            point, length = advance(p, point)
            short = short + 1 if length < STALLED else 0
            if short == 2:
                return step + 1, "the steps became too short for double precision"
        judge(point, most)
    except NotPositive:
        return step, "rounding errors have reached the matrices"
    return most, f"{most} iterations were not enough"


def first(p: Statement) -> Point:
    """Return a well-centred point at the rates of `p.start`."""
    q, r = p.start.copy(), len(p.B)
    L = laplacian(p.n, p.edges, p.rates(q))
    G = inverse(L, float(np.trace(L)) / p.n)
    R = edge_values(G, p.edges)
    smallest = float(np.linalg.eigvalsh(L)[1])
    largest = float(R.max())
    a = float(np.sqrt(smallest * largest)) if p.resistance else 0.5 * smallest
    if p.resistance and largest > 0.9 * smallest:
        raise NotPositive
    w = p.B - p.A @ q if r else np.zeros(0)
    w = np.maximum(w, 0.1 * (np.abs(p.B) + (abs(p.A) @ q if r else 0.0)))
    s = a - R if p.resistance else np.zeros(0)
    terms = p.n - 1 + len(q) + len(s) + r
    # without resistances tr X = reward from the start, or a would run away
    gone = 1.0 / (np.linalg.eigvalsh(L)[1:] - a)
    mu = float(p.c @ q) / terms if p.resistance else p.reward / float(gone.sum())
    return finish(p, q, a, s, w, None, np.zeros(0), np.zeros(0), np.zeros(0), mu)


def finish(
    p: Statement,
    q: Floats,
    a: float,
    s: Floats,
    w: Floats,
    X: Floats | None,
    rho: Floats,
    z: Floats,
    nu: Floats,
    mu: float = 0.0,
) -> Point:
    """Compute what belongs to a point; without X, all multipliers are set so that every product is `mu`."""
    L = laplacian(p.n, p.edges, p.rates(q))
    scale = float(np.trace(L)) / p.n
    G = inverse(L, scale)
    Si = inverse(L - a * (np.eye(p.n) - 1.0 / p.n), scale)
    if X is None:
        X, rho, z, nu = mu * Si, mu / s, mu / q, mu / w
    F = G @ (weighted(p.n, p.edges, rho) @ G) if p.resistance else G
    return Point(q, a, s, w, X, rho, z, nu, G, Si, F, edge_values(G, p.edges))


def advance(p: Statement, at: Point) -> tuple[Point, float]:
    """Take one predictor-corrector step; return the new point and the step's length."""
    L = laplacian(p.n, p.edges, p.rates(at.q))
    S = L - at.a * (np.eye(p.n) - 1.0 / p.n)
    products = float(np.vdot(at.X, S)) + float(at.s @ at.rho) + float(at.z @ at.q) + float(at.nu @ at.w)
    terms = p.n - 1 + len(at.q) + len(at.s) + len(at.w)
    mu = products / terms
    system = assemble(p, at.G, at.Si, at.X, at.F, at.rho / at.s, at.z / at.q, at.nu / at.w)
    zero = _nothing(at)
    predictor = _direction(p, at, system, 0.0, zero)
    length = _length(at, predictor, S, 1.0, 0.1)
    after = _products_after(at, predictor, S, length) / terms
    sigma = min(1.0, max(1e-6, after / mu) ** 3)
    d = _direction(p, at, system, sigma * mu, predictor)
    length = min(1.0, BOUNDARY * _length(at, d, S, 1.0 / BOUNDARY, 0.02))
    while True:
        try:
            return _moved(p, at, d, length), length
        except NotPositive:
            length *= 0.5
            if length < STALLED**2:
                raise


def _moved(p: Statement, at: Point, d: Direction, t: float) -> Point:
    return finish(
        p,
        at.q + t * d.q,
        at.a + t * d.a,
        at.s + t * d.s,
        at.w + t * d.w,
        at.X + t * d.X,
        at.rho + t * d.rho,
        at.z + t * d.z,
        at.nu + t * d.nu,
    )


def _nothing(at: Point) -> Direction:
    zero = np.zeros((0, 0))
    q, s, w = np.zeros_like(at.q), np.zeros_like(at.s), np.zeros_like(at.w)
    return Direction(q, 0.0, s, w, zero, s, q, w, zero, zero)


def _direction(p: Statement, at: Point, system: Schur, target: float, last: Direction) -> Direction:
    """Solve for the direction to products `target`, with the second-order terms of the predictor `last`."""
    curved = last.X.size > 0
    bend_X = _symmetric(last.X @ last.SSi) if curved else np.zeros((1, 1))
    bend_s = last.s * last.rho
    bend_q = last.q * last.z
    bend_w = last.w * last.nu
    gap_s = at.a - at.R - at.s if p.resistance else np.zeros(0)
    gap_w = p.B - p.A @ at.q - at.w if len(at.w) else np.zeros(0)
    push_s = (target - bend_s) / at.s - at.rho / at.s * gap_s
    push_w = (target - bend_w) / at.w - at.nu / at.w * gap_w
    on_edges = target * edge_values(at.Si, p.edges)
    if curved:
        on_edges -= edge_values(bend_X, p.edges)
    if p.resistance:
        on_edges += system.K2 @ push_s
    rhs = -p.c + p.back(on_edges) + (target - bend_q) / at.q
    if len(at.w):
        rhs -= p.A.T @ push_w
    rhs_a = p.reward - target * float(np.trace(at.Si)) + float(np.trace(bend_X)) + float(push_s.sum())
    q, a = system.solve(rhs, rhs_a)
    lam = p.rates(q)
    s = gap_s + a + system.K2 @ lam if p.resistance else gap_s
    w = gap_w - p.A @ q if len(at.w) else gap_w
    S = laplacian(p.n, p.edges, lam) - a * (np.eye(p.n) - 1.0 / p.n)
    SSi = weighted(p.n, p.edges, lam) @ at.Si - a * at.Si
    X = target * at.Si - at.X - _symmetric(at.X @ SSi) - bend_X
    rho = (target - bend_s) / at.s - at.rho - at.rho / at.s * s
    z = (target - bend_q) / at.q - at.z - at.z / at.q * q
    nu = (target - bend_w) / at.w - at.nu - at.nu / at.w * w
    return Direction(q, a, s, w, X, rho, z, nu, S, SSi)


def _length(at: Point, d: Direction, S: Floats, most: float, accuracy: float) -> float:
    t = most
    for v, dv in ((at.q, d.q), (at.z, d.z), (at.s, d.s), (at.rho, d.rho), (at.w, d.w), (at.nu, d.nu)):
        t = ray(v, dv, t)
    t = longest_step(S, d.S, float(np.trace(S)) / len(S), t, accuracy)
    return longest_step(at.X, d.X, float(np.trace(at.X)) / len(S), t, accuracy)


def _products_after(at: Point, d: Direction, S: Floats, t: float) -> float:
    pairs = ((at.q, d.q, at.z, d.z), (at.s, d.s, at.rho, d.rho), (at.w, d.w, at.nu, d.nu), (S, d.S, at.X, d.X))
    return sum(float(np.vdot(v + t * dv, u + t * du)) for v, dv, u, du in pairs)


def _symmetric(M: Floats) -> Floats:
    return np.asarray((M + M.T) / 2)
