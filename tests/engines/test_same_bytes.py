"""The contract of the engines: same world, same bytes, at every record; and nothing depends on how a run is cut."""

import numpy as np
import pytest
from both_engines import assert_same

import gossipsim as gs
from gossipsim.engines import events
from gossipsim.methods.base import Method

GRAPHS = {
    "star": {"name": "star", "n": 9},
    "path": {"name": "path", "n": 8},
    "cycle": {"name": "cycle", "n": 8},
    "complete": {"name": "complete", "n": 8},
    "grid": {"name": "grid", "n": 9},
    "erdos_renyi": {"name": "erdos_renyi", "n": 12, "p": 0.4, "seed": 3},
}
PROBLEM = {"name": "linear_regression", "synthetic": {"samples": 7, "dim": 3}}


def scenario(topology, method, **more):
    return gs.Scenario.parse(
        {
            "seed": 5,
            "topology": topology,
            "problem": PROBLEM,
            "method": method,
            "rates": "degree",
            "run": {"time": 20},
            "record": {"points": 7, "metrics": ["error", "consensus", "gap", "gradient_norm"]},
        }
        | more
    )


SERVED = sorted(name for name in gs.methods() if Method.registry[name].server)
QUICK = {
    "dadao",
    "gossip",
    "d_psgd",
}
"""One for each way to act: every other method is another compilation, in the slow suite."""
PEERS = sorted(set(gs.methods()) - set(SERVED))


@pytest.mark.parametrize(
    ("graph", "method"),
    [
        pytest.param(graph, method, marks=[] if method in QUICK and graph == "grid" else pytest.mark.slow)
        for graph in GRAPHS
        for method in (PEERS if graph != "star" else [*PEERS, *SERVED])
        if method in QUICK or graph in {"star", "erdos_renyi"}
    ],
)
def test_engines_agree_to_the_byte(graph, method):
    s = scenario(GRAPHS[graph], method)
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.meta["events"] >= 19
    assert fast.columns["messages"][-1] > 0
    assert_same(fast, plain)
    assert_same(fast, gs.simulate(s, engine="compiled"))


@pytest.mark.parametrize("engine", ["compiled", "processes"])
@pytest.mark.parametrize(
    "method", [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in sorted(gs.methods())]
)
def test_recording_more_often_changes_nothing(method, engine):
    graph = GRAPHS["star" if method in SERVED else "cycle"]
    few = gs.simulate(scenario(graph, method, record={"points": 1}), engine=engine)
    many = gs.simulate(scenario(graph, method, record={"points": 97}), engine=engine)
    for name in few.final:
        assert few.final[name].tobytes() == many.final[name].tobytes()


@pytest.mark.parametrize("engine", ["compiled", "processes"])
@pytest.mark.parametrize(
    ("limit", "column", "number"),
    [("events", None, 333), ("gradients", "gradients", 77), ("activations", "activations", 55), ("bits", "bits", 3072)],
)
def test_a_run_stops_exactly_at_its_limit(engine, limit, column, number):
    trace = gs.simulate(scenario(GRAPHS["grid"], "dadao", run={limit: number}), engine=engine)
    assert (trace.columns[column][-1] if column else trace.meta["events"]) == number
    assert trace.status == "finished"


def test_every_message_costs_its_bits():
    trace = gs.simulate(scenario(GRAPHS["grid"], "dadao", wire={"float_bits": 16}))
    c = trace.columns
    np.testing.assert_array_equal(c["messages"], 2 * c["activations"])
    np.testing.assert_array_equal(c["bits"], c["messages"] * 3 * 16)


@pytest.mark.parametrize("engine", ["compiled", "processes"])
def test_a_diverging_run_names_the_node_and_the_time(engine):
    s = scenario(GRAPHS["cycle"], {"name": "dadao", "gamma": 1e60}, run={"time": 200})
    trace = gs.simulate(s, engine=engine)
    assert trace.status == "diverged"
    where = trace.meta["diverged"]
    node = where["node"]
    assert trace.final["at"][node] == where["time"]
    bad = [name for name, array in trace.final.items() if name != "primal" and not np.isfinite(array[node]).all()]
    assert bad
    others = np.arange(8) != node
    assert np.isfinite(trace.final["z"][others]).all()


def test_engines_agree_on_where_a_run_diverges():
    s = scenario(GRAPHS["cycle"], {"name": "dadao", "gamma": 1e60}, run={"time": 200})
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.meta["diverged"] == plain.meta["diverged"]
    assert_same(fast, plain)


@pytest.mark.slow
@pytest.mark.parametrize("points", [20, 2000])
def test_an_error_too_large_for_a_number_is_a_divergence(points):
    """The square of a state that is still finite overflows."""
    method = {"name": "econtrol", "gamma": 1000.0}
    s = scenario(GRAPHS["star"], method, run={"rounds": 300}, record={"points": points, "metrics": ["error"]})
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.status == "diverged"
    error = fast.columns["error"]
    assert np.isinf(error[-1])
    assert np.isfinite(error[:-1]).all()
    assert fast.meta["diverged"]["time"] == fast.columns["time"][-1]
    assert fast.meta["diverged"] == plain.meta["diverged"]
    assert_same(fast, plain)


def test_a_late_divergence_keeps_the_records_before_it():
    """Past 65,536 events the compiled engine finds a divergence in the middle of a batch of records."""
    s = scenario(
        GRAPHS["cycle"],
        {"name": "dadao", "beta_tilde": 24.0},
        rates={"name": "uniform", "total": 8.0},
        run={"time": 20000},
        record={"points": 2000, "metrics": ["error"]},
    )
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.meta["events"] > 65536
    assert fast.meta["diverged"] == plain.meta["diverged"]
    assert_same(fast, plain)


def test_an_error_goal_stops_a_run_of_unknown_length():
    trace = gs.simulate(scenario(GRAPHS["complete"], "dadao", run={"error": 1e-6}, record={"points": 20}))
    assert trace.status == "reached"
    assert trace.columns["error"][-1] <= 1e-6 < trace.columns["error"][-2]
    assert len(trace.columns["time"]) <= 42


def test_one_node_alone_runs():
    s = scenario({"name": "path", "n": 1}, "dadao", rates="uniform", run={"time": 300})
    trace = gs.simulate(s)
    assert trace.columns["activations"][-1] == 0
    assert trace.columns["error"][-1] < 1e-6 * trace.columns["error"][0]
    assert_same(trace, gs.simulate(s, engine="processes"))


@pytest.mark.parametrize("engine", ["compiled", "processes"])
def test_a_run_does_not_depend_on_the_size_of_blocks(engine, monkeypatch):
    s = scenario(GRAPHS["grid"], "dadao", record={"points": 11, "metrics": ["error", "consensus"]})
    whole = gs.simulate(s, engine=engine)
    monkeypatch.setattr(events, "BLOCK", 7)
    assert_same(whole, gs.simulate(s, engine=engine))
