"""The way of every message through a real network: when it was sent, how long it waited, when it arrived.

Engines need only what nodes notice. Pictures need the rest, and it follows from the stream of events: message number k takes its
latency, its service time and its fate from (seed, k), and messages are numbered in the order in which they are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.engines.events import ACKNOWLEDGED, APPLY, SPEAK, Tape, kind_and_place
from gossipsim.engines.network import Network
from gossipsim.engines.sources import uniforms
from gossipsim.stream import Purpose
from gossipsim.world import World

_DRAWS = 4096


class Absences(NamedTuple):
    """Who was away: node `(k,)` int, from `begin` until `end` `(k,)`, cut at the end of the picture."""

    node: Integers
    begin: Floats
    end: Floats


class Messages(NamedTuple):
    """Messages in the order in which they were sent, each column `(k,)`; times in mean gradient times.

    A message waits from `sent` to `uplink_begin`, occupies the sender's uplink until `uplink_end`, waits until `link_begin`,
    occupies the directed link `link` (its place in `graph.nbr`) until `link_end`, and travels until `arrives`. `late` says that
    its receiver was away when it arrived, `lost` that it did not arrive at all, `short` that it is an acknowledgement.
    """

    sender: Integers
    receiver: Integers
    edge: Integers
    link: Integers
    sent: Floats
    uplink_begin: Floats
    uplink_end: Floats
    link_begin: Floats
    link_end: Floats
    arrives: Floats
    lost: NDArray[np.bool_]
    late: NDArray[np.bool_]
    short: NDArray[np.bool_]

    @property
    def waited(self) -> Floats:
        """How long each message waited for its uplink and its link."""
        return (self.uplink_begin - self.sent) + (self.link_begin - self.uplink_end)


class Presences:
    """Answers who is present at times that never fall."""

    def __init__(self, world: World, until: float) -> None:
        presence = world.presence()
        self.here = np.ones(world.graph.n, dtype=bool)
        self.here[presence.reasons > 0] = False
        self.changes = presence.until(until)
        self.place = 0

    def at(self, t: float) -> NDArray[np.bool_]:
        """Return who is present at time t, `(n,)`; who changes at t has changed."""
        times = self.changes.t
        while self.place < len(times) and times[self.place] <= t:
            self.here[self.changes.node[self.place]] = self.changes.back[self.place]
            self.place += 1
        return self.here


def absences(world: World, until: float) -> Absences:
    """Return who was away when, up to a time.

    Examples
    --------
    >>> from gossipsim.scenario import Scenario
    >>> world = World.build(Scenario.parse({
    ...     "topology": {"name": "cycle", "n": 4}, "problem": {"name": "quadratic", "dim": 1}, "method": "gossip",
    ...     "fleet": {"failures": [{"time": 2, "nodes": [3], "until": 5}, {"time": 4, "nodes": [1]}]}, "run": {"time": 9}}))
    >>> [column.tolist() for column in absences(world, 9.0)]
    [[3, 1], [2.0, 4.0], [5.0, 9.0]]
    """
    presence = world.presence()
    since = {int(i): 0.0 for i in np.flatnonzero(presence.reasons > 0)}
    rows: list[tuple[int, float, float]] = []
    changes = presence.until(until)
    for t, node, back in zip(changes.t.tolist(), changes.node.tolist(), changes.back.tolist(), strict=True):
        if back:
            rows.append((node, since.pop(node, 0.0), t))
        else:
            since[node] = t
    rows += [(node, begin, until) for node, begin in since.items()]
    columns = zip(*sorted(rows, key=lambda row: row[1]), strict=True) if rows else ((), (), ())
    node, begin, end = columns
    return Absences(np.array(node, dtype=np.int64), np.array(begin, dtype=float), np.array(end, dtype=float))


def messages(world: World, until: float) -> Messages:
    """Return the messages that were sent before a time, in a networked world whose nodes do not act in rounds.

    Examples
    --------
    >>> from gossipsim.scenario import Scenario
    >>> world = World.build(Scenario.parse({
    ...     "topology": {"name": "cycle", "n": 4}, "problem": {"name": "quadratic", "dim": 1}, "method": "gossip",
    ...     "wire": {"latency": 0.5}, "run": {"time": 9}}))
    >>> found = messages(world, 3.0)
    >>> set((found.arrives - found.sent).round(12).tolist())
    {0.5}
    """
    network = world.events()
    assert isinstance(network, Network)
    wire = _Wire(world, network)
    method = world.method
    if method.pairwise != "delivery" and world.scenario.wire.exchange == "atomic":
        _atomic(wire, until)
    else:
        _spoken(wire, until, handshake=method.pairwise != "delivery")
    return wire.messages(until)


def _atomic(wire: _Wire, until: float) -> None:
    """Send two messages at every ring of an edge whose ends are both present."""
    presences = Presences(wire.world, until)
    for t, i, j, edge in Tape(wire.network.make()):
        if t >= until:
            return
        here = presences.at(t)
        if j >= 0 and here[i] and here[j]:
            wire.send(t, i, edge)
            wire.send(t, j, edge)


def _spoken(wire: _Wire, until: float, handshake: bool) -> None:
    """Send a message whenever a node speaks; in a handshake, acknowledgements too, until one arrives."""
    acknowledged = 0
    for t, i, j, edge in Tape(wire.network):
        if t >= until:
            return
        kind, place = kind_and_place(j)
        if kind == SPEAK:
            wire.send(t, i, edge)
        elif kind == APPLY and handshake and place % 2 == 0:
            arrives = t
            while True:
                acknowledged += 1
                arrives, lost = wire.send(arrives, i, edge, short=True)
                if not lost:
                    break
                arrives += wire.pause
        elif kind == ACKNOWLEDGED:
            # repeated to a node that was away: takes a number, and arrives without passing through a queue
            acknowledged -= 1
            if acknowledged < 0:
                wire.number, acknowledged = wire.number + 1, 0


class _Wire:
    """The queues and the fates of messages, one after the other."""

    def __init__(self, world: World, network: Network) -> None:
        self.world, self.network = world, network
        self.uplink, self.share, self.pause = (float(value) for value in network.sizes)
        self.chain: list[float] = [float(value) for value in network.chain]
        graph = world.graph
        self.delay = np.asarray(world.link_delays).tolist()
        self.ends, self.slots, self.ptr = graph.edges.tolist(), graph.slot.tolist(), graph.ptr.tolist()
        self.free_node, self.free_link = [0.0] * graph.n, [0.0] * (2 * graph.m)
        to_bad, to_good = self.chain[:2]
        none = np.zeros(2 * graph.m, dtype=np.int64)
        start = uniforms(world.seed, Purpose.LOSS, np.arange(2 * graph.m), none)[:, 0]
        self.bad: list[bool] = (start * (to_bad + to_good) < to_bad).tolist()
        self.number = 0
        self.first, self.drawn = 0, [np.empty(0)] * 3
        self.rows: list[tuple[Any, ...]] = []

    def _draw(self) -> tuple[float, float, Floats]:
        """Return latency, service time and the two uniforms of the fate of the next message."""
        at = self.number - self.first
        if at >= len(self.drawn[0]):
            self.first, at = self.number, 0
            seed, wire, m = self.world.seed, self.world.scenario.wire, self.world.graph.m
            index, none = np.arange(self.first, self.first + _DRAWS), np.zeros(_DRAWS, dtype=np.int64)
            latency = wire.latency.sample(uniforms(seed, Purpose.LATENCY, none, index))
            service = np.full(_DRAWS, self.world.sent_bits[0] / wire.bandwidth if wire.bandwidth else 0.0)
            if wire.service is not None:
                service = wire.service.sample(uniforms(seed, Purpose.LATENCY, none + 1, index))
            self.drawn = [latency, service, uniforms(seed, Purpose.LOSS, none + 2 * m, index)]
        self.number += 1
        return float(self.drawn[0][at]), float(self.drawn[1][at]), self.drawn[2][at]

    def send(self, t: float, sender: int, edge: int, short: bool = False) -> tuple[float, bool]:
        """Send a message at time t to the other end of an edge; return when it arrives, and whether it is lost."""
        side = 0 if self.ends[edge][0] == sender else 1
        link = self.ptr[sender] + self.slots[edge][side]
        latency, service, fate = self._draw()
        share = self.share if short else 1.0
        begin = end = t
        if self.uplink > 0.0:
            begin = max(t, self.free_node[sender])
            end = self.free_node[sender] = begin + share * self.uplink
        on = off = end
        if service > 0.0:
            on = max(end, self.free_link[link])
            off = self.free_link[link] = on + share * service
        arrives = off + latency + self.delay[link]
        self.bad[link], lost = fate_of(self.chain, self.bad[link], fate)
        receiver = self.ends[edge][1 - side]
        self.rows.append((sender, receiver, edge, link, t, begin, end, on, off, arrives, lost, short))
        return arrives, lost

    def messages(self, until: float) -> Messages:
        """Return all that were sent, with who was away when they arrived."""
        columns: Iterator[Any] = zip(*self.rows, strict=True) if self.rows else iter([()] * 12)
        *whole, sent, begin, end, on, off, at, lost, short = columns
        sender, receiver, edge, link = (np.array(column, dtype=np.int64) for column in whole)
        times = [np.array(column, dtype=float) for column in (sent, begin, end, on, off, at)]
        late, arrives = np.zeros(len(self.rows), dtype=bool), times[-1]
        presences = Presences(self.world, float(arrives.max(initial=until)) + 1.0)
        if len(presences.changes.t) or not presences.here.all():
            for k in np.argsort(arrives, kind="stable").tolist():
                late[k] = not presences.at(arrives[k])[receiver[k]]
        fates = np.array(lost, dtype=bool), late, np.array(short, dtype=bool)
        return Messages(sender, receiver, edge, link, *times, *fates)  # type: ignore[call-arg]


def fate_of(chain: list[float], bad: bool, fate: Floats) -> tuple[bool, bool]:
    """Return the next state of a link's two-state chain (Gilbert, Elliott) and whether its message is lost.

    Examples
    --------
    >>> fate_of([0.5, 0.5, 0.0, 1.0], False, np.array([0.1, 0.9]))
    (True, True)
    """
    to_bad, to_good, in_good, in_bad = chain
    moves, decides = float(fate[0]), float(fate[1])
    bad = moves >= to_good if bad else moves < to_bad
    return bad, decides < (in_bad if bad else in_good)


def occupied(begin: Floats, end: Floats, owner: Integers, owners: int, until: float) -> Floats:
    """Return the share of the time before `until` that each owner is occupied, `(owners,)`, by intervals that do not overlap.

    Examples
    --------
    >>> occupied(np.array([0.0, 8.0]), np.array([2.0, np.inf]), np.array([0, 1]), 2, 10.0).tolist()
    [0.2, 0.2]
    """
    length = np.minimum(end, until) - np.minimum(begin, until)
    return np.asarray(np.bincount(owner, weights=length, minlength=owners) / until, dtype=float)
