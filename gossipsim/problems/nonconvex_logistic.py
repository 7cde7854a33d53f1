"""Logistic regression with a regulariser that is not convex."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import NonNegative
from gossipsim.kernels import Kernel, dot, kernel
from gossipsim.problems.base import Objective, Vector
from gossipsim.problems.logistic_regression import LogisticRegression


class NonconvexLogistic(LogisticRegression, name="nonconvex_logistic"):
    r"""Logistic regression with the regulariser lam sum_k x_k^2 / (1 + x_k^2), labels -1 and +1.

    The second derivative of x^2 / (1 + x^2) lies between -1/2 and 2, so that L_i is that of logistic regression plus 2 lam, and
    mu_i = 0: nothing is promised from below. `optimum` is the stationary point that Newton's method finds from the origin, which
    need not be the lowest. The options of the data are those of `logistic_regression`.

    Parameters
    ----------
    lam : float
        Weight of the regulariser.
    l2 : float
        Ridge, besides.

    Examples
    --------
    >>> f = NonconvexLogistic.read({"synthetic": {"samples": 20, "dim": 3}, "lam": 0.05}).build(n=4, seed=1)
    >>> f.mu, f.optimum.residual < 1e-13
    (0.0, True)
    """

    resolvent: ClassVar[Kernel | None] = None  # type: ignore[assignment]  # proximal points need convexity

    lam: NonNegative = 0.1
    l2: NonNegative = 0.0

    @kernel
    def gradient(q, samples, x, out):
        """Write the gradient of logistic regression plus 2 lam x / (1 + x^2)^2 to `out`."""
        out[:] = q.l2 * x + 2.0 * q.lam * x / ((1.0 + x * x) * (1.0 + x * x))
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

    def build(self, n: int, seed: int) -> Objective:
        """Return the objective of `n` nodes."""
        plain = super().build(n, seed)
        constants = plain.constants | {"lam": self.lam}
        return replace(plain, constants=constants, L_i=plain.L_i + 2 * self.lam, mu_i=np.zeros(n))

    def _slope(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(2 * self.lam * x / (1 + x * x) ** 2)

    def _bend(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(2 * self.lam * (1 - 3 * x * x) / (1 + x * x) ** 3)

    def smoothness_of_mean(self, objective: Objective) -> float:
        """Return that of logistic regression plus 2 lam."""
        return super().smoothness_of_mean(objective) + 2 * self.lam

    def values(self, objective: Objective, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        squares = points * points
        return np.asarray(super().values(objective, points) + self.lam * (squares / (1 + squares)).sum(axis=1))

    def local_gradients(self, objective: Objective, X: Vector) -> Vector:
        """Return grad f_i(X_i), `(n, d)`."""
        return np.asarray(super().local_gradients(objective, X) + self._slope(X))

    def mean_gradient(self, objective: Objective, x: NDArray[Any]) -> NDArray[Any]:
        """Return grad f(x), `(d,)`."""
        return np.asarray(super().mean_gradient(objective, x) + self._slope(x))

    def hessian(self, objective: Objective, x: Vector) -> Vector:
        """Return the Hessian of f at `x`, `(d, d)`."""
        return super().hessian(objective, x) + np.diag(self._bend(x))

    def hessian_product(self, objective: Objective, x: Vector, v: Vector) -> Vector:
        """Return (Hessian of f at `x`) v, `(d,)`."""
        return np.asarray(super().hessian_product(objective, x, v) + self._bend(x) * v)

    def local_hessians(self, objective: Objective, X: Vector, nodes: NDArray[np.int64]) -> Vector:
        """Return the Hessians of f_i at X_i for the given nodes, `(k, d, d)`."""
        return super().local_hessians(objective, X, nodes) + self._bend(X)[:, :, None] * np.eye(objective.dim)
