"""Metropolis-Hastings walk of a token.

Johansson, Rabi, Johansson, "A randomized incremental subgradient method for distributed optimization in networked systems",
SIAM Journal on Optimization 20 (2009).
"""

from __future__ import annotations

from typing import Any

from gossipsim.methods.base import Facts, kernel, uniform
from gossipsim.methods.walks import Walk, metropolis


class MhWalk(Walk, name="mh_walk"):
    r"""A token walks so that it visits all nodes equally often, and takes a gradient step at each.

    .. math:: P_{ij} = \min(1/\deg_i, 1/\deg_j) \text{ for neighbours}, \qquad P_{ii} = 1 - \sum_j P_{ij}, \qquad
              \theta \leftarrow \theta - b_{n+1} \nabla f_i(\theta).

    P is symmetric, so its stationary distribution is uniform and the gradients of the visited nodes average to that of
    f = (1/n) sum_i f_i.

    Notes
    -----
    The token starts at node 0 with node 0's point. \(b_n^{-1/2} (\theta_n - \theta^*)\) is asymptotically normal, and its
    covariance grows with the correlation of the walk: a mode of P with eigenvalue \(\lambda\) counts
    \((1 + \lambda)/(1 - \lambda)\). There is one token: a lost message would end the run.

    Examples
    --------
    >>> MhWalk(b=0.8).b
    0.8
    """

    link = {"probability": "scalar"}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Give every link its probability; all nodes count alike."""
        links.probability[:] = metropolis(graph)[0]
        nodes.importance[:] = 1.0

    @kernel
    def route(p, node, links, t, draw):
        left = uniform(draw, 0)
        for k in range(len(links)):
            left = left - links[k].probability
            if left < 0.0:
                return k
        return -1
