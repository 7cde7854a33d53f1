"""Gradients x -> H_i x - b_i of quadratic functions, from the d rows of H_i."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossipsim.kernels import kernel
from gossipsim.problems.base import Rows, Vector
from gossipsim.rows import zeros

AFFINE_SAMPLE = {"a": "vector", "b": "scalar"}
"""Fields of `affine_rows`: a row of H_i, and an entry of b_i."""


@kernel
def affine_gradient(q, samples, x, out):
    """Write H_i x - b_i to `out`, for a symmetric H_i; row j holds row j of H_i and entry j of b_i."""
    for j in range(len(x)):
        out[j] = -samples[j].b
    for j in range(len(x)):
        out[:] = out + x[j] * samples[j].a


def affine_rows(H: Vector, b: Vector) -> tuple[Rows, NDArray[np.int64]]:
    """Return the rows that `affine_gradient` reads, and where each node's start, for `H` `(n, d, d)` and `b` `(n, d)`.

    Examples
    --------
    >>> rows, first = affine_rows(np.array([[[2.0, 1.0], [1.0, 2.0]]]), np.array([[3.0, 4.0]]))
    >>> out = np.empty(2)
    >>> affine_gradient(None, rows, np.array([1.0, 0.0]), out)
    >>> out.tolist(), first.tolist()
    ([-1.0, -3.0], [0, 2])
    """
    n, d = b.shape
    found, first = affine_places(n, d)
    found["a"], found["b"] = H.reshape(-1, d), b.reshape(-1)
    return found, first


def affine_places(n: int, d: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return rows of zeros for `n` nodes in dimension `d`, and where each node's start."""
    return zeros(AFFINE_SAMPLE, d, n * d), np.arange(n + 1, dtype=np.int64) * d
