"""Which node of a compiled run stops being finite first, and when, without a look at every event of every run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import nonfinite, whole_numbers
from gossipsim.engines.cache import compiled
from gossipsim.engines.events import Counts, Limits, Tape
from gossipsim.errors import Diverged

if TYPE_CHECKING:
    from gossipsim.engines.compiled import Compiled

_KEPT = 32_000_000
"""Bytes of a state up to which a copy is kept."""
_BETWEEN, _PER_NODE = 65536, 16
"""Events between two looks at the state, and how many more for every node."""


class _Place(NamedTuple):
    """A place in a run, and all that events change there unless it is too large to be kept."""

    counts: Counts
    now: float
    position: tuple[int, float]
    parts: list[NDArray[Any]] | None


class Watch:
    """Remembers where the state of an engine was last finite, and finds from there what spoilt it.

    Small states are remembered as a copy, large ones only by their place, to which the engine returns by running again from
    time 0. From there the events are repeated one at a time.

    Parameters
    ----------
    engine : Compiled
        At time 0.
    """

    def __init__(self, engine: Compiled) -> None:
        self.engine = engine
        self._remember()

    def look(self) -> None:
        """Look at the state if many events have happened since the last time; raise `Diverged` if it is not finite."""
        if self.engine.state.counts.events >= self._next:
            self.check()
            self._remember()

    def check(self) -> None:
        """Raise `Diverged` with the first node and time at which the state stopped being finite, if it did."""
        engine = self.engine
        if not len(nonfinite(engine.state.nodes)):
            return
        self._return()
        while True:
            bad = self._one_round() if engine.together else self._one_by_one()
            if bad >= 0:
                raise Diverged(bad, engine.state.now)

    def _remember(self) -> None:
        engine = self.engine
        engine.make_room()
        state, parts = engine.state, engine.binding.state
        kept = [part.copy() for part in parts] if sum(part.nbytes for part in parts) <= _KEPT else None
        self._finite = _Place(replace(state.counts), state.now, engine.tape.position, kept)
        n = len(state.nodes)
        each = n if engine.world.method.talks == "round" else 1
        self._next = state.counts.events + (_BETWEEN + _PER_NODE * n) // each + 1

    def _return(self) -> None:
        """Bring the engine back to where its state was finite."""
        engine, past = self.engine, self._finite
        if past.parts is None:
            engine.binding.begin_again()
            self._take_up(Counts(), 0.0, (0, 0.0))
            while engine.state.counts.events < past.counts.events:
                engine.run(engine.tape.take(Limits(events=past.counts.events), engine.state.counts))
            return
        for copy, part in zip(past.parts, engine.binding.state, strict=True):
            part[: len(copy)] = copy  # there may be more room for messages by now
        self._take_up(replace(past.counts), past.now, past.position)

    def _take_up(self, counts: Counts, now: float, position: tuple[int, float]) -> None:
        engine = self.engine
        engine.state.counts, engine.state.now = counts, now
        engine.tape = Tape(engine.world.events(), *position)
        engine.binding.moment.forget()
        engine.make_room()

    def _one_round(self) -> int:
        """Run one round or hop; return the first node whose row is not finite then, or -1."""
        engine = self.engine
        engine.run(engine.tape.take(Limits(events=1), Counts()))
        bad = nonfinite(engine.state.nodes)
        return int(bad[0]) if len(bad) else -1

    def _one_by_one(self) -> int:
        """Run the events at hand until one spoils a node; return that node, or -1."""
        engine, code = self.engine, self.engine.handlers
        events, rows = engine.tape.take(Limits(), Counts()), engine.state.nodes
        engine.make_room()
        real = np.ones(rows.itemsize // 8, dtype=bool)
        real[list(whole_numbers(rows.dtype))] = False
        total = np.zeros(6, dtype=np.int64)
        bad = compiled("first_bad").walk_to_the_first_bad(
            engine.on_gradient, code.on_exchange.address, engine.on_other, engine.binding.address, engine.memory,
            engine.binding.tally, engine.binding.gradients.first, *events, rows.view(np.float64).reshape(len(rows), -1), real,
            engine.points, np.empty((1, 6), dtype=np.int64), total,
        )  # fmt: skip
        engine.arrive(events, int(total[0]), engine.counted(total[None])[0])
        return int(bad)
