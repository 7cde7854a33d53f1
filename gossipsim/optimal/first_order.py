"""Optimal rates of large graphs by a smooth method: quasi-Newton steps on ever sharper stand-ins of the criterion.

Without limits the problem is homogeneous, and the best rates of cost `total` minimise the convex function

    c^T lam / total + g(lam),

with g the logarithm of the demand (`gossipsim.optimal.smoothing`). L-BFGS-B keeps lam >= 0 exactly (Byrd, Lu, Nocedal,
Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Sci. Comput. 16, 1995). Each stage starts
where a smoother one ended; each step costs one factorisation and gives a certificate of its own.
"""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import Refused
from gossipsim.optimal.answer import Found
from gossipsim.optimal.certificate import dadao_bound_from_values, most_of
from gossipsim.optimal.program import Program
from gossipsim.optimal.quasi_newton import descend
from gossipsim.optimal.smoothing import Point, Smoothing
from gossipsim.optimal.watch import Progress

STAGES = ((20.0, 100), (60.0, 200), (200.0, 800), (600.0, 300), (2000.0, 300), (6000.0, 300), (20000.0, 300))
"""Sharpness h of each stage and its most steps. Rates fall short of the optimum by about 1 / h, bounds by less than
1 / h^1.5 once the slopes are flat: so one stage of middling h is run out for the bound, and later ones serve the rates."""

FLAT = 5.0
"""A stage ends when its slopes differ by less than this over h^2."""

LEAST = 1e-9
"""Smallest share of an edge, relative to the mean: keeps every factorisation regular."""


def solve(program: Program, progress: Progress | None = None) -> Found:
    """Return rates within `program.tol` of the optimum where double precision and first-order steps reach so far.

    Serves dadao and fastest_mixing on any graph whose sparse factor fits into memory or that has at most 6000 nodes, and
    total_resistance up to 6000 nodes.

    Parameters
    ----------
    program : Program
        n nodes, m edges.
    progress : callable, optional
        Called with the fraction done and a short text.

    Raises
    ------
    Refused
        averaging_time, or a graph too large and too well connected.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> from gossipsim.optimal.program import evaluate
    >>> program = Program.build(Graph.build("path", n=8), tol=1e-4)
    >>> found = solve(program)
    >>> round(evaluate(program, found.lam), 3), found.bound > 17.938
    (17.94, True)
    """
    if program.criterion == "averaging_time":
        raise Refused("the first-order method does not serve averaging_time; use interior_point or sdp")
    if program.A is not None:
        from gossipsim.optimal.limited import solve_limited

        return solve_limited(program, progress)
    descent = Descent(program, progress)
    descent.run()
    return Found(descent.rates, descent.bound, descent.steps, descent.words)


class Descent:
    """One run without limits; keeps the best rates and the best certificate that it meets.

    Attributes
    ----------
    best, upper : array (m,), float
        The best rates of cost `total`, and the logarithm of what is minimised there: for dadao the cost of rates in
        these proportions that meet the condition, else the demand.
    lower : float
        Logarithm of the proved least of these.
    """

    def __init__(self, program: Program, progress: Progress | None = None) -> None:
        self.program = program
        self.progress = progress
        self.smoothing = Smoothing(program)
        self.unit: Floats = program.total / program.cost / program.m
        self.best: Floats = self.unit.copy()
        self.upper, self.lower = np.inf, -np.inf
        self.steps, self.words = 0, ""

    @property
    def rates(self) -> Floats:
        """The best rates: for dadao those that just meet the condition, else those of cost `total`."""
        scale = np.exp(self.upper) / self.program.total if self.program.criterion == "dadao" else 1.0
        return np.asarray(self.best * scale)

    @property
    def bound(self) -> float:
        """The proved bound on the criterion."""
        sign = -1 if self.program.criterion == "fastest_mixing" else 1
        factor = self.program.n if self.program.criterion == "total_resistance" else 1.0
        return float(factor * np.exp(sign * self.lower))

    @property
    def gap(self) -> float:
        """Relative difference of the best rates and the best bound."""
        return float(np.expm1(self.upper - self.lower))

    def run(self) -> None:
        """Sharpen until the gap is proved or two stages in a row hardly narrow it."""
        lam, idle = self.unit, 0
        for h, steps in STAGES:
            before = self.gap if np.isfinite(self.upper) else np.inf
            lam = self._stage(lam, h, steps)
            if self.gap <= self.program.tol:
                return
            idle = idle + 1 if self.gap > 0.8 * before else 0
            if idle == 2:
                break
        self.words = f"the first-order method stopped narrowing the gap at {self.gap:.1e}"

    def _stage(self, lam: Floats, h: float, steps: int) -> Floats:
        def objective(z: Floats) -> tuple[float, Floats]:
            point = self._look(z * self.unit, h)
            gradient = self.program.cost / self.program.total + point.slope
            return float(z.mean()) + point.demand, gradient * self.unit

        def after(z: Floats) -> None:
            # flat far below the smoothing error: only a sharper stage can gain
            if self.gap <= self.program.tol or self.uneven < FLAT / h**2:
                raise StopIteration

        low, high = np.full(self.program.m, LEAST), np.full(self.program.m, np.inf)
        return descend(objective, lam / self.unit, low, high, steps, after) * self.unit

    def _look(self, lam: Floats, h: float) -> Point:
        program = self.program
        point = self.smoothing.at(lam, h)
        if point.crowded and h >= 200:
            self.smoothing.modes.widen(4)
        self.steps += 1
        worth = 1.0 if program.criterion == "dadao" else program.total
        upper = point.exact + float(np.log(program.cost @ lam / worth))
        if upper < self.upper:
            self.best, self.upper = lam * (program.total / (program.cost @ lam)), upper
        # flat slopes make a tight bound; the exact one is computed where it can be the best
        price = -point.slope / program.cost
        share = lam * program.cost
        self.uneven = float(price.max() / (price @ share / share.sum())) - 1
        if self.uneven < 0.5:
            self.lower = max(self.lower, _log_bound(program, point))
        if self.progress is not None:
            self._tell()
        return point

    def _tell(self) -> None:
        assert self.progress is not None
        if np.isfinite(self.lower) and self.gap > 0:
            self.first = getattr(self, "first", self.gap)
            done = np.log(self.first / self.gap) / max(np.log(self.first / self.program.tol), 1e-9)
            self.progress(float(np.clip(done, 0.0, 1.0)), f"{self.steps} steps, gap {self.gap:.1e}")
        else:
            self.progress(None, f"{self.steps} steps")


def _log_bound(program: Program, point: Point) -> float:
    if program.criterion == "dadao":
        return float(np.log(max(dadao_bound_from_values(program, point.x, point.y), 1e-300)))
    if program.criterion == "fastest_mixing":
        return -float(np.log(most_of(program, point.x, None)))
    return float(2 * point.demand - np.log(most_of(program, point.x, None)))
