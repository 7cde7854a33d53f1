"""Asynchronous decentralized SGD on Poisson clocks.

The method without momentum that Nabli, Belilovsky, Oyallon, "A2CiD2: Accelerating asynchronous communication in
decentralized deep learning", NeurIPS 2023, arXiv:2306.08289, accelerate.
"""

from __future__ import annotations

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, Method, Promise, kernel


class AsyncDsgd(Method, name="async_dsgd"):
    r"""Asynchronous decentralized SGD: gradients and pairwise averaging on independent Poisson clocks.

    Every node's clock has rate 1, and every edge has its own:

    .. math:: x_i &\leftarrow x_i - \gamma\, v_i, \quad v_i \leftarrow m\, v_i + g_i(x_i) + \lambda x_i
              &&\text{when the clock of node } i \text{ rings}, \\
              x_i, x_j &\leftarrow (x_i + x_j)/2 &&\text{when the clock of edge } ij \text{ rings}.

    A gradient is computed at the point that it moves, without delay; `ad_psgd` has stale gradients.

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: 1/(2L)); 0 leaves randomized gossip.
    momentum, weight_decay : float
        Heavy ball m < 1 and ridge lambda of the step, each 0 unless given.

    Notes
    -----
    Only gradients move the mean of x. A constant step leaves a bias of order gamma on heterogeneous problems. The mean
    is kept while an exchange is atomic: a message lost in one direction moves it.

    *Promise*: for gamma = 0 that of randomized gossip, \(E \|\Pi x(t)\|^2 \le e^{-t/(2 \chi_1)} \|\Pi x(0)\|^2\).

    Examples
    --------
    >>> AsyncDsgd(lr=0.1).momentum
    0.0
    """

    node = {"x": "vector", "v": "vector"}
    computes = "clock"
    when_changing = ""

    lr: NonNegative | None = None
    momentum: NonNegative = 0.0
    weight_decay: NonNegative = 0.0

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, m and lambda."""
        lr = 1 / (2 * facts.L) if self.lr is None else self.lr
        return {"lr": lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate 1 / (2 chi_1) of the consensus distance when no gradient disturbs it."""
        if self.lr != 0.0 or facts.n == 1:
            return None
        return Promise("consensus", facts.lambda_2 / 2, "Boyd et al. 2006, in continuous time")

    def refuses(self, facts: Facts) -> str | None:
        """Refuse a heavy ball that never forgets."""
        return None if self.momentum < 1 else f"async_dsgd needs momentum < 1, here {self.momentum:g}"

    @kernel
    def step(p, node, t, g):
        node.v[:] = p.momentum * node.v + g + p.weight_decay * node.x
        node.x[:] = node.x - p.lr * node.v

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = 0.5 * (node.x + inbox[0])
