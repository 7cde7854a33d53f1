"""QSGD: random rounding to s levels of the norm."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from math import ceil, log2, sqrt
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class Qsgd(Compressor, name="qsgd"):
    r"""Rounds every magnitude at random to a multiple of \(\|v\|_2 / s\), without bias.

    .. math:: C(v)_q = \|v\|_2\,\mathrm{sign}(v_q)\,\xi_q / s, \quad
              \xi_q = \lfloor s |v_q| / \|v\|_2 + u_q \rfloor, \quad u_q \sim U(0, 1).

    Unbiased with \(\omega = \min(d/s^2, \sqrt d/s)\); divided by 1 + omega, contractive with \(\delta = 1/(1 + \omega)\).
    Alistarh, Grubic, Li, Tomioka, Vojnovic, "QSGD: communication-efficient SGD via gradient quantization and encoding", NeurIPS
    2017, lemma 3.1.

    Parameters
    ----------
    levels : int
        The number s of levels above zero.
    rescaled : bool
        Whether the result is divided by 1 + omega.
    code : {"fixed", "elias_gamma"}
        What a coordinate costs besides the B bits of the norm: 1 + ceil(log2(s + 1)) bits, or those of the Elias gamma code of
        xi + 1, 2 floor(log2(xi + 1)) + 1, and a sign where xi > 0.

    Examples
    --------
    >>> import numpy as np
    >>> v, bits = Qsgd(levels=5).apply(np.array([3.0, -4.0]))
    >>> v.round(12).tolist(), bits
    ([3.0, -4.0], 40)
    """

    homogeneous = True

    levels: Annotated[int, Field(ge=1, le=2**31)]
    rescaled: bool = False
    code: Literal["fixed", "elias_gamma"] = "fixed"

    @kernel
    def compress(c, draw, v, work):
        """Round; a vector whose norm is zero or not finite stays as it is."""
        size = 0.0
        for q in range(len(v)):
            size += v[q] * v[q]
        size = np.sqrt(size)
        fine = size > 0.0 and size < np.inf
        bits = c.float_bits + len(v) * c.fixed_bits
        for q in range(len(v)):
            level = 0.0
            if fine:
                level = np.floor(c.levels * (abs(v[q]) / size) + uniform(draw, q))
                level = min(level, c.levels)
                share = size * (level / c.levels) * c.factor
                v[q] = -share if v[q] < 0.0 else share
            if c.gamma > 0.0:
                bits += 2.0 if level > 0.0 else 1.0
                power = 2.0
                while power <= level + 1.0:
                    bits += 2.0
                    power = 2.0 * power
        return bits

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return s, the factor of the result, and what is counted for a coordinate."""
        gamma = self.code == "elias_gamma"
        return {
            "levels": float(self.levels),
            "factor": 1.0 / (1.0 + self._variance(dim)) if self.rescaled else 1.0,
            "float_bits": float(float_bits),
            "fixed_bits": 0.0 if gamma else 1.0 + ceil(log2(self.levels + 1)),
            "gamma": float(gamma),
        }

    def bits(self, dim: int, float_bits: int) -> int | None:
        """Return B + d (1 + ceil(log2(s + 1))), or None with the Elias gamma code."""
        return None if self.code == "elias_gamma" else float_bits + dim * (1 + ceil(log2(self.levels + 1)))

    def _variance(self, dim: int) -> float:
        return min(dim / self.levels**2, sqrt(dim) / self.levels)

    def delta(self, dim: int) -> float | None:
        """Return 1 / (1 + omega) when rescaled."""
        return 1.0 / (1.0 + self._variance(dim)) if self.rescaled else None

    def omega(self, dim: int) -> float | None:
        """Return min(d/s^2, sqrt(d)/s) unless rescaled."""
        return None if self.rescaled else self._variance(dim)
