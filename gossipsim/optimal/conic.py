"""The door to cvxpy: import it, hand a problem to Clarabel, and say in words how that went."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ACCURACY = 1e-9
"""Feasibility and gap that the solver is asked for; what it reached is always computed again."""


@dataclass(frozen=True)
class Remark:
    """Steps that the solver took, and words when it did not reach its own accuracy."""

    iterations: int
    words: str


def import_cvxpy() -> Any:
    """Return the module cvxpy.

    Raises
    ------
    Refused
        When it, or the solver Clarabel, is not installed.
    """
    try:
        import cvxpy
    except ImportError as missing:
        raise Refused(f"{missing.name} is not installed: pip install cvxpy clarabel") from None
    if importlib.util.find_spec("clarabel") is None:
        raise Refused("clarabel is not installed: pip install cvxpy clarabel")
    return cvxpy


def laplacian_map(graph: Graph) -> csr_array[Any]:
    """Return the sparse matrix (n^2, m) that maps rates lam (m,) to the entries of L(lam), shape (n, n).

    Examples
    --------
    >>> graph = Graph.build("path", n=3)
    >>> (laplacian_map(graph) @ [1.0, 2.0]).reshape(3, 3).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 3.0, -2.0], [0.0, -2.0, 2.0]]
    """
    from scipy.sparse import csr_array

    i, j = graph.edges.T
    entries = np.concatenate([i * graph.n + i, j * graph.n + j, i * graph.n + j, j * graph.n + i])
    signs = np.repeat([1.0, 1.0, -1.0, -1.0], graph.m)
    return csr_array((signs, (entries, np.tile(np.arange(graph.m), 4))), shape=(graph.n**2, graph.m))


def solve_conic(objective: Any, constraints: list[Any]) -> Remark:
    """Solve a cvxpy problem with Clarabel in place.

    Raises
    ------
    ScenarioError
        The constraints contradict each other.
    Refused
        The problem is not convex, or the solver found nothing.
    """
    cp = import_cvxpy()
    problem = cp.Problem(objective, constraints)
    accuracy = {"tol_gap_abs": ACCURACY, "tol_gap_rel": ACCURACY, "tol_feas": ACCURACY}
    with warnings.catch_warnings():
        # an inaccurate answer is put into words below, and its gap is computed anyway
        warnings.simplefilter("ignore")
        try:
            problem.solve(solver=cp.CLARABEL, **accuracy)
        except cp.error.DCPError:
            raise Refused("the constraints are not convex by cvxpy's rules") from None
        except cp.error.SolverError as fault:
            raise Refused(f"Clarabel failed: {fault}") from None
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise ScenarioError("no rates satisfy the constraints", key=("constraints",))
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise Refused(f"Clarabel stopped with the status {problem.status!r}")
    words = "" if problem.status == cp.OPTIMAL else "Clarabel reports less than its full accuracy"
    return Remark(int(problem.solver_stats.num_iters or 0), words)
