"""CHOCO-SGD: decentralized SGD with compressed messages.

Koloskova, Stich, Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed communication", ICML
2019, algorithm 2.
"""

from __future__ import annotations

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, kernel
from gossipsim.methods.choco_gossip import ChocoGossip, consensus_step
from gossipsim.methods.contractive import contractive_scale
from gossipsim.methods.public_copies import PublicCopies, gap


class ChocoSgd(PublicCopies, name="choco_sgd"):
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
    \(\rho\), \(\delta\) and gamma as in `choco_gossip`; the default of a is the one of the theorem as it is remembered, and not
    checked against it. The mean obeys \(\bar x \leftarrow \bar x - \eta_t \frac1n \sum_i g_i(x_i)\), whatever C is. An unbiased
    C enters as C / (1 + omega).

    The theorem bounds the gap of a weighted mean of all iterates by \(O(\sigma^2/(\mu n T))\), and by terms of higher order with
    \(\delta\); it promises no exponential decay. Tests measure the last iterate: with noise and decreasing steps the gap falls
    like 1/(nT), the same with exact messages. A constant step leaves a bias when the local functions differ, and compression
    enlarges it: without noise exact messages then end much lower.

    A lost message leaves a neighbour's copy behind for good, and the mean then moves by more than the gradients.

    Examples
    --------
    >>> ChocoSgd(lr=0.1, gamma=0.3).lr
    0.1
    """

    node = ChocoGossip.node
    computes = talks = "round"

    gamma: Positive | None = None
    lr: Positive | None = None
    a: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, the step size as top / (bottom + slope t), and what makes an unbiased compressor contractive."""
        gamma, scale = self.gamma or consensus_step(facts), contractive_scale(facts)
        if self.lr:
            return {"gamma": gamma, "scale": scale, "top": self.lr, "bottom": 1.0, "slope": 0.0}
        a = self.a or max(410 / (gap(facts) ** 2 * facts.delta), 16 * facts.L / facts.mu)
        return {"gamma": gamma, "scale": scale, "top": 4 / facts.mu, "bottom": a, "slope": 1.0}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse what leaves a step without a default."""
        if not self.lr and not facts.mu > 0:
            return f"{self.name} takes its decreasing step from mu > 0, here mu = 0: give lr"
        return None if self.gamma and (self.lr or self.a) else super().refuses(facts)

    @kernel
    def step(p, node, t, g):
        eta = p.top / (p.bottom + p.slope * (node.draws - 1))
        node.x[:] = node.x - eta * g

    message, sent, receive = ChocoGossip.message, ChocoGossip.sent, ChocoGossip.receive
