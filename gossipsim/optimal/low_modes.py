"""The lowest eigenpairs of a network's Laplacian, followed from one set of rates to the next."""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.electrical import Network
from gossipsim.stream import generator


class LowModes:
    """Follows the k smallest nonzero eigenvalues of L by block inverse iteration, started where the last one ended.

    Each pass is a Rayleigh-Ritz step of L^+ on the last vectors V, L^+ V and the last change of V (Knyazev, "Toward the
    optimal preconditioned eigensolver", SIAM J. Sci. Comput. 23, 2001). A block finds repeated eigenvalues, which optimal
    rates produce, where a single Krylov vector may miss them.

    Attributes
    ----------
    values : array (k,)
        Rayleigh quotients of L, ascending: never below the eigenvalues they approximate.
    vectors : array (n, k)
        Orthonormal, of zero mean.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> from gossipsim.optimal.electrical import network
    >>> wires = network(Graph.build("cycle", n=6))
    >>> wires.set(np.ones(6))
    >>> modes = LowModes(6, 3)
    >>> modes.follow(wires)
    >>> modes.values.round(9).tolist()
    [1.0, 1.0, 3.0]
    """

    def __init__(self, n: int, k: int) -> None:
        self.n, self.k = n, min(k, n - 1)
        self.vectors: Floats = _random(n, self.k, 0)
        self.values: Floats = np.full(self.k, np.inf)
        self._conjugate: Floats = _random(n, self.k, 1)

    def widen(self, more: int) -> None:
        """Follow `more` further eigenpairs from now on."""
        more = min(more, self.n - 1 - self.k)
        self.k += more
        self.vectors = np.hstack([self.vectors, _random(self.n, more, 2)])
        self._conjugate = np.hstack([self._conjugate, _random(self.n, more, 3)])

    def follow(self, wires: Network, tolerance: float = 1e-5, passes: int = 30) -> None:
        """Move to the eigenpairs at the present rates, until the residuals that matter are below `tolerance` lambda_2."""
        from scipy.linalg import eigh, qr

        if 3 * self.k >= self.n:
            values, vectors = eigh(wires.solve(np.eye(self.n)))
            self.values, self.vectors = 1.0 / values[: -self.k - 1 : -1], vectors[:, : -self.k - 1 : -1]
            return
        V, applied = self.vectors, wires.solve(self.vectors)
        for _ in range(passes):
            Q = np.asarray(qr(np.hstack([V, applied, self._conjugate]), mode="economic")[0], dtype=np.float64)
            Q -= Q.mean(axis=0)
            applied = wires.solve(Q)
            # centring leaves Q orthonormal up to rounding, unless directions were lost
            inner, overlap, size = Q.T @ applied, Q.T @ Q, Q.shape[1]
            values, rotation = eigh((inner + inner.T) / 2, overlap, subset_by_index=[size - self.k, size - 1])
            values, rotation = values[::-1], rotation[:, ::-1]
            former, V, applied = V, Q @ rotation, applied @ rotation
            self._conjugate = V - former @ (former.T @ V)
            residual = np.linalg.norm(applied - V * values, axis=0) / values
            # far above lambda_2 an eigenpair has no weight
            if (residual * (values / values[0]) ** 8).max() <= tolerance:
                break
        self.vectors, self.values = V, 1.0 / values


def _random(n: int, k: int, number: int) -> Floats:
    found = generator(number, "low modes", n).standard_normal((n, k))
    return np.asarray(np.linalg.qr(found - found.mean(axis=0))[0])
