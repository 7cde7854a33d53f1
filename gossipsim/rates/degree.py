"""Every node calls at the same rate."""

from __future__ import annotations

from pydantic import Field

from gossipsim.arrays import Floats
from gossipsim.component import Positive
from gossipsim.graph import Graph
from gossipsim.rates.base import Demand, Rates, scaled


class Degree(Rates, name="degree"):
    """Every node rings at the same rate and calls a uniform neighbour: p_ij = (1/deg_i + 1/deg_j) / n.

    The clocks of randomized gossip with uniform neighbours (Boyd, Ghosh, Prabhakar, Shah, "Randomized gossip
    algorithms", IEEE Transactions on Information Theory 52, 2006, section II).

    Examples
    --------
    >>> Degree(total=3.0).solve(Graph.build("path", n=3), demand=lambda p: 1.0).tolist()
    [1.5, 1.5]
    """

    total: Positive | None = Field(
        default=None, description="exchanges per unit time; default what the method asks for"
    )

    def solve(self, graph: Graph, demand: Demand) -> Floats:
        """Return total * (1/deg_i + 1/deg_j) / n for each edge (i, j)."""
        p = (1.0 / graph.degree[graph.edges]).sum(axis=1) / graph.n
        return scaled(p, self.total, demand)
