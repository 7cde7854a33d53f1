"""EControl: error feedback with control.

Gao, Islamov, Stich, "EControl: fast distributed optimization with compression and error control", ICLR 2024, algorithm 2.
"""

from __future__ import annotations

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, kernel
from gossipsim.methods.contractive import unknown_contraction
from gossipsim.methods.with_server import WithServer, smoothness_of_mean


class EControl(WithServer, name="econtrol"):
    r"""EControl: a little of the accumulated error enters every message.

    In every round, with a stochastic gradient \(g_i\) at x, client i and then the server:

    .. math:: \Delta_i = C(\eta e_i + g_i - h_i), \quad e_i \leftarrow e_i + g_i - h_i - \Delta_i, \quad
              h_i \leftarrow h_i + \Delta_i; \\
              h \leftarrow h + \tfrac1n \sum_i \Delta_i, \quad x \leftarrow x - \gamma h.

    All \(e_i\) and \(h_i\) are zero at first. eta = 0 is EF21. For any C,
    \(x_t - \gamma \frac1n\sum_i e_i = x_0 - \gamma \sum_{s<t} \frac1n\sum_i g_i^s\) exactly.

    Parameters
    ----------
    gamma : float, optional
        Step size (default: delta / (2 L), L the smoothness of f).
    eta : float, optional
        Share of the error in a message (default: the contraction delta of C; theory takes less, of the same order).

    Notes
    -----
    Both defaults have theory's order, not its constants, so that nothing is promised; with exact gradients tests measure the rate
    of gradient descent with step gamma or a little more, \(2\gamma\mu\) for the squared error. eta far above delta
    diverges. An unbiased C enters as C / (1 + omega). The server tells x as it is, in full bits.

    A lost message of a client makes h differ from the mean of the \(h_i\), and breaks the identity, for good.

    Examples
    --------
    >>> EControl(eta=0.05).eta
    0.05
    """

    node = {"x": "vector", "h": "vector", "e": "vector", "change": "vector", "hub": "scalar"}

    eta: NonNegative | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, eta, 1/n, and what makes an unbiased compressor contractive."""
        gamma = self.gamma or facts.delta / (2 * smoothness_of_mean(facts))
        return super().constants(facts) | {"gamma": gamma, "eta": facts.delta if self.eta is None else self.eta}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse compressors without a constant, unless the step is given."""
        return None if self.gamma and self.eta is not None else unknown_contraction(self.name, facts)

    @kernel
    def step(p, node, t, g):
        node.change[:] = g - node.h

    @kernel
    def message(p, node, link, t, out):
        if node.hub > 0.0:
            out[:] = node.x
            return node.turn == 1
        out[:] = p.eta * node.e + node.change
        return node.turn == 0

    @kernel
    def sent(p, node, link, t, msg):
        if node.hub == 0.0:
            msg[:] = p.scale * msg
            node.e[:] = node.e + node.change - msg
            node.h[:] = node.h + msg

    @kernel
    def receive(p, node, links, t, inbox, slots):
        if node.hub == 0.0:
            for k in range(len(inbox)):
                node.x[:] = inbox[k]
        elif node.turn == 0:
            for k in range(len(inbox)):
                node.h[:] = node.h + p.share * inbox[k]
            node.x[:] = node.x - p.gamma * node.h
