"""Many seeds of one scenario at once, over all cores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from gossipsim.cores import cores
from gossipsim.course import SECONDS_BETWEEN_WORDS, Course, Progress
from gossipsim.engines.choice import check_engine
from gossipsim.engines.together import Together
from gossipsim.errors import Interrupted, ScenarioError
from gossipsim.interrupts import noted
from gossipsim.rows import layout
from gossipsim.scenario import Scenario
from gossipsim.trace import Trace
from gossipsim.world import Shared, World

_BYTES, _PER_THREAD = 1 << 28, 16
"""Memory of the replicas at work at the same time, and at most how many of them for every thread."""
_TEAMS = 4
"""Replicas at work are in so many teams, so that Python prepares the next portions of one while machine code runs another."""


def simulate_seeds(
    scenario: Scenario | str | Path | Mapping[str, Any],
    seeds: int | Iterable[int],
    *,
    engine: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Trace]:
    """Run one scenario with several seeds, on all cores.

    Portions of several replicas stand in one table, from which machine code on every core takes the next; what cannot run like
    this (rounds, tokens, messages that take time) runs in a thread for each replica. A replica's bytes are those of the same
    seed run alone. Replicas share graph, spectra and machine code, and with `data_seed` also the problem and its optimum.

    Parameters
    ----------
    scenario : Scenario, path or mapping
        What to run.
    seeds : int or iterable of int
        The seeds; a number k means 0, ..., k - 1.
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    workers : int, optional
        Threads (default: the cores at hand).
    progress : callable, optional
        Called a few times per second with the fraction done and a short text.

    Returns
    -------
    list of Trace
        In the order of the seeds. The time that a trace says it ran is its share of what the threads spent.

    Raises
    ------
    ScenarioError
        No seed, or one that is not a whole number from 0 to 2**63 - 1.
    Interrupted
        Ctrl-C; its `trace` is the list of what was computed, cut short for the seeds at work.

    Examples
    --------
    >>> import gossipsim as gs
    >>> traces = gs.simulate_seeds({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 3},
    ...     "method": "gossip",
    ...     "run": {"time": 5},
    ... }, seeds=3)
    >>> [trace.scenario.seed for trace in traces]
    [0, 1, 2]
    """
    if isinstance(scenario, str | Path):
        scenario = Scenario.load(scenario)
    elif not isinstance(scenario, Scenario):
        scenario = Scenario.parse(scenario)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers:
        raise ScenarioError("no seeds", key=("seeds",), allowed="at least one")
    replicas = [scenario.replace({"seed": seed}) for seed in numbers]
    check_engine(engine)
    threads = workers or cores()
    first = World.build(replicas[0])
    shared, room = first.shared, min(_room(first, threads), len(replicas))
    size = max(1, room // _TEAMS)
    waiting = [replicas[k : k + size] for k in range(0, len(replicas), size)]
    built = [first]
    del first  # its rows may be large: they go with its team
    teams: list[_Team] = []
    words = _Words(len(replicas), progress)
    with noted() as interrupted, ThreadPoolExecutor(threads) as pool:
        at_work: list[_Team] = []
        while at_work or (len(teams) < len(waiting) and not interrupted[0]):
            while len(teams) < len(waiting) and len(at_work) * size < room and not interrupted[0]:
                teams.append(_Team(waiting[len(teams)], shared, built, engine, interrupted))
                at_work += [teams[-1]] * teams[-1].start(pool, threads)
            while at_work and all(team.running for team in at_work):
                wait([future for team in at_work for future in team.running], return_when=FIRST_COMPLETED)
            for team in [team for team in at_work if not team.running]:
                team.finish()
                if not team.start(pool, threads):
                    at_work.remove(team)
            words([fraction for one in teams for fraction in one.fractions])
    traces = [trace for team in teams for trace in team.traces]
    if interrupted[0]:
        raise Interrupted(traces)
    return traces


def _room(world: World, threads: int) -> int:
    """Return how many replicas may be at work at the same time."""
    rows = layout(world.method.fields(), world.objective.dim).itemsize * world.graph.n
    each = rows + (0 if world.shared.objective is not None else world.gradients.rows.nbytes)
    return max(threads, min(_PER_THREAD * threads, _BYTES // each))


class _Words:
    """Tells how far all replicas together are."""

    def __init__(self, replicas: int, progress: Progress | None) -> None:
        self.replicas, self.progress, self.told = replicas, progress, -inf

    def __call__(self, fractions: Sequence[float]) -> None:
        over = sum(fraction >= 1.0 for fraction in fractions)
        if self.progress is None or (time.monotonic() < self.told + SECONDS_BETWEEN_WORDS and over < self.replicas):
            return
        self.told = time.monotonic()
        self.progress(sum(fractions) / self.replicas, f"{over} of {self.replicas} seeds")


class _Team:
    """A few replicas that run side by side, portion by portion; `built` holds the world of the first if there is one."""

    def __init__(
        self, replicas: Sequence[Scenario], shared: Shared, built: list[World], engine: str, interrupted: list[bool]
    ) -> None:
        self.fractions = [0.0] * len(replicas)
        self.traces: list[Trace] = []
        self._courses, self._seconds = [], np.zeros((len(replicas), 2))
        for k, replica in enumerate(replicas):
            began = time.perf_counter()
            world = built.pop() if built else World.build(replica, shared)
            _ = world.optimum

            def note(fraction: float | None, text: str, k: int = k) -> None:
                self.fractions[k] = fraction or 0.0

            self._courses.append(Course(world, engine, note, interrupted))
            self._seconds[k, 0] = time.perf_counter() - began

    @property
    def running(self) -> list[Future[Any]]:
        """What of the portions has not ended yet."""
        return self._work.running

    def start(self, pool: ThreadPoolExecutor, threads: int) -> bool:
        """Begin the next portions, if any replica still has one; else make the traces."""
        self._live = [k for k, course in enumerate(self._courses) if course.portion is not None]
        if not self._live:
            self.traces = [
                course.trace(*spent) for course, spent in zip(self._courses, self._seconds.tolist(), strict=True)
            ]
            self._courses = []
            return False
        courses = [self._courses[k] for k in self._live]
        work = [(course.engine, course.portion) for course in courses if course.portion is not None]
        self._work = Together(work, pool, threads)
        return True

    def finish(self) -> None:
        """Wait for the portions, and let every replica take what came of its own."""
        for k, (outcome, spent) in zip(self._live, self._work.outcomes(), strict=True):
            began = time.perf_counter()
            self._courses[k].take(outcome)
            self._seconds[k, 1] += spent + time.perf_counter() - began
            if self._courses[k].portion is None:
                self.fractions[k] = 1.0
