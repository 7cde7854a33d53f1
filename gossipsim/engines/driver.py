"""Compiled code that serves every method: the event sampler and the walk over a block of events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int32, int64, njit, uint64

from gossipsim.engines.draws import LOW, SHIFT, ZERO, philox, unit
from gossipsim.engines.pointers import call_event, call_exchange, call_gradient, call_measure, call_other, prefetch

_FURTHEST = 16384  # bytes of one node's samples worth asking for
_NO_LIMIT = 1 << 62
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
    key_low, key_high = seed & LOW, seed >> SHIFT
    count, m = uint64(t.size), ends.shape[0]
    for k in range(count):
        index = first + k
        a, b, c, d = philox(index & LOW, index >> SHIFT, ZERO, ZERO, key_low, key_high)
        t[k] = unit(a, b)
        v[k] = unit(c, d)
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


@njit("void(u8, u8, u8[::1], u8[::1], f8[::1], f8[::1])", **_OPTIONS)
def uniforms(seed, purpose, owners, index, u, v):  # type: ignore[no-untyped-def]
    """Fill u and v `(k,)` with the uniforms of `stream.uniforms_of`."""
    key_low, key_high = seed & LOW, seed >> SHIFT
    for k in range(uint64(index.size)):
        number = index[k]
        a, b, c, d = philox(number & LOW, number >> SHIFT, owners[k], purpose, key_low, key_high)
        u[k] = unit(a, b)
        v[k] = unit(c, d)


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
    elif j[k] == -1:
        begin, end = first_sample[uint64(i[k])], first_sample[uint64(i[k]) + uint64(1)]
        for line in range(begin * sample, min(end * sample, begin * sample + _FURTHEST) + 63, 64):
            prefetch(samples + line)


@njit(inline="always")
def _count(row, events, gradients, exchanges, messages, bits, tally):  # type: ignore[no-untyped-def]
    row[0], row[1], row[2] = events, gradients + tally[0], exchanges + tally[1]
    row[3], row[4], row[5] = messages + tally[2], bits + tally[3], tally[4]


@njit("void(i8, i8, f8, f8[:,::1], f8[::1], f8[::1])", **_OPTIONS)
def measure(on_measure, context, t, X, target, values):  # type: ignore[no-untyped-def]
    """Fill X `(n, d)` with every node's primal point at time t, and `values` `(2 + d,)`: error, consensus distance, mean."""
    call_measure(on_measure, context, X.shape[0], t, X.ctypes.data, target.ctypes.data, values.ctypes.data, 0)


@njit(
    "i8(i8, i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], f8[::1], i4[::1], i4[::1], i4[::1],"
    " i8[::1], f8[::1], f8, f8[:,::1], f8[::1], f8[:,::1], i8[:,::1])",
    **_OPTIONS,
)
def walk(  # type: ignore[no-untyped-def]
    on_gradient,
    on_exchange,
    on_other,
    on_measure,
    context,
    memory,
    tally,
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

    Row r of `values` takes error, consensus distance and mean point, or the error if it has no more room; row r of `counts` the
    events, gradients, exchanges, messages and bits until mark r; the row after the last mark passed is for the end. Stops at a
    mark whose error is at most `goal` or not finite, or when the bits reach their limit. Returns the number of marks passed.

    `memory` holds how many events ahead to ask for rows (0: they fit in the cache anyway), then address and size of the
    nodes' rows and of the samples' rows, whether marks need the error only, bits of a message and limit of bits. `tally` counts
    what else happens: gradients, activations, messages, bits, lost messages.
    """
    ahead, size, room = memory[0], memory[6], memory[7]
    gradients, exchanges, messages, at = 0, 0, 0, 0
    tally[:] = 0
    X_at, target_at = X.ctypes.data, target.ctypes.data
    for r in range(uint64(marks.size + 1)):
        stop = marks[r] if r < marks.size else t.size
        for k in range(uint64(at), uint64(stop)):
            if ahead > 0 and k + uint64(ahead) < uint64(t.size):
                _ask_for(k + uint64(ahead), memory, first_sample, i, j)
            if j[k] == -1:
                gradients += call_gradient(on_gradient, context, i[k], t[k])
            elif j[k] < 0:
                call_other(on_other, context, edge[k], i[k], j[k], t[k])
            else:
                exchanges += 1
                messages += call_exchange(on_exchange, context, edge[k], i[k], j[k], t[k])
                if room < _NO_LIMIT and messages * size + tally[3] >= room:
                    _count(counts[r], k + 1, gradients, exchanges, messages, messages * size, tally)
                    return r
        at = stop
        _count(counts[r], at, gradients, exchanges, messages, messages * size, tally)
        if r < marks.size:
            call_measure(on_measure, context, X.shape[0], times[r], X_at, target_at, values[r].ctypes.data, memory[5])
            if not goal < values[r, 0] < math.inf:
                return r + 1
    return marks.size


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], f8[::1], i4[::1], i4[::1], i4[::1], f8[:,::1], b1[::1], f8[:,::1],"
    " i8[:,::1], i8[::1])",
    **_OPTIONS,
)
def walk_to_the_first_bad(  # type: ignore[no-untyped-def]
    on_gradient, on_exchange, on_other, context, memory, tally, first_sample, t, i, j, edge, words, real, X, row, total
):
    """Run events one by one until a row that one of them touched is no longer finite; return that node, or -1.

    `words` are the rows of all nodes as 8-byte numbers, `real` says which of them are not whole numbers; `total` counts events,
    gradients, exchanges, messages, bits and lost messages.
    """
    nothing, never = np.empty(0, dtype=np.int64), np.empty(0)
    for k in range(t.size):
        at = slice(k, k + 1)
        walk(
            on_gradient, on_exchange, on_other, 0, context, memory, tally, first_sample, t[at], i[at], j[at], edge[at], nothing,
            never, -math.inf, X, never, X, row,
        )  # fmt: skip
        total += row[0]
        for node in (i[k], j[k]):
            if 0 <= node < words.shape[0]:
                for w in range(real.size):
                    if real[w] and not math.isfinite(words[node, w]):
                        return int64(node)
    return -1


@njit(inline="always")
def _within(limits, numbers, t, j, place):  # type: ignore[no-untyped-def]
    """Return where the events of a block from `place` on reach a limit, and whether that is the one of time."""
    stop = t.size
    if t[stop - 1] >= limits[0]:
        stop = max(place, np.searchsorted(t, limits[0]))
    last = stop
    if limits[1] - numbers[2] < stop - place:
        stop = place + int64(limits[1] - numbers[2])
    for which in range(2, 4):
        if limits[which] < math.inf:
            left = limits[which] - numbers[which + 1]
            for k in range(place, stop):
                left -= (j[k] == -1) if which == 2 else (j[k] >= 0)
                if left <= 0.0:
                    stop = k + 1
                    break
    return stop, stop == last < t.size


@njit(inline="always")
def _marks(axis, places, numbers, t, j, to_the_end, marks, times):  # type: ignore[no-untyped-def]
    """Fill in before which of these events, and when, to measure at the places that lie among them; return how many do."""
    found = 0
    if axis == 0:
        while found < places.size and (to_the_end or (t.size > 0 and places[found] <= t[t.size - 1])):
            marks[found], times[found] = np.searchsorted(t, places[found]), places[found]
            found += 1
    elif axis == 1:
        while found < places.size and places[found] - numbers[2] <= t.size:
            marks[found] = int64(places[found]) - numbers[2]
            times[found] = t[marks[found] - 1]
            found += 1
    else:
        reached = numbers[axis + 1]
        for k in range(t.size):
            reached += (j[k] == -1) if axis == 2 else (j[k] >= 0)
            if found < places.size and places[found] <= reached:
                marks[found], times[found] = k + 1, t[k]
                found += 1
    return found


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], u8, f8, i8, f8, i4[:,::1], f8[::1], i4[::1], f8[::1],"
    " f8[::1], i4[::1], i4[::1], i4[::1], i8[::1], f8[::1], i8, f8[::1], f8[::1], f8, f8[:,::1], f8[::1], f8[:,::1],"
    " f8[::1], i8[:,::1])",
    **_OPTIONS,
)
def run(  # type: ignore[no-untyped-def]
    on_gradient,
    on_exchange,
    on_measure,
    context,
    memory,
    tally,
    first_sample,
    seed,
    node_total,
    n,
    edge_total,
    ends,
    accept,
    alias,
    v,
    t,
    i,
    j,
    edge,
    numbers,
    clock,
    axis,
    places,
    limits,
    goal,
    X,
    target,
    values,
    times,
    counts,
):
    """Draw events of superposed Poisson clocks and run them, block after block, to a limit or the last place.

    The axis is 0 for time, 1 for events, 2 for gradients, 3 for exchanges; `limits` are of these. `numbers` holds the number of
    the first event of the block at hand, the place reached in it, and how many events, gradients, exchanges, messages, bits and
    lost messages there were; `clock` the time before the block. The rest is as for `sample` and `walk`; counts are those of the
    whole run. Returns the number of places measured.
    """
    passed = 0
    marks, total = np.empty(places.size, dtype=np.int64), numbers[2:]
    while True:
        if numbers[1] == t.size:
            numbers[0] += t.size
            numbers[1], clock[0] = 0, t[t.size - 1]
            sample(seed, uint64(numbers[0]), clock[0], node_total, n, edge_total, ends, accept, alias, v, t, i, j, edge)
        place = numbers[1]
        stop, to_the_end = _within(limits, numbers, t, j, place)
        ahead = places[passed:]
        found = _marks(axis, ahead, numbers, t[place:stop], j[place:stop], to_the_end, marks, times[passed:])
        rows = counts[passed:]
        done = walk(
            on_gradient, on_exchange, 0, on_measure, context, memory, tally, first_sample, t[place:stop], i[place:stop],
            j[place:stop], edge[place:stop], marks[:found], times[passed:], goal, X, target, values[passed:], rows,
        )  # fmt: skip
        early = done > 0 and not goal < values[passed + done - 1, 0] < math.inf
        numbers[1] += rows[done - early, 0]
        for r in range(done + 1):
            for c in range(6):
                rows[r, c] += total[c]
        total[:] = rows[done - early]
        passed += done
        over = total[0] >= limits[1] or total[1] >= limits[2] or total[2] >= limits[3]
        if early or over or (to_the_end and numbers[1] == stop):
            return passed


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8, f8[::1], i4[::1], i4[::1], i4[::1], i8, f8[::1], b1, f8[::1], f8, i8,"
    " f8[:,::1], f8[::1], f8[:,::1], f8[::1], i8[:,::1])",
    **_OPTIONS,
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
    tally[:] = 0
    r, done, place = 0, 0, 0
    for k in range(uint64(t.size + 1)):
        while axis < 0 and place < places.size and (places[place] <= t[k] if k < t.size else to_the_end):
            call_measure(on_measure, context, X.shape[0], places[place], X_at, target_at, values[r].ctypes.data, simple)
            _count(counts[r], done, 0, 0, 0, 0, tally)
            times[r] = places[place]
            r, place = r + 1, place + 1
            if not goal < values[r - 1, 0] < math.inf:
                _count(counts[r], done, 0, 0, 0, 0, tally)
                return r
        if k == t.size:
            break
        if j[k] >= -3:
            call_event(on_event, context, first + int64(k), t[k])
        else:
            call_other(on_other, context, edge[k], i[k], j[k], t[k])
        done += 1
        _count(counts[r], done, 0, 0, 0, 0, tally)
        if axis >= 0 and place < places.size and counts[r, axis] >= places[place]:
            call_measure(on_measure, context, X.shape[0], t[k], X_at, target_at, values[r].ctypes.data, simple)
            times[r] = t[k]
            while place < places.size and counts[r, axis] >= places[place]:
                place += 1
            r += 1
            _count(counts[r], done, 0, 0, 0, 0, tally)
            if not goal < values[r - 1, 0] < math.inf or place == places.size:
                return r
        if tally[0] >= limits[0] or tally[1] >= limits[1] or tally[3] >= limits[2]:
            return r
    _count(counts[r], done, 0, 0, 0, 0, tally)
    return r
