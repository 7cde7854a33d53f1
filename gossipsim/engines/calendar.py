"""The compiled calendar of messages under way: a heap of arrivals, queues of links, and what becomes of every exchange."""

from __future__ import annotations

from typing import Any

from numba import njit

from gossipsim.engines.events import ACKNOWLEDGED, APPLY, AWAY, BACK, DELIVER, FAILED, SPEAK

ATOMIC, HANDSHAKE, ONE_WAY = range(3)
_DONE, _REQUEST, _REPLY, _ACKNOWLEDGE, _ARRIVE = range(5)
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}
_INLINE: dict[str, Any] = {"error_model": "numpy"}


@njit(**_INLINE)
def _earlier(when, order, a, b):  # type: ignore[no-untyped-def]
    return when[a] < when[b] or (when[a] == when[b] and order[a] < order[b])


@njit(**_INLINE)
def _push(heap, size, when, order, flight):  # type: ignore[no-untyped-def]
    place = size
    heap[place] = flight
    while place > 0:
        above = (place - 1) // 2
        if not _earlier(when, order, heap[place], heap[above]):
            break
        heap[place], heap[above] = heap[above], heap[place]
        place = above


@njit(**_INLINE)
def _pop(heap, size, when, order):  # type: ignore[no-untyped-def]
    top = heap[0]
    heap[0] = heap[size - 1]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size - 1:
            break
        if below + 1 < size - 1 and _earlier(when, order, heap[below + 1], heap[below]):
            below += 1
        if not _earlier(when, order, heap[below], heap[place]):
            break
        heap[place], heap[below] = heap[below], heap[place]
        place = below
    return top


@njit(**_INLINE)
def _travel(now, sender, link, bits, speed, free_link, free_node, latency, busy):  # type: ignore[no-untyped-def]
    """Return when a message arrives: it waits for the sender's uplink, then for the link, and then travels."""
    start = now
    if speed[1] > 0.0:
        start = max(start, free_node[sender])
        free_node[sender] = start + bits / speed[1]
        busy[0] += bits / speed[1]
        busy[1] += start - now
        start = free_node[sender]
    if speed[0] > 0.0:
        ready = start
        start = max(start, free_link[link])
        free_link[link] = start + bits / speed[0]
        busy[2] += bits / speed[0]
        busy[3] += start - ready
        start = free_link[link]
    return start + latency


@njit(**_INLINE)
def _lost(link, u, chain, bad):  # type: ignore[no-untyped-def]
    """Return whether the next message on a link is lost, from two uniforms: one moves the chain, one decides."""
    if bad[link]:
        if u[0] < chain[1]:
            bad[link] = 0
    elif u[0] < chain[0]:
        bad[link] = 1
    return u[1] < (chain[3] if bad[link] else chain[2])


@njit(
    "i8(i8, f8, f8[::1], i4[::1], i4[::1], i4[::1], i8[::1],"
    " i8[:,::1], f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1],"
    " i8[:,::1], f8[::1], f8[:,::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1],"
    " f8[::1], i4[::1], i4[::1], i4[::1])",
    **_OPTIONS,
)
def transmit(  # type: ignore[no-untyped-def]
    mode, end, t, i, j, edge, here,
    flights, when, order, heap, free, state, present, bad, gone,
    link_of, latency, uniform, sizes, speed, chain, free_link, free_node, busy,
    out_t, out_i, out_j, out_edge,
):  # fmt: skip
    """Turn rings of clocks and changes of presence into what happens on real links, up to time `end`.

    `state` holds: rings taken, flights in the heap, free places left, serial number, random numbers taken, room for events.
    Returns the number of events written; stops early when random numbers or room could run out.
    """
    out, size, spare = 0, state[1], state[2]
    while True:
        if state[4] + 64 > latency.size or out + 8 > out_t.size or spare < 2:
            break
        waiting = state[0] < t.size
        if size > 0 and (not waiting or when[heap[0]] <= t[state[0]]) and (waiting or when[heap[0]] < end):
            flight = _pop(heap, size, when, order)
            size -= 1
            now = when[flight]
            a, b, e, stage = flights[flight, 0], flights[flight, 1], flights[flight, 2], flights[flight, 3]
            over = True
            if stage == _DONE:
                if flights[flight, 4] == 0 and present[a] and present[b]:
                    out_t[out], out_i[out], out_j[out], out_edge[out] = now, a, b, e
                else:
                    missed = flights[flight, 4] if flights[flight, 4] > 0 else 2 - present[a] - present[b]
                    out_t[out], out_i[out], out_j[out], out_edge[out] = now, 2, -FAILED, missed
                out += 1
            elif stage == _ARRIVE:
                side = flights[flight, 5]
                receiver = b if side == 0 else a
                if present[receiver]:
                    out_t[out], out_i[out], out_edge[out] = now, receiver, e
                    out_j[out] = -(16 * (2 * flights[flight, 6] + side) + DELIVER)
                else:
                    out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                out += 1
            else:
                receiver = a if stage == _REPLY else b
                mine, theirs = link_of[e, flights[flight, 5]], link_of[e, 1 - flights[flight, 5]]
                if not present[receiver]:
                    if stage == _ACKNOWLEDGE and not gone[receiver]:
                        # the last message is repeated until it arrives, also after an absence
                        out_t[out], out_i[out], out_j[out], out_edge[out] = now, 1, -ACKNOWLEDGED, 1
                        out += 1
                        k = state[4]
                        state[4] += 1
                        when[flight] = now + max(latency[k], sizes[2])
                        over = False
                    else:
                        out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                        out += 1
                elif stage == _REQUEST:
                    out_t[out], out_i[out], out_edge[out] = now, receiver, e
                    out_j[out] = -(16 * (2 * flight + 1) + SPEAK)
                    out += 1
                    k = state[4]
                    state[4] += 1
                    arrival = _travel(now, b, theirs, sizes[0], speed, free_link, free_node, latency[k], busy)
                    if _lost(theirs, uniform[k], chain, bad):
                        out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                        out += 1
                    else:
                        flights[flight, 3], when[flight], over = _REPLY, arrival, False
                elif stage == _REPLY:
                    out_t[out], out_i[out], out_edge[out] = now, a, e
                    out_j[out] = -(16 * (2 * flight) + APPLY)
                    out += 1
                    arrival = now
                    while True:
                        k = state[4]
                        state[4] += 1
                        arrival = _travel(arrival, a, mine, sizes[1], speed, free_link, free_node, latency[k], busy)
                        missed = _lost(mine, uniform[k], chain, bad)
                        out_t[out], out_i[out], out_j[out], out_edge[out] = now, 1, -ACKNOWLEDGED, missed
                        out += 1
                        if not missed or state[4] >= latency.size or out + 2 > out_t.size:
                            break
                        arrival += sizes[2]
                    flights[flight, 3], when[flight], over = _ACKNOWLEDGE, arrival, False
                else:
                    out_t[out], out_i[out], out_edge[out] = now, b, e
                    out_j[out] = -(16 * (2 * flight + 1) + APPLY)
                    out += 1
            if over:
                if stage != _ARRIVE:
                    free[spare] = flight
                    spare += 1
                else:
                    # both messages of a pair lie in the places of the first flight
                    home = flights[flight, 6]
                    flights[home, 7] -= 1
                    if flight != home:
                        free[spare] = flight
                        spare += 1
                    if flights[home, 7] == 0:
                        free[spare] = home
                        spare += 1
            else:
                order[flight] = state[3]
                state[3] += 1
                _push(heap, size, when, order, flight)
                size += 1
            continue
        if not waiting:
            break
        k = state[0]
        state[0] += 1
        now, node, code = t[k], i[k], j[k]
        if code == -AWAY or code == -BACK:
            present[node] = code == -BACK
            gone[node] = here[k]
            out_t[out], out_i[out], out_j[out], out_edge[out] = now, node, code, edge[k]
            out += 1
        elif code < 0:
            if present[node] or code < -1:
                out_t[out], out_i[out], out_j[out], out_edge[out] = now, node, code, edge[k]
                out += 1
        else:
            e = edge[k]
            a, b = node, code
            if mode == HANDSHAKE and here[k] == 1:
                a, b = b, a
            if not (present[a] or present[b]) or (mode == HANDSHAKE and not present[a]):
                continue
            if mode == ATOMIC and not (present[a] and present[b]):
                out_t[out], out_i[out], out_j[out], out_edge[out] = now, 1, -FAILED, 1
                out += 1
                continue
            spare -= 1
            flight = free[spare]
            flights[flight, 0], flights[flight, 1], flights[flight, 2], flights[flight, 4] = node, code, e, 0
            if mode == ATOMIC:
                there = now
                for side in range(2):
                    n = state[4]
                    state[4] += 1
                    sender = node if side == 0 else code
                    arrival = _travel(now, sender, link_of[e, side], sizes[0], speed, free_link, free_node, latency[n], busy)
                    flights[flight, 4] += _lost(link_of[e, side], uniform[n], chain, bad)
                    there = max(there, arrival)
                flights[flight, 3], when[flight], order[flight] = _DONE, there, state[3]
                state[3] += 1
                _push(heap, size, when, order, flight)
                size += 1
            elif mode == HANDSHAKE:
                # seen from the edge: places 0 and 1 of a flight belong to who asks and who answers
                flights[flight, 0], flights[flight, 1] = a, b
                n = state[4]
                state[4] += 1
                out_t[out], out_i[out], out_edge[out] = now, a, e
                out_j[out] = -(16 * (2 * flight) + SPEAK)
                out += 1
                side = 0 if a == node else 1
                flights[flight, 5] = side
                arrival = _travel(now, a, link_of[e, side], sizes[0], speed, free_link, free_node, latency[n], busy)
                if _lost(link_of[e, side], uniform[n], chain, bad):
                    out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                    out += 1
                    free[spare] = flight
                    spare += 1
                else:
                    flights[flight, 3], when[flight], order[flight] = _REQUEST, arrival, state[3]
                    state[3] += 1
                    _push(heap, size, when, order, flight)
                    size += 1
            else:
                spare -= 1
                other = free[spare]
                flights[flight, 7] = 0
                used = 0
                for side in range(2):
                    sender = node if side == 0 else code
                    if not present[sender]:
                        continue
                    n = state[4]
                    state[4] += 1
                    out_t[out], out_i[out], out_edge[out] = now, sender, e
                    out_j[out] = -(16 * (2 * flight + side) + SPEAK)
                    out += 1
                    arrival = _travel(now, sender, link_of[e, side], sizes[0], speed, free_link, free_node, latency[n], busy)
                    if _lost(link_of[e, side], uniform[n], chain, bad):
                        out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                        out += 1
                        continue
                    mine = flight if used == 0 else other
                    used += 1
                    flights[mine, 0], flights[mine, 1], flights[mine, 2] = node, code, e
                    flights[mine, 3], flights[mine, 5], flights[mine, 6] = _ARRIVE, side, flight
                    flights[flight, 7] += 1
                    when[mine], order[mine] = arrival, state[3]
                    state[3] += 1
                    _push(heap, size, when, order, mine)
                    size += 1
                if used < 2:
                    free[spare] = other
                    spare += 1
                if used == 0:
                    free[spare] = flight
                    spare += 1
    state[1], state[2] = size, spare
    return out
