"""Graphs one after the other, as listed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.graph import Graph
from gossipsim.topologies.base import Topology
from gossipsim.topologies.changing import ChangingTopology


class Schedule(ChangingTopology, name="schedule"):
    """The graphs of a list, each for the time `every`, again and again.

    Examples
    --------
    >>> two = Schedule.parse({"name": "schedule", "every": 1.0, "graphs": [
    ...     {"name": "cycle", "n": 4}, {"name": "star", "n": 4}]})
    >>> two.build(), len(two.epochs())
    (Graph(n=4, m=5), 2)
    """

    graphs: list[Annotated[Topology, Member]] = Field(min_length=1, description="topologies with the same nodes")

    def check(self) -> None:
        """Refuse schedules within schedules."""
        for k, graph in enumerate(self.graphs):
            if isinstance(graph, ChangingTopology):
                raise ScenarioError(f"given {graph.name}", key=("graphs", k), allowed="a topology that stays the same")

    def snapshots(self) -> list[Graph]:
        """Return the graphs of the list."""
        return [graph.build() for graph in self.graphs]
