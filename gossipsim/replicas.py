"""Many seeds of one scenario at once, over all cores."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from math import inf
from pathlib import Path
from typing import Any

from gossipsim.cores import cores
from gossipsim.course import SECONDS_BETWEEN_WORDS, Progress
from gossipsim.engines.choice import check_engine
from gossipsim.errors import Interrupted, ScenarioError
from gossipsim.interrupts import noted
from gossipsim.scenario import Scenario
from gossipsim.team import Member, Team
from gossipsim.trace import Trace

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
    waiting = deque([scenario.replace({"seed": seed}) for seed in numbers])
    check_engine(engine)
    threads = workers or cores()
    teams: list[Team] = []
    words = _Words(len(numbers), progress)
    with noted() as interrupted, ThreadPoolExecutor(threads) as pool:
        at_work: list[Team] = []
        while at_work or (waiting and not interrupted[0]):
            while waiting and not interrupted[0] and (not teams or _at_work(at_work) < teams[-1].room):
                teams.append(Team(engine, pool, threads, interrupted, teams[-1].shared if teams else None))
                while waiting and len(teams[-1].members) < max(1, min(teams[-1].room, len(numbers)) // _TEAMS):
                    _raise(teams[-1].add(waiting.popleft()))
                at_work += [teams[-1]] * teams[-1].start()
            while at_work and all(team.running for team in at_work):
                wait([future for team in at_work for future in team.running], return_when=FIRST_COMPLETED)
            for team in [team for team in at_work if not team.running]:
                team.finish()
                for member in team.members:
                    _raise(member)
                if not team.start():
                    at_work.remove(team)
            words([member.fraction for team in teams for member in team.members])
    traces = [member.result for team in teams for member in team.members if isinstance(member.result, Trace)]
    if interrupted[0]:
        raise Interrupted(traces)
    return traces


def _at_work(teams: Sequence[Team]) -> int:
    """Return how many replicas these teams have, those that have ended included."""
    return sum(len(team.members) for team in teams)


def _raise(member: Member) -> None:
    if isinstance(member.result, Exception):
        raise member.result


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
