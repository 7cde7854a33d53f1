"""Where batches of runs are computed: in this process, in others on this machine, or on a cluster of Dask."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from importlib import import_module
from typing import Any, Protocol

from gossipsim.errors import GossipsimError, ScenarioError, shown
from gossipsim.interrupts import put_off
from gossipsim.store import Outcome
from gossipsim.sweep_content import sources_digest
from gossipsim.sweep_plan import Run

KEPT_SECONDS = 60.0
"""How long processes wait for another sweep; it takes one more than a second to begin."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


Work = Callable[[Sequence[Run]], list[tuple[Outcome | None, float]]]


class Pool(Protocol):
    """Workers that compute batches of runs."""

    size: int

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch; return its future."""

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Wait a moment for the first of these futures; return those that are done."""

    def close(self) -> None:
        """Wait no longer for what is being computed."""


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


class _Crew:
    """Processes that loky begins together, and gives up together when one of them dies."""

    def __init__(self, size: int) -> None:
        from multiprocessing import resource_tracker

        from joblib.externals.loky import ProcessPoolExecutor

        # It lets SIGINT through when it begins, and would do so while workers begin, which are to inherit that it is held.
        resource_tracker.ensure_running()
        self.size, self.surroundings = size, _surroundings()
        self.flying: set[Any] = set()
        self._pool: Any = ProcessPoolExecutor(
            size, initializer=_begin_worker, initargs=(os.getpid(),), env=dict.fromkeys(_THREADS, "1")
        )

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch, and wait until it is on its way: loky fails aloud when it is closed before that."""
        with put_off():
            future = self._pool.submit(work, runs)
            self.flying.add(future)
            deadline = time.monotonic() + 10.0
            while not (future.running() or future.done()) and time.monotonic() < deadline:
                time.sleep(0.0005)
        return future

    def end(self) -> None:
        """Kill the workers: they own nothing, and would take a third of a second to end by themselves."""
        self._pool.shutdown(wait=True, kill_workers=True)


def _surroundings() -> tuple[Any, ...]:
    """Return what a process is given when it begins."""
    return os.getcwd(), dict(os.environ), list(sys.path)


class _Idle:
    """Crews between sweeps; those that nobody wants for a while end."""

    def __init__(self) -> None:
        self._crews: list[_Crew] = []
        self._timer: threading.Timer | None = None
        if hasattr(os, "register_at_fork"):  # they belong to the process that began them
            os.register_at_fork(after_in_child=self._crews.clear)

    def take(self) -> list[_Crew]:
        """Return the crews that began in the surroundings of now; end the others."""
        found, surroundings = self._all(), _surroundings()
        for crew in found:
            if crew.surroundings != surroundings:
                crew.end()
        return [crew for crew in found if crew.surroundings == surroundings]

    def keep(self, crews: Sequence[_Crew]) -> None:
        """Keep crews for the next sweep."""
        self._crews += crews
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(KEPT_SECONDS, self.end)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """End them now."""
        for crew in self._all():
            crew.end()

    def _all(self) -> list[_Crew]:
        """Take all out, one by one: another thread may do so too."""
        found = []
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._crews.pop())
        return found


IDLE = _Idle()


class Processes:
    """Processes of this machine, by loky; those of an earlier sweep go on if nothing that they were given has changed."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._crews = IDLE.take()

    def submit(self, work: Work, runs: Sequence[Run]) -> Any:
        """Begin a batch; begin the workers that are missing first."""
        while True:
            crew = next((crew for crew in self._crews if len(crew.flying) < crew.size), None)
            if crew is None:
                crew = _Crew(self.size - sum(crew.size for crew in self._crews))
                self._crews.append(crew)
            try:
                return crew.submit(work, runs)
            except BrokenExecutor:  # a worker has died before this batch came
                self._give_up(crew)

    def first(self, futures: Sequence[Any]) -> list[Any]:
        """Wait for a batch."""
        done = wait(futures, return_when=FIRST_COMPLETED).done
        for future in done:
            for crew in [crew for crew in self._crews if future in crew.flying]:
                crew.flying.remove(future)
                if isinstance(future.exception(), BrokenExecutor):
                    self._give_up(crew)
        return list(done)

    def _give_up(self, crew: _Crew) -> None:
        self._crews.remove(crew)
        crew.end()

    def close(self) -> None:
        """Keep the workers that have nothing to do for the next sweep, end the others."""
        IDLE.keep([crew for crew in self._crews if not crew.flying])
        for crew in self._crews:
            if crew.flying:
                crew.end()


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
            done = list(self._distributed.wait(futures, return_when="FIRST_COMPLETED").done)
        if self._client.status != "running":
            raise GossipsimError("the connection to the cluster was lost")
        return done

    def close(self) -> None:
        """Leave the cluster; end it when it is ours."""
        self._ends.close()
