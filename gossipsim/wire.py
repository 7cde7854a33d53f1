"""The links: how long a message takes, and its size in bits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.component import Settings
from gossipsim.family import Member
from gossipsim.law import Constant, Law
from gossipsim.rows import Fields


class Wire(Settings):
    """The links: how long a message takes, and how many bits.

    Parameters
    ----------
    float_bits : int
        Bits that one number takes on the wire (default 32; the simulation itself computes in 64).
    latency : law
        How long a message travels, a number or a law, in mean gradient times of a unit-rate node; used by rounds and tokens.

    Examples
    --------
    >>> Wire().message_bits({"x": "vector", "weight": "scalar"}, dim=10)
    352
    """

    float_bits: Annotated[int, Field(ge=1, le=128)] = 32
    latency: Annotated[Law, Member] = Constant(value=0.0)

    def message_bits(self, letter: Fields, dim: int) -> int:
        """Return the size in bits of one message with these fields, not compressed."""
        return sum(dim if kind == "vector" else 1 for kind in letter.values()) * self.float_bits
