"""What a record measures."""

from __future__ import annotations

from numba import njit

from gossipsim.engines.block import OPTIONS
from gossipsim.engines.pointers import call_measure


@njit("void(i8, i8, f8, f8[:,::1], f8[::1], f8[::1])", **OPTIONS)
def measure(on_measure, context, t, X, target, values):  # type: ignore[no-untyped-def]
    """Fill X `(n, d)` with every node's primal point at time t, and `values` `(2 + d,)`: error, consensus distance, mean."""
    call_measure(on_measure, context, X.shape[0], t, X.ctypes.data, target.ctypes.data, values.ctypes.data, 0)
