"""Portions of many runs: every core takes the next one from a table until none is left."""

from __future__ import annotations

from numba import njit

from gossipsim.engines.block import OPTIONS
from gossipsim.engines.pointers import arguments_at, take
from gossipsim.engines.portion import run

_arguments = arguments_at(run.nopython_signatures[0].args)


@njit("void(i8[:,::1], i8[::1], i8[::1])", **OPTIONS)
def run_all(jobs, taken, returned):  # type: ignore[no-untyped-def]
    """Run the portions whose arguments stand in the rows of `jobs`, writing what `portion.run` returns.

    Several threads may call this at once with the same arrays: `taken` counts the rows that have been taken.
    """
    k = take(taken.ctypes.data)
    while k < jobs.shape[0]:
        returned[k] = run(*_arguments(jobs[k].ctypes.data))
        k = take(taken.ctypes.data)
