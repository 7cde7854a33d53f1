"""The links: how long a message takes, how many bits it has, and whether it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from gossipsim.arrays import Floats
from gossipsim.component import Positive, Settings
from gossipsim.delays import Delays
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.law import Constant, Law, drawn
from gossipsim.loss import Bernoulli, Loss
from gossipsim.rows import Fields

if TYPE_CHECKING:
    from gossipsim.graph import Graph


class Wire(Settings):
    """The links: how long a message takes, how many bits it has, and whether it arrives.

    Parameters
    ----------
    float_bits : int
        Bits that one number takes on the wire (default 32; the simulation itself computes in 64).
    latency : law
        How long a message travels, a number or a law, in mean gradient times of a unit-rate node.
    delays : delays, optional
        What every directed link adds to the latency: a member of the family `delays`, such as a matrix from a file.
    bandwidth : float, optional
        Bits per unit of time on every directed link, one message after the other; unlimited without it.
    service : law, optional
        Time that a message occupies its directed link, in place of a bandwidth.
    uplink : float, optional
        Bits per unit of time that a node can send, one message after the other; unlimited without it.
    loss : loss
        Which messages are lost: a probability, or a member of the family `loss`.
    exchange : {"atomic", "handshake"}
        What a pairwise exchange is when messages take time: two messages that take effect together when both have arrived, or
        three, of which the last is repeated until it arrives, with both ends free to act in between. Differences that are old
        when they are applied keep every sum, but with several exchanges under way per node they may add up to a divergence.

    Examples
    --------
    >>> Wire().message_bits({"x": "vector", "weight": "scalar"}, dim=10)
    352
    """

    float_bits: Annotated[int, Field(ge=1, le=128)] = 32
    latency: Annotated[Law, Member] = Constant(value=0.0)
    delays: Annotated[Delays, Member] | None = None
    bandwidth: Positive | None = None
    service: Annotated[Law, Member] | None = None
    uplink: Positive | None = None
    loss: Annotated[Loss, Member] = Bernoulli(p=0.0)
    exchange: Literal["atomic", "handshake"] = "atomic"

    @property
    def ideal(self) -> bool:
        """Whether every message arrives at once."""
        instant = isinstance(self.latency, Constant) and self.latency.value == 0.0
        queues = self.bandwidth is not None or self.uplink is not None or self.service is not None
        return instant and self.delays is None and not queues and self.loss.mean == 0.0

    @model_validator(mode="after")
    def _one_service(self) -> Self:
        drawn(self, "latency", "service")
        if self.service is not None and self.bandwidth is not None:
            raise ScenarioError("given together with bandwidth", key=("service",), allowed="the one or the other")
        return self

    def link_delays(self, graph: Graph) -> Floats:
        """Return what every directed link adds to the latency, `(2m,)`, in the order of `graph.nbr`."""
        if self.delays is None:
            return np.broadcast_to(0.0, 2 * graph.m)
        try:
            return self.delays.of(graph)
        except ScenarioError as fault:
            raise fault.under("delays") from None

    def message_bits(self, letter: Fields, dim: int, vector: int | None = None) -> int:
        """Return the size in bits of one message with these fields, whose vectors have d numbers, or `vector` bits."""
        size = dim * self.float_bits if vector is None else vector
        return sum(size if kind == "vector" else self.float_bits for kind in letter.values())
