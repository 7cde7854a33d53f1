"""A portion of a run on Poisson clocks: drawn, run and measured without leaving machine code."""

from __future__ import annotations

import math

from numba import float64, int64, njit, uint64

from gossipsim.engines.block import OPTIONS, run_block
from gossipsim.engines.sampler import sample


@njit("i8(f8[::1], i8, i8, f8)", **OPTIONS)
def _before(t, low, high, place):  # type: ignore[no-untyped-def]
    """Return the first k from low to high whose t[k] is not earlier than a place, or high."""
    while low < high:
        middle = (low + high) >> 1
        if t[middle] < place:
            low = middle + 1
        else:
            high = middle
    return low


@njit("i8(i4[::1], i8, i8, b1, f8)", **OPTIONS)
def _after(j, start, stop, gradients, many):  # type: ignore[no-untyped-def]
    """Return where so many gradients, or else exchanges, are over, or stop + 1 if there are fewer."""
    for k in range(start, stop):
        many -= (j[k] < 0) == gradients
        if many <= 0.0:
            return k + 1
    return stop + 1


@njit(inline="always")
def _within(limits, numbers, t, j, start):  # type: ignore[no-untyped-def]
    """Return where the events of a block from `start` on reach a limit, and whether that is the one of time."""
    last = _before(t, start, t.size, limits[0])
    stop = start + int64(min(last - start, limits[1] - numbers[2]))
    for which in range(2, 4):
        if limits[which] < math.inf:
            stop = min(stop, _after(j, start, stop, which == 2, limits[which] - numbers[which + 1]))
    return stop, stop == last < t.size


@njit(inline="always")
def _marks(axis, places, passed, numbers, t, j, start, stop, to_the_end, marks, times):  # type: ignore[no-untyped-def]
    """Fill in before which events, and when, to measure at the places that lie among these; return how many do."""
    found, mark, reached = 0, start, float64(numbers[axis + 1])
    while passed + found < places.size:
        place = places[passed + found]
        if axis == 0:
            inside = to_the_end or (stop > start and place <= t[stop - 1])
            mark = _before(t, mark, stop, place)
        else:
            mark = mark + int64(place - reached) if axis == 1 else _after(j, mark, stop, axis == 2, place - reached)
            inside, reached = mark <= stop, place
        if not inside:
            break
        marks[found], times[passed + found] = mark, place if axis == 0 else t[mark - 1]
        found += 1
    return found


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], u8, f8, i8, f8, i4[:,::1], f8[::1], i4[::1], f8[::1],"
    " f8[::1], i4[::1], i4[::1], i4[::1], i8[::1], f8[::1], i8, f8[::1], i8[::1], f8[::1], f8, f8[:,::1], f8[::1], f8[:,::1],"
    " f8[::1], i8[:,::1])",
    **OPTIONS,
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
    marks,
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
    lost messages there were; `clock` the time before the block. The rest is as for `sample` and `run_block`; counts are those of
    the whole run. Returns the number of places measured.
    """
    passed = 0
    while True:
        if numbers[1] == t.size:
            numbers[0] += t.size
            numbers[1], clock[0] = 0, t[t.size - 1]
            sample(seed, uint64(numbers[0]), clock[0], node_total, n, edge_total, ends, accept, alias, v, t, i, j, edge)
        start = numbers[1]
        stop, to_the_end = _within(limits, numbers, t, j, start)
        found = _marks(axis, places, passed, numbers, t, j, start, stop, to_the_end, marks, times)
        done = run_block(
            on_gradient, on_exchange, 0, on_measure, context, memory, tally, first_sample, t, i, j, edge, start, stop, marks,
            found, times, goal, X, target, values, counts, passed,
        )  # fmt: skip
        early = done > 0 and not goal < values[passed + done - 1, 0] < math.inf
        last = passed + done - early
        numbers[1] += counts[last, 0]
        for r in range(passed, passed + done + 1):
            for c in range(6):
                counts[r, c] += numbers[2 + c]
        for c in range(6):
            numbers[2 + c] = counts[last, c]
        passed += done
        over = numbers[2] >= limits[1] or numbers[3] >= limits[2] or numbers[4] >= limits[3]
        if early or over or (to_the_end and numbers[1] == stop):
            return passed
