"""Simple random walk of a token: Sun, Sun, Yin, "On Markov chain gradient descent", NeurIPS 2018, with importance weights."""

from __future__ import annotations

from typing import Any

from gossipsim.methods.base import Facts, kernel, uniform
from gossipsim.methods.walks import Walk, degree_importance


class SimpleWalk(Walk, name="simple_walk"):
    r"""A token moves to a uniformly random neighbour, and takes a weighted gradient step at each node.

    .. math:: P_{ij} = 1/\deg_i, \qquad \theta \leftarrow \theta - b_{n+1} \frac{\overline{\deg}}{\deg_i} \nabla f_i(\theta).

    The walk visits node i in proportion to its degree. Weighting the gradients by 1/deg_i undoes this: the limit is the minimiser
    of (1/n) sum_i f_i, not of the degree-weighted sum. The mean degree only keeps the steps as long as those of `mh_walk`.

    Notes
    -----
    The token starts at node 0 with node 0's point. On a bipartite graph the walk is periodic, which does no harm: averages
    along it converge all the same. There is one token: a lost message would end the run.

    Examples
    --------
    >>> SimpleWalk(lr=0.05).lr
    0.05
    """

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Weight every node by mean degree / degree."""
        nodes.importance[:] = degree_importance(graph)

    @kernel
    def route(p, node, links, t, draw):
        if len(links) == 0:
            return -1
        return int(uniform(draw, 0) * len(links))
