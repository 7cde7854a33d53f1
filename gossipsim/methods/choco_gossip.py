"""CHOCO-Gossip: averaging with compressed messages.

Koloskova, Stich, Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed communication", ICML
2019, algorithm 1.
"""

from __future__ import annotations

from math import log

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Promise, kernel
from gossipsim.methods.contractive import contractive_scale
from gossipsim.methods.public_copies import PublicCopies, gap


class ChocoGossip(PublicCopies, name="choco_gossip"):
    r"""CHOCO-Gossip: averaging in rounds with compressed differences to public copies.

    With \(\hat x_i\) the copy of \(x_i\) that node i and all its neighbours hold, one round is

    .. math:: q_i &= C(x_i - \hat x_i), & \hat x_i &\leftarrow \hat x_i + q_i, &
              x_i &\leftarrow x_i + \gamma \sum_j W_{ij} (\hat x_j - \hat x_i).

    Node i keeps the sum, as `pull`, instead of one copy per neighbour. The mean of x is kept, whatever C is.

    Parameters
    ----------
    gamma : float, optional
        Consensus step.

    Notes
    -----
    With \(\rho\) the spectral gap of W, \(b = \|I - W\|\) and \(\delta\) the contraction of C,
    \(\gamma = \rho^2\delta / (16\rho + \rho^2 + 4b^2 + 2\rho b^2 - 8\rho\delta)\). An unbiased C enters as C / (1 + omega), which
    is contractive. Practice takes much larger steps; C = I with gamma = 1 is gossip with W itself. A round lasts one unit of
    time, as one with a gradient does.

    A lost message leaves a neighbour's copy behind for good, and the mean is then no longer kept.

    *Promise*: \(E \sum_i \|x_i - \bar x\|^2 \le C (1 - \rho^2\delta/82)^t\) after t rounds (the theorem on CHOCO-Gossip).

    Examples
    --------
    >>> ChocoGossip(gamma=0.1).gamma
    0.1
    """

    node = dict.fromkeys(("x", "x_hat", "pull"), "vector") | {"weight_sum": "scalar"}
    talks = "round"
    solves = "average"

    gamma: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, and what makes an unbiased compressor contractive."""
        return {"gamma": self.gamma or consensus_step(facts), "scale": contractive_scale(facts)}

    def promise(self, facts: Facts) -> Promise:
        """Return the decay rate of the consensus distance, for rounds of one unit of time."""
        rate = -log(1.0 - gap(facts) ** 2 * facts.delta / 82.0)
        source = "Koloskova, Stich, Jaggi 2019, theorem on CHOCO-Gossip"
        return Promise("consensus", rate, source, "gamma of the theorem, rounds of length 1", met=self.gamma is None)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse weights that do not mix and compressors without a constant, unless the step is given."""
        return None if self.gamma else super().refuses(facts)

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


def consensus_step(facts: Facts) -> float:
    """Return the gamma of the theorem."""
    assert facts.mixing is not None
    rho, b, delta = gap(facts), facts.mixing.lambda_max, facts.delta
    return rho**2 * delta / (16 * rho + rho**2 + 4 * b**2 + 2 * rho * b**2 - 8 * rho * delta)
