"""The one form in which the interior point takes every problem with an eigenvalue in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gossipsim.arrays import Floats, Integers


@dataclass(frozen=True, eq=False)
class Statement:
    """Minimise c^T q - reward a over q >= 0 and a, subject to

        L(E q) - a P >= 0,    R_e(E q) <= a for all e (with `resistance`),    A q <= B,

    with P the projection on zero-mean vectors of n nodes and lam = E q the rates of the m edges.

    Attributes
    ----------
    n : int
        Number of nodes.
    edges : array (m, 2)
        The edges.
    E : sparse (m, k)
        Every column has one entry, one, or none at all.
    c : array (k,)
        The cost of q.
    reward : float
        What a earns.
    resistance : bool
        Whether the resistances are bounded by a.
    A, B : sparse (r, k) and array (r,)
        Rows A q <= B.
    start : array (k,)
        A positive q to start from.
    """  # fmt: skip  # noqa: D400

    n: int
    edges: Integers
    E: Any
    c: Floats
    reward: float
    resistance: bool
    A: Any
    B: Floats
    start: Floats

    @property
    def m(self) -> int:
        """Number of edges."""
        return len(self.edges)

    @property
    def plain(self) -> bool:
        """Whether q are the rates themselves."""
        return self.E is None

    def rates(self, q: Floats) -> Floats:
        """Return lam = E q (m,)."""
        return q if self.E is None else np.asarray(self.E @ q)

    def back(self, values: Floats) -> Floats:
        """Return E^T values (k,)."""
        return values if self.E is None else np.asarray(self.E.T @ values)
