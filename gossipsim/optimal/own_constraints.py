"""A user's own cvxpy constraints on rates: linear ones become rows, so that they enter the proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError, shown
from gossipsim.optimal.conic import import_cvxpy
from gossipsim.optimal.limits import Limits
from gossipsim.optimal.program import Program


def rows_of(program: Program, constraints: Callable[[Any], list[Any]]) -> tuple[Program, bool]:
    """Return the program with all linear constraints added as rows, and whether nonlinear ones are left over.

    Parameters
    ----------
    program : Program
        m edges.
    constraints : callable
        Maps a cvxpy expression of shape (m,), the rates, to a list of constraints on it.

    Raises
    ------
    ScenarioError
        Something else than a list of cvxpy constraints.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> program = Program.build(Graph.build("path", n=3))
    >>> wider, curved = rows_of(program, lambda lam: [lam[0] >= 1.5, lam[1] == 2])
    >>> wider.A.toarray().tolist(), wider.B.tolist(), curved
    ([[-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [-1.5, 2.0, -2.0], False)
    """
    cp = import_cvxpy()
    if program.criterion == "averaging_time":
        raise ScenarioError(
            "averaging_time with a constraint",
            key=("constraints",),
            allowed="averaging_time alone: its budget is its own",
        )
    lam = cp.Variable(program.m)
    given = constraints(lam)
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, cp.Constraint) for one in given):
        raise ScenarioError(f"given {shown(given)}", key=("constraints",), allowed="a list of cvxpy constraints")
    parts: list[tuple[Floats, Floats]] = []
    curved = False
    for one in given:
        linear = isinstance(
            one, (cp.constraints.Inequality, cp.constraints.Equality, cp.constraints.Zero, cp.constraints.NonPos)
        )
        if not linear or not one.expr.is_affine() or {v.id for v in one.variables()} != {lam.id}:
            curved = True
            continue
        A, B = _affine(one.expr, lam)
        parts.append((A, B))
        if isinstance(one, (cp.constraints.Equality, cp.constraints.Zero)):
            parts.append((-A, -B))
    if not parts:
        return program, curved
    return replace(program, limits=_joined(program, parts)), curved


def violation(constraints: Callable[[Any], list[Any]], lam: Floats) -> float | None:
    """Return by how much rates (m,) break the worst constraint; None when a variable besides them has no value.

    Examples
    --------
    >>> round(violation(lambda lam: [lam[0] >= 1.5, lam <= 1.8], np.array([1.0, 2.0])), 9)
    0.5
    """
    at = import_cvxpy().Variable(len(lam))
    at.value = lam
    try:
        return max((float(np.max(one.violation())) for one in constraints(at)), default=0.0)
    except ValueError:
        return None


def _affine(expression: Any, lam: Any) -> tuple[Floats, Floats]:
    """Return A and B with expression <= 0 if and only if A lam <= B, by evaluation at zero and at the unit vectors."""
    m = lam.shape[0]
    lam.value = np.zeros(m)
    constant = np.asarray(expression.value, dtype=np.float64).ravel()
    columns = []
    for e in range(m):
        lam.value = np.eye(1, m, e).ravel()
        columns.append(np.asarray(expression.value, dtype=np.float64).ravel() - constant)
    return np.stack(columns, axis=1), -constant


def _joined(program: Program, parts: list[tuple[Floats, Floats]]) -> Limits:
    from scipy.sparse import csr_array, vstack

    rows = [csr_array(A) for A, _ in parts]
    sides = [B for _, B in parts]
    A = csr_array(vstack([program.limits.A, *rows]))
    B = np.concatenate([program.limits.B, *sides])
    return Limits(A, B, (*program.limits.kinds, ("constraints", sum(map(len, sides)))))
