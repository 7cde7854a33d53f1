"""The family of rates: settings that give every edge its number of exchanges per unit time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from gossipsim.arrays import Floats
from gossipsim.component import Component
from gossipsim.graph import Graph

Demand = Callable[[Floats], float]
"""Maps rates p (m,) of total one to the total rate that a method asks for when it gossips in these proportions."""


class Rates(Component, kind="rates"):
    """Rates lambda_e >= 0 of independent Poisson clocks, one per edge.

    The unit is exchanges per mean gradient time of a unit-rate node.

    Examples
    --------
    >>> cycle = Graph.build("cycle", n=4)
    >>> Rates.parse({"name": "uniform", "total": 2.0}).solve(cycle, demand=lambda p: 1.0).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    shorthand: ClassVar[dict[str, str]] = {"file": "file"}

    @abstractmethod
    def solve(self, graph: Graph, demand: Demand) -> Floats:
        """Return the rates (m,) in the order of `graph.edges`; `demand` sets their total when the settings do not."""
        raise NotImplementedError

    def certificate(self, graph: Graph) -> dict[str, Any] | None:
        """Return what proves these rates good, ready for JSON, or None when nothing does."""
        return None


def scaled(p: Floats, total: float | None, demand: Demand) -> Floats:
    """Return `p` (m,), of total one, multiplied by `total`, or by `demand(p)` when there is none.

    A graph without edges keeps its empty rates, and `demand` is not asked.
    """
    if not len(p):
        return p
    return p * (demand(p) if total is None else total)
