"""The machines: how long a node computes, and whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gossipsim.arrays import Floats
from gossipsim.churn import Churn, Failure
from gossipsim.component import Settings
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.law import Calls, Constant, Exponential, Law
from gossipsim.speeds import Divided, Speeds

if TYPE_CHECKING:
    from gossipsim.graph import Graph


class Fleet(Settings):
    """The machines: how long one call of the oracle takes, and which nodes are there.

    Parameters
    ----------
    compute : law, optional
        Duration of one oracle call, a number or a law. Default: exactly 1 for methods in rounds and for tokens, exponential with
        mean 1 for busy workers, Poisson clocks of rate 1 otherwise.
    speeds : speeds, optional
        How fast every node is, for the whole run: a member of the family `speeds`, or a list. A call at node i lasts as long as
        `compute` says, divided by the speed of i; a Poisson clock of node i has the speed as its rate.
    churn : mapping, optional
        Nodes that come and go: a member of the family `churn`, laws of `up` and `down` or a `file`.
    failures : list of mappings
        Nodes that stop at given times.

    Examples
    --------
    >>> Fleet.read({"compute": 0.5}).compute.mean
    0.5
    """

    compute: Annotated[Law, Member] | None = None
    speeds: Annotated[Speeds, Member] | None = None
    churn: Annotated[Churn, Member] | None = None
    failures: list[Annotated[Failure, Member]] = []

    @property
    def steady(self) -> bool:
        """Whether every node is always present."""
        return self.churn is None and not self.failures

    def speeds_of(self, graph: Graph, seed: int) -> Floats | None:
        """Return the speeds `(n,)` of the nodes, or None when all are 1."""
        if self.speeds is None:
            return None
        try:
            found = self.speeds.of(graph, seed)
        except ScenarioError as fault:
            raise fault.under("speeds") from None
        return None if (found == 1.0).all() else found

    def calls(self, graph: Graph, computes: str, speeds: Floats | None) -> Calls:
        """Return how long calls of the oracle take on the nodes of a graph, for a method that computes in this way."""
        try:
            found = self.duration(computes).on(graph)
        except ScenarioError as fault:
            raise fault.under("compute") from None
        return found if speeds is None else Divided(found, speeds)

    def duration(self, computes: str) -> Law:
        """Return the law of one oracle call for a method that computes in this way."""
        if self.compute is not None:
            return self.compute
        return Exponential(mean=1.0) if computes == "busy" else Constant(value=1.0)
