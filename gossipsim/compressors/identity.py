"""No compression."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel


class Identity(Compressor, name="identity"):
    """Sends every coordinate: d B bits, where B is the width of a number.

    Examples
    --------
    >>> Identity().delta(10), Identity().omega(10)
    (1.0, 0.0)
    """

    homogeneous = True

    @kernel
    def compress(c, draw, v, work):
        """Leave v as it is."""
        return c.float_bits * len(v)

    def bits(self, dim: int, float_bits: int) -> int:
        """Return d B."""
        return dim * float_bits

    def delta(self, dim: int) -> float:
        """Return 1."""
        return 1.0

    def omega(self, dim: int) -> float:
        """Return 0."""
        return 0.0
