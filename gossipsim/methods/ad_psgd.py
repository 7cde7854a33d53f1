"""AD-PSGD.

Lian, Zhang, Zhang, Liu, "Asynchronous decentralized parallel stochastic gradient descent", ICML 2018.
"""

from __future__ import annotations

from typing import Any

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, Method, kernel


class AdPsgd(Method, name="ad_psgd"):
    r"""Asynchronous decentralized SGD: workers never wait, gradients may be stale.

    Worker i takes a snapshot \(\hat x_i = x_i\) and computes its gradient there. When it ends it averages with a
    uniformly random neighbour j, at once and atomically, \(x_i, x_j \leftarrow (x_i + x_j)/2\), and then steps, \(x_i
    \leftarrow x_i - \gamma\, g_i(\hat x_i)\).

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: 1/(2L)); 0 leaves randomized gossip, n exchanges per mean compute time.

    Notes
    -----
    A constant step leaves a bias of order gamma on heterogeneous problems. Compute times follow `fleet.compute`. Only
    gradients move the mean of x while an exchange is atomic: a message lost in one direction moves it too.

    Examples
    --------
    >>> AdPsgd(lr=0.1).lr
    0.1
    """

    node = {"x": "vector", "snapshot": "vector"}
    computes, talks = "busy", "partner"

    lr: NonNegative | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma."""
        return {"lr": 1 / (2 * facts.L) if self.lr is None else self.lr}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Take the first snapshots."""
        nodes.snapshot[:] = nodes.x

    @kernel
    def query(p, node, t, out):
        out[:] = node.snapshot

    @kernel
    def step(p, node, t, g):
        node.x[:] = node.x - p.lr * g
        node.snapshot[:] = node.x

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = 0.5 * (node.x + inbox[0])
