"""The family of compressors: a kernel that shortens a vector in place and counts the bits that are left."""
# A kernel's first argument is a record of constants, and its body is for the compiler, not for the type checker.
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from math import ceil, log2
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Component
from gossipsim.kernels import Kernel
from gossipsim.rows import constants_row
from gossipsim.stream import Purpose, draw_at


class Compressor(Component, kind="compressor"):
    r"""A map C of vectors `(d,)`, random or not.

    It is *contractive* when \(E\|C(v) - v\|^2 \le (1 - \delta) \|v\|^2\), and *unbiased with variance omega* when
    \(E\,C(v) = v\) and \(E\|C(v) - v\|^2 \le \omega \|v\|^2\).

    A member writes the kernel `compress(c, draw, v, work) -> bits`: it replaces `v` by C(v), may use `work` `(d,)` as it
    likes, draws `uniform(draw, k)` for k = 0, 1, ..., and returns the bits that C(v) takes on the wire. `c` holds
    `constants(dim, float_bits)`.
    """

    compress: ClassVar[Kernel]
    homogeneous: ClassVar[bool] = False
    """Whether C(a v) = a C(v) for a > 0 and the same random numbers."""

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return the numbers that the kernel reads as `c.<name>`, for vectors of dimension `dim`."""
        return {"float_bits": float(float_bits)}

    def bits(self, dim: int, float_bits: int) -> int | None:
        """Return the bits that every C(v) takes, or None when they depend on v or on the draw."""
        return None

    def delta(self, dim: int) -> float | None:
        """Return the contraction constant, 0 < delta <= 1, or None when C is not contractive."""
        return None

    def omega(self, dim: int) -> float | None:
        """Return the variance constant, or None when C is biased."""
        return None

    def contraction(self, dim: int) -> float:
        """Return delta, or 1 / (1 + omega), the contraction of C / (1 + omega), for a compressor that is unbiased only."""
        delta, omega = self.delta(dim), self.omega(dim)
        if delta is not None:
            return delta
        return 0.0 if omega is None else 1.0 / (1.0 + omega)

    def apply(
        self, v: NDArray[np.float64], seed: int = 0, number: int = 0, float_bits: int = 32, owner: int = 0
    ) -> tuple[Any, int]:
        """Return C(v) and its bits, run as ordinary Python, with the random numbers of a node's message of this number.

        Examples
        --------
        >>> Compressor.parse("identity").apply(np.array([1.0, -2.0]))
        (array([ 1., -2.]), 64)
        """
        out = np.array(v, dtype=np.float64)
        c = constants_row(self.constants(len(out), float_bits))[0]
        bits = type(self).compress(c, draw_at(seed, Purpose.COMPRESSION, owner, number), out, np.empty(len(out)))
        return out, int(bits)


def index_bits(dim: int) -> int:
    """Return the bits that name one of `dim` coordinates, ceil(log2 dim).

    Examples
    --------
    >>> index_bits(1), index_bits(2), index_bits(100)
    (0, 1, 7)
    """
    return ceil(log2(dim))
