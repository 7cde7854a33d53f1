"""What linear and logistic regression share: f_i(x) = (1/m_i) sum_k phi(a_ik . x, b_ik) + (l2/2) |x|^2."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import NonNegative
from gossipsim.problems import spectra
from gossipsim.problems.base import Objective, Vector, fits, rows
from gossipsim.problems.data import DataProblem

EXTENDED = 50_000_000
"""Most features for which gradients are summed in extended precision, which BLAS does not speed up."""
BLOCK = 4_000_000
LARGEST_GRAM = 4000
"""Dimension up to which the smoothness of f comes from a (d, d) eigenvalue problem."""


class Regression(DataProblem):
    """A loss phi of a linear prediction, averaged over samples, plus a ridge.

    A member gives phi and its first two derivatives in the prediction z, elementwise on arrays of any precision.
    """

    sample: ClassVar[dict[str, str]] = {"a": "vector", "b": "scalar"}
    sampled = True
    steepest: ClassVar[float]
    """Largest second derivative of phi in z."""

    l2: NonNegative = 0.0

    @abstractmethod
    def loss(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return phi(z, b)."""

    @abstractmethod
    def slope(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return the first derivative of phi in z."""

    @abstractmethod
    def bend(self, z: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """Return the second derivative of phi in z."""

    @abstractmethod
    def smoothness(self, a: Vector, first: NDArray[np.int64]) -> tuple[Vector, Vector]:
        """Return mu_i and L_i without the ridge, `(n,)` each."""

    def build(self, n: int, seed: int) -> Objective:
        """Return the objective of `n` nodes."""
        found = self.load(n, seed)
        N, d = found.data.shape
        fits(N * (d + 1), f"data with {N} samples in dimension {d}", key=())
        samples = rows(found.data, found.labels) if found.rows is None else found.rows
        low, high = self.smoothness(samples["a"], found.first)
        return Objective(self, d, samples, found.first, {"l2": self.l2}, high + self.l2, low + self.l2)

    def values(self, objective: Objective, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        A, b, w = objective.samples["a"], objective.samples["b"], objective.weights
        out = self.l2 / 2.0 * np.einsum("kd,kd->k", points, points)
        step = max(1, BLOCK // len(points))
        for j in range(0, len(A), step):
            part = slice(j, j + step)
            out += w[part] @ self.loss(A[part] @ points.T, b[part, None])
        return np.asarray(out)

    def local_gradients(self, objective: Objective, X: Vector) -> Vector:
        """Return grad f_i(X_i), `(n, d)`; `X` is `(n, d)` or one point `(d,)`."""
        n, d, first = objective.n, objective.dim, objective.first
        X = np.broadcast_to(X, (n, d))
        out = self.l2 * X
        edges = np.searchsorted(first, np.arange(0, first[-1], max(1, BLOCK // d)), side="right") - 1
        for low, high in zip(np.unique(edges), [*np.unique(edges)[1:], n], strict=True):
            part = slice(first[low], first[high])
            A, b = objective.samples["a"][part], objective.samples["b"][part]
            counts = objective.counts[low:high]
            z = np.einsum("jd,jd->j", A, np.repeat(X[low:high], counts, axis=0))
            r = self.slope(z, b) / np.repeat(counts, counts)
            out[low:high] += np.add.reduceat(r[:, None] * A, first[low:high] - first[low], axis=0)
        return out

    def smoothness_of_mean(self, objective: Objective) -> float:
        """Return l2 plus the largest second derivative of phi times the largest eigenvalue of sum_j w_j a_j a_j^T."""
        A, w, d = objective.samples["a"], objective.weights, objective.dim
        if d > LARGEST_GRAM:
            return float(objective.L_i.mean())
        gram = np.zeros((d, d))
        step = max(1, BLOCK // d)
        for j in range(0, len(A), step):
            gram += A[j : j + step].T @ (w[j : j + step, None] * A[j : j + step])
        return float(self.steepest * np.linalg.eigvalsh(gram)[-1] + self.l2)

    def mean_gradient(self, objective: Objective, x: NDArray[Any]) -> NDArray[Any]:
        """Return grad f(x), `(d,)`, in the precision of `x` while the data are not too many."""
        A, b, w = objective.samples["a"], objective.samples["b"], objective.weights
        if x.dtype == np.float64 or A.size > EXTENDED:
            x = x.astype(np.float64)
            return np.asarray(A.T @ (w * self.slope(A @ x, b)) + self.l2 * x)
        out = self.l2 * x
        # The weights are recomputed: 1 / (n m_i) rounded to double would perturb the minimiser.
        shares = np.repeat(objective.n * objective.counts, objective.counts)
        step = max(1, BLOCK // objective.dim)
        for j in range(0, len(A), step):
            part = slice(j, j + step)
            block, labels, weights = A[part].astype(x.dtype), b[part].astype(x.dtype), 1 / shares[part].astype(x.dtype)
            out = out + (weights * self.slope(block @ x, labels)) @ block
        return np.asarray(out)

    def hessian(self, objective: Objective, x: Vector) -> Vector:
        """Return the Hessian of f at `x`, `(d, d)`."""
        A, b = objective.samples["a"], objective.samples["b"]
        H = self.l2 * np.eye(objective.dim)
        step = max(1, BLOCK // objective.dim)
        for j in range(0, len(A), step):
            part = slice(j, j + step)
            w = objective.weights[part] * self.bend(A[part] @ x, b[part])
            H += A[part].T @ (w[:, None] * A[part])
        return H

    def hessian_product(self, objective: Objective, x: Vector, v: Vector) -> Vector:
        """Return (Hessian of f at `x`) v, `(d,)`."""
        A, b = objective.samples["a"], objective.samples["b"]
        return np.asarray(A.T @ (objective.weights * self.bend(A @ x, b) * (A @ v)) + self.l2 * v)

    def local_hessians(self, objective: Objective, X: Vector, nodes: NDArray[np.int64]) -> Vector:
        """Return the Hessians of f_i at X_i for the given nodes, `(k, d, d)`; `X` is `(k, d)`."""
        counts = objective.counts
        placed = np.zeros((objective.n, objective.dim))
        placed[nodes] = X
        A, b = objective.samples["a"], objective.samples["b"]
        z = np.einsum("jd,jd->j", A, np.repeat(placed, counts, axis=0))
        w = self.bend(z, b) / np.repeat(counts, counts)
        return spectra.hessians(A, objective.first, nodes, w) + self.l2 * np.eye(objective.dim)
