"""The Newton system of the interior point: an (m, m) Schur complement, filled by blocks and factored in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.optimal.dense import NotPositive, edge_diagonal, gram_rows, row_blocks
from gossipsim.optimal.statement import Statement


@dataclass
class Schur:
    """H (k, k) factored, with the border h, h_aa of the variable a, and K2 = (b_e^T G b_f)^2 (m, m).

    H = E^T (hatX o hatSi + 2 K o (B' G L(rho) G B) + K2 diag(rho / s) K2) E + diag(z / q) + A^T diag(nu / w) A.
    """

    factor: Floats
    h: Floats
    h_aa: float
    K2: Floats
    bordered: Floats | None = None
    pivot: float = 0.0

    def solve(self, rhs: Floats, rhs_a: float) -> tuple[Floats, float]:
        """Return (dq, da) with H dq + h da = rhs and h^T dq + h_aa da = rhs_a.

        Raises
        ------
        NotPositive
            When rounding has made the bordered system singular.
        """
        if self.bordered is None:
            self.bordered = self._inner(self.h)
            self.pivot = self.h_aa - float(self.h @ self.bordered)
        if not self.pivot > 0.0:
            raise NotPositive
        u = self._inner(rhs)
        da = (rhs_a - float(self.h @ u)) / self.pivot
        return u - da * self.bordered, da

    def _inner(self, b: Floats) -> Floats:
        from scipy.linalg.lapack import dpotrs

        return np.asarray(dpotrs(self.factor, b, lower=0)[0])


def assemble(
    p: Statement, G: Floats, Si: Floats, X: Floats, F: Floats, ratio_s: Floats, ratio_q: Floats, ratio_w: Floats
) -> Schur:
    """Fill and factor the system.

    Parameters
    ----------
    p : Statement
        n nodes, m edges, k variables, r rows.
    G, Si, X : arrays (n, n)
        L^+, S^+ and the multiplier of S = L - a P.
    F : array (n, n)
        G L(rho) G.
    ratio_s, ratio_q, ratio_w : arrays (m,), (k,), (r,)
        rho / s, z / q and nu / w.

    Raises
    ------
    NotPositive
        When rounding has made H indefinite.
    """
    from scipy.linalg.blas import dsyrk
    from scipy.linalg.lapack import dpotrf

    H = np.empty((p.m, p.m))
    K2 = np.empty((p.m, p.m) if p.resistance else (0, 0))
    for rows in row_blocks(p.m):
        part = gram_rows(X, p.edges, rows)
        part *= gram_rows(Si, p.edges, rows)
        if p.resistance:
            K = gram_rows(G, p.edges, rows)
            part += 2 * K * gram_rows(F, p.edges, rows)
            K *= K
            K2[rows, : rows.stop] = K
            K2[: rows.stop, rows] = K.T
        H[rows, : rows.stop] = part
    h = -edge_diagonal(X, Si, p.edges)
    h_aa = float(np.vdot(X, Si))
    if p.resistance:
        half = K2 * np.sqrt(ratio_s)
        # the lower triangle of H in rows is the upper one of its transpose, which BLAS sees in columns
        H = dsyrk(1.0, half.T, beta=1.0, c=H.T, trans=1, lower=0, overwrite_c=1).T
        h += K2 @ ratio_s
        h_aa += float(ratio_s.sum())
    if not p.plain:
        H = _spread(p, H)
    H[np.diag_indices(len(H))] += ratio_q
    if len(ratio_w):
        add = (p.A.T @ (p.A * ratio_w[:, None])).tocoo()
        lower = add.row >= add.col
        H[add.row[lower], add.col[lower]] += add.data[lower]
    factor, fault = dpotrf(H.T, lower=0, clean=0, overwrite_a=1)
    if fault:
        raise NotPositive
    return Schur(factor, p.back(h), h_aa, K2)


def _spread(p: Statement, H: Floats) -> Floats:
    full = np.tril(H) + np.tril(H, -1).T
    wide = np.zeros((len(p.c), len(p.c)))
    edge, column = p.E.tocoo().row, p.E.tocoo().col
    wide[np.ix_(column, column)] = full[np.ix_(edge, edge)]
    return wide
