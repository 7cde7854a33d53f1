"""The two numbers of a gossip network that rates of convergence depend on: chi_1 and chi_2, and what they come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, frozen, numbers
from gossipsim.connected import components
from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.selected_inverse import Elimination, eliminate
from gossipsim.stream import generator

DENSE = 1000
"""Up to this many nodes a dense eigendecomposition is quicker than compiling and running the sparse elimination."""

RESTARTS = 200
"""Lanczos restarts before an eigenvalue is given up."""

_SPECTRA, _REMEMBERED = 4, 10_000
"""How many spectra a graph keeps, for seeds that share it, and up to how many edges it does."""


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """Spectral quantities of L = sum_e rates_e b_e b_e^T, each computed when first asked for.

    Attributes
    ----------
    graph : Graph
        A connected graph with n nodes and m edges.
    rates : array (m,)
        Exchanges per unit time on each edge (unit: mean gradient time of a unit-rate node).
    """

    graph: Graph
    rates: Floats

    @cached_property
    def lambda_2(self) -> float:
        """Smallest nonzero eigenvalue of L, exchanges per unit time; infinite for a single node."""
        if self.graph.n == 1:
            return np.inf
        if self._dense:
            return self._eigenvalue(1)
        try:
            solve = self._elimination.solve
        except Refused:
            return self._lambda_2_by_products()
        # 1 / lambda_2 is the largest eigenvalue of the pseudo-inverse P Z P, with P the projection on zero mean
        return 1.0 / _largest(lambda x: _centred(solve(_centred(x))), self.graph.n)

    @cached_property
    def lambda_max(self) -> float:
        """Largest eigenvalue of L, exchanges per unit time; zero for a single node."""
        if self.graph.n == 1:
            return 0.0
        if self._dense:
            return self._eigenvalue(self.graph.n - 1)
        try:
            return self._lambda_max_by_products(restarts=15)
        except Refused:
            many_restarts = isinstance(self._attempt, Refused)
        return self._lambda_max_by_products() if many_restarts else self._lambda_max_inverted()

    @property
    def gap(self) -> float:
        """Return lambda_2 / lambda_max, between 0 and 1; 1 for a single node."""
        return 1.0 if self.graph.n == 1 else self.lambda_2 / self.lambda_max

    @property
    def chi_1(self) -> float:
        """Return 1 / lambda_2 (Nabli, Oyallon, "DADAO", ICML 2023); 0 for a single node."""
        return 1.0 / self.lambda_2

    @property
    def chi_2(self) -> float:
        """Return max_e R_e / 2 over all edges (Nabli, Oyallon, "DADAO", ICML 2023); 0 for a single node."""
        return float(self.resistance.max()) / 2 if self.graph.m else 0.0

    @cached_property
    def resistance(self) -> Floats:
        """Effective resistance R_e = b_e^T L^+ b_e of each edge, shape (m,), time between exchanges.

        Edges of rate zero count too. Exact up to rounding: dense inverse, or Takahashi's equations for large graphs.

        Raises
        ------
        Refused
            When the sparse factor of a large graph would not fit into memory.
        """
        graph = self.graph
        if graph.m == graph.n - 1:
            found = 1.0 / self.rates
        elif self._dense:
            found = self._resistance_dense()
        else:
            found = self._elimination.resistance(graph.edges)
        return np.asarray(frozen(found))

    @property
    def _dense(self) -> bool:
        # a graph that is itself nearly full gains nothing from a sparse factor
        n, m = self.graph.n, self.graph.m
        return n <= DENSE or (n <= 6 * DENSE and m > n * n / 40)

    @property
    def _elimination(self) -> Elimination:
        if isinstance(self._attempt, Refused):
            raise self._attempt
        return self._attempt

    @cached_property
    def _attempt(self) -> Elimination | Refused:
        # a refusal is kept too: finding out can take as long as a small factorisation
        try:
            return eliminate(self.graph, self.rates)
        except Refused as reason:
            return reason

    def _eigenvalue(self, number: int) -> float:
        from scipy.linalg import eigh

        L = self.graph.laplacian(self.rates).toarray()
        vectors = eigh(L, subset_by_index=[number, number])[1]
        if not vectors.size:  # among equal eigenvalues LAPACK may find none with this number
            vectors = eigh(L)[1][:, number:]
        # the quotient as a sum of squares has no cancellation: its error is the square of the vector's
        x = _centred(vectors[:, 0])
        i, j = self.graph.edges.T
        return float(self.rates @ (x[i] - x[j]) ** 2 / (x @ x))

    def _resistance_dense(self) -> Floats:
        from scipy.linalg import cho_factor, cho_solve

        n = self.graph.n
        scale = float(self.rates.sum()) / n
        # on zero-mean vectors the inverse of L + scale J equals L^+, and L + scale J is positive definite
        lifted = self.graph.laplacian(self.rates).toarray() + scale / n
        Z = cho_solve(cho_factor(lifted, overwrite_a=True), np.eye(n), overwrite_b=True)
        i, j = self.graph.edges.T
        diagonal = np.diag(Z)
        return np.asarray(diagonal[i] + diagonal[j] - Z[i, j] - Z[j, i])

    def _lambda_2_by_products(self) -> float:
        # without a factor: the largest eigenvalue of P (top - L) P is top - lambda_2
        L = self.graph.laplacian(self.rates)
        top = 2.0 * float(L.diagonal().max())
        found = top - _largest(lambda x: _centred(top * x - L @ x), self.graph.n)
        if found < 1e-6 * top:
            raise Refused(
                f"lambda_2 of this graph with {self.graph.n} nodes is too small to compute; give chi_1 and chi_2"
            )
        return found

    def _lambda_max_by_products(self, restarts: int = RESTARTS) -> float:
        L = self.graph.laplacian(self.rates)
        return _largest(lambda x: L @ x, self.graph.n, restarts)

    def _lambda_max_inverted(self) -> float:
        # paths, cycles and grids crowd their top eigenvalues just below the largest d_i + d_j over edges, which bounds
        # all (Anderson, Morley, "Eigenvalues of the Laplacian of a graph", 1985); inverting about it spreads them
        from scipy.sparse import eye_array
        from scipy.sparse.linalg import splu

        L = self.graph.laplacian(self.rates)
        above = float(L.diagonal()[self.graph.edges].sum(axis=1).max()) * (1 + 1e-9)
        shifted = (above * eye_array(self.graph.n) - L).tocsc()
        factor = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        return above - 1.0 / _largest(factor.solve, self.graph.n)

    def __repr__(self) -> str:
        return f"Spectrum({self.graph!r}, total rate {self.rates.sum():.6g})"


def spectrum(graph: Graph, rates: ArrayLike | None = None) -> Spectrum:
    """Return the spectral quantities of a connected graph whose edge e is used `rates_e` times per unit time.

    chi_1 = 1 / lambda_2(L) and chi_2 = max_e b_e^T L^+ b_e / 2 with L = sum_e rates_e b_e b_e^T, b_e = e_i - e_j.

    Parameters
    ----------
    graph : Graph
        n nodes, m edges.
    rates : array (m,), optional
        In the order of `graph.edges`; default 1/m each, so that the total is one exchange per unit time.

    Raises
    ------
    ScenarioError
        Rates of another shape, negative or not finite, or whose positive part does not connect the graph.

    References
    ----------
    A. Nabli, E. Oyallon, "DADAO: Decoupled Accelerated Decentralized Asynchronous Optimization", ICML 2023.

    Examples
    --------
    >>> star = spectrum(Graph.build("star", n=16))
    >>> round(star.chi_1, 9), round(star.chi_2, 9)
    (15.0, 7.5)
    """
    p = np.full(graph.m, 1.0 / max(graph.m, 1)) if rates is None else numbers(rates, "rates", (graph.m,), least=0.0)
    component = components(graph.n, graph.edges[p > 0])
    if component.any():
        lost = int(component.argmax())
        raise ScenarioError(
            f"the edges of positive rate leave {component.max() + 1} components: node {lost} is cut off from node 0",
            key=("rates",),
            allowed="rates that connect the graph",
        )
    if graph.m > _REMEMBERED:
        return Spectrum(graph, np.asarray(frozen(p)))
    key = p.tobytes()
    if key not in graph.spectra:
        if len(graph.spectra) >= _SPECTRA:
            graph.spectra.clear()
        graph.spectra[key] = Spectrum(graph, np.asarray(frozen(p)))
    return graph.spectra[key]


def _centred(x: Floats) -> Floats:
    return np.asarray(x - x.mean())


def _largest(product: object, n: int, restarts: int = RESTARTS) -> float:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    start = generator(0, "spectrum", n).standard_normal(n)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)  # type: ignore[call-overload]
    size = min(n, 48)
    try:
        values = eigsh(
            operator, k=1, which="LA", v0=start, tol=1e-11, ncv=size, maxiter=restarts, return_eigenvectors=False
        )
    except ArpackNoConvergence:
        raise Refused(
            f"the extreme eigenvalues of this graph with {n} nodes did not settle; give chi_1 and chi_2"
        ) from None
    return float(values[0])
