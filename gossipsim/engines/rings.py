"""The source of a world's events: which clocks it has, and what the network makes of their rings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.engines.changing_clocks import ChangingClocks, ChangingRounds, Merged
from gossipsim.engines.events import Events, PoissonClocks, Recording, Source
from gossipsim.engines.first_available import FirstAvailable
from gossipsim.engines.network import Network
from gossipsim.engines.sources import BusyWorkers, Hops, PoissonWorkers, Renewals, Rounds
from gossipsim.pace import transfer
from gossipsim.world import World


def events(world: World) -> Source:
    """Return a fresh source of a world's events."""
    if world.recorded is not None:
        return Recording(Events(*world.recorded))
    return Network(world, lambda: rings(world)) if world.networked else rings(world)


def rings(world: World) -> Source:
    """Return the clocks, without what becomes of their rings on the network."""
    method, graph, changing = world.method, world.graph, world.changing
    fleet, latency, speeds = world.scenario.fleet, world.scenario.wire.latency, world.speeds
    compute = fleet.calls(graph, method.computes, speeds)
    if method.talks == "round":
        rounds = Rounds(
            world.seed, graph.n - method.server, compute, 2 * graph.m, world.turns, latency, transfer(world, graph),
            world.link_delays, int(method.server),
        )  # fmt: skip
        if changing is None:
            return rounds
        here = changing.epochs.active[:, graph.edge_of_slot]
        return ChangingRounds(rounds, changing.epochs, here, [transfer(world, part) for part in changing.graphs])
    if method.talks == "route":
        return Hops(world.seed, fleet.duration(method.computes), latency)
    if method.talks == "partner":
        epochs = None if changing is None else changing.epochs
        if fleet.compute is None:
            return PoissonWorkers(world.seed, graph, speeds, epochs)
        return BusyWorkers(world.seed, graph, compute, epochs)
    wishes = method.wishes(world.facts)
    if wishes is not None:
        return FirstAvailable(world.seed, graph, fleet.calls(graph, "busy", speeds), wishes)
    node_rate, edge_rates = method.clocks(world.facts)
    if changing is not None:
        return _on_changing_graph(world, node_rate, edge_rates)
    if fleet.compute is not None and node_rate > 0.0:
        return Renewals(world.seed, graph, compute, edge_rates)
    return PoissonClocks(world.seed, graph.n, node_rate, graph.edges, edge_rates, speeds=speeds)


def _on_changing_graph(world: World, node_rate: float, edge_rates: Floats) -> Source:
    """Return clocks of nodes and edges on a graph that changes."""
    changing, graph, method, fleet = world.changing, world.graph, world.method, world.scenario.fleet
    assert changing is not None
    each = changing.rates
    assert each is not None
    steady = fleet.compute is None and world.speeds is None
    mine = node_rate if steady else 0.0

    def clocks(k: int, size: int) -> PoissonClocks:
        rates = method.clocks(replace(world.facts, rates=each[k]))[1]
        return PoissonClocks(world.seed, graph.n, mine, graph.edges, rates, size)

    def all_clocks() -> Source:
        return ChangingClocks(clocks, changing.epochs, mine * graph.n + float(edge_rates.sum()))

    if steady or node_rate == 0.0:
        return all_clocks()
    compute = fleet.calls(graph, "busy", world.speeds)
    return Merged(lambda: Renewals(world.seed, graph, compute, np.zeros(graph.m)), all_clocks)
