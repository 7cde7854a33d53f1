"""How the factor and the selected inverse of a network move with its rates: forward derivatives of each sweep.

The sweeps are those of `gossipsim.selected_inverse`, (I - W) D (I - W)^T with Takahashi's equations, differentiated
line by line: `d_step`, `d_left`, `d_inverse`, `d_diagonal` are the derivatives of W, D, Z and diag Z when the rates
move with unit speed along a direction. The functions are ordinary Python, compiled by numba on first use.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def factor_along(
    ptr: Any, nbr: Any, turn: Any, start: Any, rows: Any, step: Any, left: Any, d_step: Any, d_left: Any
) -> None:
    """Fill the derivatives of the factor when the rate of each slot moves with speed `turn`."""
    n = len(left)
    work = np.zeros(n)
    # columns waiting for the node of their next row, as linked lists
    head, link, at = np.full(n, -1), np.full(n, -1), start[:-1].copy()
    for j in range(n - 1):
        for p in range(ptr[j], ptr[j + 1]):
            if nbr[p] > j:
                work[nbr[p]] += turn[p]
        k = head[j]
        while k >= 0:
            following = link[k]
            p = at[k]
            through = step[p] * left[k]
            d_through = d_step[p] * left[k] + step[p] * d_left[k]
            for q in range(p + 1, start[k + 1]):
                work[rows[q]] += d_step[q] * through + step[q] * d_through
            at[k] = p + 1
            if p + 1 < start[k + 1]:
                link[k] = head[rows[p + 1]]
                head[rows[p + 1]] = k
            k = following
        total = 0.0
        for p in range(start[j], start[j + 1]):
            total += work[rows[p]]
        d_left[j] = total
        for p in range(start[j], start[j + 1]):
            d_step[p] = (work[rows[p]] - step[p] * total) / left[j]
            work[rows[p]] = 0.0
        link[j] = head[rows[start[j]]]
        head[rows[start[j]]] = j


def select_along(
    start: Any,
    rows: Any,
    step: Any,
    left: Any,
    inverse: Any,
    diagonal: Any,
    d_step: Any,
    d_left: Any,
    d_inverse: Any,
    d_diagonal: Any,
) -> None:
    """Fill the derivatives of the inverse on the pattern of the factor."""
    n = len(left)
    work, weight, d_weight = np.zeros(n), np.zeros(n), np.zeros(n)
    mark = np.full(n, -1)
    for j in range(n - 2, -1, -1):
        for p in range(start[j], start[j + 1]):
            mark[rows[p]] = j
            work[rows[p]] = 0.0
            weight[rows[p]] = step[p]
            d_weight[rows[p]] = d_step[p]
        for p in range(start[j], start[j + 1]):
            k = rows[p]
            total = d_weight[k] * diagonal[k] + weight[k] * d_diagonal[k]
            for q in range(start[k], start[k + 1]):
                i = rows[q]
                if mark[i] == j:
                    work[i] += d_weight[k] * inverse[q] + weight[k] * d_inverse[q]
                    total += d_weight[i] * inverse[q] + weight[i] * d_inverse[q]
            work[k] += total
        total = -d_left[j] / left[j] ** 2
        for p in range(start[j], start[j + 1]):
            d_inverse[p] = work[rows[p]]
            total += d_step[p] * inverse[p] + step[p] * d_inverse[p]
        d_diagonal[j] = total


def solve_columns(start: Any, rows: Any, step: Any, left: Any, x: Any) -> None:
    """Turn currents x (n, k), in elimination order with columns of zero sum, into potentials, zero at the ground."""
    n, width = x.shape
    # the row at hand in an array of its own: the compiler then knows that it does not change under it
    here = np.empty(width)
    for j in range(n - 1):
        for c in range(width):
            here[c] = x[j, c]
        for p in range(start[j], start[j + 1]):
            k, weight = rows[p], step[p]
            for c in range(width):
                x[k, c] += weight * here[c]
    x[n - 1] = 0.0
    for j in range(n - 2, -1, -1):
        for c in range(width):
            here[c] = x[j, c] / left[j]
        for p in range(start[j], start[j + 1]):
            k, weight = rows[p], step[p]
            for c in range(width):
                here[c] += weight * x[k, c]
        for c in range(width):
            x[j, c] = here[c]
