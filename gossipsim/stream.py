"""Named counter-based random streams: every number is a function of (seed, purpose, owner, counter).

The engines draw from Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
with key = seed and counter = (index low, index high, owner, purpose). Setting a world up (graphs, data, starting points)
needs permutations, Dirichlet and Gaussian draws once; these come from `numpy.random.Philox` under a key derived from the
seed and the names of the stream.
"""

from __future__ import annotations

import enum
import hashlib
import math
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
    ROUTE = 8
    NOISE = 9
    PARTNER = 10
    VERB = 11


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


Draw = tuple[Any, Any, Any, Any, Any]
"""A place in a stream: (number, owner, purpose, seed low, seed high), each a `numpy.uint64` below 2**32."""


def draw_at(seed: int, purpose: Purpose, owner: int, number: int) -> Draw:
    """Return the place number `number` of a stream, from which a kernel draws as often as it likes.

    Examples
    --------
    >>> here = draw_at(7, Purpose.COMPRESSION, owner=3, number=0)
    >>> bool(0.0 < uniform(here, 0) < 1.0), bool(uniform(here, 0) == uniform(here, 1))
    (True, False)
    """
    words = (number & 0xFFFFFFFF, owner, int(purpose), seed & 0xFFFFFFFF, seed >> 32)
    return tuple(np.uint64(word) for word in words)  # type: ignore[return-value]


def draw_at_time(seed: int, owner: int, t: float) -> Draw:
    """Return the place from which the verbs of a node draw at time t, its number made from the bits of t.

    Examples
    --------
    >>> draw_at_time(7, 3, 1.5) == draw_at_time(7, 3, 1.5), draw_at_time(7, 3, 1.5) == draw_at_time(7, 3, 2.5)
    (True, False)
    """
    word = int(np.float64(t).view(np.uint64))
    return draw_at(seed, Purpose.VERB, owner, word ^ (word >> 32))


def uniform(draw: Draw, k: Any) -> Any:
    """Return the k-th uniform number at a place, strictly between 0 and 1; for kernels.

    The counter of Philox is (k, number, owner, purpose) and its key the seed.
    """
    a, b, _, _ = philox(np.uint64(k), draw[0], draw[1], draw[2], draw[3], draw[4])
    return unit(a, b)


def normal(draw: Draw, k: Any) -> Any:
    """Return the k-th standard normal number at a place, sqrt(-2 log u) cos(2 pi v); for kernels.

    Box, Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics, 1958.

    Examples
    --------
    >>> here = draw_at(7, Purpose.NOISE, owner=0, number=0)
    >>> sample = [normal(here, k) for k in range(4000)]
    >>> bool(abs(np.mean(sample)) < 0.05), bool(abs(np.std(sample) - 1) < 0.05)
    (True, True)
    """
    a, b, c, d = philox(np.uint64(k), draw[0], draw[1], draw[2], draw[3], draw[4])
    return math.sqrt(-2.0 * math.log(unit(a, b))) * math.cos(6.283185307179586 * unit(c, d))


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
    return uniforms_of(seed, purpose, np.full(count, owner), np.arange(first, first + count))


def uniforms_of(seed: int, purpose: Purpose, owners: NDArray[Any], index: NDArray[Any]) -> NDArray[np.float64]:
    """Return two uniforms for each pair of an owner and an index, shape `(k, 2)`.

    Examples
    --------
    >>> pairs = uniforms_of(7, Purpose.CLOCK, np.array([0, 3]), np.array([5, 5]))
    >>> bool((pairs[1:] == uniforms(7, Purpose.CLOCK, 3, 5, 1)).all())
    True
    """
    index = index.astype(np.uint64)
    whole = np.uint64(seed)
    words = philox(
        index & _LOW,
        index >> _SHIFT,
        owners.astype(np.uint64),
        np.full(len(index), purpose, dtype=np.uint64),
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
