"""The family of graphs that change in the course of a run."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

from pydantic import Field

from gossipsim.component import Positive
from gossipsim.epochs import Epochs
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import Topology


class ChangingTopology(Topology):
    """A sequence of graphs on the same nodes; a member gives `snapshots`.

    The graphs need not be connected, but their union must be: methods whose constants ask for more say so.
    """

    every: Positive = Field(description="how long each graph lasts, in units of simulated time")
    repeat: bool = Field(default=True, description="begin again after the last graph; false: the last graph stays")

    @abstractmethod
    def snapshots(self) -> list[Graph]:
        """Return the graphs, in order of time."""
        raise NotImplementedError

    @cached_property
    def _drawn(self) -> tuple[Graph, Epochs]:
        graphs = self.snapshots()
        sizes = {graph.n for graph in graphs}
        if len(sizes) > 1:
            raise ScenarioError(
                f"graphs of {' and '.join(str(n) for n in sorted(sizes))} nodes", allowed="one number of nodes for all"
            )
        limit_edges(sum(graph.m for graph in graphs))
        return Epochs.of(graphs, self.every, repeat=self.repeat)

    def make(self) -> Graph:
        """Return the union of all graphs, with the positions of the first."""
        return self._drawn[0]

    def epochs(self) -> Epochs:
        """Return when which of its edges are there."""
        return self._drawn[1]
