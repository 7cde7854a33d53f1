r"""Optimal rates of large graphs under limits A lam <= B, by augmented Lagrangians around the smooth method.

Limits break homogeneity: they bind actual rates. With g the smooth logarithm of the demand (`smoothing`), convex,

    dadao:   minimise c^T lam  subject to  g(lam) <= 0 and A lam <= B;
    others:  minimise g(lam)   subject to  c^T lam <= total and A lam <= B.

A constraint r <= 0 with multiplier nu enters as ((nu + sigma r)_+^2 - nu^2) / (2 sigma) (Rockafellar, "The multiplier
method of Hestenes and Powell applied to convex programming", 1973), and (nu + sigma r)_+ is the next nu. The multipliers
of the rows price the certificate; the limits are tightened a little where the rates found still exceed them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import Refused
from gossipsim.optimal.answer import Found
from gossipsim.optimal.certificate import dadao_bound_from_values, most_of
from gossipsim.optimal.first_order import Descent
from gossipsim.optimal.multipliers import Repair
from gossipsim.optimal.program import Program
from gossipsim.optimal.quasi_newton import descend
from gossipsim.optimal.smoothing import Point
from gossipsim.optimal.watch import Progress

STAGES = ((60.0, 4), (200.0, 10), (600.0, 6), (2000.0, 6), (6000.0, 6))
"""Sharpness of each stage, and how often its multipliers are renewed."""

STEPS = 200
"""Most quasi-Newton steps between two renewals."""

SIGMA = 30.0
"""First penalty on relative violations, in units of the optimal value; it grows while they shrink too slowly."""

STEEPEST = 1e3

LEAST = 1e-9


def solve_limited(program: Program, progress: Progress | None = None) -> Found:
    """Return feasible rates and a proved bound for a program with limits.

    Raises
    ------
    Refused
        No rates within the limits were met on the way.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> from gossipsim.optimal.program import evaluate
    >>> program = Program.build(Graph.build("grid", n=16, rows=4), node_cap=3.41155, tol=1e-3)
    >>> found = solve_limited(program)
    >>> bool(found.lam.sum() / found.bound < 1.001), bool(program.limits.excess(found.lam) <= 0)
    (True, True)
    """
    free = Descent(program, progress)
    free.run()
    if program.limits.excess(free.rates) <= 0:
        # what is best without limits is best within them, and its bound needs no multipliers
        return Found(free.rates, free.bound, free.steps, free.words)
    descent = LimitedDescent(program, free, progress)
    descent.run()
    if descent.best is None:
        raise Refused("the first-order method met no rates within the limits: they may leave none; relax them a little")
    return Found(descent.best, descent.bound, free.steps + descent.steps, descent.words)


class LimitedDescent:
    """One run with limits; keeps the best feasible rates and the best certificate.

    Attributes
    ----------
    best, value : array (m,) or None, float
        The best feasible rates and what is minimised there: the cost for dadao, the logarithm of the demand otherwise.
    low : float
        A proved bound on the same.
    """

    def __init__(self, program: Program, free: Descent, progress: Progress | None = None) -> None:
        from scipy.sparse import csr_array, vstack

        self.program, self.progress = program, progress
        self.smoothing = free.smoothing
        self.dadao = program.criterion == "dadao"
        self.repair = Repair(program)
        A, B = program.limits.A, program.limits.B
        if not self.dadao:
            A = csr_array(vstack([A, csr_array(program.cost[None, :])]))
            B = np.append(B, program.total)
        self.unit = self._start(free.rates)
        # rows relative to their own size: a violation of 1e-3 is one part in a thousand
        self.size = np.maximum(np.abs(B), np.asarray(abs(A) @ self.unit) * 1e-3)
        self.A: Any = csr_array(A.multiply(1.0 / self.size[:, None]))
        self.B: Floats = B / self.size
        self.nu, self.tight = np.zeros(len(B)), np.zeros(len(B))
        self._part()
        self.sigma, self.missed = SIGMA, np.inf
        self.t, self.steps, self.words = 1.0, 0, ""
        self.best: Floats | None = None
        # without multipliers the limits are ignored, and what was proved then still holds
        self.value, self.low = np.inf, free.bound if self.dadao else free.lower

    def _start(self, lam: Floats) -> Floats:
        """Set the start and the unit of cost by the best rates without limits; return the unit of rates."""
        program = self.program
        self.worth, self.shift = 1.0, 0.0
        if self.dadao:
            point = self.smoothing.at(lam, STAGES[0][0])
            # smoothed, the demand can be out of reach under limits that the exact one meets: the difference is let off
            self.shift = point.demand - point.exact
            self.worth = float(program.cost @ lam)
        unit = float(program.cost @ lam) / program.cost / program.m
        self.start = np.maximum(lam / unit, LEAST)
        return np.asarray(unit)

    def _part(self) -> None:
        """Tell rows on one edge, which become bounds of the search, from those that need multipliers."""
        alone = np.diff(self.A.indptr) == 1
        self.mixed = np.diff(self.A.indptr) > 1
        place = self.A.indptr[:-1][alone]
        row, edge, entry = np.flatnonzero(alone), self.A.indices[place], self.A.data[place]
        # of several rows that bound an edge on the same side only the tightest matters
        order = np.lexsort((self.B[row] / np.abs(entry), entry > 0, edge))
        sides = np.column_stack([edge, entry > 0])[order]
        first = order[np.append(True, (np.diff(sides, axis=0) != 0).any(axis=1))] if len(order) else order
        self.row, self.edge, self.entry = row[first], edge[first], entry[first]

    def _box(self) -> tuple[Floats, Floats]:
        low, high = np.full(self.program.m, LEAST), np.full(self.program.m, np.inf)
        limit = (self.B - self.tight)[self.row] / self.entry / self.unit[self.edge]
        cap = self.entry > 0
        high[self.edge[cap]] = np.maximum(limit[cap], LEAST)
        low[self.edge[~cap]] = np.maximum(limit[~cap], LEAST)
        return low, np.maximum(low, high)

    @property
    def gap(self) -> float:
        """Relative difference of the best rates and the best bound."""
        if not (np.isfinite(self.value) and np.isfinite(self.low)):
            return np.inf
        return self.value / self.low - 1 if self.dadao else float(np.expm1(self.value - self.low))

    @property
    def bound(self) -> float:
        """The proved bound on the criterion."""
        if self.dadao:
            return max(self.low, 0.0)
        if self.program.criterion == "fastest_mixing":
            return float(np.exp(-self.low))
        return float(self.program.n * np.exp(self.low))

    def run(self) -> None:
        """Sharpen until the gap is proved or two stages in a row hardly narrow it."""
        z, idle = self.start, 0
        for h, renewals in STAGES:
            before = self.gap
            for _ in range(renewals):
                z = self._inner(z, h)
                if self.gap <= self.program.tol:
                    return
            idle = idle + 1 if h > 200 and self.gap > 0.8 * before else 0
            if idle == 2 and self.best is not None:
                break
        self.words = f"the first-order method stopped narrowing the gap at {self.gap:.1e}"

    def _inner(self, z: Floats, h: float) -> Floats:
        low, high = self._box()
        z = descend(lambda at: self._objective(at, h), np.clip(z, low, high), low, high, STEPS)
        lam = z * self.unit
        point = self.smoothing.at(lam, h)
        self._look(lam, point)
        self.low = max(self.low, self._certified(lam, point, quick=False))
        r = np.where(self.mixed, self.A @ lam - self.B + self.tight, 0.0)
        missed = max(
            float(np.maximum(r, -self.nu / self.sigma).max(initial=0.0)),
            point.demand - self.shift if self.dadao else 0.0,
        )
        self.nu = np.maximum(0.0, self.nu + self.sigma * r)
        self.t = max(1e-3, self.t + self.sigma * (point.demand - self.shift))
        if missed > 0.5 * self.missed:
            self.sigma = min(2 * self.sigma, STEEPEST)
        self.missed = missed
        self.shift = point.demand - point.exact
        # what the rates exceed once they are scaled to meet the condition is taken off the limits next time
        scale = float(np.exp(point.exact)) if self.dadao else 1.0
        over = np.clip((self.A @ lam) * scale - self.B, 0.0, 0.01)
        self.tight = np.minimum(self.tight + over, 0.01) if self._fitting(lam, scale) is None else self.tight / 2
        return z

    def _objective(self, z: Floats, h: float) -> tuple[float, Floats]:
        lam = z * self.unit
        point = self.smoothing.at(lam, h)
        self.steps += 1
        self._look(lam, point)
        slope, pushed = self._pull(lam, point)
        value = float((pushed**2 - self.nu**2).sum()) / (2 * self.sigma)
        if self.dadao:
            t = self._t(point)
            value += float(self.program.cost @ lam) / self.worth + (t * t - self.t**2) / (2 * self.sigma)
        else:
            value += point.demand
        return value, slope * self.unit

    def _t(self, point: Point) -> float:
        return max(0.0, self.t + self.sigma * (point.demand - self.shift))

    def _pull(self, lam: Floats, point: Point) -> tuple[Floats, Floats]:
        """Return the slope (m,) of the augmented Lagrangian and the multipliers of the rows on several edges."""
        pushed = np.where(self.mixed, np.maximum(0.0, self.nu + self.sigma * (self.A @ lam - self.B + self.tight)), 0.0)
        slope = self.A.T @ pushed
        if self.dadao:
            return np.asarray(slope + self.program.cost / self.worth + self._t(point) * point.slope), pushed
        return np.asarray(slope + point.slope), pushed

    def _look(self, lam: Floats, point: Point) -> None:
        scale = self._fitting(lam, float(np.exp(point.exact)))
        if scale is not None:
            value = scale * float(self.program.cost @ lam) if self.dadao else point.exact - float(np.log(scale))
            if value < self.value:
                self.value, self.best = value, lam * scale
        self.low = max(self.low, self._certified(lam, point))
        if self.progress is not None:
            self.progress(None, f"{self.steps} steps" + (f", gap {self.gap:.1e}" if np.isfinite(self.gap) else ""))

    def _fitting(self, lam: Floats, demand: float) -> float | None:
        """Return the best factor that makes the rates feasible, None when there is none."""
        used = self.A @ lam
        most = float((self.B[used > 0] / used[used > 0]).min(initial=np.inf))
        least = float((self.B[used < 0] / used[used < 0]).max(initial=0.0))
        if (self.B[used == 0] < 0).any():
            return None
        if not self.dadao:
            return most if most >= least and 0 < most < np.inf else None
        factor = max(demand, least)
        return factor if factor <= most else None

    def _certified(self, lam: Floats, point: Point, *, quick: bool = True) -> float:
        program = self.program
        slope, nu = self._pull(lam, point)
        # where a bound of the search holds an edge back, the slope that is left is its multiplier
        held = (self.entry > 0) | (lam[self.edge] * self.entry >= (self.B - self.tight)[self.row] * (1 + 1e-6))
        nu[self.row] = np.where(held, np.maximum(0.0, -slope[self.edge] / self.entry), 0.0)
        nu = nu / self.size
        if self.dadao:
            nu = self._affordable(nu * self.worth)
            return (
                dadao_bound_from_values(program, point.x, point.y, nu)
                if quick
                else self.repair.bound(point.x, point.y, nu)[0]
            )
        # the last row is the budget, which the bound prices by itself
        nu = nu[:-1]
        if program.criterion == "fastest_mixing":
            return -float(np.log(most_of(program, point.x, nu * np.exp(-point.exact))))
        return float(2 * point.demand - np.log(most_of(program, point.x, nu * np.exp(point.demand))))

    def _affordable(self, nu: Floats) -> Floats:
        """Return the multipliers, smaller where least rates would pay more than an edge costs: prices stay >= 0."""
        paid = self.program.limits.A.T @ nu
        short = paid < 0
        return nu * float(min(1.0, (self.program.cost[short] / -paid[short]).min(initial=1.0) * (1 - 1e-12)))
