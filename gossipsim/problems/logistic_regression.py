"""Logistic regression, spread over the nodes."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Finite, NonNegative
from gossipsim.kernels import dot, kernel
from gossipsim.problems import spectra
from gossipsim.problems.base import Vector
from gossipsim.problems.data import signs
from gossipsim.problems.files import Table
from gossipsim.problems.inverse import solve_in_place
from gossipsim.problems.regression import Regression
from gossipsim.problems.synthetic import SyntheticClusters


class LogisticRegression(Regression, name="logistic_regression"):
    """Logistic regression with a ridge, labels -1 and +1.

    f_i(x) = (1/m_i) sum_k log(1 + exp(-b_ik a_ik . x)) + (l2/2) |x|^2, with mu_i = l2 and
    L_i = l2 + lambda_max(A_i^T A_i) / (4 m_i). The options of the data are those of
    `gossipsim.problems.data.DataProblem`; `synthetic` takes those of `gossipsim.problems.synthetic.SyntheticClusters`.
    A partition sees the labels of the source, before `positive` reduces them to two classes.

    Parameters
    ----------
    l2 : float
        Ridge, l2 >= 0; without it, separable data have no minimiser.
    positive : number or str, optional
        The class that becomes +1, all others -1; needed unless the labels are -1 and +1, or 0 and 1.

    Examples
    --------
    >>> f = LogisticRegression.read({"dataset": "breast_cancer", "l2": 0.1}).build(n=32, seed=1)
    >>> f.n, f.dim, f.mu
    (32, 30, 0.1)
    >>> f.optimum.residual < 1e-15
    True
    """

    steepest = 0.25

    l2: NonNegative = 0.1
    positive: int | Finite | str | None = None
    synthetic: SyntheticClusters | None = None

    @kernel
    def gradient(q, samples, x, out):
        """Write -(1/m) sum_j b_j sigma(-b_j a_j . x) a_j + l2 x to `out`, with sigma(z) = 1 / (1 + exp(-z))."""
        out[:] = q.l2 * x
        for j in range(len(samples)):
            row = samples[j]
            z = row.b * dot(row.a, x)
            # Both branches exponentiate a number that is not positive, which cannot overflow.
            if z > 0.0:
                e = math.exp(-z)
                r = -row.b * e / (1.0 + e) / len(samples)
            else:
                r = -row.b / (1.0 + math.exp(z)) / len(samples)
            out[:] = out + r * row.a

    @kernel
    def resolvent(q, samples, y, rho, out):
        """Minimise f_i(x) - y . x + (rho / 2) |x|^2 by Newton's method, halving steps that do not lower it.

        It ends when the gradient is zero up to rounding, or when rounding hides any further decrease.
        """
        d, m = len(y), len(samples)
        ridge = q.l2 + rho
        H, g, trial = np.empty((d, d)), np.empty(d), np.empty(d)
        for k in range(d):
            out[k] = 0.0
        value = math.log(2.0)
        for _ in range(100):
            for k in range(d):
                g[k] = ridge * out[k] - y[k]
                for i in range(k + 1):
                    H[k, i] = 0.0
                H[k, k] = ridge
            size = 0.0
            for k in range(d):
                size += abs(y[k]) + ridge * abs(out[k])
            for j in range(m):
                row = samples[j]
                z = 0.0
                for k in range(d):
                    z += row.a[k] * out[k]
                e = math.exp(-abs(row.b * z))
                share = (e if row.b * z > 0.0 else 1.0) / (1.0 + e)
                bend = e / ((1.0 + e) * (1.0 + e)) / m
                for k in range(d):
                    g[k] -= row.b * share / m * row.a[k]
                    size += abs(row.b * share / m * row.a[k])
                    for i in range(k + 1):
                        H[k, i] += bend * row.a[k] * row.a[i]
            steep = 0.0
            for k in range(d):
                steep += abs(g[k])
            if steep <= 1e-16 * size:
                break
            solve_in_place(H, g)
            step, better = 1.0, False
            for _ in range(60):
                lower = 0.0
                for k in range(d):
                    trial[k] = out[k] - step * g[k]
                    lower += (0.5 * ridge * trial[k] - y[k]) * trial[k]
                for j in range(m):
                    row = samples[j]
                    z = 0.0
                    for k in range(d):
                        z += row.a[k] * trial[k]
                    z = row.b * z
                    lower += (math.log1p(math.exp(-abs(z))) + max(-z, 0.0)) / m
                if lower < value:
                    better = True
                    break
                step = 0.5 * step
            if not better:
                # rounding hides what the step gains, but the step itself is still good to the last digits
                for k in range(d):
                    out[k] -= g[k]
                break
            value = lower
            for k in range(d):
                out[k] = trial[k]

    def label(self, table: Table) -> Vector:
        """Return labels -1 and +1, `(N,)`."""
        return signs(table, self.positive, self.source)

    def loss(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return log(1 + exp(-b z))."""
        return np.asarray(np.logaddexp(0.0, -b * z))

    def slope(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return -b sigma(-b z)."""
        e = np.exp(-np.abs(z))
        return np.asarray(-b * np.where(b * z > 0.0, e, 1.0) / (1.0 + e))

    def bend(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return sigma(z) sigma(-z), as b^2 = 1."""
        e = np.exp(-np.abs(z))
        return np.asarray(e / (1.0 + e) ** 2)

    def smoothness(self, a: Vector, first: NDArray[np.int64]) -> tuple[Vector, Vector]:
        """Return 0 and lambda_max(A_i^T A_i) / (4 m_i), `(n,)` each."""
        low, high = spectra.extremes(a, first, lowest=False)
        return low, high / 4.0
