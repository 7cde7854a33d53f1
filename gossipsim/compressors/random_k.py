"""Random-k: coordinates chosen at random."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.compressors.base import Compressor, index_bits
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class RandomK(Compressor, name="random_k"):
    r"""Keeps k coordinates chosen uniformly, without replacement.

    Contractive with \(\delta = k/d\); or, times d/k, unbiased with \(\omega = d/k - 1\). k (B + ceil(log2 d)) bits, or k B
    when the choice comes from a seed that everybody knows (its own 64 bits, sent once, are not counted).

    Parameters
    ----------
    k : int
        Coordinates kept; at d and beyond, all of them.
    unbiased : bool
        Whether what is kept is multiplied by d/k.
    shared_seed : bool
        Whether all nodes keep the same coordinates in their message of the same number: C then commutes with averaging, and
        indices need not be sent.

    Examples
    --------
    >>> import numpy as np
    >>> kept, bits = RandomK(k=2).apply(np.ones(8))
    >>> kept.sum().item(), bits, RandomK(k=2, shared_seed=True).apply(np.ones(8))[1]
    (2.0, 70, 64)
    """

    homogeneous = True

    k: Annotated[int, Field(ge=1)]
    unbiased: bool = False
    shared_seed: bool = False

    @kernel
    def compress(c, draw, v, work):
        """Walk through the coordinates, keeping each with the chance that makes all choices of k equally likely.

        This is algorithm S of Knuth, "The Art of Computer Programming", volume 2, section 3.4.2.
        """
        d, left = len(v), int(c.k)
        if left >= d:
            return d * c.float_bits
        owner = draw[1]
        if c.shared > 0.0:
            owner = np.uint64(0)
        place = (draw[0], owner, draw[2], draw[3], draw[4])
        for q in range(d):
            if uniform(place, q) * (d - q) < left:
                v[q] = c.factor * v[q]
                left -= 1
            else:
                v[q] = 0.0
        return c.k * (c.float_bits + c.index_bits)

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return k, the factor of what is kept, whether the seed is shared, and the bits of a number and of an index."""
        return {
            "k": float(self.k),
            "factor": max(1.0, dim / self.k) if self.unbiased else 1.0,
            "shared": float(self.shared_seed),
            "float_bits": float(float_bits),
            "index_bits": 0.0 if self.shared_seed else float(index_bits(dim)),
        }

    def bits(self, dim: int, float_bits: int) -> int:
        """Return k (B + ceil(log2 d)), k B with a shared seed, or d B when everything is kept."""
        index = 0 if self.shared_seed else index_bits(dim)
        return dim * float_bits if self.k >= dim else self.k * (float_bits + index)

    def delta(self, dim: int) -> float | None:
        """Return k/d when biased."""
        return None if self.unbiased else min(1.0, self.k / dim)

    def omega(self, dim: int) -> float | None:
        """Return d/k - 1 when unbiased."""
        return max(0.0, dim / self.k - 1.0) if self.unbiased else None
