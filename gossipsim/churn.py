"""Who is away when: nodes that come and go, and nodes that fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gossipsim.arrays import Floats, Integers
from gossipsim.component import NonNegative, Settings
from gossipsim.errors import ScenarioError
from gossipsim.family import Member
from gossipsim.graph import Graph
from gossipsim.law import Law, drawn
from gossipsim.stream import Purpose, generator, uniforms_of

State = Literal["kept", "lost", "neighbour"]
STATES = ("kept", "lost", "neighbour")
_AT_ONCE = 8192


class Churn(Settings):
    """Nodes come and go, each independently: present and away in turn, for durations of two laws.

    Availability is mean(up) / (mean(up) + mean(down)), and so is the probability to be present at the start; the first
    duration is drawn like the others, which is exact for exponential laws.

    Parameters
    ----------
    up, down : law
        Durations of presence and of absence, numbers or laws.
    state : {"kept", "lost", "neighbour"}
        What a node that returns starts from: its own state, the start of the run, or the state of a random neighbour.

    Examples
    --------
    >>> Churn.read({"up": {"name": "exponential", "mean": 8.0}, "down": {"name": "exponential", "mean": 2.0}}).availability
    0.8
    """

    up: Annotated[Law, Member]
    down: Annotated[Law, Member]
    state: State = "kept"

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        drawn(self, "up", "down")
        for name in ("up", "down"):
            mean = getattr(self, name).mean
            if not 0.0 < mean < np.inf:
                raise ScenarioError(f"a mean duration of {mean}", key=(name,), allowed="a finite mean > 0")
        return self

    @property
    def availability(self) -> float:
        """Share of time that a node is present."""
        up, down = self.up.mean, self.down.mean
        return up / (up + down)


class Failure(Settings):
    """Some nodes stop at a given time.

    Parameters
    ----------
    time : float
        When.
    nodes : list of int, or {"hubs", "data", "random"}
        Which: given nodes, those of largest degree, those with most samples, or random ones.
    share : float
        Which part of all nodes, unless they are listed.
    until : float, optional
        When they return; never, without it.
    state : {"kept", "lost", "neighbour"}
        What they start from when they return.

    Examples
    --------
    >>> Failure.read({"time": 5.0, "nodes": "hubs", "share": 0.1}).nodes
    'hubs'
    """

    time: NonNegative
    nodes: list[Annotated[int, Field(ge=0)]] | Literal["hubs", "data", "random"]
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    until: NonNegative | None = None
    state: State = "kept"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.nodes, str) and self.share is None:
            raise ScenarioError(f"{self.nodes} without a share", key=("share",), allowed="a number, 0 < share <= 1")
        if self.until is not None and self.until <= self.time:
            raise ScenarioError(f"until = {self.until}", key=("until",), allowed=f"later than time = {self.time}")
        return self

    def who(self, graph: Graph, samples: NDArray[Any], seed: int) -> Integers:
        """Return the nodes that fail; of equals the first."""
        if not isinstance(self.nodes, str):
            wrong = [i for i in self.nodes if i >= graph.n]
            if wrong:
                raise ScenarioError(f"node {wrong[0]}", key=("nodes",), allowed=f"0 to {graph.n - 1}")
            return np.unique(np.array(self.nodes, dtype=np.int64))
        count = max(1, round((self.share or 0.0) * graph.n))
        if self.nodes == "random":
            return np.sort(generator(seed, "failure", self.time).choice(graph.n, count, replace=False))
        size = graph.degree if self.nodes == "hubs" else samples
        return np.sort(np.argsort(-size, kind="stable")[:count])


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

    A node is present when neither its churn nor a failure keeps it away. Draw k of node i is a function of (seed, i, k).

    Parameters
    ----------
    seed : int
        Seed of the scenario.
    n : int
        Number of nodes.
    churn : Churn, optional
        Independent comings and goings.
    failures : list of (float, float, Integers, str)
        From when, until when (may be infinite), which nodes, and the state they return with.
    """

    def __init__(
        self, seed: int, n: int, churn: Churn | None, failures: Sequence[tuple[float, float, Integers, State]]
    ) -> None:
        self.seed, self.n, self.churn = seed, n, churn
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
        if churn is not None:
            self.stretch = 0.5 * _AT_ONCE / n * (churn.up.mean + churn.down.mean)
            everybody = np.arange(n)
            u = uniforms_of(seed, Purpose.CHURN, everybody, np.zeros(n, dtype=np.int64))[:, 0]
            self.present = u < churn.availability
            self.reasons += ~self.present
            self.due = self._durations(everybody)

    def _durations(self, nodes: Integers) -> Floats:
        assert self.churn is not None
        self.count[nodes] += 1
        u = uniforms_of(self.seed, Purpose.CHURN, nodes, self.count[nodes])
        return np.where(self.present[nodes], self.churn.up.sample(u), self.churn.down.sample(u))

    def lasting(self, changes: Changes) -> NDArray[np.bool_]:
        """Return which nodes leave for ever."""
        if self.churn is not None:
            return np.zeros(len(changes.t), dtype=np.bool_)
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
        state = STATES.index(self.churn.state) if self.churn is not None else 0
        while (nodes := np.flatnonzero(self.due < end)).size:
            self.present[nodes] = ~self.present[nodes]
            found.append(Changes(self.due[nodes], nodes, self.present[nodes], np.full(len(nodes), state)))
            self.due[nodes] += self._durations(nodes)
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
