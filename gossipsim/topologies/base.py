"""The family of topologies: settings that build a connected graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from gossipsim.component import Component, Nodes, Seed
from gossipsim.epochs import Epochs
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.stream import generator


class Topology(Component, kind="topology"):
    """A connected graph, described by a few settings.

    A member gives `make`, and `check` when its keys depend on each other.

    Examples
    --------
    >>> Topology.parse({"name": "star", "n": 4}).build().edges.tolist()
    [[0, 1], [0, 2], [0, 3]]
    """

    shorthand: ClassVar[dict[str, str]] = {"file": "file", "edges": "edges"}

    @abstractmethod
    def make(self) -> Graph:
        """Return the graph; `build` checks that it is connected."""
        raise NotImplementedError

    def epochs(self) -> Epochs | None:
        """Return when which edges are there, or None for a graph that stays the same."""
        return None

    def check(self) -> None:
        """Raise `ScenarioError` for keys that do not fit together; called when the scenario is read."""

    def build(self) -> Graph:
        """Return the graph.

        Raises
        ------
        ScenarioError
            When the graph is not connected, with the number of components and a node of the second one.
        """
        graph = self.make()
        require_connected(graph)
        return graph

    def model_post_init(self, context: Any, /) -> None:
        """Check the settings as a whole."""
        self.check()


class RandomTopology(Topology):
    """A topology drawn at random; `connect` adds the edges that a disconnected draw lacks."""

    n: Nodes
    seed: Seed = 0
    connect: bool = True

    def generator(self, *names: object) -> np.random.Generator:
        """Return this topology's own stream of random numbers."""
        return generator(self.seed, "topology", self.name, *names)


def require_connected(graph: Graph) -> None:
    """Raise when a graph is in several pieces.

    Examples
    --------
    >>> try:
    ...     require_connected(Graph.from_edges([[0, 1], [2, 3]]))
    ... except ScenarioError as fault:
    ...     print(fault.message)
    the graph has 2 components: node 2 cannot be reached from node 0
    """
    if not graph.is_connected:
        lost = int((graph.component == 1).argmax())
        names = range(graph.n) if graph.labels is None else graph.labels
        raise ScenarioError(
            f"the graph has {graph.component.max() + 1} components: "
            f"node {names[lost]} cannot be reached from node {names[0]}",
            allowed="a connected graph",
        )
