"""A laboratory for asynchronous decentralized optimization.

>>> import gossipsim as gs
>>> gs.methods()["gossip"]["description"]
'Randomized gossip: two neighbours replace their values by the average of the two.'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossipsim import compressors, methods, metrics, pictures, problems, rates, topologies
    from gossipsim.comparison import Comparison, compare
    from gossipsim.errors import Diverged, GossipsimError, Interrupted, Refused, ScenarioError
    from gossipsim.event_export import export_events
    from gossipsim.graph import Graph
    from gossipsim.html_report import report
    from gossipsim.kernels import kernel
    from gossipsim.methods.base import Method
    from gossipsim.optimal.averaging import averaging_weights
    from gossipsim.optimal.solve import optimal_rates
    from gossipsim.replicas import simulate_seeds
    from gossipsim.scenario import Scenario
    from gossipsim.simulation import simulate
    from gossipsim.spectral import spectrum
    from gossipsim.sweeps import Sweep, sweep
    from gossipsim.trace import Trace
    from gossipsim.world import World

__version__ = "0.1.0"

_PLACES = {
    "Comparison": "comparison",
    "Diverged": "errors",
    "GossipsimError": "errors",
    "Graph": "graph",
    "Interrupted": "errors",
    "Method": "methods.base",
    "Refused": "errors",
    "Scenario": "scenario",
    "ScenarioError": "errors",
    "Sweep": "sweeps",
    "Trace": "trace",
    "World": "world",
    "averaging_weights": "optimal.averaging",
    "compare": "comparison",
    "export_events": "event_export",
    "kernel": "kernels",
    "optimal_rates": "optimal.solve",
    "report": "html_report",
    "simulate": "simulation",
    "simulate_seeds": "replicas",
    "spectrum": "spectral",
    "sweep": "sweeps",
}
_FAMILIES = ("compressors", "methods", "metrics", "pictures", "problems", "rates", "topologies")

__all__ = [
    "Comparison", "Diverged", "GossipsimError", "Graph", "Interrupted", "Method", "Refused", "Scenario", "ScenarioError",
    "Sweep", "Trace", "World", "averaging_weights", "compare", "compressors", "export_events", "kernel", "methods", "metrics",
    "optimal_rates", "pictures", "problems", "rates", "report", "simulate", "simulate_seeds", "spectrum", "sweep", "topologies",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import gossipsim` stays fast."""
    if name in _FAMILIES:
        return import_module(f"gossipsim.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'gossipsim' has no attribute {name!r}")
    return getattr(import_module(f"gossipsim.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES, *_FAMILIES])
