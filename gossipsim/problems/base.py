"""The family of problems, and the objective that a problem builds for a number of nodes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Component
from gossipsim.errors import Refused, ScenarioError
from gossipsim.kernels import Kernel
from gossipsim.problems.optimum import Optimum, local_minima, minimise
from gossipsim.rows import constants_row, zeros

Vector = NDArray[np.float64]
Rows = np.recarray[Any, Any]

LARGEST_CURVATURE = 500
"""Dimension up to which gaps of quadratic functions come from the Hessian."""
LARGE = 8_000_000
"""Numbers that samples may hold before memory counts for more than being able to look at them."""
LARGEST = 1_000_000_000
"""Most numbers (8 bytes each) that the samples of all nodes together may hold."""


class Problem(Component, kind="problem"):
    """Settings of f(x) = (1/n) sum_i f_i(x), and the oracles of its local functions.

    A member writes `build` and the kernel `gradient(q, samples, x, out)`: `q` is the record of
    `Objective.constants`, `samples` the rows of one node (or of a minibatch), `x` and `out` vectors `(d,)`.
    The other methods are the same mathematics for whole networks; the defaults of this class need `gradient` only.
    """

    sample: ClassVar[dict[str, str]] = {"a": "vector", "b": "scalar"}
    """Fields of one row of `Objective.samples` and whether each is a vector `(d,)` or a scalar."""
    quadratic: ClassVar[bool] = False
    """Whether the Hessian is the same everywhere, so that one factorisation serves."""
    sampled: ClassVar[bool] = False
    """Whether rows are samples whose gradients average to the local gradient, so that a minibatch can be drawn."""
    inverse_sample: ClassVar[dict[str, str] | None] = None
    """Fields of the rows that `resolvent` reads; None: those of the samples."""
    gradient: ClassVar[Kernel]
    resolvent: ClassVar[Kernel | None] = None
    """`resolvent(q, rows, y, rho, out)` writes argmin_x f_i(x) - y . x + (rho / 2) |x|^2: grad f_i^*(y) for rho = 0, and
    the proximal point of v with step 1 / rho for y = rho v."""

    @abstractmethod
    def build(self, n: int, seed: int) -> Objective:
        """Return the objective for `n` nodes; raise `ScenarioError` where the data do not fit."""

    @property
    def pinned(self) -> bool:
        """Whether the functions are the same whatever the seed of the scenario: their data have a seed of their own."""
        return getattr(self, "data_seed", None) is not None

    def lean(self, n: int) -> Problem:
        """Return what to build for `n` nodes that use all their samples at once: the same functions in less memory, or this."""
        return self

    def prepare(self, objective: Objective) -> Any:
        """Return what the oracles below compute once and keep in `objective.prepared`."""
        return None

    def condense(self, objective: Objective) -> Oracle | None:
        """Return what computes the gradients over all samples of a node with less work, or None."""
        return None

    def inverse(self, objective: Objective) -> tuple[Rows, NDArray[np.int64]]:
        """Return the rows that `resolvent` reads, and where each node's start, `(n + 1,)`."""
        return objective.samples, objective.first

    def smoothness_of_mean(self, objective: Objective) -> float:
        """Return a smoothness constant of f; by default the mean of those of the f_i."""
        return float(objective.L_i.mean())

    def values(self, objective: Objective, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        raise Refused(f"problem {self.name!r} defines no values, only gradients")

    def gaps(self, objective: Objective, points: Vector) -> Vector:
        """Return f - f(x*) at `points` `(k, d)` as `(k,)`, with the same bytes however many they are.

        Of a quadratic f it is (1/2) (x - x*) . H (x - x*), which does not cancel as the difference of two values does.
        """
        best = objective.optimum
        if objective.curvature is None:
            return np.array([objective.value(x) - best.value for x in points], dtype=np.float64)
        D = points - best.x
        return np.asarray(np.einsum("kd,kd->k", D, np.einsum("kd,de->ke", D, objective.curvature)) / 2.0)

    def local_gradients(self, objective: Objective, X: Vector) -> Vector:
        """Return grad f_i(X_i) for all nodes, `(n, d)`; `X` is `(n, d)` or one point `(d,)`."""
        X = np.broadcast_to(X, (objective.n, objective.dim))
        out = np.empty((objective.n, objective.dim))
        for i in range(objective.n):
            self.gradient(objective.record, objective.shard(i), X[i], out[i])
        return out

    def mean_gradient(self, objective: Objective, x: NDArray[Any]) -> NDArray[Any]:
        """Return grad f(x) `(d,)`, in extended precision if `x` is and the problem can."""
        mean: Vector = self.local_gradients(objective, np.asarray(x, dtype=np.float64)).mean(axis=0)
        return mean

    def hessian(self, objective: Objective, x: Vector) -> Vector:
        """Return the Hessian of f at `x`, `(d, d)`; by central differences unless overridden."""
        step = np.cbrt(np.finfo(float).eps) * np.maximum(1.0, np.abs(x))
        columns = [
            (self.mean_gradient(objective, x + e) - self.mean_gradient(objective, x - e)) / (2.0 * step[k])
            for k, e in enumerate(np.diag(step))
        ]
        H = np.array(columns, dtype=np.float64)
        return (H + H.T) / 2.0

    def hessian_product(self, objective: Objective, x: Vector, v: Vector) -> Vector:
        """Return (Hessian of f at `x`) v, `(d,)`; by a central difference unless overridden."""
        size = float(np.linalg.norm(v))
        if size == 0.0:
            return np.zeros_like(v)
        t = np.cbrt(np.finfo(float).eps) * max(1.0, float(np.linalg.norm(x))) / size
        ahead, behind = self.mean_gradient(objective, x + t * v), self.mean_gradient(objective, x - t * v)
        return np.asarray((ahead - behind) / (2.0 * t), dtype=np.float64)

    def local_hessians(self, objective: Objective, X: Vector, nodes: NDArray[np.int64]) -> Vector:
        """Return the Hessians of f_i at X_i for the given nodes, `(k, d, d)`; `X` is `(k, d)`."""
        return np.stack([self.hessian(objective.part(np.array([i])), x) for i, x in zip(nodes, X, strict=True)])


@dataclass(frozen=True, eq=False)
class Oracle:
    """A kernel that computes the gradient of a node, and what it reads.

    Attributes
    ----------
    kernel : Kernel
        `kernel(q, rows, x, out)`.
    fields : dict
        Fields of the rows.
    rows : recarray
        Rows of all nodes, node after node.
    first : (n + 1,) int64
        Node i owns the rows `first[i]` to `first[i + 1] - 1`.
    """

    kernel: Kernel
    fields: dict[str, str]
    rows: Rows
    first: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Objective:
    """The function f(x) = (1/n) sum_i f_i(x) with its data and constants.

    Attributes
    ----------
    problem : Problem
        The settings it was built from.
    dim : int
        Dimension d.
    samples : recarray (N,)
        Rows of all nodes, node after node; vector fields have shape `(d,)`.
    first : (n + 1,) int64
        Node i owns the rows `first[i]` to `first[i + 1] - 1`.
    constants : dict
        Numbers that the kernels read as `q.<name>`.
    L_i, mu_i : (n,)
        Smoothness and strong convexity of each f_i (upper and lower bounds where not exact).

    Examples
    --------
    >>> from gossipsim.problems import Problem
    >>> f = Problem.parse({"name": "quadratic", "dim": 3, "mu": 2.0, "L": 2.0}).build(n=4, seed=1)
    >>> f.n, f.dim, f.L, f.mu, f.local_gradients(np.zeros((4, 3))).shape
    (4, 3, 2.0, 2.0, (4, 3))
    >>> bool(np.allclose(f.optimum.x, f.local_optima.mean(axis=0)))
    True
    """

    problem: Problem
    dim: int
    samples: Rows
    first: NDArray[np.int64]
    constants: dict[str, float]
    L_i: Vector
    mu_i: Vector

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.first) - 1

    @property
    def L(self) -> float:
        """Smoothness of the worst node, max_i L_i."""
        return float(self.L_i.max())

    @property
    def mu(self) -> float:
        """Strong convexity of the worst node, min_i mu_i."""
        return float(self.mu_i.min())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Rows per node, `(n,)`."""
        return np.diff(self.first)

    @cached_property
    def weights(self) -> Vector:
        """Weight 1 / (n m_i) of each row in f, `(N,)`."""
        return np.repeat(1.0 / (self.n * self.counts), self.counts)

    @cached_property
    def prepared(self) -> Any:
        """What the problem computes once."""
        return self.problem.prepare(self)

    @cached_property
    def full_oracle(self) -> Oracle:
        """What gradients over all samples are computed with."""
        return self.problem.condense(self) or self.sampled_oracle

    @property
    def sampled_oracle(self) -> Oracle:
        """What gradients over some of the samples are computed with."""
        return Oracle(self.problem.gradient, self.problem.sample, self.samples, self.first)

    @cached_property
    def inverse(self) -> tuple[Rows, NDArray[np.int64]]:
        """What the conjugate and proximal oracles read: rows, and where each node's start, `(n + 1,)`."""
        return self.problem.inverse(self)

    @cached_property
    def record(self) -> Any:
        """The constants as one record, as kernels read them."""
        return constants_row(self.constants)[0]

    def shard(self, i: int) -> Rows:
        """Return the rows of node `i`."""
        shard: Rows = self.samples[self.first[i] : self.first[i + 1]]  # type: ignore[assignment]
        return shard

    def part(self, nodes: NDArray[np.int64]) -> Objective:
        """Return the objective of the given nodes alone; the rows are copied."""
        counts = self.counts[nodes]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.arange(first[-1]) + np.repeat(self.first[nodes] - first[:-1], counts)
        samples: Rows = self.samples[places]
        return Objective(self.problem, self.dim, samples, first, self.constants, self.L_i[nodes], self.mu_i[nodes])

    def value(self, x: Vector) -> float:
        """Return f(x) for `x` `(d,)`."""
        return float(self.values(np.reshape(x, (1, self.dim)))[0])

    def values(self, points: Vector) -> Vector:
        """Return f at `points` `(k, d)` as `(k,)`."""
        return self.problem.values(self, np.asarray(points, dtype=np.float64))

    def gaps(self, points: Vector) -> Vector:
        """Return f - f(x*) at `points` `(k, d)` as `(k,)`."""
        return self.problem.gaps(self, np.asarray(points, dtype=np.float64))

    def gradient(self, x: Vector) -> Vector:
        """Return grad f(x) `(d,)`."""
        return np.asarray(self.problem.mean_gradient(self, np.asarray(x, dtype=np.float64)), dtype=np.float64)

    def local_gradients(self, X: Vector) -> Vector:
        """Return grad f_i(X_i) `(n, d)`; `X` is `(n, d)`, or one point `(d,)` for all nodes."""
        return self.problem.local_gradients(self, np.asarray(X, dtype=np.float64))

    @cached_property
    def optimum(self) -> Optimum:
        """The minimiser of f, with the residual |grad f(x*)| that was reached."""
        return minimise(self)

    @cached_property
    def curvature(self) -> Vector | None:
        """The Hessian of f `(d, d)` if it is the same everywhere, is known exactly and is not too large; else None."""
        exact = self.problem.quadratic and type(self.problem).hessian is not Problem.hessian
        return self.problem.hessian(self, self.optimum.x) if exact and self.dim <= LARGEST_CURVATURE else None

    @cached_property
    def local_optima(self) -> Vector:
        """The minimiser of each f_i, `(n, d)`; rows of nan where it does not exist or is not unique."""
        return local_minima(self)


def rows(a: Vector, b: Vector) -> Rows:
    """Return the recarray with fields `a` `(N, d)` and `b` `(N,)`.

    Examples
    --------
    >>> rows(np.ones((2, 1)), np.zeros(2)).a.shape
    (2, 1)
    """
    out: Rows = zeros({"a": "vector", "b": "scalar"}, a.shape[1], a.shape[0])
    out["a"], out["b"] = a, b
    return out


def fits(numbers: int, what: str, key: tuple[str, ...]) -> None:
    """Refuse a size that would not fit in memory, before anything is allocated.

    Examples
    --------
    >>> fits(10**12, "quadratic with n = 10000 and dim = 10000", key=("dim",))
    Traceback (most recent call last):
    gossipsim.errors.ScenarioError: dim: quadratic with n = 10000 and dim = 10000 holds 1e+12 numbers; allowed: at most 1e+09
    """
    if numbers > LARGEST:
        raise ScenarioError(f"{what} holds {numbers:.3g} numbers", key=key, allowed=f"at most {LARGEST:.3g}")
