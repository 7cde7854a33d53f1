"""One verb at a time, for engines that string them together themselves: what there is, and its compiled form."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines import single
from gossipsim.engines.binding import Binding, compile_module
from gossipsim.engines.cache import compiled
from gossipsim.errors import Refused
from gossipsim.world import World


class Verbs(Protocol):
    """The local actions of a world's nodes.

    `slot` is a neighbour's place in a node's list, `box` a message's place: 0 and 1 in an exchange, 0 for a token, and in a round
    one per node, or one per directed link when messages differ from link to link.
    """

    nodes: Any
    links: Any
    per_link: bool

    @property
    def advance(self) -> Callable[[int, float], None]:
        """`(i, t)`: bring node i along its flow to time t."""

    @property
    def query(self) -> Callable[[int, float], bool]:
        """`(i, t)`: ask node i where it wants the oracle; False: not now."""

    @property
    def oracle(self) -> Callable[[int], None]:
        """`(i)`: let the oracle of node i answer at the point asked for."""

    @property
    def step(self) -> Callable[[int, float], bool]:
        """`(i, t)`: hand the answer to node i; False: its row is no longer finite."""

    @property
    def message(self) -> Callable[[int, int, float, int], int]:
        """`(i, slot, t, box)`: put what node i tells this neighbour into a box; its bits, or -1 for nothing."""

    @property
    def receive(self) -> Callable[[int, int, float, int], bool]:
        """`(i, slot, t, box)`: hand the content of a box, sent by this neighbour, to node i; False: no longer finite."""

    @property
    def apply(self) -> Callable[[int, int, float, int], bool]:
        """`(i, slot, t, box)`: let node i apply the difference of its message in this box and the other of the pair."""

    @property
    def route(self) -> Callable[[int, float, int], int]:
        """`(i, t, number)`: the slot of the neighbour that gets the token on hop `number`, or -1."""

    def gather(self, i: int, t: float, slots: list[int], boxes: list[int]) -> None:
        """Hand the contents of some boxes, sent by the neighbours on these slots, to node i at once."""

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point at time t; error, consensus distance and mean point."""

    def carry(self, node: int) -> None:
        """Note that the token was at this node last."""

    def make_room(self, boxes: int) -> None:
        """Make room for so many messages."""


class CompiledVerbs:
    """Every verb is a call into machine code."""

    def __init__(self, world: World) -> None:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
            raise Refused("NUMBA_DISABLE_JIT switches Numba's compiler off")
        self.binding = Binding(world)
        self.nodes, self.links = self.binding.nodes, self.binding.links
        self.per_link = self.binding.lowered.per_link
        self.code = code = compile_module("verbs", world, single.source(self.binding.lowered))
        context = self.binding.address
        self.advance = _bound(code, "advance", context)
        self.query = _bound(code, "run_query", context)
        self.oracle = _bound(code, "run_oracle", context)
        self.step = _bound(code, "run_step", context)
        self.message = _bound(code, "run_message", context)
        self.receive = _bound(code, "run_receive", context)
        self.apply = _bound(code, "run_apply", context)
        self.route = _bound(code, "run_route", context)
        self.points = np.empty((world.graph.n, world.objective.dim))

    def gather(self, i: int, t: float, slots: list[int], boxes: list[int]) -> None:
        """Hand the contents of some boxes, sent by the neighbours on these slots, to node i at once."""
        count = len(slots)
        self.binding.gathered[0, :count] = slots
        self.binding.gathered[1, :count] = boxes
        self.code.run_gather(self.binding.address, i, t, count)

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point at time t; error, consensus distance and mean point."""
        return measured(self.code, self.binding, self.points, t, target)

    def carry(self, node: int) -> None:
        """Note that the token was at this node last."""
        self.binding.token[2] = node

    def make_room(self, boxes: int) -> None:
        """Make room for so many messages."""
        self.binding.make_room(boxes)


def measured(
    code: ModuleType, binding: Binding, points: NDArray[np.float64], t: float, target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fill `points` with every node's primal point at time t; return it with error, consensus distance and mean point."""
    values = np.empty(2 + points.shape[1])
    compiled("measure").measure(code.on_measure.address, binding.address, t, points, target, values)
    return points, values


def _bound(code: ModuleType, name: str, context: int) -> Any:
    """Return a verb bound to its context, past Numba's choice among signatures: it has one, and choosing takes as long."""
    function = getattr(code, name, None)
    if function is None:
        return _absent
    (only,) = function.overloads.values()
    return partial(only.entry_point, context)


def _absent(*_: object) -> Any:
    raise AssertionError("this method has no such verb")
