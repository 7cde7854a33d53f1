"""A block of gradients and exchanges, drawn beforehand."""

from __future__ import annotations

from numba import njit

from gossipsim.engines.block import OPTIONS, run_block_within_bits


@njit(
    "i8(i8, i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], f8[::1], i4[::1], i4[::1], i4[::1],"
    " i8[::1], f8[::1], f8, f8[:,::1], f8[::1], f8[:,::1], i8[:,::1])",
    **OPTIONS,
)
def walk(  # type: ignore[no-untyped-def]
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
    marks,
    times,
    goal,
    X,
    target,
    values,
    counts,
):
    """Run a block of events; see `block.run_block_within_bits`."""
    return run_block_within_bits(
        on_gradient, on_exchange, on_other, on_measure, context, memory, tally, first_sample, t, i, j, edge, 0, t.size, marks,
        marks.size, times, goal, X, target, values, counts, 0,
    )  # fmt: skip
