"""Randomized gossip against what is known exactly about it."""

import numpy as np
import pytest
from scipy.linalg import expm

import gossipsim as gs

GRAPHS = {
    "cycle": {"name": "cycle", "n": 7},
    "star": {"name": "star", "n": 6},
    "barbell": {"name": "barbell", "n": 8},
}


def scenario(topology, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 1},
            "method": "gossip",
            "rates": {"name": "degree", "total": 5.0},
            "run": {"time": 1.5},
            "record": {"points": 1, "metrics": ["consensus"]},
        }
        | more
    )


def final_states(s, seeds, at):
    """Return x(t) of every seed; the start is the same for all of them."""
    return np.stack([gs.simulate(s.replace({"seed": seed})).final["x"] for seed in range(seeds)]), at


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("seeds", [150, pytest.param(1500, marks=pytest.mark.slow)])
def test_the_mean_follows_the_exponential_of_the_laplacian(graph, seeds, tmp_path):
    s = scenario(GRAPHS[graph])
    n = s.topology.build().n
    start = np.linspace(-1.0, 2.0, n)[:, None] ** 3
    np.savez(tmp_path / "start.npz", x=start)
    s = s.replace({"init": {"file": str(tmp_path / "start.npz")}})
    world = gs.World.build(s)
    exact = expm(-1.5 * world.graph.laplacian(world.rates).toarray() / 2) @ start
    x, _ = final_states(s, seeds, 1.5)
    spread = x.std(axis=0, ddof=1) / np.sqrt(seeds)
    z = (x.mean(axis=0) - exact) / spread
    assert np.abs(z).max() < 4.0
    assert (z**2).mean() < 3.0


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_mean_is_kept_and_the_consensus_distance_never_grows(graph):
    s = scenario(GRAPHS[graph], run={"time": 40}, record={"points": 400, "metrics": ["consensus", "error"]})
    start = gs.World.build(s).start_rows()["x"]
    trace = gs.simulate(s)
    assert abs(trace.final["x"].mean() - start.mean()) < 1e-14 * np.abs(start).max()
    consensus = trace.columns["consensus"]
    assert (np.diff(consensus) <= 1e-15 * consensus[0]).all()
    assert consensus[-1] < 1e-3 * consensus[0]
    np.testing.assert_allclose(trace.columns["error"], consensus, rtol=1e-9, atol=1e-28)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_consensus_distance_keeps_its_promise_on_average(graph):
    s = scenario(GRAPHS[graph], run={"time": 6.0})
    promise = gs.World.build(s).promise
    ratios = []
    for seed in range(100):
        consensus = gs.simulate(s.replace({"seed": seed})).columns["consensus"]
        ratios.append(consensus[-1] / consensus[0])
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert np.mean(ratios) - 3 * error <= np.exp(-promise.rate * 6.0)
