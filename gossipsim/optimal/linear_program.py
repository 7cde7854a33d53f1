"""Linear programs, solved by HiGHS through scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats


def least(c: ArrayLike, A: Any, b: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[Floats | None, str]:
    """Return x (k,) that minimises c^T x subject to A x <= b and low <= x <= high, and "" or what went wrong.

    Parameters
    ----------
    c : array (k,)
        The cost.
    A, b : sparse (r, k) and array (r,)
        The rows.
    low, high : float or array (k,)
        Bounds, possibly infinite.

    Examples
    --------
    >>> x, _ = least([1.0, 2.0], np.array([[-1.0, -1.0]]), [-1.0], 0.0, np.inf)
    >>> x.tolist()
    [1.0, 0.0]
    >>> least([1.0], np.array([[1.0]]), [-1.0], 0.0, np.inf)
    (None, 'infeasible')
    """
    from scipy.optimize import linprog

    size = len(np.asarray(c))
    bounds = np.column_stack([np.broadcast_to(low, size), np.broadcast_to(high, size)])
    solve: Any = linprog
    found = solve(c, A_ub=A, b_ub=b, bounds=bounds, method="highs")
    if found.status == 0:
        return np.asarray(found.x), ""
    return None, {2: "infeasible", 3: "unbounded"}.get(found.status, str(found.message))
