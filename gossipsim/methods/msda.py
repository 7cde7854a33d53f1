"""MSDA.

Scaman, Bach, Bubeck, Lee, Massoulie, "Optimal algorithms for smooth and strongly convex distributed optimization in
networks", ICML 2017, algorithm 2.
"""

from __future__ import annotations

from math import floor, inf, log1p, sqrt
from typing import Annotated

from pydantic import Field

from gossipsim.component import Finite, Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel


class Msda(Method, name="msda"):
    r"""Multi-step dual accelerated: K Chebyshev turns of gossip between two dual gradients.

    With W the Laplacian of the mixing weights, \(\lambda_1\) its largest eigenvalue, \(\gamma\) its smallest positive
    one over \(\lambda_1\), and \(P_K\) the Chebyshev polynomial below,

    .. math:: y^+ &= x - \eta\, P_K(W) \nabla F^*(x), & x &\leftarrow (1 + m)\, y^+ - m\, y, & y &\leftarrow y^+.

    The K turns compute, from \(v_0 = \nabla f_i^*(x_i)\) and B = I - c_3 W, \(v_1 = c_2 B v_0\), \(v_{k+1} = 2 c_2 B
    v_k - v_{k-1}\), \(a_0 = 1\), \(a_1 = c_2\), \(a_{k+1} = 2 c_2 a_k - a_{k-1}\), and \(P_K(W) v = v_0 - v_K /
    a_K\).

    Parameters
    ----------
    mu, L : float, optional
        Strong convexity and smoothness (default: of the problem).
    K : int, optional
        Turns per round (default: floor(1 / sqrt(gamma))).
    eta, momentum : float, optional
        Step size and momentum.

    Notes
    -----
    With \(c_1 = (1 - \sqrt\gamma)/(1 + \sqrt\gamma)\), \(c_2 = (1 + \gamma)/(1 - \gamma)\),
    \(c_3 = 2/((1 + \gamma)\lambda_1)\): \(\eta = \mu (1 + c_1^{2K})/(1 + c_1^K)^2\) and
    \(m = ((1 + c_1^K)\sqrt\kappa - 1 + c_1^K)/((1 + c_1^K)\sqrt\kappa + 1 - c_1^K)\). The estimate of the solution is
    \(\nabla f_i^*(x_i)\). On a complete graph gamma = 1: the first turn already gives the exact mean, and
    \(v_k / a_k\) replaces \(v_k\), whose c_2 is infinite. The sum of x over the nodes stays what it is
    at the start, and must be zero. A lost message breaks that, and the
    dual variable leaves the space in which it lives: the limit is then biased.

    *Promise*: with \(\gamma' = ((1 - c_1^K)/(1 + c_1^K))^2\), the gap of P_K(W),
    \(\frac1n\sum_i \|\nabla f_i^*(x_i^k) - x^*\|^2 \le C (1 - \sqrt{\gamma'/\kappa})^k\) (theorem 4).

    Examples
    --------
    >>> Msda(K=3).K
    3
    """

    node = dict.fromkeys(("x", "y", "theta", "u", "u_before", "mixed"), "vector") | {"ratio": "scalar"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""
    oracle = "conjugate"
    mixing = "laplacian"

    mu: Positive | None = None
    L: Positive | None = None
    K: Annotated[int, Field(ge=1)] | None = None
    eta: Positive | None = None
    momentum: Finite | None = None

    def turns(self, facts: Facts) -> int:
        """Return K."""
        gap = _gap(facts)
        return self.K or max(1, floor(1 / sqrt(gap)))

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return c_3, 1 / c_2, K and the step sizes."""
        mu, L, K = self.mu or facts.mu, self.L or facts.L, self.turns(facts)
        gap = _gap(facts)
        c = ((1 - sqrt(gap)) / (1 + sqrt(gap))) ** K
        s = sqrt(L / mu)
        largest = facts.mixing.lambda_max if facts.mixing is not None else 0.0
        momentum = ((1 + c) * s - 1 + c) / ((1 + c) * s + 1 - c)
        return {
            "K": float(K),
            "shrink": (1 - gap) / (1 + gap),
            "c_3": 2 / ((1 + gap) * largest) if largest > 0 else 0.0,
            "eta": self.eta or mu * (1 + c * c) / (1 + c) ** 2,
            "momentum": momentum if self.momentum is None else self.momentum,
        }

    def promise(self, facts: Facts) -> Promise | None:
        """Return -log(1 - sqrt(gamma' / kappa)) per round."""
        if self.eta is not None or self.momentum is not None:
            return None
        gap = _gap(facts)
        c = ((1 - sqrt(gap)) / (1 + sqrt(gap))) ** self.turns(facts)
        ratio = (1 - c) / (1 + c) * sqrt((self.mu or facts.mu) / (self.L or facts.L))
        rate = -log1p(-ratio) if ratio < 1 else inf
        return Promise("error", rate, "Scaman et al. 2017, theorem 4", "one round per unit time")

    @kernel
    def step(p, node, t, g):
        node.theta[:] = g
        node.u[:] = g

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.u

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.mixed[:] = node.u
        for k in range(len(inbox)):
            node.mixed[:] = node.mixed + p.c_3 * links[slots[k]].weight * (inbox[k] - node.u)
        # u_k = v_k / a_k: the ratio a_{k-1} / a_k stays finite where v_k and a_k grow without bound
        if node.turn == 0:
            node.u_before[:] = node.u
            node.u[:] = node.mixed
            node.ratio = p.shrink
        else:
            f = 1.0 / (2.0 - p.shrink * node.ratio)
            node.mixed[:] = 2.0 * f * node.mixed - p.shrink * f * node.ratio * node.u_before
            node.u_before[:] = node.u
            node.u[:] = node.mixed
            node.ratio = p.shrink * f
        if node.turn == p.K - 1:
            new = node.x - p.eta * (node.theta - node.u)
            node.x[:] = (1.0 + p.momentum) * new - p.momentum * node.y
            node.y[:] = new


def _gap(facts: Facts) -> float:
    mixing = facts.mixing
    if facts.n == 1 or mixing is None:
        return 1.0
    gap = mixing.lambda_2 / mixing.lambda_max
    return 1.0 if gap > 1 - 1e-12 else gap
