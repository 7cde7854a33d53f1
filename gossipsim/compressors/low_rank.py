"""Low rank: the vector as a matrix, cut to its leading singular values."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

import math
from math import isqrt
from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.compressors.base import Compressor
from gossipsim.errors import ScenarioError
from gossipsim.kernels import kernel


class LowRank(Compressor, name="low_rank"):
    r"""Keeps the r leading singular values of the vector, read row by row as an a x b matrix.

    Contractive with \(\delta = r / \min(a, b)\); r (a + b) B bits. Rows, or columns if they are fewer, are rotated in pairs until
    they are orthogonal (Hestenes, "Inversion of matrices by biorthogonalization and related results", 1958), and the r longest
    are rotated back. However long that goes on, what is dropped are the shortest of min(a, b) pieces, so that the contraction
    is exact. When r is min(a, b), everything is sent, in d B bits.

    Parameters
    ----------
    rank : int
        The number r of singular values kept.
    rows : int, optional
        The number a of rows, which divides d (default: the largest divisor of d that is at most sqrt(d); 1 if d is prime, and
        nothing is then compressed).

    Examples
    --------
    >>> import numpy as np
    >>> v, bits = LowRank(rank=1).apply(np.array([3.0, 0.0, 0.0, 2.0]))
    >>> v.tolist(), bits
    ([3.0, 0.0, 0.0, 0.0], 128)
    """

    homogeneous = True

    rank: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)] | None = None

    @kernel
    def compress(c, draw, v, work):
        """Rotate, cut, rotate back; piece i of the matrix, a row or a column, is v[i * step + q * stride]."""
        few, many, r = int(c.few), int(c.many), int(c.rank)
        step, stride = int(c.step), int(c.stride)
        if r >= few:
            return len(v) * c.float_bits
        size = 0.0
        for q in range(len(v)):
            size = max(size, abs(v[q]))
        if size > 0.0 and size < np.inf:
            # Squares of numbers near 1 neither overflow nor vanish, and dividing by a power of two rounds nothing.
            power = math.ldexp(1.0, math.frexp(size)[1] - 1)
            for q in range(len(v)):
                v[q] = v[q] / power
            make_orthogonal(v, work, few, many, step, stride)
            longest_first(v, work, few, many, step, stride, r)
            rotate_back(v, work, few, many, step, stride, r)
            for q in range(len(v)):
                v[q] = v[q] * power
        return c.rank * (c.few + c.many) * c.float_bits

    def shape(self, dim: int) -> tuple[int, int]:
        """Return a and b.

        Examples
        --------
        >>> LowRank(rank=1).shape(12), LowRank(rank=1, rows=6).shape(12)
        ((3, 4), (6, 2))
        """
        if self.rows is None:
            a = next(a for a in range(isqrt(dim), 0, -1) if dim % a == 0)
        elif dim % self.rows:
            raise ScenarioError(
                f"{self.rows} rows do not divide the dimension {dim}", key=("compressor", "rows"), allowed="a divisor"
            )
        else:
            a = self.rows
        return a, dim // a

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return r, the fewer of rows and columns and the more, how to walk through them, and the bits of a number."""
        a, b = self.shape(dim)
        few, many, step, stride = (a, b, b, 1) if a <= b else (b, a, 1, b)
        sizes = {"rank": self.rank, "few": few, "many": many, "step": step, "stride": stride, "float_bits": float_bits}
        return {name: float(value) for name, value in sizes.items()}

    def bits(self, dim: int, float_bits: int) -> int:
        """Return r (a + b) B, or d B when everything is sent."""
        a, b = self.shape(dim)
        return dim * float_bits if self.rank >= min(a, b) else self.rank * (a + b) * float_bits

    def delta(self, dim: int) -> float:
        """Return r / min(a, b)."""
        return min(1.0, self.rank / min(self.shape(dim)))


def make_orthogonal(v, work, few, many, step, stride):
    """Rotate pairs of pieces (one-sided Jacobi), and write the inverse rotation `(few, few)` to `work`."""
    for i in range(few):
        for j in range(few):
            work[i * few + j] = 1.0 if i == j else 0.0
    least = 0.0
    for q in range(len(v)):
        least += v[q] * v[q]
    least = 1e-32 * least  # pieces shorter than that are rounding
    for _sweep in range(40):
        turned = 0
        for i in range(few - 1):
            for j in range(i + 1, few):
                aa, bb, ab = 0.0, 0.0, 0.0
                for q in range(many):
                    a, b = v[i * step + q * stride], v[j * step + q * stride]
                    aa += a * a
                    bb += b * b
                    ab += a * b
                if abs(ab) > 1e-15 * np.sqrt(aa * bb) and min(aa, bb) > least:
                    turned += 1
                    slope = (bb - aa) / (2.0 * ab)
                    tangent = 1.0 / (abs(slope) + np.sqrt(1.0 + slope * slope))
                    if slope < 0.0:
                        tangent = -tangent
                    cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
                    sine = cosine * tangent
                    for q in range(many):
                        a, b = v[i * step + q * stride], v[j * step + q * stride]
                        v[i * step + q * stride] = cosine * a - sine * b
                        v[j * step + q * stride] = sine * a + cosine * b
                    for q in range(few):
                        a, b = work[q * few + i], work[q * few + j]
                        work[q * few + i] = cosine * a - sine * b
                        work[q * few + j] = sine * a + cosine * b
        if turned == 0:
            break


def longest_first(v, work, few, many, step, stride, r):
    """Move the r longest pieces, and the columns of the rotation that belong to them, to the front."""
    for k in range(r):
        longest, which = -1.0, k
        for i in range(k, few):
            size = 0.0
            for q in range(many):
                size += v[i * step + q * stride] * v[i * step + q * stride]
            if size > longest:
                longest, which = size, i
        for q in range(many):
            swap = v[k * step + q * stride]
            v[k * step + q * stride] = v[which * step + q * stride]
            v[which * step + q * stride] = swap
        for q in range(few):
            swap = work[q * few + k]
            work[q * few + k] = work[q * few + which]
            work[q * few + which] = swap


def rotate_back(v, work, few, many, step, stride, r):
    """Replace all pieces by what the first r of them contribute."""
    # Each row of the rotation keeps r < few entries, so that the last `few` places of its memory become free.
    for q in range(few):
        for k in range(r):
            work[q * r + k] = work[q * few + k]
    free = few * (few - 1)
    for q in range(many):
        for i in range(few):
            value = 0.0
            for k in range(r):
                value += work[i * r + k] * v[k * step + q * stride]
            work[free + i] = value
        for i in range(few):
            v[i * step + q * stride] = work[free + i]
