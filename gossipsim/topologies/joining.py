"""Ways to make a disconnected draw connected."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.connected import components


def join_at_random(n: int, edges: Integers, random: np.random.Generator) -> Integers:
    """Add one edge between each two consecutive components, at random nodes of both.

    Examples
    --------
    >>> join_at_random(3, np.array([[0, 1]]), np.random.default_rng(1)).tolist() in ([[0, 1], [0, 2]], [[0, 1], [1, 2]])
    True
    """
    pieces = _members(components(n, edges))
    chosen = [(int(random.choice(a)), int(random.choice(b))) for a, b in pairwise(pieces)]
    return _extended(edges, chosen)


def join_closest(positions: Floats, edges: Integers) -> Integers:
    """Add the shortest edge between each two consecutive components of nodes at `positions` (n, 2).

    Examples
    --------
    >>> join_closest(np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0]]), np.array([[0, 1]])).tolist()
    [[0, 1], [1, 2]]
    """
    from scipy.spatial import cKDTree

    pieces = _members(components(len(positions), edges))
    chosen = []
    for a, b in pairwise(pieces):
        few, many = (a, b) if len(a) <= len(b) else (b, a)
        distance, nearest = cKDTree(positions[many]).query(positions[few])
        k = int(np.argmin(distance))
        chosen.append((int(few[k]), int(many[np.asarray(nearest)[k]])))
    return _extended(edges, chosen)


def join_by_switching(n: int, edges: Integers) -> Integers:
    """Connect components by switching pairs of edges, which keeps every degree; each piece needs a cycle.

    Edge (a, b) on a cycle of one piece and any edge (c, d) of the rest become (a, c) and (b, d): the piece hangs
    together without (a, b), so both ends of (c, d) stay attached to it.

    Examples
    --------
    >>> join_by_switching(6, np.array([[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]])).tolist()
    [[0, 1], [0, 2], [1, 4], [3, 4], [3, 5], [2, 5]]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    piece = components(n, edges)
    if not piece.any():
        return edges
    tree = minimum_spanning_tree(coo_array((np.arange(1.0, len(edges) + 1), edges.T), shape=(n, n)).tocsr())
    spare = np.setdiff1d(np.arange(len(edges)), tree.data.astype(np.int64) - 1)
    switched = edges.copy()
    _, first = np.unique(piece[edges[spare, 0]], return_index=True)
    anchor, *rows = spare[first]
    for row in rows:
        (a, b), (c, d) = switched[row], switched[anchor]
        switched[anchor], switched[row] = (min(a, c), max(a, c)), (min(b, d), max(b, d))
    return switched


def _members(component: Integers) -> list[Integers]:
    order = np.argsort(component, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(component[order])) + 1)


def _extended(edges: Integers, chosen: list[tuple[int, int]]) -> Integers:
    return np.concatenate([edges, np.sort(np.array(chosen, dtype=np.int64).reshape(-1, 2), axis=1)])
