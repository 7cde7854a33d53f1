"""Non-backtracking walk of a token.

Lee, Xu, Eun, "Beyond random walk and Metropolis-Hastings samplers: why you should not backtrack for unbiased graph sampling",
SIGMETRICS 2012.
"""

from __future__ import annotations

from typing import Any

from gossipsim.methods.base import Facts, kernel, uniform
from gossipsim.methods.walks import Walk, degree_importance


class NonBacktrackingWalk(Walk, name="non_backtracking_walk"):
    r"""A token moves to a uniformly random neighbour other than the one it came from, and takes a weighted gradient step.

    From j to i, then to each of the other \(\deg_i - 1\) neighbours with equal probability, and back to j only when there is no
    other:

    .. math:: \theta \leftarrow \theta - b_{n+1} \frac{\overline{\deg}}{\deg_i} \nabla f_i(\theta).

    As a chain on directed links its transition matrix is doubly stochastic, so all links are used equally often and node i is
    visited in proportion to its degree, as in the simple walk; the weights 1/deg_i make up for it.

    Notes
    -----
    The token starts at node 0 with node 0's point, and its first move is free. On a cycle the walk goes round and round, which
    visits all nodes equally often. There is one token: a lost message would end the run.

    Examples
    --------
    >>> NonBacktrackingWalk().node["came_by"]
    'integer'
    """

    node = Walk.node | {"came_by": "integer"}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Weight every node by mean degree / degree; a slot past the last says that the token has not come yet."""
        nodes.importance[:] = degree_importance(graph)
        nodes.came_by[:] = graph.degree

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = inbox[0].x
        node.hop = inbox[0].hop
        node.came_by = slots[0]

    @kernel
    def route(p, node, links, t, draw):
        choices = len(links) - 1 if node.came_by < len(links) else len(links)
        if choices == 0:
            return len(links) - 1
        k = int(uniform(draw, 0) * choices)
        return k + 1 if k >= node.came_by else k
