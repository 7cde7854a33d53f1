"""Continuized decentralized optimization.

Even, Berthier, Bach, Flammarion, Gaillard, Hendrikx, Massoulie, Taylor, "A continuized view on Nesterov acceleration
for stochastic gradient descent and randomized gossip", NeurIPS 2021.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import NonNegative, Positive
from gossipsim.methods.base import Facts, Flow, Method, Promise, kernel


class Continuized(Method, name="continuized"):
    r"""Accelerated, asynchronous, dual: gradients of conjugates at both ends of every exchange.

    Between events \(y' = \eta(z - y)\), \(z' = \eta(y - z)\). An exchange on edge ij, with
    \(\Delta = \nabla f_i^*(y_i) - \nabla f_j^*(y_j)\):

    .. math:: y_i \leftarrow y_i - \gamma R_{ij} \Delta, \qquad z_i \leftarrow z_i - \tilde\gamma \Delta,

    and the opposite at j. R_ij is the effective resistance of the edge in the Laplacian of the probabilities p =
    rates / total.

    Parameters
    ----------
    mu, L : float, optional
        Strong convexity and smoothness (default: of the problem).
    eta, gamma, gamma_tilde : float, optional
        Constants of theory; eta is per unit time.
    flow : matrix (2, 2), optional
        Replaces the flow; order y, z; row = derivative.

    Notes
    -----
    With \(\mu_g = \lambda_2\) and R = max R_ij, both at total rate 1: \(\gamma = \mu/(2R)\), \(\tilde\gamma =
    \sqrt{L\mu/(2\mu_g R)}\), and \(\eta = \sqrt{\mu_g/R}\sqrt{\mu/L}\) times the total rate. The estimate of the
    solution is \(\nabla f_i^*(z_i)\). An exchange costs two gradients. The sums of y and of z over the nodes, at one
    time, stay zero while an exchange is atomic: a message lost in one direction biases the limit.

    *Promise*: with \(\eta = \sqrt{\mu_g/(2R)}\sqrt{\mu/L}\) times the total rate, to which gamma_tilde belongs,
    \(E \frac1n\sum_i \|\nabla f_i^*(z_i(t)) - x^*\|^2 \le C e^{-\eta t}\). The default eta is larger by sqrt 2, as in code
    released with later comparisons; it is measured to be faster as a rule, and on a star it misses its own value.

    Examples
    --------
    >>> Continuized(gamma=0.1).node["y"]
    'vector'
    """

    node = dict.fromkeys(("y", "z", "primal_y"), "vector")
    link = {"resistance": "scalar"}
    computes = "exchange"
    when_changing = None
    oracle = "conjugate"
    primal = "z"
    mixing = "laplacian"

    mu: Positive | None = None
    L: Positive | None = None
    eta: NonNegative | None = None
    gamma: Positive | None = None
    gamma_tilde: Positive | None = None
    flow: Flow | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return eta, gamma and gamma_tilde."""
        if facts.n == 1:
            return {"eta": 0.0, "gamma": 0.0, "gamma_tilde": 0.0}
        mu, L, total = self.mu or facts.mu, self.L or facts.L, facts.total_rate
        gossip, R = facts.lambda_2 / total, 2 * facts.chi_2 * total
        return {
            "eta": total * sqrt(gossip / R) * sqrt(mu / L) if self.eta is None else self.eta,
            "gamma": self.gamma or mu / (2 * R),
            "gamma_tilde": self.gamma_tilde or sqrt(L * mu / (2 * gossip * R)),
        }

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64]:
        """Return the flow of y and z; the stored primal point does not move."""
        eta = self.constants(facts)["eta"]
        flow = np.zeros((3, 3))
        flow[:2, :2] = [[-eta, eta], [eta, -eta]] if self.flow is None else self.flow
        return flow

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate of the error for the eta of the theorem."""
        if facts.n == 1 or any(value is not None for value in (self.gamma, self.gamma_tilde, self.flow)):
            return None
        rate = sqrt((self.mu or facts.mu) / (self.L or facts.L) / (4 * facts.chi_1 * facts.chi_2))
        eta = self.constants(facts)["eta"]
        condition = f"eta = {rate:.6g} (here {eta:.6g})"
        met = abs(eta - rate) <= 1e-5 * rate
        return Promise("error", rate, "Even et al. 2021, decentralized optimization", condition, met=met)

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Give every link its effective resistance at total rate 1."""
        if len(links):
            links.resistance[:] = facts.resistance[graph.edge_of_slot] * facts.total_rate

    @kernel
    def query(p, node, t, out):
        out[:] = node.y

    @kernel
    def step(p, node, t, g):
        node.primal_y[:] = g

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.primal_y

    @kernel
    def receive(p, node, links, t, inbox, slots):
        difference = node.primal_y - inbox[0]
        node.y[:] = node.y - p.gamma * links[slots[0]].resistance * difference
        node.z[:] = node.z - p.gamma_tilde * difference
