"""Edges written out in the scenario."""

from __future__ import annotations

from pydantic import Field

from gossipsim.component import Nodes
from gossipsim.graph import Graph
from gossipsim.topologies.base import Topology


class Edges(Topology, name="edges"):
    """The edges given as pairs of node numbers, in this order.

    Examples
    --------
    >>> Topology.parse({"edges": [[0, 1], [2, 1]]}).build().edges.tolist()
    [[0, 1], [1, 2]]
    """

    edges: list[list[int]] = Field(description="pairs of node numbers, such as [[0, 1], [1, 2]]")
    n: Nodes | None = Field(default=None, description="number of nodes; default the largest number plus one")

    def check(self) -> None:
        """Refuse pairs that make no simple graph."""
        self.make()

    def make(self) -> Graph:
        """Return the graph with these edges."""
        return Graph.from_edges(self.edges, self.n)
