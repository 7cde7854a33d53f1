"""The main loop: advance, measure, record, stop."""

from __future__ import annotations

import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import Engine, choose
from gossipsim.engines.events import Counts, Limits
from gossipsim.errors import Diverged, Interrupted, ScenarioError, nearest
from gossipsim.flow import FlowForm, field_at, spectral_form
from gossipsim.metrics import Metric, View
from gossipsim.scenario import Scenario
from gossipsim.schedule import Schedule
from gossipsim.trace import COUNTS, Trace
from gossipsim.world import World

Progress = Callable[[float | None, str], None]
"""Called now and then with the fraction done (None when unknown) and a short text."""

ENGINES = ("auto", "compiled", "processes")
_EVENTS_AT_ONCE = 1 << 16
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
    if engine not in ENGINES:
        raise ScenarioError(f"unknown engine {engine!r}", key=("engine",), allowed=", ".join(ENGINES),
                            hint=nearest(engine, ENGINES))  # fmt: skip
    if isinstance(scenario, str | Path):
        scenario = Scenario.load(scenario)
    elif not isinstance(scenario, Scenario):
        scenario = Scenario.parse(scenario)
    began = time.perf_counter()
    say = progress or (lambda fraction, text: None)
    say(None, "building")
    world = World.build(scenario)
    recorder = _Recorder(world)
    say(None, "compiling")
    with _interrupts() as interrupted:
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
    tell = _Teller(say, schedule)
    goal = world.scenario.run.error
    recorder.record(engine, 0.0)
    try:
        for limits in schedule:
            stopped = _advance(engine, limits, tell, interrupted)
            counts = engine.state.counts
            over = stopped or counts.reached(schedule.limits) or engine.exhausted
            recorder.record(engine, engine.state.now if over or limits.until == inf else limits.until)
            if not recorder.finite:
                engine.check()
            if stopped:
                return "interrupted", {}
            if goal is not None and recorder.error <= goal:
                return "reached", {"reached": {"error": goal}}
            if over:
                break
            if schedule.thin(len(recorder.rows)):
                recorder.thin()
        engine.check()
    except Diverged as fault:
        recorder.record(engine, fault.time)
        return "diverged", {"diverged": {"node": fault.node, "time": fault.time}}
    finally:
        tell(engine, last=True)
    return "finished", {}


def _advance(engine: Engine, limits: Limits, tell: _Teller, interrupted: list[bool]) -> bool:
    """Advance in portions, between which progress is told; return whether the user interrupted."""
    while not interrupted[0]:
        before = engine.state.counts.events
        portion = replace(limits, events=min(limits.events, before + _EVENTS_AT_ONCE))
        engine.advance(portion)
        tell(engine)
        counts = engine.state.counts
        if counts.events < portion.events or counts.reached(limits):
            return interrupted[0]
    return True


class _Teller:
    """Tells progress at most ten times a second, however many records there are."""

    def __init__(self, say: Progress, schedule: Schedule) -> None:
        self.say, self.schedule = say, schedule
        self.began, self.told = time.monotonic(), 0.0

    def __call__(self, engine: Engine, last: bool = False) -> None:
        now, counts = time.monotonic(), engine.state.counts
        if not last and now - self.told < _SECONDS_BETWEEN_WORDS:
            return
        self.told = now
        speed = counts.events / max(now - self.began, 1e-3)
        text = f"t = {engine.state.now:.4g}, {counts.events:,} events, {speed:.2g} events/s"
        self.say(self.schedule.fraction(engine.state.now, counts), text)


@contextmanager
def _interrupts() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C into a flag, so that a run stops between events; the second one acts at once."""
    flag = [False]
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        flag[0] = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


class _Recorder:
    """Measures the state at record points and keeps the rows."""

    def __init__(self, world: World) -> None:
        self.world = world
        matrix = world.method.flow_matrix(world.facts)
        self.flow: FlowForm | None = None if matrix is None else spectral_form(matrix)
        names = list(dict.fromkeys(world.scenario.record.metrics))
        if world.scenario.run.error is not None and "error" not in names:
            names.append("error")
        self.metrics = {name: Metric.registry[name] for name in names}
        self.rows: list[tuple[float, Counts, list[float]]] = []

    def primal(self, engine: Engine, t: float) -> NDArray[np.float64]:
        """Return every node's estimate of the solution at time t."""
        method = self.world.method
        return field_at(self.flow, engine.state.nodes, method.vectors(), method.primal, t)

    def record(self, engine: Engine, t: float) -> None:
        """Add a row; a second record at the same count and time replaces the first."""
        with np.errstate(all="ignore"):
            view = View(self.primal(engine, t), self.world.target, self.world.objective)
            values = [metric.measure(view) for metric in self.metrics.values()]  # type: ignore[attr-defined]
        row = (t, replace(engine.state.counts), values)
        if self.rows and self.rows[-1][0] == t and self.rows[-1][1] == row[1]:
            self.rows.pop()
        self.rows.append(row)

    @property
    def finite(self) -> bool:
        """Whether the newest record is finite."""
        return bool(np.isfinite(self.rows[-1][2]).all())

    @property
    def error(self) -> float:
        """The newest error."""
        return self.rows[-1][2][list(self.metrics).index("error")]

    def thin(self) -> None:
        """Keep the first record and every second one after it."""
        self.rows = self.rows[::2]

    def trace(self, engine: Engine, status: str, meta: dict[str, Any]) -> Trace:
        """Return the result."""
        columns: dict[str, NDArray[Any]] = {"time": np.array([row[0] for row in self.rows])}
        for name in COUNTS[1:]:
            columns[name] = np.array([getattr(row[1], name) for row in self.rows], dtype=np.int64)
        for k, name in enumerate(self.metrics):
            columns[name] = np.array([row[2][k] for row in self.rows])
        nodes = engine.state.nodes
        final = {name: np.array(nodes[name]) for name in self.world.method.vectors()}
        final["at"] = np.array(nodes["at"])
        with np.errstate(all="ignore"):
            final["primal"] = self.primal(engine, float(columns["time"][-1]))
        return Trace(self.world.scenario, columns, final, status, meta)


def _meta(world: World, engine: Engine, preparing: float, running: float) -> dict[str, Any]:
    facts, objective = world.facts, world.objective
    counts = engine.state.counts
    found: dict[str, Any] = {
        "seed": world.seed,
        "engine": engine.name,
        "wall_time": {"preparing": preparing, "running": running},
        "events": counts.events,
        "versions": {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()},
        "nodes": facts.n,
        "edges": world.graph.m,
        "dim": facts.dim,
        "mu": facts.mu,
        "L": facts.L,
        "rates": {"name": world.scenario.rates.name, "total": facts.total_rate},
        "constants": world.constants,
    }
    if world.method.solves == "optimum" or "gap" in world.scenario.record.metrics:
        optimum = objective.optimum
        found["optimum"] = {"value": optimum.value, "residual": optimum.residual, "how": optimum.how}
    if facts.n <= _EASY_SPECTRUM:
        found["graph"] = {"lambda_2": facts.lambda_2, "chi_1": facts.chi_1, "chi_2": facts.chi_2}
        promise = world.promise
        found["promise"] = None if promise is None else asdict(promise)
    matrix = world.method.flow_matrix(facts)
    if matrix is not None:
        found["flow"] = matrix.tolist()
    return found
