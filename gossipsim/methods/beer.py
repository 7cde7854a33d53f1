"""BEER: gradient tracking with compressed messages.

Zhao, Li, Li, Richtarik, Chi, "BEER: fast O(1/T) rate for decentralized nonconvex optimization with communication
compression", NeurIPS 2022, algorithm 1.
"""

from __future__ import annotations

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, kernel
from gossipsim.methods.contractive import contractive_scale
from gossipsim.methods.public_copies import PublicCopies, gap


class Beer(PublicCopies, name="beer"):
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
        Step size (default: the smaller of gamma rho^2 and 1/4, over L).

    Notes
    -----
    The defaults have the order of the theorem with its constants, which it hides, set to one; its linear rate under the
    Polyak-Lojasiewicz inequality, of the order \(\eta\mu\), is therefore no promise here. Tests measure that of gradient descent
    with step eta or a little more, \(2 \eta\mu\) for the squared error, for every delta.

    A round computes the gradient at \(X^+\), exchanges both differences, and ends by forming the next \(X^+\), so that x is one
    gradient step ahead of v; the first round only starts V and M, in silence. A node keeps \(H(W - I)\) and \(G(W - I)\), as
    `h_pull` and `g_pull`, instead of copies of its neighbours. An unbiased C enters as C / (1 + omega).

    A lost message leaves neighbours' copies behind for good; the means of V and X then move by more than the gradients.

    Examples
    --------
    >>> Beer(eta=0.01).payload
    {'h': 'vector', 'g': 'vector'}
    """

    node = dict.fromkeys(("x", "v", "m", "h", "g", "h_pull", "g_pull"), "vector") | {"weight_sum": "scalar"}
    payload = {"h": "vector", "g": "vector"}
    computes = talks = "round"

    gamma: Positive | None = None
    eta: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, eta, the weight of a new gradient, and what makes an unbiased compressor contractive."""
        gamma = self.gamma or facts.delta * gap(facts)
        eta = self.eta or min(gamma * gap(facts) ** 2, 0.25) / facts.L
        return {"gamma": gamma, "eta": eta, "lam": 1.0, "scale": contractive_scale(facts)}

    def refuses(self, facts: Facts) -> str | None:
        """Refuse weights that do not mix and compressors without a constant, unless the steps are given."""
        return None if self.gamma and self.eta else super().refuses(facts)

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
