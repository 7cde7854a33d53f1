"""How the matrix of a flow becomes modes: eigenvalues, a confluent Vandermonde system, and power series for short times.

Everything is computed with 150 digits and rounded once, so that defective matrices need no special case.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial, ldexp, perm
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
    import flint

    array = np.frombuffer(raw).reshape(size, size)
    scale = float(np.abs(array).max()) or 1.0
    with flint.ctx.workdps(_DIGITS):
        exact = flint.arb_mat(array.tolist())
        values = flint.acb_mat(exact).eig(algorithm="approx") if size > 1 else [flint.acb(exact[0, 0])]
        modes, derivatives = [], []
        for found, many in _clusters(values, _CLUSTER * scale):
            real = abs(found.imag) <= _CLUSTER * scale
            still = abs(found.real) <= scale * 1e-40
            centre = flint.acb(0 if still else found.real, 0 if real else found.imag)
            for power in range(many):
                rows = [_derivative(centre, power, r) for r in range(size)]
                waves = ("",) if real else ("cos", "sin")
                modes += [Mode(_float(centre.real), _float(centre.imag), power, wave) for wave in waves]
                derivatives += [[v.imag if wave == "sin" else v.real for v in rows] for wave in waves]
        powers = [flint.arb_mat(np.eye(size).tolist())]
        for _ in range(size + _TERMS + 3):
            powers.append(powers[-1] * exact)
        taylor = np.array([_floats(power * (flint.arb(1) / factorial(k))) for k, power in enumerate(powers)])
        stacked = flint.arb_mat([power.entries() for power in powers[:size]])
        coefficients = _floats(flint.arb_mat(derivatives).transpose().inv() * stacked).reshape(size, size, size)
    # Relations such as "this decay is twice that one" hold only up to rounding; without this the pattern would be luck.
    with np.errstate(over="ignore", invalid="ignore"):
        units = np.array([np.float64(scale) ** mode.power for mode in modes])[:, None, None]
        sizes = np.nan_to_num(np.abs(coefficients) / units)
    coefficients[sizes <= 4e-17 * np.maximum(sizes.max(axis=0, initial=0.0), 1e-20)] = 0.0
    kept = [m for m in range(size) if coefficients[m].any()]
    series, short = _short_times(taylor, coefficients)
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


def _clusters(values: list[Any], width: float) -> list[tuple[Any, int]]:
    """Return eigenvalues with a nonnegative imaginary part, the slowest first, and how often each occurs."""
    clusters: list[list[Any]] = []
    for value in values:
        near = next((cluster for cluster in clusters if abs(cluster[0] - value) < width), None)
        if near is None:
            clusters.append([value])
        else:
            near.append(value)
    centres = [(sum(cluster[1:], cluster[0]) / len(cluster), len(cluster)) for cluster in clusters]
    centres = [(centre, many) for centre, many in centres if not centre.imag < -width]
    return sorted(centres, key=lambda found: (-_float(found[0].real), _float(found[0].imag)))


def _float(ball: Any) -> float:
    """Round the centre of a ball to the nearest double; `float` would cut it off."""
    mantissa, exponent = ball.mid().man_exp()
    return ldexp(int(mantissa), int(exponent))


def _floats(matrix: Any) -> NDArray[np.float64]:
    """Round the entries of a matrix of balls."""
    return np.array([_float(entry) for entry in matrix.entries()]).reshape(matrix.nrows(), matrix.ncols())


def _derivative(exponent: Any, power: int, order: int) -> Any:
    """Return the derivative of t^power exp(exponent t) of this order at t = 0."""
    return exponent ** (order - power) * perm(order, power) if order >= power else exponent * 0
