"""Uniform numbers by counter, many at a time."""

from __future__ import annotations

from numba import njit, uint64

from gossipsim.engines.block import OPTIONS
from gossipsim.engines.draws import LOW, SHIFT, philox, unit


@njit("void(u8, u8, u8[::1], u8[::1], f8[::1], f8[::1])", **OPTIONS)
def uniforms(seed, purpose, owners, index, u, v):  # type: ignore[no-untyped-def]
    """Fill u and v `(k,)` with the uniforms of `stream.uniforms_of`."""
    key_low, key_high = seed & LOW, seed >> SHIFT
    for k in range(uint64(index.size)):
        number = index[k]
        a, b, c, d = philox(number & LOW, number >> SHIFT, owners[k], purpose, key_low, key_high)
        u[k] = unit(a, b)
        v[k] = unit(c, d)
