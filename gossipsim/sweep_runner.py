"""Where the runs of a sweep are computed: in this process, in others on this machine, or on a cluster of Dask."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from gossipsim.cores import cores
from gossipsim.errors import GossipsimError, ScenarioError, nearest, shown
from gossipsim.interrupts import put_off
from gossipsim.store import Outcome
from gossipsim.sweep_batch import run_batch
from gossipsim.sweep_content import sources_digest
from gossipsim.sweep_plan import Run

BACKENDS = ("loky", "serial", "dask")
SECONDS_AT_ONCE = 1.0
"""A worker is given as many runs at once as take about this long, so that little is lost when it is killed."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


Work = Callable[[Sequence[Run]], list[tuple[Outcome | None, float]]]


class Pool(Protocol):
    """Workers that compute batches of runs."""

    size: int

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch; return its future."""

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Wait a moment for the first of these futures; return those that are done."""

    def renew(self) -> bool:
        """Be ready again after a worker died; return whether all that was being computed is lost."""

    def close(self) -> None:
        """End the workers, without waiting for what they may be computing."""


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
                lost = [run for each in [batch, *(flying.values() if pool.renew() else ())] for run in each]
                flying = {} if len(lost) > len(batch) else flying
                if suspects and batch == [suspects[0]]:
                    ready.append((suspects.popleft(), _death(fault)))
                else:  # whoever killed the worker shows when each of them runs alone
                    suspects += lost
                break
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


class Here:
    """No worker: a batch is computed in this process, at once."""

    size = 1

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Compute a batch."""
        future: Any = Future()
        try:
            future.set_result(work(runs))
        except Exception as fault:
            future.set_exception(fault)
        return future

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Return all, which are done."""
        return list(futures)

    def renew(self) -> bool:
        """Nothing else was being computed."""
        return False

    def close(self) -> None:
        """Nothing runs on."""


def _begin_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end when it has ended, however it did."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Processes:
    """Processes of this machine, by loky."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._begin()

    def _begin(self) -> None:
        from multiprocessing import resource_tracker

        from joblib.externals.loky import ProcessPoolExecutor

        # It lets SIGINT through when it begins, and would do so while workers begin, which are to inherit that it is held.
        resource_tracker.ensure_running()
        self._pool: Any = ProcessPoolExecutor(
            self.size,
            initializer=_begin_worker,
            initargs=(os.getpid(),),
            env=dict.fromkeys(_THREADS, "1"),
        )

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch, and wait until it is on its way: loky fails aloud when it is closed before that."""
        with put_off():
            try:
                future = self._pool.submit(work, runs)
            except BrokenExecutor as fault:  # another batch has killed its worker since it was last looked at
                future = Future()
                future.set_exception(fault)
            deadline = time.monotonic() + 10.0
            while not (future.running() or future.done()) and time.monotonic() < deadline:
                time.sleep(0.0005)
        return future

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Wait for a batch."""
        return list(wait(futures, return_when=FIRST_COMPLETED).done)

    def renew(self) -> bool:
        """Begin again with fresh workers; all are lost when one of them dies."""
        self.close()
        self._begin()
        return True

    def close(self) -> None:
        """Kill the workers: they own nothing, and would take a third of a second to end by themselves."""
        self._pool.shutdown(wait=True, kill_workers=True)


class Cluster:
    """Workers of Dask: a cluster at an address, or one of processes on this machine."""

    def __init__(self, address: str | None, size: int | None) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ImportError:
            allowed = "pip install 'gossipsim[dask]'"
            raise ScenarioError("Dask is not installed", key=("backend",), allowed=allowed) from None
        self._distributed = distributed
        self._ends = contextlib.ExitStack()
        if address is None:
            cluster = distributed.LocalCluster(
                n_workers=size, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
            self._ends.callback(cluster.close)
            address = cluster.scheduler_address
        try:
            self._client: Any = distributed.Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as fault:
            self._ends.close()
            said = f"no scheduler answers at {shown(address)}: {str(fault).splitlines()[0] if str(fault) else 'time is up'}"
            raise ScenarioError(said, key=("address",), allowed="an address such as tcp://host:8786") from None
        self._ends.callback(self._client.close)
        threads = self._same_sources()
        self.size = min(threads, size or threads)

    def _same_sources(self) -> int:
        """Return how many threads the workers have together; refuse workers with another gossipsim."""
        self._client.wait_for_workers(1, timeout=30)
        for worker, digest in self._client.run(sources_digest, on_error="return").items():
            if digest != sources_digest():
                self._ends.close()
                said = f"the worker {worker} has another gossipsim, or none ({shown(digest)} instead of {sources_digest()!r})"
                raise ScenarioError(said, key=("address",), allowed="workers with the same sources installed")
        return sum(self._client.nthreads().values())

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch."""
        return self._client.submit(work, runs, pure=False)

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Wait for a batch."""
        with self._client.as_current():
            return list(self._distributed.wait(futures, return_when="FIRST_COMPLETED").done)

    def renew(self) -> bool:
        """Go on with the other workers; what they are computing is not lost."""
        if self._client.status != "running":
            raise GossipsimError("the connection to the cluster was lost")
        return False

    def close(self) -> None:
        """Leave the cluster; end it when it is ours."""
        self._ends.close()
