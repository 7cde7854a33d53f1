"""The machines: how long a node computes, and whether it is there."""

from __future__ import annotations

from typing import Annotated

from gossipsim.churn import Churn, Failure
from gossipsim.component import Settings
from gossipsim.family import Member
from gossipsim.law import Constant, Exponential, Law


class Fleet(Settings):
    """The machines: how long one call of the oracle takes.

    Parameters
    ----------
    compute : law, optional
        Duration of one oracle call, a number or a law. Default: exactly 1 for methods in rounds and for tokens, exponential with
        mean 1 for busy workers, Poisson clocks of rate 1 otherwise.
    churn : mapping, optional
        Nodes that come and go.
    failures : list of mappings
        Nodes that stop at given times.

    Examples
    --------
    >>> Fleet.read({"compute": 0.5}).compute.mean
    0.5
    """

    compute: Annotated[Law, Member] | None = None
    churn: Annotated[Churn, Member] | None = None
    failures: list[Annotated[Failure, Member]] = []

    @property
    def steady(self) -> bool:
        """Whether every node is always present."""
        return self.churn is None and not self.failures

    def duration(self, computes: str) -> Law:
        """Return the law of one oracle call for a method that computes in this way."""
        if self.compute is not None:
            return self.compute
        return Exponential(mean=1.0) if computes == "busy" else Constant(value=1.0)
