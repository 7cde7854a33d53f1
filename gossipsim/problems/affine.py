"""Quadratic functions with gradients x -> H_i x - b_i, from the d rows of H_i."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.kernels import kernel
from gossipsim.problems.base import Objective, Problem, Rows, Vector
from gossipsim.problems.inverse import EIGEN_SAMPLE, eigen_rows, through_eigenvectors
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


class AffineProblem(Problem):
    """Quadratic functions f_i(x) = (1/2) x . H_i x - b_i . x + c_i, whose rows are those of `affine_rows`.

    `Objective.constants` holds the mean of the c_i as `constant`, unless it is 0.
    """

    sample: ClassVar[dict[str, str]] = AFFINE_SAMPLE
    quadratic: ClassVar[bool] = True
    inverse_sample = EIGEN_SAMPLE
    gradient = affine_gradient
    resolvent = through_eigenvectors

    def prepare(self, objective: Objective) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the means of the H_i and of the b_i in extended precision."""
        n, d = objective.n, objective.dim
        H = objective.samples["a"].reshape(n, d, d).mean(axis=0, dtype=np.longdouble)
        return H, objective.samples["b"].reshape(n, d).mean(axis=0, dtype=np.longdouble)

    def inverse(self, objective: Objective) -> tuple[Rows, NDArray[np.int64]]:
        """Return the eigenvectors of the H_i."""
        n, d = objective.n, objective.dim
        return eigen_rows(objective.samples["a"].reshape(n, d, d), objective.samples["b"].reshape(n, d))

    def smoothness_of_mean(self, objective: Objective) -> float:
        """Return the largest eigenvalue of the mean of the H_i."""
        return float(np.linalg.eigvalsh(self.hessian(objective, np.zeros(objective.dim)))[-1])

    def values(self, objective: Objective, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        H, b = (mean.astype(np.float64) for mean in objective.prepared)
        return np.asarray(
            np.einsum("kd,kd->k", (points @ H) / 2.0 - b, points) + objective.constants.get("constant", 0.0)
        )

    def local_gradients(self, objective: Objective, X: Vector) -> Vector:
        """Return H_i X_i - b_i, `(n, d)`."""
        n, d = objective.n, objective.dim
        H, b = objective.samples["a"].reshape(n, d, d), objective.samples["b"].reshape(n, d)
        X = np.broadcast_to(X, (n, d))
        return np.asarray((H @ X[:, :, None])[:, :, 0] - b)

    def mean_gradient(self, objective: Objective, x: NDArray[Any]) -> NDArray[Any]:
        """Return grad f(x), `(d,)`."""
        H, b = (mean.astype(x.dtype) for mean in objective.prepared)
        return np.asarray(H @ x - b)

    def hessian(self, objective: Objective, x: Vector) -> Vector:
        """Return the mean of the H_i, `(d, d)`."""
        return np.asarray(objective.prepared[0], dtype=np.float64)

    def hessian_product(self, objective: Objective, x: Vector, v: Vector) -> Vector:
        """Return the mean of the H_i times v, `(d,)`."""
        return self.hessian(objective, x) @ v

    def local_hessians(self, objective: Objective, X: Vector, nodes: NDArray[np.int64]) -> Vector:
        """Return H_i of the given nodes, `(k, d, d)`."""
        n, d = objective.n, objective.dim
        return np.asarray(objective.samples["a"].reshape(n, d, d)[nodes])
