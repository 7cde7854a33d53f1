"""State as rows: one structured array row per node, per directed link, per sample, and one for the constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Fields = Mapping[str, str]
"""Field name -> "vector" (d doubles), "scalar" (a double) or "integer"."""

NODE: dict[str, str] = {"at": "scalar", "draws": "integer"}
"""What every node's row holds besides the method's fields: time of its last event, number of its gradients."""

ROUND: dict[str, str] = {"turn": "integer"}
"""What the row of a node that works in rounds holds besides: number of the turn within the round."""

LINK: dict[str, str] = {"weight": "scalar"}
"""What every directed link's row holds besides the method's fields."""


def layout(fields: Fields, dim: int) -> np.dtype[Any]:
    """Return the record type of rows with these fields; vectors have shape `(dim,)`.

    Examples
    --------
    >>> layout({"at": "scalar", "x": "vector"}, 3).itemsize
    32
    """
    kinds: dict[str, Any] = {
        "vector": (np.float64, (dim,)),
        "scalar": (np.float64, ()),
        "integer": (np.int64, ()),
    }
    for name, kind in fields.items():
        if kind not in kinds:
            raise TypeError(f"field {name!r} is a {kind!r}; allowed: {', '.join(kinds)}")
    return np.dtype([(name, *kinds[kind]) for name, kind in fields.items()])


def zeros(fields: Fields, dim: int, count: int) -> Any:
    """Return `count` rows of zeros, with fields as attributes.

    Examples
    --------
    >>> rows = zeros({"x": "vector"}, 2, 4)
    >>> rows.x.shape, rows[1].x.shape
    ((4, 2), (2,))
    """
    return np.zeros(count, dtype=layout(fields, dim)).view(np.recarray)


def constants_row(values: Mapping[str, float]) -> Any:
    """Return named numbers as an array of one row, read as `p.gamma` by the verbs.

    Examples
    --------
    >>> float(constants_row({"gamma": 0.25})[0].gamma)
    0.25
    """
    taken = [name for name in values if hasattr(np.recarray, name) or hasattr(np.record, name)]
    if taken:
        raise TypeError(f"a constant cannot be called {taken[0]!r}: rows of NumPy have an attribute of that name")
    row = zeros(dict.fromkeys(values or {"none": 0.0}, "scalar"), 1, 1)
    for name, value in values.items():
        row[name] = value
    return row
