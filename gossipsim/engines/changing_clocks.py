"""Events on a graph that changes: clocks that tick for the graph of the moment only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats
from gossipsim.engines import events
from gossipsim.engines.events import Events, PoissonClocks, Source
from gossipsim.engines.sources import Rounds
from gossipsim.epochs import Epochs
from gossipsim.law import Constant

_KEPT = 64
"""Graphs whose tables for drawing edges are kept."""


class _InTurn(ABC):
    """A source whose events are made one portion after the other; an empty portion is the end."""

    given: int
    ready: Events

    @abstractmethod
    def _rewind(self) -> None:
        """Go back to time 0, with nothing given and nothing ready."""

    @abstractmethod
    def _more(self) -> Events:
        """Return the next portion."""

    def block(self, first: int, clock: float) -> Events:
        """Return the events from number `first` on that are at hand; to go back is to start again from time 0."""
        if first < self.given:
            self._rewind()
        while self.given + len(self.ready.t) <= first:
            self.given += len(self.ready.t)
            self.ready = self._more()
            if not len(self.ready.t):
                return _NONE
        return self.ready.part(first - self.given, len(self.ready.t))


class ChangingClocks(_InTurn):
    """Poisson clocks whose rates change from epoch to epoch.

    The clocks are memoryless: at the end of an epoch the gap under way is thrown away, and the next one is drawn with the
    rates of the next epoch. Draw k is a function of (seed, k), and so is the number of draws thrown away before an event.

    Parameters
    ----------
    clocks : callable
        Returns the clocks of graph k, with blocks of a given size.
    epochs : Epochs
        Which graph is in force when.
    total : float
        Events per unit time, about.
    """

    def __init__(self, clocks: Callable[[int, int], PoissonClocks], epochs: Epochs, total: float) -> None:
        self.epochs = epochs
        expected = total * epochs.every
        self.size = int(min(events.BLOCK, 64 + 1.25 * expected)) if np.isfinite(expected) else events.BLOCK
        self.clocks = lru_cache(_KEPT)(lambda k: clocks(k, self.size))
        self._rewind()

    def _rewind(self) -> None:
        self.given, self.ready = 0, _NONE
        self.epoch, self.drawn, self.now = 0, 0, 0.0

    def _more(self) -> Events:
        """Return the events of some epochs."""
        found: list[Events] = []
        count, silent = 0, 0
        while count < max(1, events.BLOCK // 2):
            drawn = self.clocks(self.epochs.graph_of(self.epoch)).block(self.drawn, self.now)
            end = self.epochs.end(self.epoch)
            cut = int(np.searchsorted(drawn.t, end, side="left"))
            found.append(_copied(drawn.part(0, cut)))
            count += cut
            if cut < len(drawn.t) or not len(drawn.t):
                self.epoch, self.now, self.drawn = self.epoch + 1, end, self.drawn + cut + bool(len(drawn.t))
                silent = 0 if cut else silent + 1
                if end == np.inf or silent > len(self.epochs) + 1:
                    break
            else:
                self.drawn += cut
                self.now = float(drawn.t[-1])
        return Events(*(np.concatenate(column) for column in zip(*found, strict=True)))


class Merged(_InTurn):
    """The events of two independent sources in order of time; at the same time those of the first come first."""

    def __init__(self, one: Callable[[], Source], other: Callable[[], Source]) -> None:
        self.make = (one, other)
        self._rewind()

    def _rewind(self) -> None:
        self.given, self.ready = 0, _NONE
        self.sources = [make() for make in self.make]
        self.numbers, self.clocks = [0, 0], [0.0, 0.0]
        self.waiting = [_NONE, _NONE]

    def _more(self) -> Events:
        """Return all events up to the last time that both sources have reached."""
        for k, source in enumerate(self.sources):
            if not len(self.waiting[k].t):
                drawn = source.block(self.numbers[k], self.clocks[k])
                self.waiting[k] = _copied(drawn)
        ends = [float(waiting.t[-1]) if len(waiting.t) else np.inf for waiting in self.waiting]
        end = min(ends)
        if end == np.inf:
            return _NONE
        parts = []
        for k, waiting in enumerate(self.waiting):
            cut = int(np.searchsorted(waiting.t, end, side="right"))
            parts.append(waiting.part(0, cut))
            self.numbers[k] += cut
            self.clocks[k] = float(waiting.t[cut - 1]) if cut else self.clocks[k]
            self.waiting[k] = waiting.part(cut, len(waiting.t))
        order = np.argsort(np.concatenate([part.t for part in parts]), kind="stable")
        return Events(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))


class ChangingRounds(Rounds):
    """Rounds on a graph that changes: the graph in force when a round begins serves all of it.

    The column `edge` holds its number, and a block holds rounds of one graph.

    Parameters
    ----------
    rounds : Rounds
        The same on a graph that stays.
    epochs : Epochs
        Which graph is in force when.
    here : ndarray of bool, shape (K, links)
        Which directed links are there.
    transfers : list of float
        Time per turn that messages take besides on each graph.
    """

    def __init__(self, rounds: Rounds, epochs: Epochs, here: NDArray[np.bool_], transfers: list[float]) -> None:
        self.__dict__.update(rounds.__dict__)
        self.epochs, self.here, self.transfers = epochs, here, transfers
        self.most, self.block_size = rounds.block_size, 1
        self.there = np.empty(0, dtype=np.int64)

    def block(self, first: int, clock: float) -> Events:
        """Return some rounds on one graph."""
        number = int(self.epochs.number(np.asarray(clock)))
        self.there, self.transfer = np.flatnonzero(self.here[number]), self.transfers[number]
        found = super().block(first, clock)
        begins = np.concatenate([[clock], found.t[:-1]])
        cut = max(1, int((self.epochs.number(begins) == number).cumprod().sum()))
        # rounds beyond the epoch are drawn in vain; how many are drawn at once changes nothing else
        self.block_size = min(self.most, 2 * cut)
        return Events(found.t[:cut], found.i[:cut], found.j[:cut], np.full(cut, number, dtype=np.int32))

    def _slowest_link(self, first: int, count: int) -> Floats:
        """Return, for every round, the sum over its turns of the time of the slowest link that is there, `(count,)`."""
        if isinstance(self.latency, Constant):
            slowest = self.latency.value + self.delays[self.there].max(initial=0.0) if len(self.there) else 0.0
            return np.full(count, self.turns * slowest)
        numbers = np.arange(first * self.turns, (first + count) * self.turns)
        each = self._slowest(lambda k, number: self._messages(self.there[k], number), len(self.there), numbers)
        return np.asarray(each.reshape(count, self.turns).sum(axis=1))


def _copied(found: Events) -> Events:
    """Return events in memory of their own."""
    return Events(found.t.copy(), found.i.copy(), found.j.copy(), found.edge.copy())


_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
