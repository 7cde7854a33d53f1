"""EXTRA.

Shi, Ling, Wu, Yin, "EXTRA: an exact first-order algorithm for decentralized consensus optimization", SIAM J. Optim.
25 (2015).
"""

from __future__ import annotations

import numpy as np

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel
from gossipsim.methods.circle_criterion import Floats, rounds_promise


class Extra(Method, name="extra"):
    r"""EXTRA: decentralized gradient descent whose bias is corrected by what mixing has removed so far.

    With \(\tilde W = (I + W)/2\), \(x^1 = W x^0 - \gamma \nabla F(x^0)\), and

    .. math:: x^{k+2} = x^{k+1} + W x^{k+1} - \tilde W x^k - \gamma (\nabla F(x^{k+1}) - \nabla F(x^k)).

    Summed over k this is \(x^{k+1} = W x^k - \gamma \nabla F(x^k) - s^k\), \(s^{k+1} = s^k + \frac12 (x^k - W x^k)\),
    \(s^0 = 0\), which is what runs here: one vector less to keep.

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: lambda_min(W~) / L, half of the limit of the paper).

    Notes
    -----
    It converges to the exact solution for \(\gamma < 2 \lambda_{\min}(\tilde W)/L\), linearly when f is strongly convex. For
    every k, \(\bar x^{k+1} = \bar x^k - \gamma \frac1n \sum_i \nabla f_i(x_i^k)\), since the sum of s stays zero. The weight of
    a lost message falls back to its receiver, so that rows of W still sum to one, but the sum of s is then no longer zero,
    and the limit is biased.

    *Promise*: the theorem of the paper leaves its rate to constants that can be chosen; the rate promised here is what
    `circle_criterion.contraction` proves for \(\frac1n\sum_i \|x_i - x^*\|^2\) when every \(f_i\) is mu-strongly convex and
    L-smooth. An eigenvalue l of W, with q = (1 - l)/2, is the mode

    .. math:: x = -\frac{\gamma (z - 1)}{(z - 1)^2 + q (2z - 1)}\, g.

    At z = -1 and mu = 0 the criterion is \(\gamma < (5 + 3\lambda_{\min}(W))/(4L)\), the limit of Li, Yan, "On the linear
    convergence of two decentralized algorithms", JOTA 189 (2021).

    Examples
    --------
    >>> Extra(lr=0.1).lr
    0.1
    """

    node = {"x": "vector", "s": "vector", "descent": "vector"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""

    lr: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma."""
        return {"lr": self.lr or _lambda_min(facts) / facts.L}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse mixing with an eigenvalue -1, for which no step size is small enough."""
        if self.lr is None and _lambda_min(facts) < 1e-12:
            return "extra needs weights with lambda_min(W) > -1: give mixing: metropolis_lazy, or lr in the method"
        return None

    def promise(self, facts: Facts) -> Promise | None:
        """Return the rate of the circle criterion."""
        lr = self.constants(facts)["lr"]

        def mode(w: Floats) -> tuple[Floats, Floats]:
            one, q = np.ones_like(w), (1 - w) / 2
            return lr * np.array([one, -one]), np.array([one, 2 * q - 2, 1 - q])

        return rounds_promise(
            facts, lr, mode, "Shi, Ling, Wu, Yin 2015, linear rate; its value by the circle criterion"
        )

    @kernel
    def step(p, node, t, g):
        node.descent[:] = p.lr * g + node.s

    @kernel
    def receive(p, node, links, t, inbox, slots):
        mixed = 1.0 * node.x
        for k in range(len(inbox)):
            mixed[:] = mixed + links[slots[k]].weight * (inbox[k] - node.x)
        node.s[:] = node.s + 0.5 * (node.x - mixed)
        node.x[:] = mixed - node.descent


def _lambda_min(facts: Facts) -> float:
    """Return the smallest eigenvalue of (I + W) / 2."""
    return 1.0 if facts.mixing is None else 1.0 - facts.mixing.lambda_max / 2
