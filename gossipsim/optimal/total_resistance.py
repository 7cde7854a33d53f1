"""Least total effective resistance within a budget: Newton's method on a smooth convex function.

f(lam) = n tr L^+ has df / dlam_f = -n |G b_f|^2 and the Hessian 2 n K o (B' G^2 B), with G = L^+ and K = B' G B (Ghosh, Boyd,
Saberi, "Minimizing effective resistance of a graph", SIAM Review 50, 2008). The limits are slacks of a primal-dual
interior point, as in `gossipsim.optimal.interior_point`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.answer import Found
from gossipsim.optimal.dense import NotPositive, gram_rows, inverse, laplacian, ray, row_blocks
from gossipsim.optimal.dual import Dual
from gossipsim.optimal.program import Program
from gossipsim.optimal.watch import Progress, spent

BOUNDARY, CAREFUL = 0.98, 0.7
MOST = 100


def solve(program: Program, progress: Progress | None = None, inner: Floats | None = None) -> Found:
    """Return rates of least total resistance; `inner` (m,) keeps all limits strictly.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> found = solve(Program.build(Graph.build("star", n=5), "total_resistance"))
    >>> found.lam.round(6).tolist(), round(found.bound, 3)
    ([0.25, 0.25, 0.25, 0.25], 64.0)
    """
    A, B = program.budgeted
    lam = 0.9 * balanced(program) if inner is None else inner.copy()
    w = np.maximum(B - A @ lam, 1e-3 * np.abs(B))
    f, gradient, G = _resistance(program, lam)
    mu = f / (program.m + len(B))
    z, nu = mu / lam, mu / w
    best, best_lam, words = np.inf, lam, f"{MOST} iterations were not enough"
    bound, dual = 0.0, None
    step = 0
    for step in range(MOST):  # the count is part of the answer
        full, part = spent(program, lam, inner)
        if part > 0 and (value := _resistance(program, full)[0]) < best:
            best, best_lam = value, full
        here = Dual(G=G, nu=nu[1:] / program.n)
        if (proved := here.bound(program)) > bound:
            bound, dual = proved, here
        if progress is not None:
            progress(None, f"step {step}, gap {best / bound - 1:.1e}")
        if best - bound <= 0.9 * program.tol * bound:
            words = ""
            break
        try:
            lam, w, z, nu, length = _advance(program, A, B, lam, w, z, nu, gradient, G)
            f, gradient, G = _resistance(program, lam)
        except NotPositive:
            words = "rounding errors have reached the matrices"
            break
        if length < 1e-9:
            words = "the steps became too short for double precision"
            break
    return Found(best_lam, bound, step, words, dual=dual)


def balanced(program: Program, steps: int = 20) -> Floats:
    """Return rates (m,) of cost `total` after steps lam_e <- lam_e |G b_e| / sqrt(c_e), scaled; on trees one is exact."""
    lam = program.uniform / np.sqrt(program.cost)
    for _ in range(steps):
        _, gradient, _ = _resistance(program, lam)
        lam = lam * np.sqrt(-gradient / program.cost)
        lam *= program.total / float(program.cost @ lam)
    return 0.95 * lam + 0.05 * program.uniform


def _resistance(program: Program, lam: Floats) -> tuple[float, Floats, Floats]:
    L = laplacian(program.n, program.edges, lam)
    G = inverse(L, float(np.trace(L)) / program.n)
    i, j = program.edges.T
    norms = (G * G).sum(axis=1)
    gradient = np.empty(program.m)
    for rows in row_blocks(program.m):
        gradient[rows] = norms[i[rows]] + norms[j[rows]] - 2 * np.einsum("fn,fn->f", G[i[rows]], G[j[rows]])
    return program.n * float(np.trace(G)), -program.n * gradient, G


def _advance(
    program: Program, A: Any, B: Floats, lam: Floats, w: Floats, z: Floats, nu: Floats, gradient: Floats, G: Floats
) -> tuple[Floats, Floats, Floats, Floats, float]:
    from scipy.linalg.lapack import dpotrf, dpotrs

    m = program.m
    H, square = np.empty((m, m)), G @ G
    for rows in row_blocks(m):
        H[rows, : rows.stop] = (
            2 * program.n * gram_rows(G, program.edges, rows) * gram_rows(square, program.edges, rows)
        )
    H[np.diag_indices(m)] += z / lam
    if len(B) > 1:
        own = A[1:]
        add = (own.T @ (own * (nu[1:] / w[1:])[:, None])).tocoo()
        lower = add.row >= add.col
        H[add.row[lower], add.col[lower]] += add.data[lower]
    factor, fault = dpotrf(H.T, lower=0, clean=0, overwrite_a=1)
    if fault:
        raise NotPositive
    # the budget's term (nu_0 / w_0) c c^T grows without bound: it is kept out of H and brought in by Sherman and Morrison
    c = program.cost
    along = np.asarray(dpotrs(factor, c, lower=0)[0])
    along_c = w[0] / nu[0] + float(c @ along)
    gap_w = B - A @ lam - w
    mu = (float(lam @ z) + float(w @ nu)) / (m + len(B))

    def direction(target: float, bend_q: Floats, bend_w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        push = (target - bend_w) / w - nu / w * gap_w
        u = np.asarray(dpotrs(factor, -gradient + (target - bend_q) / lam - A.T @ push, lower=0)[0])
        d = u - along * (float(c @ u) / along_c)
        dw = gap_w - A @ d
        dz = (target - bend_q) / lam - z - z / lam * d
        return d, dw, dz, (target - bend_w) / w - nu - nu / w * dw

    def length(d: Floats, dw: Floats, dz: Floats, dnu: Floats, most: float) -> float:
        for v, dv in ((lam, d), (w, dw), (z, dz), (nu, dnu)):
            most = ray(v, dv, most)
        return most

    d, dw, dz, dnu = direction(0.0, np.zeros(m), np.zeros(len(B)))
    t = length(d, dw, dz, dnu, 1.0)
    after = (float((lam + t * d) @ (z + t * dz)) + float((w + t * dw) @ (nu + t * dnu))) / (m + len(B))
    d, dw, dz, dnu = direction(mu * min(1.0, max(1e-6, after / mu) ** 3), d * dz, dw * dnu)
    # far from stationary, the pole of f at zero makes the Newton step shrink rates too much
    residual = float(np.abs(lam * (gradient - z + A.T @ nu)).sum()) / float(np.abs(lam * gradient).sum())
    part = BOUNDARY if residual < 0.1 else CAREFUL
    t = min(1.0, part * length(d, dw, dz, dnu, 1.0 / part))
    return lam + t * d, w + t * dw, z + t * dz, nu + t * dnu, t
