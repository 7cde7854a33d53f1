"""Isotropic quadratic functions whose curvature grows from node to node."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Dimension, NonNegative, Positive, Seed
from gossipsim.kernels import kernel
from gossipsim.problems.base import Objective, Problem, Vector, fits
from gossipsim.rows import zeros
from gossipsim.stream import generator


class IsotropicQuadratic(Problem, name="isotropic_quadratic"):
    r"""Quadratic functions |A_i x - b_i|^2 / 2 with A_i = (i / sqrt n) I, so that node i has curvature i^2 / n.

    \(b_i \sim N(0, (\zeta/i)^2 I)\), i = 1, ..., n: gradients at the origin are alike in size, zeta / sqrt n per coordinate, and
    differ in direction. The problem of Gao, Islamov, Stich, "EControl: fast distributed optimization with compression and error
    control", ICLR 2024. Constants that do not depend on x are left out of f.

    Parameters
    ----------
    dim : int
        Dimension d.
    zeta : float
        Heterogeneity.
    curvature : float, optional
        Mean curvature (1/n) sum_i |A_i|^2, to which all A_i are scaled (default: as above).
    data_seed : int, optional
        Seed of the b_i; the scenario's seed by default.

    Examples
    --------
    >>> f = IsotropicQuadratic(dim=3).build(n=4, seed=0)
    >>> f.L_i.tolist(), f.optimum.residual < 1e-15
    ([0.25, 1.0, 2.25, 4.0], True)
    """

    sample: ClassVar[dict[str, str]] = {"a": "vector", "curvature": "scalar"}
    quadratic: ClassVar[bool] = True

    dim: Dimension
    zeta: NonNegative = 1.0
    curvature: Positive | None = None
    data_seed: Seed | None = None

    @kernel
    def gradient(q, samples, x, out):
        """Write c_i x - a_i to `out`, with c_i the curvature and a_i = A_i b_i."""
        out[:] = samples[0].curvature * x - samples[0].a

    @kernel
    def resolvent(q, samples, y, rho, out):
        """Write (y + a_i) / (c_i + rho) to `out`."""
        out[:] = (y + samples[0].a) / (samples[0].curvature + rho)

    def build(self, n: int, seed: int) -> Objective:
        """Return the objective of `n` nodes; `samples` holds one row per node."""
        fits(n * (self.dim + 1), f"isotropic_quadratic with n = {n} and dim = {self.dim}", key=("dim",))
        i = np.arange(1.0, n + 1.0)
        c = i**2 / n
        scale = 1.0 if self.curvature is None else np.sqrt(self.curvature / c.mean())
        rng = generator(seed if self.data_seed is None else self.data_seed, "problem", "isotropic_quadratic")
        b = self.zeta / i[:, None] * rng.standard_normal((n, self.dim))
        samples = zeros(self.sample, self.dim, n)
        samples["a"], samples["curvature"] = scale * (i / np.sqrt(n))[:, None] * b, scale**2 * c
        L_i = samples["curvature"].copy()
        return Objective(self, self.dim, samples, np.arange(n + 1, dtype=np.int64), {}, L_i, L_i)

    def prepare(self, objective: Objective) -> tuple[Any, NDArray[Any]]:
        """Return the means of the c_i and of the a_i in extended precision."""
        rows = objective.samples
        return rows["curvature"].mean(dtype=np.longdouble), rows["a"].mean(axis=0, dtype=np.longdouble)

    def smoothness_of_mean(self, objective: Objective) -> float:
        """Return the mean of the c_i."""
        return float(objective.prepared[0])

    def values(self, objective: Objective, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        c, a = (mean.astype(np.float64) for mean in objective.prepared)
        return np.asarray(np.einsum("kd,kd->k", c / 2.0 * points - a, points))

    def local_gradients(self, objective: Objective, X: Vector) -> Vector:
        """Return c_i X_i - a_i, `(n, d)`."""
        rows = objective.samples
        return np.asarray(rows["curvature"][:, None] * X - rows["a"])

    def mean_gradient(self, objective: Objective, x: NDArray[Any]) -> NDArray[Any]:
        """Return grad f(x), `(d,)`."""
        c, a = (mean.astype(x.dtype) for mean in objective.prepared)
        return np.asarray(c * x - a)

    def hessian(self, objective: Objective, x: Vector) -> Vector:
        """Return the mean of the c_i times the identity, `(d, d)`."""
        return self.smoothness_of_mean(objective) * np.eye(objective.dim)

    def hessian_product(self, objective: Objective, x: Vector, v: Vector) -> Vector:
        """Return the mean of the c_i times v, `(d,)`."""
        return self.smoothness_of_mean(objective) * v

    def local_hessians(self, objective: Objective, X: Vector, nodes: NDArray[np.int64]) -> Vector:
        """Return c_i times the identity for the given nodes, `(k, d, d)`."""
        return np.asarray(objective.samples["curvature"][nodes][:, None, None] * np.eye(objective.dim))
