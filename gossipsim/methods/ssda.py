"""SSDA.

Scaman, Bach, Bubeck, Lee, Massoulie, "Optimal algorithms for smooth and strongly convex distributed optimization in
networks", ICML 2017, algorithm 1.
"""

from __future__ import annotations

from math import inf, log1p, sqrt

from gossipsim.component import Finite, Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel


class Ssda(Method, name="ssda"):
    r"""Single-step dual accelerated: Nesterov's method on the dual, one exchange with the neighbours per dual gradient.

    With W the Laplacian of the mixing weights, \(\lambda_1\) its largest eigenvalue, \(\gamma\) its smallest positive
    one over \(\lambda_1\), and \(\kappa = L/\mu\),

    .. math:: \theta_i = \nabla f_i^*(x_i), \qquad y^+ = x - \eta\, W \theta, \qquad x \leftarrow (1 + m)\, y^+ - m\, y,
              \qquad y \leftarrow y^+.

    Parameters
    ----------
    mu, L : float, optional
        Strong convexity and smoothness (default: of the problem).
    eta, momentum : float, optional
        Step size (default: mu / lambda_1) and m (default: (sqrt(kappa) - sqrt(gamma)) / (sqrt(kappa) + sqrt(gamma))).

    Notes
    -----
    The estimate of the solution is \(\nabla f_i^*(x_i)\). The sum of x over the nodes stays what it is at the start,
    and must be zero. A lost message breaks that, and the
    dual variable leaves the space in which it lives: the limit is then biased.

    *Promise*: \(\frac1n\sum_i \|\nabla f_i^*(x_i^k) - x^*\|^2 \le C (1 - \sqrt{\gamma/\kappa})^k\) (theorem 2).

    Examples
    --------
    >>> Ssda(eta=0.1).eta
    0.1
    """

    node = {"x": "vector", "y": "vector", "theta": "vector"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""
    oracle = "conjugate"
    mixing = "laplacian"

    mu: Positive | None = None
    L: Positive | None = None
    eta: Positive | None = None
    momentum: Finite | None = None

    def _ratio(self, facts: Facts) -> float:
        """Return sqrt(gamma / kappa), gamma being 1 for a single node."""
        mixing = facts.mixing
        gap = 1.0 if mixing is None or facts.n == 1 else mixing.lambda_2 / mixing.lambda_max
        return min(1.0, sqrt(gap * (self.mu or facts.mu) / (self.L or facts.L)))

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return eta and m."""
        largest = facts.mixing.lambda_max if facts.mixing is not None and facts.n > 1 else 1.0
        ratio = self._ratio(facts)
        momentum = (1 - ratio) / (1 + ratio)
        return {
            "eta": self.eta or (self.mu or facts.mu) / largest,
            "momentum": momentum if self.momentum is None else self.momentum,
        }

    def promise(self, facts: Facts) -> Promise | None:
        """Return -log(1 - sqrt(gamma / kappa)) per round."""
        if self.eta is not None or self.momentum is not None:
            return None
        ratio = self._ratio(facts)
        rate = -log1p(-ratio) if ratio < 1 else inf
        return Promise("error", rate, "Scaman et al. 2017, theorem 2", "one round per unit time")

    @kernel
    def step(p, node, t, g):
        node.theta[:] = g

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.theta

    @kernel
    def receive(p, node, links, t, inbox, slots):
        new = 1.0 * node.x
        for k in range(len(inbox)):
            new[:] = new + p.eta * links[slots[k]].weight * (inbox[k] - node.theta)
        node.x[:] = (1.0 + p.momentum) * new - p.momentum * node.y
        node.y[:] = new
