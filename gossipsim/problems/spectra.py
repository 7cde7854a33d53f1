"""Extreme eigenvalues of the local Gram matrices, for many small shards or for few large ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Vector = NDArray[np.float64]
Shards = NDArray[np.int64]

EXACT = 2000
"""Largest order of a Gram matrix whose eigenvalues are all computed."""
BATCH = 4_000_000
_SERIAL = 100_000
"""Work of a matrix product that no library spreads over threads."""


def extremes(A: Vector, first: Shards, lowest: bool = True) -> tuple[Vector, Vector]:
    """Return the smallest and largest eigenvalues of (1/m_i) A_i^T A_i for all shards, `(n,)` each.

    Exact to rounding when min(m_i, d) <= 2000. Beyond that, the largest is a Lanczos value plus its residual, capped by
    the bounds trace and |A|_1 |A|_inf, and the smallest is a shift-invert value minus its residual, or 0 if that fails.

    Parameters
    ----------
    A : (N, d)
        Rows of all shards.
    first : (n + 1,) int64
        Where the shards start.
    lowest : bool
        Whether the smallest eigenvalues are wanted; otherwise they are returned as 0.

    Examples
    --------
    >>> extremes(np.diag([1.0, 2.0, 4.0, 2.0])[:, :2], np.array([0, 2, 4]))
    (array([0.5, 0. ]), array([2., 0.]))
    """
    d = A.shape[1]
    low, high = np.zeros(len(first) - 1), np.zeros(len(first) - 1)
    for nodes, m in batches(first, d):
        if min(m, d) > EXACT:
            for i in nodes:
                low[i], high[i] = _large(A[first[i] : first[i + 1]], lowest)
            continue
        block = gather(A, first, nodes, m)
        # A_i A_i^T has the same nonzero eigenvalues as A_i^T A_i and is smaller when a node has few samples.
        G = np.swapaxes(block, 1, 2) @ block if m >= d else block @ np.swapaxes(block, 1, 2)
        w = np.linalg.eigvalsh(G) / m
        high[nodes] = np.maximum(w[:, -1], 0.0)
        if lowest and m >= d:
            floor = max(m, d) * np.finfo(float).eps * w[:, -1]
            low[nodes] = np.where(w[:, 0] > floor, w[:, 0], 0.0)
    return low, high


def hessians(A: Vector, first: Shards, nodes: Shards, weights: Vector) -> Vector:
    """Return sum_j w_j a_j a_j^T over the rows of each of the given nodes, `(k, d, d)`, for row weights `(N,)`.

    Examples
    --------
    >>> hessians(np.eye(2), np.array([0, 1, 2]), np.array([1]), np.array([5.0, 7.0])).tolist()
    [[[0.0, 0.0], [0.0, 7.0]]]
    """
    d = A.shape[1]
    out = np.empty((len(nodes), d, d))
    for places, m in batches(first, d, nodes):
        block = gather(A, first, nodes[places], m)
        scaled = block * gather(weights[:, None], first, nodes[places], m)
        out[places] = np.swapaxes(block, 1, 2) @ scaled
    return out


def normal_equations(A: Vector, b: Vector, first: Shards, grams: Vector, moments: Vector) -> None:
    """Write (1/m_i) A_i^T A_i and (1/m_i) A_i^T b_i of all shards to `grams` `(n, d, d)` and `moments` `(n, d)`.

    Examples
    --------
    >>> grams, moments = np.empty((1, 2, 2)), np.empty((1, 2))
    >>> normal_equations(np.diag([2.0, 4.0]), np.array([1.0, 3.0]), np.array([0, 2]), grams, moments)
    >>> grams.tolist(), moments.tolist()
    ([[[2.0, 0.0], [0.0, 8.0]]], [[1.0, 6.0]])
    """
    d = A.shape[1]
    # With several threads the order of sums, and so the last bits of gradients, would depend on the machine.
    with threadpool_limits(1) if np.diff(first).max() * d * d > _SERIAL else nullcontext():
        for nodes, m in batches(first, d):
            block = gather(A, first, nodes, m)
            turned = np.swapaxes(block, 1, 2)
            grams[nodes] = turned @ block / m
            moments[nodes] = (turned @ gather(b[:, None], first, nodes, m))[:, :, 0] / m


def batches(first: Shards, d: int, nodes: Shards | None = None) -> Iterator[tuple[Shards, int]]:
    """Yield places in `nodes` (default: all) of shards of one size m, and m; a few million numbers at a time."""
    counts = np.diff(first) if nodes is None else np.diff(first)[nodes]
    ranked = np.argsort(counts, kind="stable")
    sizes, starts = np.unique(counts[ranked], return_index=True)
    for m, group in zip(sizes.tolist(), np.split(ranked, starts[1:]), strict=True):
        step = max(1, BATCH // (max(m, d) * d))
        for k in range(0, len(group), step):
            yield group[k : k + step], int(m)


def gather(A: Vector, first: Shards, nodes: Shards, m: int) -> Vector:
    """Return the shards of nodes with m rows each as `(k, m, d)`."""
    if len(nodes) == 1:
        return A[first[nodes[0]] : first[nodes[0]] + m][None]
    return np.asarray(A[first[nodes][:, None] + np.arange(m)])


def _large(A: Vector, lowest: bool) -> tuple[float, float]:
    from scipy.sparse.linalg import LinearOperator, eigsh

    m, d = A.shape
    start = np.ones(d) + np.arange(d) / d
    G = LinearOperator((d, d), matvec=lambda v: A.T @ (A @ v), dtype=np.float64)
    values, vectors = eigsh(G, k=1, which="LA", tol=1e-12, v0=start)
    residual = float(np.linalg.norm(G @ vectors[:, 0] - values[0] * vectors[:, 0]))
    magnitude = np.abs(A)
    bound = min(float(np.sum(A * A)), float(magnitude.sum(axis=0).max() * magnitude.sum(axis=1).max()))
    high = min(float(values[0]) + residual, bound) / m
    if not lowest or m < d or d > 3 * EXACT:
        return 0.0, high
    try:
        S = A.T @ A
        values, vectors = eigsh(S, k=1, sigma=0.0, tol=1e-10, v0=start)
        residual = float(np.linalg.norm(S @ vectors[:, 0] - values[0] * vectors[:, 0]))
    except Exception:  # a singular matrix: scipy's way of saying so depends on its version
        return 0.0, high
    return max(0.0, float(values[0]) - residual) / m, high
