"""Quadratic problems with chosen eigenvalues, or with matrices from a file."""

from __future__ import annotations

import numpy as np

from gossipsim.component import Dimension, InputFile, NonNegative, Positive, Seed
from gossipsim.errors import ScenarioError
from gossipsim.problems.affine import AffineProblem, affine_rows
from gossipsim.problems.base import Objective, Vector, fits
from gossipsim.stream import generator


class Quadratic(AffineProblem, name="quadratic"):
    """Quadratic functions with eigenvalues in [mu, L] around random centres.

    f_i(x) = (1/2) x^T H_i x - b_i^T x with b_i = H_i c_i, that is (1/2) (x - c_i)^T H_i (x - c_i) up to a constant.
    H_i has a random rotation, and for dim >= 2 its smallest eigenvalue is mu and its largest L on every node; the
    others are log-uniform between them. For dim = 1 its only eigenvalue is log-uniform in [mu, L].

    Parameters
    ----------
    dim : int
        Dimension d; required without `file`.
    mu, L : float
        Smallest and largest eigenvalue, 0 < mu <= L. With mu = L the optimum is the mean of the centres.
    spread : float
        The centres are c_i ~ N(0, spread^2 I).
    file : path, optional
        An npz file with `H` `(n, d, d)`, symmetric and positive semi-definite, and `b` `(n, d)`; it replaces the rest.
    data_seed : int, optional
        Seed of matrices and centres; the scenario's seed by default.

    Raises
    ------
    ScenarioError
        mu > L, no `dim`, too many numbers, or a file that does not fit.

    Examples
    --------
    >>> f = Quadratic(dim=2, mu=1.0, L=10.0).build(n=5, seed=0)
    >>> f.L, f.mu, f.samples.a.shape
    (10.0, 1.0, (10, 2))
    """

    dim: Dimension | None = None
    mu: Positive = 1.0
    L: Positive = 1.0
    spread: NonNegative = 1.0
    file: InputFile | None = None
    data_seed: Seed | None = None

    def build(self, n: int, seed: int) -> Objective:
        """Return the objective of `n` nodes; `samples` holds the n d rows of all H_i."""
        if self.file is not None:
            H, b = self._read(n)
            w = np.asarray(np.linalg.eigvalsh(H), dtype=np.float64)
            _convex(w)
            low, high = np.maximum(w[:, 0], 0.0), w[:, -1]
        else:
            H, b, low, high = self._draw(n, seed)
        samples, first = affine_rows(H, b)
        return Objective(self, H.shape[1], samples, first, {}, high, low)

    def _draw(self, n: int, seed: int) -> tuple[Vector, Vector, Vector, Vector]:
        if self.dim is None:
            raise ScenarioError(
                "missing key 'dim' (the dimension)", allowed="dim: a whole number, or file: an npz file"
            )
        if self.mu > self.L:
            raise ScenarioError(f"mu = {self.mu} is larger than L = {self.L}", key=("mu",), allowed="mu <= L")
        d = self.dim
        fits(n * d * (d + 1), f"quadratic with n = {n} and dim = {d}", key=("dim",))
        rng = generator(seed if self.data_seed is None else self.data_seed, "problem", "quadratic")
        centres = self.spread * rng.standard_normal((n, d))
        w = np.exp(rng.uniform(np.log(self.mu), np.log(self.L), (n, d)))
        w = np.clip(w, self.mu, self.L)
        if d > 1:
            w[:, 0], w[:, -1] = self.mu, self.L
        if self.mu == self.L:
            H = np.zeros((n, d, d))
            H[:, np.arange(d), np.arange(d)] = self.mu
        else:
            Q, _ = np.linalg.qr(rng.standard_normal((n, d, d)))
            H = (Q * w[:, None, :]) @ np.swapaxes(Q, 1, 2)
            H = (H + np.swapaxes(H, 1, 2)) / 2.0
        return H, np.einsum("nij,nj->ni", H, centres), w.min(axis=1), w.max(axis=1)

    def _read(self, n: int) -> tuple[Vector, Vector]:
        from gossipsim.problems.files import arrays, numbers

        assert self.file is not None
        found = arrays(self.file, ["H", "b"])
        H, b = numbers(found["H"], "H", 3, self.file), numbers(found["b"], "b", 2, self.file)
        if H.shape[1] != H.shape[2] or b.shape != H.shape[:2]:
            raise ScenarioError(
                f"H has shape {H.shape} and b {b.shape} in {self.file.name}",
                key=("file",),
                allowed="H (n, d, d), b (n, d)",
            )
        if len(H) != n:
            raise ScenarioError(f"{self.file.name} holds {len(H)} nodes but the topology has {n}", key=("file",))
        scale = np.abs(H).max(axis=(1, 2), keepdims=True)
        crooked = np.argwhere(np.abs(H - np.swapaxes(H, 1, 2)) > 1e-12 * scale)
        if crooked.size:
            raise ScenarioError(
                f"H[{crooked[0, 0]}] is not symmetric at {tuple(crooked[0, 1:].tolist())}", key=("file",)
            )
        return (H + np.swapaxes(H, 1, 2)) / 2.0, b


def _convex(w: Vector) -> None:
    bent = np.flatnonzero(w[:, 0] < -1e-12 * np.abs(w).max(axis=1))
    if bent.size:
        raise ScenarioError(
            f"H[{bent[0]}] has the negative eigenvalue {w[bent[0], 0]:.3g}", key=("file",), allowed="H_i >= 0"
        )
