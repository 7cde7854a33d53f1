"""What a method is: frozen settings, the fields of its rows, when it acts, and at most five local verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ValidationInfo

from gossipsim.component import Component, InputFile, Settings
from gossipsim.errors import ScenarioError, nearest
from gossipsim.facts import Facts, Promise
from gossipsim.kernels import Kernel, dot, kernel, norm, total

__all__ = ["Facts", "Flow", "Kernel", "Method", "Promise", "dot", "kernel", "norm", "total"]


class _StoredArray(Settings):
    file: InputFile
    array: str = "flow"


def _read_matrix(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, Mapping):
        return value
    try:
        return _stored(_StoredArray.read(value, (info.context or {}).get("base")))
    except ScenarioError as fault:
        raise fault.under(str(info.field_name)) from None


def _stored(stored: _StoredArray) -> list[Any]:
    try:
        with np.load(stored.file, allow_pickle=False) as archive:
            if stored.array not in archive:
                raise ScenarioError(
                    f"no array {stored.array!r} in {stored.file.name}",
                    key=("array",),
                    allowed=", ".join(archive.files),
                    hint=nearest(stored.array, archive.files),
                )
            found: list[Any] = np.asarray(archive[stored.array], dtype=float).tolist()
            return found
    except (OSError, ValueError, EOFError) as fault:
        raise ScenarioError(f"cannot read {stored.file}: {fault}", key=("file",), allowed="an npz archive") from None


Flow = Annotated[list[list[float]], BeforeValidator(_read_matrix)]
"""A square matrix, as nested lists or `{file: f.npz, array: name}`, in the order of the method's fields."""


class Method(Component, kind="method"):
    """A decentralized method: settings, rows, clocks and verbs.

    The verbs are kernels; each sees one node's row and nothing else. All are optional:

    ==========================================  =====================================================================
    `query(p, node, t, out) -> bool`            where a gradient is wanted (default: at `node.x`; False: not now)
    `step(p, node, t, g)`                       a gradient g has arrived
    `message(p, node, link, t, out) -> bool`    what to tell this neighbour (default: `node.x`; False: nothing)
    `sent(p, node, link, t, msg)`               what really left, after compression
    `receive(p, node, links, t, inbox, slots)`  the messages `inbox[k]` of the neighbours on `links[slots[k]]`
    ==========================================  =====================================================================

    `p` holds `constants(facts)`, `node` the fields declared in `node` plus `at` (time of its last event) and `draws`
    (number of its gradients), `links` the fields declared in `link` plus `weight`. Vectors have shape `(d,)`.
    """

    node: ClassVar[dict[str, str]] = {"x": "vector"}
    link: ClassVar[dict[str, str]] = {}
    payload: ClassVar[int] = 1
    computes: ClassVar[str] = "never"
    talks: ClassVar[str] = "clock"
    oracle: ClassVar[str] = "gradient"
    solves: ClassVar[str] = "optimum"
    """"optimum" of the problem, or "average" of the starting points."""
    primal: ClassVar[str] = "x"
    """Field that estimates the solution."""
    query: ClassVar[Kernel | None] = None
    step: ClassVar[Kernel | None] = None
    message: ClassVar[Kernel | None] = None
    sent: ClassVar[Kernel | None] = None
    receive: ClassVar[Kernel | None] = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the numbers that the verbs read as `p.<name>`."""
        return {}

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64] | None:
        """Return the matrix A of the exact flow u' = A u between events, in the order of the vector fields, or None."""
        return None

    def demand(self, facts: Facts) -> float:
        """Return the total gossip rate this method asks for when the scenario gives none.

        `facts` describes the graph with rates of total 1. The default is one exchange per node and unit time, n / 2.
        """
        return facts.n / 2

    def clocks(self, facts: Facts) -> tuple[float, NDArray[np.float64]]:
        """Return the rate of every node's gradient clock and the rates `(m,)` of the edges' gossip clocks."""
        return (1.0 if self.computes == "clock" else 0.0), facts.rates

    def promise(self, facts: Facts) -> Promise | None:
        """Return what theory promises for this run, or None."""
        return None

    def refuses(self, facts: Facts) -> str | None:
        """Return one sentence when the method cannot serve this scenario, or None."""
        return None

    @classmethod
    def vectors(cls) -> list[str]:
        """Return the names of the node's vector fields, in order."""
        return [name for name, kind in cls.node.items() if kind == "vector"]
