"""Natural dithering: random rounding to levels that halve."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math
from math import ceil, log2
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class NaturalDithering(Compressor, name="natural_dithering"):
    r"""Rounds magnitudes over the norm at random to 0, 2^(1-s), ..., 1/2 or 1, without bias.

    With the p-norm, r = min(p, 2) and \(t = d^{1/r} 2^{1-s}\), unbiased with \(\omega = 1/8 + t \min(1, t)\); B bits for the norm
    and 1 + ceil(log2(s + 1)) per coordinate. Horvath, Ho, Horvath, Sahu, Canini, Richtarik, "Natural compression for distributed
    deep learning", 2019, theorem 7.

    Parameters
    ----------
    levels : int
        The number s of levels above zero.
    p : {1, 2, "inf"}
        Which norm.

    Examples
    --------
    >>> import numpy as np
    >>> NaturalDithering(levels=3, p="inf").apply(np.array([4.0, -2.0, 1.0, 0.0]))
    (array([ 4., -2.,  1.,  0.]), 44)
    """

    homogeneous = True

    levels: Annotated[int, Field(ge=1, le=1000)]
    p: Literal[1, 2, "inf"] = 2

    @kernel
    def compress(c, draw, v, work):
        """Round; a vector whose norm is zero or not finite stays as it is."""
        size = 0.0
        for q in range(len(v)):
            if c.p == 1.0:
                size += abs(v[q])
            elif c.p == 2.0:
                size += v[q] * v[q]
            else:
                size = max(size, abs(v[q]))
        if c.p == 2.0:
            size = np.sqrt(size)
        if size > 0.0 and size < np.inf:
            for q in range(len(v)):
                share = min(abs(v[q]) / size, 1.0)
                u = uniform(draw, q)
                if share < c.least:
                    level = c.least if u < share / c.least else 0.0
                else:
                    level = math.ldexp(1.0, math.frexp(share)[1] - 1)
                    if u < share / level - 1.0:
                        level = 2.0 * level
                v[q] = -level * size if v[q] < 0.0 else level * size
        return c.float_bits + len(v) * c.bits

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return p (0 for infinity), the lowest level, and the bits of a number and of a level with its sign."""
        return {
            "p": 0.0 if self.p == "inf" else float(self.p),
            "least": 2.0 ** (1 - self.levels),
            "float_bits": float(float_bits),
            "bits": 1.0 + ceil(log2(self.levels + 1)),
        }

    def bits(self, dim: int, float_bits: int) -> int:
        """Return B + d (1 + ceil(log2(s + 1)))."""
        return float_bits + dim * (1 + ceil(log2(self.levels + 1)))

    def omega(self, dim: int) -> float:
        """Return 1/8 + t min(1, t)."""
        t = (dim if self.p == 1 else math.sqrt(dim)) * 2.0 ** (1 - self.levels)
        return 0.125 + t * min(1.0, t)
