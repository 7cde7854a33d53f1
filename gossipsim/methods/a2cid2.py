"""A2CiD2: asynchronous decentralized SGD with a continuous momentum.

Nabli, Belilovsky, Oyallon, "A2CiD2: Accelerating asynchronous communication in decentralized deep learning", NeurIPS
2023, arXiv:2306.08289.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Finite, NonNegative, Positive
from gossipsim.methods.base import Facts, Flow, Method, Promise, kernel


class A2cid2(Method, name="a2cid2"):
    r"""A2CiD2: asynchronous decentralized SGD whose gossip is accelerated by a continuous momentum.

    Between events \(x' = \eta(\tilde x - x)\), \(\tilde x' = \eta(x - \tilde x)\). A gradient at node i, on a clock
    of rate 1: \(v_i \leftarrow m\, v_i + g_i(x_i) + \lambda x_i\), and both \(x_i\) and \(\tilde x_i\) move by
    \(-\gamma v_i\). An exchange on edge ij, with \(\Delta = x_i - x_j\):

    .. math:: x_i \leftarrow x_i - \alpha \Delta, \qquad \tilde x_i \leftarrow \tilde x_i - \tilde\alpha \Delta,

    and the opposite at j. Only x is sent.

    Parameters
    ----------
    accelerated : bool
        False is the baseline: eta = 0 and alpha_tilde = alpha = 1/2.
    lr : float, optional
        Step size gamma (default: 1/(2L)); 0 leaves accelerated gossip.
    momentum, weight_decay : float
        Heavy ball m < 1 and ridge lambda of the step, each 0 unless given.
    exchanges : float
        Exchanges per node and unit time that the method asks for when the scenario gives no total rate; on a graph of
        equal degrees uniform rates are then this number over the degree.
    pairing : {"clocks", "first_available"}
        Who exchanges when. "clocks": every edge at the ticks of its own Poisson clock, as in the theory. "first_available": while
        a node computes a gradient it wants Poisson(`exchanges`) exchanges, at times spread over the computation, each with the
        neighbour that has waited longest for one; when none waits it waits itself, and goes on computing.
    chi_1, chi_2 : float, optional
        Of the rates-weighted Laplacian (default: of the graph and its rates), in time units.
    eta, alpha, alpha_tilde : float, optional
        Every constant of theory can be overridden; eta is per unit time.
    flow : matrix (2, 2), optional
        Replaces the flow; order x, x_tilde; row = derivative.

    Notes
    -----
    \(\eta = 1/(2\sqrt{\chi_1\chi_2})\), \(\alpha = 1/2\), \(\tilde\alpha = \frac12\sqrt{\chi_1/\chi_2}\). The start
    of x_tilde is x unless it is given. Only gradients move the means of x and of x_tilde, which stay equal. The mean
    is kept while an exchange is atomic: a message lost in one direction moves it. The released code trains with gamma
    = 0.05, m = 0.9, lambda = 5e-4, and pairs the first available neighbours; the constants are then those of uniform rates with
    the same total, and nothing is promised. What a node still wants at the end of a gradient it keeps wanting.

    *Promise*: for gamma = 0, with \(V = \|\Pi\tilde x\|^2_{\Lambda^+} + \chi_1 \|\Pi x\|^2\),
    \(E V(t) \le e^{-\eta t} V(0)\); the baseline has \(e^{-t/(2\chi_1)}\). The first moment is exact: the mean of
    \((x, \tilde x)\) follows the matrix \(((-\eta - \alpha\Lambda, \eta), (\eta - \tilde\alpha\Lambda, -\eta))\).

    Examples
    --------
    >>> A2cid2(accelerated=False).exchanges
    1.0
    """

    node = {"x": "vector", "x_tilde": "vector", "v": "vector"}
    computes = "clock"

    accelerated: bool = True
    lr: NonNegative | None = None
    momentum: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    exchanges: Positive = 1.0
    pairing: Literal["clocks", "first_available"] = "clocks"
    chi_1: Positive | None = None
    chi_2: Positive | None = None
    eta: NonNegative | None = None
    alpha: Finite | None = None
    alpha_tilde: Finite | None = None
    flow: Flow | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return eta, alpha, alpha_tilde and the constants of a gradient step."""
        theory = {"eta": 0.0, "alpha": 0.5, "alpha_tilde": 0.5}
        needs = self.eta is None or self.alpha_tilde is None
        if self.accelerated and facts.n > 1 and needs:
            chi_1, chi_2 = self.chi_1 or facts.chi_1, self.chi_2 or facts.chi_2
            theory |= {"eta": 1 / (2 * sqrt(chi_1 * chi_2)), "alpha_tilde": sqrt(chi_1 / chi_2) / 2}
        chosen = {name: getattr(self, name) for name in theory}
        found = {name: value if chosen[name] is None else chosen[name] for name, value in theory.items()}
        lr = 1 / (2 * facts.L) if self.lr is None else self.lr
        return found | {"lr": lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64]:
        """Return the flow of x and x_tilde; the heavy ball's memory does not move."""
        eta = self.constants(facts)["eta"]
        flow = np.zeros((3, 3))
        flow[:2, :2] = [[-eta, eta], [eta, -eta]] if self.flow is None else self.flow
        return flow

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Start x_tilde at x, unless the scenario starts it elsewhere."""
        if not nodes.x_tilde.any():
            nodes.x_tilde[:] = nodes.x

    def demand(self, facts: Facts) -> float:
        """Return the total rate of `exchanges` per node and unit time, two nodes to an exchange."""
        return self.exchanges * facts.n / 2

    def wishes(self, facts: Facts) -> float | None:
        """Return the mean number of exchanges that a node wants per gradient, when the first available neighbours are paired."""
        return 2 * facts.total_rate / facts.n if self.pairing == "first_available" else None

    def promise(self, facts: Facts) -> Promise | None:
        """Return the decay rate of the consensus distance when no gradient disturbs it."""
        changed = (self.chi_1, self.chi_2, self.eta, self.alpha, self.alpha_tilde, self.flow)
        if self.lr != 0.0 or facts.n == 1 or self.pairing != "clocks" or any(value is not None for value in changed):
            return None
        if not self.accelerated:
            return Promise("consensus", facts.lambda_2 / 2, "Boyd et al. 2006, in continuous time")
        return Promise("consensus", self.constants(facts)["eta"], "Nabli, Belilovsky, Oyallon 2023, pure gossip")

    def refuses(self, facts: Facts) -> str | None:
        """Refuse a heavy ball that never forgets, and rates where nobody looks at them."""
        if self.pairing == "first_available" and facts.n > 1 and np.ptp(facts.rates) > 1e-9 * facts.total_rate:
            return "a2cid2 with pairing: first_available takes only the total of the rates: give uniform ones"
        return None if self.momentum < 1 else f"a2cid2 needs momentum < 1, here {self.momentum:g}"

    @kernel
    def step(p, node, t, g):
        node.v[:] = p.momentum * node.v + g + p.weight_decay * node.x
        node.x[:] = node.x - p.lr * node.v
        node.x_tilde[:] = node.x_tilde - p.lr * node.v

    @kernel
    def receive(p, node, links, t, inbox, slots):
        difference = node.x - inbox[0]
        node.x[:] = node.x - p.alpha * difference
        node.x_tilde[:] = node.x_tilde - p.alpha_tilde * difference
