r"""Newton's equations of the averaging problem: m + 1 unknowns, filled by blocks and factored once per iteration.

Primal w (m,), s, with S_1 = L(w) - (1 - s) P, S_2 = (1 + s) P - L(w) and, for a Markov chain, t_i = 1 - sum_{e at i} w_e;
dual X_1, X_2 (n, n), z (m,), y (n,):

    X_1[e] - X_2[e] + z_e - y_i - y_j = 0 for e = (i, j),   tr X_1 + tr X_2 = 1,   X_k S_k = mu P,   z w = mu,   y t = mu.

Eliminating the dual unknowns leaves

    H = B X_1 B^T o B S_1^+ B^T + B X_2 B^T o B S_2^+ B^T + diag(z / w) + N^T diag(y / t) N

bordered by h_e = b_e^T (X_1 S_1^+ - X_2 S_2^+) b_e and tr X_1 S_1^+ + tr X_2 S_2^+, where o is the entrywise product, B
(m, n) has the rows b_e^T, and N (n, m) tells which edges end at which node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.graph import Graph
from gossipsim.optimal.certificate import edge_values
from gossipsim.optimal.dense import (
    NotPositive,
    edge_diagonal,
    gram_rows,
    inverse,
    laplacian,
    longest_step,
    ray,
    row_blocks,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SIGNS = (1.0, -1.0)
"""How L(w) enters S_1 and S_2."""


@dataclass(frozen=True, eq=False)
class Iterate:
    """A strictly feasible pair of primal (w, s) and dual (X, z, y) points; z is empty and y zero without a chain."""

    graph: Graph
    markov: bool
    w: Floats
    s: float
    X: tuple[Floats, Floats]
    z: Floats
    y: Floats

    @property
    def t(self) -> Floats:
        """What is left of 1 at each node, the probability of staying, shape (n,)."""
        return np.asarray(1.0 - at_nodes(self.graph, self.w))

    def slacks(self) -> tuple[Floats, Floats]:
        """Return S_1 and S_2, shapes (n, n)."""
        n = self.graph.n
        L, P = laplacian(n, self.graph.edges, self.w), np.eye(n) - 1.0 / n
        return L - (1.0 - self.s) * P, (1.0 + self.s) * P - L


@dataclass(frozen=True, eq=False)
class Direction:
    """A change of every unknown, and of S_1, S_2 and t with them; L(w) is kept sparse for products."""

    w: Floats
    s: float
    t: Floats
    L: csr_array[Any]
    S: tuple[Floats, Floats]
    X: tuple[Floats, Floats]
    z: Floats
    y: Floats


class Newton:
    """The equations at one iterate.

    Raises
    ------
    NotPositive
        When rounding has made a matrix indefinite.
    """

    def __init__(self, at: Iterate) -> None:
        self.at, self.graph, self.t, self.S = at, at.graph, at.t, at.slacks()
        self.lifts = [float(np.trace(S)) / at.graph.n for S in self.S]
        self.inverses = [inverse(S, lift) for S, lift in zip(self.S, self.lifts, strict=True)]
        total = sum(float(np.vdot(X, S)) for X, S in zip(at.X, self.S, strict=True))
        self.pairs = 2 * (at.graph.n - 1)
        if at.markov:
            total += float(at.z @ at.w + at.y @ self.t)
            self.pairs += at.graph.m + at.graph.n
        self.mu = total / self.pairs
        first, second = (edge_diagonal(X, Si, at.graph.edges) for X, Si in zip(at.X, self.inverses, strict=True))
        self.border = first - second
        corner = sum(float(np.vdot(X, Si)) for X, Si in zip(at.X, self.inverses, strict=True))
        self.factor = self._factored()
        self.along = self._inner(self.border)
        self.pivot = corner - float(self.border @ self.along)
        if not self.pivot > 0.0:
            raise NotPositive

    def _factored(self) -> Floats:
        from scipy.linalg.lapack import dpotrf

        at, graph = self.at, self.graph
        H = np.empty((graph.m, graph.m))
        for rows in row_blocks(graph.m):
            few = H[rows, : rows.stop]
            few[:] = gram_rows(at.X[0], graph.edges, rows)
            few *= gram_rows(self.inverses[0], graph.edges, rows)
            second = gram_rows(at.X[1], graph.edges, rows)
            second *= gram_rows(self.inverses[1], graph.edges, rows)
            few += second
        if at.markov:
            H[np.diag_indices(graph.m)] += at.z / at.w
            ends = abs(graph.incidence())
            meeting = (ends.multiply((at.y / self.t)[None, :]) @ ends.T).tocoo()
            lower = meeting.row >= meeting.col
            H[meeting.row[lower], meeting.col[lower]] += meeting.data[lower]
        # the lower triangle in rows is the upper one of the transpose, which LAPACK sees in columns
        factor, fault = dpotrf(H.T, lower=0, clean=0, overwrite_a=1)
        if fault:
            raise NotPositive
        return np.asarray(factor)

    def _inner(self, right: Floats) -> Floats:
        from scipy.linalg.lapack import dpotrs

        return np.asarray(dpotrs(self.factor, right, lower=0)[0])

    def direction(self, mu: float, predictor: Direction | None) -> Direction:
        """Return the direction to complementarity products `mu`, corrected for the products of the predictor."""
        at, graph, n = self.at, self.graph, self.graph.n
        bends: list[Floats | float] = [0.0, 0.0]
        right, right_s = np.zeros(graph.m), -1.0
        for k, sign in enumerate(SIGNS):
            right += sign * mu * edge_values(self.inverses[k], graph.edges)
            right_s += mu * float(np.trace(self.inverses[k]))
            if predictor is not None:
                bend = _symmetric(_times(predictor.X[k], predictor.L, predictor.s, sign) @ self.inverses[k])
                right -= sign * edge_values(bend, graph.edges)
                right_s -= float(np.trace(bend))
                bends[k] = bend
        target_z, target_y = np.zeros(0), np.zeros(n)
        if at.markov:
            bend_z, bend_y = (0.0, 0.0) if predictor is None else (predictor.z * predictor.w, predictor.y * predictor.t)
            target_z, target_y = (mu - bend_z) / at.w, (mu - bend_y) / self.t
            right += target_z - target_y[graph.edges].sum(axis=1)
        straight = self._inner(right)
        ds = (right_s - float(self.border @ straight)) / self.pivot
        dw = straight - ds * self.along
        dt = -at_nodes(graph, dw)
        L, P = laplacian(n, graph.edges, dw), np.eye(n) - 1.0 / n
        dS = (L + ds * P, ds * P - L)
        sparse = graph.laplacian(dw)
        dX = []
        for k, sign in enumerate(SIGNS):
            turned = _symmetric(_times(at.X[k], sparse, ds, sign) @ self.inverses[k])
            dX.append(np.asarray(mu * self.inverses[k] - at.X[k] - turned - bends[k]))
        dz, dy = np.zeros(0), np.zeros(n)
        if at.markov:
            dz = target_z - at.z - at.z / at.w * dw
            dy = target_y - at.y - at.y / self.t * dt
        return Direction(dw, ds, dt, sparse, dS, (dX[0], dX[1]), dz, dy)

    def length(self, d: Direction, fraction: float, accuracy: float) -> float:
        """Return the step length, at most 1, that goes `fraction` of the way to the boundary of either side.

        One length for both sides: on random geometric graphs two lengths let X drift off the central path until steps
        are tiny.
        """
        at = self.at
        step = 1.0 / fraction
        if at.markov:
            for value, change in ((at.w, d.w), (self.t, d.t), (at.z, d.z), (at.y, d.y)):
                step = ray(value, change, step)
        for k in range(2):
            step = longest_step(self.S[k], d.S[k], self.lifts[k], step, accuracy)
            step = longest_step(at.X[k], d.X[k], float(np.trace(at.X[k])) / self.graph.n, step, accuracy)
        return fraction * step

    def product(self, d: Direction, step: float) -> float:
        """Return the mean complementarity product after a step."""
        at = self.at
        total = sum(float(np.vdot(at.X[k] + step * d.X[k], self.S[k] + step * d.S[k])) for k in range(2))
        if at.markov:
            total += float((at.z + step * d.z) @ (at.w + step * d.w))
            total += float((at.y + step * d.y) @ (self.t + step * d.t))
        return max(total, 0.0) / self.pairs


def at_nodes(graph: Graph, w: Floats) -> Floats:
    """Return the sum of w (m,) over the edges at each node, shape (n,).

    Examples
    --------
    >>> at_nodes(Graph.build("path", n=3), np.array([1.0, 2.0])).tolist()
    [1.0, 3.0, 2.0]
    """
    return np.asarray(np.bincount(graph.edges.ravel(), np.repeat(w, 2), graph.n))


def _times(X: Floats, L: csr_array[Any], s: float, sign: float) -> Floats:
    """Return X dS for dS = sign L + s P, through the sparsity of L; X is symmetric with X 1 = 0."""
    return np.asarray(sign * (L @ X).T + s * X)


def _symmetric(M: Floats) -> Floats:
    return np.asarray((M + M.T) / 2)
