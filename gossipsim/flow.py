r"""Exact linear flow between events: u' = A u, the same small matrix A for every node and coordinate.

For a V x V matrix with distinct eigenvalues \(\lambda_k\) the propagator is a finite sum over *modes*,

.. math:: e^{A t} = \sum_m \varphi_m(t) N_m, \qquad
          \varphi \in \{t^j e^{a t},\; t^j e^{a t}\cos b t,\; t^j e^{a t}\sin b t\},

with constant matrices N_m that follow from A^r = \sum_m \varphi_m^{(r)}(0) N_m, r = 0..V-1 (a confluent Vandermonde
system, solved by `modes.spectral_form`). Defective matrices need no special case. `FlowForm.source` writes the propagation of
one node as a kernel: its zero pattern is literal, its numbers come from a row of constants, so that two runs whose matrices
have the same pattern share the machine code. For times so short that the modes of an entry of order t^2 or higher would
cancel, that entry is taken from its power series instead, so that it stays accurate relative to itself (to 3e-10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        >>> from gossipsim.modes import spectral_form
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
