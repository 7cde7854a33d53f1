"""A random graph that is drawn anew at every epoch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.graph import Graph
from gossipsim.stream import generator
from gossipsim.topologies.base import RandomTopology, Topology
from gossipsim.topologies.changing import ChangingTopology


class Redrawn(ChangingTopology, name="redrawn"):
    """`count` draws of a random topology, one per epoch, with seeds that follow from its own.

    Fifty random geometric graphs in turn are the protocol of Nabli, Oyallon, "DADAO", ICML 2023.

    Examples
    --------
    >>> fifty = Redrawn.parse({"name": "redrawn", "every": 2.0, "graph": {"name": "random_geometric", "n": 20, "radius": 0.3}})
    >>> len(fifty.epochs()), bool(fifty.epochs().active.all(axis=0).all())
    (50, False)
    """

    graph: Annotated[Topology, Member] = Field(description="a random topology")
    count: int = Field(default=50, ge=1, le=100_000, description="how many different graphs")

    def check(self) -> None:
        """Refuse topologies in which nothing is random."""
        if not isinstance(self.graph, RandomTopology):
            random = [name for name, kind in Topology.registry.items() if issubclass(kind, RandomTopology)]
            raise ScenarioError(
                f"nothing is random in {self.graph.name}", key=("graph",), allowed=", ".join(sorted(random))
            )

    def snapshots(self) -> list[Graph]:
        """Return the draws; the first has the topology's own seed."""
        assert isinstance(self.graph, RandomTopology)
        seeds = generator(self.graph.seed, "topology", "redrawn").integers(2**62, size=self.count).tolist()
        seeds[0] = self.graph.seed
        return [self.graph.model_copy(update={"seed": seed}).build() for seed in seeds]
