"""The compiled calendar of messages under way: which of them arrives next.

A calendar queue (Brown, "Calendar queues", Communications of the ACM 31, 1988): time is cut into slots, about as long as
the clocks take to ring twice, and a flight waits in the list of its slot. Only the flights of slots that have come up are
sorted, in a heap, so that any number of them may arrive at the same time. What is more than a turn of the wheel away waits
in a list of its own. The order of arrival depends on none of this: by time, then by the order of sending.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, typeof
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers

FLIGHT = np.dtype(
    [("when", "f8"), ("order", "i8"), ("a", "i4"), ("b", "i4"), ("edge", "i4"), ("home", "i4"), ("next", "i4"),
     ("stage", "i1"), ("side", "i1"), ("missed", "i1"), ("open", "i1")], align=True
)  # fmt: skip
"""A message, or an atomic exchange, under way between nodes a and b: `stage` says as what, `side` is 0 for a message from a,
`missed` how many messages of an exchange were lost, `home` the flight whose places it uses, and `open` how many use them."""

HEAPED, NEAR, FAR, FIRST_FAR, SLOT, SPARE, SERIAL = range(7)
"""Columns of `Calendar.state`: how many flights are in the heap, and on the wheel; the first flight in the list of far ones, and
the earliest slot among those; the slot that has come up; how many places are free; how many flights there were so far."""

_NEVER = 1 << 62
# counting references to arrays, which nobody frees here, would take longer than all the rest
_OPTIONS: dict[str, Any] = {"_nrt": False, "cache": True, "error_model": "numpy", "nogil": True}
_INLINE: dict[str, Any] = {"_nrt": False, "error_model": "numpy", "forceinline": True}


class Calendar(NamedTuple):
    """Room for flights, and where those under way wait; the wheel has a power of two slots, `rate` of them per unit of time."""

    flights: Any
    free: NDArray[np.int32]
    heap: NDArray[np.int32]
    keys: Floats
    wheel: NDArray[np.int32]
    rate: Floats
    state: Integers


def empty(room: int, rate: float = 1.0) -> Calendar:
    """Return a calendar without flights; `room` is a power of two.

    Examples
    --------
    >>> calendar = empty(4)
    >>> int(calendar.state[SPARE]), len(calendar.wheel)
    (4, 8)
    """
    return Calendar(
        np.zeros(room, dtype=FLIGHT).view(np.recarray),
        np.arange(room - 1, -1, -1, dtype=np.int32),
        np.zeros(room, dtype=np.int32),
        np.zeros(room),
        np.full(2 * room, -1, dtype=np.int32),
        np.array([rate]),
        np.array([0, 0, -1, _NEVER, -1, room, 0]),
    )


def moved(old: Calendar, room: int, rate: float) -> Calendar:
    """Return a calendar with the same flights, and with at least as much room.

    Examples
    --------
    >>> bigger = moved(empty(2), 4, 10.0)
    >>> int(bigger.state[SPARE]), bigger.free[:4].tolist()
    (4, [1, 0, 3, 2])
    """
    new = empty(room, rate)
    before, spare = len(old.flights), int(old.state[SPARE])
    new.flights[:before] = old.flights
    new.free[:spare] = old.free[:spare]
    new.free[spare : spare + room - before] = np.arange(room - 1, before - 1, -1)
    new.state[SPARE], new.state[SERIAL] = spare + room - before, old.state[SERIAL]
    _move(old, new)
    return new


CALENDAR = typeof(empty(1))  # type: ignore[no-untyped-call]


@njit(**_INLINE)
def _slot(calendar, t):  # type: ignore[no-untyped-def]
    return int(min(t * calendar.rate[0], 4.0e18))


@njit(**_INLINE)
def _push(calendar, flight, key):  # type: ignore[no-untyped-def]
    """Put a flight into the heap."""
    flights, heap, keys, state = calendar.flights, calendar.heap, calendar.keys, calendar.state
    place = state[HEAPED]
    state[HEAPED] += 1
    while place > 0:
        above = (place - 1) >> 1
        if keys[above] < key or (keys[above] == key and flights[heap[above]].order < flights[flight].order):
            break
        heap[place], keys[place] = heap[above], keys[above]
        place = above
    heap[place], keys[place] = flight, key


@njit(**_INLINE)
def pop(calendar):  # type: ignore[no-untyped-def]
    """Take the flight that arrives next, after `due` has said that there is one."""
    flights, heap, keys, state = calendar.flights, calendar.heap, calendar.keys, calendar.state
    state[HEAPED] -= 1
    size = state[HEAPED]
    top, last, key = heap[0], heap[size], keys[size]
    place, below = 0, 1
    while below < size:
        right = below + 1
        if right < size and (
            keys[right] < keys[below]
            or (keys[right] == keys[below] and flights[heap[right]].order < flights[heap[below]].order)
        ):
            below = right
        if key < keys[below] or (key == keys[below] and flights[last].order < flights[heap[below]].order):
            break
        heap[place], keys[place] = heap[below], keys[below]
        place, below = below, 2 * below + 1
    heap[place], keys[place] = last, key
    return top


@njit(**_INLINE)
def _file(calendar, flight):  # type: ignore[no-untyped-def]
    """Let a flight wait where its time belongs."""
    flights, wheel, state = calendar.flights, calendar.wheel, calendar.state
    slot = _slot(calendar, flights[flight].when)
    if slot <= state[SLOT]:
        _push(calendar, flight, flights[flight].when)
    elif slot - state[SLOT] < wheel.size:
        place = slot & (wheel.size - 1)
        flights[flight].next = wheel[place]
        wheel[place] = flight
        state[NEAR] += 1
    else:
        flights[flight].next = state[FAR]
        state[FAR], state[FIRST_FAR] = flight, min(state[FIRST_FAR], slot)


@njit(**_INLINE)
def send(calendar, flight, when):  # type: ignore[no-untyped-def]
    """Let a flight arrive at a time."""
    row, state = calendar.flights[flight], calendar.state
    row.when, row.order = when, state[SERIAL]
    state[SERIAL] += 1
    _file(calendar, flight)


@njit(**_INLINE)
def _turn(calendar, last):  # type: ignore[no-untyped-def]
    """Go on to the next slot, at most `last`, and sort the flights in it."""
    flights, wheel, state = calendar.flights, calendar.wheel, calendar.state
    if state[NEAR] == 0:
        state[SLOT] = min(state[FIRST_FAR], last) - 1
    state[SLOT] += 1
    if state[SLOT] == state[FIRST_FAR]:
        flight = state[FAR]
        state[FAR], state[FIRST_FAR] = -1, _NEVER
        while flight >= 0:
            following = flights[flight].next
            _file(calendar, flight)
            flight = following
    place = state[SLOT] & (wheel.size - 1)
    flight = wheel[place]
    wheel[place] = -1
    while flight >= 0:
        state[NEAR] -= 1
        following = flights[flight].next
        _push(calendar, flight, flights[flight].when)
        flight = following


@njit(**_INLINE)
def due(calendar, t, before):  # type: ignore[no-untyped-def]
    """Return whether a flight arrives until time t, or `before` it."""
    keys, state = calendar.keys, calendar.state
    last = _slot(calendar, t)
    while state[HEAPED] == 0 and state[SLOT] < last:
        _turn(calendar, last)
    return state[HEAPED] > 0 and (keys[0] < t if before else keys[0] <= t)


@njit((CALENDAR, CALENDAR), **_OPTIONS)
def _move(old, new):  # type: ignore[no-untyped-def]
    """File all flights of one calendar, whose rows the other has already, in the other."""
    for k in range(old.state[HEAPED]):
        _file(new, old.heap[k])
    for place in range(old.wheel.size + 1):
        flight = old.wheel[place] if place < old.wheel.size else old.state[FAR]
        while flight >= 0:
            following = old.flights[flight].next
            _file(new, flight)
            flight = following
