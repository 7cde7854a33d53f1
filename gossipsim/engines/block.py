"""What a block of events does, for machine code that serves every method; its parts are copied into whoever calls them."""

from __future__ import annotations

import math
from typing import Any

from numba import int64, njit, uint64

from gossipsim.engines.pointers import call_exchange, call_gradient, call_measure, call_other, prefetch

_FURTHEST = 16384  # bytes of one node's samples worth asking for
# Nobody frees arrays here; to count references to them would take long to run and longer to compile.
OPTIONS: dict[str, Any] = {
    "_nrt": False,
    "cache": True,
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
}


@njit(inline="always")
def _ask_for(k, memory, first_sample, i, j):  # type: ignore[no-untyped-def]
    """Prefetch the rows that event k will touch."""
    nodes, row, samples, sample = memory[1], memory[2], memory[3], memory[4]
    prefetch(nodes + int64(i[k]) * row, row)
    if j[k] >= 0:
        prefetch(nodes + int64(j[k]) * row, row)
    elif j[k] == -1:
        begin, end = first_sample[uint64(i[k])], first_sample[uint64(i[k]) + uint64(1)]
        prefetch(samples + begin * sample, min((end - begin) * sample, _FURTHEST))


@njit(inline="always")
def count(counts, r, events, gradients, exchanges, messages, bits, tally):  # type: ignore[no-untyped-def]
    """Fill row r of the counts."""
    counts[r, 0], counts[r, 1], counts[r, 2] = events, gradients + tally[0], exchanges + tally[1]
    counts[r, 3], counts[r, 4], counts[r, 5] = messages + tally[2], bits + tally[3], tally[4]


def _runner(bounded: bool) -> Any:
    """Return the loop over events, with or without an eye on the bits; the one that has none compiles in less time."""

    @njit(inline="always")
    def run_block(  # type: ignore[no-untyped-def]
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
        start,
        stop,
        marks,
        many,
        times,
        goal,
        X,
        target,
        values,
        counts,
        row,
    ):
        """Run the events `start` to `stop - 1` in order, measuring before the first `many` of `marks` at the times `times`.

        Mark r has the time `times[row + r]`. Row `row + r` of `values` takes error, consensus distance and mean point, or the
        error if it has no more room; that of `counts` the events, gradients, exchanges, messages and bits from `start` to mark
        r; the row after the last mark passed is for the end. Stops at a mark whose error is at most `goal` or not finite, or
        when the bits reach their limit. Returns the number of marks passed.

        `memory` holds how many events ahead to ask for rows (0: they fit in the cache anyway), then address and size of the
        nodes' rows and of the samples' rows, whether marks need the error only, bits of a message and limit of bits. `tally`
        counts what else happens: gradients, activations, messages, bits, lost messages.
        """
        ahead, size, room = memory[0], memory[6], memory[7]
        gradients, exchanges, messages, at = 0, 0, 0, start
        for c in range(tally.size):
            tally[c] = 0
        X_at, target_at = X.ctypes.data, target.ctypes.data
        for r in range(uint64(many + 1)):
            here = uint64(row) + r
            end = marks[r] if r < many else stop
            for k in range(uint64(at), uint64(end)):
                if ahead > 0 and k + uint64(ahead) < uint64(stop):
                    _ask_for(k + uint64(ahead), memory, first_sample, i, j)
                if j[k] == -1:
                    gradients += call_gradient(on_gradient, context, i[k], t[k])
                elif j[k] < 0:
                    call_other(on_other, context, edge[k], i[k], j[k], t[k])
                else:
                    exchanges += 1
                    messages += call_exchange(on_exchange, context, edge[k], i[k], j[k], t[k])
                    if bounded and messages * size + tally[3] >= room:
                        count(
                            counts, here, int64(k) + 1 - start, gradients, exchanges, messages, messages * size, tally
                        )
                        return int64(r)
            at = end
            count(counts, here, at - start, gradients, exchanges, messages, messages * size, tally)
            if r < many:
                call_measure(
                    on_measure, context, X.shape[0], times[here], X_at, target_at, values[here].ctypes.data, memory[5]
                )
                if not goal < values[here, 0] < math.inf:
                    return int64(r) + 1
        return int64(many)

    return run_block


run_block, run_block_within_bits = _runner(bounded=False), _runner(bounded=True)
