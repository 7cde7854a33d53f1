"""Limits on rates as linear rows A lam <= B: per node, per edge, from below, and the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, frozen, numbers
from gossipsim.errors import ScenarioError, shown
from gossipsim.graph import Graph
from gossipsim.optimal.linear_program import least

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Limits:
    """Rows A lam <= B on the rates of m edges.

    Attributes
    ----------
    A : sparse (k, m)
        The rows, caps first.
    B : array (k,)
        The right-hand side.
    kinds : tuple of (str, int)
        Which argument gave the rows, and how many: node_cap (n), edge_cap (m), minimum (m), linear.

    Examples
    --------
    >>> limits = Limits.build(Graph.build("path", n=3), edge_cap=2.0, minimum=[0.5, 0.0])
    >>> limits.kinds, limits.B.tolist()
    ((('edge_cap', 2), ('minimum', 2)), [2.0, 2.0, -0.5, -0.0])
    >>> limits.excess(np.array([3.0, 1.0]))
    1.0
    """

    A: csr_array[Any]
    B: Floats
    kinds: tuple[tuple[str, int], ...]

    @classmethod
    def build(
        cls,
        graph: Graph,
        node_cap: ArrayLike | None = None,
        edge_cap: ArrayLike | None = None,
        minimum: ArrayLike | None = None,
        linear: tuple[Any, ArrayLike] | None = None,
    ) -> Limits:
        """Check the limits and write them as rows.

        Raises
        ------
        ScenarioError
            A cap that is not positive, a minimum that is negative or above a cap, rows of the wrong shape.
        """
        from scipy.sparse import csr_array, eye_array, vstack

        m, parts, sides = graph.m, [], []
        kinds: list[tuple[str, int]] = []

        def add(kind: str, rows: Any, side: Floats) -> None:
            parts.append(rows)
            sides.append(side)
            kinds.append((kind, len(side)))

        lowest = None if minimum is None else _spread(minimum, "minimum", m, positive=False)
        touches = abs(graph.incidence()).T
        if node_cap is not None:
            cap = _spread(node_cap, "node_cap", graph.n)
            add("node_cap", touches, cap)
            _refuse_minimum(lowest if lowest is None else touches @ lowest, cap, "node_cap", "node")
        if edge_cap is not None:
            cap = _spread(edge_cap, "edge_cap", m)
            add("edge_cap", eye_array(m), cap)
            _refuse_minimum(lowest, cap, "edge_cap", "edge")
        if lowest is not None:
            add("minimum", -eye_array(m), -lowest)
        if linear is not None:
            add("linear", *_own_rows(linear, m))
        A = csr_array(vstack(parts)) if parts else csr_array((0, m))
        return cls(A, np.asarray(frozen(np.concatenate(sides))) if sides else np.zeros(0), tuple(kinds))

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.B)

    @property
    def names(self) -> str:
        """The arguments that gave the rows."""
        return ", ".join(kind for kind, _ in self.kinds)

    def excess(self, lam: Floats) -> float:
        """Return the largest violation max(A lam - B), negative when lam (m,) is strictly inside; -inf without rows."""
        return float((self.A @ lam - self.B).max()) if self.count else -np.inf

    def rows_of(self, kind: str) -> slice:
        """Return where the rows of one argument stand; empty when it was not given."""
        start = 0
        for name, size in self.kinds:
            if name == kind:
                return slice(start, start + size)
            start += size
        return slice(0, 0)

    def check_budget(self, cost: Floats, total: float) -> None:
        """Refuse limits that no rates of cost at most `total` satisfy."""
        if not self.count:
            return
        lam, fault = least(cost, self.A, self.B, 0.0, np.inf)
        if fault == "infeasible":
            raise ScenarioError(f"no rates satisfy {self.names}", key=(self.kinds[-1][0],))
        needed = 0.0 if lam is None else float(cost @ lam)
        if needed > total * (1 + 1e-12):
            raise ScenarioError(
                f"rates that satisfy {self.names} cost at least {needed:.6g}, more than the total {total:g}",
                key=("total",),
                allowed=f"a total of at least {needed:.6g}",
            )


def number(value: Any, name: str) -> float:
    """Return a finite number; `name` is the key of a fault.

    Examples
    --------
    >>> number("1e3", "total")
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: total: given '1e3'; allowed: a finite number
    """
    found = float(value) if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf" else np.nan
    if not np.isfinite(found):
        raise ScenarioError(f"given {shown(value)}", key=(name,), allowed="a finite number")
    return found


def _spread(values: ArrayLike, name: str, size: int, *, positive: bool = True) -> Floats:
    given = np.asarray(values)
    found = np.full(size, number(values, name)) if given.ndim == 0 else numbers(values, name, (size,))
    wrong = found <= 0 if positive else found < 0
    if wrong.any():
        row = int(wrong.argmax())
        key = (name, row) if given.ndim else (name,)
        raise ScenarioError(f"{name} {found[row]:g}", key=key, allowed=f"numbers {'>' if positive else '>='} 0")
    return found


def _refuse_minimum(lowest: Floats | None, cap: Floats, name: str, place: str) -> None:
    if lowest is None or not (lowest > cap).any():
        return
    row = int((lowest > cap).argmax())
    raise ScenarioError(
        f"the minimum rates at {place} {row} are {lowest[row]:g}, above its cap {cap[row]:g}",
        key=("minimum",),
        allowed=f"minimum rates within {name}",
    )


def _own_rows(linear: tuple[Any, ArrayLike], m: int) -> tuple[Any, Floats]:
    from scipy.sparse import csr_array, issparse

    allowed = f"a pair (A, B) with A of shape (k, {m}) and B of shape (k,)"
    if not isinstance(linear, (tuple, list)) or len(linear) != 2:
        raise ScenarioError(f"given {shown(linear)}", key=("linear",), allowed=allowed)
    A, B = linear
    try:
        given: Any = A if issparse(A) else np.atleast_2d(np.asarray(A, dtype=np.float64))
        rows = csr_array(given)
    except (TypeError, ValueError):
        raise ScenarioError(f"given {shown(A)}", key=("linear",), allowed=allowed) from None
    side = np.atleast_1d(np.asarray(B, dtype=np.float64))
    if rows.shape != (len(side), m) or side.ndim != 1:
        shapes = f"given A of shape {rows.shape} and B of shape {side.shape}"
        raise ScenarioError(shapes, key=("linear",), allowed=allowed)
    if not (np.isfinite(rows.data).all() and np.isfinite(side).all()):
        raise ScenarioError("a row that is not finite", key=("linear",), allowed="finite numbers")
    return rows.astype(np.float64), side
