"""The same rate on every edge."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats
from gossipsim.component import Positive
from gossipsim.graph import Graph
from gossipsim.rates.base import Demand, Rates, scaled


class Uniform(Rates, name="uniform"):
    """Every edge rings at the same rate, total / m.

    Examples
    --------
    >>> Uniform().solve(Graph.build("path", n=3), demand=lambda p: 8.0).tolist()
    [4.0, 4.0]
    """

    total: Positive | None = Field(
        default=None, description="exchanges per unit time; default what the method asks for"
    )

    def solve(self, graph: Graph, demand: Demand) -> Floats:
        """Return total / m for each of the m edges."""
        return scaled(np.full(graph.m, 1.0 / max(graph.m, 1)), self.total, demand)
