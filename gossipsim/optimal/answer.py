"""What a search for optimal rates returns: the rates, their value, and the proof of how good they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph

if TYPE_CHECKING:
    import pandas

    from gossipsim.optimal.dual import Dual

ZERO = 1e-4
"""Rates below this part of the mean rate are reported as zero edges; they are returned as they are."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a solver hands over; only `lam` and `bound` are used as they stand, and `lam` is checked again.

    Attributes
    ----------
    lam : array (m,)
        Feasible rates: for dadao those that meet the condition, else those of cost at most the total.
    bound : float
        A proved bound on the best value (`gossipsim.optimal.certificate`).
    iterations : int
        Steps taken.
    words : str
        Why the search stopped, when that matters to the user.
    wake : array (m, 2), optional
        averaging_time only: P_ij and P_ji of every edge (i, j).
    fixed : bool
        Whether nonlinear constraints bind the rates, which must then not be scaled.
    dual : Dual, optional
        What the bound was computed from.
    """

    lam: Floats
    bound: float
    iterations: int = 0
    words: str = ""
    wake: Floats | None = None
    fixed: bool = False
    dual: Dual | None = None


@dataclass(frozen=True, eq=False, repr=False)
class OptimalRates:
    """Rates of the m edges of a graph with a proof of how close to optimal they are.

    Attributes
    ----------
    graph : Graph
        n nodes, m edges.
    criterion : str
        What was asked.
    rates : array (m,)
        In the order of `graph.edges`, exchanges per unit time, of cost `total` (less when limits leave some unused).
    value : float
        The criterion, evaluated at these rates; dadao: the least total cost in these proportions that meets
        2 chi_1 chi_2 <= 1.
    bound : float
        No rates can be better than this; below `value` for what is minimised, above for what is maximised.
    gap : float
        |value - bound| / |bound|; for averaging_time relative to 1 - bound, the spectral gap.
    uniform_value : float
        The criterion at equal rates on all edges, limits ignored.
    status : str
        "certified" when gap <= tol, else "not certified to tol: ..." with the reason.
    method : str
        The route that found the rates.
    iterations : int
        Its steps.
    seconds : float
        Wall time.
    total : float
        The budget that was asked for.
    demanded : array (m,), optional
        dadao only: the rates that just meet the condition, which limits bind; `rates` times value / total.
    wake : array (m, 2), optional
        averaging_time only: the probabilities P_ij and P_ji with which the two ends of an edge call each other.
    convention : str
        Which edges count in max_e R_e: "all edges", those of rate zero too, or "active edges".
    bracket : (float, float), optional
        With pruning: a proved lower bound for either convention, and the value found.
    dual : Dual, optional
        What the bound was computed from; interior point with at most 500 nodes only.

    Examples
    --------
    >>> from gossipsim.optimal.solve import optimal_rates
    >>> answer = optimal_rates(Graph.build("star", n=5))
    >>> answer.status, round(answer.value, 6), answer.rates.round(6).tolist()
    ('certified', 4.0, [0.25, 0.25, 0.25, 0.25])
    """

    graph: Graph
    criterion: str
    rates: Floats
    value: float
    bound: float
    gap: float
    uniform_value: float
    status: str
    method: str
    iterations: int = 0
    seconds: float = 0.0
    total: float = 1.0
    demanded: Floats | None = None
    wake: Floats | None = None
    convention: str = "all edges"
    bracket: tuple[float, float] | None = None
    remarks: tuple[str, ...] = field(default=())
    dual: Dual | None = None

    @property
    def certified(self) -> bool:
        """Whether the gap that was asked for is proved."""
        return self.status == "certified"

    @property
    def zero_edges(self) -> Integers:
        """The edges that the optimum leaves at zero: rates below 1e-4 of the mean rate."""
        return np.flatnonzero(self.rates <= ZERO * self.rates.mean())

    def table(self) -> pandas.DataFrame:
        """Return one row per edge: its ends (labels when the graph has them), its rate, and its share of all exchanges.

        Examples
        --------
        >>> from gossipsim.optimal.solve import optimal_rates
        >>> list(optimal_rates(Graph.build("path", n=3)).table().columns)
        ['i', 'j', 'rate', 'share']
        """
        import pandas

        i, j = (self._names(ends) for ends in self.graph.edges.T)
        share = self.rates / self.rates.sum()
        return pandas.DataFrame({"i": i, "j": j, "rate": self.rates, "share": share})

    def save(self, path: str | Path) -> Path:
        """Write the rates to a CSV file that `rates: {file: ...}` reads, or everything to a JSON file.

        Raises
        ------
        ScenarioError
            A name that ends neither in .csv nor in .json.
        """
        target = Path(path)
        if target.suffix == ".csv":
            self.table()[["i", "j", "rate"]].to_csv(target, index=False)
        elif target.suffix == ".json":
            target.write_text(json.dumps(self.summary() | {"edges": self.graph.edges.tolist()} | self._arrays()) + "\n")
        else:
            raise ScenarioError(f"file name {target.name!r}", key=("path",), allowed="a name ending in .csv or .json")
        return target

    def summary(self) -> dict[str, Any]:
        """Return the numbers without the arrays, ready for JSON."""
        return {
            "criterion": self.criterion,
            "value": self.value,
            "bound": self.bound,
            "gap": self.gap,
            "uniform_value": self.uniform_value,
            "status": self.status,
            "method": self.method,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "total": self.total,
            "convention": self.convention,
            "zero_edges": self.zero_edges.tolist(),
            "bracket": None if self.bracket is None else list(self.bracket),
            "remarks": list(self.remarks),
        }

    def _names(self, nodes: Integers) -> list[Any]:
        return nodes.tolist() if self.graph.labels is None else [self.graph.labels[v] for v in nodes.tolist()]

    def _arrays(self) -> dict[str, Any]:
        found = {"rates": self.rates, "demanded": self.demanded, "wake": self.wake}
        return {name: array.tolist() for name, array in found.items() if array is not None}

    def __repr__(self) -> str:
        return (
            f"OptimalRates({self.criterion}: {self.value:.7g}, bound {self.bound:.7g}, gap {self.gap:.1e}, "
            f"{self.status}; uniform {self.uniform_value:.7g}; {self.graph!r})"
        )
