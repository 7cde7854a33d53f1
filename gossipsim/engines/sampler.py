"""The events of superposed Poisson clocks, by counter."""

from __future__ import annotations

import math

from numba import int32, njit, uint64

from gossipsim.engines.block import OPTIONS
from gossipsim.engines.draws import LOW, SHIFT, ZERO, philox, unit


@njit("f8(u8, u8, f8, f8, i8, f8, i4[:,::1], f8[::1], i4[::1], f8[::1], f8[::1], i4[::1], i4[::1], i4[::1])", **OPTIONS)
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
