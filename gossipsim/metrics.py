"""What is measured at a record point: the family `metrics`.

All nodes are first brought to the time of the record along their flow (on a copy: measuring never changes a run).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.catalogue import callable_module
from gossipsim.component import Component


@dataclass(frozen=True)
class View:
    """What a metric may look at.

    Attributes
    ----------
    primal : ndarray, shape (n, d)
        Every node's estimate of the solution, at the time of the record.
    target : ndarray, shape (d,)
        The solution: x*, or the average of the starting points.
    objective : Objective
        The built problem.
    """

    primal: NDArray[np.float64]
    target: NDArray[np.float64]
    objective: Any


class Metric(Component, kind="metric"):
    """One number per record."""

    label: ClassVar[str] = ""
    """How a plot's axis writes it."""

    @staticmethod
    def measure(view: View) -> float:
        """Return the value."""
        raise NotImplementedError


class Error(Metric, name="error"):
    """Mean squared distance to the solution, (1/n) sum_i |x_i - x*|^2."""

    label = r"error  $\frac{1}{n}\sum_i \|x_i - x^\star\|^2$"

    @staticmethod
    def measure(view: View) -> float:
        """Return (1/n) sum_i |x_i - x*|^2."""
        return mean_square(view.primal, view.target)


class Consensus(Metric, name="consensus"):
    """Mean squared distance to the mean, (1/n) sum_i |x_i - xbar|^2."""

    label = r"consensus distance  $\frac{1}{n}\sum_i \|x_i - \bar x\|^2$"

    @staticmethod
    def measure(view: View) -> float:
        """Return (1/n) sum_i |x_i - xbar|^2."""
        return mean_square(view.primal, view.primal.mean(axis=0))


class OfMean(Metric):
    """A number that depends on the mean of the nodes' points only, so that an engine need not stop for every record."""

    @staticmethod
    def of_means(objective: Any, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values `(k,)` at mean points `(k, d)`."""
        raise NotImplementedError

    @classmethod
    def measure(cls, view: View) -> float:
        """Return the value."""
        return float(cls.of_means(view.objective, view.primal.mean(axis=0)[None])[0])


class Gap(OfMean, name="gap"):
    """Suboptimality of the mean, f(xbar) - f(x*)."""

    label = r"gap  $f(\bar x) - f(x^\star)$"

    @staticmethod
    def of_means(objective: Any, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return f(xbar) - f(x*) for `means` `(k, d)`."""
        return np.asarray(objective.gaps(means))


class GradientNorm(OfMean, name="gradient_norm"):
    """Norm of the gradient at the mean, |grad f(xbar)|."""

    label = r"gradient norm  $\|\nabla f(\bar x)\|$"

    @staticmethod
    def of_means(objective: Any, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return |grad f(xbar)| for `means` `(k, d)`."""
        return np.array([np.linalg.norm(objective.gradient(mean)) for mean in means])


_CHUNK = 65536


def mean_square(points: NDArray[np.float64], centre: NDArray[np.float64]) -> float:
    """Return the mean squared distance without a temporary the size of the state."""
    total = 0.0
    for first in range(0, len(points), _CHUNK):
        difference = points[first : first + _CHUNK] - centre
        total += float(np.einsum("ij,ij->", difference, difference))
    return total / len(points)


callable_module(__name__, Metric)
