"""SSDA and MSDA against the rates of their theorems, and against each other."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "star": {"name": "star", "n": 16},
    "complete": {"name": "complete", "n": 16},
    "cycle": {"name": "cycle", "n": 16},
    "path": {"name": "path", "n": 16},
    "barbell": {"name": "barbell", "n": 16},
}


def scenario(method, topology, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0},
            "method": method,
            "run": {"rounds": 4000, "error": 1e-20},
            "record": {"points": 4000, "metrics": ["error"]},
        }
        | more
    )


def measured_rate(trace):
    """Return the slope of log error between 1e-2 and 1e-16 of its start."""
    t, error = trace.columns["time"], trace.columns["error"] / trace.columns["error"][0]
    inside = (error < 1e-2) & (error > 1e-16)
    return -np.polyfit(t[inside], np.log(error[inside]), 1)[0]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", ["ssda", "msda", {"name": "msda", "K": 2}])
def test_the_error_decays_at_least_as_promised(method, graph):
    s = scenario(method, GRAPHS[graph])
    promise = gs.World.build(s).promise
    trace = gs.simulate(s)
    assert promise.met
    assert promise.quantity == "error"
    assert measured_rate(trace) >= promise.rate


@pytest.mark.parametrize("graph", GRAPHS)
def test_msda_s_promise_does_not_depend_on_the_graph_but_by_a_constant(graph):
    rate = gs.World.build(scenario("msda", GRAPHS[graph])).promise.rate
    # (1 - c^K) / (1 + c^K) >= tanh(K atanh(sqrt gamma)): at least tanh(1/2) for K = floor(1 / sqrt(gamma))
    assert -np.log1p(-np.tanh(0.5) / np.sqrt(10)) <= rate <= -np.log1p(-1 / np.sqrt(10)) * (1 + 1e-12)


def test_ssda_s_promise_is_the_formula():
    world = gs.World.build(scenario("ssda", GRAPHS["path"]))
    values = np.linalg.eigvalsh(world.graph.laplacian().toarray())
    assert world.promise.rate == pytest.approx(-np.log1p(-np.sqrt(values[1] / values[-1] / 10)))


def test_no_promise_for_other_constants():
    for method in ("ssda", "msda"):
        assert gs.World.build(scenario({"name": method, "eta": 0.1}, GRAPHS["cycle"])).promise is None


def test_msda_trades_gradients_for_messages():
    ssda, msda = (
        gs.simulate(scenario(m, GRAPHS["path"], run={"rounds": 20000, "error": 1e-12})) for m in ("ssda", "msda")
    )
    assert ssda.status == msda.status == "reached"
    assert msda.columns["gradients"][-1] < 0.3 * ssda.columns["gradients"][-1]
    assert msda.columns["activations"][-1] > 0.5 * ssda.columns["activations"][-1]
