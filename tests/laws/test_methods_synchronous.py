"""Laws of the methods in rounds: exact fixed points, exact recursions of the mean, conserved sums."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.mixing import mixing_weights

pytestmark = pytest.mark.slow  # every method is compiled

GRAPHS = {
    "cycle": {"name": "cycle", "n": 6},
    "star": {"name": "star", "n": 6},
    "barbell": {"name": "barbell", "n": 6},
}
PRIMAL = [
    {"name": "extra"},
    {"name": "nids"},
    {"name": "diging"},
    {"name": "diging", "order": "atc"},
    {"name": "d_psgd", "lr": 0.05},
    {"name": "d_psgd", "lr": 0.05, "order": "adapt_then_combine"},
]
EXACT = [*PRIMAL[:4], {"name": "ssda"}, {"name": "msda"}, {"name": "adom_plus"}, {"name": "d_admm"}]


def named(method):
    return "-".join(str(value) for value in method.values())


def scenario(method, topology="cycle", rounds=5, **more):
    return gs.Scenario.parse(
        {
            "topology": GRAPHS[topology] if isinstance(topology, str) else topology,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 5.0},
            "method": method,
            "run": {"rounds": rounds},
            "record": {"points": 1, "metrics": ["error"]},
        }
        | more
    )


def after(method, rounds, **more):
    return gs.simulate(scenario(method, rounds=rounds, **more)).final


def same_size(a, b, tolerance):
    assert np.abs(a - b).max() < tolerance * max(1.0, np.abs(b).max())


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", PRIMAL, ids=named)
def test_the_mean_descends_along_the_mean_of_the_gradients(method, graph):
    s = scenario(method, graph, init="normal")
    w = gs.World.build(s)
    c = w.constants
    lr = c.get("lr", c.get("before", 0.0) + c.get("after", 0.0))
    x = w.start_rows()["x"]
    for k in range(1, 7):
        new = after(method, k, topology=graph, init="normal")
        g = w.objective.local_gradients(x).mean(axis=0)
        same_size(new["x"].mean(axis=0), x.mean(axis=0) - lr * g, 1e-13)
        if method["name"] == "diging":
            same_size(new["y"].mean(axis=0), g, 1e-13)
            same_size(new["g"], w.objective.local_gradients(x), 1e-14)
        if "s" in new:
            same_size(new["s"].sum(axis=0), 0.0, 1e-12)
        x = new["x"]


def fixed_point(name, w):
    """Return the stationary state, from the optimum and the gradients there."""
    f = w.objective
    x, m = np.tile(f.optimum.x, (f.n, 1)), np.zeros((f.n, f.dim))
    g = f.local_gradients(x)
    if name in {"extra", "nids"}:
        return {"x": x, "s": -w.constants["lr"] * g}
    if name == "diging":
        return {"x": x, "y": m, "g": g}
    if name in {"ssda", "msda"}:
        return {"x": g, "y": g}
    if name == "adom_plus":
        y = g - w.constants["nu"] * x
        return {"x": x, "x_f": x, "y": y, "y_f": y, "z": -g, "z_f": -g, "m": m}
    return {"x": x, "alpha": -g}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", EXACT, ids=named)
def test_the_optimum_is_a_fixed_point(method, graph, tmp_path):
    w = gs.World.build(scenario(method, graph))
    point = fixed_point(method["name"], w)
    np.savez(tmp_path / "point.npz", **point)
    final = after(method, 40, topology=graph, init={"file": str(tmp_path / "point.npz")})
    size = max(np.abs(array).max() for array in point.values())
    for name, array in point.items():
        left = final[name] - array
        if name == "m":  # its mean drifts, which no node notices
            left = left - left.mean(axis=0)
        assert np.abs(left).max() < 1e-11 * size, name


@pytest.mark.parametrize("problem", ["linear_regression", "logistic_regression"])
@pytest.mark.parametrize("method", EXACT, ids=named)
def test_exact_methods_reach_the_optimum_of_unequal_functions(method, problem):
    s = scenario(
        method, {"name": "complete", "n": 5}, rounds=6000,
        problem={"name": problem, "l2": 0.3, "synthetic": {"samples": 9, "dim": 3}},
    )  # fmt: skip
    w = gs.World.build(s)
    trace = gs.simulate(s)
    scale = np.linalg.norm(w.objective.optimum.x) ** 2
    assert trace.columns["error"][-1] < 1e-16 * scale


def test_d_psgd_with_complete_mixing_is_minibatch_sgd():
    complete = {"name": "complete", "n": 6}
    for order in ("combine_then_adapt", "adapt_then_combine"):
        s = scenario({"name": "d_psgd", "lr": 0.1, "order": order}, complete, rounds=20, mixing="metropolis_lazy")
        w = gs.World.build(s)
        assert w.facts.mixing.weights == pytest.approx(1 / 6)
        x = np.zeros(3)
        for _ in range(20):
            # from a common start adapt-then-combine never leaves consensus, combine-then-adapt does by one step
            x = x - 0.1 * w.objective.local_gradients(np.tile(x, (6, 1))).mean(axis=0)
        final = gs.simulate(s).final["x"]
        if order == "adapt_then_combine":
            same_size(final, np.tile(x, (6, 1)), 1e-13)
        else:
            before = gs.simulate(s.replace({"run.rounds": 19})).final["x"]
            g = w.objective.local_gradients(before)
            same_size(final, before.mean(axis=0) - 0.1 * g, 1e-13)


def test_the_bias_of_d_psgd_is_of_the_order_of_the_step():
    ends = []
    for lr in (0.02, 0.01, 0.005):
        s = scenario({"name": "d_psgd", "lr": lr}, rounds=6000)
        ends.append(np.sqrt(gs.simulate(s).columns["error"][-1]))
    assert ((np.array(ends[:-1]) / ends[1:] > 1.8) & (np.array(ends[:-1]) / ends[1:] < 2.2)).all()
    for method in ({"name": "extra", "lr": 0.02}, {"name": "diging", "lr": 0.02}, {"name": "nids", "lr": 0.02}):
        assert np.sqrt(gs.simulate(scenario(method, rounds=6000)).columns["error"][-1]) < 1e-9 * ends[-1]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", ["ssda", "msda", "d_admm"])
def test_dual_variables_sum_to_zero(method, graph):
    final = after(method, 30, topology=graph)
    field = "alpha" if method == "d_admm" else "x"
    assert np.abs(final[field]).max() > 0.1
    assert np.abs(final[field].sum(axis=0)).max() < 1e-12 * np.abs(final[field]).max()


@pytest.mark.parametrize("multi_consensus", [False, True])
@pytest.mark.parametrize("graph", GRAPHS)
def test_z_of_adom_plus_sums_to_zero_and_m_drifts_where_gossip_does_not_look(graph, multi_consensus):
    method = {"name": "adom_plus", "multi_consensus": multi_consensus}
    before, final = (after(method, k, topology=graph, init="normal") for k in (39, 40))
    for name in ("z", "z_f"):
        assert np.abs(final[name]).max() > 1e-6
        assert np.abs(final[name].sum(axis=0)).max() < 1e-12 * np.abs(final[name]).max(), name
    c = gs.World.build(scenario(method, graph)).constants
    y_g = c["sigma_1"] * before["y"] + (1 - c["sigma_1"]) * before["y_f"]
    drift = c["gamma"] / c["nu"] * y_g.sum(axis=0)
    same_size(final["m"].sum(axis=0), before["m"].sum(axis=0) + drift, 1e-12)


def test_multi_consensus_talks_more_often_and_reaches_further():
    s = scenario("adom_plus", {"name": "path", "n": 8}, rounds=300)
    once = gs.simulate(s)
    often = gs.simulate(s.replace({"method": {"name": "adom_plus", "multi_consensus": True}}))
    chi = gs.World.build(s).facts.mixing
    T = int(np.ceil(chi.lambda_max / chi.lambda_2 * np.log(2)))
    assert often.columns["activations"][-1] == T * once.columns["activations"][-1] == 300 * 7 * T
    assert often.columns["error"][-1] < 1e-2 * once.columns["error"][-1]


@pytest.mark.parametrize("K", [1, 2, 5])
@pytest.mark.parametrize("graph", GRAPHS)
def test_chebyshev_turns_of_a_constant_vector_give_nothing(graph, K):
    """Equal functions answer equally, so that the dual variable never moves."""
    equal = {"name": "quadratic", "dim": 3, "mu": 2.0, "L": 2.0, "spread": 0.0}
    final = after({"name": "msda", "K": K, "eta": 1.0, "momentum": 0.5}, 10, topology=graph, problem=equal)
    assert np.abs(final["x"]).max() < 1e-15


@pytest.mark.parametrize("K", [1, 2, 3, 6])
@pytest.mark.parametrize("graph", ["cycle", "star", "barbell"])
def test_chebyshev_turns_are_the_polynomial_of_the_spectrum(graph, K):
    """One round from zero moves x by -eta (1 + m) P_K(W) theta."""
    s = scenario({"name": "msda", "K": K, "eta": 1.0, "momentum": 0.0}, graph, rounds=1)
    w = gs.World.build(s)
    final = gs.simulate(s).final
    values, vectors = np.linalg.eigh(w.graph.laplacian().toarray())
    gap = values[1] / values[-1]
    T = np.polynomial.chebyshev.Chebyshev.basis(K)
    a = (1 + gap) / (1 - gap)
    P = (vectors * (1 - T(a * (1 - 2 * values / ((1 + gap) * values[-1]))) / T(a))) @ vectors.T
    same_size(final["x"], -P @ final["theta"], 1e-12)


def test_on_the_complete_graph_one_turn_is_the_exact_mean():
    s = scenario({"name": "msda", "eta": 1.0, "momentum": 0.0}, {"name": "complete", "n": 6}, rounds=1)
    w = gs.World.build(s)
    assert w.turns == 1
    final = gs.simulate(s).final
    same_size(final["x"], final["theta"].mean(axis=0) - final["theta"], 1e-13)


def test_ssda_is_msda_with_one_turn_and_another_step():
    graph = {"name": "grid", "n": 9}
    same = {"eta": 0.05, "momentum": 0.3}
    one = gs.World.build(scenario({"name": "msda", "K": 1, **same}, graph))
    # P_1(W) = c_3 W
    a = gs.simulate(scenario({"name": "msda", "K": 1, **same}, graph)).final
    b = gs.simulate(scenario({"name": "ssda", "eta": 0.05 * one.constants["c_3"], "momentum": 0.3}, graph)).final
    same_size(a["x"], b["x"], 1e-13)


@pytest.mark.parametrize("method", ["extra", "diging"])
def test_no_default_step_where_an_eigenvalue_of_the_mixing_is_minus_one(method):
    with pytest.raises(gs.Refused, match="metropolis_lazy"):
        gs.World.build(scenario(method, "cycle", mixing="metropolis"))
    gs.World.build(scenario(method, "cycle", mixing="metropolis_lazy"))


def test_d_admm_wants_positive_weights():
    s = scenario("d_admm", {"name": "complete", "n": 4}, mixing="metropolis")
    assert gs.simulate(s.replace({"run.rounds": 300})).columns["error"][-1] < 1e-20
    graph = gs.World.build(s).graph
    assert (mixing_weights(graph, "metropolis") > 0).all()


@pytest.mark.parametrize("method", [*EXACT, {"name": "sgp"}, {"name": "d_psgd"}], ids=named)
def test_one_node_alone_runs(method):
    trace = gs.simulate(scenario(method, {"name": "path", "n": 1}, rounds=400))
    assert trace.columns["error"][-1] < 1e-12


@pytest.mark.parametrize(("method", "vectors"), [("extra", 1), ("nids", 1), ("diging", 2), ("ssda", 1), ("d_admm", 1)])
def test_a_round_costs_its_vectors_on_every_directed_link(method, vectors):
    c = gs.simulate(scenario(method, "barbell", rounds=4)).columns
    m = gs.Graph.build("barbell", n=6).m
    assert c["messages"][-1] == 4 * 2 * m
    assert c["bits"][-1] == 4 * 2 * m * vectors * 3 * 32
