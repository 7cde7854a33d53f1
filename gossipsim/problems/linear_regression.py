"""Least squares, spread over the nodes."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import NonNegative
from gossipsim.kernels import dot, kernel
from gossipsim.problems import spectra
from gossipsim.problems.affine import AFFINE_SAMPLE, affine_gradient, affine_places
from gossipsim.problems.base import LARGE, Objective, Oracle, Problem, Rows, Vector
from gossipsim.problems.condensed import NormalEquations
from gossipsim.problems.inverse import EIGEN_SAMPLE, eigen_rows, through_eigenvectors
from gossipsim.problems.regression import Regression
from gossipsim.problems.synthetic import SyntheticLines


class LinearRegression(Regression, name="linear_regression"):
    """Least squares with a ridge, without the factor 1/2 on the residuals.

    f_i(x) = (1/m_i) sum_k (a_ik . x - b_ik)^2 + (l2/2) |x|^2, with mu_i and L_i the extreme eigenvalues of
    (2/m_i) A_i^T A_i + l2 I. The options of the data are those of `gossipsim.problems.data.DataProblem`; `synthetic`
    takes those of `gossipsim.problems.synthetic.SyntheticLines`.

    Parameters
    ----------
    l2 : float
        Ridge, l2 >= 0.

    Examples
    --------
    >>> f = LinearRegression.read({"dataset": "diabetes", "intercept": True}).build(n=10, seed=1)
    >>> f.dim, f.samples.a.shape
    (11, (442, 11))
    >>> f.optimum.residual < 1e-12
    True
    """

    quadratic: ClassVar[bool] = True
    inverse_sample = EIGEN_SAMPLE
    resolvent = through_eigenvectors
    steepest = 2.0

    l2: NonNegative = 0.0
    synthetic: SyntheticLines | None = None

    @kernel
    def gradient(q, samples, x, out):
        """Write (2/m) sum_j (a_j . x - b_j) a_j + l2 x to `out`."""
        out[:] = q.l2 * x
        for j in range(len(samples)):
            row = samples[j]
            r = 2.0 / len(samples) * (dot(row.a, x) - row.b)
            out[:] = out + r * row.a

    def lean(self, n: int) -> Problem:
        """Return the normal equations of large synthetic data that stay, as they are, on the nodes that drew them."""
        data, told = self.synthetic, self.model_fields_set
        if data is None or type(self) is not LinearRegression or not told <= {"l2", "synthetic", "data_seed"}:
            return self
        if data.samples <= data.dim or n * data.samples * (data.dim + 1) <= LARGE:
            return self
        return NormalEquations(l2=self.l2, synthetic=data, data_seed=self.data_seed)

    def condense(self, objective: Objective) -> Oracle | None:
        """Return the normal equations when they have fewer rows than the samples; they belong to this class's gradient."""
        if (
            type(self).gradient is not LinearRegression.gradient
            or len(objective.samples) <= objective.n * objective.dim
        ):
            return None
        n, d = objective.n, objective.dim
        found, first = affine_places(n, d)
        self.normal_equations(objective, found["a"].reshape(n, d, d), found["b"].reshape(n, d))
        return Oracle(affine_gradient, AFFINE_SAMPLE, found, first)

    def inverse(self, objective: Objective) -> tuple[Rows, NDArray[np.int64]]:
        """Return the eigenvectors of the H_i."""
        n, d = objective.n, objective.dim
        H, b = np.empty((n, d, d)), np.empty((n, d))
        self.normal_equations(objective, H, b)
        return eigen_rows(H, b)

    def normal_equations(self, objective: Objective, H: Vector, b: Vector) -> None:
        """Write (2/m_i) A_i^T A_i + l2 I to `H` `(n, d, d)` and (2/m_i) A_i^T b_i to `b` `(n, d)`: grad f_i(x) = H_i x - b_i."""
        spectra.normal_equations(objective.samples["a"], objective.samples["b"], objective.first, H, b)
        H *= 2.0
        b *= 2.0
        for k in range(objective.dim):
            H[:, k, k] += self.l2

    def loss(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return (z - b)^2."""
        return np.asarray(np.square(z - b))

    def slope(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return 2 (z - b)."""
        return np.asarray(2.0 * (z - b))

    def bend(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return 2."""
        return np.full_like(z, 2.0)

    def smoothness(self, a: Vector, first: NDArray[np.int64]) -> tuple[Vector, Vector]:
        """Return the extreme eigenvalues of (2/m_i) A_i^T A_i, `(n,)` each."""
        low, high = spectra.extremes(a, first)
        return 2.0 * low, 2.0 * high
