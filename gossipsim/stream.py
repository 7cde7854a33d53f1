"""Named counter-based random streams: every number is a function of (seed, purpose, owner, counter).

The engines draw from Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
with key = seed and counter = (index low, index high, owner, purpose). Setting a world up (graphs, data, starting points)
needs permutations, Dirichlet and Gaussian draws once; these come from `numpy.random.Philox` under a key derived from the
seed and the names of the stream.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _SHIFT, _TWELVE = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(12)
_UNIT = 2.0**-52


class Purpose(enum.IntEnum):
    """What a stream is for; part of the counter, so that streams never overlap."""

    EVENTS = 0
    CLOCK = 1
    SAMPLE = 2
    LATENCY = 3
    LOSS = 4
    COMPRESSION = 5
    ATTACK = 6
    CHURN = 7


def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Return one 128-bit block of Philox4x32-10 as four 32-bit words, each held in an unsigned 64-bit integer.

    The arguments are `numpy.uint64` scalars or arrays below 2**32; the same source is compiled for the engines.

    Examples
    --------
    >>> zero = np.uint64(0)
    >>> [f"{int(w):08x}" for w in philox(zero, zero, zero, zero, zero, zero)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    for _ in range(10):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        n0 = (p1 >> _SHIFT) ^ c1 ^ k0
        n2 = (p0 >> _SHIFT) ^ c3 ^ k1
        c1 = p1 & _LOW
        c3 = p0 & _LOW
        c0 = n0
        c2 = n2
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


def unit(high: Any, low: Any) -> Any:
    """Turn two 32-bit words into a double strictly between 0 and 1, an odd multiple of 2**-53."""
    return (((high << _SHIFT) | low) >> _TWELVE) * _UNIT + 0.5 * _UNIT


def uniforms(seed: int, purpose: Purpose, owner: int, first: int, count: int) -> NDArray[np.float64]:
    """Return the uniforms number `first` to `first + count - 1` of a stream, two per counter, shape `(count, 2)`.

    Parameters
    ----------
    seed : int
        Seed of the scenario, 0 <= seed < 2**64.
    purpose, owner : int
        Which stream: what it is for, and the clock, node or link it belongs to.
    first, count : int
        Which part of the stream.

    Examples
    --------
    >>> whole = uniforms(7, Purpose.LATENCY, 3, 0, 10)
    >>> bool((whole[4:] == uniforms(7, Purpose.LATENCY, 3, 4, 6)).all())
    True
    """
    index = np.arange(first, first + count, dtype=np.uint64)
    whole = np.uint64(seed)
    words = philox(
        index & _LOW,
        index >> _SHIFT,
        np.full(count, owner, dtype=np.uint64),
        np.full(count, purpose, dtype=np.uint64),
        whole & _LOW,
        whole >> _SHIFT,
    )
    return np.stack([unit(words[0], words[1]), unit(words[2], words[3])], axis=1)


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return the set-up stream called `names`, for example `generator(1, "topology", "erdos_renyi")`.

    Examples
    --------
    >>> a, b = generator(1, "start"), generator(1, "partition")
    >>> bool(a.random() == generator(1, "start").random()), bool(a.random() == b.random())
    (True, False)
    """
    text = "/".join(["gossipsim", str(int(seed)), *map(str, names)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)))
