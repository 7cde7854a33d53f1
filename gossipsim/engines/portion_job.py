"""A portion of a run on Poisson clocks as the arguments of one call of machine code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gossipsim.engines.base import Job, Portion, Records
from gossipsim.engines.cache import compiled
from gossipsim.engines.events import COUNTED, PoissonClocks
from gossipsim.errors import Diverged

if TYPE_CHECKING:
    from gossipsim.engines.compiled import Compiled

_AXES = ("until", "events", "gradients", "activations")


class PortionJob(Job):
    """The arguments of `portion.run`, and what is made of its answer.

    Parameters
    ----------
    engine : Compiled
        Must not run anything else until `finish`.
    portion : Portion
        Ends at the last of its places, if it has any.
    """

    def __init__(self, engine: Compiled, portion: Portion) -> None:
        self.engine = engine
        axis, places, limits, target, goal = portion
        if len(places):
            limits = limits.before(axis, float(places[-1]))
        source, tape, counts = cast(PoissonClocks, engine.tape.source), engine.tape, engine.state.counts
        code, binding = engine.handlers, engine.binding
        engine.memory[5] = engine.wants < 2
        self.values, self.times = engine.room(len(places)), np.empty(len(places))
        self.rows = np.empty((len(places) + 1, 6), dtype=np.int64)
        self.numbers = np.array([tape.first, tape.place, *counts.row()[:6]], dtype=np.int64)
        self.clock = np.array([tape.clock])
        marks, ends = np.empty(len(places), dtype=np.int64), np.array([getattr(limits, name) for name in _AXES])
        self.arguments = (
            engine.on_gradient, code.on_exchange.address, code.on_measure.address, binding.address, engine.memory,
            binding.tally, binding.gradients.first, *source.parameters, *tape.events, self.numbers, self.clock,
            _AXES.index(axis), places, marks, ends, goal, engine.points, target, self.values, self.times, self.rows,
        )  # fmt: skip

    @property
    def words(self) -> list[int]:
        """The arguments as 8-byte words: whole numbers, the bits of other numbers, address and shape of arrays."""
        words: list[int] = []
        for value, (kind, dimensions) in zip(self.arguments, _kinds(), strict=True):
            if dimensions == 0:
                words.append(int(np.asarray(value, dtype=kind).view(np.int64)))
            elif value.dtype == kind and value.ndim == dimensions and value.flags.c_contiguous:
                words += [value.ctypes.data, *value.shape]
            else:  # machine code would read it all the same
                raise TypeError(f"an array of {value.dtype} {value.shape} where machine code takes {kind}")
        return words

    def finish(self, returned: int) -> Records | Diverged:
        """Note in the engine what has happened; return the records, or the divergence that ended them."""
        engine, tape, counts = self.engine, self.engine.tape, self.engine.state.counts
        counts.take([*self.numbers[2:].tolist(), counts.rounds])
        tape.first, tape.place, tape.clock = int(self.numbers[0]), int(self.numbers[1]), float(self.clock[0])
        if counts.events:
            engine.state.now = tape.position[1]
        whole = np.zeros((returned, len(COUNTED)), dtype=np.int64)
        whole[:, :6] = self.rows[:returned]
        records = Records(self.times[:returned], whole, self.values[:returned, : engine.wants])
        try:
            engine.watch.look()
        except Diverged as fault:
            fault.records = records
            return fault
        return records


@cache
def _kinds() -> tuple[tuple[np.dtype[Any], int], ...]:
    """Return data type and number of dimensions of every argument of `portion.run`."""
    from numba.np.numpy_support import as_dtype

    kinds = compiled("portion").run.nopython_signatures[0].args
    return tuple((as_dtype(getattr(kind, "dtype", kind)), getattr(kind, "ndim", 0)) for kind in kinds)
