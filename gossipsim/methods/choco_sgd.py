"""CHOCO-SGD: decentralized SGD with compressed messages.

Koloskova, Stich, Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed communication", ICML
2019, algorithm 2.
"""

from __future__ import annotations

from typing import Any

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, kernel
from gossipsim.methods.choco_gossip import consensus_step, gap, no_theory, weight_sums


class ChocoSgd(Method, name="choco_sgd"):
    r"""CHOCO-SGD: a gradient step, then a round of CHOCO-Gossip.

    .. math:: x_i &\leftarrow x_i - \eta_t\, g_i(x_i), & q_i &= C(x_i - \hat x_i), \\
              \hat x_i &\leftarrow \hat x_i + q_i, & x_i &\leftarrow x_i + \gamma \sum_j W_{ij} (\hat x_j - \hat x_i).

    Parameters
    ----------
    gamma : float, optional
        Consensus step (default: that of CHOCO-Gossip).
    lr : float, optional
        Constant step size eta (default: decreasing, \(\eta_t = 4/(\mu(a + t))\) in round t = 0, 1, ...).
    a : float, optional
        Delay of the decreasing step (default: \(\max(410/(\rho^2\delta), 16 L/\mu)\)).

    Notes
    -----
    \(\rho\), \(\delta\) and gamma as in `choco_gossip`; the default of a is the one of theorem 4 as it is remembered, and
    not checked against it. A constant step leaves a bias when the local functions differ. The mean obeys
    \(\bar x \leftarrow \bar x - \eta_t \frac1n \sum_i g_i(x_i)\), whatever C is. An unbiased C enters as C / (1 + omega).

    A lost message leaves a neighbour's copy behind for good, and the mean then moves by more than the gradients.

    Examples
    --------
    >>> ChocoSgd(lr=0.1, gamma=0.3).lr
    0.1
    """

    node = dict.fromkeys(("x", "x_hat", "pull"), "vector") | {"weight_sum": "scalar"}
    computes = talks = "round"
    when_lost = "after a lost message copies of the same vector differ for good, and the limit is biased"
    compressible = True

    gamma: Positive | None = None
    lr: Positive | None = None
    a: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, the step size as top / (bottom + slope t), and what makes an unbiased compressor contractive."""
        gamma, scale = self.gamma or consensus_step(facts), 1.0 / (1.0 + (facts.omega or 0.0))
        if self.lr:
            return {"gamma": gamma, "scale": scale, "top": self.lr, "bottom": 1.0, "slope": 0.0}
        a = self.a or max(410 / (gap(facts) ** 2 * facts.delta), 16 * facts.L / facts.mu)
        return {"gamma": gamma, "scale": scale, "top": 4 / facts.mu, "bottom": a, "slope": 1.0}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Add up the weights of every node's links."""
        nodes.weight_sum[:] = weight_sums(links, graph)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse what leaves a step without a default."""
        if not self.lr and not facts.mu > 0:
            return f"{self.name} takes its decreasing step from mu > 0, here mu = 0: give lr"
        return None if self.gamma and (self.lr or self.a) else no_theory(self.name, facts)

    @kernel
    def step(p, node, t, g):
        eta = p.top / (p.bottom + p.slope * (node.draws - 1))
        node.x[:] = node.x - eta * g

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.x - node.x_hat
        return True

    @kernel
    def sent(p, node, link, t, msg):
        msg[:] = p.scale * msg
        node.x_hat[:] = node.x_hat + msg
        node.pull[:] = node.pull - node.weight_sum * msg

    @kernel
    def receive(p, node, links, t, inbox, slots):
        for k in range(len(inbox)):
            node.pull[:] = node.pull + links[slots[k]].weight * inbox[k]
        node.x[:] = node.x + p.gamma * node.pull
