"""Accelerated randomized gossip.

Even, Berthier, Bach, Flammarion, Gaillard, Hendrikx, Massoulie, Taylor, "A continuized view on Nesterov acceleration
for stochastic gradient descent and randomized gossip", NeurIPS 2021, section on gossip.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Finite, NonNegative
from gossipsim.methods.base import Facts, Flow, Method, Promise, kernel


class ContinuizedGossip(Method, name="continuized_gossip"):
    r"""Accelerated randomized gossip: pairwise averaging with a momentum that flows between exchanges.

    Between events \(x' = \eta(\tilde x - x)\), \(\tilde x' = \eta(x - \tilde x)\). An exchange on edge ij, with
    \(\Delta = x_i - x_j\):

    .. math:: x_i \leftarrow x_i - \alpha \Delta, \qquad \tilde x_i \leftarrow \tilde x_i - \tilde\alpha \Delta,

    and the opposite at j. Only x is sent.

    Parameters
    ----------
    eta, alpha, alpha_tilde : float, optional
        Every constant of theory can be overridden; eta is per unit time.
    flow : matrix (2, 2), optional
        Replaces the flow; order x, x_tilde; row = derivative.

    Notes
    -----
    With \(\mu_g = \lambda_2\) of the Laplacian and R the largest effective resistance of an edge, both at total rate
    1: \(\eta = \sqrt{\mu_g/(2R)}\) times the total rate, \(\alpha = 1/2\), \(\tilde\alpha = 1/\sqrt{2\mu_g R}\).
    These are the constants of A2CiD2 without gradients (Nabli, Belilovsky, Oyallon, NeurIPS 2023); those printed by
    Even et al. may differ by a factor. x_tilde starts at x unless it is given. The means of x and of x_tilde never
    move while an exchange is atomic: a message lost in one direction moves them.

    *Promise*: with \(V = \|\Pi\tilde x\|^2_{\Lambda^+} + \chi_1 \|\Pi x\|^2\), \(E V(t) \le e^{-\eta t} V(0)\).

    Examples
    --------
    >>> ContinuizedGossip(eta=0.2).eta
    0.2
    """

    node = {"x": "vector", "x_tilde": "vector"}
    solves = "average"

    eta: NonNegative | None = None
    alpha: Finite | None = None
    alpha_tilde: Finite | None = None
    flow: Flow | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return eta, alpha and alpha_tilde."""
        theory = {"eta": 0.0, "alpha": 0.5, "alpha_tilde": 0.5}
        if facts.n > 1 and (self.eta is None or self.alpha_tilde is None):
            total = facts.total_rate
            gossip, R = facts.lambda_2 / total, 2 * facts.chi_2 * total
            theory |= {"eta": total * sqrt(gossip / (2 * R)), "alpha_tilde": 1 / sqrt(2 * gossip * R)}
        chosen = {name: getattr(self, name) for name in theory}
        return {name: value if chosen[name] is None else chosen[name] for name, value in theory.items()}

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64]:
        """Return the 2 x 2 matrix of the flow, order x, x_tilde."""
        eta = self.constants(facts)["eta"]
        return np.array([[-eta, eta], [eta, -eta]] if self.flow is None else self.flow)

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Start x_tilde at x, unless the scenario starts it elsewhere."""
        if not nodes.x_tilde.any():
            nodes.x_tilde[:] = nodes.x

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate eta of the consensus distance."""
        changed = any(value is not None for value in (self.eta, self.alpha, self.alpha_tilde, self.flow))
        if changed or facts.n == 1:
            return None
        return Promise("consensus", self.constants(facts)["eta"], "Even et al. 2021; Nabli, Belilovsky, Oyallon 2023")

    @kernel
    def receive(p, node, links, t, inbox, slots):
        difference = node.x - inbox[0]
        node.x[:] = node.x - p.alpha * difference
        node.x_tilde[:] = node.x_tilde - p.alpha_tilde * difference
