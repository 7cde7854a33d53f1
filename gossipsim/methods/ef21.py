"""EF21: error feedback with a server.

Richtarik, Sokolov, Fatkhullin, "EF21: a new, simpler, theoretically better, and practically faster error feedback", NeurIPS
2021; Richtarik, Gasanov, Burlachenko, "Error feedback reloaded: from quadratic to arithmetic mean of smoothness constants",
ICLR 2024.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any, Literal

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel


class Ef21(Method, name="ef21"):
    r"""EF21: clients send compressed differences between their gradients and what the server knows of them.

    In every round, client i and then the server:

    .. math:: c_i = C(\nabla f_i(x) - g_i), \quad g_i \leftarrow g_i + c_i; \qquad
              g \leftarrow g + \tfrac1n \sum_i c_i, \quad x \leftarrow x - \gamma g.

    All \(g_i\) are zero at first, so that the first message is \(C(\nabla f_i(x_0))\). Always \(g = \frac1n\sum_i g_i\).

    Parameters
    ----------
    gamma : float, optional
        Step size.
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
    theorem 2 of 2021 with the weight of its Lyapunov function left free; gamma as above gives
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

    def turns(self, facts: Facts) -> int:
        """Return 2: clients speak, and then the server does."""
        return 2

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, 1/n, and what makes an unbiased compressor contractive."""
        return client_constants(facts) | {
            "gamma": self.gamma or step_size(*self._smoothness(facts), *rates(facts.delta))
        }

    def _smoothness(self, facts: Facts) -> tuple[float, float]:
        mean = arithmetic_mean if self.smoothness == "am" else quadratic_mean
        return self.L or smoothness_of_mean(facts), self.L_tilde or mean(facts)

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Make node 0 the server, and let everybody start at its point."""
        nodes.hub[0] = 1.0
        nodes.x[:] = nodes.x[0]

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate of the gap, for rounds of one unit of time."""
        return decay(self.constants(facts)["gamma"], *self._smoothness(facts), facts)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse compressors without a constant, unless the step is given."""
        return None if self.gamma else no_theory(self.name, facts)

    @kernel
    def step(p, node, t, g):
        node.change[:] = g - node.g

    @kernel
    def message(p, node, link, t, out):
        if node.hub > 0.0:
            out[:] = node.x
            return node.turn == 1
        out[:] = node.change
        return node.turn == 0

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


def client_constants(facts: Facts) -> dict[str, float]:
    """Return the share of a client, and what makes an unbiased compressor contractive."""
    return {"share": 1.0 / (facts.n - 1), "scale": 1.0 / (1.0 + (facts.omega or 0.0))}


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


def smoothness_of_mean(facts: Facts) -> float:
    """Return the smoothness of f."""
    return facts.L_mean() if facts.L_mean is not None else arithmetic_mean(facts)


def arithmetic_mean(facts: Facts) -> float:
    """Return the mean of the L_i."""
    return float(facts.L_i.mean())


def quadratic_mean(facts: Facts) -> float:
    """Return the root of the mean of the squares of the L_i."""
    return float(sqrt((facts.L_i**2).mean()))


def decay(gamma: float, L: float, L_tilde: float, facts: Facts) -> Promise:
    """Return the promise of a step size."""
    theta, beta = rates(facts.delta)
    room = 1.0 - gamma * L
    if beta == 0.0:
        spare = theta if room > -1e-9 else 0.0
    else:
        spare = theta - gamma**2 * beta * L_tilde**2 / room if room > 0 else 0.0
    q = min(gamma * facts.mu, spare)
    source = "Richtarik, Sokolov, Fatkhullin 2021, theorem 2 and its proof"
    condition = f"exact gradients, mu > 0, gamma small enough (q = {q:.3g}), rounds of length 1"
    return Promise("gap", -log(1.0 - q) if 0 < q < 1 else 0.0, source, condition, met=0 < q < 1)


def no_theory(name: str, facts: Facts) -> str | None:
    """Return why theory gives no step size here, or None."""
    if not facts.delta > 0:
        return f"{name} takes its step from the compressor's delta or omega, and this one states neither: give gamma"
    return None
