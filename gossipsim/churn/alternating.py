"""Alternating durations of presence and of absence, drawn from laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from gossipsim.arrays import Floats, Integers
from gossipsim.churn.base import Churn
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.law import Law, drawn
from gossipsim.stream import Purpose, uniforms_of

if TYPE_CHECKING:
    from gossipsim.graph import Graph


class Alternating(Churn, name="alternating"):
    """Every node is present and away in turn, independently, for durations of two laws.

    Availability is mean(up) / (mean(up) + mean(down)), and so is the probability to be present at the start; the first
    duration is drawn like the others, which is exact for exponential laws.

    Parameters
    ----------
    state : {"kept", "lost", "neighbour"}
        What a node that returns starts from: its own state, the start of the run, or the state of a random neighbour.
    up, down : law
        Durations of presence and of absence, numbers or laws.

    Examples
    --------
    >>> Churn.parse({"up": {"name": "exponential", "mean": 8.0}, "down": {"name": "exponential", "mean": 2.0}}).availability
    0.8
    """

    up: Annotated[Law, Member]
    down: Annotated[Law, Member]

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        drawn(self, "up", "down")
        for name in ("up", "down"):
            mean = getattr(self, name).mean
            if not 0.0 < mean < np.inf:
                raise ScenarioError(f"a mean duration of {mean}", key=(name,), allowed="a finite mean > 0")
        return self

    @property
    def availability(self) -> float:
        """Share of time that a node is present."""
        up, down = self.up.mean, self.down.mean
        return up / (up + down)

    def on(self, graph: Graph, seed: int) -> Drawn:
        """Return the sessions of the nodes of a graph."""
        return Drawn(self, graph.n, seed)


@dataclass(frozen=True)
class Drawn:
    """Sessions of n nodes; duration k of node i is a function of (seed, i, k)."""

    churn: Alternating
    n: int
    seed: int

    @property
    def availability(self) -> Floats:
        """The same share for all, `(n,)`."""
        return np.full(self.n, self.churn.availability)

    @property
    def pace(self) -> float:
        """Two changes of every node per cycle."""
        return 2.0 * self.n / (self.churn.up.mean + self.churn.down.mean)

    @property
    def last_return(self) -> Floats:
        """Infinity: all return again and again, `(n,)`."""
        return np.full(self.n, np.inf)

    def at_start(self) -> NDArray[np.bool_]:
        """Draw who is present, `(n,)`."""
        u = uniforms_of(self.seed, Purpose.CHURN, np.arange(self.n), np.zeros(self.n, dtype=np.int64))
        return np.asarray(u[:, 0] < self.churn.availability)

    def due(self, nodes: Integers, numbers: Integers, present: NDArray[np.bool_], last: Floats) -> Floats:
        """Draw how long nodes stay as they are."""
        u = uniforms_of(self.seed, Purpose.CHURN, nodes, numbers)
        return np.asarray(last + np.where(present, self.churn.up.sample(u), self.churn.down.sample(u)))
