"""Arrays from outside: checked, copied, made read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.errors import ScenarioError, shown

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def edge_array(edges: ArrayLike) -> Integers:
    """Return pairs of node numbers as integers, shape (m, 2).

    Examples
    --------
    >>> edge_array([]).shape
    (0, 2)
    """
    try:
        pairs = np.asarray(edges)
    except ValueError:
        raise ScenarioError("edges of unequal length", key=("edges",), allowed="pairs of node numbers") from None
    if pairs.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        given = f"an array of shape {pairs.shape} and type {pairs.dtype}"
        raise ScenarioError(f"given {given}", key=("edges",), allowed="pairs of whole node numbers, shape (m, 2)")
    return pairs.astype(np.int64)


def numbers(values: ArrayLike, name: str, shape: tuple[int, ...], least: float = -np.inf) -> Floats:
    """Return a copy of `values` with this shape, finite and at least `least`; `name` is the key of a fault.

    Examples
    --------
    >>> numbers([1, 2], "rates", (2,)).tolist()
    [1.0, 2.0]
    >>> numbers(np.nan, "total", ())
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: total: total nan; allowed: finite numbers
    """
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ScenarioError(f"given {shown(values)}", key=(name,), allowed=f"numbers, shape {shape}") from None
    if found.shape != shape:
        raise ScenarioError(f"given shape {found.shape}", key=(name,), allowed=f"shape {shape}")
    wrong = ~np.isfinite(found) | (found < least)
    if wrong.any():
        row = np.argwhere(wrong)[0][:1].tolist()
        allowed = "finite numbers" + (f" >= {least:g}" if np.isfinite(least) else "")
        raise ScenarioError(f"{name} {found[wrong][0]:g}", key=(name, *row), allowed=allowed)
    return found


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, made read-only."""
    array.flags.writeable = False
    return array
