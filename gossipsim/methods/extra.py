"""EXTRA.

Shi, Ling, Wu, Yin, "EXTRA: an exact first-order algorithm for decentralized consensus optimization", SIAM J. Optim.
25 (2015).
"""

from __future__ import annotations

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, kernel


class Extra(Method, name="extra"):
    r"""EXTRA: decentralized gradient descent whose bias is corrected by what mixing has removed so far.

    With \(\tilde W = (I + W)/2\), \(x^1 = W x^0 - \gamma \nabla F(x^0)\), and

    .. math:: x^{k+2} = x^{k+1} + W x^{k+1} - \tilde W x^k - \gamma (\nabla F(x^{k+1}) - \nabla F(x^k)).

    Summed over k this is \(x^{k+1} = W x^k - \gamma \nabla F(x^k) - s^k\), \(s^{k+1} = s^k + \frac12 (x^k - W x^k)\),
    \(s^0 = 0\), which is what runs here: one vector less to keep.

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: lambda_min(W~) / L, half of the limit of theorem 3.3).

    Notes
    -----
    It converges to the exact solution for \(\gamma < 2 \lambda_{\min}(\tilde W)/L\) (theorem 3.3), linearly when f is
    strongly convex (theorem 3.7). For every k, \(\bar x^{k+1} = \bar x^k - \gamma \frac1n \sum_i \nabla f_i(x_i^k)\),
    since the sum of s stays zero. The weight of a lost message falls back to its receiver, so that rows of W still
    sum to one, but the sum of s is then no longer zero, and the limit is biased.

    Examples
    --------
    >>> Extra(lr=0.1).lr
    0.1
    """

    node = {"x": "vector", "s": "vector", "descent": "vector"}
    computes = talks = "round"
    when_lost = "a lost message breaks a sum that the limit depends on, and the limit is then biased"

    lr: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma."""
        return {"lr": self.lr or _lambda_min(facts) / facts.L}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse mixing with an eigenvalue -1, for which no step size is small enough."""
        if self.lr is None and _lambda_min(facts) < 1e-12:
            return "extra needs weights with lambda_min(W) > -1: give mixing: metropolis_lazy, or lr in the method"
        return None

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
