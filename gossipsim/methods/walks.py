"""What the token methods share: one token carries the point, and every node that holds it takes one gradient step."""

from __future__ import annotations

from math import exp, log
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Method, kernel

Decay = Annotated[float, Field(gt=0.5, le=1.0)]
"""Exponent of a step size (n + 1)^-a whose sum diverges and whose squares can be summed."""


class Walk(Method):
    r"""Stochastic approximation along the walk of a token: \(\theta \leftarrow \theta - b_{n+1} \nabla f_i(\theta)\) at node i.

    Parameters
    ----------
    b : float
        Exponent of the step size \(b_n = (n+1)^{-b}\), in (1/2, 1].
    lr : float, optional
        A constant step size instead.
    cap : float, optional
        No step is longer (default: 1/L). Without it the first steps, near 1, would throw the point away when L > 2.
    """

    node = {"x": "vector", "hop": "scalar", "importance": "scalar"}
    payload = {"x": "vector", "hop": "scalar"}
    computes, talks = "hop", "route"
    when_changing = None

    b: Decay = 0.9
    lr: Positive | None = None
    cap: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return b, the constant step size (0: none) and the cap."""
        return {"b": self.b, "lr": self.lr or 0.0, "cap": self.cap or 1 / facts.L}

    @kernel
    def step(p, node, t, g):
        size = step_size(p, node.hop, node.importance)
        node.hop = node.hop + 1.0
        node.x[:] = node.x - size * g

    @kernel
    def message(p, node, link, t, out):
        out.x[:] = node.x
        out.hop = node.hop

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = inbox[0].x
        node.hop = inbox[0].hop


def step_size(p: Any, hop: float, importance: float) -> float:
    """Return the step of hop number `hop`, from 0; for kernels."""
    if p.lr > 0.0:
        return float(p.lr * importance)
    return float(min(exp(-p.b * log(hop + 2.0)) * importance, p.cap))


def metropolis(graph: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return min(1/deg_i, 1/deg_j) of every directed link `(2m,)`, and of every node the rest, its probability to stay `(n,)`.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> move, stay = metropolis(Graph.build("path", n=3))
    >>> move.tolist(), stay.tolist()
    ([0.5, 0.5, 0.5, 0.5], [0.5, 0.0, 0.5])
    """
    owner = np.repeat(np.arange(graph.n), graph.degree)
    here, there = graph.degree[owner], graph.degree[graph.nbr]
    move = 1.0 / np.maximum(here, there)
    # the differences are summed, for a rest of rounding where there is none would be a move that does not exist
    if graph.m == 0:
        return move, np.ones(graph.n)
    return move, np.asarray(np.bincount(owner, 1.0 / here - move, minlength=graph.n), dtype=np.float64)


def degree_importance(graph: Any) -> NDArray[np.float64]:
    """Return mean degree / degree, `(n,)`: (1/n) / mu_i for a walk that visits node i with frequency mu_i ~ deg_i."""
    return np.asarray(graph.degree.mean() / graph.degree) if graph.m else np.ones(graph.n)
