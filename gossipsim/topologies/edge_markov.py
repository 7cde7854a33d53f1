"""Edges that come and go on their own."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.component import Probability, Seed
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.graph import Graph
from gossipsim.stream import generator
from gossipsim.topologies.base import Topology
from gossipsim.topologies.changing import ChangingTopology


class EdgeMarkov(ChangingTopology, name="edge_markov"):
    """Every edge of a graph comes and goes as a Markov chain of its own.

    From one epoch to the next an absent edge appears with probability `birth`, and a present one leaves with `death`. The
    chains start from their stationary law, in which an edge is there with probability birth / (birth + death); it then stays
    1 / death epochs on average (Clementi, Macci, Monti, Pasquale, Silvestri, "Flooding time in edge-Markovian dynamic graphs",
    2010).

    Examples
    --------
    >>> base = {"name": "complete", "n": 20}
    >>> links = EdgeMarkov.parse({"name": "edge_markov", "every": 1.0, "graph": base, "birth": 0.1, "death": 0.3})
    >>> links.build()
    Graph(n=20, m=190)
    >>> round(float(links.epochs().active.mean()), 2)
    0.25
    """

    graph: Annotated[Topology, Member] = Field(description="the edges that may be there")
    birth: Probability = Field(description="probability that an absent edge is there in the next epoch")
    death: Probability = Field(description="probability that a present edge is not")
    count: int = Field(default=200, ge=1, le=100_000, description="epochs")
    seed: Seed = 0

    def check(self) -> None:
        """Refuse chains that stand still, and schedules within schedules."""
        if isinstance(self.graph, ChangingTopology):
            raise ScenarioError(f"given {self.graph.name}", key=("graph",), allowed="a topology that stays the same")
        if self.birth == 0.0:
            raise ScenarioError("edges would never come back", key=("birth",), allowed="more than 0")

    def snapshots(self) -> list[Graph]:
        """Return the graphs, whose edges have the order of the base graph."""
        base, random = self.graph.build(), generator(self.seed, "topology", self.name)
        here = random.random(base.m) < self.birth / (self.birth + self.death)
        found = []
        for _ in range(self.count):
            found.append(Graph(base.n, base.edges[here], labels=base.labels, positions=base.positions))
            moves = random.random(base.m)
            here = np.where(here, moves >= self.death, moves < self.birth)
        return found
