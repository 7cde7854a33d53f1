"""Laws of random durations: compute times, latencies, waiting times."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import Component, InputFile, NonNegative, Positive
from gossipsim.errors import ScenarioError, shown
from gossipsim.kernels import Kernel, kernel

Vector = NDArray[np.float64]

MOST = 1_000_000
"""Most durations that a file may hold."""


class Law(Component, kind="law"):
    """A distribution on [0, infinity), in mean gradient times of a unit-rate node.

    A member writes the kernel `draw(p, u, v)`, which turns two uniforms strictly between 0 and 1 into a duration, where
    `p` is the record of `constants()`; `sample`, the same for arrays; and its `mean`.
    """

    draw: ClassVar[Kernel]

    @classmethod
    def parse(cls, spec: object, base: Path | None = None) -> Self:
        """Build the law that `spec` names; a number is a constant duration.

        Examples
        --------
        >>> Law.parse(0.5)
        Constant(value=0.5)
        """
        number = isinstance(spec, int | float) and not isinstance(spec, bool)
        return super().parse({"name": "constant", "value": float(spec)} if number else spec, base)  # type: ignore[arg-type]

    if TYPE_CHECKING:
        # `exponential` has a setting of this name, which a property of the family would shadow at run time.
        @property
        def mean(self) -> float:
            """Mean duration; may be infinite."""

    @abstractmethod
    def constants(self) -> dict[str, float | Vector]:
        """Return what the kernel reads as `p.<name>`: numbers, or a vector for a field of fixed length."""

    @abstractmethod
    def sample(self, u: Vector) -> Vector:
        """Return durations `(k,)` from uniforms `(k, 2)` strictly between 0 and 1; the same map as the kernel's."""


class Constant(Law, name="constant"):
    """Always the same duration.

    Examples
    --------
    >>> law = Constant(value=0.5)
    >>> law.mean, law.sample(np.full((2, 2), 0.3))
    (0.5, array([0.5, 0.5]))
    """

    value: NonNegative

    @kernel
    def draw(p, u, v):
        """Return the value."""
        return p.value

    @property
    def mean(self) -> float:
        """The value."""
        return self.value

    def constants(self) -> dict[str, float | Vector]:
        """Return `value`."""
        return {"value": self.value}

    def sample(self, u: Vector) -> Vector:
        """Return the value, `(k,)`."""
        return np.full(len(u), self.value)


class Exponential(Law, name="exponential"):
    """Memoryless durations, P(T > t) = exp(-t / mean).

    Examples
    --------
    >>> Exponential(mean=2.0).sample(np.array([[0.5, 0.1]])).round(6)
    array([1.386294])
    """

    mean: Positive

    @kernel
    def draw(p, u, v):
        """Return -mean log(1 - u)."""
        return -p.scale * math.log1p(-u)

    def constants(self) -> dict[str, float | Vector]:
        """Return `scale`, the mean."""
        return {"scale": self.mean}

    def sample(self, u: Vector) -> Vector:
        """Return -mean log(1 - u), `(k,)`."""
        return np.asarray(-self.mean * np.log1p(-u[:, 0]))


class Uniform(Law, name="uniform"):
    """Uniform durations between low and high.

    Examples
    --------
    >>> Uniform(low=1.0, high=3.0).mean
    2.0
    """

    low: NonNegative
    high: NonNegative

    def model_post_init(self, context: Any, /) -> None:
        """Refuse low > high."""
        if self.low > self.high:
            raise ScenarioError(f"low = {self.low} is above high = {self.high}", key=("low",), allowed="low <= high")

    @kernel
    def draw(p, u, v):
        """Return low + (high - low) u."""
        return p.low + (p.high - p.low) * u

    @property
    def mean(self) -> float:
        """(low + high) / 2."""
        return self.low + (self.high - self.low) / 2.0

    def constants(self) -> dict[str, float | Vector]:
        """Return `low` and `high`."""
        return {"low": self.low, "high": self.high}

    def sample(self, u: Vector) -> Vector:
        """Return low + (high - low) u, `(k,)`."""
        return np.asarray(self.low + (self.high - self.low) * u[:, 0])


class Lognormal(Law, name="lognormal"):
    """Durations whose logarithm is Gaussian: T = median exp(sigma z).

    Here z = sqrt(-2 log u) cos(2 pi v) by Box and Muller, "A note on the generation of random normal deviates"
    (Annals of Mathematical Statistics, 1958). The mean is median exp(sigma^2 / 2).

    Examples
    --------
    >>> round(Lognormal(median=1.0, sigma=1.0).mean, 6)
    1.648721
    """

    median: Positive
    sigma: Annotated[float, Field(ge=0, le=50)]

    @kernel
    def draw(p, u, v):
        """Return median exp(sigma z)."""
        return p.median * math.exp(p.sigma * math.sqrt(-2.0 * math.log(u)) * math.cos(6.283185307179586 * v))

    @property
    def mean(self) -> float:
        """Median times exp(sigma^2 / 2)."""
        return _exp(math.log(self.median) + self.sigma**2 / 2.0)

    def constants(self) -> dict[str, float | Vector]:
        """Return `median` and `sigma`."""
        return {"median": self.median, "sigma": self.sigma}

    def sample(self, u: Vector) -> Vector:
        """Return median exp(sigma z), `(k,)`."""
        z = np.sqrt(-2.0 * np.log(u[:, 0])) * np.cos(2.0 * np.pi * u[:, 1])
        return np.asarray(self.median * np.exp(self.sigma * z))


class Pareto(Law, name="pareto"):
    """Heavy-tailed durations of at least scale, P(T > t) = (scale / t)^alpha; infinite mean for alpha <= 1.

    Examples
    --------
    >>> Pareto(scale=1.0, alpha=2.0).mean, Pareto(scale=1.0, alpha=1.0).mean
    (2.0, inf)
    """

    scale: Positive
    alpha: Annotated[float, Field(ge=0.1, allow_inf_nan=False)]

    @kernel
    def draw(p, u, v):
        """Return scale (1 - u)^(-1 / alpha)."""
        return p.scale * math.exp(-math.log1p(-u) / p.alpha)

    @property
    def mean(self) -> float:
        """Scale alpha / (alpha - 1), or infinity."""
        return self.scale * (self.alpha / (self.alpha - 1.0)) if self.alpha > 1.0 else math.inf

    def constants(self) -> dict[str, float | Vector]:
        """Return `scale` and `alpha`."""
        return {"scale": self.scale, "alpha": self.alpha}

    def sample(self, u: Vector) -> Vector:
        """Return scale (1 - u)^(-1 / alpha), `(k,)`."""
        return np.asarray(self.scale * np.exp(-np.log1p(-u[:, 0]) / self.alpha))


class Weibull(Law, name="weibull"):
    """Weibull durations, P(T > t) = exp(-(t / scale)^shape).

    Examples
    --------
    >>> round(Weibull(scale=1.0, shape=0.5).mean, 12)
    2.0
    """

    scale: Positive
    shape: Annotated[float, Field(ge=0.01, allow_inf_nan=False)]

    @kernel
    def draw(p, u, v):
        """Return scale (-log(1 - u))^(1 / shape)."""
        return p.scale * (-math.log1p(-u)) ** p.power

    @property
    def mean(self) -> float:
        """Scale times Gamma(1 + 1 / shape)."""
        return _exp(math.log(self.scale) + math.lgamma(1.0 + 1.0 / self.shape))

    def constants(self) -> dict[str, float | Vector]:
        """Return `scale`, and `power` = 1 / shape (records of NumPy have an attribute `shape` of their own)."""
        return {"scale": self.scale, "power": 1.0 / self.shape}

    def sample(self, u: Vector) -> Vector:
        """Return scale (-log(1 - u))^(1 / shape), `(k,)`."""
        return np.asarray(self.scale * (-np.log1p(-u[:, 0])) ** (1.0 / self.shape))


class Replay(Law, name="file"):
    r"""Durations drawn from a file of measured ones, each with equal probability.

    The empirical quantile function: T = t_(1 + floor(K u)) for the sorted durations t_(1) <= ... <= t_(K).

    Parameters
    ----------
    file : path
        An npz file with an array `durations` `(K,)`, or a text or CSV file with one number per line, below an optional
        header line. At most a million finite durations, none negative.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "times.txt"
    >>> _ = path.write_text("duration\n3\n1\n")
    >>> law = Replay(file=path)
    >>> law.mean, law.sample(np.array([[0.4, 0.5], [0.6, 0.5]]))
    (2.0, array([1., 3.]))
    """

    file: InputFile

    @kernel
    def draw(p, u, v):
        """Return the duration of rank 1 + floor(K u)."""
        return p.durations[int(u * len(p.durations))]

    @cached_property
    def durations(self) -> Vector:
        """The sorted durations, `(K,)`; raises `ScenarioError` with key `file` if the file does not hold them."""
        found = _lines(self.file) if self.file.suffix.lower() != ".npz" else _array(self.file)
        if not 0 < len(found) <= MOST:
            raise ScenarioError(f"{self.file.name} holds {len(found)} durations", key=("file",), allowed=f"1 to {MOST}")
        wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0.0)))
        if wrong.size:
            message = f"duration {wrong[0]} in {self.file.name} is {found[wrong[0]]}"
            raise ScenarioError(message, key=("file",), allowed="finite numbers >= 0")
        return np.sort(found)

    @property
    def mean(self) -> float:
        """Mean of the durations."""
        return math.fsum(self.durations) / len(self.durations)

    def constants(self) -> dict[str, float | Vector]:
        """Return `durations`, a vector field of length K."""
        return {"durations": self.durations}

    def sample(self, u: Vector) -> Vector:
        """Return durations by rank, `(k,)`."""
        return np.asarray(self.durations[(u[:, 0] * len(self.durations)).astype(np.int64)])


def _array(path: Path) -> Vector:
    from gossipsim.problems.files import arrays, numbers

    return numbers(arrays(path, ["durations"])["durations"], "durations", 1, path)


def _lines(path: Path) -> Vector:
    if not path.is_file():
        raise ScenarioError(f"no file {path.name!r}", key=("file",))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise ScenarioError(f"{path.name} is not a text file", key=("file",)) from fault
    found = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().strip(",")
        try:
            if text:
                found.append(float(text))
        except ValueError:
            if number > 1:
                raise ScenarioError(
                    f"{shown(text)} on line {number} of {path.name} is not a number", key=("file",)
                ) from None
    return np.array(found, dtype=np.float64)


def _exp(exponent: float) -> float:
    return math.exp(exponent) if exponent < 709.0 else math.inf
