"""The dual point that a bound rests on, kept so that anybody can compute the bound again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal import certificate
from gossipsim.optimal.program import Program


def _nothing() -> Floats:
    return np.zeros((0, 0))


def _no_weights() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Dual:
    """Matrices X and G (n, n), weights rho (m,) on resistances and nu (k,) on rows; empty where a criterion needs none."""

    X: Floats = field(default_factory=_nothing)
    G: Floats = field(default_factory=_nothing)
    rho: Floats = field(default_factory=_no_weights)
    nu: Floats = field(default_factory=_no_weights)

    def bound(self, program: Program) -> float:
        """Return what this point proves about a program, by `gossipsim.optimal.certificate`.

        Examples
        --------
        >>> from gossipsim.graph import Graph
        >>> path = Program.build(Graph.build("path", n=3), "fastest_mixing")
        >>> round(Dual(X=np.outer([1, 0, -1], [1, 0, -1])).bound(path), 6)
        0.5
        """
        nu = self.nu if program.limits.count else None
        if program.criterion == "dadao":
            return certificate.dadao_bound(program, self.X, self.G, self.rho, nu)
        if program.criterion == "fastest_mixing":
            return certificate.fastest_mixing_bound(program, self.X, nu)
        if program.criterion == "total_resistance":
            return certificate.total_resistance_bound(program, self.G, nu)
        return certificate.averaging_bound(program, self.X)
