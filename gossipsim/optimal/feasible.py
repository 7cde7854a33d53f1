"""Whether limits leave any rates at all, and a point strictly inside them; what cap would be enough when they do not."""

from __future__ import annotations

from math import ceil, floor, log10

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError
from gossipsim.optimal import certificate
from gossipsim.optimal.answer import Found
from gossipsim.optimal.interior_point import Point, follow
from gossipsim.optimal.linear_program import least
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.statement import Statement
from gossipsim.optimal.watch import Watch

ENOUGH = 0.97
"""Limits that could all shrink to this part of themselves leave room enough; the search for more stops."""

TOLERANCE = 1e-7

OWN = ("linear", "constraints")
"""Kinds of rows that the user wrote."""


class _Scale(Watch):
    """The smallest t for which rates meet DADAO's condition within B + (t - 1) d; q holds the rates and t."""

    d: Floats

    def rates(self, at: Point) -> tuple[float, Floats]:
        limits = self.program.limits
        scale = float(np.sqrt(at.R.max() / at.a))
        # rates above the least ones meet the condition too, and may be what minimum rates need
        tries = [(_least_scale(limits.A @ (f * at.q[:-1]) - limits.B, self.d), f * at.q[:-1]) for f in (scale, 1.0)]
        return min(tries[: 2 if scale <= 1 else 1], key=lambda pair: pair[0])

    def proved(self, at: Point, x: Floats, y: Floats) -> float:
        nu = np.maximum(at.nu, 0.0)
        paid = float(self.d @ nu)
        if not paid > 0:
            return 0.0
        nu = nu / paid
        price = self.program.limits.A.T @ nu
        charge = float((self.program.limits.B - self.d) @ nu)
        if (price < 0).any():
            return 0.0  # tau and N would have to be negative

        def half(log_theta: float) -> float:
            theta = np.exp(log_theta)
            return float((price / np.maximum(theta * x + y / theta, 1e-300)).min())

        centre = 0.5 * float(np.log(y.sum() / x.sum()))
        found = 2 * certificate.max_concave(half, centre - 5.0, centre + 5.0) - charge
        return certificate.lowered(self.program, found, charge)

    def found(self, iterations: int, words: str) -> Found:
        assert self.q is not None
        return Found(self.q, self.bound, iterations, words)

    def __call__(self, at: Point, step: int) -> bool:
        return super().__call__(at, step) or self.loss <= ENOUGH


def _least_scale(excess: Floats, d: Floats) -> float:
    hard = d == 0
    if (excess[hard] > 0).any():
        return np.inf
    return 1.0 + float((excess[~hard] / d[~hard]).max())


def inside(program: Program) -> Floats:
    """Return rates (m,) that meet DADAO's condition strictly within the limits.

    Raises
    ------
    ScenarioError
        When there are none; it says by which factor the limits would have to grow.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> inside(Program.build(Graph.build("star", n=5), node_cap=[3.0, 2.0, 2.0, 2.0, 2.0]))
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: node_cap: no rates meet the condition of DADAO; allowed: limits 1.33334 times as large
    """
    from scipy.sparse import coo_array, csr_array, hstack

    limits = program.limits
    needed = evaluate(program, program.uniform)
    lam = program.uniform * (1.3 * needed / program.total)
    d = _slopes(program, lam)
    if not d.any():
        # only minimum rates: large enough rates meet them and the condition
        return np.maximum(1.01 * lam, 1.01 * -limits.B[limits.rows_of("minimum")] + 1e-3 * lam)
    least_rates = -limits.B[limits.rows_of("minimum")]
    if len(least_rates):
        lam = np.maximum(lam, 1.3 * least_rates)
    t = 1.2 * max(_least_scale(np.where(d > 0, limits.A @ lam - limits.B, 0.0), d), 0.1)
    A = csr_array(hstack([limits.A, coo_array(-d[:, None])]))
    cost = np.append(np.zeros(program.m), 1.0)
    E = csr_array((np.ones(program.m), (np.arange(program.m), np.arange(program.m))), shape=(program.m, program.m + 1))
    statement = Statement(program.n, program.edges, E, cost, 0.0, True, A, limits.B - d, np.append(lam, t))
    watch = _Scale(program, statement, TOLERANCE)
    watch.d = d
    follow(statement, watch)
    if watch.q is None or watch.loss >= 1.0:
        raise _too_tight(program, watch.loss, proved=watch.bound > 1.0 + TOLERANCE)
    return watch.q


def _slopes(program: Program, lam: Floats) -> Floats:
    # caps grow in proportion, minimum rates stay, a user's rows give way by their own size
    limits = program.limits
    d = np.abs(limits.B)
    d[limits.rows_of("minimum")] = 0.0
    for own in map(limits.rows_of, OWN):
        d[own] = np.maximum(d[own], 1e-3 * (abs(limits.A[own]) @ lam))
    return d


def _too_tight(program: Program, factor: float, *, proved: bool) -> ScenarioError:
    limits = program.limits
    key = (limits.kinds[0][0],)
    if not proved and any(kind in OWN for kind, _ in limits.kinds):
        # rows that can only hold with equality end here too
        reason = f"{limits.names} leave no room around rates that meet the condition of DADAO"
        return ScenarioError(reason, key=key, allowed="limits with an interior")
    caps = []
    for kind in ("node_cap", "edge_cap"):
        rows = limits.B[limits.rows_of(kind)]
        if len(rows) and np.ptp(rows) == 0:
            caps.append(f"{kind} {_above(factor * float(rows[0])):g}")
    enough = f"limits {_above(factor):g} times as large" + (f" ({', '.join(caps)})" if caps else "")
    own = any(kind in OWN for kind, _ in limits.kinds)
    return ScenarioError("no rates meet the condition of DADAO", key=key, allowed="wider limits" if own else enough)


def _above(value: float) -> float:
    # six digits, rounded up so that the number itself is enough
    unit = 10.0 ** (floor(log10(value)) - 5)
    return ceil(value / unit) * unit


def centre(program: Program) -> Floats:
    """Return positive rates (m,) of cost below the total, strictly within the limits as far as that is possible.

    The slack relative to each limit is made as large as possible by a linear program.

    Raises
    ------
    ScenarioError
        When the limits leave no rates, or no room at all around them.
    """
    from scipy.sparse import csr_array, eye_array, hstack, vstack

    limits = program.limits
    size = np.maximum(np.abs(limits.B), 1e-3 * (abs(limits.A) @ program.uniform))
    rows = vstack(
        [
            hstack([csr_array(program.cost[None, :]), csr_array([[program.total]])]),
            hstack([limits.A, csr_array(size[:, None])]),
            hstack([-eye_array(program.m), csr_array(program.uniform[:, None])]),
        ]
    )
    side = np.concatenate([[program.total], limits.B, np.zeros(program.m)])
    aim = np.append(np.zeros(program.m), -1.0)
    low, high = np.append(np.zeros(program.m), -np.inf), np.append(np.full(program.m, np.inf), 0.5)
    best, _ = least(aim, csr_array(rows), side, low, high)
    if best is None or best[-1] <= 1e-9:
        raise ScenarioError(
            f"{limits.names} and the total {program.total:g} leave no room for positive rates on all edges",
            key=(limits.kinds[-1][0],),
            allowed="limits with an interior",
        )
    return best[:-1]
