"""What theory needs to know of a graph that changes: the worst case over all its graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats
from gossipsim.epochs import Epochs
from gossipsim.errors import Refused
from gossipsim.facts import SpectrumLike
from gossipsim.graph import Graph
from gossipsim.mixing import Mixing, mixing_weights
from gossipsim.rates import Rates
from gossipsim.spectral import spectrum


@dataclass(frozen=True, eq=False)
class Worst:
    """The worst of the graph numbers of several weighted Laplacians on the edges of one union.

    lambda_2 is the smallest and zero when a graph is in pieces; lambda_max, chi_1, chi_2 and resistances are the largest. DADAO's
    theory takes them so (Nabli, Oyallon, "DADAO", ICML 2023: suprema over time).

    Attributes
    ----------
    union : Graph
        A graph that holds all edges.
    epochs : Epochs
        Which of them are there when.
    used : ndarray of bool, shape (K, m)
        Edges with a weight.
    parts : list
        One `SpectrumLike` per graph; None for a graph in pieces.
    """

    union: Graph
    epochs: Epochs
    used: NDArray[np.bool_]
    parts: list[SpectrumLike | None]

    @property
    def _connected(self) -> list[SpectrumLike]:
        return [part for part in self.parts if part is not None]

    @property
    def _whole(self) -> bool:
        return len(self._connected) == len(self.parts)

    @cached_property
    def lambda_2(self) -> float:
        """Smallest over all graphs; zero when one of them is in pieces."""
        return min(part.lambda_2 for part in self._connected) if self._whole else 0.0

    @cached_property
    def lambda_max(self) -> float:
        """Largest over all graphs that are connected."""
        return max((part.lambda_max for part in self._connected), default=0.0)

    @property
    def chi_1(self) -> float:
        """1 / lambda_2, infinite when a graph is in pieces."""
        return 1.0 / self.lambda_2 if self.lambda_2 > 0.0 else np.inf

    @property
    def chi_2(self) -> float:
        """Half of the largest resistance, infinite when a graph is in pieces."""
        return float(self.resistance.max(initial=0.0)) / 2 if self._whole else np.inf

    @cached_property
    def resistance(self) -> Floats:
        """Largest effective resistance of every edge while it is used, `(m,)`; infinite when a graph is in pieces."""
        found = np.zeros(self.union.m)
        for here, used, part in zip(self.epochs.active, self.used, self.parts, strict=True):
            found[used] = np.inf if part is None else np.maximum(found[used], part.resistance[used[here]])
        return found

    @cached_property
    def gap(self) -> float:
        """Smallest spectral gap 1 - rho of W over all graphs; 0 when one of them is in pieces."""
        return min(part.gap for part in self._connected if isinstance(part, Mixing)) if self._whole else 0.0


@dataclass(frozen=True, eq=False)
class Changing:
    """A graph that changes, with the rates and the mixing weights of all its graphs.

    Attributes
    ----------
    union : Graph
        Every edge that is ever there.
    epochs : Epochs
        Which of them are there when.
    kind : str
        How mixing weights are chosen on each graph.
    rates : ndarray, shape (K, m), optional
        Exchanges per unit time of every edge in each graph.
    """

    union: Graph
    epochs: Epochs
    kind: str
    rates: Floats | None = None

    @cached_property
    def graphs(self) -> list[Graph]:
        """The graphs, on the edges that they have."""
        return [self.epochs.part(self.union, k) for k in range(len(self.epochs))]

    @cached_property
    def connected(self) -> bool:
        """Whether every graph is."""
        return all(graph.is_connected for graph in self.graphs)

    @cached_property
    def weights(self) -> Floats:
        """Mixing weights `(K, m)`, zero on absent edges."""
        return np.array(
            [self.epochs.spread(k, mixing_weights(graph, self.kind)) for k, graph in enumerate(self.graphs)]
        )

    @cached_property
    def mixing(self) -> Worst:
        """The worst numbers of I - W."""
        parts: list[SpectrumLike | None] = [
            Mixing(graph, weights[here]) if graph.is_connected else None
            for graph, weights, here in zip(self.graphs, self.weights, self.epochs.active, strict=True)
        ]
        return Worst(self.union, self.epochs, self.epochs.active, parts)

    def spectrum(self, rates: Floats) -> Worst:
        """Return the worst numbers of the Laplacians weighted by rates `(K, m)`."""
        parts: list[SpectrumLike | None] = [
            spectrum(graph, mine[here]) if graph.is_connected else None
            for graph, mine, here in zip(self.graphs, rates, self.epochs.active, strict=True)
        ]
        return Worst(self.union, self.epochs, rates > 0.0, parts)

    def solve(self, choice: Rates, demand: Callable[[Floats], float]) -> Floats:
        """Return rates `(K, m)`, chosen on each graph alone; all have the same total unless caps prevent it.

        `demand` maps rates `(K, m)`, of total one in every graph, to the total that a method asks for when `choice` names none.

        Raises
        ------
        Refused
            The method asks for more than a graph in pieces can give.
        """
        asked = False

        def one(_: Floats) -> float:
            nonlocal asked
            asked = True
            return 1.0

        found = np.array([self.epochs.spread(k, choice.solve(graph, one)) for k, graph in enumerate(self.graphs)])
        if not asked:
            return found
        total = demand(found)
        self.require(np.isfinite(total))
        return found * total

    def require(self, fine: bool) -> None:
        """Refuse a method whose numbers are not `fine` because a graph is in pieces."""
        if fine or self.connected:
            return
        k, piece = next((k, graph.component) for k, graph in enumerate(self.graphs) if not graph.is_connected)
        raise Refused(
            f"the method's constants need a connected graph at every time, and graph {k} of the schedule is in "
            f"{piece.max() + 1} pieces: node {int((piece == 1).argmax())} cannot be reached from node 0"
        )
