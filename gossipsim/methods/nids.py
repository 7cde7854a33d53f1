"""NIDS, or exact diffusion.

Li, Shi, Yan, "A decentralized proximal-gradient method with network independent step-sizes and separated convergence
rates", IEEE TSP 67 (2019); without a proximal term: Yuan, Ying, Zhao, Sayed, "Exact diffusion for distributed
optimization and learning", IEEE TSP 67 (2019).
"""

from __future__ import annotations

from math import inf, log

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel


class Nids(Method, name="nids"):
    r"""NIDS, also known as exact diffusion: an exact method whose step size does not depend on the network.

    With \(\tilde W = (I + W)/2\), \(x^1 = \tilde W (x^0 - \gamma \nabla F(x^0))\), and

    .. math:: x^{k+2} = \tilde W (2 x^{k+1} - x^k - \gamma \nabla F(x^{k+1}) + \gamma \nabla F(x^k)).

    Kept as \(u^k = x^k - \gamma \nabla F(x^k) - s^k\), \(x^{k+1} = \tilde W u^k\), \(s^{k+1} = s^k + u^k - x^{k+1}\),
    \(s^0 = 0\): one vector, u, is sent. Li, Shi, Yan begin with one step that nobody talks about, \(x^1 = x^0 -
    \gamma\nabla F(x^0)\); the start here is that of exact diffusion.

    Parameters
    ----------
    lr : float, optional
        Step size gamma < 2/L (default: 1/L).

    Notes
    -----
    The sum of s stays zero, so that \(\bar x^{k+1} = \bar x^k - \gamma \frac1n \sum_i \nabla f_i(x_i^k)\). The weight
    of a lost message falls back to its receiver; the sum of s is then no longer zero, and the limit is biased.

    *Promise*: for \(\gamma < 2/L\) and mu > 0, \(\frac1n\sum_i \|x_i^k - x^*\|^2 \le C \rho^k\) with
    \(\rho = \max\{(1 - \gamma\mu)^2, (1 - \gamma L)^2, 1 - \lambda_2(I - W)/2\}\): the objective and the network do not
    multiply. (As a primal-dual method with the coupling \(\gamma\sigma B^T B = (I - W)/2\): the norm \(\|x - x^*\|^2 +
    (\gamma/\sigma) \|y - y^*\|^2\) contracts by this factor.)

    Examples
    --------
    >>> Nids(lr=0.1).lr
    0.1
    """

    node = {"x": "vector", "s": "vector", "u": "vector"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""

    lr: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma."""
        return {"lr": self.lr or 1 / facts.L}

    def promise(self, facts: Facts) -> Promise | None:
        """Return -log rho per round."""
        lr = self.constants(facts)["lr"]
        network = 0.0 if facts.mixing is None or facts.n == 1 else 1 - facts.mixing.lambda_2 / 2
        rho = max((1 - lr * facts.mu) ** 2, (1 - lr * facts.L) ** 2, network)
        if not facts.mu > 0:
            return None
        rate = -log(rho) if rho > 0 else inf
        condition = f"gamma < 2/L (here gamma L = {lr * facts.L:.4g}), one round per unit time"
        return Promise("error", rate, "Li, Shi, Yan 2019, separated rates", condition, met=lr * facts.L < 2)

    @kernel
    def step(p, node, t, g):
        node.u[:] = node.x - p.lr * g - node.s

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.u

    @kernel
    def receive(p, node, links, t, inbox, slots):
        mixed = 1.0 * node.u
        for k in range(len(inbox)):
            mixed[:] = mixed + 0.5 * links[slots[k]].weight * (inbox[k] - node.u)
        node.s[:] = node.s + node.u - mixed
        node.x[:] = mixed
