"""EC-SGD: classic error compensation.

Seide, Fu, Droppo, Li, Yu, "1-bit stochastic gradient descent and its application to data-parallel distributed training of
speech DNNs", Interspeech 2014; Stich, Karimireddy, "The error-feedback framework: SGD with delayed gradients", JMLR 21 (2020).
"""

from __future__ import annotations

from gossipsim.methods.base import Facts, kernel
from gossipsim.methods.with_server import WithServer, smoothness_of_mean


class EcSgd(WithServer, name="ec_sgd"):
    r"""EC-SGD: what compression left out is added to the next gradient.

    In every round, with a stochastic gradient \(g_i\) at x, client i and then the server:

    .. math:: \Delta_i = C(e_i + g_i), \quad e_i \leftarrow e_i + g_i - \Delta_i; \qquad
              x \leftarrow x - \gamma \tfrac1n \sum_i \Delta_i.

    This is EControl with eta = 1 and \(h_i\) held at zero. For any C,
    \(x_t - \gamma \frac1n\sum_i e_i = x_0 - \gamma \sum_{s<t} \frac1n\sum_i g_i^s\) exactly.

    Parameters
    ----------
    gamma : float, optional
        Step size (default: delta / (10 L), L the smoothness of f).

    Notes
    -----
    The default has theory's order. A constant step leaves a bias when local gradients differ at the solution. An unbiased C
    enters as C / (1 + omega). The server tells x as it is, in full bits.

    A lost message is lost: its part of the gradients never reaches x.

    Examples
    --------
    >>> EcSgd(gamma=0.05).gamma
    0.05
    """

    node = {"x": "vector", "e": "vector", "hub": "scalar"}
    when_lost = "what a lost message carried is gone from the memory of its errors, and the limit is biased"

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, 1/n, and what makes an unbiased compressor contractive."""
        return super().constants(facts) | {"gamma": self.gamma or facts.delta / (10 * smoothness_of_mean(facts))}

    @kernel
    def step(p, node, t, g):
        node.e[:] = node.e + g

    @kernel
    def message(p, node, link, t, out):
        if node.hub > 0.0:
            out[:] = node.x
            return node.turn == 1
        out[:] = node.e
        return node.turn == 0

    @kernel
    def sent(p, node, link, t, msg):
        if node.hub == 0.0:
            msg[:] = p.scale * msg
            node.e[:] = node.e - msg

    @kernel
    def receive(p, node, links, t, inbox, slots):
        if node.hub == 0.0:
            for k in range(len(inbox)):
                node.x[:] = inbox[k]
        elif node.turn == 0:
            for k in range(len(inbox)):
                node.x[:] = node.x - p.gamma * p.share * inbox[k]
