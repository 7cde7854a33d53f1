"""Randomized gossip averaging: Boyd, Ghosh, Prabhakar, Shah, "Randomized gossip algorithms", IEEE TIT 52 (2006)."""

from __future__ import annotations

from gossipsim.methods.base import Facts, Method, Promise, kernel


class Gossip(Method, name="gossip"):
    r"""Randomized gossip: two neighbours replace their values by the average of the two.

    .. math:: x_i, x_j \leftarrow (x_i + x_j) / 2 \quad\text{when the clock of edge } ij \text{ rings}.

    The mean of x is kept, and with \(\Lambda\) the rates-weighted Laplacian the first moment is exact:
    \(E\,x(t) = e^{-t \Lambda / 2} x(0)\).

    Notes
    -----
    *Promise*: \(E \|x(t) - \bar x\|^2 \le e^{-t/(2 \chi_1)} \|x(0) - \bar x\|^2\), because
    \(E \|\Pi x\|^2\) falls by \(\frac12 x^T \Lambda x \ge \frac{1}{2\chi_1} \|\Pi x\|^2\) per unit time.

    Examples
    --------
    >>> Gossip.node
    {'x': 'vector'}
    """

    node = {"x": "vector"}
    solves = "average"
    when_changing = ""

    def promise(self, facts: Facts) -> Promise:
        """Return the decay rate 1 / (2 chi_1) of the consensus distance."""
        rate = facts.lambda_2 / 2 if facts.n > 1 else 0.0
        return Promise("consensus", rate, "Boyd et al. 2006, in continuous time")

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = 0.5 * (node.x + inbox[0])
