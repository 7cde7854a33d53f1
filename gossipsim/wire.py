"""What a message costs: its size in bits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.component import Settings


class Wire(Settings):
    """The links: a message of k vectors takes k * d * float_bits bits.

    Parameters
    ----------
    float_bits : int
        Bits that one number takes on the wire (default 32; the simulation itself computes in 64).

    Examples
    --------
    >>> Wire().message_bits(payload=1, dim=10)
    320
    """

    float_bits: Annotated[int, Field(ge=1, le=128)] = 32

    def message_bits(self, payload: int, dim: int) -> int:
        """Return the size of one message of `payload` vectors, in bits."""
        return payload * dim * self.float_bits
