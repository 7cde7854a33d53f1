"""The main loop: advance, measure, record, stop."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.document import Document
from gossipsim.engines.base import SIMPLE, Engine, Records, choose
from gossipsim.engines.events import COUNTED
from gossipsim.errors import Diverged, Interrupted, ScenarioError, nearest
from gossipsim.interrupts import noted
from gossipsim.metrics import Metric, OfMean, View
from gossipsim.scenario import Scenario
from gossipsim.schedule import Schedule
from gossipsim.trace import COUNTS, Trace
from gossipsim.world import World

Progress = Callable[[float | None, str], None]
"""Called now and then with the fraction done (None when unknown) and a short text."""

ENGINES = ("auto", "compiled", "processes")
_EVENTS_AT_FIRST, _SECONDS_AT_ONCE = 1 << 16, 0.05
"""How much of a run is done before progress is told and Ctrl-C heard: so many events at first, later about so long."""
_SECONDS_BETWEEN_WORDS = 0.1
_LIBRARIES = ("gossipsim", "numpy", "scipy", "networkx", "numba", "simpy", "pydantic")
_EASY_SPECTRUM = 2000


def simulate(
    scenario: Scenario | str | Path | Mapping[str, Any], *, engine: str = "auto", progress: Progress | None = None
) -> Trace:
    """Run one scenario.

    Parameters
    ----------
    scenario : Scenario, path or mapping
        What to run.
    engine : {"auto", "compiled", "processes"}
        "processes" is the SimPy definition of the world; "auto" takes the compiled engine unless it refuses.
    progress : callable, optional
        Called a few times per second with the fraction done, or None when that is not known, and a short text.

    Returns
    -------
    Trace

    Raises
    ------
    ScenarioError, Refused
        Bad input, or a combination that a method or engine declines.
    Interrupted
        Ctrl-C; its `trace` holds what was computed.

    Examples
    --------
    >>> import gossipsim as gs
    >>> trace = gs.simulate({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 100},
    ... })
    >>> trace.status, bool(trace.frame().error.iloc[-1] < 1e-2 * trace.frame().error.iloc[0])
    ('finished', True)
    """
    check_engine(engine)
    document = Document.load(scenario) if isinstance(scenario, str | Path) else None
    if document is not None:
        scenario = Scenario.from_document(document)
    elif not isinstance(scenario, Scenario):
        scenario = Scenario.parse(scenario)  # type: ignore[arg-type]
    began = time.perf_counter()
    say = progress or (lambda fraction, text: None)
    say(None, "building")
    try:
        world = World.build(scenario)
        _ = world.optimum  # what has none is bad input, told before anything is compiled
    except ScenarioError as fault:
        raise (document.locate(fault) if document is not None else fault) from None
    return simulate_world(world, engine, say, began)


def check_engine(name: str) -> None:
    """Refuse an engine that does not exist."""
    if name not in ENGINES:
        allowed = ", ".join(ENGINES)
        raise ScenarioError(f"unknown engine {name!r}", key=("engine",), allowed=allowed, hint=nearest(name, ENGINES))


def simulate_world(
    world: World,
    engine: str = "auto",
    say: Progress = lambda fraction, text: None,
    began: float | None = None,
) -> Trace:
    """Run a world that is built already, which began to be prepared at `began` (`time.perf_counter`)."""
    began = time.perf_counter() if began is None else began
    _ = world.optimum
    recorder = _Recorder(world)
    say(None, "compiling")
    with noted() as interrupted:
        runner = choose(engine, world)
        ready = time.perf_counter()
        status, extra = _loop(world, runner, recorder, say, interrupted)
    meta = _meta(world, runner, ready - began, time.perf_counter() - ready) | extra
    trace = recorder.trace(runner, status, meta)
    if status == "interrupted":
        raise Interrupted(trace)
    return trace


def _loop(
    world: World, engine: Engine, recorder: _Recorder, say: Progress, interrupted: list[bool]
) -> tuple[str, dict[str, Any]]:
    """Advance from record to record; return the status and what is to be remembered about it."""
    schedule = Schedule(world)
    axis = "until" if schedule.places_in_time else schedule.axis
    goal = world.scenario.run.error or -inf
    engine.wants = recorder.wants
    recorder.record(engine, 0.0)
    each = world.graph.n if world.method.talks == "round" else 1
    pause = _Pause(schedule, say, interrupted, max(1, _EVENTS_AT_FIRST // each))

    def over() -> bool:
        return engine.state.counts.reached(schedule.limits) or engine.exhausted or recorder.error <= goal

    try:
        for batch in schedule.batches():
            places = batch
            while len(places) and not over():
                portion = schedule.limits.before("events", engine.state.counts.events + pause.events)
                some = places if recorder.simple else places[:1]
                records = engine.record(axis, some, portion, world.target, goal)
                recorder.add(engine, records)
                places = places[len(records.time) :] if axis == "until" else _ahead(places, engine, axis)
                if not recorder.finite:
                    engine.check()
                    recorder.check(engine)
                if pause(engine):
                    recorder.record(engine, engine.state.now)
                    return "interrupted", {}
            if over():
                break
            if schedule.thin(len(recorder)):
                recorder.thin()
        while not over() and engine.state.now < schedule.limits.until:
            before = engine.state.counts.events
            engine.advance(schedule.limits.before("events", before + pause.events))
            if pause(engine):
                recorder.record(engine, engine.state.now)
                return "interrupted", {}
            if engine.state.counts.events == before:
                break
        at_end = engine.state.counts.reached(schedule.limits) or engine.exhausted or schedule.limits.until == inf
        if recorder.error > goal:
            recorder.record(engine, engine.state.now if at_end else schedule.limits.until)
        engine.check()
        recorder.check(engine)
    except Diverged as fault:
        if fault.records is not None:
            recorder.add(engine, fault.records)
        recorder.forget_after(fault.time)
        recorder.record(engine, fault.time)
        return "diverged", {"diverged": {"node": fault.node, "time": fault.time}}
    finally:
        pause.tell(engine)
    return ("reached", {"reached": {"error": goal}}) if recorder.error <= goal else ("finished", {})


def _ahead(places: NDArray[np.float64], engine: Engine, axis: str) -> NDArray[np.float64]:
    """Return the places that a count has not reached; one event may pass several."""
    return np.asarray(places[places > getattr(engine.state.counts, axis)])


class _Pause:
    """Between portions of a run, of so many `events`: tells the progress and hears an interrupt."""

    def __init__(self, schedule: Schedule, say: Progress, interrupted: list[bool], events: int) -> None:
        self.schedule, self.say, self.interrupted, self.events = schedule, say, interrupted, events
        self.began = self.last = time.monotonic()
        self.told, self.ran = 0.0, 0

    def __call__(self, engine: Engine) -> bool:
        """Return whether the user interrupted."""
        now, ran = time.monotonic(), engine.state.counts.events
        if ran - self.ran >= self.events and now - self.last < _SECONDS_AT_ONCE / 2.0:
            self.events *= 2
        self.last, self.ran = now, ran
        if now - self.told > _SECONDS_BETWEEN_WORDS:
            self.tell(engine)
        return self.interrupted[0]

    def tell(self, engine: Engine) -> None:
        """Tell how far the run is, and how fast."""
        self.told = time.monotonic()
        state, seconds = engine.state, max(self.told - self.began, 1e-3)
        text = f"t = {state.now:.4g}, {state.counts.events:,} events, {state.counts.events / seconds:.2g} events/s"
        self.say(self.schedule.fraction(state.now, state.counts), text)


class _Recorder:
    """Keeps the records: times, counts, and one value per metric."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = list(dict.fromkeys(world.scenario.record.metrics))
        if world.scenario.run.error is not None and "error" not in self.names:
            self.names.append("error")
        others = [Metric.registry[name] for name in self.names if name not in SIMPLE]
        self.simple = all(issubclass(metric, OfMean) for metric in others)
        self.wants = 2 + world.objective.dim if others else 1 + ("consensus" in self.names)
        self.parts: list[Records] = []
        self.error = inf
        self.number = 0

    def __len__(self) -> int:
        return self.number

    def record(self, engine: Engine, t: float) -> None:
        """Add one record of the present state; a second one at the same time and counts replaces the first."""
        counts = np.array([engine.state.counts.row()], dtype=np.int64)
        if self.parts and self.parts[-1].time[-1] == t and (self.parts[-1].counts[-1] == counts[0]).all():
            self.parts[-1] = self.parts[-1].part(slice(-1))
            self.number -= 1
        with np.errstate(all="ignore"):
            values = engine.measure(t, self.world.target)[1][: self.wants]
        self.add(engine, Records(np.array([t]), counts, values[None]))

    def add(self, engine: Engine, records: Records) -> None:
        """Add records; only one at a time, at the engine's present state, if a metric looks at more than errors and means."""
        if len(records.time) == 0:
            return
        columns = dict(zip(SIMPLE, records.values.T, strict=False))
        with np.errstate(all="ignore"):
            for name in self.names:
                if name not in SIMPLE:
                    columns[name] = self._others(engine, Metric.registry[name], records)  # type: ignore[arg-type]
        values = np.array([columns[name] for name in self.names]).reshape(len(self.names), -1).T
        self.parts.append(Records(records.time, records.counts, values))
        self.error = float(columns["error"][-1])
        self.number += len(records.time)

    def _others(self, engine: Engine, metric: type[Metric], records: Records) -> NDArray[np.float64]:
        if issubclass(metric, OfMean):
            return metric.of_means(self.world.objective, records.values[:, len(SIMPLE) :])
        points = engine.measure(float(records.time[-1]), self.world.target)[0]
        return np.array([metric.measure(View(points, self.world.target, self.world.objective))])

    @property
    def finite(self) -> bool:
        """Whether the newest record is finite."""
        return bool(np.isfinite(self.error) and np.isfinite(self.parts[-1].values[-1]).all())

    def check(self, engine: Engine) -> None:
        """Raise `Diverged` when the error is too large for a number although the state is not, at the newest record."""
        if not np.isfinite(self.error):
            t = float(self.parts[-1].time[-1])
            with np.errstate(all="ignore"):
                far = np.abs(engine.measure(t, self.world.target)[0] - self.world.target).max(axis=1)
            raise Diverged(int(far.argmax()), t)

    def forget_after(self, t: float) -> None:
        """Drop the records later than t."""
        whole = Records.join(self.parts)
        self.parts = [whole.part(slice(0, int(np.searchsorted(whole.time, t, side="right"))))]
        self.number = len(self.parts[0].time)

    def thin(self) -> None:
        """Keep the first record and every second one after it."""
        self.parts = [Records.join(self.parts).part(slice(None, None, 2))]
        self.number = len(self.parts[0].time)

    def trace(self, engine: Engine, status: str, meta: dict[str, Any]) -> Trace:
        """Return the result."""
        time, counts, values = Records.join(self.parts)
        columns: dict[str, NDArray[Any]] = {"time": time}
        columns |= {name: counts[:, COUNTED.index(name)].copy() for name in COUNTS[1:]}
        columns |= {name: values[:, k].copy() for k, name in enumerate(self.names)}
        nodes = engine.state.nodes
        # The engine's own memory: it is done with it, and a million nodes are not held twice.
        final = {name: np.asarray(nodes[name]) for name in self.world.method.node}
        final["at"] = np.array(nodes["at"])
        t = float(time[-1])
        if self.world.recorded is not None:
            # a replay is compared with states as they were left, each node's at its own last event
            nodes["at"] = t
        with np.errstate(all="ignore"):
            final["primal"] = engine.measure(t, self.world.target)[0]
        nodes["at"] = final["at"]
        return Trace(self.world.scenario, columns, final, status, meta)


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()}


def _meta(world: World, engine: Engine, preparing: float, running: float) -> dict[str, Any]:
    facts = world.facts
    counts = engine.state.counts
    found: dict[str, Any] = {
        "seed": world.seed,
        "engine": engine.name,
        "wall_time": {"preparing": preparing, "running": running},
        "events": counts.events,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": dict(_versions()),
        "nodes": facts.n,
        "edges": world.graph.m,
        "dim": facts.dim,
        "mu": facts.mu,
        "L": facts.L,
        "rates": {
            "name": world.scenario.rates.name,
            "total": facts.total_rate,
            "certificate": world.scenario.rates.certificate(world.graph) if world.changing is None else None,
        },
        "constants": world.constants,
        "warnings": world.warnings,
        "network": engine.network_report(),
    }
    optimum = world.optimum
    if optimum is not None:
        found["optimum"] = {"value": optimum.value, "residual": optimum.residual, "how": optimum.how}
    if facts.n <= _EASY_SPECTRUM:
        found["graph"] = {"lambda_2": facts.lambda_2, "chi_1": facts.chi_1, "chi_2": facts.chi_2}
        promise = world.promise
        found["promise"] = None if promise is None else asdict(promise)
    matrix = world.method.flow_matrix(facts)
    if matrix is not None:
        found["flow"] = matrix.tolist()
    return found
