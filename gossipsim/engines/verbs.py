"""One verb at a time, for engines that string them together themselves: compiled, or interpreted as ordinary Python."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import nonfinite
from gossipsim.engines.binding import Binding, compile_module, lowered
from gossipsim.engines.cache import driver
from gossipsim.errors import Refused
from gossipsim.flow import field_at
from gossipsim.metrics import mean_square
from gossipsim.rows import LINK, constants_row, zeros
from gossipsim.world import World


class Verbs(Protocol):
    """The local actions of a world's nodes; `slot` is a neighbour's place in a node's list, `box` a message's place."""

    nodes: Any
    links: Any

    @property
    def advance(self) -> Callable[[int, float], None]:
        """`(i, t)`: bring node i along its flow to time t."""

    @property
    def query(self) -> Callable[[int, float], bool]:
        """`(i, t)`: ask node i where it wants a gradient; False: not now."""

    @property
    def oracle(self) -> Callable[[int], None]:
        """`(i)`: compute the gradient of f_i at the point asked for."""

    @property
    def step(self) -> Callable[[int, float], bool]:
        """`(i, t)`: hand the gradient to node i; False: its row is no longer finite."""

    @property
    def message(self) -> Callable[[int, int, float, int], bool]:
        """`(i, slot, t, box)`: put what node i tells this neighbour into a box; False: nothing."""

    @property
    def receive(self) -> Callable[[int, int, float, int], bool]:
        """`(i, slot, t, box)`: hand the content of a box, sent by this neighbour, to node i; False: no longer finite."""

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
        """Return every node's primal point at time t, the error and the consensus distance."""


class CompiledVerbs:
    """Every verb is a call into machine code."""

    def __init__(self, world: World) -> None:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
            raise Refused("NUMBA_DISABLE_JIT switches Numba's compiler off")
        self.binding = Binding(world)
        self.nodes, self.links = self.binding.nodes, self.binding.links
        self.code = code = compile_module("verbs", world, self.binding.lowered.single_verbs())
        context = self.binding.address
        self.advance = partial(code.advance, context)
        self.query = partial(code.run_query, context)
        self.oracle = partial(code.run_oracle, context)
        self.step = partial(code.run_step, context)
        self.message = partial(code.run_message, context)
        self.receive = partial(code.run_receive, context)
        self.points = np.empty((world.graph.n, world.objective.dim))

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
        """Return every node's primal point at time t, the error and the consensus distance."""
        return measured(self.code, self.binding, self.points, t, target)


class InterpretedVerbs:
    """Every verb runs as the Python it is written in: slow, and open to code that no compiler takes."""

    def __init__(self, world: World) -> None:
        method, objective, graph = world.method, world.objective, world.graph
        _, flow = lowered(world)
        self.method, self.objective, self.first = method, objective, graph.ptr.tolist()
        self.nodes = world.start_rows()
        self.links = zeros({**LINK, **method.link}, objective.dim, max(1, len(graph.nbr)))
        self.links.weight[: len(graph.nbr)] = world.link_weights()
        self.p, self.q = constants_row(world.constants)[0], constants_row(objective.constants)[0]
        self.f = constants_row(flow.constants if flow else {})[0]
        self.g, self.point = np.zeros(objective.dim), np.zeros(objective.dim)
        shape = (objective.dim,) if method.payload == 1 else (method.payload, objective.dim)
        self.boxes = np.zeros((2, *shape))
        self.form, self.flow = flow, None
        if flow is not None:
            space: dict[str, Any] = {"_exp": math.exp, "_cos_sin": _cos_sin, "_D": objective.dim}
            exec(flow.source(method.vectors()), space)
            self.flow = space["flow"]

    def advance(self, i: int, t: float) -> None:
        """Bring node i along its flow to time t."""
        if self.flow is None:
            self.nodes[i].at = t
        else:
            self.flow(self.f, self.nodes[i], t)

    def query(self, i: int, t: float) -> bool:
        """Ask node i where it wants a gradient; False: not now."""
        if self.method.query is None:
            self.point[:] = self.nodes[i][self.method.primal]
            return True
        return _yes(self.method.query(self.p, self.nodes[i], t, self.point))

    def oracle(self, i: int) -> None:
        """Compute the gradient of f_i at the point asked for."""
        self.objective.problem.gradient(self.q, self.objective.shard(i), self.point, self.g)
        self.nodes[i].draws += 1

    def step(self, i: int, t: float) -> bool:
        """Hand the gradient to node i; False: its row is no longer finite."""
        if self.method.step is not None:
            self.method.step(self.p, self.nodes[i], t, self.g)
        return not len(nonfinite(self.nodes[i : i + 1]))

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
        """Return every node's primal point at time t, the error and the consensus distance."""
        points = field_at(self.form, self.nodes, self.method.vectors(), self.method.primal, t)
        return points, mean_square(points, target), mean_square(points, points.mean(axis=0))

    def _links(self, i: int) -> Any:
        return self.links[self.first[i] : self.first[i + 1]]

    def message(self, i: int, slot: int, t: float, box: int) -> bool:
        """Put what node i tells this neighbour into a box; False: nothing."""
        node, link, out = self.nodes[i], self._links(i)[slot], self.boxes[box]
        said = True
        if self.method.message is None:
            out[:] = node[self.method.primal]
        else:
            said = _yes(self.method.message(self.p, node, link, t, out))
        if said and self.method.sent is not None:
            self.method.sent(self.p, node, link, t, out)
        return said

    def receive(self, i: int, slot: int, t: float, box: int) -> bool:
        """Hand the content of a box, sent by this neighbour, to node i; False: its row is no longer finite."""
        if self.method.receive is not None:
            slots = np.array([slot])
            self.method.receive(self.p, self.nodes[i], self._links(i), t, self.boxes[box : box + 1], slots)
        return not len(nonfinite(self.nodes[i : i + 1]))


def measured(
    code: ModuleType, binding: Binding, points: NDArray[np.float64], t: float, target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float]:
    """Fill `points` with every node's primal point at time t and return it with the error and the consensus distance."""
    values = np.empty(2)
    driver().measure(code.on_measure.address, binding.address, t, points, target, values)
    return points, float(values[0]), float(values[1])


def _cos_sin(x: float) -> tuple[float, float]:
    return math.cos(x), math.sin(x)


def _yes(answer: bool | None) -> bool:
    return answer is None or bool(answer)
