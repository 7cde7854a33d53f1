"""What becomes of the rings of clocks on real links: delays, queues, losses, and nodes that are away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.churn import STATES, Changes
from gossipsim.engines import events
from gossipsim.engines.cache import calendar
from gossipsim.engines.events import AWAY, BACK, KEPT, LOST, Events, Source
from gossipsim.engines.sources import uniforms
from gossipsim.stream import Purpose

if TYPE_CHECKING:
    from gossipsim.world import World

_MODES = {"atomic": 0, "handshake": 1, "delivery": 2}
_DRAWS = 1 << 14


class Network:
    """Events of a world whose messages take time, wait, get lost, and whose nodes come and go.

    Nothing here depends on the state of a node, so the whole network is a source of events like the clocks it stands on.
    Message number k takes its latency and its fate from (seed, k).

    Parameters
    ----------
    world : World
        The network, its wire and its fleet.
    inner : callable
        Makes a fresh source of the rings of the clocks.
    """

    def __init__(self, world: World, inner: Any) -> None:
        self.world, self.make = world, inner
        wire, method = world.scenario.wire, world.method
        self.mode = _MODES["delivery" if method.pairwise == "delivery" else wire.exchange]
        self.latency, self.chain = wire.latency, np.array(wire.loss.chain)
        self.delay = world.link_delays
        # an acknowledgement carries no vector; it is repeated after the mean time of a round trip
        pause = 2.0 * wire.latency.mean if 0.0 < wire.latency.mean < np.inf else 1.0
        bits = float(world.message_bits)
        self.sizes = np.array([bits / wire.uplink if wire.uplink else 0.0, wire.float_bits / bits, pause])
        graph = world.graph
        place = np.empty(2 * graph.m, dtype=np.int64)
        owner = np.repeat(np.arange(graph.n), graph.degree)
        first = graph.edges[graph.edge_of_slot, 0] == owner
        self.link_of = np.empty((graph.m, 2), dtype=np.int64)
        place = np.arange(2 * graph.m)
        self.link_of[graph.edge_of_slot[first], 0] = place[first]
        self.link_of[graph.edge_of_slot[~first], 1] = place[~first]
        self._rewind()

    def _rewind(self) -> None:
        world = self.world
        n, m = world.graph.n, world.graph.m
        self.source: Source = self.make()
        self.presence = world.presence()
        self.rings, self.clock, self.seen = 0, 0.0, 0.0
        self.here = np.ones(n, dtype=np.int64)
        self.gone, self.bad = np.zeros(n, dtype=np.int64), np.zeros(2 * m, dtype=np.int64)
        to_bad, to_good, *_ = self.chain
        if to_bad > 0.0:
            u = uniforms(world.seed, Purpose.LOSS, np.arange(2 * m), np.zeros(2 * m, dtype=np.int64))[:, 0]
            self.bad[:] = u < to_bad / (to_bad + to_good)
        self.free_link, self.free_node = np.zeros(2 * m), np.zeros(n)
        self.busy = np.zeros(6)
        """Messages through uplinks, time that uplinks worked, time that messages waited for them; the same for links."""
        room = 1024
        self.flights = np.zeros((room, 8), dtype=np.int64)
        self.when, self.order = np.zeros(room), np.zeros(room, dtype=np.int64)
        self.heap, self.keys, self.free = np.zeros(room, dtype=np.int64), np.zeros(room), np.arange(room)[::-1].copy()
        self.state = np.zeros(6, dtype=np.int64)
        self.state[2] = room
        self.drawn = 0
        self.given, self.ready = 0, _NONE
        self.away_at_start = np.flatnonzero(self.presence.reasons > 0)
        self.pending: tuple[Floats, Any, Any, Any, Integers] | None = None
        self.ended = False

    @property
    def places(self) -> int:
        """How many messages may be under way at once, so far."""
        return 2 * len(self.when)

    def block(self, first: int, clock: float) -> Events:
        """Return the events from number `first` on that are at hand; to go back is to start again from time 0."""
        if first < self.given:
            self._rewind()
        while self.given + len(self.ready.t) <= first:
            self.given += len(self.ready.t)
            if self.ended and self.pending is None and self.state[1] == 0:
                self.ready = _NONE
                return _NONE
            self.ready = self._more()
        return self.ready.part(first - self.given, len(self.ready.t))

    def _rung(self) -> tuple[Floats, Any, Any, Any, Integers]:
        """Return the next rings of the clocks, with the changes of presence among them, in order of time."""
        rings = self.source.block(self.rings, self.clock)
        if not len(rings.t):
            self.ended = True
            return _NONE.t, _NONE.i, _NONE.j, _NONE.edge, np.zeros(0, dtype=np.int64)
        rings = Events(rings.t.copy(), rings.i.copy(), rings.j.copy(), rings.edge.copy())
        asks = np.arange(self.rings, self.rings + len(rings.t))
        # who asks first in a handshake must not depend on how the clocks were cut
        here = (asks * 2654435761 >> 7) & 1
        self.rings, self.clock = self.rings + len(rings.t), float(rings.t[-1])
        changes = self.presence.until(self.clock)
        if len(self.away_at_start):
            first = self.away_at_start
            start = Changes(np.zeros(len(first)), first, np.zeros(len(first), dtype=bool), np.zeros_like(first))
            changes = Changes(*(np.concatenate(pair) for pair in zip(start, changes, strict=True)))
            self.away_at_start = first[:0]
        if not len(changes.t):
            return rings.t, rings.i, rings.j, rings.edge, here
        if self.presence.churn is None:
            lasting = (
                np.array([self.presence.for_ever(int(node)) for node in changes.node], dtype=np.int64) * ~changes.back
            )
        else:
            lasting = np.zeros(len(changes.t), dtype=np.int64)
        order = np.argsort(np.concatenate([changes.t, rings.t]), kind="stable")
        pairs = (
            (changes.t, rings.t),
            (changes.node, rings.i),
            (np.where(changes.back, -BACK, -AWAY), rings.j),
            (self._restart(changes), rings.edge),
            (lasting, here),
        )
        t, i, j, edge, which = (np.concatenate(pair)[order] for pair in pairs)
        return t, i.astype(np.int32), j.astype(np.int32), edge.astype(np.int32), which

    def _restart(self, changes: Changes) -> Integers:
        """Return the state that every node comes back to: KEPT, LOST, or the number of a neighbour."""
        graph, kept = self.world.graph, STATES.index("kept")
        found = np.where(changes.back & (changes.state != kept), LOST, KEPT)
        lucky = changes.back & (changes.state == STATES.index("neighbour")) & (graph.degree[changes.node] > 0)
        node = changes.node[lucky]
        number = (changes.t[lucky].view(np.int64)) & 0xFFFFFFFF
        u = uniforms(self.world.seed, Purpose.CHURN, graph.n + node, number)[:, 0]
        found[lucky] = graph.nbr[graph.ptr[node] + (u * graph.degree[node]).astype(np.int64)]
        return found

    def _more(self) -> Events:
        """Return what happens up to the next rings, or as much as there is room for."""
        if self.pending is None:
            self.pending = self._rung()
            self.state[0] = 0
        t, i, j, edge, here = self.pending
        index = np.arange(self.drawn, self.drawn + _DRAWS)
        none = np.zeros(_DRAWS, dtype=np.int64)
        latency = self.latency.sample(uniforms(self.world.seed, Purpose.LATENCY, none, index))
        wire = self.world.scenario.wire
        if wire.service is not None:
            service = wire.service.sample(uniforms(self.world.seed, Purpose.LATENCY, none + 1, index))
        else:
            service = np.full(_DRAWS, self.world.message_bits / wire.bandwidth if wire.bandwidth else 0.0)
        # without losses every message has the same fate, and drawing it would cost as much as the latency
        fate = _FINE
        if wire.loss.mean > 0.0:
            owner = none + 2 * self.world.graph.m
            fate = np.ascontiguousarray(uniforms(self.world.seed, Purpose.LOSS, owner, index))
        self.state[4] = 0
        room = 4 * events.BLOCK + 64
        out = Events(np.empty(room), *(np.empty(room, dtype=np.int32) for _ in range(3)))
        end = np.inf if self.ended else self.clock
        count = calendar().transmit(
            self.mode, end, t, i, j, edge, here,
            self.flights, self.when, self.order, self.heap, self.keys, self.free, self.state, self.here, self.bad, self.gone,
            self.link_of, latency, service, self.delay, fate, self.sizes, self.chain, self.free_link, self.free_node, self.busy,
            *out,
        )  # fmt: skip
        self.drawn += int(self.state[4])
        if self.state[0]:
            self.seen = float(t[self.state[0] - 1])
        if self.state[2] < 2:
            self._grow()
        elif self.state[0] == len(t) and self.state[4] + 64 <= _DRAWS and count + 8 <= room:
            self.pending = None
        return out.part(0, count)

    def report(self) -> dict[str, float]:
        """Return how busy uplinks and links were, as shares of all of them, and how long messages waited on average.

        The network runs some events ahead of the nodes; this is about all of its own events.
        """
        found = {}
        for name, (count, worked, waited), owners in (
            ("uplink", self.busy[:3], self.world.graph.n),
            ("link", self.busy[3:], 2 * self.world.graph.m),
        ):
            if count:
                found[f"{name}_utilisation"] = float(worked / (owners * self.seen))
                found[f"{name}_mean_wait"] = float(waited / count)
        return found

    def _grow(self) -> None:
        """Make room for twice as many messages under way."""
        old = len(self.when)
        for name in ("flights", "when", "order", "heap", "keys", "free"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        count = int(self.state[2])
        self.free[count : count + old] = np.arange(2 * old - 1, old - 1, -1)
        self.state[2] += old


_FINE = np.ones((_DRAWS, 2))
_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
