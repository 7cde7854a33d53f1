"""Minimisers with evidence: Newton's method on gradients in extended precision, down to the rounding floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import Refused, ScenarioError

if TYPE_CHECKING:
    from gossipsim.problems.base import Objective

Vector = NDArray[np.float64]

DENSE = 3000
"""Largest dimension for which the Hessian is formed and factorised."""
STEPS = 150
"""Most Newton steps before the problem is declared to have no minimiser."""
HALVINGS = 30
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Optimum:
    """A minimiser x* of f and what is known about it.

    Attributes
    ----------
    x : (d,)
        The minimiser; of the smallest norm when a quadratic f has several.
    value : float
        f(x*); nan if the problem defines no values.
    residual : float
        Euclidean norm of grad f(x*), evaluated in extended precision where the problem can.
    how : str
        The method and its number of steps.
    """

    x: Vector
    value: float
    residual: float
    how: str


def minimise(f: Objective) -> Optimum:
    """Minimise f by damped Newton steps x <- x - t H(x)^{-1} grad f(x).

    The gradient is summed in extended precision, so for a quadratic the steps after the first are iterative
    refinement (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, Section 12.1). The factor t is
    halved until |grad f| falls, the merit function of Nocedal and Wright, "Numerical Optimization" (2nd ed., 2006),
    Section 11.2. The iteration ends when no t helps any more or the step is below the resolution of x.

    Parameters
    ----------
    f : Objective
        A convex objective of dimension d. Up to d = 3000 the Hessian is factorised, beyond that the systems
        are solved by conjugate gradients.

    Raises
    ------
    ScenarioError
        f has no minimiser, for example logistic regression on separable data without regularisation.

    Examples
    --------
    >>> from gossipsim.problems import Problem
    >>> f = Problem.parse({"name": "quadratic", "dim": 2, "L": 100.0}).build(n=3, seed=1)
    >>> minimise(f).residual < 1e-13
    True
    """
    x = np.zeros(f.dim)
    g = _gradient(f, x)
    size = start = _norm(g)
    solve: Callable[[Vector], Vector] | None = None
    steps, settled, word = 0, size == 0.0, "nothing to do"
    while not settled and steps < STEPS:
        if solve is None or not f.problem.quadratic:
            # Past DENSE a Hessian costs more memory and time than conjugate gradients do.
            solve, word = _factorise(f.problem.hessian(f, x)) if f.dim <= DENSE else _conjugate_gradients(f, x)
        steps += 1
        step = solve(g)
        settled = _norm(step) <= 4.0 * EPS * _norm(x)
        t = 1.0
        trial, slope = x - step, _gradient(f, x - step)
        while not _norm(slope) <= (1.0 - 1e-4 * t) * size and t > 0.5**HALVINGS and not settled:
            t /= 2.0
            trial = x - t * step
            slope = _gradient(f, trial)
        if _norm(slope) < size:
            x, g, size = trial, slope, _norm(slope)
        else:
            settled = True
    if not settled or size > 1e-6 * start:
        raise ScenarioError(
            f"no minimiser found: |grad f| = {size:.2g} after {steps} Newton steps, |x| = {_norm(x):.2g}",
            key=("l2",) if "l2" in f.constants else (),
            allowed="a problem with a minimiser, for example l2 > 0",
        )
    method = "refined solution" if f.problem.quadratic else "damped Newton"
    return Optimum(x, _value(f, x), size, f"{method} by {word}, {steps} steps")


def local_minima(f: Objective) -> Vector:
    """Minimise every f_i by the same Newton method on batches of nodes; rows without a unique minimiser are nan.

    Examples
    --------
    >>> from gossipsim.problems import Problem
    >>> f = Problem.parse({"name": "quadratic", "dim": 2, "mu": 1.0, "L": 4.0}).build(n=3, seed=1)
    >>> bool(np.abs(f.local_gradients(local_minima(f))).max() < 1e-14)
    True
    """
    out = np.full((f.n, f.dim), np.nan)
    ids, part = np.arange(f.n), f
    X = np.zeros((f.n, f.dim))
    G = part.local_gradients(X)
    size = np.linalg.norm(G, axis=1)
    start = size.copy()
    for _ in range(STEPS):
        S, flat = _local_steps(part, X, G)
        tiny = np.linalg.norm(S, axis=1) <= 4.0 * EPS * np.linalg.norm(X, axis=1)
        Y, H, length = _search(part, X, S, size, tiny | flat)
        better = length < size
        # Steps that no longer halve a gradient this small only stir rounding errors.
        settled = flat | tiny | ~better | ((length > 0.5 * size) & (size <= 1e-8 * start))
        X[better], G[better], size[better] = Y[better], H[better], length[better]
        done = settled & ~flat & (size <= 1e-6 * start)
        out[ids[done]] = X[done]
        if settled.all():
            break
        if settled.any():
            kept = np.flatnonzero(~settled)
            ids, part = ids[kept], part.part(kept)
            X, G, size, start = X[kept], G[kept], size[kept], start[kept]
    return out


def _local_steps(f: Objective, X: Vector, G: Vector) -> tuple[Vector, NDArray[np.bool_]]:
    S, flat = np.zeros_like(X), np.zeros(f.n, dtype=bool)
    for nodes in np.array_split(np.arange(f.n), -(-f.n * f.dim**2 // 4_000_000)):
        S[nodes], flat[nodes] = _solve_batch(f.problem.local_hessians(f, X[nodes], nodes), G[nodes])
    return S, flat


def _search(
    f: Objective, X: Vector, S: Vector, size: Vector, fixed: NDArray[np.bool_]
) -> tuple[Vector, Vector, Vector]:
    t = np.ones(f.n)
    for _ in range(1 if f.problem.quadratic else HALVINGS):
        Y = X - t[:, None] * S
        H = f.local_gradients(Y)
        length = np.linalg.norm(H, axis=1)
        worse = ~(length <= (1.0 - 1e-4 * t) * size) & ~fixed
        if not worse.any():
            break
        t[worse] /= 2.0
    return Y, H, length


def _norm(v: NDArray[Any]) -> float:
    return float(np.linalg.norm(np.asarray(v, dtype=np.float64)))


def _gradient(f: Objective, x: Vector) -> Vector:
    return np.asarray(f.problem.mean_gradient(f, x.astype(np.longdouble)), dtype=np.float64)


def _value(f: Objective, x: Vector) -> float:
    try:
        return f.value(x)
    except Refused:
        return float("nan")


def _factorise(H: Vector) -> tuple[Callable[[Vector], Vector], str]:
    from scipy.linalg import cho_solve, eigh, lapack

    d = len(H)
    # Scaling to a unit diagonal removes the ill-conditioning that comes from the units of the features.
    scale = np.sqrt(np.diag(H))
    if scale.min() > 0.0:
        R = H / np.outer(scale, scale)
        C, failed = lapack.dpotrf(R, lower=1)
        if not failed and lapack.dpocon(C, np.abs(R).sum(axis=0).max(), uplo="L")[0] > 10 * d * EPS:
            return (lambda g: np.asarray(cho_solve((C, True), g / scale) / scale)), "Cholesky factors"
    w, V = eigh(H)
    kept = w > d * EPS * max(float(w[-1]), 0.0)
    V, w = V[:, kept], w[kept]
    return (lambda g: np.asarray(V @ ((V.T @ g) / w))), f"pseudo-inverse of rank {int(kept.sum())}"


def _conjugate_gradients(f: Objective, x: Vector) -> tuple[Callable[[Vector], Vector], str]:
    def solve(g: Vector) -> Vector:
        s, r = np.zeros_like(g), g.copy()
        p, rho = r.copy(), float(r @ r)
        goal = (1e-8 if f.problem.quadratic else 1e-4) ** 2 * rho
        for _ in range(2 * f.dim):
            if rho <= goal:
                break
            Hp = f.problem.hessian_product(f, x, p)
            bend = float(p @ Hp)
            if bend <= 0.0:
                break
            s += (rho / bend) * p
            r -= (rho / bend) * Hp
            previous, rho = rho, float(r @ r)
            p = r + (rho / previous) * p
        return s

    return solve, "conjugate gradients"


def _solve_batch(H: Vector, G: Vector) -> tuple[Vector, NDArray[np.bool_]]:
    w, V = np.linalg.eigh(H)
    flat = ~(w[:, 0] > H.shape[1] * EPS * w[:, -1])
    inner = np.einsum("kdj,kd->kj", V, G) / np.where(flat[:, None], 1.0, w)
    return np.einsum("kdj,kj->kd", V, inner), flat
