r"""Exact linear flow between events: u' = A u, the same small matrix A for every node and coordinate.

For a V x V matrix with distinct eigenvalues \(\lambda_k\) the propagator is a finite sum over *modes*,

.. math:: e^{A t} = \sum_m \varphi_m(t) N_m, \qquad
          \varphi \in \{t^j e^{a t},\; t^j e^{a t}\cos b t,\; t^j e^{a t}\sin b t\},

with constant matrices N_m that follow from A^r = \sum_m \varphi_m^{(r)}(0) N_m, r = 0..V-1 (a confluent Vandermonde
system, solved here with 150 digits). Defective matrices need no special case. `FlowForm.source` writes the propagation of
one node as a kernel: its zero pattern is literal, its numbers come from a row of constants, so that two runs whose matrices
have the same pattern share the machine code. For times so short that the modes of an entry of order t^2 or higher would
cancel, that entry is taken from its power series instead, so that it stays accurate relative to itself (to 3e-10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.errors import ScenarioError

_DIGITS = 150
_CLUSTER = 1e-15
_LARGEST_CANCELLATION = 1e7
_RELATIVE = 3e-10
_TERMS = 8
_ROWS_AT_ONCE = 65536


@dataclass(frozen=True)
class Mode:
    """One basis function t^power exp(decay t) [cos or sin](frequency t)."""

    decay: float
    frequency: float
    power: int
    wave: str
    """"" for a real eigenvalue, "cos" or "sin" for a pair."""


@dataclass(frozen=True)
class Series:
    """Entry (i, j) of exp(A t) for short times: t^order (c_0 + c_1 t + ...)."""

    i: int
    j: int
    order: int
    coefficients: tuple[float, ...]


@dataclass(frozen=True)
class FlowForm:
    """The propagator exp(A t) as a sum over modes; `coefficients` has shape (modes, V, V)."""

    matrix: NDArray[np.float64]
    modes: tuple[Mode, ...]
    coefficients: NDArray[np.float64]
    series: tuple[Series, ...] = ()
    short: float = 0.0
    """Below this time the entries in `series` are taken from them."""

    def propagator(self, t: float) -> NDArray[np.float64]:
        """Return exp(A t), shape (V, V).

        Examples
        --------
        >>> form = spectral_form([[-1.0, 1.0], [1.0, -1.0]])
        >>> np.round(form.propagator(0.5), 6).tolist()
        [[0.68394, 0.31606], [0.31606, 0.68394]]
        """
        values = np.array([_basis(mode, np.asarray(t)) for mode in self.modes])
        whole: NDArray[np.float64] = np.tensordot(values, self.coefficients, axes=1)
        if t < self.short:
            for s in self.series:
                whole[s.i, s.j] = t**s.order * np.polynomial.polynomial.polyval(t, s.coefficients)
        return whole

    @property
    def constants(self) -> dict[str, float]:
        """Numbers that the kernel reads from its row of constants."""
        rates, _, waves = self._plan()
        found = {f"rate_{k}": rate for k, rate in enumerate(rates)}
        found |= {f"wave_{k}": wave for k, wave in enumerate(waves)}
        for m, i, j in np.argwhere(self.coefficients != 0.0):
            found[f"c_{m}_{i}_{j}"] = float(self.coefficients[m, i, j])
        if self.series:
            found["short"] = self.short
        for s in self.series:
            found |= {f"s_{s.i}_{s.j}_{k}": value for k, value in enumerate(s.coefficients)}
        return found or {"none": 0.0}

    def _plan(self) -> tuple[list[float], dict[float, tuple[int, int]], list[float]]:
        """Return base decay rates, decay -> (base, integer multiple of it), and wave frequencies.

        One exponential serves every decay that is a small multiple of another.
        """
        decays = sorted({m.decay for m in self.modes if m.decay != 0.0}, key=lambda a: (abs(a), a))
        bases: list[float] = []
        multiples: dict[float, tuple[int, int]] = {}
        for decay in decays:
            for index, base in enumerate(bases):
                ratio = decay / base
                if 1 <= round(ratio) <= 8 and abs(ratio - round(ratio)) <= 4e-16 * ratio:
                    multiples[decay] = (index, round(ratio))
                    break
            else:
                bases.append(decay)
                multiples[decay] = (len(bases) - 1, 1)
        return bases, multiples, sorted({m.frequency for m in self.modes if m.wave})

    def view_source(self, fields: Sequence[str], wanted: str, name: str = "view") -> str:
        """Return Python source of the kernel `name(f, node, t, out)`: one field of a row at time t, the row unchanged."""
        i = list(fields).index(wanted)
        lines = [f"def {name}(f, node, t, out):", "    dt = t - node.at", *self._times()]
        factors = self._factors(lines)
        read = [j for j in range(len(fields)) if self.coefficients[:, i, j].any()]
        lines += [f"    e_{j} = {self._entry(i, j, factors)}" for j in read]
        lines += [f"    r_{j} = node.{fields[j]}" for j in read]
        terms = [f"e_{j} * r_{j}[_k]" for j in read]
        lines += ["    for _k in range(_D):", f"        out[_k] = {_balanced(terms)}"]
        return _without_unused(lines)

    def source(self, fields: Sequence[str], name: str = "flow") -> str:
        """Return Python source of the kernel `name(f, node, t)`: bring one node's row from its time `at` to `t`.

        Parameters
        ----------
        fields : sequence of str
            The V vector fields of the row, in the order of the matrix.
        """
        lines = [f"def {name}(f, node, t):", "    dt = t - node.at", "    node.at = t", *self._times()]
        factors = self._factors(lines)
        moving = [i for i in range(len(fields)) if np.any(self.matrix[i] != 0.0)]
        read = [j for j in range(len(fields)) if j in moving or any(self.coefficients[:, i, j].any() for i in moving)]
        entries = {(i, j): self._entry(i, j, factors) for i in moving for j in read if self.coefficients[:, i, j].any()}
        lines += [f"    e_{i}_{j} = {text}" for (i, j), text in entries.items()]
        if self.series:
            lines.append("    if dt < f.short:")
        for s in self.series:
            terms = [f"f.s_{s.i}_{s.j}_{k}" for k in range(len(s.coefficients))]
            power = " * ".join(["dt"] * s.order)
            lines.append(f"        e_{s.i}_{s.j} = {power} * {_horner(terms)}")
        lines += [f"    r_{j} = node.{fields[j]}" for j in read]
        lines.append("    for _k in range(_D):")
        lines += [f"        u_{j} = r_{j}[_k]" for j in read]
        for i in moving:
            terms = [f"e_{i}_{j} * u_{j}" for j in read if (i, j) in entries]
            lines.append(f"        r_{i}[_k] = {_balanced(terms)}")
        if not moving:
            lines.append("        pass")
        return "\n".join(lines) + "\n"

    def _times(self) -> list[str]:
        """Return lines that compute the exponentials and waves of the time step `dt`."""
        bases, multiples, waves = self._plan()
        lines = []
        for base in range(len(bases)):
            lines.append(f"    q_{base}_1 = _exp(f.rate_{base} * dt)")
            powers = range(2, max(k for b, k in multiples.values() if b == base) + 1)
            lines += [f"    q_{base}_{k} = q_{base}_{k - 1} * q_{base}_1" for k in powers]
        for index in range(len(waves)):
            lines.append(f"    waves_{index} = _cos_sin(f.wave_{index} * dt)")
            lines += [f"    {wave}_{index} = waves_{index}[{k}]" for k, wave in enumerate(("cos", "sin"))]
        return lines

    def _factors(self, lines: list[str]) -> list[str]:
        """Return the value of every mode as an expression, adding lines for the products."""
        _, multiples, waves = self._plan()
        factors = [self._factor(mode, multiples, waves) for mode in self.modes]
        lines += [f"    m_{m} = {factor}" for m, factor in enumerate(factors) if "*" in factor]
        return [f"m_{m}" if "*" in factor else factor for m, factor in enumerate(factors)]

    def _entry(self, i: int, j: int, factors: list[str]) -> str:
        present = np.flatnonzero(self.coefficients[:, i, j]).tolist()
        return _balanced([f"f.c_{m}_{i}_{j}" + (f" * {factors[m]}" if factors[m] != "1.0" else "") for m in present])

    @staticmethod
    def _factor(mode: Mode, multiples: dict[float, tuple[int, int]], waves: list[float]) -> str:
        parts = ["dt"] * mode.power
        if mode.decay != 0.0:
            base, multiple = multiples[mode.decay]
            parts.append(f"q_{base}_{multiple}")
        if mode.wave:
            parts.append(f"{mode.wave}_{waves.index(mode.frequency)}")
        return " * ".join(parts) or "1.0"


def _basis(mode: Mode, t: NDArray[np.float64]) -> NDArray[np.float64]:
    value = t**mode.power * np.exp(mode.decay * t)
    if mode.wave:
        value = value * (np.cos if mode.wave == "cos" else np.sin)(mode.frequency * t)
    return np.asarray(value)


def _without_unused(lines: list[str]) -> str:
    """Return the source without assignments to names that nothing reads: the compiler would keep calls of sin and cos."""
    kept: list[str] = []
    for line in reversed(lines):
        name = line.split(" = ")[0].strip()
        if " = " not in line or "[" in name or re.search(rf"\b{name}\b", "\n".join(kept)):
            kept.append(line)
    return "\n".join(reversed(kept)) + "\n"


def _horner(terms: list[str]) -> str:
    text = terms[-1]
    for term in reversed(terms[:-1]):
        text = f"({term} + dt * {text})"
    return text


def _balanced(terms: list[str]) -> str:
    """Return a sum as a balanced tree: shorter dependency chains, in one fixed order."""
    if len(terms) == 1:
        return terms[0]
    half = (len(terms) + 1) // 2
    left, right = _balanced(terms[:half]), _balanced(terms[half:])
    return f"({left} + {right})" if len(terms) > 2 else f"({left}) + ({right})"


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
        powers = [mp.eye(size)]
        for _ in range(size - 1):
            powers.append(powers[-1] * exact)
        taylor = [np.array(powers[0].tolist(), dtype=float)]
        whole = powers[0]
        for k in range(1, size + _TERMS + 4):
            whole = whole * exact / k
            taylor.append(np.array(whole.tolist(), dtype=float))
        coefficients = np.zeros((size, size, size))
        for m in range(size):
            whole = mp.matrix(size, size)
            for r in range(size):
                whole += inverse[m, r] * powers[r]
            for i in range(size):
                for j in range(size):
                    coefficients[m, i, j] = float(whole[i, j])
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


def field_at(
    form: FlowForm | None, rows: NDArray[Any], fields: Sequence[str], name: str, t: float
) -> NDArray[np.float64]:
    """Return one vector field of all rows, `(n, d)`, brought along the flow from each row's own time `at` to `t`.

    The rows are not changed.
    """
    if form is None:
        return np.array(rows[name])
    i = fields.index(name)
    out = np.empty(rows[name].shape)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[first : first + _ROWS_AT_ONCE]
        dt = t - part["at"]
        basis = [_basis(mode, dt) for mode in form.modes]
        total = np.zeros(part[name].shape)
        for j, other in enumerate(fields):
            weights = form.coefficients[:, i, j]
            if weights.any():
                factor = sum(w * b for w, b in zip(weights, basis, strict=True) if w != 0.0)
                total += np.asarray(factor)[:, None] * part[other]
        out[first : first + _ROWS_AT_ONCE] = total
    return out
