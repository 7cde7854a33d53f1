"""The family `delays`, and which place of a file every node of a graph is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.component import Component
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.text_files import node_numbers

if TYPE_CHECKING:
    from gossipsim.graph import Graph


class Delays(Component, kind="delays"):
    """A delay for every directed link: a message from i to j travels delay_ij plus a draw of `wire.latency`."""

    shorthand: ClassVar[dict[str, str]] = {"file": "file", "coordinates": "great_circle"}

    @abstractmethod
    def of(self, graph: Graph) -> Floats:
        """Return the delays `(2m,)` in units of simulated time, in the order of `graph.nbr`: first the links out of node 0."""


def link_ends(graph: Graph) -> tuple[Integers, Integers]:
    """Return who sends and who receives on every directed link, each `(2m,)`, in the order of `graph.nbr`.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> [ends.tolist() for ends in link_ends(Graph.build("path", n=3))]
    [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    return np.repeat(np.arange(graph.n), graph.degree), graph.nbr


def places(graph: Graph, names: Sequence[str], chosen: Sequence[int | str] | None, rule: str) -> Integers:
    """Return which place every node is, `(n,)`.

    Nodes are the places that are chosen; or those with their labels, when the graph has labels that are all names of places; else
    the rule decides.

    Parameters
    ----------
    graph : Graph
        Its nodes.
    names : sequence of str
        What the places are called.
    chosen : sequence, optional
        Names of the places of node 0, 1, ...
    rule : {"all", "first", "named"}
        There must be as many places as nodes, in the same order; or at least as many, and the first are taken; or places are
        called like the nodes.

    Raises
    ------
    ScenarioError
        The wrong number of places, a name that no place has, a place chosen twice.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> places(Graph.build("path", n=2), ["Rome", "Oslo", "Bern"], ["Bern", "Rome"], "all").tolist()
    [2, 0]
    """
    number = {name: k for k, name in enumerate(names)}
    wanted = list(node_numbers(graph))
    if chosen is not None:
        wanted = [str(name) for name in chosen]
        if len(wanted) != graph.n:
            raise ScenarioError(
                f"{len(wanted)} places for {graph.n} nodes", key=("nodes",), allowed="one for every node"
            )
        again = next((k for k, name in enumerate(wanted) if name in wanted[:k]), None)
        if again is not None:
            raise ScenarioError(f"{shown(wanted[again])} is given twice", key=("nodes", again))
    elif rule != "named" and (graph.labels is None or not number.keys() >= set(wanted)):
        fits = len(names) == graph.n if rule == "all" else len(names) >= graph.n
        if not fits:
            least = "" if rule == "all" else "at least "
            raise ScenarioError(
                f"{len(names)} places for {graph.n} nodes",
                allowed=f"{least}{graph.n} places" + (", or `nodes`: the place of every node" if rule == "all" else ""),
            )
        return np.arange(graph.n)
    for k, name in enumerate(wanted):
        if name not in number:
            key = ("nodes", k) if chosen is not None else ()
            raise ScenarioError(f"no place {shown(name)}", key=key, hint=nearest(name, names[:10_000]))
    return np.array([number[name] for name in wanted], dtype=np.int64)
