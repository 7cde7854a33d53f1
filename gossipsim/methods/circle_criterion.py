"""The linear rate that the circle criterion proves of a method in rounds whose mixing is one symmetric matrix.

Lessard, Recht, Packard, "Analysis and design of optimization algorithms via integral quadratic constraints", SIAM J. Optim. 26
(2016), here mode by mode of W; for decentralized methods: Sundararajan, Hu, Lessard, "Robust convergence analysis of distributed
optimization algorithms", Allerton 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from gossipsim.facts import Facts, Promise

_MOST_NODES = 2000
_HALVINGS = 60

Floats = NDArray[np.float64]
Loop = Callable[[Floats], tuple[Floats, Floats]]
"""Eigenvalues of W `(K,)` -> N `(2, K)` and D `(3, K)`, coefficients from the highest power down: x = -(N/D)(z) g."""


def contraction(mu: float, L: float, lr: float, values: Floats, loop: Loop) -> float:
    r"""Return the r above which the criterion proves \(\|x^k - x^*\| \le C r^k\), or infinity.

    In the eigenvectors of W a method is one scalar recursion \(x = -(N/D)(z)\, g\) per eigenvalue, and all that is used of the
    gradients is that every \(f_i\) is mu-strongly convex and L-smooth, \(|g - m x| \le \frac{L - \mu}{2} |x|\) with
    \(m = (L + \mu)/2\), x and g measured from the solution. With sequences weighted by \(r^{-k}\) the small-gain theorem asks
    of every mode, on \(|z| = r\),

    .. math:: \tfrac{L - \mu}{2}\, |N(z)| \le |D(z) + m N(z)|,

    and that \(D + m N\) has no zero outside. Modes are orthogonal, so the largest gain is that of the whole network. The mean
    obeys gradient descent, \(r \ge \max(|1 - \gamma\mu|, |1 - \gamma L|)\).

    Parameters
    ----------
    mu, L : float
        Strong convexity and smoothness of every local function.
    lr : float
        Step size gamma.
    values : ndarray, shape (K,)
        Eigenvalues of W without the one of the mean.
    loop : callable
        The recursion of a mode, of second order.

    Examples
    --------
    Two nodes that average exactly do gradient descent:

    >>> contraction(1.0, 3.0, 0.5, np.zeros(1), lambda w: (0.5 * np.array([w, -w]), np.array([1 + 0 * w, -2 * w, w**2])))
    0.5
    """
    numerator, denominator = loop(values)
    denominator = denominator.astype(np.float64)
    denominator[1:] += (L + mu) / 2 * numerator

    def proved(r: float) -> bool:
        return _stable(r, denominator) and _least(r, (L - mu) / 2 * numerator, denominator) >= 0.0

    low, high = max(abs(1 - lr * mu), abs(1 - lr * L)), 1.0
    if not (low < 1.0 and proved(high)):
        return inf
    if proved(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if proved(middle) else (middle, high)
    return high


def _stable(r: float, D: Floats) -> bool:
    """Return whether all zeros of all D lie inside the circle of radius r (Jury's conditions)."""
    _, d_1, d_0 = D
    return bool((np.abs(d_0) < r**2).all() and (np.abs(d_1) * r < r**2 + d_0).all())


def _least(r: float, N: Floats, D: Floats) -> float:
    """Return the least |D|^2 - |N|^2 on the circle of radius r, a quadratic in the cosine of the angle."""
    (n_1, n_0), (_, d_1, d_0) = N, D
    square = 4 * d_0 * r**2
    slope = 2 * r * (d_1 * (r**2 + d_0) - n_1 * n_0)
    constant = r**4 + d_1**2 * r**2 + d_0**2 - square / 2 - n_1**2 * r**2 - n_0**2
    bowl = square > 0.0
    lowest = np.clip(-slope / np.where(bowl, 2 * square, 1.0), -1.0, 1.0)
    cosines = np.array([np.full_like(slope, -1.0), np.full_like(slope, 1.0), np.where(bowl, lowest, 1.0)])
    return float((constant + slope * cosines + square * cosines**2).min(initial=inf))


def rounds_promise(facts: Facts, lr: float, loop: Loop, source: str) -> Promise | None:
    """Return the promise that the error falls by r^2 in every round.

    None without mu > 0, on a graph that changes, and with more nodes than a dense matrix should have.
    """
    values = facts.mixing_eigenvalues if facts.mu > 0 and facts.n <= _MOST_NODES else None
    if values is None:
        return None
    r = contraction(facts.mu, facts.L, lr, values[1:], loop)
    condition = f"gamma small enough for the circle criterion (gamma L = {lr * facts.L:.4g}), exact gradients, rounds of length 1"
    rate = 0.0 if r >= 1.0 else -2 * log(r) if r > 0.0 else inf
    return Promise("error", rate, source, condition, met=r < 1.0)
