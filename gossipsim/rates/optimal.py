"""The best rates, with a proof of how close to the best they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats
from gossipsim.component import InputFile, NonNegative, Positive
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.rates.base import Demand, Rates, scaled
from gossipsim.rates.file import parse
from gossipsim.text_files import read_text

if TYPE_CHECKING:
    from gossipsim.optimal.answer import OptimalRates

_SLACK = 1e-6


class Optimal(Rates, name="optimal"):
    """The rates that are best for a criterion, with a proved gap; solved once, then kept on disk.

    dadao: the fewest exchanges per unit time with 2 chi_1 chi_2 <= 1, a convex problem (docs/rates.md). The maximum in
    chi_2 is over all edges of the graph, also those that the optimum leaves at zero, unless `prune`.

    Raises
    ------
    ScenarioError
        Limits that no rates meet, or that the total would break; a cost file that does not fit the graph.

    References
    ----------
    A. Nabli, E. Oyallon, "DADAO: Decoupled Accelerated Decentralized Asynchronous Optimization", ICML 2023.

    Examples
    --------
    >>> barbell = Graph.build("barbell", n=8)
    >>> rates = Optimal(total=1.0).solve(barbell, demand=lambda p: 1.0)
    >>> round(float(rates.max() / rates.min()), 2)
    3.48
    >>> certificate = Optimal().certificate(barbell)
    >>> round(certificate["value"], 4), round(certificate["uniform_value"], 4), certificate["status"]
    (13.2054, 21.8418, 'certified')
    """

    criterion: Literal["dadao", "fastest_mixing", "total_resistance", "averaging_time"] = Field(
        default="dadao", description="what is best: see docs/rates.md"
    )
    total: Positive | None = Field(
        default=None, description="exchanges (or cost) per unit time; default what the method asks for"
    )
    cost: InputFile | None = Field(
        default=None, description="CSV file with the header i,j,cost: cost of an exchange on every edge"
    )
    node_cap: Positive | None = Field(default=None, description="most exchanges per unit time at every node")
    edge_cap: Positive | None = Field(default=None, description="most exchanges per unit time on every edge")
    minimum: NonNegative | None = Field(default=None, description="fewest exchanges per unit time on every edge")
    tol: Positive = Field(default=1e-6, description="relative gap to be proved")
    prune: bool = Field(default=False, description="count only edges in use, and look for edges to leave out")
    method: Literal["auto", "interior_point", "sdp", "first_order"] = Field(
        default="auto", description="how they are found; auto chooses by the size of the graph"
    )

    def solve(self, graph: Graph, demand: Demand) -> Floats:
        """Return the optimal rates (m,), in proportions that do not depend on the total unless limits bind them."""
        if graph.m == 0:
            return np.zeros(0)
        answer = self.answer(graph)
        if self._limited and self.criterion != "dadao":
            return np.array(answer.rates)
        p = answer.rates / answer.rates.sum()
        total = self.total
        if total is not None and self.cost is not None:
            total /= float(costs(self.cost, graph) @ p)
        rates = scaled(p, total, demand)
        self._check_limits(graph, rates)
        return rates

    def answer(self, graph: Graph) -> OptimalRates:
        """Return the solution with its certificate, from the cache when it is there; n >= 2 nodes."""
        from gossipsim.rates.kept import kept

        if self._limited and self.criterion not in {"dadao", "averaging_time"} and self.total is None:
            raise ScenarioError("limits without a total", key=("total",), allowed=f"a total with {self.criterion}")
        # without limits the proportions are the same for every total, and so is what the cache holds
        total = self.total if self._limited and self.total is not None and self.criterion != "dadao" else 1.0
        settings: dict[str, Any] = {
            **{key: getattr(self, key) for key in ("criterion", "node_cap", "edge_cap", "minimum", "tol", "prune")},
            "method": self.method,
            "total": total,
            "cost": None if self.cost is None else costs(self.cost, graph),
        }

        def solve() -> OptimalRates:
            from threadpoolctl import threadpool_limits

            from gossipsim.optimal.solve import optimal_rates

            # how many threads share a sum decides its last digits, and rates decide every event of a run
            with threadpool_limits(1):
                return optimal_rates(graph, **settings)

        return kept(graph, settings, solve)

    def certificate(self, graph: Graph) -> dict[str, Any] | None:
        """Return value, proved bound, gap, status and convention, ready for JSON; None for a graph without edges."""
        if graph.m == 0:
            return None
        return self.answer(graph).summary()

    @property
    def _limited(self) -> bool:
        return any(limit is not None for limit in (self.node_cap, self.edge_cap, self.minimum))

    def _check_limits(self, graph: Graph, rates: Floats) -> None:
        at_nodes = np.bincount(graph.edges.ravel(), np.repeat(rates, 2), graph.n)
        for name, limit, most in (
            ("node_cap", self.node_cap, at_nodes.max()),
            ("edge_cap", self.edge_cap, rates.max()),
        ):
            if limit is not None and most > limit * (1 + _SLACK):
                raise ScenarioError(
                    f"{rates.sum():.6g} exchanges per unit time bring the busiest {name[:4]} to {most:.6g}",
                    key=(name,),
                    allowed=f"a total of at most {rates.sum() * limit / most:.6g}, or a {name} of at least {most:.6g}",
                )
        if self.minimum is not None and rates.min() < self.minimum * (1 - _SLACK):
            raise ScenarioError(
                f"{rates.sum():.6g} exchanges per unit time leave {rates.min():.6g} for the idlest edge",
                key=("minimum",),
                allowed=f"a total of at least {rates.sum() * self.minimum / rates.min():.6g}",
            )


def costs(path: Path, graph: Graph) -> Floats:
    """Return the cost (m,) of an exchange on every edge from a CSV file with the header i,j,cost.

    Raises
    ------
    ScenarioError
        As for a file of rates, with the line; the key is `cost`.
    """
    try:
        return parse(read_text(path), graph, "cost")
    except ScenarioError as fault:
        raise ScenarioError(
            fault.message, key=("cost",), allowed=fault.allowed, hint=fault.hint, file=path, line=fault.line
        ) from None
