"""What becomes of every ring of a clock on real links, compiled: exchanges later or not at all, messages, and absences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, njit, typeof
from numpy.typing import NDArray

from gossipsim.arrays import Floats
from gossipsim.engines.calendar import CALENDAR, SPARE, due, empty, moved, pop, send
from gossipsim.engines.events import ACKNOWLEDGED, APPLY, BACK, DELIVER, FAILED, SPEAK, Events

__all__ = ["SPARE", "empty", "moved", "transmit"]

ATOMIC, HANDSHAKE, ONE_WAY = range(3)
_DONE, _REQUEST, _REPLY, _ACKNOWLEDGE, _ARRIVE = range(5)
RINGS, CHANGES, DRAWS, WRITTEN = range(4)
"""Columns of `at`: how many rings, changes of presence and random numbers are taken, and how many events written."""

AT_ONCE = 512
"""Events and random numbers to keep room for: an acknowledgement is sent until it arrives."""

# counting references to arrays, which nobody frees here, would take longer than all the rest
_OPTIONS: dict[str, Any] = {"_nrt": False, "cache": True, "error_model": "numpy", "nogil": True}
_INLINE: dict[str, Any] = {"_nrt": False, "error_model": "numpy", "forceinline": True}


class Moves(NamedTuple):
    """Nodes that leave (`code` is -AWAY) or return (-BACK) at times t; `edge` is for the event; `lasting`: for ever."""

    t: Floats
    i: NDArray[np.int32]
    code: NDArray[np.int32]
    edge: NDArray[np.int32]
    lasting: NDArray[np.bool_]


class Links(NamedTuple):
    """Nodes and directed links as they are now, and the random numbers of the next messages.

    What plays no part is empty: `service` where links have no limit, `delay` where all links are alike, `fate` without losses,
    and `bad` where losses are independent.
    """

    present: NDArray[np.bool_]
    gone: NDArray[np.bool_]
    bad: NDArray[np.bool_]
    link_of: NDArray[np.int32]
    delay: Floats
    free_link: Floats
    free_node: Floats
    busy: Floats
    sizes: Floats
    """Time that a message occupies the uplink, size of an acknowledgement relative to a message, pause before it is repeated."""
    chain: Floats
    latency: Floats
    service: Floats
    fate: NDArray[np.float64]


def _example() -> Any:
    i, f, flag = np.zeros(1, dtype=np.int32), np.zeros(1), np.zeros(1, dtype=np.bool_)
    moves, pair = Moves(f, i, i, i, flag), np.zeros((1, 2))
    links = Links(flag, flag, flag, pair.astype(np.int32), f, f, f, f, f, f, f, f, pair)
    return [typeof(each) for each in (Events(f, i, i, i), moves, links)]  # type: ignore[no-untyped-call]


_EVENTS, _MOVES, _LINKS = _example()


@njit(**_INLINE)
def _write(out, at, t, i, j, edge):  # type: ignore[no-untyped-def]
    k = at[WRITTEN]
    at[WRITTEN] += 1
    out.t[k], out.i[k], out.j[k], out.edge[k] = t, i, j, edge


@njit(**_INLINE)
def _travel(links, now, sender, link, share, k):  # type: ignore[no-untyped-def]
    """Return when message number k at hand arrives: it waits for the sender's uplink, then for the link, and then travels.

    `share` is its size relative to a message of the method.
    """
    start, uplink, busy = now, links.sizes[0], links.busy
    if uplink > 0.0:
        start = max(start, links.free_node[sender])
        links.free_node[sender] = start + share * uplink
        busy[0] += 1.0
        busy[1] += share * uplink
        busy[2] += start - now
        start = links.free_node[sender]
    if links.service.size > 0 and links.service[k] > 0.0:
        ready, service = start, links.service[k]
        start = max(start, links.free_link[link])
        links.free_link[link] = start + share * service
        busy[3] += 1.0
        busy[4] += share * service
        busy[5] += start - ready
        start = links.free_link[link]
    return start + links.latency[k] + (links.delay[link] if links.delay.size > 0 else 0.0)


@njit(**_INLINE)
def _lost(links, link, k):  # type: ignore[no-untyped-def]
    """Return whether message number k at hand is lost, from two uniforms: one moves the chain of its link, one decides."""
    if links.fate.size == 0:
        return False
    bad, chain = links.bad, links.chain
    if bad.size == 0:
        return links.fate[k, 1] < chain[2]
    moves = links.fate[k, 0]
    if bad[link]:
        if moves < chain[1]:
            bad[link] = False
    elif moves < chain[0]:
        bad[link] = True
    return links.fate[k, 1] < (chain[3] if bad[link] else chain[2])


@njit(**_INLINE)
def _message(links, at, now, sender, link, share):  # type: ignore[no-untyped-def]
    """Send the next message; return when it arrives, and whether it is lost."""
    k = at[DRAWS]
    at[DRAWS] += 1
    return _travel(links, now, sender, link, share, k), _lost(links, link, k)


@njit(**_INLINE)
def _take(calendar):  # type: ignore[no-untyped-def]
    state = calendar.state
    state[SPARE] -= 1
    return calendar.free[state[SPARE]]


@njit(**_INLINE)
def _give_back(calendar, flight):  # type: ignore[no-untyped-def]
    state = calendar.state
    calendar.free[state[SPARE]] = flight
    state[SPARE] += 1


@njit(**_INLINE)
def _end_atomic(links, out, at, now, a, b, edge, missed):  # type: ignore[no-untyped-def]
    """Write an atomic exchange, or that it failed."""
    here = int(links.present[a]) + int(links.present[b])
    if missed == 0 and here == 2:
        _write(out, at, now, a, b, edge)
    else:
        _write(out, at, now, 2, -FAILED, missed if missed > 0 else 2 - here)


@njit(**_INLINE)
def _begin_atomic(calendar, links, out, at, now, a, b, edge):  # type: ignore[no-untyped-def]
    """Send both messages of an atomic exchange, which is over when both have arrived."""
    if not (links.present[a] and links.present[b]):
        if links.present[a] or links.present[b]:
            _write(out, at, now, 1, -FAILED, 1)
        return
    there, lost_there = _message(links, at, now, a, links.link_of[edge, 0], 1.0)
    back, lost_back = _message(links, at, now, b, links.link_of[edge, 1], 1.0)
    over, missed = max(there, back), int(lost_there) + int(lost_back)
    if over <= now:
        _end_atomic(links, out, at, now, a, b, edge, missed)
        return
    flight = _take(calendar)
    row = calendar.flights[flight]
    row.a, row.b, row.edge, row.stage, row.missed = a, b, edge, _DONE, missed
    send(calendar, flight, over)


@njit(**_INLINE)
def _ask(calendar, links, out, at, now, a, b, edge, side):  # type: ignore[no-untyped-def]
    """Let a speak to b, the first message of a handshake; `side` is that of a on the edge."""
    if not links.present[a]:
        return
    flight = _take(calendar)
    _write(out, at, now, a, -(32 * flight + SPEAK), edge)
    arrival, lost = _message(links, at, now, a, links.link_of[edge, side], 1.0)
    if lost:
        _write(out, at, now, 0, -FAILED, 1)
        _give_back(calendar, flight)
        return
    row = calendar.flights[flight]
    row.a, row.b, row.edge, row.stage, row.side = a, b, edge, _REQUEST, side
    send(calendar, flight, arrival)


@njit(**_INLINE)
def _go_on(calendar, links, out, at, now, flight):  # type: ignore[no-untyped-def]
    """Do what follows when a message of a handshake arrives; places 2 f and 2 f + 1 belong to who asks and who answers."""
    row = calendar.flights[flight]
    a, b, edge, stage, side = row.a, row.b, row.edge, row.stage, row.side
    receiver = a if stage == _REPLY else b
    if not links.present[receiver]:
        if stage == _ACKNOWLEDGE and not links.gone[receiver]:
            # the last message is repeated until it arrives, also after an absence
            _write(out, at, now, 1, -ACKNOWLEDGED, 1)
            k = at[DRAWS]
            at[DRAWS] += 1
            send(calendar, flight, now + max(links.latency[k], links.sizes[2]))
        else:
            _write(out, at, now, 0, -FAILED, 1)
            _give_back(calendar, flight)
    elif stage == _REQUEST:
        _write(out, at, now, b, -(32 * flight + 16 + SPEAK), edge)
        arrival, lost = _message(links, at, now, b, links.link_of[edge, 1 - side], 1.0)
        if lost:
            _write(out, at, now, 0, -FAILED, 1)
            _give_back(calendar, flight)
        else:
            row.stage = _REPLY
            send(calendar, flight, arrival)
    elif stage == _REPLY:
        _write(out, at, now, a, -(32 * flight + APPLY), edge)
        arrival, missed = now, True
        while missed:
            arrival, missed = _message(links, at, arrival, a, links.link_of[edge, side], links.sizes[1])
            _write(out, at, now, 1, -ACKNOWLEDGED, int(missed))
            if at[DRAWS] >= links.latency.size or at[WRITTEN] + 2 > out.t.size:
                break
            if missed:
                arrival += links.sizes[2]
        row.stage = _ACKNOWLEDGE
        send(calendar, flight, arrival)
    else:
        _write(out, at, now, b, -(32 * flight + 16 + APPLY), edge)
        _give_back(calendar, flight)


@njit(**_INLINE)
def _speak_one_way(calendar, links, out, at, now, a, b, edge):  # type: ignore[no-untyped-def]
    """Let whoever is present of both ends send a message; both lie in the places of one flight."""
    if not (links.present[a] or links.present[b]):
        return
    home, other = _take(calendar), _take(calendar)
    used = 0
    for side in range(2):
        sender = a if side == 0 else b
        if not links.present[sender]:
            continue
        _write(out, at, now, sender, -(16 * (2 * home + side) + SPEAK), edge)
        arrival, lost = _message(links, at, now, sender, links.link_of[edge, side], 1.0)
        if lost:
            _write(out, at, now, 0, -FAILED, 1)
            continue
        flight = home if used == 0 else other
        used += 1
        row = calendar.flights[flight]
        row.a, row.b, row.edge, row.stage, row.side, row.home = a, b, edge, _ARRIVE, side, home
        calendar.flights[home].open = used
        send(calendar, flight, arrival)
    if used < 2:
        _give_back(calendar, other)
    if used == 0:
        _give_back(calendar, home)


@njit(**_INLINE)
def _deliver(calendar, links, out, at, now, flight):  # type: ignore[no-untyped-def]
    """Deliver a message that goes one way, if its receiver is there."""
    row = calendar.flights[flight]
    receiver, home = row.b if row.side == 0 else row.a, row.home
    if links.present[receiver]:
        _write(out, at, now, receiver, -(16 * (2 * home + row.side) + DELIVER), row.edge)
    else:
        _write(out, at, now, 0, -FAILED, 1)
    calendar.flights[home].open -= 1
    if flight != home:
        _give_back(calendar, flight)
    if calendar.flights[home].open == 0:
        _give_back(calendar, home)


@njit((int64, int64, float64, _EVENTS, _MOVES, CALENDAR, _LINKS, int64[::1], _EVENTS), **_OPTIONS)
def transmit(mode, first, end, rings, moves, calendar, links, at, out):  # type: ignore[no-untyped-def]
    """Turn rings of clocks, number `first` and later, and changes of presence into what happens up to time `end`.

    Stops early when random numbers, room for events or room for messages under way could run out.
    """
    while True:
        if at[DRAWS] + AT_ONCE > links.latency.size or at[WRITTEN] + AT_ONCE > out.t.size or calendar.state[SPARE] < 2:
            return
        k, q = at[RINGS], at[CHANGES]
        rung, moved = k < rings.t.size, q < moves.t.size
        if rung and moved:
            moved = moves.t[q] <= rings.t[k]
        now = moves.t[q] if moved else rings.t[k] if rung else end
        if due(calendar, now, not (rung or moved)):
            now = calendar.keys[0]
            flight = pop(calendar)
            row = calendar.flights[flight]
            if row.stage == _DONE:
                _end_atomic(links, out, at, now, row.a, row.b, row.edge, row.missed)
                _give_back(calendar, flight)
            elif row.stage == _ARRIVE:
                _deliver(calendar, links, out, at, now, flight)
            else:
                _go_on(calendar, links, out, at, now, flight)
        elif moved:
            at[CHANGES] += 1
            node = moves.i[q]
            links.present[node], links.gone[node] = moves.code[q] == -BACK, moves.lasting[q]
            _write(out, at, now, node, moves.code[q], moves.edge[q])
        elif rung:
            at[RINGS] += 1
            i, j, edge = rings.i[k], rings.j[k], rings.edge[k]
            if j < 0:
                if j < -1 or links.present[i]:
                    _write(out, at, now, i, j, edge)
            elif mode == ATOMIC:
                _begin_atomic(calendar, links, out, at, now, i, j, edge)
            elif mode == HANDSHAKE:
                # who asks must not depend on how the clocks were cut
                if ((first + k) * 2654435761 >> 7) & 1:
                    _ask(calendar, links, out, at, now, j, i, edge, 1)
                else:
                    _ask(calendar, links, out, at, now, i, j, edge, 0)
            else:
                _speak_one_way(calendar, links, out, at, now, i, j, edge)
        else:
            return
