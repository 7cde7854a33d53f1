"""Ternary: minus one, zero or one times the largest magnitude."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from math import ceil, log2, sqrt

import numpy as np

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class Ternary(Compressor, name="ternary"):
    r"""Rounds every magnitude at random to zero or to the largest one, without bias.

    .. math:: C(v)_q = \|v\|_\infty\,\mathrm{sign}(v_q)\,[u_q < |v_q| / \|v\|_\infty], \quad u_q \sim U(0, 1).

    Unbiased with \(\omega = (\sqrt d - 1)/2\): the variance is \(\|v\|_\infty \|v\|_1 - \|v\|_2^2\), and against
    \(\|v\|_2^2\) it is largest when all entries but one are the largest over \(1 + \sqrt d\). B + ceil(d log2 3) bits. Wen, Xu,
    Yan, Wu, Wang, Chen, Li, "TernGrad: ternary gradients to reduce communication in distributed deep learning", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> Ternary().apply(np.array([2.0, -2.0, 0.0]))
    (array([ 2., -2.,  0.]), 37)
    """

    homogeneous = True

    @kernel
    def compress(c, draw, v, work):
        """Round; a vector that is zero or not finite stays as it is."""
        size = 0.0
        for q in range(len(v)):
            size = max(size, abs(v[q]))
        if size > 0.0 and size < np.inf:
            for q in range(len(v)):
                if uniform(draw, q) < abs(v[q]) / size:
                    v[q] = -size if v[q] < 0.0 else size
                else:
                    v[q] = 0.0
        return c.float_bits + c.digit_bits

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return the bits of a number and of d digits to the base 3."""
        return {"float_bits": float(float_bits), "digit_bits": float(ceil(dim * log2(3)))}

    def bits(self, dim: int, float_bits: int) -> int:
        """Return B + ceil(d log2 3)."""
        return float_bits + ceil(dim * log2(3))

    def omega(self, dim: int) -> float:
        """Return (sqrt(d) - 1) / 2."""
        return (sqrt(dim) - 1.0) / 2.0
