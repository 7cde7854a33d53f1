"""The family `churn`: when each node leaves and returns."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.component import Component

if TYPE_CHECKING:
    from gossipsim.graph import Graph

State = Literal["kept", "lost", "neighbour"]
STATES = ("kept", "lost", "neighbour")


class Sessions(Protocol):
    """When each node of one graph is there: its state at time 0 and the times of its changes, number 1, 2, ..."""

    @property
    def availability(self) -> Floats:
        """Share of time that each node is present, `(n,)`."""

    @property
    def pace(self) -> float:
        """Expected changes per unit of time, of all nodes together; may be 0."""

    @property
    def last_return(self) -> Floats:
        """Time at which each node returns for the last time, `(n,)`: infinite if it always does again, -inf if never."""

    def at_start(self) -> NDArray[np.bool_]:
        """Return who is present at time 0, `(n,)`."""

    def due(self, nodes: Integers, numbers: Integers, present: NDArray[np.bool_], last: Floats) -> Floats:
        """Return when change number `numbers[k]` of node `nodes[k]` comes, infinite if it does not, `(k,)`.

        Until then node `nodes[k]` is present or not; its change before that, or the start of the run, was at time `last[k]`.
        """


class Churn(Component, kind="churn"):
    """Nodes come and go, each on its own.

    Laws of `up` and `down` mean `{name: alternating, ...}`, and a `file` means `{name: file, ...}`.

    Examples
    --------
    >>> Churn.parse({"up": 8.0, "down": 2.0, "state": "lost"}).name
    'alternating'
    """

    shorthand: ClassVar[dict[str, str]] = {"up": "alternating", "down": "alternating", "file": "file"}

    state: State = "kept"

    @abstractmethod
    def on(self, graph: Graph, seed: int) -> Sessions:
        """Return when the nodes of a graph leave and return."""
