"""A portion of each of several runs, over all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.base import Engine, Portion, Records
from gossipsim.engines.cache import compiled


class Together:
    """Portions that begin to run at once, all those on Poisson clocks in one table that machine code takes from on every core.

    Parameters
    ----------
    work : sequence of (Engine, Portion)
        No engine twice.
    pool : ThreadPoolExecutor
        Machine code runs without Python's lock.
    threads : int
        How many the pool has.
    """

    def __init__(self, work: Sequence[tuple[Engine, Portion]], pool: ThreadPoolExecutor, threads: int) -> None:
        self._engines = [engine for engine, _ in work]
        self._before = self._events()
        self._jobs = [engine.job(portion) for engine, portion in work]
        self._others = [
            pool.submit(_timed, _outcome, engine, portion)
            for (engine, portion), job in zip(work, self._jobs, strict=True)
            if job is None
        ]
        table = np.array([job.words for job in self._jobs if job is not None], dtype=np.int64)
        self._returned = np.zeros(len(table), dtype=np.int64)
        taken, calls = np.zeros(1, dtype=np.int64), min(threads, len(table))
        self._calls = [
            pool.submit(_timed, compiled("many").run_all, table, taken, self._returned) for _ in range(calls)
        ]

    def _events(self) -> NDArray[np.float64]:
        return np.array([engine.state.counts.events for engine in self._engines], dtype=np.float64)

    @property
    def running(self) -> list[Future[Any]]:
        """What has not ended yet."""
        return [future for future in [*self._calls, *self._others] if not future.done()]

    def outcomes(self) -> list[tuple[Records | Exception, float]]:
        """Wait; return what came of each portion, as if it had run alone, and its share of the threads' seconds.

        What came of it is the records, or the exception that ended it.
        """
        spent = sum(call.result()[1] for call in self._calls)
        answers, others = iter(self._returned.tolist()), iter(self._others)
        found = [next(others).result() if job is None else (job.finish(next(answers)), -1.0) for job in self._jobs]
        shared = np.array([seconds < 0.0 for _, seconds in found])
        weights = np.where(shared, self._events() - self._before + 1.0, 0.0)
        shares = (spent * weights / max(weights.sum(), 1.0)).tolist()
        return [(made, max(seconds, share)) for (made, seconds), share in zip(found, shares, strict=True)]


def _outcome(engine: Engine, portion: Portion) -> Records | Exception:
    try:
        return engine.outcome(portion)
    except Exception as fault:
        return fault


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return function(*arguments), time.perf_counter() - began
