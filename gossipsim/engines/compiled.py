"""The compiled engine: one machine-code walk over blocks of events."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import ClassVar

import numpy as np

from gossipsim.engines.base import Engine, State, nonfinite
from gossipsim.engines.binding import Binding, compile_module
from gossipsim.engines.events import Counts, Events, Limits, Tape
from gossipsim.errors import Diverged
from gossipsim.world import World


class Compiled(Engine):
    """Runs blocks of events through two compiled handlers, a gradient and an exchange.

    To find the node and the time of a divergence without looking at every event, it keeps a copy of the state from some
    events ago and, when a check fails, repeats the events since then one at a time.
    """

    name: ClassVar[str] = "compiled"

    @staticmethod
    def refuses(world: World) -> str | None:
        """Refuse when Numba's compiler is switched off."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
            return "the compiled engine needs Numba's compiler, and NUMBA_DISABLE_JIT switches it off"
        return None

    def __init__(self, world: World) -> None:
        self.world = world
        self.binding = Binding(world)
        self.handlers = compile_module("handlers", world, self.binding.lowered.source())
        self.state = State(self.binding.nodes, self.binding.links, Counts())
        self.tape = Tape(world.events())
        self._remember()

    def _remember(self) -> None:
        state = self.state
        self._past = (state.nodes.copy(), state.links.copy(), replace(state.counts), state.now, self.tape.position)
        self._memory_ends = state.counts.events + 65536 + 16 * len(state.nodes)

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        return self.tape.exhausted

    def advance(self, limits: Limits) -> None:
        """Run blocks of events up to the limits."""
        while not self.state.counts.reached(limits):
            events = self.tape.take(limits, self.state.counts)
            if len(events.t) == 0:
                return
            self._run(events)
            if self.state.counts.events >= self._memory_ends:
                self.check()
                self._remember()

    def _run(self, events: Events) -> None:
        from gossipsim.engines.driver import walk

        done = np.zeros(2, dtype=np.int64)
        handlers = self.handlers
        walk(handlers.on_gradient.address, handlers.on_exchange.address, self.binding.address, *events, done)
        gradients, messages = (int(k) for k in done)
        state = self.state
        state.counts.add(
            events=len(events.t),
            gradients=gradients,
            activations=int(np.count_nonzero(events.j >= 0)),
            messages=messages,
            bits=messages * self.world.message_bits,
        )
        state.now = float(events.t[-1])

    def check(self) -> None:
        """Raise `Diverged` with the first node and time at which the state stopped being finite."""
        state = self.state
        if not len(nonfinite(state.nodes)):
            return
        nodes, links, state.counts, state.now, position = self._past
        state.nodes[:], state.links[:] = nodes, links
        self.tape = Tape(self.world.events(), *position)
        while True:
            event = self.tape.take(Limits(events=1), Counts())
            self._run(event)
            for node in (int(event.i[0]), int(event.j[0])):
                if node >= 0 and len(nonfinite(state.nodes[node : node + 1])):
                    raise Diverged(node, float(event.t[0]))
