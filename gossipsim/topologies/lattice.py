"""Rectangles of nodes: grid and torus."""

from __future__ import annotations

from math import isqrt

import numpy as np
from pydantic import Field

from gossipsim.arrays import Integers
from gossipsim.component import Nodes
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.topologies.base import Topology
from gossipsim.topologies.regular import unique


class Lattice(Topology):
    """n nodes in `rows` equal rows, numbered row by row."""

    n: Nodes
    rows: Nodes | None = Field(default=None, description="number of rows; default the most square shape")

    def check(self) -> None:
        """Refuse a number of nodes that fills no rectangle, or not these rows."""
        if self.rows is None and self.n > 3 and most_square(self.n) == 1:
            raise ScenarioError(
                f"{self.n} is prime, so the only {self.name} is a single line",
                key=("n",),
                allowed=f"a number with factors, such as {self.n - 1} or {self.n + 1}, or `rows: 1`",
            )
        if self.rows is not None and self.n % self.rows:
            near = sorted(_divisors(self.n), key=lambda d: abs(d - (self.rows or 0)))[:4]
            raise ScenarioError(
                f"{self.rows} rows do not divide {self.n} nodes",
                key=("rows",),
                allowed=f"a divisor of n, such as {', '.join(map(str, sorted(near)))}",
            )

    @property
    def table(self) -> Integers:
        """Node numbers in their rectangle, shape (rows, columns)."""
        return np.arange(self.n).reshape(self.rows or most_square(self.n), -1)


class Grid(Lattice, name="grid"):
    """A rectangle of nodes, each joined to those above, below, left and right.

    Examples
    --------
    >>> Grid(n=6).build().edges.tolist()
    [[0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5]]
    """

    def make(self) -> Graph:
        """Return the edges along rows and along columns."""
        table = self.table
        along = np.column_stack([table[:, :-1].ravel(), table[:, 1:].ravel()])
        across = np.column_stack([table[:-1].ravel(), table[1:].ravel()])
        return Graph(self.n, unique(np.concatenate([along, across])))


class Torus(Lattice, name="torus"):
    """A grid whose rows and columns close into rings (a ring of 2 nodes is one edge).

    Examples
    --------
    >>> Torus(n=9).build().degree.tolist()
    [4, 4, 4, 4, 4, 4, 4, 4, 4]
    """

    def make(self) -> Graph:
        """Return the edges along closed rows and closed columns."""
        table = self.table
        pairs = [np.column_stack([table.ravel(), np.roll(table, -1, axis).ravel()]) for axis in (0, 1)]
        joined = np.concatenate(pairs)
        return Graph(self.n, unique(joined[joined[:, 0] != joined[:, 1]]))


def most_square(n: int) -> int:
    """Return the largest divisor of n that is at most its square root.

    Examples
    --------
    >>> most_square(12), most_square(16), most_square(13)
    (3, 4, 1)
    """
    return next(rows for rows in range(isqrt(n), 0, -1) if n % rows == 0)


def _divisors(n: int) -> set[int]:
    return {d for low in range(1, isqrt(n) + 1) if n % low == 0 for d in (low, n // low)}
