"""Least squares without its samples: what gradients need of them, drawn and condensed a few nodes at a time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gossipsim.component import NonNegative, Seed
from gossipsim.problems import spectra
from gossipsim.problems.affine import AffineProblem, affine_places
from gossipsim.problems.base import Objective
from gossipsim.problems.synthetic import SyntheticLines, stream


class NormalEquations(AffineProblem):
    """Least squares on synthetic lines of which only H_i = (2/m) A_i^T A_i + l2 I and (2/m) A_i^T b_i are kept.

    f_i(x) = (1/2) x . H_i x - (2/m) b_i^T A_i x + |b_i|^2 / m, the functions of
    `gossipsim.problems.linear_regression.LinearRegression`, with gradients equal up to rounding.

    Parameters
    ----------
    l2 : float
        Ridge.
    synthetic : SyntheticLines
        The data.
    data_seed : int, optional
        Seed of the data; the scenario's seed by default.

    Examples
    --------
    >>> f = NormalEquations(l2=0.5, synthetic=SyntheticLines(samples=9, dim=2)).build(n=3, seed=0)
    >>> f.n, f.samples.a.shape, f.optimum.residual < 1e-9
    (3, (6, 2), True)
    """

    name: ClassVar[str] = "linear_regression"

    l2: NonNegative
    synthetic: SyntheticLines
    data_seed: Seed | None = None

    def build(self, n: int, seed: int) -> Objective:
        """Return the objective of `n` nodes, without ever holding all samples."""
        data, m, d = self.synthetic, self.synthetic.samples, self.synthetic.dim
        data.limit(n)
        rows, first = affine_places(n, d)
        H, b = rows["a"].reshape(n, d, d), rows["b"].reshape(n, d)
        low, high, squares = np.empty(n), np.empty(n), 0.0
        for nodes, A, labels in data.parts(n, stream(self, seed)):
            places = np.arange(len(A) + 1, dtype=np.int64) * m
            spectra.normal_equations(A.reshape(-1, d), labels.reshape(-1), places, H[nodes], b[nodes])
            low[nodes], high[nodes] = spectra.extremes(A.reshape(-1, d), places)
            squares += float(np.square(labels).sum())
        H *= 2.0
        b *= 2.0
        for k in range(d):
            H[:, k, k] += self.l2
        constants = {"l2": self.l2, "constant": squares / (m * n)}
        return Objective(self, d, rows, first, constants, 2.0 * high + self.l2, 2.0 * low + self.l2)
