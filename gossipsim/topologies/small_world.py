"""Random graphs from networkx: preferential attachment and small worlds."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.component import Probability
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import RandomTopology
from gossipsim.topologies.joining import join_at_random
from gossipsim.topologies.regular import unique


class BarabasiAlbert(RandomTopology, name="barabasi_albert"):
    """Nodes arrive one by one and join m others, preferring those of high degree; always connected.

    Barabási, Albert, "Emergence of scaling in random networks", Science 286, 1999.

    Examples
    --------
    >>> BarabasiAlbert(n=10, m=2).build().m
    16
    """

    m: Annotated[int, Field(ge=1)] = Field(description="edges that each new node brings")

    def check(self) -> None:
        """Refuse m >= n, and more edges than a graph may hold."""
        if self.m >= self.n:
            raise ScenarioError(f"given {self.m}", key=("m",), allowed=f"at least 1 and less than n = {self.n}")
        limit_edges(self.m * self.n)

    def make(self) -> Graph:
        """Return the edges of networkx's generator, sorted."""
        from networkx import barabasi_albert_graph

        drawn = barabasi_albert_graph(self.n, self.m, seed=int(self.generator().integers(2**31)))
        return Graph(self.n, unique(np.array(drawn.edges, dtype=np.int64)))


class WattsStrogatz(RandomTopology, name="watts_strogatz"):
    """A ring of k nearest neighbours, each edge rewired with probability p; pieces are then joined (connect: true).

    Watts, Strogatz, "Collective dynamics of small-world networks", Nature 393, 1998.

    Examples
    --------
    >>> WattsStrogatz(n=10, k=4, p=0.1).build().n
    10
    """

    k: Annotated[int, Field(ge=2)] = Field(description="neighbours of each node before rewiring, even")
    p: Probability = Field(description="probability of rewiring each edge")

    def check(self) -> None:
        """Refuse odd k, k >= n, and more edges than a graph may hold."""
        if self.k % 2 or self.k >= self.n:
            raise ScenarioError(f"given {self.k}", key=("k",), allowed=f"an even number below n = {self.n}")
        limit_edges(self.n * self.k / 2)

    def make(self) -> Graph:
        """Return the edges of networkx's generator, sorted."""
        from networkx import watts_strogatz_graph

        random = self.generator()
        drawn = watts_strogatz_graph(self.n, self.k, self.p, seed=int(random.integers(2**31)))
        edges = np.array(drawn.edges, dtype=np.int64)
        if self.connect:
            edges = join_at_random(self.n, edges, random)
        return Graph(self.n, unique(edges))
