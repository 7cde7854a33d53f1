"""Decentralized ADMM.

Shi, Ling, Yuan, Wu, Yin, "On the linear convergence of the ADMM in decentralized consensus optimization", IEEE TSP 62
(2014).
"""

from __future__ import annotations

from math import log1p, sqrt
from typing import Any

import numpy as np

from gossipsim.component import Positive
from gossipsim.errors import ScenarioError
from gossipsim.methods.base import Facts, Method, Promise, kernel


class DAdmm(Method, name="d_admm"):
    r"""Decentralized ADMM: every node minimises its own function plus quadratic ties to its neighbours' last points.

    With \(d_i\) the degree of node i, and \(\alpha^0 = 0\),

    .. math:: x_i^{k+1} &= \arg\min_x f_i(x) + \Big(\alpha_i^k - c \sum_{j \sim i} (x_i^k + x_j^k)\Big) \cdot x
                           + c\, d_i |x|^2, \\
              \alpha_i^{k+1} &= \alpha_i^k + c \sum_{j \sim i} (x_i^{k+1} - x_j^{k+1}).

    Parameters
    ----------
    c : float, optional
        Penalty of an edge (default: that of the best bound of theorem 1).

    Notes
    -----
    Edge ij has the penalty c w_ij, w the mixing weights; by default they are all 1, as in the paper. The neighbours
    know each other's start. The sum of alpha stays zero. A node takes its own point for one that it does not hear. A message
    lost in one direction breaks the sum, and the limit is then biased; absences are symmetric and do not.

    With \(l = \lambda_2\) and \(u = 2 \lambda_{\max}\) of the weighted Laplacian (u bounds the largest eigenvalue of
    the signless one) and any b > 1, the default is \(c = L \sqrt{b/(l u)}\) and theorem 1 gives

    .. math:: \delta = \min\Big\{\frac{(b - 1)\, l}{b\, u},\; \frac{2\mu}{L} \sqrt{\frac{l}{b\, u}}\Big\};

    b makes the two equal.

    *Promise*: for mu > 0, \(\frac1n\sum_i \|x_i^k - x^*\|^2 \le C (1 + \delta)^{-k}\).

    Examples
    --------
    >>> DAdmm(c=0.5).c
    0.5
    """

    node = {"x": "vector", "alpha": "vector", "pull": "vector", "rho": "scalar"}
    computes = talks = "round"
    when_changing = None
    when_lost = "a message lost in one direction breaks a sum that the limit depends on, and the limit is then biased"
    when_away = ""
    oracle = "prox"
    mixing = "laplacian"

    c: Positive | None = None

    def _theory(self, facts: Facts) -> tuple[float, float]:
        """Return c and delta."""
        mixing = facts.mixing
        if mixing is None or facts.n == 1:
            return facts.L, 1.0
        low, high = mixing.lambda_2, 2 * mixing.lambda_max
        # (b - 1) / sqrt(b) = 2 mu / L sqrt(u / l), l = low and u = high, a quadratic equation in sqrt(b)
        h = facts.mu / facts.L * sqrt(high / low)
        root = h + sqrt(h * h + 1)
        return facts.L * root / sqrt(low * high), (1 - 1 / root**2) * low / high

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return c."""
        return {"c": self.c or self._theory(facts)[0]}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Weigh every node's ties, and let neighbours know each other's start."""
        if (links.weight <= 0).any():
            raise ScenarioError("d_admm needs positive weights", key=("mixing",), allowed="laplacian, metropolis, ...")
        c = self.constants(facts)["c"]
        source = np.repeat(np.arange(graph.n), graph.degree)
        np.add.at(nodes.rho, source, 2 * c * links.weight)
        np.add.at(nodes.pull, source, c * links.weight[:, None] * (nodes.x[source] + nodes.x[graph.nbr]))

    def promise(self, facts: Facts) -> Promise | None:
        """Return log(1 + delta) per round."""
        if self.c is not None or not facts.mu > 0 or facts.n == 1:
            return None
        rate = log1p(self._theory(facts)[1])
        return Promise("error", rate, "Shi, Ling, Yuan, Wu, Yin 2014, theorem 1", "one round per unit time")

    @kernel
    def query(p, node, t, out):
        out[:] = node.pull - node.alpha

    @kernel
    def step(p, node, t, g):
        node.x[:] = g

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.pull[:] = node.rho * node.x
        for k in range(len(inbox)):
            w = p.c * links[slots[k]].weight
            node.alpha[:] = node.alpha + w * (node.x - inbox[k])
            node.pull[:] = node.pull + w * (inbox[k] - node.x)
