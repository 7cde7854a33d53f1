"""EXTRA, gradient tracking, NIDS, ADOM+ and D-ADMM against the rates of their theorems; steps at the edge of stability."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "star": {"name": "star", "n": 8},
    "complete": {"name": "complete", "n": 8},
    "cycle": {"name": "cycle", "n": 8},
    "barbell": {"name": "barbell", "n": 8},
}


def scenario(method, topology, kappa=10.0, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": kappa},
            "method": method,
            "run": {"rounds": 30000, "error": 1e-20},
            "record": {"points": 3000, "metrics": ["error"]},
        }
        | more
    )


def measured_rate(trace):
    """Return the slope of log error between 1e-3 and 1e-16 of its start."""
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-3) & (error > 1e-16)
    return -np.polyfit(t[inside], np.log(error[inside]), 1)[0]


TRACKING = ["extra", "diging", {"name": "diging", "order": "atc"}]
PROMISING = [
    *TRACKING,
    {"name": "extra", "lr": 0.05},
    "nids",
    {"name": "nids", "lr": 0.19},
    "adom_plus",
    {"name": "adom_plus", "multi_consensus": True},
    "d_admm",
]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", PROMISING, ids=str)
def test_the_error_decays_at_least_as_promised(method, graph):
    s = scenario(method, GRAPHS[graph], record={"points": 30000, "metrics": ["error"]})
    promise = gs.World.build(s).promise
    assert promise.met
    assert promise.quantity == "error"
    trace = gs.simulate(s)
    assert trace.status == "reached"
    assert measured_rate(trace) >= promise.rate * (1 - 1e-9)


def test_the_promise_of_nids_is_tight_when_the_functions_are_equal():
    """A mode of the mean contracts by 1 - gamma mu exactly, and nothing is slower."""
    equal = {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 1.0, "spread": 1.0}
    s = scenario({"name": "nids", "lr": 0.05}, GRAPHS["complete"], problem=equal)
    assert measured_rate(gs.simulate(s)) == pytest.approx(gs.World.build(s).promise.rate, rel=1e-3)


def test_nids_beyond_its_limit_promises_nothing_and_diverges():
    stiff = {"name": "quadratic", "dim": 3, "mu": 10.0, "L": 10.0}
    s = scenario({"name": "nids", "lr": 0.21}, GRAPHS["cycle"], problem=stiff)
    assert not gs.World.build(s).promise.met
    assert gs.simulate(s).status == "diverged"


@pytest.mark.parametrize("graph", ["cycle", "star"])
@pytest.mark.parametrize("order", ["cta", "atc"])
def test_the_limit_of_stability_of_gradient_tracking(order, graph):
    """With one Hessian for all nodes the limit in the notes is exact."""
    equal = {"name": "quadratic", "dim": 3, "mu": 2.0, "L": 2.0}
    s = scenario({"name": "diging", "order": order}, GRAPHS[graph], problem=equal, init="normal")
    half = sum(gs.World.build(s).constants.values())
    for share, status in ((0.97, "reached"), (1.03, "diverged")):
        run = s.replace({"method.lr": 2 * half * share, "run": {"rounds": 60000, "error": 1e-20}})
        assert gs.simulate(run).status == status


@pytest.mark.parametrize("method", TRACKING, ids=str)
def test_the_promises_of_extra_and_tracking_are_nearly_reached(method):
    """Where the graph is the bottleneck: curvatures spread by 1.5 only, and no faster rate than 1.2 times the promise."""
    s = scenario(method, GRAPHS["star"], 1.5, record={"points": 30000, "metrics": ["error"]})
    assert 1 < measured_rate(gs.simulate(s)) / gs.World.build(s).promise.rate < 1.2


def test_extra_beats_gradient_descent_where_functions_differ():
    bias = gs.simulate(scenario({"name": "d_psgd", "lr": 0.02}, GRAPHS["cycle"], run={"rounds": 3000}))
    exact = gs.simulate(scenario({"name": "extra", "lr": 0.02}, GRAPHS["cycle"], run={"rounds": 3000}))
    assert exact.columns["error"][-1] < 1e-12 * bias.columns["error"][-1]
    assert exact.columns["bits"][-1] == bias.columns["bits"][-1]


def test_no_promise_for_other_constants():
    assert gs.World.build(scenario({"name": "d_admm", "c": 1.0}, GRAPHS["cycle"])).promise is None
    assert gs.World.build(scenario({"name": "adom_plus", "zeta": 0.4}, GRAPHS["cycle"])).promise is None


@pytest.mark.slow
@pytest.mark.parametrize("kappa", [1.5, 100.0, 1000.0])
@pytest.mark.parametrize(
    "method", [*TRACKING, "nids", "d_admm", {"name": "adom_plus", "multi_consensus": True}], ids=str
)
def test_promises_hold_for_other_condition_numbers(method, kappa):
    for graph in GRAPHS.values():
        for seed in range(3):
            s = scenario(method, graph, kappa, seed=seed, run={"rounds": 100000, "error": 1e-20})
            s = s.replace({"record.points": 100000})
            assert measured_rate(gs.simulate(s)) >= gs.World.build(s).promise.rate * (1 - 1e-9)
