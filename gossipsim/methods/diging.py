"""Gradient tracking.

Nedic, Olshevsky, Shi, "Achieving geometric convergence for distributed optimization over time-varying graphs", SIAM
J. Optim. 27 (2017); adapt-then-combine: Xu, Zhu, Soh, Xie, "Augmented distributed gradient methods for multi-agent
optimization under uncoordinated constant stepsizes", CDC 2015.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel
from gossipsim.methods.circle_criterion import Floats, rounds_promise


class Diging(Method, name="diging"):
    r"""DIGing: decentralized descent along a tracked estimate of the mean gradient.

    With \(y^0 = \nabla F(x^0)\),

    .. math:: x^{k+1} = W x^k - \gamma\, y^k, \qquad y^{k+1} = W y^k + \nabla F(x^{k+1}) - \nabla F(x^k);

    with `order: atc`, \(x^{k+1} = W (x^k - \gamma\, y^k)\). A message is two vectors.

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: half of the limit of stability in the notes).
    order : {"cta", "atc"}
        Combine then adapt, or adapt then combine.

    Notes
    -----
    For every k, \(\bar y^k = \frac1n \sum_i \nabla f_i(x_i^k)\), and \(\bar x^{k+1} = \bar x^k - \gamma \bar y^k\). The row
    holds, after round k, \(x^{k+1}\), \(W y^k\) and \(g = \nabla F(x^k)\). On quadratics with one Hessian for all nodes a mode
    with eigenvalues l of W and h of the Hessian obeys \(z^2 - (2l - \gamma h) z + l^2 - \gamma h = 0\) (atc: \(\gamma h l\)),
    so that, with \(l = \lambda_{\min}(W)\), the limit of stability is \(\gamma = (1 + l)^2/(2L)\), and for atc the smaller of
    \(2/L\) and, for l < 0, \((1 - l^2)/(|l| L)\). The weight of a lost message falls back to its receiver; the mean of y then
    no longer is that of the gradients, for good, and the limit is biased.

    *Promise*: the theorem of the paper holds for small gamma and changing graphs, and is far from sharp on a fixed one; the rate
    promised here is what `circle_criterion.contraction` proves for \(\frac1n\sum_i \|x_i - x^*\|^2\) when every \(f_i\) is
    mu-strongly convex and L-smooth. An eigenvalue l of W is the mode

    .. math:: x = -\frac{\gamma (z - 1)}{(z - l)^2}\, g \qquad
              \Bigl(\text{atc: } x = -\frac{\gamma l (z - 1)}{(z - l)^2}\, g\Bigr).

    Examples
    --------
    >>> Diging(order="atc").payload
    {'x': 'vector', 'y': 'vector'}
    """

    node = {"x": "vector", "y": "vector", "g": "vector"}
    payload = {"x": "vector", "y": "vector"}
    computes = talks = "round"
    when_changing = "small steps converge on graphs that change, at a rate that is not promised"
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""

    lr: Positive | None = None
    order: Literal["cta", "atc"] = "cta"

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, split into the part before and the part after mixing."""
        lr = self.lr or _limit(facts, self.order) / (2 * facts.L)
        before = self.order == "atc"
        return {"before": lr * before, "after": lr * (not before)}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse mixing with an eigenvalue -1, for which no step size is small enough."""
        if self.lr is None and _limit(facts, self.order) < 1e-12:
            return "diging needs weights with lambda_min(W) > -1: give mixing: metropolis_lazy, or lr in the method"
        return None

    def promise(self, facts: Facts) -> Promise | None:
        """Return the rate of the circle criterion."""
        lr = sum(self.constants(facts).values())

        def mode(w: Floats) -> tuple[Floats, Floats]:
            factor = w if self.order == "atc" else np.ones_like(w)
            return lr * np.array([factor, -factor]), np.array([np.ones_like(w), -2 * w, w**2])

        return rounds_promise(
            facts, lr, mode, "Nedic, Olshevsky, Shi 2017, linear rate; its value by the circle criterion"
        )

    @kernel
    def step(p, node, t, g):
        node.y[:] = node.y + g - node.g
        node.g[:] = g

    @kernel
    def message(p, node, link, t, out):
        out.x[:] = node.x - p.before * node.y
        out.y[:] = node.y

    @kernel
    def receive(p, node, links, t, inbox, slots):
        x = node.x - p.before * node.y
        mixed_x = 1.0 * x
        mixed_y = 1.0 * node.y
        for k in range(len(inbox)):
            w = links[slots[k]].weight
            mixed_x[:] = mixed_x + w * (inbox[k].x - x)
            mixed_y[:] = mixed_y + w * (inbox[k].y - node.y)
        node.x[:] = mixed_x - p.after * node.y
        node.y[:] = mixed_y


def _limit(facts: Facts, order: str) -> float:
    """Return the limit of stability of gamma L."""
    lowest = 1.0 if facts.mixing is None else 1.0 - facts.mixing.lambda_max
    if order == "cta":
        return max(0.0, 1 + lowest) ** 2 / 2
    return 2.0 if lowest >= 0 else max(0.0, min(2.0, (1 - lowest**2) / -lowest))
