"""Two nodes: one edge, whose best rate is known in closed form."""

from __future__ import annotations

from math import sqrt

import numpy as np

from gossipsim.errors import ScenarioError
from gossipsim.optimal.answer import Found
from gossipsim.optimal.program import Program


def solve(program: Program) -> Found:
    """Return the best rate of the only edge.

    lambda_2 = 2 lam and R = 1 / lam, so 2 chi_1 chi_2 = 1 / (2 lam^2) <= 1 from lam = 1 / sqrt(2) on; the other criteria
    improve with lam up to the budget or a cap. In randomized gossip both nodes always call each other: lam = 1.

    Raises
    ------
    ScenarioError
        When the limits leave no such rate.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> solve(Program.build(Graph.build("path", n=2))).lam.round(6).tolist()
    [0.707107]
    """
    rows, side = program.limits.A.toarray()[:, 0], program.limits.B
    up, down = rows > 0, rows < 0
    most = float((side[up] / rows[up]).min()) if up.any() else np.inf
    least = max(0.0, float((side[down] / rows[down]).max())) if down.any() else 0.0
    cost = float(program.cost[0])
    if program.criterion == "averaging_time":
        return Found(np.ones(1), 0.0, wake=np.ones((1, 2)))
    lam = max(1 / sqrt(2), least) if program.criterion == "dadao" else min(most, program.total / cost)
    if least > most or (side[rows == 0] < 0).any() or not least <= lam <= most:
        raise ScenarioError(
            f"the only edge needs a rate of at least {max(lam, least):.6g}, and the limits allow {most:.6g}",
            key=(program.limits.kinds[-1][0],),
            allowed="limits that leave room for this rate",
        )
    bound = {"dadao": cost * lam, "fastest_mixing": 2 * lam, "total_resistance": 1 / lam}[program.criterion]
    return Found(np.array([lam]), bound)
