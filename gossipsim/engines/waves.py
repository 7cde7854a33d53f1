"""Cosine and sine of the small angles of a flow, in plain IEEE operations that the compiler can inline.

Up to pi/4 the polynomials of Sun's fdlibm (`k_sin.c`, `k_cos.c`) are accurate to about one unit in the last place and,
unlike a library's functions, give the same bits on every machine; larger angles go to the library.
"""

from __future__ import annotations

from math import cos, sin
from typing import Any

from numba import njit

_EDGE = 0.7853981633974483
_S = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
_C = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip
_S1, _S2, _S3, _S4, _S5, _S6 = _S
_C1, _C2, _C3, _C4, _C5, _C6 = _C


@njit(error_model="numpy", forceinline=True)
def cos_sin(x: Any) -> Any:
    """Return (cos x, sin x).

    Examples
    --------
    >>> from math import cos, sin
    >>> all(abs(cos_sin(x)[0] - cos(x)) + abs(cos_sin(x)[1] - sin(x)) < 4e-16 for x in (0.0, 1e-9, -0.3, 0.78, 2.0, 50.0))
    True
    """
    if abs(x) > _EDGE:
        return cos(x), sin(x)
    z = x * x
    s = x + x * z * (_S1 + z * (_S2 + z * (_S3 + z * (_S4 + z * (_S5 + z * _S6)))))
    c = 1.0 - (0.5 * z - z * z * (_C1 + z * (_C2 + z * (_C3 + z * (_C4 + z * (_C5 + z * _C6))))))
    return c, s
