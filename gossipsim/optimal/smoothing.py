r"""A smooth stand-in for what limits the rates, whose gradient is at the same time a dual point.

lambda_2 and the largest resistance have corners exactly where the optimum lies. With a sharpness h they become

    a = (sum_k lambda_k^-h)^(-1/h) <= lambda_2,        b = (sum_e R_e^h)^(-1/h) <= 1 / max_e R_e,

both concave in the rates (k runs over the lowest eigenvalues, beyond which the terms vanish). The logarithm of the
demand, -(log a + log b) / 2, is convex, and its gradient is a mixture of the energies x_f = X[f] and y_f of the
certificate (`gossipsim.optimal.certificate`): once it is flat over the edges, up to the cost, the gap is O(log(m) / h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import Refused
from gossipsim.optimal.electrical import DENSE, DenseNetwork, network
from gossipsim.optimal.low_modes import LowModes
from gossipsim.optimal.program import Program

MODES = 12
"""Eigenpairs followed at first."""

ROUNDING = 1e-10
"""Relative rounding allowed for in energies that come from a sparse factor."""


@dataclass(frozen=True, eq=False)
class Point:
    """What is known at some rates.

    Attributes
    ----------
    demand, slope : float, array (m,)
        The smooth logarithm g of the demand, with g(s lam) = g(lam) - log s, and its gradient.
    exact : float
        The same without smoothing.
    x, y : array (m,)
        Energies for the certificate: lambda_2 <= x^T lam and min_e 1 / R_e <= y^T lam for all rates; total_resistance
        has |L^+ b_f|^2 in x and nothing in y.
    crowded : bool
        The highest eigenpair followed still has weight: more are needed at this sharpness.
    """

    demand: float
    slope: Floats
    exact: float
    x: Floats
    y: Floats
    crowded: bool = False


class Smoothing:
    """The smooth demand of one program; remembers eigenvectors and elimination order from point to point."""

    def __init__(self, program: Program) -> None:
        graph = program.graph
        self.program = program
        if program.criterion == "total_resistance":
            if graph.n > DENSE:
                raise Refused(
                    f"total_resistance needs a dense inverse, which is taken up to n = {DENSE}; n = {graph.n}"
                )
            self.dense = DenseNetwork(graph)
        else:
            self.wires = network(graph)
            self.modes = LowModes(graph.n, MODES)

    def at(self, lam: Floats, h: float) -> Point:
        """Return the point at positive rates lam (m,) with sharpness h."""
        if self.program.criterion == "total_resistance":
            return self._total_resistance(lam)
        self.wires.set(lam)
        self.modes.follow(self.wires)
        log_a, mixing, x, crowded = self._slow_modes(h)
        exact_a = float(np.log(self.modes.values[0]))
        if self.program.criterion == "fastest_mixing":
            return Point(-log_a, -mixing, -exact_a, x, np.zeros(0), crowded)
        R = self.wires.resistance()
        top = float(R.max())
        weight = (R / top) ** h
        log_b = -np.log(top) - np.log(weight.sum()) / h
        y = self.wires.spread(weight / weight.sum() / R)
        # the weights rho = weight / R of `spread` have rho^T R^2 = weight^T R
        scale = float(weight @ R / weight.sum())
        exact = 0.5 * (np.log(top) - exact_a)
        return Point(-0.5 * (log_a + log_b), -0.5 * (mixing + y), exact, x, y / scale * (1 + ROUNDING), crowded)

    def _slow_modes(self, h: float) -> tuple[float, Floats, Floats, bool]:
        values, vectors = self.modes.values, self.modes.vectors
        weight = (values[0] / values) ** h
        log_a = float(np.log(values[0]) - np.log(weight.sum()) / h)
        i, j = self.program.edges.T
        inverse = weight / weight.sum() / values
        mixing = (vectors[i] - vectors[j]) ** 2 @ inverse
        trace = float(inverse @ (vectors**2).sum(axis=0))
        return log_a, mixing, mixing / trace, bool(weight[-1] > 1e-3 and self.modes.k < self.program.n - 1)

    def _total_resistance(self, lam: Floats) -> Point:
        self.dense.set(lam)
        trace = float(np.trace(self.dense.Z)) - float(self.dense.Z.sum()) / self.program.n
        q = self.dense.square()
        demand = float(np.log(trace))
        return Point(demand, -q / trace, demand, q, np.zeros(0))
