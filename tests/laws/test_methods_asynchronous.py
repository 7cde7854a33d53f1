"""Laws of the asynchronous methods: what is conserved, what is stationary, and what the clocks are."""

import numpy as np
import pytest
from scipy import stats

import gossipsim as gs
from gossipsim.flow import field_at
from gossipsim.modes import spectral_form

pytestmark = pytest.mark.slow  # every method is compiled


def scenario(method, **more):
    return gs.Scenario.parse(
        {
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 5.0},
            "method": method,
            "run": {"time": 20},
            "record": {"points": 5},
        }
        | more
    )


def brought_together(s, final, time, *fields):
    world = gs.World.build(s)
    form = spectral_form(world.method.flow_matrix(world.facts))
    rows = world.start_rows()
    for name in ("at", *world.method.vectors()):
        rows[name] = final[name]
    return [field_at(form, rows, world.method.vectors(), name, time) for name in fields]


@pytest.mark.parametrize("accelerated", [True, False])
def test_a2cid2_moves_both_means_alike_by_gradients_only(accelerated):
    s = scenario({"name": "a2cid2", "lr": 0.05, "accelerated": accelerated}, init="normal")
    x, x_tilde = brought_together(s, gs.simulate(s).final, 20.0, "x", "x_tilde")
    assert np.abs(x - x_tilde).max() > 1e-6 or not accelerated
    np.testing.assert_allclose(x.mean(axis=0), x_tilde.mean(axis=0), rtol=1e-12)


def test_the_baseline_of_a2cid2_is_async_dsgd():
    for more in ({}, {"momentum": 0.9, "weight_decay": 0.01}):
        same = {"lr": 0.02, **more}
        a = gs.simulate(scenario({"name": "a2cid2", "accelerated": False, **same}, init="normal"))
        b = gs.simulate(scenario({"name": "async_dsgd", **same}, init="normal"))
        np.testing.assert_allclose(a.final["x"], b.final["x"], rtol=1e-12)
        np.testing.assert_allclose(a.final["v"], b.final["v"], rtol=1e-11, atol=1e-12)


def test_the_heavy_ball_is_that_of_one_node_alone():
    s = scenario({"name": "async_dsgd", "lr": 0.02, "momentum": 0.8, "weight_decay": 0.1},
                 topology={"name": "path", "n": 1}, run={"gradients": 30}, init="normal")  # fmt: skip
    world = gs.World.build(s)
    x, v = world.start_rows()["x"].copy(), 0.0
    for _ in range(30):
        v = 0.8 * v + world.objective.local_gradients(x) + 0.1 * x
        x = x - 0.02 * v
    np.testing.assert_allclose(gs.simulate(s).final["x"], x, rtol=1e-12)


@pytest.mark.parametrize("method", ["async_dsgd", "ad_psgd"])
def test_without_gradients_it_is_gossip(method):
    s = scenario({"name": method, "lr": 0.0}, init="normal", run={"time": 60}, record={"metrics": ["consensus"]})
    start = gs.World.build(s).start_rows()["x"].mean(axis=0)
    trace = gs.simulate(s)
    np.testing.assert_allclose(trace.final["x"].mean(axis=0), start, rtol=1e-13)
    assert trace.columns["consensus"][-1] < 1e-6 * trace.columns["consensus"][0]


def test_ad_psgd_without_gradients_averages_exactly_the_partners_of_its_exchanges():
    s = scenario({"name": "ad_psgd", "lr": 0.0}, init="normal", run={"events": 200})
    world = gs.World.build(s)
    x = world.start_rows()["x"].copy()
    block = world.events().block(0, 0.0).part(0, 200)
    for i, j in zip(block.i.tolist(), block.j.tolist(), strict=True):
        if j >= 0:
            x[[i, j]] = x[[i, j]].mean(axis=0)
    np.testing.assert_array_equal(gs.simulate(s).final["x"], x)


@pytest.mark.parametrize("compute", [1.0, {"name": "exponential", "mean": 1.0}])
def test_a_worker_of_ad_psgd_exchanges_once_per_compute_time(compute):
    s = scenario({"name": "ad_psgd", "lr": 0.0}, fleet={"compute": compute}, run={"time": 400})
    c = gs.simulate(s).columns
    assert c["gradients"][-1] == c["activations"][-1]
    # 9 workers for 400 times 1: exactly so many ends, or a Poisson number of mean 3600
    assert abs(c["activations"][-1] - 3600) <= (9 if compute == 1.0 else 4 * 60)


def test_exponential_compute_times_make_iterations_a_poisson_process():
    s = scenario({"name": "ad_psgd", "lr": 0.0}, fleet={"compute": {"name": "exponential", "mean": 2.0}})
    block = gs.World.build(s).events().block(0, 0.0)
    ends = block.t[block.j < 0][:4000]
    gaps = np.diff(ends)
    assert stats.kstest(gaps, "expon", args=(0, 2.0 / 9)).pvalue > 1e-3
    nodes = np.bincount(block.i[block.j < 0][:4000], minlength=9)
    assert stats.chisquare(nodes).pvalue > 1e-3


def test_partners_are_uniform_among_the_neighbours():
    s = scenario("ad_psgd", topology={"name": "star", "n": 6}, fleet={"compute": 1.0})
    block = gs.World.build(s).events().block(0, 0.0)
    leaves = np.bincount(block.j[(block.j >= 0)][:6000], minlength=6)[1:]
    # a leaf has one neighbour: it is met once per round by itself, and once in five by the hub
    assert stats.chisquare(leaves).pvalue > 1e-3


def test_ad_psgd_s_gradient_is_that_of_the_snapshot():
    """Two workers, one far slower in nothing: with n = 2 the k-th step of a node uses the point of its step k - 1."""
    s = scenario({"name": "ad_psgd", "lr": 0.1}, topology={"name": "path", "n": 2}, run={"events": 4}, init="normal",
                 fleet={"compute": 1.0})  # fmt: skip
    world = gs.World.build(s)
    start = world.start_rows()["x"].copy()
    g = world.objective.local_gradients(start)
    final = gs.simulate(s).final
    m = start.mean(axis=0)
    # node 0 ends first: average, step; then node 1 averages with it and steps from its own start's gradient
    middle = (m - 0.1 * g[0] + m) / 2
    np.testing.assert_allclose(final["x"], [middle, middle - 0.1 * g[1]], rtol=1e-13)
    np.testing.assert_allclose(final["snapshot"], [m - 0.1 * g[0], middle - 0.1 * g[1]], rtol=1e-13)


@pytest.mark.parametrize("rounds", [1, 2, 7, 40])
def test_two_workers_of_ad_psgd_in_step_are_mini_batch_sgd_at_their_snapshots(rounds):
    """With equal compute times both end at t = 1, 2, ..., node 0 first, and of their mean m and snapshots s_i holds exactly

    m+ = m - (lr / 2) (g_0(s_0) + g_1(s_1)),  s_0+ = m+ + (lr / 2) (g_1 - g_0),  s_1+ = m+ - (lr / 2) g_1.
    """
    lr = 0.1
    s = scenario({"name": "ad_psgd", "lr": lr}, topology={"name": "path", "n": 2}, run={"events": 4 * rounds}, init="normal",
                 fleet={"compute": 1.0})  # fmt: skip
    world = gs.World.build(s)
    snapshots = world.start_rows()["x"].copy()
    mean = snapshots.mean(axis=0)
    for _ in range(rounds):
        g = world.objective.local_gradients(snapshots)
        mean = mean - lr * g.mean(axis=0)
        snapshots = mean + 0.5 * lr * np.array([g[1] - g[0], -g[1]])
    final = gs.simulate(s).final
    np.testing.assert_allclose(final["x"].mean(axis=0), mean, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(final["snapshot"], snapshots, rtol=1e-12, atol=1e-13)


def test_two_workers_of_ad_psgd_in_step_differ_from_mini_batch_sgd_by_the_square_of_the_step():
    """From a common start, for the snapshots are of the order of the step away from the mean: half the step, a quarter."""
    gaps = []
    for lr in (2e-3, 1e-3, 5e-4):
        s = scenario({"name": "ad_psgd", "lr": lr}, topology={"name": "path", "n": 2}, run={"events": 4 * 5},
                     fleet={"compute": 1.0})  # fmt: skip
        world = gs.World.build(s)
        x = world.start_rows()["x"].mean(axis=0)
        for _ in range(5):
            x = x - lr * world.objective.gradient(x)
        gaps.append(np.linalg.norm(gs.simulate(s).final["x"].mean(axis=0) - x))
    assert gaps[0] > 1e-9
    assert gaps[0] / gaps[1] == pytest.approx(4.0, rel=0.05)
    assert gaps[1] / gaps[2] == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("method", ["async_dsgd", "a2cid2", "ad_psgd"])
def test_equal_functions_leave_no_bias(method):
    file = {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 1.0, "spread": 0.0}
    s = scenario(method, problem=file, init="normal", run={"time": 150}, record={"metrics": ["error"]})
    assert gs.simulate(s).columns["error"][-1] < 1e-20


@pytest.mark.parametrize("method", ["async_dsgd", "a2cid2", "ad_psgd"])
def test_the_bias_on_unequal_functions_shrinks_with_the_step(method):
    ends = []
    for lr in (0.02, 0.005):
        s = scenario({"name": method, "lr": lr}, run={"time": 4000}, record={"points": 100, "metrics": ["error"]})
        ends.append(gs.simulate(s).columns["error"][50:].mean())
    assert 0 < ends[1] < 0.6 * ends[0]


def test_settings_that_cannot_work_are_refused_in_one_sentence():
    for method in ("a2cid2", "async_dsgd"):
        with pytest.raises(gs.Refused, match="momentum < 1"):
            gs.World.build(scenario({"name": method, "momentum": 1.0}))
    with pytest.raises(gs.Refused, match="never sends"):
        gs.World.build(scenario({"name": "push_sum", "q": 0.0}))


@pytest.mark.parametrize("method", ["a2cid2", "async_dsgd", "continuized_gossip", "push_sum"])
def test_one_node_alone_runs(method):
    s = scenario(method, topology={"name": "path", "n": 1}, init="normal", run={"time": 5})
    assert gs.simulate(s).status == "finished"
