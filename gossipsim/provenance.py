"""What a result says of its origin: seed, engine, versions, machine, constants, the promise of the theorem."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from gossipsim.engines.base import Engine
from gossipsim.world import World

_LIBRARIES = ("gossipsim", "numpy", "scipy", "networkx", "numba", "simpy", "pydantic")
_EASY_SPECTRUM = 2000


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()}


def provenance(world: World, engine: Engine, preparing: float, running: float) -> dict[str, Any]:
    """Return what ran, where, with which constants and promises, and how many seconds it took to prepare and to run."""
    facts = world.facts
    counts = engine.state.counts
    found: dict[str, Any] = {
        "seed": world.seed,
        "engine": engine.name,
        "wall_time": {"preparing": preparing, "running": running},
        "events": counts.events,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": dict(_versions()),
        "nodes": facts.n,
        "edges": world.graph.m,
        "dim": facts.dim,
        "mu": facts.mu,
        "L": facts.L,
        "rates": {
            "name": world.scenario.rates.name,
            "total": facts.total_rate,
            "certificate": world.scenario.rates.certificate(world.graph) if world.changing is None else None,
        },
        "constants": world.constants,
        "warnings": world.warnings,
        "network": engine.network_report(),
    }
    optimum = world.optimum
    if optimum is not None:
        found["optimum"] = {"value": optimum.value, "residual": optimum.residual, "how": optimum.how}
    if facts.n <= _EASY_SPECTRUM:
        found["graph"] = {"lambda_2": facts.lambda_2, "chi_1": facts.chi_1, "chi_2": facts.chi_2}
        promise = world.promise
        found["promise"] = None if promise is None else asdict(promise)
    matrix = world.method.flow_matrix(facts)
    if matrix is not None:
        found["flow"] = matrix.tolist()
    return found
