"""Overlap SGP: stochastic gradient push whose messages travel while the nodes compute.

Assran, Loizou, Ballas, Rabbat, "Stochastic gradient push for distributed deep learning", ICML 2019, the overlap variant.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.methods.base import Facts, kernel
from gossipsim.methods.sgp import Sgp


class Osgp(Sgp, name="osgp"):
    r"""Overlap SGP: in every tau-th round nodes push a message, which takes effect tau rounds later.

    With z = x / w as in `sgp`, all rounds take a gradient step, \(x_i \leftarrow x_i - \gamma\, g_i(z_i)\), and in rounds k = 0,
    tau, 2 tau, ... then

    .. math:: (x_i, w_i) \leftarrow p_{ii} (x_i, w_i) + (b_i, v_i), \qquad
              (b_i, v_i) \leftarrow \sum_{j \ne i} p_{ij}^{(k)} (x_j, w_j),

    the sum being over the messages of this round, with x and w as they were before the first step; b and v, at first zero, are on
    their way for tau rounds.

    Parameters
    ----------
    tau : int
        How many rounds a message may travel, and rounds between two messages; at least 1.

    Notes
    -----
    \(\sum_i (w_i + v_i) = n\) always, and only gradients move \(\sum_i (x_i + b_i)\). `sgp` is the case of messages that arrive
    in their own round. In the paper a message is used as soon as it has arrived, and nodes wait for those that are tau rounds
    old; here all take that long. The engine adds `wire.latency` to a round as it does for `sgp`: compare this method without
    it to `sgp` with it.

    Examples
    --------
    >>> Osgp(tau=2).tau
    2
    """

    node = Sgp.node | {"b": "vector", "v": "scalar"}

    tau: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the constants of SGP and tau."""
        return super().constants(facts) | {"tau": float(self.tau)}

    @kernel
    def message(p, node, link, t, out):
        # the first round has already counted one oracle call
        k = node.draws - 1
        if k % p.tau > 0.0 or (p.one > 0.0 and (k // p.tau) % node.period != link.place):
            return False
        out.x[:] = node.share * node.x
        out.w = node.share * node.w
        return True

    @kernel
    def receive(p, node, links, t, inbox, slots):
        if (node.draws - 1) % p.tau == 0.0:
            node.x[:] = node.share * node.x + node.b
            node.w = node.share * node.w + node.v
            node.b[:] = 0.0 * node.b
            node.v = 0.0
            for k in range(len(inbox)):
                node.b[:] = node.b + inbox[k].x
                node.v = node.v + inbox[k].w
        node.z[:] = node.x / node.w
