"""Top-k: the largest coordinates."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.compressors.base import Compressor, index_bits
from gossipsim.kernels import kernel


class TopK(Compressor, name="top_k"):
    r"""Keeps the k coordinates of largest magnitude; of equal ones, the first.

    Contractive with \(\delta \ge k/d\); k (B + ceil(log2 d)) bits. Stich, Cordonnier, Jaggi, "Sparsified SGD with memory",
    NeurIPS 2018.

    Parameters
    ----------
    k : int
        Coordinates kept; at d and beyond, all of them, without indices.

    Examples
    --------
    >>> import numpy as np
    >>> TopK(k=2).apply(np.array([1.0, -3.0, 2.0, 0.0]))
    (array([ 0., -3.,  2.,  0.]), 68)
    """

    homogeneous = True

    k: Annotated[int, Field(ge=1)]

    @kernel
    def compress(c, draw, v, work):
        """Clear all but the k largest."""
        d, k = len(v), int(c.k)
        if k >= d:
            return d * c.float_bits
        keep_largest(v, work, 0, d, k)
        return k * (c.float_bits + c.index_bits)

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return k and the bits of a number and of an index."""
        return {"k": float(self.k), "float_bits": float(float_bits), "index_bits": float(index_bits(dim))}

    def bits(self, dim: int, float_bits: int) -> int:
        """Return k (B + ceil(log2 d)), or d B when everything is kept."""
        return dim * float_bits if self.k >= dim else self.k * (float_bits + index_bits(dim))

    def delta(self, dim: int) -> float:
        """Return k/d."""
        return min(1.0, self.k / dim)


def keep_largest(v, work, start, stop, k):
    """Clear v[start:stop] but for its k largest magnitudes, k < stop - start, found by quickselect on a copy.

    Hoare, "Algorithm 65: Find", Communications of the ACM 4 (1961).
    """
    for q in range(start, stop):
        work[q] = abs(v[q])
    low, high, place = start, stop - 1, start + k - 1
    while low < high:
        middle = work[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while work[left] > middle:
                left += 1
            while work[right] < middle:
                right -= 1
            if left <= right:
                swap = work[left]
                work[left] = work[right]
                work[right] = swap
                left += 1
                right -= 1
        if place <= right:
            high = right
        elif place >= left:
            low = left
        else:
            break
    least = work[place]
    kept = 0
    for q in range(start, stop):
        if abs(v[q]) > least:
            kept += 1
    for q in range(start, stop):
        if abs(v[q]) < least:
            v[q] = 0.0
        elif abs(v[q]) == least:
            kept += 1
            if kept > k:
                v[q] = 0.0
