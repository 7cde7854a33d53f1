"""What becomes of the rings of clocks on real links: delays, queues, losses, and nodes that are away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Integers
from gossipsim.churn import STATES, Changes
from gossipsim.engines import events
from gossipsim.engines.cache import compiled
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
        self.world, self.make, self.code = world, inner, compiled("transmit")
        wire, method = world.scenario.wire, world.method
        self.mode = _MODES["delivery" if method.pairwise == "delivery" else wire.exchange]
        self.latency, self.chain = wire.latency, np.array(wire.loss.chain)
        # an acknowledgement carries no vector; it is repeated after the mean time of a round trip
        there = wire.latency.mean + float(np.mean(world.link_delays)) if len(world.link_delays) else 0.0
        pause = 2.0 * there if 0.0 < there < np.inf else 1.0
        bits = float(world.sent_bits[0])
        self.sizes = np.array([bits / wire.uplink if wire.uplink else 0.0, wire.float_bits / bits, pause])
        graph = world.graph
        owner = np.repeat(np.arange(graph.n), graph.degree)
        first = graph.edges[graph.edge_of_slot, 0] == owner
        self.link_of = np.empty((graph.m, 2), dtype=np.int32)
        for side, mine in enumerate((first, ~first)):
            self.link_of[graph.edge_of_slot[mine], side] = np.flatnonzero(mine)
        self._rewind()

    def _rewind(self) -> None:
        world, wire = self.world, self.world.scenario.wire
        n, m, nothing = world.graph.n, world.graph.m, np.empty(0)
        self.source: Source = self.make()
        self.presence = world.presence()
        self.first, self.clock = 0, 0.0
        bad = np.zeros(0, dtype=np.bool_)
        to_bad, to_good, *_ = self.chain
        if to_bad > 0.0:
            u = uniforms(world.seed, Purpose.LOSS, np.arange(2 * m), np.zeros(2 * m, dtype=np.int64))[:, 0]
            bad = u < to_bad / (to_bad + to_good)
        narrow = wire.service is not None or wire.bandwidth is not None
        delay = world.link_delays
        self.links = self.code.Links(
            present=np.ones(n, dtype=np.bool_),
            gone=np.zeros(n, dtype=np.bool_),
            bad=bad,
            link_of=self.link_of,
            delay=delay if delay.any() else nothing,
            free_link=np.zeros(2 * m if narrow else 0),
            free_node=np.zeros(n),
            busy=np.zeros(6),
            sizes=self.sizes,
            chain=self.chain,
            latency=np.empty(_DRAWS),
            service=np.empty(_DRAWS if narrow else 0),
            fate=np.empty((_DRAWS if wire.loss.mean > 0.0 else 0, 2)),
        )
        self.calendar = self.code.empty(1024)
        self.at = np.zeros(4, dtype=np.int64)
        self.drawn = 0
        self._draw(_DRAWS)
        size = 4 * events.BLOCK + 2 * self.code.AT_ONCE
        self.room = Events(np.empty(size), *(np.empty(size, dtype=np.int32) for _ in range(3)))
        self.given, self.ready = 0, _NONE
        self.away_at_start = np.flatnonzero(self.presence.reasons > 0)
        self.rings, self.ended = _NONE, False

    @property
    def places(self) -> int:
        """How many messages may be under way at once, so far."""
        return 2 * len(self.calendar.flights)

    def block(self, first: int, clock: float) -> Events:
        """Return the events from number `first` on that are at hand; to go back is to start again from time 0."""
        if first < self.given:
            self._rewind()
        while self.given + len(self.ready.t) <= first:
            self.given += len(self.ready.t)
            if self.ended and not self._flying:
                self.ready = _NONE
                return _NONE
            self.ready = self._more()
        return self.ready.part(first - self.given, len(self.ready.t))

    @property
    def _flying(self) -> bool:
        return bool(self.calendar.state[self.code.SPARE] < len(self.calendar.flights))

    def _ring(self) -> None:
        """Take the next rings of the clocks, and the changes of presence before the last of them."""
        self.first += len(self.rings.t)
        t, *others = self.source.block(self.first, self.clock)
        self.rings = Events(
            np.require(t, np.float64, ["C", "W"]), *(np.require(c, np.int32, ["C", "W"]) for c in others)
        )
        self.at[self.code.RINGS] = self.at[self.code.CHANGES] = 0
        if not len(self.rings.t):
            self.ended, self.moves = True, self._moves(Changes.none())
            return
        before, self.clock = self.clock, float(self.rings.t[-1])
        self.moves = self._moves(self.presence.until(self.clock))
        rate = 0.5 * len(self.rings.t) / (self.clock - before) if self.clock > before else 1.0
        if not 0.5 < rate / self.calendar.rate[0] < 2.0:
            self.calendar = self.code.moved(self.calendar, len(self.calendar.flights), rate)

    def _moves(self, changes: Changes) -> Any:
        """Return changes of presence as the compiled loop wants them."""
        if len(self.away_at_start):
            first, self.away_at_start = self.away_at_start, self.away_at_start[:0]
            start = Changes(np.zeros(len(first)), first, np.zeros(len(first), dtype=bool), np.zeros_like(first))
            changes = Changes(*(np.concatenate(pair) for pair in zip(start, changes, strict=True)))
        return self.code.Moves(
            changes.t,
            changes.node.astype(np.int32),
            np.where(changes.back, -BACK, -AWAY).astype(np.int32),
            self._restart(changes).astype(np.int32),
            self.presence.lasting(changes),
        )

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
        at = self.at
        if at[self.code.RINGS] == len(self.rings.t) and not self.ended:
            self._ring()
        at[self.code.DRAWS] = at[self.code.WRITTEN] = 0
        end = np.inf if self.ended else self.clock
        self.code.transmit(self.mode, self.first, end, self.rings, self.moves, self.calendar, self.links, at, self.room)
        self._draw(int(at[self.code.DRAWS]))
        if self.calendar.state[self.code.SPARE] < 2:
            self.calendar = self.code.moved(self.calendar, 2 * len(self.calendar.flights), float(self.calendar.rate[0]))
        return self.room.part(0, int(at[self.code.WRITTEN]))

    def _draw(self, used: int) -> None:
        """Replace the random numbers that are used by those of the messages after next."""
        links, seed, wire = self.links, self.world.seed, self.world.scenario.wire
        index = np.arange(self.drawn, self.drawn + used)
        none = np.zeros(used, dtype=np.int64)
        self.drawn += used

        def put(room: NDArray[np.float64], new: Any) -> None:
            room[: _DRAWS - used], room[_DRAWS - used :] = room[used:].copy(), new

        put(links.latency, self.latency.sample(uniforms(seed, Purpose.LATENCY, none, index)))
        if wire.service is not None:
            put(links.service, wire.service.sample(uniforms(seed, Purpose.LATENCY, none + 1, index)))
        elif wire.bandwidth is not None:
            links.service[:] = self.world.sent_bits[0] / wire.bandwidth
        if len(links.fate):
            put(links.fate, uniforms(seed, Purpose.LOSS, none + 2 * self.world.graph.m, index))

    def report(self) -> dict[str, float]:
        """Return how busy uplinks and links were, as shares of all of them, and how long messages waited on average.

        The network runs some events ahead of the nodes; this is about all of its own events.
        """
        found = {}
        taken = int(self.at[self.code.RINGS])
        seen = float(self.rings.t[taken - 1]) if taken else self.clock
        busy = self.links.busy
        for name, (count, worked, waited), owners in (
            ("uplink", busy[:3], self.world.graph.n),
            ("link", busy[3:], 2 * self.world.graph.m),
        ):
            if count:
                found[f"{name}_utilisation"] = float(worked / (owners * seen))
                found[f"{name}_mean_wait"] = float(waited / count)
        return found


_NONE = Events(np.empty(0), *(np.empty(0, np.int32) for _ in range(3)))
