"""Which links are there at the moment, in rounds on a graph that changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.world import World


class Moment:
    """Keeps the weights in the link rows, and the marks of links that are there, in step with a graph that changes.

    Attributes
    ----------
    here : ndarray of int, shape (2m,)
        1 for every directed link, in the order of `graph.nbr`, that belongs to the graph in force.
    """

    def __init__(self, world: World, links: Any) -> None:
        self.graph, self.changing, self.links = world.graph, world.changing, links
        self.here = np.ones(len(self.graph.nbr) if self.changing is not None else 1, dtype=np.int64)
        self.forget()

    def forget(self) -> None:
        """Do not trust that the rows hold the weights of the graph in force."""
        self.number = -1

    def turn_to(self, number: int) -> None:
        """Let graph `number` be in force."""
        if number == self.number or self.changing is None:
            return
        self.number = number
        self.here[:] = self.changing.epochs.active[number][self.graph.edge_of_slot]
        self.links.weight[: len(self.here)] = self.changing.weights[number][self.graph.edge_of_slot]
