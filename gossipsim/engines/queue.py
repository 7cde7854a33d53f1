"""The compiled queue of workers that wait for a neighbour."""

from __future__ import annotations

from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}


@njit("i8(i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8, i8[::1])", **_OPTIONS)
def match(nodes, ptr, nbr, edge_of_slot, wishes, since, number, edges):  # type: ignore[no-untyped-def]
    """Let nodes ask for an exchange, one after the other; return the number of the last one that asked.

    Each is matched with the neighbour that has waited longest, `edges[k]`, or waits itself, `edges[k] = -1`. A node stands in the
    queue once, with `wishes` to fill `since` a number; when one is filled and others are left it goes to the end.
    """
    for k in range(nodes.size):
        i, best, longest = nodes[k], -1, 1 << 62
        number += 1
        for slot in range(ptr[i], ptr[i + 1]):
            j = nbr[slot]
            if wishes[j] > 0 and since[j] < longest:
                best, longest = slot, since[j]
        if best < 0:
            if wishes[i] == 0:
                since[i] = number
            wishes[i] += 1
            edges[k] = -1
        else:
            wishes[nbr[best]] -= 1
            since[nbr[best]] = number
            edges[k] = edge_of_slot[best]
    return number
