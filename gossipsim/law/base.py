"""The family `law`: random durations of oracle calls, messages, presence and absence."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Integers
from gossipsim.component import Component

if TYPE_CHECKING:
    from gossipsim.graph import Graph

Vector = NDArray[np.float64]


class Calls(Protocol):
    """How long the calls of the oracle take on the nodes of a graph."""

    @property
    def mean(self) -> float:
        """Mean duration over all nodes; may be infinite."""

    def of_calls(self, nodes: Integers, numbers: Integers, uniforms: Callable[[], Vector]) -> Vector:
        """Return how long call number `numbers[k]` of node `nodes[k]` takes, `(k,)`; `uniforms` draws `(k, 2)` numbers."""


class Law(Component, kind="law"):
    """A distribution on [0, infinity), in mean gradient times of a unit-rate node.

    A member writes `sample`, which turns two uniforms strictly between 0 and 1 into a duration, and its `mean`.
    """

    shorthand: ClassVar[dict[str, str]] = {"file": "file"}

    @classmethod
    def parse(cls, spec: object, base: Path | None = None) -> Self:
        """Build the law that `spec` names; a number is a constant duration.

        Examples
        --------
        >>> Law.parse(0.5)
        Constant(value=0.5)
        """
        number = isinstance(spec, int | float) and not isinstance(spec, bool)
        return super().parse({"name": "constant", "value": float(spec)} if number else spec, base)  # type: ignore[arg-type]

    if TYPE_CHECKING:
        # `exponential` has a setting of this name, which a property of the family would shadow at run time.
        @property
        def mean(self) -> float:
            """Mean duration; may be infinite."""

    @abstractmethod
    def sample(self, u: Vector) -> Vector:
        """Return durations `(k,)` from uniforms `(k, 2)` strictly between 0 and 1."""

    def on(self, graph: Graph) -> Calls:
        """Return how long calls take on the nodes of a graph: the same on all, unless the durations belong to nodes."""
        return self

    def of_calls(self, nodes: Integers, numbers: Integers, uniforms: Callable[[], Vector]) -> Vector:
        """Return durations `(k,)`, drawn independently."""
        return self.sample(uniforms())
