"""Better prices of the limits for a given certificate: pay for the few edges that are too expensive, not for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.certificate import dadao_bound_from_values, max_concave
from gossipsim.optimal.program import Program


class Repair:
    """Raises multipliers nu (k,) of A lam <= B until h (theta x + y / theta) <= c + A^T nu for a chosen h.

    Without repair the one edge that is priced worst scales the whole bound down. An edge that a row with a positive
    entry covers can be priced up at the cost B_k of its row instead; for caps on single edges this choice is the best.

    Parameters
    ----------
    program : Program
        A dadao program with limits.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        A: Any = program.limits.A.tocoo()
        positive = A.data > 0
        self.row, self.edge, self.entry = A.row[positive], A.col[positive], A.data[positive]

    def bound(self, x: Floats, y: Floats, nu: Floats) -> tuple[float, Floats]:
        """Return the best bound met while h varies, and its multipliers (k,); x, y (m,) as in the certificate.

        Examples
        --------
        >>> from gossipsim.graph import Graph
        >>> program = Program.build(Graph.build("path", n=3), edge_cap=1.2)
        >>> found, nu = Repair(program).bound(np.array([0.5, 0.5]), np.array([0.5, 0.5]), np.zeros(2))
        >>> round(found, 5), nu.tolist()
        (2.0, [0.0, 0.0])
        """
        first, program = dadao_bound_from_values(self.program, x, y, nu), self.program
        theta = float(np.sqrt(y.sum() / x.sum()))
        energy = theta * x + y / theta
        price = program.cost + program.limits.A.T @ nu
        ratio = price / energy
        chosen = self._cover(nu)
        bare = np.ones(program.m, dtype=bool)
        bare[self.edge[chosen]] = False
        low, high = float(ratio.min()), float(min(np.quantile(ratio, 0.9), ratio[bare].min(initial=np.inf)))
        if not 0 < low < high:
            return first, nu
        best = [(first, nu)]

        def worth(h: float) -> float:
            raised = self._raised(nu, h * energy - price, chosen)
            best.append((dadao_bound_from_values(program, x, y, raised), raised))
            return best[-1][0]

        max_concave(worth, low, high, 25)
        return max(best, key=lambda pair: pair[0])

    def _cover(self, nu: Floats) -> Any:
        # each edge is left to the row that is paid for already, else to the cheapest
        order = np.lexsort((self.program.limits.B[self.row] / self.entry, -nu[self.row], self.edge))
        return order[np.unique(self.edge[order], return_index=True)[1]]

    def _raised(self, nu: Floats, missing: Floats, chosen: Any) -> Floats:
        raise_by = np.zeros(len(nu))
        needed = np.maximum(missing[self.edge[chosen]], 0.0) / self.entry[chosen]
        np.maximum.at(raise_by, self.row[chosen], needed)
        return np.asarray(nu + raise_by)
