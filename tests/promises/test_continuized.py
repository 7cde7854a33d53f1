"""Continuized decentralized optimization: conserved sums, fixed point, and the rate of its theorem."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.flow import field_at
from gossipsim.modes import spectral_form

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "star": {"name": "star", "n": 9},
    "cycle": {"name": "cycle", "n": 9},
    "grid": {"name": "grid", "n": 9},
    "barbell": {"name": "barbell", "n": 10},
}


def scenario(topology, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0},
            "method": "continuized",
            "run": {"time": 60},
            "record": {"points": 200, "metrics": ["error"]},
        }
        | more
    )


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_sums_of_both_dual_variables_stay_zero(graph):
    s = scenario(GRAPHS[graph])
    world, final = gs.World.build(s), gs.simulate(s).final
    form, names = spectral_form(world.method.flow_matrix(world.facts)), world.method.vectors()
    rows = world.start_rows()
    for name in ("at", *names):
        rows[name] = final[name]
    for name in ("y", "z"):
        together = field_at(form, rows, names, name, 60.0)
        assert np.abs(together).max() > 0.1
        assert np.abs(together.sum(axis=0)).max() < 1e-12 * np.abs(together).max()


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_gradients_at_the_optimum_are_a_fixed_point(graph, tmp_path):
    s = scenario(GRAPHS[graph])
    f = gs.World.build(s).objective
    g = f.local_gradients(f.optimum.x)
    np.savez(tmp_path / "point.npz", y=g, z=g)
    final = gs.simulate(s.replace({"init": {"file": str(tmp_path / "point.npz")}})).final
    for name in ("y", "z"):
        assert np.abs(final[name] - g).max() < 1e-11 * np.abs(g).max()
    assert np.abs(final["primal"] - f.optimum.x).max() < 1e-11 * np.abs(f.optimum.x).max()


def measured_rate(trace):
    """Return the slope of log error between 1e-2 and 1e-16 of its start."""
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-2) & (error > 1e-16)
    return -np.polyfit(t[inside], np.log(error[inside]), 1)[0]


@pytest.mark.parametrize("kappa", [10.0, pytest.param(1000.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_error_decays_at_least_as_promised(graph, kappa):
    s = scenario(GRAPHS[graph]).replace({"problem.L": kappa})
    world = gs.World.build(s)
    total, facts = world.rates.sum(), world.facts
    gossip, R = facts.lambda_2 / total, 2 * facts.chi_2 * total
    rate = world.promise.rate
    assert rate == pytest.approx(total * np.sqrt(gossip / (2 * R) / kappa))
    assert world.constants["eta"] == pytest.approx(np.sqrt(2) * rate)
    assert not world.promise.met
    for method in ({"name": "continuized", "eta": rate}, {"name": "continuized"}):
        run = s.replace({"method": method, "run": {"time": 35 / rate}})
        assert gs.World.build(run).promise.met == ("eta" in method)
        rates = [measured_rate(gs.simulate(run.replace({"seed": seed}))) for seed in range(6)]
        assert np.mean(rates) >= rate


def test_an_exchange_costs_two_gradients_and_two_vectors():
    c = gs.simulate(scenario(GRAPHS["cycle"])).columns
    assert c["gradients"][-1] == 2 * c["activations"][-1] == c["messages"][-1]
    assert c["bits"][-1] == c["messages"][-1] * 3 * 32


def test_no_promise_for_other_constants():
    assert gs.World.build(scenario(GRAPHS["cycle"], method={"name": "continuized", "gamma": 0.1})).promise is None
