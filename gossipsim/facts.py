"""What a theorem may use: a handful of numbers about the objective and the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SpectrumLike(Protocol):
    """The graph numbers of a rates-weighted Laplacian; computed when first asked for."""

    @property
    def lambda_2(self) -> float:
        """Smallest positive eigenvalue."""

    @property
    def lambda_max(self) -> float:
        """Largest eigenvalue."""

    @property
    def chi_1(self) -> float:
        """1 / lambda_2."""

    @property
    def chi_2(self) -> float:
        """Half of the largest effective resistance of an edge."""

    @property
    def resistance(self) -> NDArray[np.float64]:
        """Effective resistance of every edge, `(m,)`."""


@dataclass(frozen=True)
class Facts:
    """Numbers that a method's constants and promise may depend on.

    Attributes
    ----------
    n, dim : int
        Nodes, and dimension d of the decision variable.
    mu, L : float
        Strong convexity and smoothness shared by every local function.
    rates : ndarray, shape (m,)
        Exchanges per unit time of every edge; time is measured in mean gradient times of a unit-rate node.
    spectrum : SpectrumLike
        Of the Laplacian weighted by these rates.
    mixing : SpectrumLike, optional
        Of the Laplacian weighted by the mixing weights, I - W: W has the eigenvalues 1 - lambda.
    mu_i, L_i : ndarray, shape (workers,), optional
        Strong convexity and smoothness of each local function; a server has none.
    L_mean : callable, optional
        Returns the smoothness of f = (1/n) sum_i f_i, at most the mean of the `L_i`.
    delta : float
        Contraction of the compressor: E |C(v) - v|^2 <= (1 - delta) |v|^2; 1 without one.
    omega : float, optional
        Variance of the compressor when it is unbiased: E |C(v) - v|^2 <= omega |v|^2; None when it is biased.
    """

    n: int
    dim: int
    mu: float
    L: float
    rates: NDArray[np.float64]
    spectrum: SpectrumLike
    mixing: SpectrumLike | None = None
    mu_i: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    L_i: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    L_mean: Callable[[], float] | None = None
    delta: float = 1.0
    omega: float | None = 0.0

    @property
    def mixing_eigenvalues(self) -> NDArray[np.float64] | None:
        """Eigenvalues of W `(n,)`, that of the mean first, from a dense matrix; None on a graph that changes."""
        found = getattr(self.mixing, "eigenvalues", None)
        return None if found is None else np.asarray(1.0 - found)

    @property
    def total_rate(self) -> float:
        """Exchanges per unit time in the whole network."""
        return float(self.rates.sum())

    @property
    def lambda_2(self) -> float:
        """Smallest positive eigenvalue of the rates-weighted Laplacian, 1/time."""
        return self.spectrum.lambda_2

    @property
    def chi_1(self) -> float:
        """1 / lambda_2, in time units."""
        return self.spectrum.chi_1

    @property
    def chi_2(self) -> float:
        """Half of the largest effective resistance of an edge that is used, in time units; edges of rate zero never are."""
        used = self.rates > 0.0
        return self.spectrum.chi_2 if used.all() else float(self.spectrum.resistance[used].max()) / 2

    @property
    def resistance(self) -> NDArray[np.float64]:
        """Effective resistance of every edge, `(m,)`, in time units."""
        return self.spectrum.resistance


@dataclass(frozen=True)
class Promise:
    """A theorem about one run: E[quantity(t)] <= C exp(-rate t) when the condition is met.

    Attributes
    ----------
    quantity : str
        Name of the metric that decays.
    rate : float
        Decay per unit time.
    source : str
        Where the theorem stands.
    condition : str
        What it asks for, in words.
    met : bool
        Whether this run meets it.
    """

    quantity: str
    rate: float
    source: str
    condition: str = ""
    met: bool = True
