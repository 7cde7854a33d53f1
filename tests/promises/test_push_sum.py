"""Push-sum: mass, one-way messages, and exact averaging on the one-peer exponential graph."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "cycle": {"name": "cycle", "n": 7},
    "star": {"name": "star", "n": 6},
    "barbell": {"name": "barbell", "n": 8},
    "exponential": {"name": "exponential", "n": 12},
}


def scenario(topology, method, **more):
    return gs.Scenario.parse(
        {
            "topology": topology,
            "problem": {"name": "quadratic", "dim": 3},
            "method": method,
            "init": "normal",
            "run": {"time": 600},
            "record": {"points": 20, "metrics": ["error", "consensus"]},
        }
        | more
    )


@pytest.mark.parametrize("q", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("graph", GRAPHS)
def test_mass_is_kept_and_the_estimate_tends_to_the_mean(graph, q):
    s = scenario(GRAPHS[graph], {"name": "push_sum", "q": q})
    start = gs.World.build(s).start_rows()["z"]
    trace = gs.simulate(s)
    final = trace.final
    assert final["w"].sum() == pytest.approx(len(start), rel=1e-13)
    np.testing.assert_allclose(final["x"].sum(axis=0), start.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(final["z"], final["x"] / final["w"][:, None], rtol=1e-12)
    assert trace.columns["error"][-1] < 1e-6 * trace.columns["error"][0]
    if q < 1:
        assert np.ptp(final["w"]) > 1e-3, "one-way messages leave the weights unequal"


def test_with_answers_push_sum_is_gossip():
    a, b = (gs.simulate(scenario(GRAPHS["barbell"], m)) for m in ({"name": "push_sum", "q": 1.0}, "gossip"))
    np.testing.assert_allclose(a.final["z"], b.final["x"], rtol=1e-13)
    assert (a.final["w"] == 1.0).all()


def test_each_direction_is_used_half_of_the_time():
    c = gs.simulate(scenario(GRAPHS["cycle"], "push_sum", run={"activations": 20000})).columns
    # 40,000 coins: one standard deviation is 100 messages
    assert abs(c["messages"][-1] - 20000) < 400


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5])
def test_the_one_peer_exponential_graph_averages_exactly_in_log2_n_rounds(p):
    n = 2**p
    topology = {"name": "exponential", "n": n} if n > 2 else {"name": "path", "n": 2}
    s = scenario(topology, {"name": "sgp", "lr": 0.0}, run={"rounds": p})
    mean = gs.World.build(s).start_rows()["z"].mean(axis=0)
    trace = gs.simulate(s)
    assert np.abs(trace.final["z"] - mean).max() < 4e-16 * n
    assert (trace.final["w"] == 1.0).all()
    assert trace.columns["messages"][-1] == n * p
    one_less = gs.simulate(s.replace({"run.rounds": p - 1})).final["z"] if p > 1 else np.zeros((n, 3))
    assert np.abs(one_less - mean).max() > 1e-3


@pytest.mark.parametrize("peers", ["one", "all"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_sgp_without_gradients_averages_on_any_graph(graph, peers):
    s = scenario(GRAPHS[graph], {"name": "sgp", "lr": 0.0, "peers": peers}, run={"rounds": 400})
    start = gs.World.build(s).start_rows()["z"]
    final = gs.simulate(s).final
    assert final["w"].sum() == pytest.approx(len(start), rel=1e-12)
    np.testing.assert_allclose(final["x"].sum(axis=0), start.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(final["z"], np.broadcast_to(start.mean(axis=0), start.shape), atol=1e-5)


def test_a_message_of_sgp_is_one_vector_and_one_number():
    c = gs.simulate(scenario(GRAPHS["exponential"], "sgp", run={"rounds": 6})).columns
    assert c["bits"][-1] == 6 * 12 * (3 + 1) * 32


def test_sgp_follows_minus_the_gradient_of_the_estimates():
    s = scenario(GRAPHS["exponential"], {"name": "sgp", "lr": 0.05}, run={"rounds": 9})
    f = gs.World.build(s).objective
    before, after = (gs.simulate(s.replace({"run.rounds": k})).final for k in (8, 9))
    want = before["x"].sum(axis=0) - 0.05 * f.local_gradients(before["z"]).sum(axis=0)
    np.testing.assert_allclose(after["x"].sum(axis=0), want, rtol=1e-12)


def test_sgp_stalls_closer_with_a_smaller_step():
    problem = {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0}
    ends = []
    for lr in (0.02, 0.01, 0.005):
        s = scenario({"name": "exponential", "n": 8}, {"name": "sgp", "lr": lr}, problem=problem, run={"rounds": 3000})
        ends.append(np.sqrt(gs.simulate(s).columns["error"][-1]))
    ratios = np.array(ends[:-1]) / ends[1:]
    assert ((ratios > 1.7) & (ratios < 2.3)).all()
