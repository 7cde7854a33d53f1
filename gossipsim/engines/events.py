"""The events of a world in order of time: drawn from superposed Poisson clocks, or read from a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.cache import compiled

BLOCK = 16384
GRADIENT, ROUND, HOP = -1, -2, -3
"""What the column `j` says of an event that is not an exchange."""

SPEAK, APPLY, DELIVER, AWAY, BACK, FAILED, ACKNOWLEDGED = range(4, 11)
"""Other events: `j` is -(kind + 16 place). A node speaks into a place for messages; it applies what came of an exchange, or gets
one message; it goes away; it comes back, to the state that `edge` names (KEPT, LOST or a neighbour's number); messages failed,
`i` of them not counted yet and `edge` of them lost; acknowledgements, counted in the same way."""

KEPT, LOST = -1, -2
COUNTED = ("events", "gradients", "activations", "messages", "bits", "lost", "rounds")


class Events(NamedTuple):
    """Consecutive events, shapes `(K,)`; `edge` is -1 and `j` is GRADIENT, ROUND or HOP unless it is an exchange."""

    t: NDArray[np.float64]
    i: NDArray[np.int32]
    j: NDArray[np.int32]
    edge: NDArray[np.int32]

    def part(self, start: int, stop: int) -> Events:
        """Return events `start` to `stop - 1` as views."""
        return Events(self.t[start:stop], self.i[start:stop], self.j[start:stop], self.edge[start:stop])


@dataclass(frozen=True)
class Limits:
    """Where an advance stops: before time `until`, or when a count is reached."""

    until: float = inf
    events: float = inf
    gradients: float = inf
    activations: float = inf
    bits: float = inf
    rounds: float = inf

    def before(self, axis: str, place: float) -> Limits:
        """Return the limits with one of them drawn closer."""
        return replace(self, **{axis: min(getattr(self, axis), place)})


@dataclass
class Counts:
    """What has happened so far; the hops of a token count as rounds."""

    events: int = 0
    gradients: int = 0
    activations: int = 0
    messages: int = 0
    bits: int = 0
    lost: int = 0
    rounds: int = 0

    def reached(self, limits: Limits) -> bool:
        """Return whether a count stands at its limit."""
        return (
            self.events >= limits.events
            or self.gradients >= limits.gradients
            or self.activations >= limits.activations
            or self.bits >= limits.bits
            or self.rounds >= limits.rounds
        )

    def row(self) -> tuple[int, ...]:
        """Return the counts in the order of `COUNTED`."""
        return (self.events, self.gradients, self.activations, self.messages, self.bits, self.lost, self.rounds)

    def take(self, row: Iterable[int]) -> None:
        """Set the counts from a row in the order of `COUNTED`."""
        for name, value in zip(COUNTED, row, strict=True):
            setattr(self, name, int(value))

    def add(
        self, *, events: int = 0, gradients: int = 0, activations: int = 0, messages: int = 0, bits: int = 0
    ) -> None:
        """Count some more of each."""
        self.events += events
        self.gradients += gradients
        self.activations += activations
        self.messages += messages
        self.bits += bits


def kind_and_place(j: int) -> tuple[int, int]:
    """Return the kind of an event that is not an exchange, and its place for messages.

    Examples
    --------
    >>> kind_and_place(GRADIENT), kind_and_place(-(16 * 3 + APPLY))
    ((1, 0), (5, 3))
    """
    return -j & 15, -j >> 4


def together(events: Events) -> NDArray[np.bool_]:
    """Return which events are rounds, or hops of a token, `(K,)`."""
    return np.asarray((events.j == ROUND) | (events.j == HOP))


class Source(Protocol):
    """Where events come from; `block(first, clock)` must not depend on how earlier blocks were cut."""

    def block(self, first: int, clock: float) -> Events:
        """Return some events from number `first` on, the one before having happened at time `clock`; empty at the end."""


class PoissonClocks:
    """Superposed independent Poisson clocks of nodes and edges: event k is a function of (seed, k) and the rates.

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    n : int
        Number of nodes; each gradient clock has rate `node_rate`.
    node_rate : float
        Gradients per unit time and node; 0 for methods without gradients.
    edges : ndarray, shape (m, 2)
        Ends of every edge.
    rates : ndarray, shape (m,)
        Rate of every edge's gossip clock.
    size : int, optional
        Events per block.
    speeds : ndarray, shape (n,), optional
        Factors of the rates of the nodes' clocks, 1 unless given.
    """

    def __init__(
        self,
        seed: int,
        n: int,
        node_rate: float,
        edges: NDArray[np.int64],
        rates: NDArray[np.float64],
        size: int | None = None,
        speeds: NDArray[np.float64] | None = None,
    ) -> None:
        self.seed, self.n = np.uint64(seed), n
        self.node_total = float(node_rate * (n if speeds is None else speeds.sum()))
        self.edge_total = float(rates.sum())
        self.nodes = None if speeds is None else alias_table(speeds)
        self.ends = np.ascontiguousarray(edges, dtype=np.int32).reshape(-1, 2)
        equal = len(rates) == 0 or bool(np.all(rates == rates[0]))
        self.accept, self.alias = (np.empty(0), np.empty(0, np.int32)) if equal else alias_table(rates)

        size = size or BLOCK
        self.room = Events(np.empty(size), *(np.empty(size, np.int32) for _ in range(3)))
        self.second = np.empty(size)

    @property
    def drawn_alike(self) -> bool:
        """Whether there are clocks, and the compiled sampler draws their events without further ado."""
        return self.node_total + self.edge_total > 0.0 and self.nodes is None

    @property
    def parameters(self) -> tuple[Any, ...]:
        """What the compiled sampler takes besides the event's number, the time, and where to write."""
        return (self.seed, self.node_total, self.n, self.edge_total, self.ends, self.accept, self.alias, self.second)

    def block(self, first: int, clock: float) -> Events:
        """Return the next `size` events, in memory that the next call reuses."""
        if self.node_total + self.edge_total == 0.0:
            return Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
        seed, *rest = self.parameters
        compiled("sampler").sample(seed, np.uint64(first), clock, *rest, *self.room)
        if self.nodes is not None and self.node_total > 0.0:
            self._weigh(*self.nodes)
        return self.room

    def _weigh(self, accept: NDArray[np.float64], alias: NDArray[np.int32]) -> None:
        """Give gradients, drawn for every node alike, to nodes by their speeds; the same uniform decides."""
        mine = np.flatnonzero(self.room.j == GRADIENT)
        node = self.room.i[mine]
        share = self.second[mine] * (self.node_total + self.edge_total) * (self.n / self.node_total) - node
        self.room.i[mine] = np.where(share < accept[node], node, alias[node])


class Recording:
    """Events read from a file, in their own order."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def block(self, first: int, clock: float) -> Events:
        """Return the recorded events from number `first` on."""
        return self.events.part(first, first + BLOCK)


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return acceptance probabilities and aliases: one uniform picks an index with probability proportional to its weight.

    Walker's method as arranged by Vose, "A linear algorithm for generating random numbers with a given distribution", 1991.

    Examples
    --------
    >>> accept, alias = alias_table(np.array([1.0, 3.0]))
    >>> accept.tolist(), alias.tolist()
    ([0.5, 1.0], [1, 1])
    """
    scaled = (weights / weights.sum() * len(weights)).tolist()
    accept, alias = np.ones(len(weights)), np.arange(len(weights), dtype=np.int32)
    small = [k for k, w in enumerate(scaled) if w < 1.0]
    large = [k for k, w in enumerate(scaled) if w >= 1.0]
    while small and large:
        low, high = small.pop(), large[-1]
        accept[low], alias[low] = scaled[low], high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            small.append(large.pop())
    return accept, alias


class Tape:
    """A reader of a source: knows the next event, cuts at limits, and can be set back."""

    def __init__(self, source: Source, first: int = 0, clock: float = 0.0) -> None:
        self.source, self.first, self.clock = source, first, clock
        self.events = source.block(first, clock)
        self.place = 0

    def _refill(self) -> None:
        if self.place == len(self.events.t) > 0:
            self.first += self.place
            self.clock = float(self.events.t[-1])
            self.events, self.place = self.source.block(self.first, self.clock), 0

    @property
    def exhausted(self) -> bool:
        """Whether no event is left."""
        self._refill()
        return self.place >= len(self.events.t)

    @property
    def position(self) -> tuple[int, float]:
        """Number of events taken so far, and the time of the last one."""
        return self.first + self.place, float(self.events.t[self.place - 1]) if self.place else self.clock

    def take(self, limits: Limits, counts: Counts) -> Events:
        """Return the next events, as many as are at hand within the limits; empty when none is."""
        self._refill()
        waiting = self.events.part(self.place, len(self.events.t))
        stop = len(waiting.t)
        if stop and waiting.t[-1] >= limits.until:
            stop = int(np.searchsorted(waiting.t, limits.until, side="left"))
        stop = int(min(stop, limits.events - counts.events))
        for limit, done, mine in (
            (limits.gradients, counts.gradients, waiting.j == GRADIENT),
            (limits.activations, counts.activations, waiting.j >= 0),
            (limits.rounds, counts.rounds, together(waiting)),
        ):
            if limit < inf:
                ahead = np.flatnonzero(mine[:stop])
                if len(ahead) >= limit - done:
                    stop = int(ahead[int(limit - done) - 1]) + 1 if limit > done else 0
        self.place += max(stop, 0)
        return waiting.part(0, max(stop, 0))

    def __iter__(self) -> Iterator[tuple[float, int, int, int]]:
        """Yield events one by one, for ever or until a recording ends."""
        while True:
            self._refill()
            if self.place >= len(self.events.t):
                return
            for t, i, j, edge in zip(*(c[self.place :].tolist() for c in self.events), strict=True):
                self.place += 1
                yield t, i, j, edge
