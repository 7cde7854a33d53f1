"""Natural compression: powers of two."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class Natural(Compressor, name="natural"):
    r"""Rounds every magnitude at random to the power of two below or above, without bias.

    A magnitude in \([2^e, 2^{e+1})\) becomes \(2^{e+1}\) with probability \(|v_q| / 2^e - 1\) and \(2^e\) otherwise. Unbiased
    with \(\omega = 1/8\), reached at 4/3 of a power of two. Sign and exponent are sent: 9 of 32 bits, 12 of 64, 6 of 16. Horvath,
    Ho, Horvath, Sahu, Canini, Richtarik, "Natural compression for distributed deep learning", 2019, theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> Natural().apply(np.array([1.0, -0.25, 0.0]))
    (array([ 1.  , -0.25,  0.  ]), 27)
    """

    @kernel
    def compress(c, draw, v, work):
        """Round; zero stays zero."""
        for q in range(len(v)):
            if v[q] != 0.0:
                exponent = math.frexp(v[q])[1]
                power = math.ldexp(1.0, exponent - 1)
                if uniform(draw, q) < abs(v[q]) / power - 1.0:
                    power = 2.0 * power
                v[q] = -power if v[q] < 0.0 else power
        return len(v) * c.bits

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return the bits of a sign and of an exponent, as IEEE 754 has them for numbers of this width."""
        exponent = next(size for width, size in ((16, 5), (32, 8), (64, 11), (128, 15)) if float_bits <= width)
        return {"bits": 1.0 + exponent}

    def bits(self, dim: int, float_bits: int) -> int:
        """Return d times the bits of a sign and of an exponent."""
        return dim * int(self.constants(dim, float_bits)["bits"])

    def omega(self, dim: int) -> float:
        """Return 1/8."""
        return 0.125
