"""A search for edges to leave out: fewer edges that fire, and a smaller largest resistance among them.

The maximum of R_e counts every edge of the graph unless `prune` is asked for; then it counts the "active edges", those of
positive rate, which is what DADAO's proof needs. That is a choice among connected subgraphs, hence not convex. Candidates
come from the strength bound (`gossipsim.optimal.strength`), whose tree polytope shows which edges matter, and from
leaving out single edges; the bound brackets what any choice could reach.
"""

from __future__ import annotations

import time
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.arrays import Floats, Integers, frozen
from gossipsim.connected import components
from gossipsim.graph import Graph
from gossipsim.optimal.answer import OptimalRates
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.strength import spanning_tree, strength
from gossipsim.optimal.watch import Progress

Kept = NDArray[np.bool_]

LEVELS = (1e-3, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
"""Edges below such a part of a whole tree edge are left out; the mean over edges is (n - 1) / m."""

SINGLE = 60
"""Edges up to which all are tried at each step of the search by single edges; beyond, the least used few."""

PAIRS = 24
"""Edges up to which all pairs are tried at the end."""

FEW = 12

ROUGH = 1e-4
"""Gap to which a subgraph is solved while the search goes on; the best one is solved again."""


def prune(
    graph: Any,
    *,
    total: float = 1.0,
    cost: ArrayLike | None = None,
    tol: float = 1e-6,
    progress: Progress | None = None,
) -> OptimalRates:
    """Return the best rates found when only edges of positive rate count, with a bracket for the best there are.

    Parameters
    ----------
    graph : Graph or networkx.Graph
        n nodes, m edges.
    total, cost, tol
        As for `optimal_rates`; `tol` is the gap of every inner problem.
    progress : callable, optional
        Called with the fraction done and a short text.

    Returns
    -------
    OptimalRates
        Zero on the edges left out, `bracket` the proved least value of any connected subgraph and the value found.

    Examples
    --------
    >>> paw = Graph.from_edges([(0, 1), (0, 2), (1, 2), (2, 3)])
    >>> found = prune(paw)
    >>> round(found.value, 5), found.zero_edges.tolist(), [round(v, 5) for v in found.bracket]
    (3.0, [0], [3.0, 3.0])
    """
    began = time.perf_counter()
    program = Program.build(graph, total=total, cost=cost, tol=tol)
    search = Search(program, progress)
    everything = np.ones(program.m, dtype=bool)
    search.attempt(everything)
    bound = strength(program, progress)
    # the subgraph optimum cannot be below the bound: once they meet, the search is over
    search.floor = bound.bound
    starts = [everything]
    for level in LEVELS:
        keep = bound.tree >= level
        keep[spanning_tree(program.graph, -bound.tree)] = True
        search.attempt(keep)
        starts.append(keep)
    for keep in [search.keep, *starts] if program.m <= SINGLE else [search.keep]:
        search.change_edges(keep, 1)
    if program.m <= PAIRS:
        search.change_edges(search.keep, 2)
    search.settle()
    return _answer(program, search, bound.bound, bound.words, began)


class Search:
    """The subgraphs tried so far and the best of them.

    Attributes
    ----------
    value, keep, lam : float, array (m,) of bool, array (m,)
        The least cost found, the edges it uses, and the rates that meet the condition on them.
    """

    def __init__(self, program: Program, progress: Progress | None = None) -> None:
        self.program, self.progress = program, progress
        self.value, self.floor = np.inf, 0.0
        self.keep = np.ones(program.m, dtype=bool)
        self.lam: Floats = np.zeros(program.m)
        self.tried: dict[bytes, tuple[float, Floats]] = {}
        self.iterations = 0

    @property
    def over(self) -> bool:
        """Whether the value found is the best there is."""
        return self.value <= self.floor * (1 + max(ROUGH, self.program.tol))

    def attempt(self, keep: Kept) -> float:
        """Return the optimum on the kept edges, infinite when they do not connect the nodes; remember the best."""
        key, program = np.packbits(keep).tobytes(), self.program
        if key in self.tried:
            return self.tried[key][0]
        if components(program.n, program.edges[keep]).any():
            return np.inf
        if self.progress is not None:
            self.progress(None, f"{len(self.tried)} subgraphs tried, best {self.value:.6g}")
        value, lam = self._solved(keep, max(ROUGH, program.tol))
        self.tried[key] = value, lam
        if value < self.value:
            self.value, self.keep, self.lam = value, keep.copy(), lam
        return value

    def settle(self) -> None:
        """Solve on the best edges found to the gap that was asked for."""
        value, lam = self._solved(self.keep, self.program.tol)
        if value < self.value:
            self.value, self.lam = value, lam

    def _solved(self, keep: Kept, tol: float) -> tuple[float, Floats]:
        from gossipsim.optimal.solve import optimal_rates

        program = self.program
        answer = optimal_rates(Graph(program.n, program.edges[keep]), cost=program.cost[keep], tol=tol)
        assert answer.demanded is not None
        self.iterations += answer.iterations
        lam = np.zeros(program.m)
        lam[keep] = answer.demanded
        return answer.value, lam

    def change_edges(self, keep: Kept, together: int) -> None:
        """Leave out or take back so many edges at a time, the least used first, until no such change helps."""
        value, better = self.attempt(keep), True
        while better:
            better = False
            for chosen in combinations(self._tempting(keep), together):
                if self.over:
                    return
                other = keep.copy()
                other[list(chosen)] ^= True
                if (found := self.attempt(other)) < value * (1 - ROUGH):
                    value, keep, better = found, other, True

    def _tempting(self, keep: Kept) -> Integers:
        lam = self.tried[np.packbits(keep).tobytes()][1] * self.program.cost
        if self.program.m <= SINGLE:
            return np.argsort(np.where(keep, lam, np.inf), kind="stable")
        used = np.flatnonzero(keep)
        return used[np.argsort(lam[used])][:FEW]


def _answer(program: Program, search: Search, bound: float, words: str, began: float) -> OptimalRates:
    gap = max(0.0, search.value / bound - 1) if bound > 0 else np.inf
    reason = "the best choice of edges lies in the bracket, and the search over subgraphs is a heuristic"
    missed = "; ".join([f"not certified to tol: the proved gap is {gap:.1e}", reason] + ([words] if words else []))
    return OptimalRates(
        graph=program.graph,
        criterion="dadao",
        rates=np.asarray(frozen(search.lam * (program.total / search.value))),
        value=search.value,
        bound=bound,
        gap=gap,
        uniform_value=evaluate(program, program.uniform),
        status="certified" if gap <= program.tol else missed,
        method="strength rounding and single edges",
        iterations=search.iterations,
        seconds=time.perf_counter() - began,
        total=program.total,
        demanded=np.asarray(frozen(search.lam)),
        convention="active edges",
        bracket=(bound, search.value),
    )
