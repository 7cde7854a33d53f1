"""One run of L-BFGS-B, without its own stopping rules: the callers judge by certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipsim.arrays import Floats

MEMORY = 10
"""Pairs of steps and slopes that are kept; more cost as much time as they save steps."""


def descend(
    objective: Callable[[Floats], tuple[float, Floats]],
    z: Floats,
    low: Floats,
    high: Floats,
    steps: int,
    after: Callable[[Floats], None] | None = None,
) -> Floats:
    """Return where at most `steps` quasi-Newton steps from z (k,) lead, within low <= z <= high.

    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Sci.
    Comput. 16, 1995.

    Parameters
    ----------
    objective : callable
        Returns the value and the slope (k,) at z.
    z, low, high : arrays (k,)
        The start, and the bounds.
    steps : int
        Most steps.
    after : callable, optional
        Called after each step; raises StopIteration to end the run.

    Examples
    --------
    >>> def bowl(z):
    ...     return float(((z - [1.0, -1.0]) ** 2).sum()), 2 * (z - [1.0, -1.0])
    >>> found = descend(bowl, np.full(2, 3.0), np.zeros(2), np.full(2, 9.0), 50)
    >>> found.round(6).tolist()
    [1.0, 0.0]
    """
    from scipy.optimize import minimize

    options: Any = {"maxiter": steps, "maxfun": 2 * steps, "maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0}
    bounds: Any = np.column_stack([low, high])
    run: Any = minimize
    found = run(objective, z, jac=True, method="L-BFGS-B", bounds=bounds, callback=after, options=options)
    return np.asarray(found.x, dtype=np.float64)
