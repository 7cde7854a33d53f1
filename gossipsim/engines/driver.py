"""Compiled code that serves every method: the event sampler and the walk over a block of events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, uint64

from gossipsim.engines.pointers import call_exchange, call_gradient
from gossipsim.stream import philox, unit

_philox = njit(philox)
_unit = njit(unit)
_LOW, _SHIFT, _ZERO = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0)
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(
    "f8(u8, u8, f8, f8, i8, f8, i4[:,::1], f8[::1], i4[::1], f8[::1], i4[::1], i4[::1], i4[::1])",
    **_OPTIONS,
)
def sample(seed, first, clock, node_total, n, edge_total, ends, accept, alias, t, i, j, edge):  # type: ignore[no-untyped-def]
    """Fill a block with events number `first`, `first + 1`, ... of the superposed Poisson clocks; return the last time.

    Event k is a function of (seed, k): its gap -log(u) / R, and the clock that rang from a second uniform v. Node clocks
    all have rate `node_total / n`; edges are chosen by an alias table (`accept`, `alias`; empty when rates are equal).
    """
    total = node_total + edge_total
    key_low, key_high = seed & _LOW, seed >> _SHIFT
    m = ends.shape[0]
    for k in range(uint64(t.size)):
        index = first + k
        a, b, c, d = _philox(index & _LOW, index >> _SHIFT, _ZERO, _ZERO, key_low, key_high)
        t[k] = -math.log(_unit(a, b)) / total
        v = _unit(c, d) * total
        if v < node_total:
            i[k] = min(int(v / node_total * n), n - 1)
            j[k] = -1
            edge[k] = -1
        else:
            place = (v - node_total) / edge_total * m
            e = min(int(place), m - 1)
            if accept.size > 0 and place - e >= accept[e]:
                e = alias[e]
            i[k] = ends[e, 0]
            j[k] = ends[e, 1]
            edge[k] = e
    for k in range(uint64(t.size)):
        clock += t[k]
        t[k] = clock
    return clock


@njit("void(i8, i8, i8, f8[::1], i4[::1], i4[::1], i4[::1], i8[::1])", **_OPTIONS)
def walk(on_gradient, on_exchange, context, t, i, j, edge, done):  # type: ignore[no-untyped-def]
    """Run a block of events in order; add the numbers of gradients and of messages to `done`."""
    gradients, messages = 0, 0
    for k in range(uint64(t.size)):
        if j[k] < 0:
            gradients += call_gradient(on_gradient, context, i[k], t[k])
        else:
            messages += call_exchange(on_exchange, context, edge[k], i[k], j[k], t[k])
    done[0] += gradients
    done[1] += messages
