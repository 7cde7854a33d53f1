"""The weights with which nodes mix what they hear: W = I - L(w), w one weight per edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.graph import Graph
from gossipsim.spectral import spectrum

SIMPLE = ("metropolis_lazy", "metropolis", "max_degree", "uniform", "laplacian")
OPTIMISED = ("best_constant", "fdla", "fmmc")
KINDS = (*SIMPLE, *OPTIMISED)
"""What the key `mixing` of a scenario allows."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """Weights w `(m,)` of the edges, and the extreme eigenvalues of L(w) = I - W.

    Attributes
    ----------
    graph : Graph
        A connected graph.
    given : str or array (m,)
        One of `KINDS`, or one weight per edge; may be negative for `fdla`.

    Raises
    ------
    ScenarioError
        Unknown kind.
    """

    graph: Graph
    given: str | Floats

    def __post_init__(self) -> None:
        if isinstance(self.given, str):
            known(self.given)
            if self.given in OPTIMISED:  # a program that cannot be solved is refused now
                _ = self.weights

    @cached_property
    def weights(self) -> Floats:
        """One weight per edge, `(m,)`."""
        return mixing_weights(self.graph, self.given) if isinstance(self.given, str) else self.given

    @cached_property
    def _extremes(self) -> tuple[float, float]:
        if self.graph.n == 1:
            return np.inf, 0.0
        if (self.weights > 0).all():
            found = spectrum(self.graph, self.weights)
            return found.lambda_2, found.lambda_max
        return float(self.eigenvalues[1]), float(self.eigenvalues[-1])

    @cached_property
    def eigenvalues(self) -> Floats:
        """All eigenvalues of I - W, ascending, from a dense matrix."""
        return np.linalg.eigvalsh(self.graph.laplacian(self.weights).toarray())

    @property
    def lambda_2(self) -> float:
        """Smallest nonzero eigenvalue of I - W; infinite for a single node."""
        return self._extremes[0]

    @property
    def lambda_max(self) -> float:
        """Largest eigenvalue of I - W, the norm |I - W|; 0 for a single node."""
        return self._extremes[1]

    @property
    def chi_1(self) -> float:
        """1 / lambda_2."""
        return 1.0 / self.lambda_2

    @property
    def chi_2(self) -> float:
        """Half of the largest effective resistance of an edge with these weights."""
        return spectrum(self.graph, self.weights).chi_2

    @property
    def resistance(self) -> Floats:
        """Effective resistance of every edge with these weights, `(m,)`."""
        return spectrum(self.graph, self.weights).resistance

    @property
    def gap(self) -> float:
        """Spectral gap 1 - rho of W, rho = max(|1 - lambda_2|, |1 - lambda_max|); 1 for a single node."""
        if self.graph.n == 1:
            return 1.0
        return 1.0 - max(abs(1.0 - self.lambda_2), abs(1.0 - self.lambda_max))


def known(kind: str) -> None:
    """Refuse a kind that does not exist."""
    if kind not in KINDS:
        raise ScenarioError(
            f"given {shown(kind)}", key=("mixing",), allowed=", ".join(KINDS), hint=nearest(kind, KINDS)
        )


def mixing_weights(graph: Graph, kind: str) -> Floats:
    """Return the weights `(m,)` in the order of `graph.edges`.

    Parameters
    ----------
    graph : Graph
        A connected graph.
    kind : str
        "metropolis_lazy" 1 / (1 + max(d_i, d_j)), "metropolis" 1 / max(d_i, d_j), "max_degree" 1 / max d, "uniform"
        1 / (1 + max d), "laplacian" 1, or one of the optimised kinds of `averaging_weights`.

    Raises
    ------
    ScenarioError
        Unknown kind.

    Examples
    --------
    >>> mixing_weights(Graph.build("star", n=4), "metropolis").round(3).tolist()
    [0.333, 0.333, 0.333]
    """
    known(kind)
    if graph.m == 0 or kind == "laplacian":
        return np.ones(graph.m)
    if kind in OPTIMISED:
        from gossipsim.optimal.averaging import averaging_weights

        return np.asarray(averaging_weights(graph, kind).weights)
    larger = graph.degree[graph.edges].max(axis=1)
    most = graph.degree.max()
    found = {
        "metropolis_lazy": 1.0 / (1.0 + larger),
        "metropolis": 1.0 / larger,
        "max_degree": np.full(graph.m, 1.0 / most),
        "uniform": np.full(graph.m, 1.0 / (1.0 + most)),
    }
    return np.asarray(found[kind])
