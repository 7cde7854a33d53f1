"""Top-k inside chunks of fixed length."""
# mypy: allow-untyped-defs, no-check-untyped-defs

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.compressors.base import Compressor, index_bits
from gossipsim.compressors.top_k import keep_largest
from gossipsim.kernels import kernel


class ChunkedTopK(Compressor, name="chunked_top_k"):
    r"""Keeps the k coordinates of largest magnitude of every chunk, so that indices are short.

    Contractive with \(\delta \ge k/c\) for chunks of length c, because every chunk is; B + ceil(log2 c) bits for each value
    kept. The last chunk may be shorter. A chunk of at most k coordinates is sent whole, without indices.

    Parameters
    ----------
    k : int
        Coordinates kept of every chunk.
    chunk : int
        Length of a chunk.

    Examples
    --------
    >>> import numpy as np
    >>> ChunkedTopK(k=1, chunk=2).apply(np.array([1.0, -3.0, 2.0, 0.0, 5.0]))
    (array([ 0., -3.,  2.,  0.,  5.]), 98)
    """

    homogeneous = True

    k: Annotated[int, Field(ge=1)]
    chunk: Annotated[int, Field(ge=1)]

    @kernel
    def compress(c, draw, v, work):
        """Clear all but the k largest of every chunk."""
        d, k, chunk = len(v), int(c.k), int(c.chunk)
        bits = 0.0
        for start in range(0, d, chunk):
            stop = min(start + chunk, d)
            if stop - start <= k:
                bits += (stop - start) * c.float_bits
            else:
                keep_largest(v, work, start, stop, k)
                bits += k * (c.float_bits + c.index_bits)
        return bits

    def constants(self, dim: int, float_bits: int) -> dict[str, float]:
        """Return k, the length of a chunk and the bits of a number and of an index."""
        chunk = min(self.chunk, dim)
        sizes = {"float_bits": float(float_bits), "index_bits": float(index_bits(chunk))}
        return {"k": float(self.k), "chunk": float(chunk), **sizes}

    def bits(self, dim: int, float_bits: int) -> int:
        """Return the sum over the chunks, of which the last may be shorter."""
        chunk = min(self.chunk, dim)
        whole, rest = divmod(dim, chunk)
        short = self.k * (float_bits + index_bits(chunk))
        return sum(
            count * (size * float_bits if size <= self.k else short) for count, size in ((whole, chunk), (1, rest))
        )

    def delta(self, dim: int) -> float:
        """Return k over the length of a chunk."""
        return min(1.0, self.k / min(self.chunk, dim))
