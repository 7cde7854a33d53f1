"""How the matrix of a flow becomes modes: eigenvalues, a confluent Vandermonde system, and power series for short times.

Everything is computed with 150 digits and rounded once, so that defective matrices need no special case.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.errors import ScenarioError
from gossipsim.flow import FlowForm, Mode, Series

_DIGITS = 150
_CLUSTER = 1e-15
_LARGEST_CANCELLATION = 1e7
_RELATIVE = 3e-10
_TERMS = 8


def spectral_form(matrix: ArrayLike) -> FlowForm:
    """Decompose exp(A t) into modes.

    Parameters
    ----------
    matrix : array_like, shape (V, V)
        A, row = derivative, column = variable; units 1/time.

    Raises
    ------
    ScenarioError
        Not a finite square matrix, or one so close to a defective matrix that the sum over modes would lose more than
        seven digits.
    """
    array = np.array(matrix, dtype=float)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not np.isfinite(array).all():
        raise ScenarioError(f"a flow of shape {array.shape}", allowed="a finite square matrix")
    return _spectral_form(array.shape[0], array.tobytes())


@lru_cache(maxsize=64)
def _spectral_form(size: int, raw: bytes) -> FlowForm:
    import mpmath as mp

    array = np.frombuffer(raw).reshape(size, size)
    with mp.workdps(_DIGITS):
        exact = mp.matrix(array.tolist())
        scale = float(np.abs(array).max()) or 1.0
        values = mp.eig(exact, left=False, right=False) if size > 1 else [exact[0, 0]]
        clusters: list[list[Any]] = []
        for value in values:
            near = next((c for c in clusters if abs(c[0] - value) < _CLUSTER * scale), None)
            if near is None:
                clusters.append([value])
            else:
                near.append(value)
        modes, derivatives = [], []
        for cluster in clusters:
            centre = mp.fsum(cluster) / len(cluster)
            if mp.im(centre) < -_CLUSTER * scale:
                continue
            real = abs(mp.im(centre)) <= _CLUSTER * scale
            decay, frequency = mp.re(centre), mp.mpf(0) if real else mp.im(centre)
            if abs(decay) <= mp.mpf(10) ** -40 * scale:
                decay = mp.mpf(0)
            for power in range(len(cluster)):
                rows = [_derivative(decay, frequency, power, r, mp) for r in range(size)]
                if real:
                    modes.append(Mode(float(decay), 0.0, power, ""))
                    derivatives.append([mp.re(v) for v in rows])
                else:
                    for wave, part in (("cos", mp.re), ("sin", mp.im)):
                        modes.append(Mode(float(decay), float(frequency), power, wave))
                        derivatives.append([part(v) for v in rows])
        vandermonde = mp.matrix(size, size)
        for m, values_at_zero in enumerate(derivatives):
            for r in range(size):
                vandermonde[r, m] = values_at_zero[r]
        inverse = mp.inverse(vandermonde)
        power, powers = mp.eye(size), []
        for _ in range(size + _TERMS + 4):
            powers.append(power.tolist())
            power = power * exact
        taylor = [
            [[float(entry / factorial(k)) if entry else 0.0 for entry in row] for row in power]
            for k, power in enumerate(powers)
        ]
        shares = inverse.tolist()
        entries = [[[power[i][j] for power in powers[:size]] for j in range(size)] for i in range(size)]
        coefficients = np.array(
            [[[float(mp.fdot(share, entry)) for entry in row] for row in entries] for share in shares]
        ).reshape(size, size, size)
    # Relations such as "this decay is twice that one" hold only up to rounding; without this the pattern would be luck.
    with np.errstate(over="ignore", invalid="ignore"):
        units = np.array([np.float64(scale) ** mode.power for mode in modes])[:, None, None]
        sizes = np.nan_to_num(np.abs(coefficients) / units)
    coefficients[sizes <= 4e-17 * np.maximum(sizes.max(axis=0, initial=0.0), 1e-20)] = 0.0
    kept = [m for m in range(size) if coefficients[m].any()]
    series, short = _short_times(np.array(taylor), coefficients)
    return _checked(FlowForm(array, tuple(modes[m] for m in kept), coefficients[kept], series, short))


def _short_times(taylor: NDArray[np.float64], coefficients: NDArray[np.float64]) -> tuple[tuple[Series, ...], float]:
    """Return the power series of the entries whose modes cancel at short times, and where "short" ends.

    The number of terms is fixed, so that the machine code does not depend on the constants; where they would not suffice,
    "short" ends earlier.

    An entry of order t^p with modes of total size S is computed with a relative error of about eps S / (c_p t^p).
    """
    size = taylor.shape[1]
    orders: dict[tuple[int, int], int] = {}
    short = 0.0
    for i in range(size):
        for j in range(size):
            present = np.flatnonzero(taylor[:size, i, j])
            total = float(np.abs(coefficients[:, i, j]).sum())
            if len(present) and present[0] >= 2 and np.count_nonzero(coefficients[:, i, j]) > 1:
                p = int(present[0])
                orders[i, j] = p
                short = max(short, (2e-16 * total / (_RELATIVE * abs(taylor[p, i, j]))) ** (1 / p))
    for (i, j), p in orders.items():
        for late in range(_TERMS, taylor.shape[0] - p):
            if taylor[p + late, i, j] != 0.0:
                ratio = abs(taylor[p, i, j] / taylor[p + late, i, j])
                short = min(short, float((1e-16 * ratio) ** (1 / late)))
    series = [Series(i, j, p, tuple(taylor[p : p + _TERMS, i, j].tolist())) for (i, j), p in orders.items()]
    return tuple(series), short


def _checked(form: FlowForm) -> FlowForm:
    cancellation = float(np.abs(form.coefficients).sum(axis=0).max())
    if cancellation > _LARGEST_CANCELLATION * max(1.0, float(np.abs(form.matrix).max())):
        raise ScenarioError(
            f"a flow matrix within rounding of a defective one (terms {cancellation:.1e} times the result cancel)",
            allowed="eigenvalues that are equal or well apart",
        )
    return form


def _derivative(decay: Any, frequency: Any, power: int, order: int, mp: Any) -> Any:
    """Return the derivative of t^power exp((decay + i frequency) t) of this order at t = 0."""
    if order < power:
        return mp.mpc(0)
    return mp.binomial(order, power) * mp.factorial(power) * mp.mpc(decay, frequency) ** (order - power)
