"""Rounds, and hops of a token."""

from __future__ import annotations

import math

from numba import int64, njit, uint64

from gossipsim.engines.block import OPTIONS, count
from gossipsim.engines.pointers import call_event, call_measure, call_other


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8, f8[::1], i4[::1], i4[::1], i4[::1], i8, f8[::1], b1, f8[::1], f8, i8,"
    " f8[:,::1], f8[::1], f8[:,::1], f8[::1], i8[:,::1])",
    **OPTIONS,
)
def walk_together(  # type: ignore[no-untyped-def]
    on_event,
    on_other,
    on_measure,
    context,
    tally,
    first,
    t,
    i,
    j,
    edge,
    axis,
    places,
    to_the_end,
    limits,
    goal,
    simple,
    X,
    target,
    values,
    times,
    counts,
):
    """Run rounds, or hops of a token, number `first`, `first + 1`, ... at the times t, measuring at places on an axis.

    The axis is -1 for time, else a column of `counts`: events, gradients, exchanges, messages, bits, of this call. On the time
    axis a place is measured before the first event that is not earlier; `to_the_end` says that no event before the last place
    is left. On the others it is measured after the event that reaches it, once if that reaches several.

    Row r of `values`, `times` and `counts` belongs to the r-th record; the row after the last is for the end. Stops after a
    record whose error is at most `goal` or not finite, and where a count reaches its limit. Returns the number of records.
    """
    X_at, target_at = X.ctypes.data, target.ctypes.data
    for c in range(tally.size):
        tally[c] = 0
    r, done, place = 0, 0, 0
    for k in range(uint64(t.size + 1)):
        while axis < 0 and place < places.size and (places[place] <= t[k] if k < t.size else to_the_end):
            call_measure(on_measure, context, X.shape[0], places[place], X_at, target_at, values[r].ctypes.data, simple)
            count(counts, r, done, 0, 0, 0, 0, tally)
            times[r] = places[place]
            r, place = r + 1, place + 1
            if not goal < values[r - 1, 0] < math.inf:
                count(counts, r, done, 0, 0, 0, 0, tally)
                return r
        if k == t.size:
            break
        if j[k] >= -3:
            call_event(on_event, context, first + int64(k), t[k])
        else:
            call_other(on_other, context, edge[k], i[k], j[k], t[k])
        done += 1
        count(counts, r, done, 0, 0, 0, 0, tally)
        if axis >= 0 and place < places.size and counts[r, axis] >= places[place]:
            call_measure(on_measure, context, X.shape[0], t[k], X_at, target_at, values[r].ctypes.data, simple)
            times[r] = t[k]
            while place < places.size and counts[r, axis] >= places[place]:
                place += 1
            r += 1
            count(counts, r, done, 0, 0, 0, 0, tally)
            if not goal < values[r - 1, 0] < math.inf or place == places.size:
                return r
        if tally[0] >= limits[0] or tally[1] >= limits[1] or tally[3] >= limits[2]:
            return r
    count(counts, r, done, 0, 0, 0, 0, tally)
    return r
