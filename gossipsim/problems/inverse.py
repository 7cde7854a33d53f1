"""The inverse of x -> grad f_i(x) + rho x: what conjugate and proximal oracles compute."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.kernels import dot, kernel
from gossipsim.problems.base import Rows, Vector, fits
from gossipsim.rows import zeros

EIGEN_SAMPLE = {"a": "vector", "curvature": "scalar", "b": "scalar"}
"""Fields of `eigen_rows`: an eigenvector of H_i, its eigenvalue, and its product with b_i."""


@kernel
def through_eigenvectors(q, rows, y, rho, out):
    """Write (H_i + rho I)^-1 (y + b_i) to `out`, for f_i(x) = x . H_i x / 2 - b_i . x."""
    out[:] = 0.0 * y
    for j in range(len(rows)):
        row = rows[j]
        w = (dot(row.a, y) + row.b) / (row.curvature + rho)
        out[:] = out + w * row.a


def eigen_rows(H: Vector, b: Vector) -> tuple[Rows, Any]:
    """Return the rows that `through_eigenvectors` reads, and where each node's start.

    Parameters
    ----------
    H : ndarray, shape (n, d, d)
        Hessians.
    b : ndarray, shape (n, d)
        Minus the gradients at the origin.

    Examples
    --------
    >>> rows, first = eigen_rows(np.array([[[2.0, 0.0], [0.0, 4.0]]]), np.zeros((1, 2)))
    >>> out = np.empty(2)
    >>> through_eigenvectors(None, rows, np.array([2.0, 2.0]), 0.0, out)
    >>> out.tolist(), first.tolist()
    ([1.0, 0.5], [0, 2])
    """
    n, d = b.shape
    fits(n * d * (d + 2), f"the eigenvectors of {n} nodes in dimension {d}", key=())
    curvature, vectors = np.linalg.eigh(H)
    rows: Rows = zeros(EIGEN_SAMPLE, d, n * d)
    rows["a"] = np.swapaxes(vectors, 1, 2).reshape(n * d, d)
    rows["curvature"] = curvature.ravel()
    rows["b"] = np.einsum("nkj,nk->nj", vectors, b).ravel()
    return rows, np.arange(n + 1, dtype=np.int64) * d


@kernel
def solve_in_place(H, g):
    """Replace g `(d,)` by H^-1 g for a positive definite H `(d, d)`, whose lower half becomes its Cholesky factor."""
    d = len(g)
    for j in range(d):
        for k in range(j):
            H[j, j] -= H[j, k] * H[j, k]
        H[j, j] = np.sqrt(H[j, j])
        for i in range(j + 1, d):
            for k in range(j):
                H[i, j] -= H[i, k] * H[j, k]
            H[i, j] /= H[j, j]
    for i in range(d):
        for k in range(i):
            g[i] -= H[i, k] * g[k]
        g[i] /= H[i, i]
    for back in range(d):
        i = d - 1 - back
        for k in range(i + 1, d):
            g[i] -= H[k, i] * g[k]
        g[i] /= H[i, i]
