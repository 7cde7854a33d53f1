"""Independent coin flips for every pair of nodes."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gossipsim.arrays import Integers
from gossipsim.component import Probability
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import RandomTopology
from gossipsim.topologies.joining import join_at_random
from gossipsim.topologies.regular import unique


class ErdosRenyi(RandomTopology, name="erdos_renyi"):
    """Each pair of nodes joined with probability p; pieces are then joined by random edges (connect: true).

    Takes time and memory in proportion to the number of edges, by drawing the geometric gaps between successes
    (Batagelj, Brandes, "Efficient generation of large random networks", Physical Review E 71, 2005).

    Examples
    --------
    >>> ErdosRenyi(n=6, p=1.0).build().m
    15
    """

    p: Probability = Field(description="probability of each edge")

    def check(self) -> None:
        """Refuse more expected edges than a graph may hold."""
        limit_edges(self.p * self.n * (self.n - 1) / 2)

    def make(self) -> Graph:
        """Return the drawn edges, sorted."""
        random = self.generator()
        edges = unique(_pair(_successes(self.n * (self.n - 1) // 2, self.p, random)))
        if self.connect:
            edges = unique(join_at_random(self.n, edges, random))
        return Graph(self.n, edges)


def _successes(trials: int, p: float, random: np.random.Generator) -> Integers:
    if p == 0 or trials == 0:
        return np.zeros(0, dtype=np.int64)
    parts, last = [], -1
    while last < trials:
        expected = p * (trials - last)
        gaps = random.geometric(p, size=int(expected + 4 * np.sqrt(expected) + 10))
        parts.append(last + np.cumsum(np.minimum(gaps, trials + 1)))
        last = int(parts[-1][-1])
    found = np.concatenate(parts)
    return found[found < trials]


def _pair(number: Integers) -> Integers:
    # pairs i < j in the order (0,1) (0,2) (1,2) (0,3) ...: number = j (j - 1) / 2 + i; the root may be off by one
    j = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > number
    j += j * (j + 1) // 2 <= number
    return np.column_stack([number - j * (j - 1) // 2, j])
