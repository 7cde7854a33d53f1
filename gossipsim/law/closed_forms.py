"""Laws of durations in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gossipsim.arrays import Integers
from gossipsim.component import NonNegative, Positive
from gossipsim.errors import ScenarioError
from gossipsim.law.base import Law, Vector


class Constant(Law, name="constant"):
    """Always the same duration.

    Examples
    --------
    >>> law = Constant(value=0.5)
    >>> law.mean, law.sample(np.full((2, 2), 0.3))
    (0.5, array([0.5, 0.5]))
    """

    value: NonNegative

    @property
    def mean(self) -> float:
        """The value."""
        return self.value

    def sample(self, u: Vector) -> Vector:
        """Return the value, `(k,)`."""
        return np.full(len(u), self.value)

    def of_calls(self, nodes: Integers, numbers: Integers, uniforms: Callable[[], Vector]) -> Vector:
        """Return the value, `(k,)`; nothing is drawn."""
        return np.full(len(nodes), self.value)


class Exponential(Law, name="exponential"):
    """Memoryless durations, P(T > t) = exp(-t / mean).

    Examples
    --------
    >>> Exponential(mean=2.0).sample(np.array([[0.5, 0.1]])).round(6)
    array([1.386294])
    """

    mean: Positive

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

    @property
    def mean(self) -> float:
        """(low + high) / 2."""
        return self.low + (self.high - self.low) / 2.0

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

    @property
    def mean(self) -> float:
        """Median times exp(sigma^2 / 2)."""
        return _exp(math.log(self.median) + self.sigma**2 / 2.0)

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

    @property
    def mean(self) -> float:
        """Scale alpha / (alpha - 1), or infinity."""
        return self.scale * (self.alpha / (self.alpha - 1.0)) if self.alpha > 1.0 else math.inf

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

    @property
    def mean(self) -> float:
        """Scale times Gamma(1 + 1 / shape)."""
        return _exp(math.log(self.scale) + math.lgamma(1.0 + 1.0 / self.shape))

    def sample(self, u: Vector) -> Vector:
        """Return scale (-log(1 - u))^(1 / shape), `(k,)`."""
        return np.asarray(self.scale * (-np.log1p(-u[:, 0])) ** (1.0 / self.shape))


class Gamma(Law, name="gamma"):
    r"""Gamma durations after a shift: T = shift + G with density proportional to g^(shape - 1) exp(-g / scale).

    By inversion, T = shift + scale P^-1(shape, u) with P the regularised lower incomplete gamma function. The mean is
    shift + shape scale. A common fit of one-way delays: the shift is the propagation, the rest waits in queues.

    Examples
    --------
    >>> law = Gamma(shape=1.0, scale=2.0, shift=3.0)
    >>> law.mean, law.sample(np.array([[0.5, 0.1]])).round(6)
    (5.0, array([4.386294]))
    """

    shape: Annotated[float, Field(ge=0.01, le=1e6, allow_inf_nan=False)]
    scale: Positive
    shift: NonNegative = 0.0

    @property
    def mean(self) -> float:
        """Shift plus shape times scale."""
        return self.shift + self.shape * self.scale

    def sample(self, u: Vector) -> Vector:
        """Return shift + scale P^-1(shape, u), `(k,)`."""
        from scipy.special import gammaincinv

        return np.asarray(self.shift + self.scale * gammaincinv(self.shape, u[:, 0]))


def _exp(exponent: float) -> float:
    return math.exp(exponent) if exponent < 709.0 else math.inf
