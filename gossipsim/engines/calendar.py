"""The compiled calendar of messages under way: a heap of arrivals, queues of links, and what becomes of every exchange."""

from __future__ import annotations

from typing import Any

from numba import njit

from gossipsim.engines.events import ACKNOWLEDGED, APPLY, AWAY, BACK, DELIVER, FAILED, SPEAK

ATOMIC, HANDSHAKE, ONE_WAY = range(3)
_DONE, _REQUEST, _REPLY, _ACKNOWLEDGE, _ARRIVE = range(5)
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}
_INLINE: dict[str, Any] = {"error_model": "numpy", "forceinline": True}


@njit(**_INLINE)
def _push(heap, keys, size, order, flight, key):  # type: ignore[no-untyped-def]
    """Put a flight into the heap of `size`; flights of the same time keep the order of their numbers in `order`."""
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if keys[above] < key or (keys[above] == key and order[heap[above]] < order[flight]):
            break
        heap[place], keys[place] = heap[above], keys[above]
        place = above
    heap[place], keys[place] = flight, key


@njit(**_INLINE)
def _pop(heap, keys, size, order):  # type: ignore[no-untyped-def]
    """Take the first flight out of the heap of `size`."""
    top, last, key = heap[0], heap[size - 1], keys[size - 1]
    place, below = 0, 1
    while below < size - 1:
        right = below + 1
        if right < size - 1 and (
            keys[right] < keys[below] or (keys[right] == keys[below] and order[heap[right]] < order[heap[below]])
        ):
            below = right
        if key < keys[below] or (key == keys[below] and order[last] < order[heap[below]]):
            break
        heap[place], keys[place] = heap[below], keys[below]
        place, below = below, 2 * below + 1
    heap[place], keys[place] = last, key
    return top


@njit(**_INLINE)
def _travel(now, sender, link, share, draw, service, latency, delay, uplink, free_link, free_node, busy):  # type: ignore[no-untyped-def]
    """Return when a message arrives: it waits for the sender's uplink, then for the link, and then travels.

    `share` is its size relative to a message of the method, `service[draw]` the time that such a message occupies the link,
    `uplink` the time that it occupies the uplink.
    """
    start = now
    if uplink > 0.0:
        start = max(start, free_node[sender])
        free_node[sender] = start + share * uplink
        busy[0] += 1.0
        busy[1] += share * uplink
        busy[2] += start - now
        start = free_node[sender]
    if service[draw] > 0.0:
        ready = start
        start = max(start, free_link[link])
        free_link[link] = start + share * service[draw]
        busy[3] += 1.0
        busy[4] += share * service[draw]
        busy[5] += start - ready
        start = free_link[link]
    return start + latency[draw] + delay[link]


@njit(**_INLINE)
def _lost(link, moves, decides, chain, bad):  # type: ignore[no-untyped-def]
    """Return whether the next message on a link is lost, from two uniforms: one moves the chain, one decides."""
    if bad[link]:
        if moves < chain[1]:
            bad[link] = 0
    elif moves < chain[0]:
        bad[link] = 1
    return decides < (chain[3] if bad[link] else chain[2])


@njit(
    "i8(i8, f8, f8[::1], i4[::1], i4[::1], i4[::1], i8[::1],"
    " i8[:,::1], f8[::1], i8[::1], i8[::1], f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1],"
    " i8[:,::1], f8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1],"
    " f8[::1], i4[::1], i4[::1], i4[::1])",
    **_OPTIONS,
)
def transmit(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915  (one loop: its parts share everything)
    mode, end, t, i, j, edge, here,
    flights, when, order, heap, keys, free, state, present, bad, gone,
    link_of, latency, service, delay, uniform, sizes, chain, free_link, free_node, busy,
    out_t, out_i, out_j, out_edge,
):  # fmt: skip
    """Turn rings of clocks and changes of presence into what happens on real links, up to time `end`.

    `state` holds: rings taken, flights in the heap, free places left, serial number, random numbers taken. `sizes` holds the time
    that a message occupies the uplink, the size of an acknowledgement relative to a message, and the pause before it is repeated.
    Returns the number of events written; stops early when random numbers or room could run out.
    """
    out, size, spare = 0, state[1], state[2]
    while True:
        if state[4] + 64 > latency.size or out + 8 > out_t.size or spare < 2:
            break
        waiting = state[0] < t.size
        if size > 0 and (not waiting or keys[0] <= t[state[0]]) and (waiting or keys[0] < end):
            now = keys[0]
            flight = _pop(heap, keys, size, order)
            size -= 1
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
                    arrival = _travel(
                        now, b, theirs, 1.0, k, service, latency, delay, sizes[0], free_link, free_node, busy
                    )
                    if _lost(theirs, uniform[k, 0], uniform[k, 1], chain, bad):
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
                        arrival = _travel(
                            arrival, a, mine, sizes[1], k, service, latency, delay, sizes[0], free_link, free_node, busy
                        )
                        missed = _lost(mine, uniform[k, 0], uniform[k, 1], chain, bad)
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
                _push(heap, keys, size, order, flight, when[flight])
                size += 1
            continue
        if not waiting:
            break
        k = state[0]
        state[0] += 1
        now, node, code = t[k], i[k], j[k]
        if code == -AWAY or code == -BACK:  # noqa: PLR1714  (compiled, a set would be built)
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
                    arrival = _travel(
                        now,
                        sender,
                        link_of[e, side],
                        1.0,
                        n,
                        service,
                        latency,
                        delay,
                        sizes[0],
                        free_link,
                        free_node,
                        busy,
                    )
                    flights[flight, 4] += _lost(link_of[e, side], uniform[n, 0], uniform[n, 1], chain, bad)
                    there = max(there, arrival)
                flights[flight, 3], when[flight], order[flight] = _DONE, there, state[3]
                state[3] += 1
                _push(heap, keys, size, order, flight, when[flight])
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
                arrival = _travel(
                    now, a, link_of[e, side], 1.0, n, service, latency, delay, sizes[0], free_link, free_node, busy
                )
                if _lost(link_of[e, side], uniform[n, 0], uniform[n, 1], chain, bad):
                    out_t[out], out_i[out], out_j[out], out_edge[out] = now, 0, -FAILED, 1
                    out += 1
                    free[spare] = flight
                    spare += 1
                else:
                    flights[flight, 3], when[flight], order[flight] = _REQUEST, arrival, state[3]
                    state[3] += 1
                    _push(heap, keys, size, order, flight, when[flight])
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
                    arrival = _travel(
                        now,
                        sender,
                        link_of[e, side],
                        1.0,
                        n,
                        service,
                        latency,
                        delay,
                        sizes[0],
                        free_link,
                        free_node,
                        busy,
                    )
                    if _lost(link_of[e, side], uniform[n, 0], uniform[n, 1], chain, bad):
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
                    _push(heap, keys, size, order, mine, when[mine])
                    size += 1
                if used < 2:
                    free[spare] = other
                    spare += 1
                if used == 0:
                    free[spare] = flight
                    spare += 1
    state[1], state[2] = size, spare
    return out
