"""DADAO against its theorem and its invariants."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.flow import field_at
from gossipsim.modes import spectral_form

GRAPHS = {
    "star": {"name": "star", "n": 16},
    "complete": {"name": "complete", "n": 16},
    "cycle": {"name": "cycle", "n": 16},
    "path": {"name": "path", "n": 16},
    "grid": {"name": "grid", "n": 16},
    "barbell": {"name": "barbell", "n": 16},
}


def scenario(topology, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0},
            "method": "dadao",
            "run": {"time": 700},
            "record": {"points": 140, "metrics": ["error"]},
        }
        | more
    )


def measured_rate(trace):
    """Return the slope of log error between 1e-2 and 1e-18 of its start."""
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-2) & (error > 1e-18)
    return -np.polyfit(t[inside], np.log(error[inside]), 1)[0]


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_error_decays_at_least_as_promised(graph):
    s = scenario(GRAPHS[graph])
    promise = gs.World.build(s).promise
    assert promise.met
    assert promise.rate == pytest.approx(np.sqrt(0.1) / (8 * np.sqrt(2)))
    trace = gs.simulate(s)
    assert trace.columns["error"][-1] < 1e-9 * trace.columns["error"][0]
    assert measured_rate(trace) >= promise.rate


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("kappa", [2.0, 100.0])
def test_the_promise_holds_on_average_over_seeds(graph, kappa):
    s = scenario(GRAPHS[graph]).replace({"problem.L": kappa, "run": {"time": 300 * np.sqrt(kappa / 2)}})
    promise = gs.World.build(s).promise
    rates = [measured_rate(gs.simulate(s.replace({"seed": seed}))) for seed in range(10)]
    assert np.mean(rates) >= promise.rate


def test_a_total_rate_below_the_condition_makes_no_promise():
    world = gs.World.build(scenario(GRAPHS["cycle"], rates={"name": "uniform", "total": 4.0}))
    assert not world.promise.met
    assert "chi_1 chi_2 <= 1/2" in world.promise.condition


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_fixed_point_is_stationary(graph, tmp_path):
    s = scenario(GRAPHS[graph], run={"events": 5000})
    world = gs.World.build(s)
    f, nu, x = world.objective, world.constants["nu"], world.objective.optimum.x
    gradients = f.local_gradients(np.tile(x, (16, 1)))
    X = np.tile(x, (16, 1))
    Y = gradients - nu * X
    point = {"x": X, "x_tilde": X, "y": Y, "y_tilde": Y, "z": -gradients, "z_tilde": -gradients}
    np.savez(tmp_path / "fixed.npz", **point)
    final = gs.simulate(s.replace({"init": {"file": str(tmp_path / "fixed.npz")}})).final
    size = max(np.abs(array).max() for array in point.values())
    for name, array in point.items():
        assert np.abs(final[name] - array).max() < 1e-11 * size, name


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_sums_of_the_dual_variables_stay_zero(graph):
    s = scenario(GRAPHS[graph], run={"events": 3000}, init="normal")
    world = gs.World.build(s)
    trace = gs.simulate(s)
    rows, fields = world.start_rows(), world.method.vectors()
    rows["at"] = trace.final["at"]
    for name in fields:
        rows[name] = trace.final[name]
    form = spectral_form(world.method.flow_matrix(world.facts))
    for name in ("z", "z_tilde"):
        now = field_at(form, rows, fields, name, float(trace.columns["time"][-1]))
        assert np.abs(now.sum(axis=0)).max() < 1e-11 * np.abs(now).max()


def test_counts_are_poisson():
    trace = gs.simulate(scenario(GRAPHS["grid"], run={"time": 2000}))
    total = gs.World.build(trace.scenario).facts.total_rate
    for column, mean in (("gradients", 16 * 2000), ("activations", total * 2000)):
        assert abs(trace.columns[column][-1] - mean) < 4.5 * np.sqrt(mean)


@pytest.mark.slow
def test_the_published_ring_figure():
    """Ring of 8, condition number 10: the method's notes measured a decay of 0.046 against the 0.028 promised."""
    s = scenario({"name": "cycle", "n": 8}, problem={"name": "quadratic", "dim": 5, "mu": 1.0, "L": 10.0})
    rates = [measured_rate(gs.simulate(s.replace({"seed": seed}))) for seed in range(20)]
    assert np.mean(rates) > 0.028
    assert np.mean(rates) == pytest.approx(0.046, rel=0.5)
