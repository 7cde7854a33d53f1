"""The runs of a sweep, spread over workers so that all are busy and none repeats what another has compiled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from gossipsim.cores import cores
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.store import Outcome
from gossipsim.sweep_batch import run_batch
from gossipsim.sweep_plan import Run
from gossipsim.sweep_pools import Cluster, Here, Pool, Processes, Work

BACKENDS = ("loky", "serial", "dask")
SECONDS_AT_ONCE = 1.0
"""A worker is given as many runs at once as take about this long, so that little is lost when it is killed."""


def compute(
    runs: Sequence[Run],
    backend: str = "loky",
    *,
    jobs: int | None = None,
    address: str | None = None,
    engine: str = "auto",
    keep_final: bool = False,
) -> Iterator[tuple[Run, Outcome]]:
    """Yield every run with what came of it, as soon as it is known, in no particular order.

    Parameters
    ----------
    runs : sequence of Run
        What to compute; the runs of one setting stand together.
    backend : {"loky", "serial", "dask"}
        Processes of this machine, this process, or a cluster.
    jobs : int, optional
        Workers (default: the cores at hand; of a cluster, what it has).
    address : str, optional
        Scheduler of a Dask cluster, such as tcp://host:8786 (default: a cluster on this machine).
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    keep_final : bool
        Whether the final states are part of what came of a run.

    Raises
    ------
    ScenarioError
        Unknown backend, or a cluster that does not answer.
    KeyboardInterrupt
        Ctrl-C, also when a run noticed it.
    """
    check(backend, jobs)
    if not runs:
        return
    work = partial(run_batch, engine=engine, keep_final=keep_final)
    size = min(jobs or cores(), len(runs))
    pool: Pool
    if backend == "serial":
        pool = Here()
    else:
        pool = Processes(size) if backend == "loky" else Cluster(address, jobs if address else size)
    try:
        yield from _spread(runs, pool, work)
    finally:
        pool.close()


def check(backend: str, jobs: int | None) -> None:
    """Refuse a backend that does not exist, and less than one worker."""
    if backend not in BACKENDS:
        allowed, hint = ", ".join(BACKENDS), nearest(backend, BACKENDS)
        raise ScenarioError(f"unknown backend {shown(backend)}", key=("backend",), allowed=allowed, hint=hint)
    if jobs is not None and jobs < 1:
        raise ScenarioError(f"given {jobs}", key=("jobs",), allowed="at least 1")


def _spread(runs: Sequence[Run], pool: Pool, work: Work) -> Iterator[tuple[Run, Outcome]]:
    """Keep every worker busy, and have each piece of machine code compiled by one of them only."""
    queues: dict[str, deque[Run]] = {}
    for run in runs:
        queues.setdefault(_code(run), deque()).append(run)
    compiled: set[str] = set()
    flying: dict[Any, list[Run]] = {}
    seconds: dict[int, float] = {}
    suspects: deque[Run] = deque()
    ready: list[tuple[Run, Outcome]] = []
    while flying or suspects or any(queues.values()):
        if suspects and not flying:
            flying[pool.submit(work, [suspects[0]])] = [suspects[0]]
        while not suspects and len(flying) < pool.size and any(queues.values()):
            code = _next(queues, compiled, {_code(batch[0]) for batch in flying.values()})
            share = -(-len(queues[code]) // (2 * pool.size))
            batch = _batch(queues[code], seconds, share)
            flying[pool.submit(work, batch)] = batch
        yield from ready  # what is done with them, such as writing files, is done while the workers run
        ready = []
        for future in pool.first(list(flying)):
            batch = flying.pop(future)
            try:
                outcomes = future.result()
            except Exception as fault:
                if suspects and batch == [suspects[0]]:
                    ready.append((suspects.popleft(), _death(fault)))
                else:  # whoever killed the worker shows when each of them runs alone
                    suspects += batch
                continue
            if suspects and batch == [suspects[0]]:
                suspects.popleft()
            compiled.add(_code(batch[0]))
            for run, (outcome, spent) in zip(batch, outcomes, strict=True):
                if outcome is not None:
                    seconds[run.setting] = spent
                    ready.append((run, outcome))
            if any(outcome is None for outcome, _ in outcomes):
                yield from ready
                raise KeyboardInterrupt
    yield from ready


def _death(fault: Exception) -> Outcome:
    sentence = (
        f"its worker died ({type(fault).__name__}: {shown(str(fault), 200)}); too little memory is a usual reason"
    )
    return Outcome("failed", sentence, lasting=False)


def _batch(queue: deque[Run], seconds: dict[int, float], share: int) -> list[Run]:
    """Take runs of one setting that take about a second together; one while it is not known how long they take."""
    batch = [queue.popleft()]
    each = seconds.get(batch[0].setting)
    many = 1 if each is None else min(int(SECONDS_AT_ONCE / max(each, 1e-6)), share)
    while len(batch) < many and queue and queue[0].setting == batch[0].setting:
        batch.append(queue.popleft())
    return batch


def _next(queues: dict[str, deque[Run]], compiled: set[str], flying: set[str]) -> str:
    """Choose what to begin next: nothing that another worker is compiling, if there is anything else.

    Code that nobody has begun comes before code that is compiled, so that a long compilation is not the last thing to wait for.
    """
    waiting = [code for code, queue in queues.items() if queue]
    return min(waiting, key=lambda code: (code in flying - compiled, code in compiled, waiting.index(code)))


def _code(run: Run) -> str:
    """Return what the machine code of a run depends on, more or less."""
    scenario = run.scenario
    if scenario is None:
        return ""
    compressor = "" if scenario.compressor is None else scenario.compressor.name
    return f"{scenario.method.name} {scenario.problem.name} {compressor}"
