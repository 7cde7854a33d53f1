"""Random graphs in which all nodes have the same number of neighbours."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.arrays import Integers
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph, limit_edges
from gossipsim.topologies.base import RandomTopology
from gossipsim.topologies.joining import join_by_switching
from gossipsim.topologies.regular import clique, unique


class RandomRegular(RandomTopology, name="random_regular"):
    """Every node has `degree` random neighbours; pieces are then joined, keeping degrees (connect: true).

    The pairing model (Bollobás, European Journal of Combinatorics 1, 1980), its few self-loops and double edges removed
    by random switchings; close to uniform, exactly so only in the limit of many nodes. Pieces are joined by one more
    switching each.

    Examples
    --------
    >>> RandomRegular(n=8, degree=3).build().degree.tolist()
    [3, 3, 3, 3, 3, 3, 3, 3]
    """

    degree: Annotated[int, Field(ge=0)] = Field(description="neighbours of each node")

    def check(self) -> None:
        """Refuse degrees that no simple, or no connected, graph has, and more edges than a graph may hold."""
        if self.degree >= self.n:
            raise ScenarioError(f"given {self.degree}", key=("degree",), allowed=f"less than n = {self.n}")
        if self.degree * self.n % 2:
            raise ScenarioError(
                f"{self.n} nodes of degree {self.degree} leave half an edge over",
                key=("degree",),
                allowed="an even n * degree",
            )
        if self.degree < min(2, self.n - 1):
            raise ScenarioError(f"given {self.degree}", key=("degree",), allowed="at least 2, to be connected")
        limit_edges(self.n * self.degree / 2)

    def make(self) -> Graph:
        """Return the drawn edges, sorted."""
        random = self.generator()
        other = self.n - 1 - self.degree
        if other < self.degree:
            # the complement is sparser, so that its switchings meet fewer edges
            edges = np.setdiff1d(_number(clique(0, self.n), self.n), _number(_paired(self.n, other, random), self.n))
            pairs = np.column_stack([edges // self.n, edges % self.n])
        else:
            pairs = _paired(self.n, self.degree, random)
        return Graph(self.n, unique(join_by_switching(self.n, pairs) if self.connect else pairs))


def _paired(n: int, degree: int, random: np.random.Generator) -> Integers:
    while True:
        pairs = _repaired(n, random.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2), random)
        if pairs is not None:
            return pairs


def _repaired(n: int, pairs: Integers, random: np.random.Generator) -> Integers | None:
    # bad pair (a, b) and random pair (c, d) become (a, d) and (c, b), when both are new; None when that keeps failing
    for _ in range(200):
        number = _number(pairs, n)
        order = np.argsort(number, kind="stable")
        bad = pairs[:, 0] == pairs[:, 1]
        bad[order[1:]] |= np.diff(number[order]) == 0
        rows = np.flatnonzero(bad)
        if not len(rows):
            return pairs
        others = random.integers(len(pairs), size=len(rows))
        others, first = np.unique(others, return_index=True)
        rows = rows[first]
        apart = ~np.isin(others, rows)
        rows, others = rows[apart], others[apart]
        one = np.column_stack([pairs[rows, 0], pairs[others, 1]])
        two = np.column_stack([pairs[others, 0], pairs[rows, 1]])
        taken = number[order]
        fit = (one[:, 0] != one[:, 1]) & (two[:, 0] != two[:, 1]) & ~_among(one, taken, n) & ~_among(two, taken, n)
        pairs[rows[fit]], pairs[others[fit]] = one[fit], two[fit]
    return None


def _number(pairs: Integers, n: int) -> Integers:
    return np.asarray(pairs.min(axis=1) * n + pairs.max(axis=1))


def _among(pairs: Integers, taken: Integers, n: int) -> NDArray[np.bool_]:
    number = _number(pairs, n)
    place = np.minimum(np.searchsorted(taken, number), len(taken) - 1)
    return np.asarray(taken[place] == number)
