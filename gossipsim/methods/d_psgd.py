"""D-PSGD.

Lian, Zhang, Zhang, Hsieh, Zhang, Liu, "Can decentralized algorithms outperform centralized algorithms?", NeurIPS
2017.
"""

from __future__ import annotations

from typing import Literal

from gossipsim.component import NonNegative
from gossipsim.methods.base import Facts, Method, kernel


class DPsgd(Method, name="d_psgd"):
    r"""Decentralized gradient descent: mix with the neighbours and step along the own gradient.

    .. math:: x_i \leftarrow \sum_j W_{ij} x_j - \gamma\, g_i(x_i)

    or, with `order: adapt_then_combine`, \(x_i \leftarrow \sum_j W_{ij} (x_j - \gamma\, g_j(x_j))\). Also known as
    DGD: Nedic, Ozdaglar, "Distributed subgradient methods for multi-agent optimization", IEEE TAC 54 (2009).

    Parameters
    ----------
    lr : float, optional
        Step size gamma (default: 1/(2L)); 0 leaves synchronous gossip.
    order : {"combine_then_adapt", "adapt_then_combine"}
        Whether neighbours hear the point before or after the step.

    Notes
    -----
    With a constant step the fixed point is biased, by O(gamma) when the local functions differ. The mean obeys
    \(\bar x \leftarrow \bar x - \gamma \frac1n \sum_i g_i(x_i)\). The weight of a lost message falls back to its
    receiver: rows of W still sum to one, columns only on average, which adds noise that vanishes with gamma as the bias does.

    Examples
    --------
    >>> DPsgd(lr=0.1).order
    'combine_then_adapt'
    """

    node = {"x": "vector", "step_back": "vector", "mixed": "vector"}
    computes = talks = "round"
    when_changing = ""
    when_lost = (
        "with lost messages the rows of W sum to one and the columns do not: noise, of the order of the step, is added to"
        " the bias"
    )

    lr: NonNegative | None = None
    order: Literal["combine_then_adapt", "adapt_then_combine"] = "combine_then_adapt"

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, split into the part before and the part after mixing."""
        lr = 1 / (2 * facts.L) if self.lr is None else self.lr
        before = self.order == "adapt_then_combine"
        return {"before": lr * before, "after": lr * (not before)}

    @kernel
    def step(p, node, t, g):
        node.x[:] = node.x - p.before * g
        node.step_back[:] = p.after * g

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.mixed[:] = node.x - node.step_back
        for k in range(len(inbox)):
            node.mixed[:] = node.mixed + links[slots[k]].weight * (inbox[k] - node.x)
        node.x[:] = node.mixed
