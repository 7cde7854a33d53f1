"""A world's rows in memory, tied to the machine code of its method."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines import cache
from gossipsim.engines.lowering import CONTEXT, Lowered
from gossipsim.errors import Refused
from gossipsim.flow import FlowForm, spectral_form
from gossipsim.rows import LINK, constants_row, zeros
from gossipsim.world import World


def lowered(world: World) -> tuple[Lowered, FlowForm | None]:
    """Return the generator of this world's compiled code, and its flow."""
    matrix = world.method.flow_matrix(world.facts)
    flow = None if matrix is None else spectral_form(matrix)
    problem = world.objective
    return Lowered(world.method, type(problem.problem), problem.dim, world.constants, problem.constants, flow), flow


class Binding:
    """Node and link rows of a world, and the addresses that compiled handlers work on."""

    def __init__(self, world: World) -> None:
        self.lowered, flow = lowered(world)
        method, objective, graph = world.method, world.objective, world.graph
        self.nodes = world.start_rows()
        linked = self.lowered.uses_links
        self.links = zeros({**LINK, **method.link}, objective.dim, max(1, len(graph.nbr)) if linked else 1)
        if linked:
            self.links.weight[: len(graph.nbr)] = world.link_weights()
        scratch = np.zeros(self.lowered.scratch_bytes() // 8 + 8)
        self._kept: list[NDArray[Any]] = [
            self.nodes,
            self.links,
            np.ascontiguousarray(graph.ptr if linked else np.zeros(1), dtype=np.int64),
            np.ascontiguousarray(graph.slot if linked else np.zeros((1, 2)), dtype=np.int64),
            constants_row(world.constants),
            constants_row(flow.constants if flow else {}),
            constants_row(objective.constants),
            objective.samples,
            np.ascontiguousarray(objective.first, dtype=np.int64),
            scratch,
        ]
        assert len(self._kept) == len(CONTEXT)
        self._context = np.array([part.ctypes.data for part in self._kept], dtype=np.int64)

    @property
    def address(self) -> int:
        """Address of the context."""
        return int(self._context.ctypes.data)


def compile_module(kind: str, world: World, source: str) -> ModuleType:
    """Compile generated source, or raise `Refused` with the compiler's own first sentence."""
    import numba

    try:
        return cache.module(f"{kind}_{world.method.__class__.__name__.lower()}", source)
    except numba.core.errors.NumbaError as fault:
        line = next((text for text in str(fault).splitlines() if text.strip()), "unknown reason")
        raise Refused(f"the verbs of {world.method.name} cannot be compiled: {line.strip()}") from None
