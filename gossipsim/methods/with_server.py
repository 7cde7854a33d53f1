"""What the methods with a server share: clients say what has changed, and the server tells them the new point."""

from __future__ import annotations

from typing import Any

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, kernel
from gossipsim.methods.contractive import contractive_scale, unknown_contraction


class WithServer(Method):
    r"""A round of two turns between clients and node 0, the server, which holds no data.

    Parameters
    ----------
    gamma : float, optional
        Step size.
    """

    node = {"x": "vector", "change": "vector", "hub": "scalar"}
    computes = talks = "round"
    when_lost = "after a lost message copies of the same vector differ for good, and the limit is biased"
    when_changing = None
    server = True
    compressible = True

    gamma: Positive | None = None

    def turns(self, facts: Facts) -> int:
        """Return 2: clients speak, and then the server does."""
        return 2

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the share of a client, and what makes an unbiased compressor contractive."""
        return {"share": 1.0 / (facts.n - 1), "scale": contractive_scale(facts)}

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Make node 0 the server, and let everybody start at its point."""
        nodes.hub[0] = 1.0
        nodes.x[:] = nodes.x[0]

    def refuses(self, facts: Facts) -> str | None:
        """Refuse compressors without a constant, unless the step is given."""
        return None if self.gamma else unknown_contraction(self.name, facts)

    @kernel
    def message(p, node, link, t, out):
        if node.hub > 0.0:
            out[:] = node.x
            return node.turn == 1
        out[:] = node.change
        return node.turn == 0


def smoothness_of_mean(facts: Facts) -> float:
    """Return the smoothness of f, at most the mean of the L_i."""
    return facts.L_mean() if facts.L_mean is not None else float(facts.L_i.mean())
