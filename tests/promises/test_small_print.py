"""Edge cases of theorems: gossip counted in exchanges, DADAO on one node, and push-sum when messages are lost."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled


def scenario(topology, method, **more):
    parts = {
        "topology": topology,
        "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0},
        "method": method,
        "init": "normal",
        "record": {"points": 1, "metrics": ["error", "consensus"]},
    }
    return gs.Scenario.parse(parts | more)


def test_gossip_counted_in_exchanges_contracts_by_the_second_eigenvalue_of_the_mean_matrix():
    """E |Pi x_k|^2 <= lambda_2(E W)^k |Pi x_0|^2, E W = I - L/2 with rates of total 1 (Boyd et al. 2006)."""
    s = scenario({"name": "barbell", "n": 8}, "gossip", run={"events": 60}, rates={"name": "uniform", "total": 1.0})
    world = gs.World.build(s)
    W = np.eye(8) - world.graph.laplacian(world.rates).toarray() / 2
    second = np.linalg.eigvalsh(W)[-2]
    assert second == pytest.approx(1 - world.facts.lambda_2 / 2, rel=1e-12)
    ratios = []
    for seed in range(150):
        consensus = gs.simulate(s.replace({"seed": seed})).columns["consensus"]
        ratios.append(consensus[-1] / consensus[0])
    assert np.mean(ratios) - 3 * np.std(ratios, ddof=1) / np.sqrt(len(ratios)) <= second**60


def test_dadao_on_one_node_is_an_accelerated_method():
    """Nobody to talk to: z stays zero, and the error falls at the promised rate, of the order sqrt(mu/L)."""
    s = scenario({"name": "path", "n": 1}, "dadao", run={"time": 1500}, record={"points": 1500, "metrics": ["error"]})
    world, trace = gs.World.build(s), gs.simulate(s)
    assert not trace.final["z"].any()
    assert trace.columns["activations"][-1] == 0
    assert abs(trace.columns["gradients"][-1] - 1500) < 4 * np.sqrt(1500)
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-3) & (error > 1e-24)
    assert -np.polyfit(t[inside], np.log(error[inside]), 1)[0] >= world.constants["eta"]


def test_push_sum_with_lost_messages_agrees_on_another_point():
    """The weight travels with the mass: losing both leaves a weighted mean, on which all agree."""
    s = scenario({"name": "exponential", "n": 8}, {"name": "sgp", "lr": 0.0}, wire={"loss": 0.2}, run={"rounds": 150})
    start = gs.World.build(s).start_rows()["z"]
    trace = gs.simulate(s)
    assert trace.columns["consensus"][-1] < 1e-20 * trace.columns["consensus"][0]
    assert trace.final["w"].sum() < 8.0
    z = trace.final["z"][0]
    assert (z > start.min(axis=0)).all()
    assert (z < start.max(axis=0)).all()
    assert np.abs(z - start.mean(axis=0)).max() > 1e-3
