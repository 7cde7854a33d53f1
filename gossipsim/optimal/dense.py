"""Dense symmetric linear algebra on vectors of zero mean: inverses by Cholesky, steps inside the cone, edge products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gossipsim.arrays import Floats, Integers

BLOCK = 2**17
"""Entries of a block of rows when an (m, m) matrix is filled: one megabyte, which stays in the cache."""


class NotPositive(ArithmeticError):
    """A matrix that should be positive definite is not, in double precision."""


def laplacian(n: int, edges: Integers, rates: Floats) -> Floats:
    """Return L = sum_e rates_e b_e b_e^T, dense (n, n).

    Examples
    --------
    >>> laplacian(2, np.array([[0, 1]]), np.array([3.0])).tolist()
    [[3.0, -3.0], [-3.0, 3.0]]
    """
    i, j = edges.T
    L = np.zeros((n, n))
    L[i, j] = L[j, i] = -rates
    np.fill_diagonal(L, np.bincount(i, rates, n) + np.bincount(j, rates, n))
    return L


def weighted(n: int, edges: Integers, rates: Floats) -> Any:
    """Return L = sum_e rates_e b_e b_e^T, sparse (n, n), for products with dense matrices.

    Examples
    --------
    >>> weighted(2, np.array([[0, 1]]), np.array([3.0])).toarray().tolist()
    [[3.0, -3.0], [-3.0, 3.0]]
    """
    from scipy.sparse import coo_array

    i, j = edges.T
    every = np.arange(n)
    total = np.bincount(i, rates, n) + np.bincount(j, rates, n)
    where = (np.concatenate([every, i, j]), np.concatenate([every, j, i]))
    return coo_array((np.concatenate([total, -rates, -rates]), where), shape=(n, n)).tocsr()


def inverse(M: Floats, lift: float) -> Floats:
    """Return the inverse (n, n) of M on zero-mean vectors, zero on constants; M 1 = 0, and `lift` is its scale.

    Raises
    ------
    NotPositive
        When M is not positive definite there.

    Examples
    --------
    >>> inverse(np.array([[2.0, -2.0], [-2.0, 2.0]]), 1.0).round(12).tolist()
    [[0.125, -0.125], [-0.125, 0.125]]
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    n = len(M)
    factor, fault = dpotrf((M + lift / n).T, lower=1, overwrite_a=1)
    if fault:
        raise NotPositive
    half, fault = dpotri(factor, lower=1, overwrite_c=1)
    if fault:
        raise NotPositive
    full = np.tril(half, -1)
    full += full.T
    np.fill_diagonal(full, np.diag(half))
    full -= 1.0 / (lift * n)
    return np.asarray(full)


def is_positive(M: Floats, lift: float) -> bool:
    """Return whether M + lift J is positive definite, J the projection on constants.

    Examples
    --------
    >>> is_positive(np.array([[1.0, -1.0], [-1.0, 1.0]]), 1.0), is_positive(np.diag([1.0, -1.0]), 1.0)
    (True, False)
    """
    from scipy.linalg.lapack import dpotrf

    fault = dpotrf((M + lift / len(M)).T, lower=1, clean=0, overwrite_a=1)[1]
    return int(fault) == 0


def longest_step(M: Floats, D: Floats, lift: float, most: float, accuracy: float) -> float:
    """Return a step t <= most with M + t D positive definite, at most a factor 1 + accuracy short of the longest.

    A Cholesky factorisation decides, so that the answer is safe; 0 when not even a tiny step is possible.

    Examples
    --------
    >>> 0.9 < longest_step(np.eye(2), -np.eye(2), 0.0, 5.0, 0.1) <= 1.0
    True
    """
    if is_positive(M + most * D, lift):
        return most
    low, high = 0.0, most
    while high > 1e-8 * most and (low == 0.0 or high > (1 + accuracy) * low):
        middle = (low * high) ** 0.5 if low > 0 else high / 4
        if is_positive(M + middle * D, lift):
            low = middle
        else:
            high = middle
    return low


def ray(v: Floats, d: Floats, most: float) -> float:
    """Return the largest t <= most with v + t d >= 0, for v > 0.

    Examples
    --------
    >>> ray(np.array([1.0, 2.0]), np.array([-2.0, 1.0]), 1.0)
    0.5
    """
    down = d < 0
    return min(most, float((-v[down] / d[down]).min())) if down.any() else most


def row_blocks(m: int) -> Iterator[slice]:
    """Yield the rows 0..m-1 in blocks of about `BLOCK` entries."""
    size = max(1, BLOCK // max(m, 1))
    for start in range(0, m, size):
        yield slice(start, min(m, start + size))


def gram_rows(M: Floats, edges: Integers, rows: slice) -> Floats:
    """Return the rows of (b_e^T M b_f)_{e, f <= last row}: the lower triangle of a block, shape (rows, rows.stop)."""
    i, j = edges.T
    half = M[i[rows]] - M[j[rows]]
    return np.asarray(half.take(i[: rows.stop], axis=1) - half.take(j[: rows.stop], axis=1))


def edge_diagonal(M: Floats, N: Floats, edges: Integers) -> Floats:
    """Return b_f^T M N b_f for every edge (m,), M and N symmetric (n, n), without their product.

    Examples
    --------
    >>> edge_diagonal(np.eye(2), 3 * np.eye(2), np.array([[0, 1]])).tolist()
    [6.0]
    """
    i, j = edges.T
    found = np.empty(len(edges))
    for rows in row_blocks(len(edges)):
        found[rows] = np.einsum("fn,fn->f", M[i[rows]] - M[j[rows]], N[i[rows]] - N[j[rows]])
    return found
