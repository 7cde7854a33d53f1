"""What methods share that send compressed differences to public copies, which all neighbours of a node hold alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.methods.base import Facts, Method
from gossipsim.methods.contractive import unknown_contraction


class PublicCopies(Method):
    """A node keeps the weighted sum of its neighbours' copies minus its own, in place of one copy per neighbour."""

    when_lost = "after a lost message copies of the same vector differ for good, and the limit is biased"
    when_changing = None
    compressible = True

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Add up the weights of every node's links."""
        if len(links):
            owner = np.repeat(np.arange(graph.n), graph.degree)
            nodes.weight_sum[:] = np.bincount(owner, weights=links.weight, minlength=graph.n)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse weights that do not mix and compressors without a constant."""
        unknown = unknown_contraction(self.name, facts)
        if unknown is None and not gap(facts) > 1e-12:
            return (
                f"{self.name} needs weights W whose powers converge, and these do not: take `mixing: metropolis_lazy`"
            )
        return unknown


def gap(facts: Facts) -> float:
    """Return the spectral gap rho of W."""
    assert facts.mixing is not None
    spectrum: Any = facts.mixing
    return 1.0 if facts.n == 1 else float(spectrum.gap)
