"""SA-SRRW: a self-repellent walk of a token.

Hu, Doshi, Eun, "Accelerating distributed stochastic optimization via self-repellent random walks", ICLR 2024,
arXiv:2401.09665; the walk itself: Doshi, Hu, Eun, "Self-repellent random walks on general graphs", ICML 2023.
"""

from __future__ import annotations

from math import exp, log, log1p
from typing import Any, Literal

import numpy as np

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, kernel, uniform
from gossipsim.methods.walks import Decay, Walk, degree_importance, metropolis, step_size


class SaSrrw(Walk, name="sa_srrw"):
    r"""A token avoids the nodes it has visited too often, and takes a gradient step at each node.

    With x the measure of the visits so far, \(\mu\) the target, P a base chain that is reversible for it, and X the token's node,

    .. math:: \theta &\leftarrow \theta - b_{n+1} \frac{1/n}{\mu_X} \nabla f_X(\theta), \quad
              x \leftarrow x + g_{n+1} (\delta_X - x), \\
              X &\sim K_{X \cdot}[x], \qquad K_{ij}[x] \propto P_{ij} (x_j / \mu_j)^{-\alpha},

    with \(g_n = (n+1)^{-a}\) and \(b_n = (n+1)^{-b}\). With \(\alpha = 0\) it is the base chain.

    Parameters
    ----------
    alpha : float
        Strength of the repulsion.
    a : float
        Exponent of the measure's step size, in (1/2, 1]; 1 is the plain share of visits.
    base : {"metropolis", "simple"}
        P: the walk of `mh_walk`, with uniform target, or of `simple_walk`, whose target is proportional to the degree.

    Notes
    -----
    *Cases*: (i) a < b, the default: a mode of P with eigenvalue \(\lambda\) adds \((1+\lambda)/(1-\lambda) \cdot
    1/(\alpha(1+\lambda)+1)^2\) to the covariance of \(b_n^{-1/2}(\theta_n - \theta^*)\), O(1/alpha^2); (ii) a = b: O(1/alpha);
    (iii) a > b: no gain in the limit. The stationary law is
    \(\pi_i[x] \propto \mu_i r_i^{-\alpha} \sum_j P_{ij} r_j^{-\alpha}\) with r = x / mu; \(\mu\) is its attracting fixed point.

    *What travels*: the point, the number of hops, and log s, s the factor by which the first visits have faded. A node keeps
    only `visits` = log(x_i / (mu_i s)) and announces it to its neighbours. These are logarithms because s itself would underflow
    (below 1e-600 after 10^7 hops with a = 0.6), and weights are taken relative to the largest, so that none overflows.
    x starts at \(\mu\), the token at node 0 with node 0's point. There is one token: a lost message would end the run.

    Examples
    --------
    >>> SaSrrw(alpha=10.0, a=0.7).b
    0.9
    """

    node = Walk.node | dict.fromkeys(("visits", "log_scale", "log_target", "stay"), "scalar")
    link = {"probability": "scalar", "visits": "scalar"}
    payload = {"x": "vector", "hop": "scalar", "log_scale": "scalar"}
    announces = "visits"

    alpha: NonNegative = 5.0
    a: Decay = 0.8
    base: Literal["metropolis", "simple"] = "metropolis"

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the step sizes of `mh_walk`, alpha and a."""
        return super().constants(facts) | {"alpha": self.alpha, "a": self.a}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Give every node its share of the target, every link its probability; visits start at the target."""
        if self.base == "simple":
            nodes.importance[:] = degree_importance(graph)
            links.probability[:] = 1.0 / np.repeat(graph.degree, graph.degree)
        else:
            nodes.importance[:] = 1.0
            links.probability[:], nodes.stay[:] = metropolis(graph)
        nodes.log_target[:] = -np.log(graph.n * nodes.importance)

    @kernel
    def step(p, node, t, g):
        late = log(node.hop + 2.0)
        size = step_size(p, node.hop, node.importance)
        node.hop = node.hop + 1.0
        node.x[:] = node.x - size * g
        # x <- (1 - g) x + g delta: all visits fade by moving the scale s, and this node's count grows by g / (mu s)
        node.log_scale = node.log_scale + log1p(-exp(-p.a * late))
        gain = -p.a * late - node.log_scale - node.log_target
        larger = max(node.visits, gain)
        node.visits = larger + log(exp(node.visits - larger) + exp(gain - larger))

    @kernel
    def message(p, node, link, t, out):
        out.x[:] = node.x
        out.hop = node.hop
        out.log_scale = node.log_scale

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = inbox[0].x
        node.hop = inbox[0].hop
        node.log_scale = inbox[0].log_scale

    @kernel
    def route(p, node, links, t, draw):
        if len(links) == 0:
            return -1
        least = links[0].visits
        for k in range(len(links)):
            least = min(least, links[k].visits)
        stay = 0.0
        if node.stay > 0.0:
            least = min(least, node.visits)
            stay = node.stay * exp(-p.alpha * (node.visits - least))
        weight = stay
        for k in range(len(links)):
            weight = weight + links[k].probability * exp(-p.alpha * (links[k].visits - least))
        left = weight * uniform(draw, 0)
        for k in range(len(links)):
            left = left - links[k].probability * exp(-p.alpha * (links[k].visits - least))
            if left < 0.0:
                return k
        return -1 if stay > 0.0 else len(links) - 1
