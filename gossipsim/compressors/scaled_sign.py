"""Scaled sign: one bit per coordinate."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel


class ScaledSign(Compressor, name="scaled_sign"):
    r"""Sends the signs, and the mean of the magnitudes: \(C(v) = (\|v\|_1 / d)\,\mathrm{sign}(v)\), with sign(0) = 1.

    Contractive with \(\delta(v) = \|v\|_1^2 / (d \|v\|_2^2)\), between 1/d and 1, about 2/pi for Gaussian v; d + B bits.
    Karimireddy, Rebjock, Stich, Jaggi, "Error feedback fixes SignSGD and other gradient compression schemes", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> ScaledSign().apply(np.array([1.0, -3.0, 2.0, 0.0]))
    (array([ 1.5, -1.5,  1.5,  1.5]), 36)
    """

    homogeneous = True

    @kernel
    def compress(c, draw, v, work):
        """Replace every magnitude by their mean."""
        mean = 0.0
        for q in range(len(v)):
            mean += abs(v[q])
        mean = mean / len(v)
        for q in range(len(v)):
            v[q] = -mean if v[q] < 0.0 else mean
        return len(v) + c.float_bits

    def bits(self, dim: int, float_bits: int) -> int:
        """Return d + B."""
        return dim + float_bits

    def delta(self, dim: int) -> float:
        """Return 1/d, the contraction of a vector with a single entry."""
        return 1.0 / dim
