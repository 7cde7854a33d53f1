"""Verbs run as the Python they are written in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import nonfinite
from gossipsim.engines.binding import flow_of
from gossipsim.flow import field_at
from gossipsim.kernels import Kernel
from gossipsim.metrics import mean_square
from gossipsim.rows import constants_row, zeros
from gossipsim.stream import Purpose, draw_at, draw_at_time, normal, uniform
from gossipsim.world import World


class InterpretedVerbs:
    """Every verb runs as the Python it is written in: slow, and open to code that no compiler takes."""

    def __init__(self, world: World) -> None:
        method, objective, graph = world.method, world.objective, world.graph
        self.world, self.method, self.objective, self.first = world, method, objective, graph.ptr.tolist()
        self.nodes, self.links = world.start()
        self.per_link = any(_looks_at_link(verb) for verb in (method.message, method.sent))
        self.p, self.q = constants_row(world.constants)[0], constants_row(objective.constants)[0]
        self.c = constants_row(world.compressor_constants)[0]
        d = objective.dim
        self.g, self.point, self.work = np.zeros(d), np.zeros(d), np.zeros(d)
        boxes = len(graph.nbr) if self.per_link else graph.n
        self.boxes: Any = zeros(method.letter(), d, max(2, boxes if method.talks == "round" else 2))
        if method.payload is None:
            self.boxes = self.boxes["x"]
        self.sends = [0] * graph.n
        self.last = 0
        self.form, self.flow = flow_of(world), None
        self.f = constants_row(self.form.constants if self.form else {})[0]
        if self.form is not None:
            space: dict[str, Any] = {"_exp": math.exp, "_cos_sin": _cos_sin, "_D": d}
            exec(self.form.source(method.vectors()), space)
            self.flow = space["flow"]

    def advance(self, i: int, t: float) -> None:
        """Bring node i along its flow to time t."""
        if self.flow is None:
            self.nodes[i].at = t
        else:
            self.flow(self.f, self.nodes[i], t)

    def query(self, i: int, t: float) -> bool:
        """Ask node i where it wants the oracle; False: not now."""
        if self.method.query is None:
            self.point[:] = self.nodes[i][self.method.primal]
            return True
        return _yes(self._call("query", i, t, self.p, self.nodes[i], t, self.point))

    def oracle(self, i: int) -> None:
        """Let the oracle of node i answer at the point asked for."""
        node, world = self.nodes[i], self.world
        if self.method.oracle != "gradient":
            rho = float(node.rho) if self.method.oracle == "prox" else 0.0
            self._resolvent(i, self.point, rho, self.g)
        else:
            sampling = world.scenario.sampling
            found = world.gradients
            rows = found.rows[found.first[i] : found.first[i + 1]]
            if sampling.batch is not None:
                draw = draw_at(world.seed, Purpose.SAMPLE, i, int(node.draws))
                rows = rows[[int(uniform(draw, b) * len(rows)) for b in range(sampling.batch)]]
            found.kernel(self.q, rows, self.point, self.g)
            if sampling.noise > 0.0:
                draw = draw_at(world.seed, Purpose.NOISE, i, int(node.draws))
                for k in range(len(self.g)):
                    self.g[k] += sampling.noise * normal(draw, k)
        node.draws += 1

    def _resolvent(self, i: int, y: NDArray[np.float64], rho: float, out: NDArray[np.float64]) -> None:
        rows, first = self.world.inverse_rows
        kernel = self.objective.problem.resolvent
        assert isinstance(kernel, Kernel)
        kernel(self.q, rows[first[i] : first[i + 1]], y, rho, out)

    def _call(self, name: str, i: int, t: float, *arguments: Any) -> Any:
        """Call a verb, with a place to draw random numbers from if it takes one more argument."""
        verb = getattr(self.method, name)
        here = (draw_at_time(self.world.seed, i, t),) if len(verb.parameters) > len(arguments) else ()
        return verb(*arguments, *here)

    def step(self, i: int, t: float) -> bool:
        """Hand the answer to node i; False: its row is no longer finite."""
        if self.method.step is not None:
            self._call("step", i, t, self.p, self.nodes[i], t, self.g)
        return not len(nonfinite(self.nodes[i : i + 1]))

    def measure(self, t: float, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every node's primal point at time t; error, consensus distance and mean point."""
        points = field_at(self.form, self.nodes, self.method.vectors(), self.method.primal, t)
        if self.method.talks == "route":
            points = np.repeat(points[self.last : self.last + 1], len(points), axis=0)
        if self.method.oracle == "conjugate":
            for i, y in enumerate(points.copy()):
                self._resolvent(i, y, 0.0, points[i])
        mean = points.mean(axis=0)
        return points, np.concatenate([[mean_square(points, target), mean_square(points, mean)], mean])

    def _links(self, i: int) -> Any:
        return self.links[self.first[i] : self.first[i + 1]]

    def message(self, i: int, slot: int, t: float, box: int) -> int:
        """Put what node i tells this neighbour into a box; its bits, or -1 for nothing."""
        node, method = self.nodes[i], self.method
        link, out = (self._links(i)[slot] if slot < len(self._links(i)) else self.links[0]), self.boxes[box]
        if method.message is None:
            out[:] = node[method.primal]
        elif not _yes(self._call("message", i, t, self.p, node, link, t, out)):
            return -1
        whole = self.world.scenario.compressor is None or (method.server and i == 0)
        bits = self.world.message_bits if whole else self._compress(i, out)
        if method.sent is not None:
            self._call("sent", i, t, self.p, node, link, t, out)
        return bits

    def _compress(self, i: int, out: Any) -> int:
        compressor, width = self.world.scenario.compressor, self.world.scenario.wire.float_bits
        bits = 0
        for name, kind in self.method.letter().items():
            if kind != "vector":
                bits += width
                continue
            v = out if self.method.payload is None else out[name]
            draw = draw_at(self.world.seed, Purpose.COMPRESSION, i, self.sends[i])
            self.sends[i] += 1
            bits += int(type(compressor).compress(self.c, draw, v, self.work))  # type: ignore[union-attr]
        return bits

    def receive(self, i: int, slot: int, t: float, box: int) -> bool:
        """Hand the content of a box, sent by this neighbour, to node i; False: its row is no longer finite."""
        self.gather(i, t, [slot], [box])
        return not len(nonfinite(self.nodes[i : i + 1]))

    def apply(self, i: int, slot: int, t: float, box: int) -> bool:
        """Let node i apply the difference of its message in this box and the other of the pair, made when they were made."""
        node, link, plain = self.nodes[i], self._links(i)[slot], self.method.payload is None
        now = zeros(self.method.letter(), self.world.objective.dim, 1)
        out = now["x"][0] if plain else now[0]
        if self.method.message is None:
            out[:] = node[self.method.primal]
        else:
            self._call("message", i, t, self.p, node, link, t, out)
        other = box + 1 - 2 * (box % 2)
        for name in self.method.letter():
            value = now[name]
            own, heard = (self.boxes[k] if plain else self.boxes[k][name] for k in (box, other))
            value[0] = value[0] - (own - heard)
        if self.method.receive is not None:
            inbox = now["x"] if plain else now
            self._call("receive", i, t, self.p, node, self._links(i), t, inbox, np.array([slot]))
        return not len(nonfinite(self.nodes[i : i + 1]))

    def make_room(self, boxes: int) -> None:
        """Make room for so many messages."""
        if boxes > len(self.boxes):
            new = np.zeros((boxes, *self.boxes.shape[1:]), dtype=self.boxes.dtype)
            new[: len(self.boxes)] = self.boxes
            self.boxes = new if self.method.payload is None else new.view(np.recarray)

    def gather(self, i: int, t: float, slots: list[int], boxes: list[int]) -> None:
        """Hand the contents of some boxes, sent by the neighbours on these slots, to node i at once."""
        if self.method.receive is not None:
            places = np.array(slots, dtype=np.int64)
            inbox = self.boxes[np.array(boxes, dtype=np.int64)]
            self._call("receive", i, t, self.p, self.nodes[i], self._links(i), t, inbox, places)

    def route(self, i: int, t: float, number: int) -> int:
        """Return the slot of the neighbour that gets the token on hop `number`, or -1."""
        assert self.method.route is not None
        draw = draw_at(self.world.seed, Purpose.ROUTE, 0, number)
        return int(self.method.route(self.p, self.nodes[i], self._links(i), t, draw))

    def carry(self, node: int) -> None:
        """Note that the token was at this node last."""
        self.last = node


def _looks_at_link(verb: Kernel | None) -> bool:
    return verb is not None and verb.reads(verb.parameters[2])


def _cos_sin(x: float) -> tuple[float, float]:
    return math.cos(x), math.sin(x)


def _yes(answer: bool | None) -> bool:
    return answer is None or bool(answer)
