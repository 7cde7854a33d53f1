"""The course of a run: portion after portion, recorded, until something ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import Engine, Portion, Records
from gossipsim.engines.choice import choose
from gossipsim.engines.events import Limits
from gossipsim.errors import Diverged
from gossipsim.provenance import provenance
from gossipsim.recorder import Recorder
from gossipsim.schedule import Schedule
from gossipsim.trace import Trace
from gossipsim.world import World

Progress = Callable[[float | None, str], None]
"""Called now and then with the fraction done (None when unknown) and a short text."""

_EVENTS_AT_FIRST, _SECONDS_AT_ONCE = 1 << 16, 0.05
"""How much of a run is done before progress is told and Ctrl-C heard: so many events at first, later about so long."""
SECONDS_BETWEEN_WORDS = 0.1
_NO_PLACES = np.empty(0)


class Course:
    """A world on its way, with its engine; whoever drives it runs `portion` and hands in what came of it.

    Parameters
    ----------
    world : World
        What to run; its optimum is known.
    engine : str
        As for `simulate`.
    say : callable
        Told how far the run is.
    interrupted : list of bool
        Whether the user interrupted, looked at between portions.

    Attributes
    ----------
    portion : Portion or None
        What to run next; None at the end.
    """

    def __init__(self, world: World, engine: str, say: Progress, interrupted: list[bool]) -> None:
        self.world, self.say, self.interrupted = world, say, interrupted
        self.recorder = Recorder(world)
        say(None, "compiling")
        self.engine = choose(engine, world)
        self.status = "finished"
        self.more: dict[str, Any] = {}
        self._portions = self._run()
        self.portion: Portion | None = next(self._portions, None)

    def take(self, outcome: Records | Exception) -> None:
        """Take what came of the portion, and turn to the next one; raise what ended it, unless that was a divergence."""
        try:
            go_on = self._portions.throw if isinstance(outcome, Exception) else self._portions.send
            self.portion = go_on(outcome)  # type: ignore[arg-type]
        except StopIteration:
            self.portion = None

    def trace(self, preparing: float, running: float) -> Trace:
        """Return the result; the run took so many seconds to prepare and to run."""
        meta = provenance(self.world, self.engine, preparing, running) | self.more
        return self.recorder.trace(self.engine, self.status, meta)

    def _run(self) -> Generator[Portion, Records, None]:
        """Ask for portions up to the end, and set the status and what is to be remembered about it."""
        engine, recorder = self.engine, self.recorder
        schedule = Schedule(self.world)
        goal = self.world.scenario.run.error or -inf
        engine.wants = recorder.wants
        recorder.record(engine, 0.0)
        each = self.world.graph.n if self.world.method.talks == "round" else 1
        pause = _Pause(schedule, self.say, self.interrupted, max(1, _EVENTS_AT_FIRST // each))
        try:
            yield from self._records(schedule, pause, goal)
        except _Stopped:
            recorder.record(engine, engine.state.now)
            self.status = "interrupted"
        except Diverged as fault:
            if fault.records is not None:
                recorder.add(engine, fault.records)
            recorder.forget_after(fault.time)
            recorder.record(engine, fault.time)
            self.status, self.more = "diverged", {"diverged": {"node": fault.node, "time": fault.time}}
        else:
            if recorder.error <= goal:
                self.status, self.more = "reached", {"reached": {"error": goal}}
        finally:
            pause.tell(engine)

    def _records(self, schedule: Schedule, pause: _Pause, goal: float) -> Generator[Portion, Records, None]:
        """Ask for records at the places of the schedule, then for what is left to the end."""
        engine, recorder, target = self.engine, self.recorder, self.world.target
        axis = "until" if schedule.places_in_time else schedule.axis

        def over() -> bool:
            return engine.state.counts.reached(schedule.limits) or engine.exhausted or recorder.error <= goal

        def limits() -> Limits:
            return schedule.limits.before("events", engine.state.counts.events + pause.events)

        for batch in schedule.batches():
            places = batch
            while len(places) and not over():
                some = places if recorder.simple else places[:1]
                records = yield Portion(axis, some, limits(), target, goal)
                recorder.add(engine, records)
                places = places[len(records.time) :] if axis == "until" else _ahead(places, engine, axis)
                if not recorder.finite:
                    engine.check()
                    recorder.check(engine)
                pause(engine)
            if over():
                break
            if schedule.thin(len(recorder)):
                recorder.thin()
        while not over() and engine.state.now < schedule.limits.until:
            before = engine.state.counts.events
            yield Portion("until", _NO_PLACES, limits(), target, goal)
            pause(engine)
            if engine.state.counts.events == before:
                break
        at_end = engine.state.counts.reached(schedule.limits) or engine.exhausted or schedule.limits.until == inf
        if recorder.error > goal:
            recorder.record(engine, engine.state.now if at_end else schedule.limits.until)
        engine.check()
        recorder.check(engine)


def _ahead(places: NDArray[np.float64], engine: Engine, axis: str) -> NDArray[np.float64]:
    """Return the places that a count has not reached; one event may pass several."""
    return np.asarray(places[places > getattr(engine.state.counts, axis)])


class _Stopped(Exception):
    """The user interrupted."""


class _Pause:
    """Between portions of a run, of so many `events`: tells the progress and hears an interrupt."""

    def __init__(self, schedule: Schedule, say: Progress, interrupted: list[bool], events: int) -> None:
        self.schedule, self.say, self.interrupted, self.events = schedule, say, interrupted, events
        self.began = self.last = time.monotonic()
        self.told, self.ran = 0.0, 0

    def __call__(self, engine: Engine) -> None:
        """Raise `_Stopped` if the user interrupted."""
        now, ran = time.monotonic(), engine.state.counts.events
        if ran - self.ran >= self.events and now - self.last < _SECONDS_AT_ONCE / 2.0:
            self.events *= 2
        self.last, self.ran = now, ran
        if now - self.told > SECONDS_BETWEEN_WORDS:
            self.tell(engine)
        if self.interrupted[0]:
            raise _Stopped

    def tell(self, engine: Engine) -> None:
        """Tell how far the run is, and how fast."""
        self.told = time.monotonic()
        state, seconds = engine.state, max(self.told - self.began, 1e-3)
        text = f"t = {state.now:.4g}, {state.counts.events:,} events, {state.counts.events / seconds:.2g} events/s"
        self.say(self.schedule.fraction(state.now, state.counts), text)
