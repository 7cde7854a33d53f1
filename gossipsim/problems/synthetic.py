"""Synthetic regression data: every node draws its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from typing import Annotated, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import Dimension, Finite, NonNegative, Positive, Probability, Settings
from gossipsim.errors import ScenarioError
from gossipsim.problems.base import fits
from gossipsim.problems.files import Table
from gossipsim.rows import zeros
from gossipsim.stream import generator

Vector = NDArray[np.float64]
BLOCK = 1_000_000
"""Numbers drawn at once."""
PerNode = Annotated[int, Field(ge=1, le=100_000_000)]


class Synthesised(Protocol):
    """A problem with synthetic data."""

    name: ClassVar[str]

    @property
    def data_seed(self) -> int | None:
        """Seed of the data, or None for that of the scenario."""


def stream(problem: Synthesised, seed: int) -> np.random.Generator:
    """Return the stream that a problem's synthetic data are drawn from."""
    return generator(seed if problem.data_seed is None else problem.data_seed, "problem", problem.name, "synthetic")


class Synthetic(Settings):
    """What all generators share: samples per node and dimension."""

    samples: PerNode = 100
    dim: Dimension = 2

    def generate(self, n: int, rng: np.random.Generator) -> Table:
        """Return one block of `samples` rows per node; raise `ScenarioError` if they would not fit in memory."""
        m, d = self.samples, self.dim
        self.limit(n)
        samples = zeros({"a": "vector", "b": "scalar"}, d, n * m)
        self.draw(samples["a"].reshape(n, m, d), samples["b"].reshape(n, m), rng)
        return Table(samples["a"], samples["b"], np.arange(n + 1, dtype=np.int64) * m, rows=samples)

    def limit(self, n: int) -> None:
        """Refuse more numbers than samples may hold."""
        m, d = self.samples, self.dim
        fits(n * m * (d + 1), f"synthetic data for {n} nodes with {m} samples in dimension {d}", key=("synthetic",))

    @abstractmethod
    def draw(self, A: Vector, b: Vector, rng: np.random.Generator) -> None:
        """Fill in features `(n, m, d)` and labels `(n, m)`."""


class SyntheticLines(Synthetic):
    """Linear data with an independent truth on every node.

    b_ik = s_i (a_ik . w_i + e_ik) with a_ik ~ N(0, I), w_i uniform in [0, truth]^d, e_ik ~ N(0, noise^2) and a slope
    factor s_i uniform in [slope_low, slope_high]. The defaults are the setting of Nabli and Oyallon, "DADAO: decoupled
    accelerated decentralized asynchronous optimization" (ICML 2023), Section 5.

    Examples
    --------
    >>> SyntheticLines(samples=7, dim=3).generate(4, np.random.default_rng(0)).data.shape
    (28, 3)
    """

    noise: NonNegative = 10.0
    truth: NonNegative = 100.0
    slope_low: Finite = 0.01
    slope_high: Finite = 5.0

    def draw(self, A: Vector, b: Vector, rng: np.random.Generator) -> None:
        """Fill in features `(n, m, d)` and labels `(n, m)`."""
        self._check()
        n, m, d = A.shape
        for part in _parts(n, m, d):
            A[part] = rng.standard_normal(A[part].shape)
        w = self._truths(n, rng)
        for part in _parts(n, m, d):
            b[part] = self._lines(A[part], w[part], rng)
        b *= self._slopes(n, rng)

    def parts(self, n: int, rng: np.random.Generator) -> Iterator[tuple[slice, Vector, Vector]]:
        """Yield nodes with their features `(k, m, d)` and labels `(k, m)` as `draw` makes them, some nodes at a time.

        All features stand in the stream before all truths, and these before all noise. So features and noise are drawn
        twice: first to pass over them.
        """
        self._check()
        parts = _parts(n, self.samples, self.dim)
        shapes = [(min(part.stop, n) - part.start, self.samples, self.dim) for part in parts]
        features = deepcopy(rng)
        for shape in shapes:
            rng.standard_normal(shape)
        w = self._truths(n, rng)
        noise = deepcopy(rng)
        for shape in shapes:
            rng.standard_normal(shape[:2])
        slopes = self._slopes(n, rng)
        for part, shape in zip(parts, shapes, strict=True):
            A = features.standard_normal(shape)
            yield part, A, self._lines(A, w[part], noise) * slopes[part]

    def _check(self) -> None:
        if self.slope_low > self.slope_high:
            raise ScenarioError(
                f"slope_low = {self.slope_low} is above slope_high = {self.slope_high}", key=("synthetic", "slope_low")
            )

    def _truths(self, n: int, rng: np.random.Generator) -> Vector:
        return rng.uniform(0.0, self.truth, (n, self.dim))

    def _lines(self, A: Vector, w: Vector, rng: np.random.Generator) -> Vector:
        return np.asarray(np.einsum("nmd,nd->nm", A, w) + self.noise * rng.standard_normal(A.shape[:2]))

    def _slopes(self, n: int, rng: np.random.Generator) -> Vector:
        return rng.uniform(self.slope_low, self.slope_high, (n, 1))


class SyntheticClusters(Synthetic):
    """Two Gaussian clusters per node, with flipped labels.

    b_ik = -1 or +1 with equal probability and a_ik = b_ik (separation/2) u + s_i + z_ik, where u is one random unit
    vector for all nodes, s_i ~ N(0, shift^2 I) moves the clusters of node i, and z_ik ~ N(0, I). Then each label
    changes sign with probability `flip`.

    Examples
    --------
    >>> sorted(set(SyntheticClusters(samples=50).generate(2, np.random.default_rng(0)).labels.tolist()))
    [-1.0, 1.0]
    """

    separation: Positive = 2.0
    shift: NonNegative = 0.0
    flip: Probability = 0.01

    def draw(self, A: Vector, b: Vector, rng: np.random.Generator) -> None:
        """Fill in features `(n, m, d)` and labels `(n, m)`."""
        n, _, d = A.shape
        u = rng.standard_normal(d)
        b[:] = np.where(rng.random(b.shape) < 0.5, -1.0, 1.0)
        centre = self.separation / 2.0 * u / np.linalg.norm(u)
        shift = self.shift * rng.standard_normal((n, 1, d))
        for part in _parts(*A.shape):
            A[part] = b[part, :, None] * centre + shift[part] + rng.standard_normal(A[part].shape)
        b[rng.random(b.shape) < self.flip] *= -1.0


def _parts(n: int, m: int, d: int) -> list[slice]:
    """Return slices of nodes with about a million numbers each, so that nothing is held in memory twice."""
    step = max(1, BLOCK // (m * d))
    return [slice(k, k + step) for k in range(0, n, step)]
