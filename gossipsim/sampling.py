"""What the gradient oracle answers: the exact gradient, or that of a minibatch, with noise if wanted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.component import NonNegative, Settings


class Sampling(Settings):
    """How gradients are estimated; the exact local gradient unless said otherwise.

    Parameters
    ----------
    batch : int, optional
        Samples per gradient, drawn uniformly with replacement from the node's own, so that the estimate is unbiased.
    noise : float
        Standard deviation of independent N(0, noise^2) added to every coordinate.

    Examples
    --------
    >>> Sampling().exact, Sampling(batch=8).exact
    (True, False)
    """

    batch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    noise: NonNegative = 0.0

    @property
    def exact(self) -> bool:
        """Whether the oracle answers the exact gradient."""
        return self.batch is None and self.noise == 0.0
