"""What a method is: frozen settings, the fields of its rows, when it acts, and at most five local verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ValidationInfo

from gossipsim.component import Component, InputFile, Settings
from gossipsim.errors import ScenarioError, nearest
from gossipsim.facts import Facts, Promise
from gossipsim.kernels import Kernel, dot, kernel, norm, total
from gossipsim.rows import LINK, NODE, ROUND, Fields
from gossipsim.stream import normal, uniform

if TYPE_CHECKING:
    from gossipsim.graph import Graph

__all__ = ["Facts", "Flow", "Kernel", "Method", "Promise", "dot", "kernel", "norm", "normal", "total", "uniform"]


_WHEN = {
    ("clock", "clock"): "nodes and edges on Poisson clocks",
    ("never", "clock"): "exchanges on Poisson clocks",
    ("exchange", "clock"): "exchanges on Poisson clocks",
    ("busy", "partner"): "busy workers",
    ("round", "round"): "rounds",
    ("never", "round"): "rounds",
    ("hop", "route"): "a token",
    ("never", "route"): "a token",
}


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
    `query(p, node, t, out) -> bool`            where the oracle is wanted (default: at the primal field; False: not now)
    `step(p, node, t, g)`                       the oracle's answer g has arrived
    `message(p, node, link, t, out) -> bool`    what to tell this neighbour (default: the primal field; False: nothing)
    `sent(p, node, link, t, msg)`               what really left, after compression
    `receive(p, node, links, t, inbox, slots)`  the messages `inbox[k]` of the neighbours on `links[slots[k]]`
    `route(p, node, links, t, draw) -> int`     tokens only: slot of the next neighbour, -1 to stay
    ==========================================  =====================================================================

    A verb may take one argument more, `draw`: `uniform(draw, k)` and `normal(draw, k)` are random numbers for k = 0, 1, ... that
    depend on the seed, the node and t only.

    `p` holds `constants(facts)`, `node` the fields declared in `node` plus `at` (time of its last event) and `draws`
    (number of its oracle calls), `links` the fields declared in `link` plus `weight`. Vectors have shape `(d,)`.

    When nodes act is declared, never programmed:

    ============  ==========  ================================================================================
    `computes`    `talks`     what happens
    ============  ==========  ================================================================================
    "clock"       "clock"     gradients on every node's Poisson clock, exchanges on every edge's
    "never"       "clock"     exchanges only
    "exchange"    "clock"     both ends of an exchange ask the oracle first
    "busy"        "partner"   a node computes without pause; whenever it ends, it exchanges with a random neighbour,
                              and then steps
    "round"       "round"     everybody computes, then everybody tells all neighbours, `turns` times
    "never"       "round"     the same without an oracle
    "hop"         "route"     one token walks; the node that holds it computes and passes it on
    ============  ==========  ================================================================================

    In a round `node.turn` counts the turns from 0, and `receive` is called once per turn with all that arrived. A message
    that does not depend on its link is made, and compressed, once per turn for all neighbours.
    """

    node: ClassVar[dict[str, str]] = {"x": "vector"}
    link: ClassVar[dict[str, str]] = {}
    payload: ClassVar[dict[str, str] | None] = None
    """Fields of a message, as attributes of `out` and `inbox[k]`; None: a message is one vector."""
    computes: ClassVar[str] = "never"
    talks: ClassVar[str] = "clock"
    oracle: ClassVar[str] = "gradient"
    """"gradient": g = grad f_i(out). "conjugate": g = grad f_i^*(out), and the primal field is dual: the estimate is
    grad f_i^* of it. "prox": g = argmin_x f_i(x) - out . x + (node.rho / 2) |x|^2, with a scalar field `rho`."""
    solves: ClassVar[str] = "optimum"
    """"optimum" of the problem, or "average" of the starting points."""
    primal: ClassVar[str] = "x"
    """Field that estimates the solution (for a conjugate oracle: the dual variable that does)."""
    server: ClassVar[bool] = False
    """Whether node 0 is a server without data, all others its clients: needs a star."""
    compressible: ClassVar[bool] = False
    """Whether the method's theory allows its messages to be compressed."""
    pairwise: ClassVar[str] = "difference"
    """What a pairwise exchange is. "difference": `receive` depends on the inbox through the difference of the two messages only,
    so that the difference of two earlier messages can be applied at any time, and the sum is kept. "delivery": two messages of
    their own, each of which takes effect when and if it arrives."""
    when_lost: ClassVar[str] = ""
    """What lost messages do to the limit, as a warning; empty when they only cost time."""
    when_away: ClassVar[str | None] = None
    """What nodes do to it that go away and return with the state they had; None: the same as lost messages."""
    when_changing: ClassVar[str | None] = "nothing is promised on a graph that changes"
    """What a graph that changes does, as a warning; empty when theory covers it; None when the method is not defined there."""
    mixing: ClassVar[str] = "metropolis_lazy"
    """The weights of the links (`links[k].weight`) unless the scenario's key `mixing` says otherwise."""
    announces: ClassVar[str | None] = None
    """Tokens only: scalar field of the node that all its neighbours learn, in a link field of the same name."""
    query: ClassVar[Kernel | None] = None
    step: ClassVar[Kernel | None] = None
    message: ClassVar[Kernel | None] = None
    sent: ClassVar[Kernel | None] = None
    receive: ClassVar[Kernel | None] = None
    route: ClassVar[Kernel | None] = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return the numbers that the verbs read as `p.<name>`."""
        return {}

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64] | None:
        """Return the matrix A of the exact flow u' = A u between events, in the order of the vector fields, or None."""
        return None

    def turns(self, facts: Facts) -> int:
        """Return how many times per round everybody talks to all neighbours."""
        return 1

    def begin(self, nodes: Any, links: Any, graph: Graph, facts: Facts) -> None:
        """Fill fields of the rows of nodes `(n,)` and directed links `(2m,)`, ordered as `graph.nbr`, before time 0.

        `init` has been applied to the nodes, and `links.weight` holds the mixing weights.
        """

    def demand(self, facts: Facts) -> float:
        """Return the total gossip rate this method asks for when the scenario gives none.

        `facts` describes the graph with rates of total 1. The default is one exchange per node and unit time, n / 2.
        """
        return facts.n / 2

    def clocks(self, facts: Facts) -> tuple[float, NDArray[np.float64]]:
        """Return the rate of every node's gradient clock and the rates `(m,)` of the edges' gossip clocks."""
        return (1.0 if self.computes == "clock" else 0.0), facts.rates

    def wishes(self, facts: Facts) -> float | None:
        """Return how many exchanges a node wants on average during a gradient, with the first neighbour that also wants one.

        The default, None: exchanges come with the edges' clocks. For methods that compute and talk on clocks.
        """
        return None

    def promise(self, facts: Facts) -> Promise | None:
        """Return what theory promises for this run, or None."""
        return None

    def refuses(self, facts: Facts) -> str | None:
        """Return one sentence when the method cannot serve this scenario, or None."""
        return None

    @classmethod
    def needs(cls) -> str:
        """Return in a few words when the method acts, and what it asks of a problem and a graph.

        Examples
        --------
        >>> Method.needs()
        'exchanges on Poisson clocks'
        """
        words = [_WHEN[cls.computes, cls.talks]]
        if cls.computes != "never":
            words.append(
                {"gradient": "gradients", "conjugate": "gradients of f_i^*", "prox": "proximal steps"}[cls.oracle]
            )
        if cls.server:
            words.append("a star whose hub holds no data")
        if cls.compressible:
            words.append("a compressor if wanted")
        return ", ".join(words)

    @classmethod
    def vectors(cls) -> list[str]:
        """Return the names of the node's vector fields, in order."""
        return [name for name, kind in cls.node.items() if kind == "vector"]

    @classmethod
    def fields(cls) -> Fields:
        """Return every field of a node's row, the built-in ones first."""
        return {**NODE, **(ROUND if cls.talks == "round" else {}), **cls.node}

    @classmethod
    def link_fields(cls) -> Fields:
        """Return every field of a directed link's row."""
        return {**LINK, **cls.link}

    @classmethod
    def letter(cls) -> Fields:
        """Return the fields of a message; the one vector of a plain message is called `x`."""
        return cls.payload or {"x": "vector"}
