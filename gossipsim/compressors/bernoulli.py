"""Bernoulli: all or nothing."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gossipsim.compressors.base import Compressor
from gossipsim.kernels import kernel
from gossipsim.stream import uniform


class Bernoulli(Compressor, name="bernoulli"):
    r"""Sends the whole vector with probability p, and otherwise nothing.

    Divided by p it is unbiased with \(\omega = 1/p - 1\); as it is, contractive with \(\delta = p\). One bit says whether the
    d B bits of the vector follow.

    Parameters
    ----------
    p : float
        Probability of sending.
    unbiased : bool
        Whether what is sent is divided by p.
    shared_seed : bool
        Whether all nodes decide alike in their message of the same number, so that C commutes with averaging; the one bit is then
        known beforehand and not sent.

    Examples
    --------
    >>> import numpy as np
    >>> sizes = [Bernoulli(p=0.25).apply(np.ones(2), number=k) for k in range(8)]
    >>> sorted({(v[0].item(), bits) for v, bits in sizes})
    [(0.0, 1), (4.0, 65)]
    """

    homogeneous = True

    p: Annotated[float, Field(gt=0, le=1)]
    unbiased: bool = True
    shared_seed: bool = False

    @kernel
    def compress(c, draw, v, work):
        """Toss one coin."""
        owner = draw[1]
        if c.shared > 0.0:
            owner = np.uint64(0)
        place = (draw[0], owner, draw[2], draw[3], draw[4])
        if uniform(place, 0) < c.p:
            for q in range(len(v)):
                v[q] = c.factor * v[q]
            return c.flag + len(v) * c.float_bits
        for q in range(len(v)):
            v[q] = 0.0
        return c.flag

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return p, the factor of what is sent, whether the seed is shared, and the bits of a number and of the flag."""
        return {
            "p": self.p,
            "factor": 1.0 / self.p if self.unbiased else 1.0,
            "shared": float(self.shared_seed),
            "float_bits": float(float_bits),
            "flag": 0.0 if self.shared_seed else 1.0,
        }

    def bits(self, dim: int, float_bits: int) -> int | None:
        """Return None: nothing or everything is sent, unless p = 1."""
        return None if self.p < 1.0 else dim * float_bits + (not self.shared_seed)

    def delta(self, dim: int) -> float | None:
        """Return p when biased."""
        return None if self.unbiased else self.p

    def omega(self, dim: int) -> float | None:
        """Return 1/p - 1 when unbiased."""
        return 1.0 / self.p - 1.0 if self.unbiased else None
