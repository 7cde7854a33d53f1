"""BEER: gradient tracking with compressed messages.

Zhao, Li, Li, Richtarik, Chi, "BEER: fast O(1/T) rate for decentralized nonconvex optimization with communication
compression", NeurIPS 2022, algorithm 1.
"""

from __future__ import annotations

from typing import Any

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, kernel
from gossipsim.methods.choco_gossip import gap, no_theory, weight_sums


class Beer(Method, name="beer"):
    r"""BEER: gradient tracking with two compressed differences per round.

    With columns = nodes, from \(V = M = \nabla F(X)\) and H = G = 0:

    .. math:: X^+ &= X + \gamma H (W - I) - \eta V, & H^+ &= H + C(X^+ - H), \\
              M^+ &= \nabla F(X^+), \quad V^+ = V + \gamma G (W - I) + M^+ - M, & G^+ &= G + C(V^+ - G).

    Always \(\bar V = \bar M\) and \(\bar X^+ = \bar X - \eta \bar V\), whatever C is.

    Parameters
    ----------
    gamma : float, optional
        Consensus step (default: delta rho, with rho the spectral gap of W).
    eta : float, optional
        Step size (default: gamma rho^2 / L).

    Notes
    -----
    The defaults have the order of theorem 1 with all its constants set to one. A round computes the gradient at \(X^+\),
    exchanges both differences, and ends by forming the next \(X^+\), so that x is one gradient step ahead of v; the first round
    only starts V and M, in silence. A node keeps \(H(W - I)\) and \(G(W - I)\), as `h_pull` and `g_pull`, instead of copies of
    its neighbours. An unbiased C enters as C / (1 + omega).

    A lost message leaves neighbours' copies behind for good; the means of V and X then move by more than the gradients.

    Examples
    --------
    >>> Beer(eta=0.01).payload
    {'h': 'vector', 'g': 'vector'}
    """

    node = dict.fromkeys(("x", "v", "m", "h", "g", "h_pull", "g_pull"), "vector") | {"weight_sum": "scalar"}
    payload = {"h": "vector", "g": "vector"}
    computes = talks = "round"
    when_lost = "after a lost message copies of the same vector differ for good, and the limit is biased"
    compressible = True

    gamma: Positive | None = None
    eta: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, eta, the weight of a new gradient, and what makes an unbiased compressor contractive."""
        gamma = self.gamma or facts.delta * gap(facts)
        eta = self.eta or gamma * gap(facts) ** 2 / facts.L
        return {"gamma": gamma, "eta": eta, "lam": 1.0, "scale": 1.0 / (1.0 + (facts.omega or 0.0))}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Add up the weights of every node's links."""
        nodes.weight_sum[:] = weight_sums(links, graph)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse weights that do not mix and compressors without a constant, unless the steps are given."""
        return None if self.gamma and self.eta else no_theory(self.name, facts)

    @kernel
    def step(p, node, t, g):
        lam = 1.0 if node.draws == 1 else p.lam
        new = (1.0 - lam) * node.m + lam * g
        node.v[:] = node.v + p.gamma * node.g_pull + new - node.m
        node.m[:] = new

    @kernel
    def message(p, node, link, t, out):
        out.h[:] = node.x - node.h
        out.g[:] = node.v - node.g
        return node.draws > 1

    @kernel
    def sent(p, node, link, t, msg):
        msg.h[:] = p.scale * msg.h
        msg.g[:] = p.scale * msg.g
        node.h[:] = node.h + msg.h
        node.g[:] = node.g + msg.g
        node.h_pull[:] = node.h_pull - node.weight_sum * msg.h
        node.g_pull[:] = node.g_pull - node.weight_sum * msg.g

    @kernel
    def receive(p, node, links, t, inbox, slots):
        for k in range(len(inbox)):
            node.h_pull[:] = node.h_pull + links[slots[k]].weight * inbox[k].h
            node.g_pull[:] = node.g_pull + links[slots[k]].weight * inbox[k].g
        node.x[:] = node.x + p.gamma * node.h_pull - p.eta * node.v
