"""Judges of the interior point: each looks at every point, keeps the best rates and the best proof, and says when to stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal import certificate
from gossipsim.optimal.answer import Found
from gossipsim.optimal.dual import Dual
from gossipsim.optimal.interior_point import Point
from gossipsim.optimal.program import Program
from gossipsim.optimal.statement import Statement

Progress = Callable[[float | None, str], None]
"""What a long search calls with the fraction done, None when unknown, and a short text."""


class Watch(ABC):
    """Keeps the best rates and the best bound seen, in the sense that a smaller `loss` is better."""

    def __init__(self, program: Program, statement: Statement, tol: float, progress: Progress | None = None) -> None:
        self.program, self.statement, self.tol, self.progress = program, statement, tol, progress
        self.loss, self.bound = np.inf, -np.inf
        self.q: Floats | None = None
        self.dual: Dual | None = None

    def __call__(self, at: Point, step: int) -> bool:
        """Look at a point; True when the proved gap is small enough."""
        loss, q = self.rates(at)
        if loss < self.loss:
            self.loss, self.q = loss, q
        bound = self.proved(at, *at.values(self.statement))
        if bound > self.bound:
            self.bound, self.dual = bound, self.kept(at)
        if self.progress is not None:
            self.progress(None, f"step {step}, gap {self.gap:.1e}")
        return self.gap <= 0.9 * self.tol  # the proof is computed once more at the end, with its own rounding

    @property
    def gap(self) -> float:
        """The relative gap so far."""
        return (self.loss - self.bound) / abs(self.bound) if np.isfinite(self.bound) and self.bound else np.inf

    @abstractmethod
    def rates(self, at: Point) -> tuple[float, Floats]:
        """Return the loss of feasible variables near `at`, and these variables."""

    @abstractmethod
    def proved(self, at: Point, x: Floats, y: Floats) -> float:
        """Return a proved lower bound on the loss from the multipliers of `at`."""

    def kept(self, at: Point) -> Dual:
        """Return the part of a point that proves the bound."""
        return Dual(at.X, at.G, at.rho, at.nu)

    def found(self, iterations: int, words: str) -> Found:
        """Return the best rates with their bound computed by the certificate."""
        assert self.q is not None
        nothing = np.inf if self.program.maximised else -np.inf
        bound = nothing if self.dual is None else self.dual.bound(self.program)
        return Found(self.q, bound, iterations, words, dual=self.dual)


class DadaoWatch(Watch):
    """Least cost of rates that meet DADAO's condition; `inner` (m,) satisfies condition and limits strictly."""

    inner: Floats | None = None

    def rates(self, at: Point) -> tuple[float, Floats]:
        """Scale the rates until they just meet the condition, then move towards `inner` until they keep the limits."""
        # L - a P passed a Cholesky factorisation, so lambda_2 >= a
        scale = float(np.sqrt(at.R.max() / at.a))
        lam = within(self.program, at.q * scale, self.inner)
        return (np.inf, at.q) if lam is None else (float(self.program.cost @ lam), lam)

    def proved(self, at: Point, x: Floats, y: Floats) -> float:
        """Weigh eigenvectors, resistances and limits."""
        return certificate.dadao_bound_from_values(self.program, x, y, at.nu)


class MixingWatch(Watch):
    """Largest lambda_2 within a budget; the loss is -lambda_2, and row 0 of the statement is the budget."""

    inner: Floats | None = None

    def rates(self, at: Point) -> tuple[float, Floats]:
        """Use the whole budget as far as the limits allow."""
        lam, part = spent(self.program, at.q, self.inner)
        # lambda_2 is concave and homogeneous: what is left of q keeps its part of a
        return (np.inf if part == 0 else -at.a * part), lam

    def proved(self, at: Point, x: Floats, y: Floats) -> float:
        """Weigh eigenvectors and limits."""
        return -certificate.fastest_mixing_bound_from_values(self.program, x, at.nu[1:])

    def kept(self, at: Point) -> Dual:
        """Return eigenvectors, and the weights of the limits without that of the budget."""
        return Dual(X=at.X, nu=at.nu[1:])


class AveragingWatch(Watch):
    """Smallest second eigenvalue of randomized gossip; the loss is minus the spectral gap, lambda_2(L) / 2."""

    def rates(self, at: Point) -> tuple[float, Floats]:
        """Scale the wake-ups until the busiest node calls once per wake-up."""
        n = self.program.n
        scale = 1.0 / (n * float((self.statement.A @ at.q).max()))
        return -at.a * scale / 2, at.q * scale

    def proved(self, at: Point, x: Floats, y: Floats) -> float:
        """Weigh eigenvectors."""
        return certificate.averaging_bound_from_values(self.program, x) - 1.0

    def kept(self, at: Point) -> Dual:
        """Return eigenvectors."""
        return Dual(X=at.X)

    def found(self, iterations: int, words: str) -> Found:
        """Return the best rates and the probabilities behind them."""
        found = super().found(iterations, words)
        wake = self.program.n * found.lam.reshape(2, -1).T
        return replace(found, lam=wake.sum(axis=1) / self.program.n, wake=wake)


def within(program: Program, lam: Floats, inner: Floats | None) -> Floats | None:
    """Return the point nearest to `lam` on the way to `inner` that keeps the limits; None when there is none."""
    limits = program.limits
    if limits.excess(lam) <= 0:
        return lam
    if inner is None:
        return None
    outside, inside = limits.A @ lam - limits.B, limits.A @ inner - limits.B
    broken = outside > 0
    if (inside[broken] >= 0).any():
        return None
    t = float((outside[broken] / (outside[broken] - inside[broken])).max())
    return (1 - t) * lam + t * inner


def spent(program: Program, lam: Floats, inner: Floats | None) -> tuple[Floats, float]:
    """Return a multiple of `lam` (m,) that spends as much of the total as the limits allow, and the factor.

    Where no multiple keeps the limits, the way leads towards `inner`, and the factor is the part of `lam` that is left;
    0 when that fails too.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> program = Program.build(Graph.build("path", n=3), "fastest_mixing", edge_cap=0.4)
    >>> lam, factor = spent(program, np.array([0.1, 0.2]), None)
    >>> lam.tolist(), factor
    ([0.2, 0.4], 2.0)
    """
    limits = program.limits
    factor = program.total / float(program.cost @ lam)
    use = limits.A @ lam
    up = use > 0
    if up.any():
        factor = min(factor, float((limits.B[up] / use[up]).min()))
    if factor > 0 and limits.excess(factor * lam) <= 1e-15 * float(np.abs(limits.B).max(initial=0.0)):
        return factor * lam, factor
    kept = within(program, max(factor, 0.0) * lam, inner)
    if kept is None:
        return lam, 0.0
    return kept, float((kept / lam).min())
