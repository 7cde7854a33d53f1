"""Push-sum on asynchronous clocks.

Kempe, Dobra, Gehrke, "Gossip-based computation of aggregate information", FOCS 2003; Benezit, Blondel, Thiran,
Tsitsiklis, Vetterli, "Weighted gossip: distributed averaging using non-doubly stochastic matrices", ISIT 2010.
"""

from __future__ import annotations

from typing import Any

from gossipsim.component import Probability
from gossipsim.methods.base import Facts, Method, kernel, uniform


class PushSum(Method, name="push_sum"):
    r"""Push-sum: averaging with one-way messages, without waiting for an answer.

    Every node holds a sum x and a weight w, at first 1, and estimates the average by z = x / w. When the clock of
    edge ij rings, each end pushes with probability q, independently of the other; i to j is

    .. math:: (x_i, w_i) \leftarrow \tfrac12 (x_i, w_i), \qquad (x_j, w_j) \leftarrow (x_j, w_j) + \tfrac12 (x_i, w_i),

    with the values before the ring on the right.

    Parameters
    ----------
    q : float
        Probability that an end pushes; each direction is then used at q times the rate of the edge. With q = 1 both
        ends always push, all weights stay 1, and the method is randomized gossip.

    Notes
    -----
    \(\sum_i x_i\) and \(\sum_i w_i = n\) are kept, and z tends to the mean on every strongly connected network of
    one-way links. A lost message takes its mass with it: z still tends to one vector, a weighted mean, and no longer
    to the mean.

    Examples
    --------
    >>> PushSum.payload
    {'x': 'vector', 'w': 'scalar'}
    """

    node = {"x": "vector", "z": "vector", "w": "scalar"}
    payload = {"x": "vector", "w": "scalar"}
    pairwise = "delivery"
    solves = "average"
    when_lost = "a lost message takes its mass with it, and the limit is a weighted mean of the starting points"
    when_changing = ""
    primal = "z"

    q: Probability = 0.5

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return q."""
        return {"q": self.q}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Give every node weight 1; x and z start equal, at the one that the scenario gives."""
        nodes.w[:] = 1.0
        if nodes.z.any():
            nodes.x[:] = nodes.z
        else:
            nodes.z[:] = nodes.x

    def refuses(self, facts: Facts) -> str | None:
        """Refuse silence."""
        return None if self.q > 0 else "push_sum with q = 0 never sends anything"

    @kernel
    def message(p, node, link, t, out, draw):
        if uniform(draw, 0) >= p.q:
            return False
        out.x[:] = 0.5 * node.x
        out.w = 0.5 * node.w
        return True

    @kernel
    def sent(p, node, link, t, msg):
        node.x[:] = node.x - msg.x
        node.w = node.w - msg.w

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.w = node.w + inbox[0].w
        node.x[:] = node.x + inbox[0].x
        node.z[:] = node.x / node.w
