"""EF21-W: EF21 with clients weighted by their smoothness.

Richtarik, Gasanov, Burlachenko, "Error feedback reloaded: from quadratic to arithmetic mean of smoothness constants", ICLR
2024, algorithm 3.
"""

from __future__ import annotations

from typing import Any

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Promise, kernel
from gossipsim.methods.ef21 import Ef21, arithmetic_mean, decay, rates, step_size
from gossipsim.methods.with_server import WithServer, smoothness_of_mean


class Ef21W(WithServer, name="ef21_w"):
    r"""EF21-W: EF21 on weighted clients, whose step follows the mean of the smoothness constants.

    With \(w_i = L_i / \sum_j L_j\), client i and then the server:

    .. math:: c_i = C\Bigl(\frac{1}{n w_i}\nabla f_i(x) - g_i\Bigr), \quad g_i \leftarrow g_i + c_i; \qquad
              g \leftarrow g + \sum_i w_i c_i, \quad x \leftarrow x - \gamma g.

    Always \(g = \sum_i w_i g_i\). When C(a v) = a C(v) for a > 0, the iterates are those of EF21 with the same gamma.

    Parameters
    ----------
    L, L_tilde : float, optional
        Smoothness of f, and mean of the \(L_i\) (default: of the problem).

    Notes
    -----
    gamma, the promise, what an unbiased C becomes, and how bits are counted: as for `ef21` with the arithmetic mean.

    A lost message of a client makes g differ from the weighted mean of the \(g_i\) for good.

    Examples
    --------
    >>> Ef21W(gamma=0.1).gamma
    0.1
    """

    node = {"x": "vector", "g": "vector", "change": "vector", "hub": "scalar", "zoom": "scalar"}
    link = {"w": "scalar"}

    L: Positive | None = None
    L_tilde: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, and what makes an unbiased compressor contractive."""
        gamma = self.gamma or step_size(*self._smoothness(facts), *rates(facts.delta))
        return super().constants(facts) | {"gamma": gamma}

    def _smoothness(self, facts: Facts) -> tuple[float, float]:
        return self.L or smoothness_of_mean(facts), self.L_tilde or arithmetic_mean(facts)

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Make node 0 the server, tell it the weights, and let everybody start at its point."""
        w = facts.L_i / facts.L_i.sum()
        super().begin(nodes, links, graph, facts)
        nodes.zoom[1:] = 1.0 / (len(w) * w)
        if len(links):
            own = slice(graph.ptr[0], graph.ptr[1])
            links.w[own] = w[graph.nbr[own] - 1]

    def promise(self, facts: Facts) -> Promise:
        """Return the decay rate of the gap, for rounds of one unit of time."""
        return decay(self.constants(facts)["gamma"], facts.mu, *self._smoothness(facts), *rates(facts.delta))

    def refuses(self, facts: Facts) -> str | None:
        """Refuse clients of weight zero, and compressors without a constant unless the step is given."""
        if not facts.L_i.min() > 0:
            return f"{self.name} weights clients by L_i, and one of them has L_i = 0"
        return super().refuses(facts)

    @kernel
    def step(p, node, t, g):
        node.change[:] = node.zoom * g - node.g

    sent = Ef21.sent

    @kernel
    def receive(p, node, links, t, inbox, slots):
        if node.hub == 0.0:
            for k in range(len(inbox)):
                node.x[:] = inbox[k]
        elif node.turn == 0:
            for k in range(len(inbox)):
                node.g[:] = node.g + links[slots[k]].w * inbox[k]
            node.x[:] = node.x - p.gamma * node.g
