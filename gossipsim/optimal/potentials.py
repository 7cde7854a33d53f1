"""Bounds from potentials: on conductances, and the best potentials for energies that a dual solution prescribes."""

from __future__ import annotations

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.optimal.program import Program


def values_of_potentials(program: Program, which: Integers, D: Floats) -> Floats:
    """Return y (m,) with min_e 1 / R_e(lam) <= y^T lam for all rates lam.

    By Dirichlet's principle 1 / R_e = min_phi sum_f lam_f (b_f^T phi)^2 / (b_e^T phi)^2, so every potential d_e bounds
    the conductance of its edge e. The mean of these bounds with weights (b_e^T d_e)^2 has the coefficients

    y_f = sum_e (b_f^T d_e)^2 / sum_e (b_e^T d_e)^2.

    Parameters
    ----------
    program : Program
        n nodes, m edges.
    which : array (k,) of int
        The edges that have a potential.
    D : array (n, k)
        Their potentials d_e, any numbers.

    Returns
    -------
    array (m,)
        Infinite when no potential differs between the ends of its edge.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> path = Program.build(Graph.build("path", n=3))
    >>> values_of_potentials(path, np.array([0]), np.array([[3.0], [0.0], [0.0]])).tolist()
    [1.0, 0.0]
    """
    i, j = program.edges.T
    drops = (D[i] - D[j]) ** 2
    own = float(drops[which, np.arange(len(which))].sum())
    if not own > 0:
        return np.full(program.m, np.inf)
    return np.asarray(drops.sum(axis=1) / own)


def best_potentials(program: Program, which: Integers, Y: Floats, rho: Floats) -> Floats:
    """Return potentials D (n, k) with D D^T <= Y that make sum_e sqrt(rho_e) b_e^T d_e as large as possible.

    With R = [sqrt(rho_e) b_e] and the singular value decomposition Y^{1/2} R = U s V^T they are D = Y^{1/2} U V^T: no
    inverse of a matrix that edges of small weight make nearly singular.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> pair = Program.build(Graph.build("path", n=2))
    >>> best_potentials(pair, np.array([0]), np.array([[1.0, -1.0], [-1.0, 1.0]]), np.ones(1)).round(6).tolist()
    [[1.0], [-1.0]]
    """
    i, j = program.edges[which].T
    R = np.zeros((program.n, len(which)))
    here = np.arange(len(which))
    weight = np.sqrt(np.maximum(rho, 0.0))
    R[i, here], R[j, here] = weight, -weight
    half = square_root(Y)
    U, _, Vt = np.linalg.svd(half @ R, full_matrices=False)
    return np.asarray(half @ (U @ Vt))


def square_root(Y: Floats) -> Floats:
    """Return the positive semidefinite square root of P Y P (n, n), P = I - J; negative eigenvalues count as zero.

    Examples
    --------
    >>> square_root(np.array([[2.0, -2.0], [-2.0, 2.0]])).round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    mean = Y.mean(axis=0)
    values, vectors = np.linalg.eigh((Y + Y.T) / 2 - (mean[:, None] + mean) + mean.mean())
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
