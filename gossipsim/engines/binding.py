"""A world's rows in memory, tied to the machine code of its method."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines import cache
from gossipsim.engines.lowering import CONTEXT, SETTINGS, Lowered
from gossipsim.engines.moment import Moment
from gossipsim.engines.pieces import batch_offset
from gossipsim.errors import Refused
from gossipsim.flow import FlowForm
from gossipsim.modes import spectral_form
from gossipsim.rows import constants_row, zeros
from gossipsim.world import World

_TOKEN_AT_START = (0, -1, 0, 0)


def flow_of(world: World) -> FlowForm | None:
    """Return the flow of a world's method between events, or None."""
    matrix = world.method.flow_matrix(world.facts)
    return None if matrix is None else spectral_form(matrix)


class Binding:
    """Node and link rows of a world, and the addresses that compiled handlers work on."""

    def __init__(self, world: World) -> None:
        self._world = world
        flow = flow_of(world)
        self.lowered = lowered = Lowered.of(world, flow)
        objective, graph, method = world.objective, world.graph, world.method
        linked = lowered.uses_links
        self.nodes, self.links = world.start(linked)
        self.gradients = world.gradients
        self.moment = Moment(world, self.links)
        boxes = len(graph.nbr) if lowered.per_link else graph.n
        self.letters = zeros(method.letter(), objective.dim, max(2, boxes if method.talks == "round" else 2))
        self.said = np.zeros(max(2, boxes if method.talks == "round" else 1), dtype=np.int64)
        self.tally = np.zeros(5, dtype=np.int64)
        networked = lowered.networked
        self.away = np.zeros(graph.n if networked else 1, dtype=np.int64)
        self.bad = np.zeros(max(1, len(graph.nbr)) if networked else 1, dtype=np.int64)
        self.token = np.array(_TOKEN_AT_START, dtype=np.int64)
        self.sends = np.zeros(graph.n if lowered.compressor is not None else 1, dtype=np.int64)
        self.gathered = np.zeros((2, graph.n if method.talks == "round" else 1), dtype=np.int64)
        batch = world.scenario.sampling.batch or 0
        scratch = np.zeros((batch_offset(lowered) + batch * lowered.size("SAMPLE")) // 8 + 8)
        rows, first = world.inverse_rows if method.oracle != "gradient" else (self.gradients.rows, np.zeros(1))
        nothing = np.zeros((1, 2))
        parts: dict[str, Any] = {
            "nodes": self.nodes,
            "links": self.links,
            "first_link": graph.ptr if linked else nothing,
            "slots": graph.slot if linked else nothing,
            "p": constants_row(world.constants),
            "flow": constants_row(flow.constants if flow else {}),
            "q": constants_row(objective.constants),
            "samples": self.gradients.rows,
            "first_sample": self.gradients.first,
            "scratch": scratch,
            "tally": self.tally,
            "letters": self.letters,
            "said": self.said,
            "nbr": graph.nbr if linked else nothing,
            "reverse": graph.reverse if linked else nothing,
            "settings": _settings(world),
            "c": constants_row(world.compressor_constants),
            "inverse": rows,
            "first_inverse": first,
            "token": self.token,
            "gathered": self.gathered,
            "sends": self.sends,
            "ends": graph.edges if networked else nothing,
            "away": self.away,
            "bad": self.bad,
            "start": self.nodes.copy() if world.forgetful else nothing,
            "present": self.moment.here,
        }
        whole = {"first_link", "slots", "first_sample", "nbr", "reverse", "first_inverse", "ends"}
        self._kept: list[NDArray[Any]] = [
            np.ascontiguousarray(parts[name], dtype=np.int64) if name in whole else parts[name] for name in CONTEXT
        ]
        self._context = np.array([part.ctypes.data for part in self._kept], dtype=np.int64)

    @property
    def address(self) -> int:
        """Address of the context."""
        return int(self._context.ctypes.data)

    @property
    def state(self) -> list[NDArray[Any]]:
        """Everything that events change: rows of nodes and links, messages under way, counters."""
        return [self.nodes, self.links, self.letters, self.said, self.token, self.sends, self.away, self.bad]

    def begin_again(self) -> None:
        """Return to time 0."""
        self.nodes[:], self.links[:] = self._world.start(self.lowered.uses_links)
        for counters in (self.letters, self.said, self.sends, self.away, self.bad):
            counters[:] = 0
        self.token[:] = _TOKEN_AT_START

    def make_room(self, places: int) -> None:
        """Make room for so many messages under way."""
        have = len(self.letters)
        if places <= have:
            return
        for name in ("letters", "said"):
            old = getattr(self, name)
            new = np.zeros(places, dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
            index = CONTEXT.index(name)
            self._kept[index] = new
            self._context[index] = new.ctypes.data


def _settings(world: World) -> Any:
    row = zeros(SETTINGS, 1, 1)
    sampling = world.scenario.sampling
    values = {
        "n": world.graph.n,
        "hub": int(world.method.server),
        "turns": world.turns,
        "batch": sampling.batch or 0,
        "seed_low": world.seed & 0xFFFFFFFF,
        "seed_high": world.seed >> 32,
        "width": world.scenario.wire.float_bits,
        "noise": sampling.noise,
        "bits": int(world.sent_bits[0]),
        **dict(zip(("to_bad", "to_good", "lost_in_good", "lost_in_bad"), world.scenario.wire.loss.chain, strict=True)),
    }
    for name, value in values.items():
        row[name] = value
    return row


def compile_module(kind: str, world: World, source: str) -> ModuleType:
    """Compile generated source, or raise `Refused` with the compiler's own first sentence."""
    import numba

    try:
        return cache.module(f"{kind}_{world.method.__class__.__name__.lower()}", source)
    except numba.core.errors.NumbaError as fault:
        told = [text.strip() for text in str(fault).splitlines() if text.strip()]
        line = next((text for text in told if not text.startswith("Failed in")), "unknown reason")
        raise Refused(f"the verbs of {world.method.name} cannot be compiled: {line}") from None
