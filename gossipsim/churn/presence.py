"""Who is there: churn and failures as one stream of changes in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.churn.base import STATES, Sessions, State

_AT_ONCE = 8192


class Changes(NamedTuple):
    """Who leaves or returns: times, nodes, whether they are present from now on, numbers of `STATES`; each `(k,)`."""

    t: Floats
    node: Integers
    back: NDArray[np.bool_]
    state: Integers

    def part(self, which: Any) -> Changes:
        """Return some of them."""
        return Changes(*(column[which] for column in self))

    @classmethod
    def none(cls) -> Changes:
        """Return no changes."""
        return cls(np.empty(0), np.empty(0, np.int64), np.empty(0, bool), np.empty(0, np.int64))


class Presence:
    """When nodes leave and return: churn and failures as one stream of changes in order of time.

    A node is present when neither its churn nor a failure keeps it away.

    Parameters
    ----------
    n : int
        Number of nodes.
    sessions : Sessions, optional
        Independent comings and goings.
    state : {"kept", "lost", "neighbour"}
        What nodes start from when they return by themselves.
    failures : list of (float, float, Integers, str)
        From when, until when (may be infinite), which nodes, and the state they return with.
    """

    def __init__(
        self,
        n: int,
        sessions: Sessions | None = None,
        state: State = "kept",
        failures: Sequence[tuple[float, float, Integers, State]] = (),
    ) -> None:
        self.n, self.sessions, self.state = n, sessions, STATES.index(state)
        self.reasons = np.zeros(n, dtype=np.int64)
        """How many reasons keep each node away."""
        fixed = [(t, int(i), change, STATES.index(state)) for begin, end, nodes, state in failures for i in nodes
                 for t, change in ((begin, 1), (end, -1)) if t < np.inf]  # fmt: skip
        self.fixed = sorted(fixed, key=lambda each: each[0])
        self.last_return = np.full(n, -np.inf)
        failed = np.zeros(n, dtype=np.int64)
        for t, i, change, _ in self.fixed:
            failed[i] += change
            if failed[i] == 0:
                self.last_return[i] = t
        self.failing = bool(fixed)
        self.count = np.zeros(n, dtype=np.int64)
        self.present = np.ones(n, dtype=bool)
        self.due = np.full(n, np.inf)
        self.coming, self.known = Changes.none(), 0.0
        self.stretch = 0.0
        if sessions is not None:
            self.stretch = _AT_ONCE / sessions.pace if sessions.pace > 0.0 else 0.0
            self.present = sessions.at_start()
            self.reasons += ~self.present
            self.last_return = np.maximum(self.last_return, sessions.last_return)
            self.due[:] = 0.0
            self._look_ahead(np.arange(n))

    def _look_ahead(self, nodes: Integers) -> None:
        """Note when nodes change next, whose last change was due."""
        assert self.sessions is not None
        self.count[nodes] += 1
        self.due[nodes] = self.sessions.due(nodes, self.count[nodes], self.present[nodes], self.due[nodes])

    def lasting(self, changes: Changes) -> NDArray[np.bool_]:
        """Return which nodes leave for ever; when churn and failures mix, perhaps only some of them."""
        return np.asarray(~changes.back & (changes.t >= self.last_return[changes.node]))

    def until(self, end: float) -> Changes:
        """Return what changes before `end` and was not returned yet, in order of time."""
        if end > self.known:
            # some thousands at once, because a call of NumPy costs as much for one of them
            self.known = end + self.stretch
            more = self._drawn_until(self.known)
            self.coming = Changes(*(np.concatenate(pair) for pair in zip(self.coming, more, strict=True)))
        count = int(np.searchsorted(self.coming.t, end, side="left"))
        found, self.coming = self.coming.part(slice(0, count)), self.coming.part(slice(count, None))
        return found

    def _drawn_until(self, end: float) -> Changes:
        """Draw what changes before `end`, in order of time."""
        found = [Changes.none()]
        while (nodes := np.flatnonzero(self.due < end)).size:
            self.present[nodes] = ~self.present[nodes]
            found.append(Changes(self.due[nodes], nodes, self.present[nodes], np.full(len(nodes), self.state)))
            self._look_ahead(nodes)
        changes = Changes(*(np.concatenate(column) for column in zip(*found, strict=True)))
        changes = changes.part(np.lexsort((changes.node, changes.t)))
        if not self.failing:
            self.reasons[:] = ~self.present
            return changes
        return self._among_failures(changes, end)

    def _among_failures(self, churn: Changes, end: float) -> Changes:
        """Return the changes that are left when a node may be away for several reasons."""
        raw = [(t, i, -1 if back else 1, int(state)) for t, i, back, state in zip(*churn, strict=True)]
        while self.fixed and self.fixed[0][0] < end:
            raw.append(self.fixed.pop(0))
        kept = []
        for t, i, change, state in sorted(raw, key=lambda each: each[:2]):
            before = self.reasons[i]
            self.reasons[i] = before + change
            if (before == 0) != (self.reasons[i] == 0):
                kept.append((t, i, self.reasons[i] == 0, state))
        columns = zip(*kept, strict=True) if kept else ((), (), (), ())
        kinds = (np.float64, np.int64, np.bool_, np.int64)
        return Changes(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))
