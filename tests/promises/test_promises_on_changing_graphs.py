"""What is promised on graphs that change, measured."""

from __future__ import annotations

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.scenario import Scenario
from gossipsim.world import World

FIFTY = {
    "name": "redrawn",
    "graph": {"name": "random_geometric", "n": 20, "radius": 0.3, "seed": 1},
    "count": 50,
    "every": 1.0,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "time", "metric"), [("dadao", 500, "error"), ("gossip", 60, "consensus"), ("adom_plus", 4000, "error")]
)
def test_the_promise_holds_on_fifty_geometric_graphs(method: str, time: float, metric: str) -> None:
    """Mean over seeds, fitted on the second half, at least as fast as promised (protocol of Nabli, Oyallon 2023)."""
    given = {
        "topology": FIFTY,
        "problem": {"name": "quadratic", "dim": 4, "L": 10.0},
        "method": method,
        "run": {"time": time},
        "record": {"points": 100, "metrics": [metric]},
    }
    promise = World.build(Scenario.parse(given)).promise
    assert promise is not None
    assert promise.met
    frames = [trace.frame() for trace in gs.simulate_seeds(given, 10)]
    t, mean = frames[0].time.to_numpy(), np.mean([frame[metric] for frame in frames], axis=0)
    late = (t > time / 3) & (mean > 1e-26)
    slope = -np.polyfit(t[late], np.log(mean[late]), 1)[0]
    assert slope >= promise.rate
