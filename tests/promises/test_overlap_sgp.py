"""Overlap SGP: mass at the nodes and on its way, delays of exactly tau rounds, and the same limit as SGP."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "cycle": {"name": "cycle", "n": 7},
    "barbell": {"name": "barbell", "n": 8},
    "exponential": {"name": "exponential", "n": 8},
}


def scenario(graph, rounds, **method):
    return gs.Scenario.parse(
        {
            "topology": GRAPHS[graph],
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 4.0},
            "method": {"name": "osgp"} | method,
            "init": "normal",
            "run": {"rounds": rounds},
            "record": {"points": 1, "metrics": ["error"]},
        }
    )


@pytest.mark.parametrize("peers", ["one", "all"])
@pytest.mark.parametrize("tau", [1, 2, 5])
@pytest.mark.parametrize("graph", GRAPHS)
def test_without_gradients_mass_is_kept_and_the_estimates_tend_to_the_mean(graph, tau, peers):
    s = scenario(graph, 3000, lr=0.0, tau=tau, peers=peers)
    start = gs.World.build(s).start_rows()["z"]
    trace = gs.simulate(s)
    final = trace.final
    assert final["w"].sum() + final["v"].sum() == pytest.approx(len(start), rel=1e-12)
    np.testing.assert_allclose((final["x"] + final["b"]).sum(axis=0), start.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(final["z"], np.broadcast_to(start.mean(axis=0), start.shape), atol=1e-6)
    each = 1 if peers == "one" else 2 * gs.World.build(s).graph.m / len(start)
    assert trace.columns["messages"][-1] == len(start) * each * -(-3000 // tau)


@pytest.mark.parametrize("tau", [1, 3])
def test_a_message_takes_effect_after_tau_rounds(tau):
    s = scenario("exponential", 1, lr=0.0, tau=tau)
    start = gs.World.build(s).start_rows()["z"]
    for rounds in range(1, tau + 1):
        final = gs.simulate(s.replace({"run.rounds": rounds})).final
        np.testing.assert_array_equal(final["z"], start)
        np.testing.assert_allclose(final["b"], np.roll(start, 1, axis=0) / 2, rtol=1e-15)
    after = gs.simulate(s.replace({"run.rounds": tau + 1})).final["z"]
    # half of the own mass left in round tau, the quarter that stays meets the half that arrives
    np.testing.assert_allclose(after, (start / 4 + np.roll(start, 1, axis=0) / 2) / 0.75, rtol=1e-14)


def test_only_gradients_move_the_sum():
    s = scenario("barbell", 9, lr=0.05, tau=2)
    f = gs.World.build(s).objective
    before, after = (gs.simulate(s.replace({"run.rounds": k})).final for k in (8, 9))
    want = (before["x"] + before["b"]).sum(axis=0) - 0.05 * f.local_gradients(before["z"]).sum(axis=0)
    np.testing.assert_allclose((after["x"] + after["b"]).sum(axis=0), want, rtol=1e-12)


def test_delay_costs_accuracy_in_proportion_to_the_step():
    """The bias is of the order of the step for every tau, and larger for longer delays."""
    ends = {}
    for tau in (1, 3):
        for lr in (0.01, 0.005):
            ends[tau, lr] = np.sqrt(gs.simulate(scenario("exponential", 4000, lr=lr, tau=tau)).columns["error"][-1])
    for tau in (1, 3):
        assert 1.7 < ends[tau, 0.01] / ends[tau, 0.005] < 2.3
    assert ends[3, 0.005] > ends[1, 0.005]
