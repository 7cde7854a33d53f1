"""How a data set is dealt to the nodes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import Component, NonNegative, Positive
from gossipsim.errors import ScenarioError

Indices = NDArray[np.int64]
Split = tuple[Indices, Indices]

CLASSES = 20
"""Labels with more distinct values than this are taken as real numbers."""


class Partition(Component, kind="partition"):
    """How samples are dealt to nodes: every sample to exactly one node, at least one to every node.

    Parameters
    ----------
    skew : float
        Standard deviation of the logarithm of the shard sizes; 0 makes them equal up to one sample.
    """

    minimum: ClassVar[int] = 1

    skew: NonNegative = 0.0

    @abstractmethod
    def arrange(self, labels: NDArray[Any], sizes: Indices, rng: np.random.Generator) -> Split:
        """Return `order` `(N,)` and `first` `(n + 1,)` for samples with the given labels `(N,)`."""

    def split(self, labels: NDArray[Any], n: int, rng: np.random.Generator) -> Split:
        """Deal `N = len(labels)` samples to `n` nodes.

        Parameters
        ----------
        labels : (N,)
            Class of each sample, or a real number.
        n : int
            Number of nodes.
        rng : numpy.random.Generator
            The stream of the partition.

        Returns
        -------
        order : (N,) int64
            A permutation of the samples.
        first : (n + 1,) int64
            Node i gets the samples `order[first[i]:first[i + 1]]`.

        Raises
        ------
        ScenarioError
            There are fewer samples than nodes.

        Examples
        --------
        >>> order, first = Sorted().split(np.array([1, 0, 1, 0]), 2, np.random.default_rng(0))
        >>> order, first
        (array([1, 3, 0, 2]), array([0, 2, 4]))
        """
        labels = np.asarray(labels)
        if len(labels) < n * self.minimum:
            raise ScenarioError(f"{len(labels)} samples cannot be dealt to {n} nodes", allowed="at least one per node")
        return self.arrange(labels, self.sizes(len(labels), n, rng), rng)

    def sizes(self, N: int, n: int, rng: np.random.Generator) -> Indices:
        """Return shard sizes `(n,)` that sum to `N`, each at least `minimum`, proportional to exp(skew z), z ~ N(0, 1).

        Examples
        --------
        >>> Iid().sizes(10, 4, np.random.default_rng(0)).tolist()
        [3, 3, 2, 2]
        """
        # Subtracting the largest exponent keeps exp from overflowing for any skew.
        z = self.skew * rng.standard_normal(n)
        return self.minimum + _round(np.exp(z - z.max()), N - n * self.minimum)


class Iid(Partition, name="iid"):
    """Samples dealt at random, so that all nodes see the same distribution.

    Examples
    --------
    >>> order, first = Iid().split(np.zeros(5), 2, np.random.default_rng(0))
    >>> sorted(order.tolist()), first.tolist()
    ([0, 1, 2, 3, 4], [0, 3, 5])
    """

    def arrange(self, labels: NDArray[Any], sizes: Indices, rng: np.random.Generator) -> Split:
        """Return a random permutation, cut."""
        return rng.permutation(len(labels)), _starts(sizes)


class Sorted(Partition, name="sorted"):
    """Samples sorted by label and cut into contiguous shards: the most heterogeneous split."""

    def arrange(self, labels: NDArray[Any], sizes: Indices, rng: np.random.Generator) -> Split:
        """Return the samples in the order of their labels, cut."""
        return np.argsort(labels, kind="stable"), _starts(sizes)


class Shards(Partition, name="shards"):
    """Samples sorted by label, cut into n per_node pieces, and per_node random pieces dealt to each node.

    The split of McMahan et al., "Communication-efficient learning of deep networks from decentralized data"
    (AISTATS 2017), Section 3, with two pieces per node. Here `skew` applies to the sizes of the pieces.

    Parameters
    ----------
    per_node : int
        Pieces per node; fewer pieces mean fewer classes per node.

    Examples
    --------
    >>> labels = np.repeat(np.arange(10), 20)
    >>> order, first = Shards(per_node=2).split(labels, 10, np.random.default_rng(0))
    >>> max(len(set(labels[order[a:b]])) for a, b in zip(first, first[1:]))
    2
    """

    per_node: Annotated[int, Field(ge=1, le=1_000_000)] = 2

    def arrange(self, labels: NDArray[Any], sizes: Indices, rng: np.random.Generator) -> Split:
        """Return whole pieces in the order in which they are dealt."""
        n, N = len(sizes), len(labels)
        pieces = n * self.per_node
        if pieces > N:
            raise ScenarioError(
                f"{n} nodes with {self.per_node} pieces each need {pieces} samples, there are {N}", key=("per_node",)
            )
        lengths = self.sizes(N, pieces, rng)
        starts = _starts(lengths)[:-1]
        dealt = rng.permutation(pieces)
        order = np.argsort(labels, kind="stable")
        places = np.repeat(starts[dealt], lengths[dealt]) + _within(lengths[dealt])
        return order[places], _starts(lengths[dealt].reshape(n, self.per_node).sum(axis=1))


class Dirichlet(Partition, name="dirichlet"):
    """Label proportions per node drawn from a Dirichlet distribution.

    Node i draws q_i ~ Dirichlet(alpha C p), with C classes of frequencies p in the whole set (for balanced classes
    Dirichlet(alpha, ..., alpha)), and fills its shard with these proportions; what a used-up class cannot give is taken
    from the others in proportion to q_i. Nodes choose in random order. More than twenty distinct labels
    are taken as real numbers and cut into ten classes at their quantiles.
    Hsu, Qi and Brown, "Measuring the effects of non-identical data distribution for federated visual classification"
    (2019), Section 3.

    Parameters
    ----------
    alpha : float
        Concentration: large is iid, small gives each node few classes.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 500)
    >>> order, first = Dirichlet(alpha=1e6).split(labels, 10, np.random.default_rng(0))
    >>> shares = [labels[order[a:b]].mean() for a, b in zip(first, first[1:])]
    >>> bool(np.ptp(shares) < 0.04)
    True
    """

    alpha: Positive

    def arrange(self, labels: NDArray[Any], sizes: Indices, rng: np.random.Generator) -> Split:
        """Return the samples node after node."""
        classes = classes_of(labels)
        left = np.bincount(classes)
        C = len(left)
        order = np.argsort(classes + rng.random(len(classes)) * 0.5, kind="stable")
        taken = _starts(left)[:-1].copy()
        parameters = np.clip(self.alpha * C * left / left.sum(), 1e-6, 1e12)
        shares = rng.dirichlet(parameters, size=len(sizes)) if C > 1 else np.ones((len(sizes), 1))
        counts = np.zeros((len(sizes), C), dtype=np.int64)
        for i in rng.permutation(len(sizes)).tolist():
            counts[i] = _fill(shares[i], int(sizes[i]), left)
            left -= counts[i]
        # Class c hands out its samples in the order of the nodes: the samples of a class are already shuffled.
        begin = taken + np.cumsum(counts, axis=0) - counts
        flat = counts.reshape(-1)
        return order[np.repeat(begin.reshape(-1), flat) + _within(flat)], _starts(sizes)


def classes_of(labels: NDArray[Any]) -> Indices:
    """Return class numbers 0, 1, ...: the distinct labels, or ten quantile classes when there are more than twenty.

    Examples
    --------
    >>> classes_of(np.array([3, 1, 3])).tolist(), classes_of(np.arange(100.0)).max().item()
    ([1, 0, 1], 9)
    """
    distinct, index = np.unique(labels, return_inverse=True)
    if len(distinct) <= CLASSES:
        return index.reshape(-1).astype(np.int64)
    cuts = np.quantile(labels, np.arange(1, 10) / 10.0)
    classes = np.searchsorted(cuts, labels, side="right")
    return np.unique(classes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _fill(share: NDArray[np.float64], size: int, left: Indices) -> Indices:
    counts = np.zeros(len(left), dtype=np.int64)
    while size > 0:
        room = left - counts
        weight = np.where(room > 0, share, 0.0)
        weight = weight if weight.sum() > 0.0 else room.astype(float)
        more = np.minimum(_round(weight, size), room)
        counts += more
        size -= int(more.sum())
    return counts


def _round(weight: NDArray[np.float64], total: int) -> Indices:
    """Share `total` in proportion to `weight` by largest remainders."""
    exact = weight * (total / weight.sum())
    whole: Indices = np.floor(exact).astype(np.int64)
    missing = total - int(whole.sum())
    whole[np.argsort(-(exact - whole), kind="stable")[:missing]] += 1
    return whole


def _starts(sizes: Indices) -> Indices:
    return np.asarray(np.concatenate([[0], np.cumsum(sizes)]), dtype=np.int64)


def _within(lengths: Indices) -> Indices:
    places: Indices = np.arange(int(lengths.sum()), dtype=np.int64)
    return np.asarray(places - np.repeat(np.cumsum(lengths) - lengths, lengths))
