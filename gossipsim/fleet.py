"""The machines: how long a node computes."""

from __future__ import annotations

from typing import Annotated

from gossipsim.component import Settings
from gossipsim.family import Member
from gossipsim.law import Constant, Exponential, Law


class Fleet(Settings):
    """The machines: how long one call of the oracle takes.

    Parameters
    ----------
    compute : law, optional
        Duration of one oracle call, a number or a law. Default: exactly 1 for methods in rounds and for tokens, exponential with
        mean 1 for busy workers. Methods whose theory sets Poisson clocks (gradients at rate 1) do not look at it.

    Examples
    --------
    >>> Fleet.read({"compute": 0.5}).compute.mean
    0.5
    """

    compute: Annotated[Law, Member] | None = None

    def duration(self, computes: str) -> Law:
        """Return the law of one oracle call for a method that computes in this way."""
        if self.compute is not None:
            return self.compute
        return Exponential(mean=1.0) if computes == "busy" else Constant(value=1.0)
