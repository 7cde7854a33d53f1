r"""The strength bound of large graphs, with the spanning tree polytope described by random spanning trees.

A spanning tree drawn with probability proportional to the product of its conductances g_e > 0 uses edge e with probability

    x_e = g_e R_e(g)        (Kirchhoff),        dx_e / d log g_f = [e = f] x_e - g_e g_f K_ef^2,

and these x fill the inside of the spanning tree polytope. Rates lam = x + u, u >= 0, have strength at least one, so the
least demand under the strength condition is the least of c^T lam / sqrt(lambda_2(lam)) over log g and u.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.electrical import network
from gossipsim.optimal.low_modes import LowModes
from gossipsim.optimal.program import Program
from gossipsim.optimal.quasi_newton import descend
from gossipsim.optimal.strength import Strength, strength_bound
from gossipsim.optimal.watch import Progress

STAGES = ((20.0, 150), (60.0, 200), (200.0, 500), (600.0, 300))
"""Sharpness of the smooth lambda_2 in each stage and its most steps."""

STEEPEST = 12.0
"""Largest |log g|: comes within 1e-5 of every face of the polytope, and leaves the derivatives enough digits."""


def smooth_strength(program: Program, progress: Progress | None = None) -> Strength:
    """Return the strength bound by quasi-Newton steps on log g and u, with the best certificate met on the way.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> found = smooth_strength(Program.build(Graph.build("cycle", n=12)))
    >>> round(found.bound, 3)
    22.195
    """
    search = _Search(program, progress)
    m = program.m
    z = np.concatenate([np.zeros(m), np.full(m, 0.01)])
    low = np.concatenate([np.full(m, -STEEPEST), np.zeros(m)])
    high = np.concatenate([np.full(m, STEEPEST), np.full(m, np.inf)])
    for h, steps in STAGES:
        z = descend(partial(search.objective, h=h), z, low, high, steps)
        if search.gap <= program.tol:
            break
    words = (
        "" if search.gap <= program.tol else f"the strength bound is within {search.gap:.1e} of the best of its kind"
    )
    return Strength(search.bound, search.tree, words)


class _Search:
    def __init__(self, program: Program, progress: Progress | None) -> None:
        self.program, self.progress = program, progress
        self.trees, self.wires = network(program.graph), network(program.graph)
        self.modes = LowModes(program.n, 12)
        self.bound, self.value, self.steps = 0.0, np.inf, 0
        self.tree: Floats = np.full(program.m, (program.n - 1) / program.m)

    @property
    def gap(self) -> float:
        return float(self.value / self.bound - 1) if self.bound > 0 else np.inf

    def objective(self, z: Floats, h: float) -> tuple[float, Floats]:
        m, c = self.program.m, self.program.cost
        g, u = np.exp(z[:m]), z[m:]
        self.trees.set(g)
        x = g * self.trees.resistance()
        lam = x + u
        cost = float(c @ lam)
        self.wires.set(lam)
        self.modes.follow(self.wires)
        values, vectors = self.modes.values, self.modes.vectors
        weight = (values[0] / values) ** h
        i, j = self.program.edges.T
        inverse = weight / weight.sum() / values
        mixing = (vectors[i] - vectors[j]) ** 2 @ inverse
        demand = float(np.log(cost) - 0.5 * (np.log(values[0]) - np.log(weight.sum()) / h))
        # the multipliers of lam >= x, and at the same time the slope in lam
        slope = c / cost - 0.5 * mixing
        self._remember(cost / float(np.sqrt(values[0])), mixing / float(inverse @ (vectors**2).sum(axis=0)), slope, x)
        if self.progress is not None:
            self.progress(None, f"strength bound {self.bound:.6g}, {self.steps} steps")
        return demand, np.concatenate([x * slope - g * self.trees.spread(g * slope), slope])

    def _remember(self, value: float, energies: Floats, slope: Floats, x: Floats) -> None:
        self.steps += 1
        if value < self.value:
            self.value, self.tree = value, x
        self.bound = max(self.bound, strength_bound(self.program, energies, slope))
