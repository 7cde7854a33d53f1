"""Compiled code that serves every method: the event sampler and the walk over a block of events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int32, int64, njit, uint64

from gossipsim.engines.pointers import call_exchange, call_gradient, call_measure, prefetch
from gossipsim.stream import philox, unit

_philox = njit(philox, inline="always")  # inlined into the loop it vectorises: five times faster
_unit = njit(unit, inline="always")
_LOW, _SHIFT, _ZERO = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0)
_FURTHEST = 16384  # bytes of one node's samples worth asking for
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(
    "f8(u8, u8, f8, f8, i8, f8, i4[:,::1], f8[::1], i4[::1], f8[::1], f8[::1], i4[::1], i4[::1], i4[::1])", **_OPTIONS
)
def sample(  # type: ignore[no-untyped-def]
    seed, first, clock, node_total, n, edge_total, ends, accept, alias, v, t, i, j, edge
):
    """Fill a block with events number `first`, `first + 1`, ... of the superposed Poisson clocks; return the last time.

    Event k is a function of (seed, k): its gap -log(u) / R, and the clock that rang from a second uniform v. Node clocks
    all have rate `node_total / n`; edges are chosen by an alias table (`accept`, `alias`; empty when rates are equal).
    One pass per step, so that the compiler can vectorise the generator.
    """
    total = node_total + edge_total
    key_low, key_high = seed & _LOW, seed >> _SHIFT
    count, m = uint64(t.size), ends.shape[0]
    for k in range(count):
        index = first + k
        a, b, c, d = _philox(index & _LOW, index >> _SHIFT, _ZERO, _ZERO, key_low, key_high)
        t[k] = _unit(a, b)
        v[k] = _unit(c, d)
    for k in range(count):
        t[k] = -math.log(t[k]) / total
    for k in range(count):
        clock += t[k]
        t[k] = clock
    per_node = n / node_total if node_total > 0.0 else 0.0
    per_edge = m / edge_total if edge_total > 0.0 else 0.0
    last_node, last_edge = int32(n - 1), int32(m - 1)
    for k in range(count):
        place = v[k] * total
        gradient = place < node_total
        share = max(place - node_total, 0.0) * per_edge
        node, e = min(int32(place * per_node), last_node), min(int32(share), last_edge)
        if accept.size > 0 and not gradient and share - e >= accept[uint64(e)]:
            e = alias[uint64(e)]
        slot = uint64(max(e, 0))
        i[k] = node if gradient or m == 0 else ends[slot, 0]
        j[k] = -1 if gradient or m == 0 else ends[slot, 1]
        edge[k] = -1 if gradient or m == 0 else e
    return clock


@njit(inline="always")
def _ask_for(k, memory, first_sample, i, j):  # type: ignore[no-untyped-def]
    """Prefetch the rows that event k will touch."""
    nodes, row, samples, sample = memory[1], memory[2], memory[3], memory[4]
    one = nodes + int64(i[k]) * row
    for line in range(0, row + 63, 64):
        prefetch(one + line)
    if j[k] >= 0:
        other = nodes + int64(j[k]) * row
        for line in range(0, row + 63, 64):
            prefetch(other + line)
    else:
        begin, end = first_sample[uint64(i[k])], first_sample[uint64(i[k]) + uint64(1)]
        for line in range(begin * sample, min(end * sample, begin * sample + _FURTHEST) + 63, 64):
            prefetch(samples + line)


@njit("void(i8, i8, f8, f8[:,::1], f8[::1], f8[::1])", **_OPTIONS)
def measure(on_measure, context, t, X, target, values):  # type: ignore[no-untyped-def]
    """Fill X `(n, d)` with every node's primal point at time t; set `values` to the error and the consensus distance."""
    call_measure(on_measure, context, X.shape[0], t, X.ctypes.data, target.ctypes.data, values.ctypes.data, 0)


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8[::1], f8[::1], i4[::1], i4[::1], i4[::1],"
    " i8[::1], f8[::1], f8, f8[:,::1], f8[::1], f8[:,::1], i8[:,::1])",
    **_OPTIONS,
)
def walk(  # type: ignore[no-untyped-def]
    on_gradient,
    on_exchange,
    on_measure,
    context,
    memory,
    first_sample,
    t,
    i,
    j,
    edge,
    marks,
    times,
    goal,
    X,
    target,
    values,
    counts,
):
    """Run a block of events in order, measuring before the events number `marks` at the times `times`.

    Row r of `values` takes error and consensus, row r of `counts` the events, gradients, exchanges and messages until mark r; the
    last row of `counts` is for the end. Stops at a mark whose error is at most `goal`. Returns the number of marks passed.

    `memory` holds how many events ahead to ask for rows (0: they fit in the cache anyway), then address and size of the
    nodes' rows and of the samples' rows, and whether marks need the error only.
    """
    ahead = memory[0]
    gradients, exchanges, messages, at = 0, 0, 0, 0
    X_at, target_at = X.ctypes.data, target.ctypes.data
    for r in range(uint64(marks.size + 1)):
        stop = marks[r] if r < marks.size else t.size
        for k in range(uint64(at), uint64(stop)):
            if ahead > 0 and k + uint64(ahead) < uint64(t.size):
                _ask_for(k + uint64(ahead), memory, first_sample, i, j)
            if j[k] < 0:
                gradients += call_gradient(on_gradient, context, i[k], t[k])
            else:
                exchanges += 1
                messages += call_exchange(on_exchange, context, edge[k], i[k], j[k], t[k])
        at = stop
        counts[r, 0], counts[r, 1], counts[r, 2], counts[r, 3] = at, gradients, exchanges, messages
        if r < marks.size:
            call_measure(on_measure, context, X.shape[0], times[r], X_at, target_at, values[r].ctypes.data, memory[5])
            if values[r, 0] <= goal:
                return r + 1
    return marks.size
