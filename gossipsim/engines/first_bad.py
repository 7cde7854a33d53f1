"""Which node stops being finite first."""

from __future__ import annotations

import math

from numba import int64, njit

from gossipsim.engines.block import OPTIONS, run_block


@njit(
    "i8(i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], f8[::1], i4[::1], i4[::1], i4[::1], f8[:,::1], b1[::1], f8[:,::1],"
    " i8[:,::1], i8[::1])",
    **OPTIONS,
)
def walk_to_the_first_bad(  # type: ignore[no-untyped-def]
    on_gradient, on_exchange, on_other, context, memory, tally, first_sample, t, i, j, edge, words, real, X, row, total
):
    """Run events one by one until a row that one of them touched is no longer finite; return that node, or -1.

    `words` are the rows of all nodes as 8-byte numbers, `real` says which of them are not whole numbers; `total` counts events,
    gradients, exchanges, messages, bits and lost messages.
    """
    for k in range(t.size):
        run_block(
            on_gradient, on_exchange, on_other, 0, context, memory, tally, first_sample, t, i, j, edge, k, k + 1, total, 0, t,
            -math.inf, X, t, X, row, 0,
        )  # fmt: skip
        for c in range(6):
            total[c] += row[0, c]
        for node in (i[k], j[k]):
            if 0 <= node < words.shape[0]:
                for w in range(real.size):
                    if real[w] and not math.isfinite(words[node, w]):
                        return int64(node)
    return -1
