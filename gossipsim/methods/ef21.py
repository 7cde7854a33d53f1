"""EF21: error feedback with a server.

Richtarik, Sokolov, Fatkhullin, "EF21: a new, simpler, theoretically better, and practically faster error feedback", NeurIPS
2021; Richtarik, Gasanov, Burlachenko, "Error feedback reloaded: from quadratic to arithmetic mean of smoothness constants",
ICLR 2024.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Literal

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Promise, kernel
from gossipsim.methods.with_server import WithServer, smoothness_of_mean


class Ef21(WithServer, name="ef21"):
    r"""EF21: clients send compressed differences between their gradients and what the server knows of them.

    In every round, client i and then the server:

    .. math:: c_i = C(\nabla f_i(x) - g_i), \quad g_i \leftarrow g_i + c_i; \qquad
              g \leftarrow g + \tfrac1n \sum_i c_i, \quad x \leftarrow x - \gamma g.

    All \(g_i\) are zero at first, so that the first message is \(C(\nabla f_i(x_0))\). Always \(g = \frac1n\sum_i g_i\).

    Parameters
    ----------
    smoothness : {"am", "qm"}
        Whether gamma comes from the arithmetic or from the quadratic mean of the \(L_i\): the newer, or the original analysis.
    L, L_tilde : float, optional
        Smoothness of f, and the mean of the \(L_i\) (default: of the problem).

    Notes
    -----
    With \(\alpha\) the contraction of C, \(\theta = 1 - \sqrt{1 - \alpha}\) and \(\beta = (1 - \alpha)/\theta\):
    \(\gamma = 1/(L + \tilde L \sqrt{\beta/\theta})\). An unbiased C enters as C / (1 + omega). The server, node 0, tells x to the
    clients as it is: `compressor` shortens what clients say only, and the bits of x are counted in full.

    A lost message of a client makes g differ from the mean of the \(g_i\) for good.

    *Promise*: under the Polyak-Lojasiewicz inequality with mu and with exact gradients,
    \(E f(x_t) - f^* \le C (1 - q)^t\), \(q = \min(\gamma\mu, \theta - \gamma^2\beta\tilde L^2/(1 - \gamma L))\). This is
    the theorem of 2021 with the weight of its Lyapunov function left free: its own steps, at most
    \(1/(L + \tilde L\sqrt{2\beta/\theta})\) and \(\theta/(2\mu)\), have \(q = \gamma\mu\), and gamma as above
    \(q = \min(\gamma\mu, \theta\gamma L)\).

    Examples
    --------
    >>> Ef21(smoothness="qm").smoothness
    'qm'
    """

    node = {"x": "vector", "g": "vector", "change": "vector", "hub": "scalar"}
    computes = talks = "round"
    when_lost = "after a lost message copies of the same vector differ for good, and the limit is biased"
    server = True
    compressible = True

    gamma: Positive | None = None
    smoothness: Literal["am", "qm"] = "am"
    L: Positive | None = None
    L_tilde: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, 1/n, and what makes an unbiased compressor contractive."""
        gamma = self.gamma or step_size(*self._smoothness(facts), *self._rates(facts.delta))
        return super().constants(facts) | {"gamma": gamma}

    def _smoothness(self, facts: Facts) -> tuple[float, float]:
        mean = arithmetic_mean if self.smoothness == "am" else quadratic_mean
        return self.L or smoothness_of_mean(facts), self.L_tilde or mean(facts)

    def _rates(self, alpha: float) -> tuple[float, float]:
        return rates(alpha)

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate of the gap, for rounds of one unit of time."""
        return decay(self.constants(facts)["gamma"], facts.mu, *self._smoothness(facts), *self._rates(facts.delta))

    @kernel
    def step(p, node, t, g):
        node.change[:] = g - node.g

    @kernel
    def sent(p, node, link, t, msg):
        if node.hub == 0.0:
            msg[:] = p.scale * msg
            node.g[:] = node.g + msg

    @kernel
    def receive(p, node, links, t, inbox, slots):
        if node.hub == 0.0:
            for k in range(len(inbox)):
                node.x[:] = inbox[k]
        elif node.turn == 0:
            for k in range(len(inbox)):
                node.g[:] = node.g + p.share * inbox[k]
            node.x[:] = node.x - p.gamma * node.g


def rates(alpha: float) -> tuple[float, float]:
    """Return theta and beta: the error of the g_i shrinks by 1 - theta, and a step adds beta times its square.

    Examples
    --------
    >>> rates(0.75)
    (0.5, 0.5)
    """
    theta = 1.0 - sqrt(1.0 - alpha)
    return theta, (1.0 - alpha) / theta if theta > 0 else 0.0


def step_size(L: float, L_tilde: float, theta: float, beta: float) -> float:
    """Return 1 / (L + L_tilde sqrt(beta / theta))."""
    return 1.0 / (L + L_tilde * sqrt(beta / theta))


def arithmetic_mean(facts: Facts) -> float:
    """Return the mean of the L_i."""
    return float(facts.L_i.mean())


def quadratic_mean(facts: Facts) -> float:
    """Return the root of the mean of the squares of the L_i."""
    return float(sqrt((facts.L_i**2).mean()))


def decay(gamma: float, mu: float, L: float, L_tilde: float, theta: float, beta: float) -> Promise:
    """Return the promise of a step size."""
    room = 1.0 - gamma * L
    if beta == 0.0:
        spare = theta if room > -1e-9 else 0.0
    else:
        spare = theta - gamma**2 * beta * L_tilde**2 / room if room > 0 else 0.0
    q = min(gamma * mu, spare)
    source = "Richtarik, Sokolov, Fatkhullin 2021, theorem for the Polyak-Lojasiewicz inequality and its proof"
    condition = f"exact gradients, mu > 0, gamma small enough (q = {q:.3g}), rounds of length 1"
    return Promise("gap", -log(1.0 - q) if 0 < q < 1 else 0.0, source, condition, met=0 < q < 1)
