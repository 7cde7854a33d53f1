"""How fast things happen in a world: expected counts per unit of time, before anything is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gossipsim.law import Constant, Exponential

if TYPE_CHECKING:
    from gossipsim.graph import Graph
    from gossipsim.world import World


def expected_rates(world: World) -> dict[str, float]:
    """Return the expected events, gradients and activations per unit of time.

    Examples
    --------
    >>> from gossipsim.scenario import Scenario
    >>> from gossipsim.world import World
    >>> given = {"topology": {"name": "cycle", "n": 8}, "problem": {"name": "quadratic", "dim": 2}, "run": {"time": 1}}
    >>> expected_rates(World.build(Scenario.parse(given | {"method": "d_psgd"})))
    {'events': 1.0, 'gradients': 8.0, 'activations': 8.0}
    """
    method, n, m = world.method, world.graph.n, world.graph.m
    compute, latency = world.scenario.fleet.duration(method.computes).mean, world.scenario.wire.latency.mean
    speeds = np.ones(1) if world.speeds is None else world.speeds[method.server :]
    if method.talks == "round":
        slowest = latency + float(world.link_delays.max(initial=0.0)) + transfer(world, world.graph)
        pace = 1.0 / max(1e-300, compute / float(speeds.min()) + world.turns * slowest)
        return {"events": pace, "gradients": n * pace, "activations": world.turns * m * pace}
    if method.talks == "route":
        pace = 1.0 / max(1e-300, compute + latency)
        return {"events": pace, "gradients": pace, "activations": pace}
    if method.talks == "partner":
        pace = n * float(speeds.mean()) / max(1e-300, compute)
        return {"events": 2.0 * pace, "gradients": pace, "activations": pace}
    node_rate, edge_rates = method.clocks(world.facts)
    pace = n * float(speeds.mean()) / (1.0 if world.scenario.fleet.compute is None else max(1e-300, compute))
    gradients, activations = float(node_rate) * pace, float(edge_rates.sum())
    if method.computes == "exchange":
        return {"events": activations, "gradients": 2.0 * activations, "activations": activations}
    return {"events": gradients + activations, "gradients": gradients, "activations": activations}


def transfer(world: World, graph: Graph) -> float:
    """Return how long it takes in a turn to push one message to every neighbour on a graph through the narrowest place."""
    wire, bits, degree = world.scenario.wire, world.sent_bits, graph.degree
    through_uplink = bits * degree / wire.uplink if wire.uplink else np.zeros(1)
    if wire.service is not None:
        return float(through_uplink.max() + wire.service.mean)
    through_link = bits / wire.bandwidth if wire.bandwidth else 0.0
    return float((through_uplink + through_link).max())


def tempo(world: World) -> float | None:
    """Return what theory counts in, per unit of time: rounds, or ticks of a clock of rate 1; None if that varies."""
    method, fleet = world.method, world.scenario.fleet
    if method.talks not in {"round", "route"}:
        given = fleet.compute
        return 1.0 if world.speeds is None and (given is None or given == Exponential(mean=1.0)) else None
    fixed = isinstance(fleet.duration(method.computes), Constant) and isinstance(world.scenario.wire.latency, Constant)
    return world.rates_of["events"] if fixed else None
