"""Pairs that meet in turn: edge activation."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.component import Seed
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.graph import Graph
from gossipsim.stream import generator
from gossipsim.topologies.base import Topology
from gossipsim.topologies.changing import ChangingTopology


class Matchings(ChangingTopology, name="matchings"):
    """At every epoch a random maximal matching of a graph: every node has at most one neighbour, and no edge could be added.

    Edges are taken in random order whenever both ends are still free.

    Examples
    --------
    >>> pairs = Matchings.parse({"name": "matchings", "every": 1.0, "graph": {"name": "complete", "n": 10}})
    >>> set(pairs.epochs().active.sum(axis=1).tolist())
    {5}
    """

    graph: Annotated[Topology, Member] = Field(description="the edges that may be activated")
    count: int = Field(default=200, ge=1, le=100_000, description="epochs")
    seed: Seed = 0

    def check(self) -> None:
        """Refuse schedules within schedules."""
        if isinstance(self.graph, ChangingTopology):
            raise ScenarioError(f"given {self.graph.name}", key=("graph",), allowed="a topology that stays the same")

    def snapshots(self) -> list[Graph]:
        """Return the matchings."""
        base, random = self.graph.build(), generator(self.seed, "topology", self.name)
        return [
            Graph(
                base.n,
                base.edges[_matching(base, random.permutation(base.m))],
                positions=base.positions,
                labels=base.labels,
            )
            for _ in range(self.count)
        ]


def _matching(graph: Graph, order: np.ndarray) -> list[int]:
    free, taken = [True] * graph.n, []
    ends = graph.edges.tolist()
    for edge in order.tolist():
        i, j = ends[edge]
        if free[i] and free[j]:
            free[i] = free[j] = False
            taken.append(edge)
    return sorted(taken)
