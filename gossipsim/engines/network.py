"""What becomes of the rings of clocks on real links: delays, queues, losses, and nodes that are away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.churn import Presence
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

    Nothing here depends on the state of a node, so the whole network is a source of events like the clocks it stands on. Number k of
    all messages sent takes its latency and its fate from (seed, k).

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
        self.speed = np.array([wire.bandwidth or 0.0, wire.uplink or 0.0])
        # an acknowledgement carries no vector; it is repeated after the mean time of a round trip
        pause = 2.0 * wire.latency.mean if 0.0 < wire.latency.mean < np.inf else 1.0
        self.sizes = np.array([float(world.message_bits), float(wire.float_bits), pause])
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
        self.rings, self.clock = 0, 0.0
        self.here = np.ones(n, dtype=np.int64)
        self.gone, self.bad = np.zeros(n, dtype=np.int64), np.zeros(2 * m, dtype=np.int64)
        to_bad, to_good, *_ = self.chain
        if to_bad > 0.0:
            u = uniforms(world.seed, Purpose.LOSS, np.arange(2 * m), np.zeros(2 * m, dtype=np.int64))[:, 0]
            self.bad[:] = u < to_bad / (to_bad + to_good)
        self.free_link, self.free_node = np.zeros(2 * m), np.zeros(n)
        self.busy = np.zeros(4)
        """Time that uplinks worked and that messages waited for them, and the same for links."""
        room = 1024
        self.flights = np.zeros((room, 8), dtype=np.int64)
        self.when, self.order = np.zeros(room), np.zeros(room, dtype=np.int64)
        self.heap, self.free = np.zeros(room, dtype=np.int64), np.arange(room)[::-1].copy()
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
        rings = Events(*(np.array(column) for column in rings))
        asks = np.arange(self.rings, self.rings + len(rings.t))
        # who asks first in a handshake must not depend on how the clocks were cut
        here = (asks * 2654435761 >> 7) & 1
        self.rings, self.clock = self.rings + len(rings.t), float(rings.t[-1])
        changes = self.presence.until(self.clock)
        if len(self.away_at_start):
            changes = [(0.0, int(i), False, "kept") for i in self.away_at_start] + changes
            self.away_at_start = np.zeros(0, dtype=np.int64)
        if not changes:
            return rings.t, rings.i, rings.j, rings.edge, here
        t = np.array([change[0] for change in changes])
        i = np.array([change[1] for change in changes], dtype=np.int32)
        j = np.array([-BACK if change[2] else -AWAY for change in changes], dtype=np.int32)
        edge = np.array([self._restart(*change) for change in changes], dtype=np.int32)
        lasting = np.array([self.presence.for_ever(int(node)) and not back for _, node, back, _ in changes], dtype=np.int64)
        order = np.argsort(np.concatenate([t, rings.t]), kind="stable")
        columns = ((t, rings.t), (i, rings.i), (j, rings.j), (edge, rings.edge), (lasting, here))
        merged = [np.concatenate(pair)[order] for pair in columns]
        return merged[0], merged[1], merged[2], merged[3], merged[4]

    def _restart(self, t: float, node: int, back: bool, state: str) -> int:
        """Return the state that a node comes back to."""
        if not back or state == "kept":
            return KEPT
        graph = self.world.graph
        if state == "lost" or graph.degree[node] == 0:
            return LOST
        neighbours = graph.nbr[graph.ptr[node] : graph.ptr[node + 1]]
        word = int(np.float64(t).view(np.uint64)) & 0xFFFFFFFF
        u = uniforms(self.world.seed, Purpose.CHURN, np.array([graph.n + node]), np.array([word]))[0, 0]
        return int(neighbours[int(u * len(neighbours))])

    def _more(self) -> Events:
        """Return what happens up to the next rings, or as much as there is room for."""
        if self.pending is None:
            self.pending = self._rung()
            self.state[0] = 0
        t, i, j, edge, here = self.pending
        index = np.arange(self.drawn, self.drawn + _DRAWS)
        none = np.zeros(_DRAWS, dtype=np.int64)
        latency = self.latency.sample(uniforms(self.world.seed, Purpose.LATENCY, none, index))
        fate = uniforms(self.world.seed, Purpose.LOSS, none + 2 * self.world.graph.m, index)
        self.state[4] = 0
        room = 4 * events.BLOCK + 64
        out = Events(np.empty(room), *(np.empty(room, dtype=np.int32) for _ in range(3)))
        end = np.inf if self.ended else self.clock
        count = calendar().transmit(
            self.mode, end, t, i, j, edge, here,
            self.flights, self.when, self.order, self.heap, self.free, self.state, self.here, self.bad, self.gone,
            self.link_of, latency, fate, self.sizes, self.speed, self.chain, self.free_link, self.free_node, self.busy,
            *out,
        )  # fmt: skip
        self.drawn += int(self.state[4])
        if self.state[2] < 2:
            self._grow()
        elif self.state[0] == len(t) and self.state[4] + 64 <= _DRAWS and count + 8 <= room:
            self.pending = None
        return out.part(0, count)

    def _grow(self) -> None:
        """Make room for twice as many messages under way."""
        old = len(self.when)
        for name in ("flights", "when", "order", "heap", "free"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        count = int(self.state[2])
        self.free[count : count + old] = np.arange(2 * old - 1, old - 1, -1)
        self.state[2] += old


_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
