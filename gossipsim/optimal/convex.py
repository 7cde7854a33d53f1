"""The optimal-rate problems written out for a general conic solver: the readable statement, and a check on the others.

Write P = I - J, J = 11^T/n, L = L(lam). The condition 2 chi_1 chi_2 = max_e R_e / lambda_2 <= 1 says that some a lies
between: R_e <= a <= lambda_2 for all e. Both halves are linear matrix inequalities, so nothing is relaxed:

- lambda_2 >= a is L - a P + J >= 0. Without J the matrix would have the kernel 1, hence no interior.
- R_e = b_e^T (L + J)^{-1} b_e, because J adds nothing on vectors of zero sum. By Schur complements [[M, I], [I, L + J]]
  >= 0 is M >= (L + J)^{-1}; so R_e <= a for all e if and only if such an M has b_e^T M b_e <= a for all e.

The total effective resistance n tr L^+ = n (tr (L + J)^{-1} - 1) <= n (tr M - 1) is bounded by the same block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import Refused, ScenarioError, nearest, shown
from gossipsim.optimal import certificate
from gossipsim.optimal.answer import Found
from gossipsim.optimal.conic import import_cvxpy, laplacian_map, solve_conic
from gossipsim.optimal.feasible import centre, inside
from gossipsim.optimal.orbits import Symmetry, joined, symmetry
from gossipsim.optimal.own_constraints import rows_of
from gossipsim.optimal.potentials import best_potentials, square_root, values_of_potentials
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.watch import spent

LARGEST = 60
"""A general solver needs minutes beyond so many nodes, and gigabytes."""
FORMS = ("one_block", "edge_blocks")
_FEW_ORBITS = 12
_MARGIN = 5e-8
"""Part of the condition that is given up within limits, where rates cannot be scaled afterwards."""


def solve(
    program: Program,
    constraints: Callable[[Any], list[Any]] | None = None,
    *,
    form: str | None = None,
    orbits: bool = True,
    force: bool = False,
) -> Found:
    """Solve a program of rates in cvxpy with Clarabel, and bound it by the dual point that comes with the solution.

    dadao, with the cost c and the user's rows A lam <= B:

        minimise c^T lam  s.t.  L(lam) - a P + J >= 0,  [[M, I], [I, L(lam) + J]] >= 0,  b_e^T M b_e <= a,  lam >= 0.

    fastest_mixing maximises a under the first inequality; total_resistance minimises n (tr M - 1) under the second;
    both keep c^T lam <= total. averaging_time maximises a over lam_ij = (P_ij + P_ji) / n, P >= 0 with row sums at most
    one. Edges that the symmetries of the graph exchange share a variable and a resistance constraint: averaging
    optimal rates over the group keeps them optimal, because the problem is convex.

    Parameters
    ----------
    program : Program
        n nodes, m edges, k rows.
    constraints : callable, optional
        Maps the cvxpy expression lam (m,) to a list of convex constraints. Linear ones become rows and enter the
        proof; for others the bound is the one without them, and `words` says so.
    form : str, optional
        dadao only. "one_block" as above, or "edge_blocks" with [[L + J, b_e], [b_e^T, a]] >= 0 for each edge, which is
        quicker when symmetry leaves few; default the quicker.
    orbits : bool
        Whether to use symmetry. Only automorphisms that keep cost and rows are used, none with nonlinear constraints.
    force : bool
        Whether to try more than 60 nodes.

    Returns
    -------
    Found
        Rates clipped and scaled to feasibility; the bound is proved from the dual point by `certificate` and holds
        whatever the solver did.

    Raises
    ------
    Refused
        More than 60 nodes without `force`, no cvxpy installed, or a solver that broke down.
    ScenarioError
        No rates satisfy the constraints, or an unknown form.

    References
    ----------
    A. Nabli, E. Oyallon, "DADAO", ICML 2023 (the condition); S. Boyd, "Convex optimization of graph Laplacian
    eigenvalues", ICM 2006; A. Ghosh, S. Boyd, A. Saberi, "Minimizing effective resistance of a graph", SIAM Review 50,
    2008; S. Boyd, A. Ghosh, B. Prabhakar, D. Shah, "Randomized gossip algorithms", 2006, section III.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> found = solve(Program.build(Graph.build("path", n=3)))
    >>> found.lam.round(5).tolist(), round(found.bound, 5)
    ([1.0, 1.0], 2.0)
    """
    if form is not None and form not in FORMS:
        hint = nearest(form, FORMS)
        raise ScenarioError(f"unknown form {shown(form)}", key=("form",), allowed=", ".join(FORMS), hint=hint)
    if program.n > LARGEST and not force:
        raise Refused(
            f"the general conic solver is too slow for {program.n} nodes (at most {LARGEST}); "
            "method='interior_point' solves the same problem when all constraints are linear"
        )
    import_cvxpy()
    words, curved = "", False
    if constraints is not None:
        program, curved = rows_of(program, constraints)
        if curved:
            words = (
                "the bound is proved for the problem without the nonlinear constraints, so the gap includes their price"
            )
    group = _kept(program) if orbits and not curved and program.n <= 4 * LARGEST else None
    stated = _Statement(program, group, form)
    try:
        return stated.found(constraints if curved else None, words)
    except ScenarioError:
        if program.criterion == "dadao" and constraints is None:
            inside(program)  # says which limits would be enough
        raise


@dataclass(frozen=True, eq=False)
class _Rows:
    """The automorphisms that keep cost and limits, and what they do to the rows."""

    group: Symmetry
    row_orbits: Integers


class _Statement:
    """One program in cvxpy, in units in which lambda_2 of equal rates is one."""

    def __init__(self, program: Program, kept: _Rows | None, form: str | None) -> None:
        cp = import_cvxpy()
        self.program, self.kept = program, kept
        n, m = program.n, program.m
        self.orbit = np.arange(m) if kept is None else kept.group.edge_orbits
        self.first = np.unique(self.orbit, return_index=True)[1]
        start = program.uniform * (_start(program) if program.criterion == "dadao" else 1.0)
        self.mean = float(start.mean())
        self.unit = evaluate(_mixing(program), start)
        self.form = form or ("edge_blocks" if len(self.first) <= _FEW_ORBITS else "one_block")
        self.u = cp.Variable(len(self.first), nonneg=True)
        self.lam = self.mean * self.u[self.orbit]
        self.J = np.full((n, n), 1.0 / n)
        self.L = cp.reshape((self.mean / self.unit) * (laplacian_map(program.graph) @ self.u[self.orbit]), (n, n), "F")
        self.a = cp.Variable()  # in units of `unit`
        self.mixing = self.L - self.a * (np.eye(n) - self.J) + self.J >> 0
        self.curved = False
        self.limits: Any = None
        self.constraints: list[Any] = []
        if program.A is not None:
            self.limits = program.A @ self.lam <= program.B
            self.constraints = [self.limits]

    def found(self, constraints: Callable[[Any], list[Any]] | None, words: str) -> Found:
        """Solve, make the rates feasible, and prove the bound."""
        if constraints is not None:
            self.curved = True
            self.constraints += constraints(self.lam)
        state = {
            "dadao": self._dadao,
            "fastest_mixing": self._fastest_mixing,
            "total_resistance": self._total_resistance,
            "averaging_time": self._averaging_time,
        }
        objective, prove = state[self.program.criterion]()
        remark = solve_conic(objective, self.constraints)
        iterations = remark.iterations
        words = "; ".join(filter(None, [words, remark.words]))
        if self.program.criterion == "averaging_time":
            wake = self._wake_feasible()
            lam = wake.sum(axis=1) / self.program.n
            return Found(lam, prove(lam), iterations, words, wake)
        lam = self._feasible(np.maximum(np.asarray(self.lam.value), 0.0))
        return Found(lam, prove(lam), iterations, words, fixed=self.curved)

    def _dadao(self) -> tuple[Any, Callable[[Floats], float]]:
        cp = import_cvxpy()
        n, edges = self.program.n, self.program.edges[self.first]
        most = self.unit**2 * self.a * (1.0 - _MARGIN if self.bound else 1.0)
        self.constraints.append(self.mixing)
        if self.form == "one_block":
            M = cp.Variable((n, n), symmetric=True)
            i, j = edges.T
            resistance = cp.diag(M)[i] + cp.diag(M)[j] - 2 * M[i, j] <= most
            block = self._inverse_block(M)
            self.constraints += [block, resistance]

            def potentials() -> Floats:
                # the dual block is [[L(rho), -H], [-H^T, Y]], and Y sums up the energies of the potentials
                Y = np.asarray(block.dual_value)[n:, n:]
                return best_potentials(self.program, self.first, Y, np.asarray(resistance.dual_value).reshape(-1))
        else:
            blocks = [self._edge_block(i, j, most) for i, j in edges.tolist()]
            self.constraints += blocks

            def potentials() -> Floats:
                last = np.stack([np.asarray(block.dual_value)[-1] for block in blocks], axis=1)
                return np.asarray(last[:-1] / np.sqrt(np.maximum(last[-1], np.finfo(float).tiny)))

        def prove(lam: Floats) -> float:
            x = certificate.mixing_values(self.program, self._X())
            y = values_of_potentials(self.program, self.first, potentials())
            return certificate.dadao_bound_from_values(self.program, x, self._over_orbits(y), self._nu(1.0))

        return cp.Minimize(self.program.cost @ self.lam), prove

    def _edge_block(self, i: int, j: int, most: Any) -> Any:
        cp = import_cvxpy()
        b = np.zeros((self.program.n, 1))
        b[i], b[j] = 1.0, -1.0
        return cp.bmat([[self.L + self.J, b], [b.T, cp.reshape(most, (1, 1), "F")]]) >> 0

    def _fastest_mixing(self) -> tuple[Any, Callable[[Floats], float]]:
        cp = import_cvxpy()
        self.constraints += [self.mixing, self._budget()]

        def prove(lam: Floats) -> float:
            return certificate.fastest_mixing_bound(self.program, self._X(), self._nu(self.unit))

        return cp.Maximize(self.a), prove

    def _total_resistance(self) -> tuple[Any, Callable[[Floats], float]]:
        cp = import_cvxpy()
        n = self.program.n
        M = cp.Variable((n, n), symmetric=True)
        block = self._inverse_block(M)
        self.constraints += [block, self._budget()]

        def prove(lam: Floats) -> float:
            # the dual block is [[I, -G], [-G, G^2]] with G = L^+ in units of 1 / unit; G^2 is its most accurate part
            G = square_root(self._over_group(np.asarray(block.dual_value)[n:, n:]))
            return certificate.total_resistance_bound(self.program, G, self._nu(self.unit))

        return cp.Minimize(cp.trace(M)), prove

    def _averaging_time(self) -> tuple[Any, Callable[[Floats], float]]:
        cp = import_cvxpy()
        program = self.program
        self.wake = cp.Variable((program.m, 2), nonneg=True)
        ends = program.graph.incidence()
        leaves, enters = (ends > 0).astype(float).T, (ends < 0).astype(float).T
        self.constraints += [
            self.mixing,
            leaves @ self.wake[:, 0] + enters @ self.wake[:, 1] <= 1,
            self.lam == cp.sum(self.wake, axis=1) / program.n,
        ]

        def prove(lam: Floats) -> float:
            return certificate.averaging_bound(program, self._X())

        return cp.Maximize(self.a), prove

    def _budget(self) -> Any:
        return self.program.cost @ self.lam <= self.program.total

    def _inverse_block(self, M: Any) -> Any:
        n = self.program.n
        return import_cvxpy().bmat([[M, np.eye(n)], [np.eye(n), self.L + self.J]]) >> 0

    def _X(self) -> Floats:
        return self._over_group(np.asarray(self.mixing.dual_value))

    def _over_group(self, M: Floats) -> Floats:
        M = (M + M.T) / 2
        return M if self.kept is None else self.kept.group.averaged(M)

    def _over_orbits(self, values: Floats) -> Floats:
        # what bounds all rates also does so after edges are exchanged, and so does the mean
        return np.asarray((np.bincount(self.orbit, values) / np.bincount(self.orbit))[self.orbit])

    def _nu(self, unit: float) -> Floats | None:
        if self.limits is None:
            return None
        nu: Floats = unit * np.maximum(np.asarray(self.limits.dual_value).reshape(-1), 0.0)
        if self.kept is None:
            return nu
        orbit = self.kept.row_orbits
        return np.asarray((np.bincount(orbit, nu) / np.bincount(orbit))[orbit])

    @property
    def bound(self) -> bool:
        """Whether something besides the condition binds the rates, so that they cannot be scaled freely."""
        return self.curved or self.limits is not None

    def _feasible(self, lam: Floats) -> Floats:
        program = self.program
        if program.criterion != "dadao":
            if self.curved:
                return lam * min(1.0, program.total / float(program.cost @ lam))
            return spent(program, lam, _centre(program))[0]
        factor = evaluate(program, lam) / float(program.cost @ lam)
        # within limits, rates that meet the condition with room to spare stay as they are
        return np.asarray(lam * (max(1.0, factor) if self.bound else factor))

    def _wake_feasible(self) -> Floats:
        wake = np.maximum(np.asarray(self.wake.value), 0.0)
        sums = np.bincount(self.program.edges.ravel(), wake.ravel(), self.program.n)
        return np.asarray(wake / max(1.0, float(sums.max())))


def _start(program: Program) -> float:
    """Return the factor that makes uniform rates meet DADAO's condition."""
    return evaluate(program, program.uniform) / program.total


def _mixing(program: Program) -> Program:
    return Program.build(program.graph, "fastest_mixing")


def _centre(program: Program) -> Floats | None:
    if not program.limits.count:
        return None
    try:
        return centre(program)
    except ScenarioError:
        return None  # limits without an interior, such as equations


def _kept(program: Program) -> _Rows | None:
    """Return the symmetries of the graph that cost and rows share, or None when there are none."""
    group = symmetry(program.graph, program.cost)
    if program.A is None:
        return _Rows(group, np.zeros(0, dtype=np.int64)) if len(group.generators) else None
    rows = np.column_stack([program.A.toarray(), program.B])
    order = np.lexsort(rows.T)
    moved_rows, keeps = [], []
    for moved in group.edge_permutations:
        image = rows.copy()
        image[:, moved] = rows[:, :-1]
        image_order = np.lexsort(image.T)
        keeps.append(np.array_equal(rows[order], image[image_order]))
        to = np.empty(len(rows), dtype=np.int64)
        to[image_order] = order
        moved_rows.append(to)
    if not any(keeps):
        return None
    chosen = np.array([to for to, keep in zip(moved_rows, keeps, strict=True) if keep])
    return _Rows(group.keeping(keeps), joined(len(rows), chosen))
