"""Stochastic gradient push.

Assran, Loizou, Ballas, Rabbat, "Stochastic gradient push for distributed deep learning", ICML 2019, algorithm 1.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, Method, kernel


class Sgp(Method, name="sgp"):
    r"""Stochastic gradient push: descent at the push-sum estimate, with one-way messages to one peer per round.

    Every node holds x and a weight w, at first 1; gradients are taken at z = x / w. In round k,

    .. math:: x_i &\leftarrow x_i - \gamma\, g_i(z_i), &
              (x_i, w_i) &\leftarrow \sum_j p_{ij}^{(k)} (x_j, w_j),

    with nonnegative p whose columns sum to one: a node keeps a share of its own mass and pushes the rest.

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: 1/(2L)); 0 leaves push-sum averaging.
    peers : {"one", "all"}
        "one": keep 1/2 and push 1/2 to a single neighbour, another one every round. Where the graph allows it
        (topology `exponential`) this is the directed exponential graph: i pushes to i + 2^(k mod ceil(log2 n)),
        modulo n. On any other graph node i goes round its neighbours j in the order of (j - i) modulo n. "all": equal
        shares 1/(degree + 1) for all neighbours and itself.

    Notes
    -----
    \(\sum_i w_i = n\) always, and only gradients move \(\sum_i x_i\). With n = 2^p on the exponential graph and gamma
    = 0 every z_i is the mean after p rounds, exactly. A constant step leaves a bias of order gamma on heterogeneous
    problems. A lost message takes its mass with it: the weights w tend to zero, the steps of z, gamma / w, grow
    without bound, and the run diverges; with gamma = 0, z tends to a weighted mean.

    Examples
    --------
    >>> Sgp(lr=0.1).peers
    'one'
    """

    node = {"x": "vector", "z": "vector", "w": "scalar", "share": "scalar", "period": "scalar"}
    link = {"place": "scalar"}
    payload = {"x": "vector", "w": "scalar"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a lost message takes its mass with it: w tends to zero, the steps gamma / w grow, and the run diverges"
    primal = "z"

    lr: NonNegative | None = None
    peers: Literal["one", "all"] = "one"

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, and 1 when a round has a single peer."""
        return {"lr": 1 / (2 * facts.L) if self.lr is None else self.lr, "one": float(self.peers == "one")}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Give every node weight 1 and the order in which it meets its neighbours; x and z start equal."""
        nodes.w[:] = 1.0
        if nodes.z.any():
            nodes.x[:] = nodes.z
        else:
            nodes.z[:] = nodes.x
        n, count = graph.n, graph.degree
        source = np.repeat(np.arange(n), count)
        hop = (graph.nbr - source) % n
        bits = max(1, (n - 1).bit_length())
        power = (hop & (hop - 1)) == 0
        if (np.bincount(source[power], minlength=n) == bits).all():
            links.place[:] = np.where(power, np.log2(hop), -1.0)
            nodes.period[:] = bits
        else:
            order = np.lexsort((hop, source))
            links.place[order] = np.arange(len(hop)) - np.repeat(graph.ptr[:-1], count)
            nodes.period[:] = np.maximum(1, count)
        nodes.share[:] = 1.0 / (count + 1) if self.peers == "all" else np.where(count > 0, 0.5, 1.0)

    @kernel
    def query(p, node, t, out):
        out[:] = node.z

    @kernel
    def step(p, node, t, g):
        node.x[:] = node.x - p.lr * g

    @kernel
    def message(p, node, link, t, out):
        # the first round has already counted one oracle call
        if p.one > 0.0 and (node.draws - 1) % node.period != link.place:
            return False
        out.x[:] = node.share * node.x
        out.w = node.share * node.w
        return True

    @kernel
    def receive(p, node, links, t, inbox, slots):
        w = node.share * node.w
        node.x[:] = node.share * node.x
        for k in range(len(inbox)):
            w = w + inbox[k].w
            node.x[:] = node.x + inbox[k].x
        node.w = w
        node.z[:] = node.x / w
