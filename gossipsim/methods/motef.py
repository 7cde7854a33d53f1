"""MoTEF: Islamov, Gao, Stich, "Near optimal decentralized optimization with compression and momentum tracking", 2024."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.methods.base import Facts
from gossipsim.methods.beer import Beer


class Motef(Beer, name="motef"):
    r"""MoTEF: BEER with the gradients replaced by their momentum.

    As `beer`, with

    .. math:: M^+ = (1 - \lambda) M + \lambda\, g(X^+)

    from stochastic gradients g, so that their noise is averaged over time; lambda = 1 is BEER.

    Parameters
    ----------
    lam : float
        Weight lambda of a new gradient.

    Notes
    -----
    Everything said of `beer` holds, the invariants and the measured rate included. The default of lambda is a choice of
    practice: theory lets it fall with the number of rounds.

    Examples
    --------
    >>> Motef(lam=0.05).lam
    0.05
    """

    lam: Annotated[float, Field(gt=0, le=1)] = 0.1

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the constants of BEER, with lambda."""
        return super().constants(facts) | {"lam": self.lam}
