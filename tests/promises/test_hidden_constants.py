"""Methods whose theorems hide their constants: what is measured in place of a promise, with the default steps."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

CYCLE, BARBELL, STAR = ({"name": name, "n": n} for name, n in (("cycle", 6), ("barbell", 6), ("star", 7)))


def scenario(method, topology, compressor, **more):
    parts = {
        "topology": topology,
        "problem": {"name": "quadratic", "dim": 8, "mu": 0.5, "L": 2.0},
        "method": method,
        "record": {"points": 4000, "metrics": ["error"]},
    }
    return gs.Scenario.parse(parts | more | ({"compressor": compressor} if compressor else {}))


def curvature(world):
    """Return the strong convexity of f itself."""
    f = world.objective
    return np.linalg.eigvalsh(f.problem.hessian(f, np.zeros(f.dim)))[0]


def measured_rate(trace):
    """Return the slope of log error between 1e-4 and 1e-18 of its start."""
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-4) & (error > 1e-18)
    return -np.polyfit(t[inside], np.log(error[inside]), 1)[0]


@pytest.mark.parametrize(("graph", "k"), [(CYCLE, 1), (CYCLE, 2), (CYCLE, 8), (BARBELL, 2)])
@pytest.mark.parametrize("method", ["beer", "motef"])
def test_compressed_tracking_is_as_fast_as_gradient_descent_with_its_step(method, graph, k):
    """Under the Polyak-Lojasiewicz inequality theory has a linear rate of the order eta mu; and eta is of the order delta."""
    s = scenario(method, graph, {"name": "top_k", "k": k}, run={"rounds": 200000, "error": 1e-20})
    world = gs.World.build(s)
    trace = gs.simulate(s)
    assert trace.status == "reached"
    assert 1 < measured_rate(trace) / (2 * world.constants["eta"] * curvature(world)) < 1.5
    gap = world.facts.mixing.gap
    assert world.constants["eta"] == pytest.approx(min(k / 8 * gap**3, 0.25) / world.facts.L, rel=1e-12)


def test_beer_without_compression_on_a_complete_graph_takes_a_stable_step():
    trace = gs.simulate(scenario("beer", {"name": "complete", "n": 6}, None, run={"rounds": 4000, "error": 1e-20}))
    assert trace.status == "reached"


@pytest.mark.parametrize("k", [1, 2, 4])
def test_econtrol_is_as_fast_as_gradient_descent_with_its_step(k):
    """With exact gradients theory has a linear rate of the order gamma mu, and gamma is of the order delta / L."""
    s = scenario("econtrol", STAR, {"name": "top_k", "k": k}, run={"rounds": 4000, "error": 1e-20})
    world = gs.World.build(s)
    trace = gs.simulate(s)
    assert trace.status == "reached"
    assert 1 < measured_rate(trace) / (2 * world.constants["gamma"] * curvature(world)) < 1.5


def tail(n, rounds, compressor):
    """Return the mean of the gap's last quarter, over seeds."""
    method = {"name": "choco_sgd", "a": 100.0, "gamma": 0.2 if compressor else 1.0}
    found = []
    for seed in range(8):
        s = scenario(
            method, {"name": "cycle", "n": n}, compressor, seed=seed, sampling={"noise": 1.0}, run={"rounds": rounds},
            problem={"name": "quadratic", "dim": 8}, record={"points": 400, "metrics": ["gap"]},
        )  # fmt: skip
        found.append(gs.simulate(s).columns["gap"][300:].mean())
    return np.mean(found)


def test_the_gap_of_choco_sgd_falls_like_one_over_n_t_whatever_the_compressor():
    """The leading term of its theorem, sigma^2 / (n mu T)."""
    top_2 = {"name": "top_k", "k": 2}
    gaps = {(n, T): tail(n, T, top_2) for n, T in ((5, 2000), (5, 8000), (10, 8000))}
    assert gaps[5, 2000] / gaps[5, 8000] == pytest.approx(4.0, rel=0.2)
    assert gaps[5, 8000] / gaps[10, 8000] == pytest.approx(2.0, rel=0.2)
    assert gaps[5, 8000] / tail(5, 8000, None) == pytest.approx(1.0, abs=0.05)
