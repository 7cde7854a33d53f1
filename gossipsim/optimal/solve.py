"""`optimal_rates`: one call, several routes, and an answer whose value, feasibility and gap are computed afresh."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, frozen
from gossipsim.errors import Refused, ScenarioError, nearest, shown
from gossipsim.optimal import single_edge
from gossipsim.optimal.answer import Found, OptimalRates
from gossipsim.optimal.linear_program import least
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.watch import Progress

METHODS = ("auto", "interior_point", "sdp", "first_order")

NODES, EDGES = 2500, 6000
"""Beyond these the interior point takes longer than the first-order method takes to a useful gap."""

FEASIBLE = 1e-9
"""Relative excess over a limit that is put down to rounding."""

SMALL = 500
"""Nodes up to which an answer keeps its dual point, two n x n matrices."""

ROUGHLY = 1e-6
"""Excess over a nonlinear constraint, relative to the mean rate, that is put down to the conic solver."""

OwnConstraints = Callable[[Any], list[Any]]
"""Maps the cvxpy expression of the rates to constraints on it."""


def optimal_rates(
    graph: Any,
    criterion: str = "dadao",
    *,
    total: float = 1.0,
    cost: ArrayLike | None = None,
    node_cap: ArrayLike | None = None,
    edge_cap: ArrayLike | None = None,
    minimum: ArrayLike | None = None,
    linear: tuple[Any, ArrayLike] | None = None,
    constraints: OwnConstraints | None = None,
    tol: float = 1e-6,
    method: str = "auto",
    prune: bool = False,
    progress: Progress | None = None,
) -> OptimalRates:
    r"""Return the best rates of a graph's edges, with a proof of how close to the best they are.

    dadao: minimise c^T lam over rates lam >= 0 with 2 chi_1 chi_2 <= 1, that is max_e R_e(lam) <= lambda_2(lam), a convex
    set; the answer's `demanded` are these rates, its `rates` the same in proportion with c^T rates = total. The
    maximum is over all edges of the graph, those of rate zero too; `prune` looks for edges to leave out.
    fastest_mixing maximises lambda_2, total_resistance minimises n tr L^+, both with c^T lam <= total; averaging_time
    minimises lambda_2(W) of randomized gossip, W = I - L(lam) / 2, n lam_e = P_ij + P_ji, row sums of P at most one.

    Parameters
    ----------
    graph : Graph or networkx.Graph
        Connected, n >= 2 nodes, m edges.
    criterion : str
        dadao, fastest_mixing, total_resistance or averaging_time.
    total : float
        Cost of the returned rates: exchanges per unit time when every exchange costs one.
    cost : array (m,), optional
        Cost c_e > 0 of an exchange on each edge.
    node_cap, edge_cap, minimum : float or array, optional
        Most exchanges per unit time at each node (n,), most and fewest on each edge (m,). For dadao they bind the rates
        that meet the condition (`demanded`), else the rates of cost `total`.
    linear : (A, B), optional
        Further limits A lam <= B on the same rates, A (k, m) dense or sparse, B (k,).
    constraints : callable, optional
        Maps a cvxpy expression (m,), the same rates, to a list of convex constraints. Linear ones become rows and enter the
        proof, with any method. Nonlinear ones need the method sdp (n up to 60): the bound is then the one without them,
        and the gap includes their price.
    tol : float
        Relative gap to be proved.
    method : str
        auto, interior_point (n up to about 2000), sdp (the readable statement in cvxpy, small graphs) or first_order.
    prune : bool
        Count only edges of positive rate in max_e R_e and look for edges to leave out (dadao only).
    progress : callable, optional
        Called with the fraction done (None when unknown) and a short text.

    Raises
    ------
    ScenarioError
        A graph without rates to choose, an unknown criterion or method, a cost or limit of the wrong shape or range,
        limits that no rates meet: the message says what would be enough.
    Refused
        A graph too large for the chosen method.

    References
    ----------
    A. Nabli, E. Oyallon, "DADAO: Decoupled Accelerated Decentralized Asynchronous Optimization", ICML 2023.
    S. Boyd, A. Ghosh, B. Prabhakar, D. Shah, "Randomized gossip algorithms", IEEE Trans. Information Theory 52, 2006.
    J. Sun, S. Boyd, L. Xiao, P. Diaconis, "The fastest mixing Markov process on a graph", SIAM Review 48, 2006.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> answer = optimal_rates(Graph.build("barbell", n=8))
    >>> round(answer.value, 4), round(answer.uniform_value, 4), answer.status
    (13.2054, 21.8418, 'certified')
    >>> bounded = optimal_rates(Graph.build("barbell", n=8), constraints=lambda lam: [lam[6] <= 2.5])
    >>> round(bounded.value, 4), round(float(bounded.demanded[6]), 4), bounded.status
    (13.2214, 2.5, 'certified')
    """
    began = time.perf_counter()
    if method not in METHODS:
        hint = nearest(method, METHODS)
        raise ScenarioError(f"unknown method {shown(method)}", key=("method",), allowed=", ".join(METHODS), hint=hint)
    program = Program.build(
        graph,
        criterion,
        total=total,
        cost=cost,
        node_cap=node_cap,
        edge_cap=edge_cap,
        minimum=minimum,
        linear=linear,
        tol=tol,
    )
    if prune:
        if constraints is not None:
            raise ScenarioError("prune with constraints", key=("prune",), allowed="dadao without limits")
        return _pruned(program, progress)
    if constraints is not None:
        program, found, route = _constrained(program, constraints, method, progress)
        return judged(program, found, route, began)
    found, route = _solved(program, method, progress)
    return judged(program, found, route, began)


def _solved(program: Program, method: str, progress: Progress | None) -> tuple[Found, str]:
    if program.m == 1:
        return single_edge.solve(program), "closed form"
    route = _route(program) if method == "auto" else method
    if route == "sdp":
        from gossipsim.optimal import convex

        return convex.solve(program), route
    if route == "first_order":
        from gossipsim.optimal import first_order

        return first_order.solve(program, progress), route
    from gossipsim.optimal import structured

    return structured.solve(program, progress), "interior_point"


def _constrained(
    program: Program, constraints: OwnConstraints, method: str, progress: Progress | None
) -> tuple[Program, Found, str]:
    """Return the program with the linear constraints as rows, what was found, and the route."""
    from gossipsim.optimal import convex
    from gossipsim.optimal.own_constraints import rows_of, violation

    wider, curved = rows_of(program, constraints)
    if curved and method not in {"auto", "sdp"}:
        raise ScenarioError(f"{method} with nonlinear constraints", key=("method",), allowed="auto, sdp")
    if not (curved or method == "sdp" or (method == "auto" and program.n <= convex.LARGEST)):
        return wider, *_solved(wider, method, progress)
    found = convex.solve(program, constraints)
    if not curved:
        return wider, found, "sdp"
    # the dual point of the whole problem proves little about the one without the nonlinear constraints
    bound = convex.solve(wider).bound
    words, broken = found.words, violation(constraints, found.lam)
    if broken is None:
        words += "; the constraints hold further variables and were not checked again"
    elif broken > ROUGHLY * float(found.lam.mean()):
        words += f"; the rates exceed a constraint by {broken:.1e}"
    best = min(found.bound, bound) if program.maximised else max(found.bound, bound)
    return wider, replace(found, bound=best, words=words), "sdp"


def _route(program: Program) -> str:
    import psutil

    n, variables = program.n, program.m * (2 if program.criterion == "averaging_time" else 1)
    memory = 8 * (4 * variables**2 + 16 * n**2)
    small = n <= NODES and variables <= EDGES and memory < 0.8 * psutil.virtual_memory().available
    return "interior_point" if small else "first_order"


def _pruned(program: Program, progress: Progress | None) -> OptimalRates:
    if program.criterion != "dadao" or program.limits.count:
        raise ScenarioError("prune with limits or another criterion", key=("prune",), allowed="dadao without limits")
    from gossipsim.optimal import prune

    return prune.prune(program.graph, total=program.total, cost=program.cost, tol=program.tol, progress=progress)


def judged(program: Program, found: Found, route: str, began: float) -> OptimalRates:
    """Return the answer for what a solver found: value, feasibility and gap are computed here, not taken from it.

    Parameters
    ----------
    program : Program
        What was asked.
    found : Found
        Rates and a proved bound.
    route : str
        The name of the solver.
    began : float
        When the search began, by `time.perf_counter`.
    """
    lam = np.maximum(np.asarray(found.lam, dtype=np.float64), 0.0)
    rates, demanded, wake = lam, None, None
    faults = [found.words] if found.words else []
    if program.criterion == "dadao":
        lam, value = demanded_rates(program, lam, found.fixed)
        demanded, rates = frozen(lam), lam * (program.total / value)
    elif program.criterion == "averaging_time":
        wake, lam = _wake(program, found)
        value = evaluate(program, lam)
        rates = lam * (program.total / float(lam.sum()))
    else:
        spent = float(program.cost @ lam)
        full = lam * (program.total / spent)
        # whatever the limits leave of the budget is spent; more than the budget never is
        loose = not found.fixed and program.limits.excess(full) <= 0
        rates = lam = full if spent > program.total or loose else lam
        value = evaluate(program, lam)
    if program.limits.count:
        excess = float(((program.limits.A @ lam - program.limits.B) / _size(program, lam)).max())
        if excess > FEASIBLE:
            faults.append(f"the rates exceed a limit by {excess:.1e} of its size")
    gap = relative_gap(program, value, found.bound)
    certified = gap <= program.tol and not any("exceed" in fault for fault in faults)
    status = "certified" if certified else "; ".join([f"not certified to tol: the proved gap is {gap:.1e}", *faults])
    return OptimalRates(
        graph=program.graph,
        criterion=program.criterion,
        rates=frozen(rates),
        value=value,
        bound=float(found.bound),
        gap=gap,
        uniform_value=_uniform_value(program),
        status=status,
        method=route,
        iterations=found.iterations,
        seconds=time.perf_counter() - began,
        total=program.total,
        demanded=demanded,
        wake=wake,
        dual=found.dual if program.n <= SMALL else None,
    )


def relative_gap(program: Program, value: float, bound: float) -> float:
    """Return |value - bound| / |bound|; for averaging_time relative to 1 - bound.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> round(relative_gap(Program.build(Graph.build("path", n=3)), 2.02, 2.0), 9)
    0.01
    """
    size = abs(1.0 - bound) if program.criterion == "averaging_time" else abs(bound)
    if not (np.isfinite(bound) and np.isfinite(value)) or size == 0:
        return np.inf
    worse = bound - value if program.maximised else value - bound
    return max(0.0, worse / size)


def demanded_rates(program: Program, lam: Floats, fixed: bool = False) -> tuple[Floats, float]:
    """Return the rates in the proportions of `lam` that just meet DADAO's condition, and their cost.

    With limits that scaling down would break (minimum rates), and when `fixed`, `lam` stays as it is when it meets the
    condition.
    """
    scale = evaluate(program, lam) / float(program.cost @ lam)
    scaled = lam * scale
    if scale <= 1.0 and (fixed or program.limits.excess(scaled) > 0):
        scaled = lam
    return scaled, float(program.cost @ scaled)


def _uniform_value(program: Program) -> float:
    if program.criterion == "averaging_time":
        # calls to a uniformly random neighbour
        degree = program.graph.degree[program.edges]
        return evaluate(program, (1.0 / degree).sum(axis=1) / program.n)
    return evaluate(program, program.uniform)


def _size(program: Program, lam: Floats) -> Floats:
    return np.maximum(np.abs(program.limits.B), np.asarray(abs(program.limits.A) @ lam) + 1e-300)


def _wake(program: Program, found: Found) -> tuple[Floats, Floats]:
    """Return P (m, 2) with row sums at most one, and lam = (P_ij + P_ji) / n."""
    wake = split(program, found.lam) if found.wake is None else np.maximum(found.wake, 0.0)
    busiest = float(np.bincount(program.edges.ravel(), wake.ravel(), program.n).max())
    wake = wake / max(busiest, 1e-300)
    return frozen(wake), wake.sum(axis=1) / program.n


def split(program: Program, lam: Floats) -> Floats:
    """Return P (m, 2) with P_ij + P_ji = n lam_e and the smallest possible largest row sum, by a linear program.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> split(Program.build(Graph.build("path", n=2), "averaging_time"), np.ones(1)).tolist()
    [[1.0, 1.0]]
    """
    from scipy.sparse import csr_array, hstack

    n, m = program.n, program.m
    # the first end of edge e takes p_e, the second n lam_e - p_e
    j = program.edges[:, 1]
    every = np.arange(m)
    signs = csr_array((np.tile([1.0, -1.0], m), (program.edges.ravel(), np.repeat(every, 2))), shape=(n, m))
    whole = n * np.asarray(lam)
    rows = csr_array(hstack([signs, csr_array(-np.ones((n, 1)))]))
    side = -np.bincount(j, whole, n)
    low, high = np.append(np.zeros(m), -np.inf), np.append(whole, np.inf)
    best, fault = least(np.append(np.zeros(m), 1.0), rows, side, low, high)
    if best is None:
        raise Refused(f"the rates could not be split into calls of both ends: {fault}")
    first = best[:-1]
    return np.column_stack([first, whole - first])
