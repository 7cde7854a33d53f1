"""What the compressed methods keep exactly, and what they are equal to."""

import sys
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
import gossipsim.problems.heterogeneous_quadratic
from gossipsim.compressors import Compressor
from gossipsim.engines import processes
from gossipsim.engines.interpreted import InterpretedVerbs
from gossipsim.kernels import kernel
from gossipsim.methods.econtrol import EControl

sys.path.insert(0, str(Path(__file__).parents[1] / "naive"))
import compressed_versions

pytestmark = pytest.mark.slow  # every method is compiled

GRAPH = {"topology": {"name": "grid", "n": 6}}
STAR = {"topology": {"name": "star", "n": 6}}
ON_A_GRAPH = ["choco_gossip", "choco_sgd", "beer", "motef"]
WITH_A_SERVER = ["ef21", "ef21_w", "ef21_sgd", "ef21_pp", "econtrol", "ec_sgd"]
COMPRESSORS = {
    "nothing": None,
    "top_k": {"name": "top_k", "k": 2},
    "qsgd": {"name": "qsgd", "levels": 2},
    "random_k": {"name": "random_k", "k": 2, "unbiased": True},
    "scaled_sign": "scaled_sign",
    "natural": "natural",
}


def scenario(method, compressor=None, rounds=40, **more):
    name = method if isinstance(method, str) else method["name"]
    parts = {
        "seed": 3,
        "problem": {"name": "quadratic", "dim": 6, "mu": 0.5, "L": 2.0},
        "method": method,
        "init": "normal",
        "run": {"rounds": rounds},
        "record": {"points": 1, "metrics": ["error"]},
    }
    parts |= (STAR if name in WITH_A_SERVER else GRAPH) | more
    return gs.Scenario.parse(parts | ({"compressor": compressor} if compressor else {}))


@pytest.fixture
def simulate(monkeypatch):
    """Simulate with verbs that run as the Python they are written in, which needs no compiler."""
    monkeypatch.setattr(processes, "_verbs", InterpretedVerbs)
    return lambda s: gs.simulate(s, engine="processes")


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("method", ON_A_GRAPH + WITH_A_SERVER)
def test_a_run_follows_the_matrix_version(simulate, method, compressor):
    s = scenario(method, COMPRESSORS[compressor])
    want = getattr(compressed_versions, method)(gs.World.build(s), [None] * 40)
    trace = simulate(s)
    assert trace.status == "finished"
    size = max(np.abs(array).max() for array in want.values())
    for name, array in want.items():
        assert np.abs(trace.final[name] - array).max() <= 1e-10 * size, name
    assert set(want) == set(s.method.vectors())


# -- CHOCO ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_choco_gossip_keeps_the_mean(simulate, compressor):
    s = scenario({"name": "choco_gossip", "gamma": 0.05}, COMPRESSORS[compressor])
    start = gs.World.build(s).start_rows()["x"]
    x = simulate(s).final["x"]
    assert np.abs(x - start).max() > 0.01
    np.testing.assert_allclose(x.mean(axis=0), start.mean(axis=0), rtol=0, atol=1e-14)


def test_choco_gossip_without_compression_and_damping_is_gossip_with_W(simulate):
    s = scenario({"name": "choco_gossip", "gamma": 1.0}, rounds=7)
    world = gs.World.build(s)
    W = np.eye(6) + compressed_versions.minus_laplacian(world)
    np.testing.assert_allclose(
        simulate(s).final["x"], np.linalg.matrix_power(W, 7) @ world.start_rows()["x"], rtol=0, atol=1e-14
    )


def test_choco_gossip_takes_the_step_of_its_theorem():
    world = gs.World.build(scenario("choco_gossip", {"name": "top_k", "k": 3}))
    W = np.eye(6) + compressed_versions.minus_laplacian(world)
    values = np.linalg.eigvalsh(W)
    rho, b, delta = 1 - max(abs(values[0]), abs(values[-2])), np.linalg.norm(np.eye(6) - W, 2), 0.5
    step = rho**2 * delta / (16 * rho + rho**2 + 4 * b**2 + 2 * rho * b**2 - 8 * rho * delta)
    assert world.constants["gamma"] == pytest.approx(step, rel=1e-12)
    assert world.promise.rate == pytest.approx(-np.log(1 - rho**2 * delta / 82), rel=1e-12)
    assert world.promise.met


@pytest.mark.parametrize(("gamma", "converges"), [(0.1, True), (0.3, False)])
def test_choco_gossip_on_a_grid_with_top_5_of_50(gamma, converges):
    s = gs.Scenario.parse(
        {
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "quadratic", "dim": 50},
            "method": {"name": "choco_gossip", "gamma": gamma},
            "compressor": {"name": "top_k", "k": 5},
            "run": {"rounds": 3000},
            "record": {"points": 20, "metrics": ["consensus"]},
        }
    )
    trace = gs.simulate(s)
    consensus = trace.columns["consensus"]
    if converges:
        assert consensus[-1] < 1e-29 * consensus[0]
        slopes = np.diff(np.log(consensus[1:9]))
        assert slopes.max() < 0.8 * slopes.min() < 0
    else:
        assert trace.status == "diverged" or consensus[-1] > 1e3 * consensus[0]


def test_choco_sgd_moves_the_mean_by_the_gradients_only(simulate):
    s = scenario({"name": "choco_sgd", "lr": 0.1, "gamma": 0.1}, {"name": "top_k", "k": 2}, rounds=9)
    before, after = simulate(s.replace({"run.rounds": 8})).final["x"], simulate(s).final["x"]
    gradients = gs.World.build(s).objective.local_gradients(before)
    np.testing.assert_allclose(after.mean(axis=0), (before - 0.1 * gradients).mean(axis=0), rtol=0, atol=1e-14)


def test_choco_sgd_lowers_its_step_as_the_theorem_says():
    c = gs.World.build(scenario({"name": "choco_sgd", "gamma": 0.1, "a": 50.0})).constants
    assert [c["top"] / (c["bottom"] + c["slope"] * t) for t in (0, 50)] == pytest.approx([4 / 0.5 / 50, 4 / 0.5 / 100])
    assert gs.World.build(scenario("choco_sgd")).constants["bottom"] >= 16 * 4


def test_what_does_not_mix_is_refused():
    s = scenario("choco_gossip", topology={"name": "cycle", "n": 6}, mixing="metropolis")
    with pytest.raises(gs.Refused, match="mixing"):
        gs.World.build(s)
    assert gs.World.build(s.replace({"method": {"name": "choco_gossip", "gamma": 0.2}}))


# -- BEER and MoTEF ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressor", ["top_k", "qsgd"])
@pytest.mark.parametrize("method", [{"name": "beer", "gamma": 0.1, "eta": 0.02}, {"name": "motef", "lam": 0.2}])
def test_beer_and_motef_keep_their_means(simulate, method, compressor):
    s = scenario(method, COMPRESSORS[compressor], sampling={"noise": 0.3})
    before, after = (simulate(s.replace({"run.rounds": rounds})).final for rounds in (29, 30))
    np.testing.assert_allclose(after["v"].mean(axis=0), after["m"].mean(axis=0), rtol=0, atol=1e-13)
    eta = gs.World.build(s).constants["eta"]
    moved = before["x"].mean(axis=0) - eta * after["v"].mean(axis=0)
    np.testing.assert_allclose(after["x"].mean(axis=0), moved, rtol=0, atol=1e-14)


def test_motef_with_full_weight_is_beer(simulate):
    steps = {"gamma": 0.1, "eta": 0.02}
    a, b = (
        simulate(scenario(m | steps, {"name": "top_k", "k": 2}))
        for m in ({"name": "beer"}, {"name": "motef", "lam": 1.0})
    )
    assert a.final["x"].tobytes() == b.final["x"].tobytes()


# -- EF21 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ef21", "ef21_w", "ef21_sgd", {"name": "ef21_pp", "p": 1.0}])
def test_ef21_without_compression_is_gradient_descent(simulate, method):
    s = scenario(method, rounds=12)
    world = gs.World.build(s)
    x, step = world.start_rows()["x"][0], world.constants["gamma"]
    assert step == pytest.approx(1 / np.linalg.eigvalsh(world.objective.problem.hessian(world.objective, x))[-1])
    for _ in range(12):
        x = x - step * world.objective.gradient(x)
    np.testing.assert_allclose(simulate(s).final["x"], np.tile(x, (6, 1)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("compressor", ["top_k", "natural", "scaled_sign"])
@pytest.mark.parametrize("method", ["ef21", "ef21_w", "ef21_sgd", "ef21_pp"])
def test_the_server_of_ef21_knows_the_mean(simulate, method, compressor):
    s = scenario(method, COMPRESSORS[compressor], sampling={"noise": 0.1})
    final, L = simulate(s).final, gs.World.build(s).objective.L_i
    w = L / L.sum() if method == "ef21_w" else np.full(5, 0.2)
    np.testing.assert_allclose(final["g"][0], w @ final["g"][1:], rtol=0, atol=1e-14)
    assert (final["x"] == final["x"][0]).all()


def test_ef21_learns_the_gradients(simulate):
    s = scenario("ef21", {"name": "top_k", "k": 1}, rounds=400)
    final, f = simulate(s).final, gs.World.build(s).objective
    assert np.abs(final["g"][1:] - f.local_gradients(f.optimum.x)).max() < 1e-6


@pytest.fixture
def graded(tmp_path):
    """Four clients whose weights n w_i are powers of two, so that weighting rounds nothing."""
    rng = np.random.default_rng(5)
    H = np.array([0.5, 0.5, 1.0, 2.0])[:, None, None] * np.eye(6)
    np.savez(tmp_path / "graded.npz", H=H, b=rng.standard_normal((4, 6)))
    return {
        "topology": {"name": "star", "n": 5},
        "problem": {"name": "quadratic", "file": str(tmp_path / "graded.npz")},
    }


@pytest.mark.parametrize("compressor", ["top_k", "scaled_sign", "random_k", {"name": "low_rank", "rank": 1}])
def test_ef21_w_is_ef21_when_the_compressor_is_homogeneous(simulate, graded, compressor):
    compressor = COMPRESSORS.get(compressor) if isinstance(compressor, str) else compressor
    assert Compressor.parse(compressor).homogeneous
    a, b = (
        simulate(scenario({"name": m, "gamma": 0.2}, compressor, rounds=60, **graded)).final for m in ("ef21", "ef21_w")
    )
    assert a["x"].tobytes() == b["x"].tobytes()
    np.testing.assert_array_equal(a["g"][1:], np.array([0.5, 0.5, 1.0, 2.0])[:, None] * b["g"][1:])


def test_ef21_takes_the_steps_of_both_analyses():
    s = scenario("ef21", {"name": "top_k", "k": 1}, problem={"name": "isotropic_quadratic", "dim": 10})
    f = gs.World.build(s).objective
    alpha = 0.1
    xi = np.sqrt(1 - alpha) / (1 - np.sqrt(1 - alpha))
    for kind, mean in (("am", f.L_i.mean()), ("qm", np.sqrt((f.L_i**2).mean()))):
        step = gs.World.build(s.replace({"method.smoothness": kind})).constants["gamma"]
        assert step == pytest.approx(1 / (f.L_i.mean() + mean * xi), rel=1e-12)


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_ef21_pp_asks_who_takes_part(simulate, p):
    s = scenario({"name": "ef21_pp", "p": p, "gamma": 0.1}, {"name": "top_k", "k": 2}, rounds=200)
    trace = simulate(s)
    gradients = trace.columns["gradients"][-1]
    assert abs(gradients - 1000 * p) <= 4 * np.sqrt(1000 * p * (1 - p))
    assert trace.columns["messages"][-1] == gradients + 1000
    if p == 1.0:
        same = simulate(s.replace({"method": {"name": "ef21", "gamma": 0.1}}))
        assert same.final["x"].tobytes() == trace.final["x"].tobytes()


def test_ef21_pp_takes_the_step_of_its_theory():
    s = scenario({"name": "ef21_pp", "p": 0.5}, {"name": "top_k", "k": 3})
    world = gs.World.build(s)
    theta = 1 - np.sqrt(0.5)
    beta, rho = 0.5 / theta, theta / 2
    L, mean = world.facts.L_mean(), world.objective.L_i.mean()
    B = beta * 0.5 + (1 + 1 / rho) * 0.5
    assert world.constants["gamma"] == pytest.approx(1 / (L + mean * np.sqrt(B / (theta / 4))), rel=1e-12)
    with pytest.raises(gs.Refused, match="smaller rho"):
        gs.World.build(s.replace({"method.rho": 0.5}))


# -- EControl and EC-SGD ----------------------------------------------------------------------------------------------


class Watched(EControl):
    """EControl that also adds up its gradients."""

    node = EControl.node | {"seen": "vector"}

    @kernel
    def step(p, node, t, g):
        node.seen[:] = node.seen + g
        node.change[:] = g - node.h


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("eta", [0.05, 0.2])
def test_the_virtual_iterate_of_econtrol_is_sgd(simulate, compressor, eta):
    method = {"name": f"{__file__}:Watched", "eta": eta, "gamma": 0.02}
    s = scenario(method, COMPRESSORS[compressor], sampling={"noise": 1.0}, **STAR)
    final, start = simulate(s).final, gs.World.build(s).start_rows()["x"][0]
    virtual = final["x"][0] - 0.02 * final["e"][1:].mean(axis=0)
    np.testing.assert_allclose(virtual, start - 0.02 * final["seen"][1:].mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(final["h"][0], final["h"][1:].mean(axis=0), rtol=0, atol=1e-12)
    if compressor == "nothing":
        assert np.abs(final["e"]).max() < 1e-13


def test_econtrol_without_control_is_ef21(simulate):
    more = {"compressor": {"name": "top_k", "k": 2}, "sampling": {"noise": 0.5}}
    a = simulate(scenario({"name": "econtrol", "eta": 0.0, "gamma": 0.1}, **more)).final
    b = simulate(scenario({"name": "ef21_sgd", "gamma": 0.1}, **more)).final
    assert a["x"].tobytes() == b["x"].tobytes()
    assert a["h"].tobytes() == b["g"].tobytes()


class Frozen(EControl):
    """EControl with h_i held at zero on the clients."""

    @kernel
    def sent(p, node, link, t, msg):
        if node.hub > 0.0:
            msg[:] = node.x
            node.h[:] = 0.0 * node.h
        else:
            node.e[:] = node.e + node.change - msg


def test_econtrol_with_eta_one_and_a_frozen_estimate_is_ec_sgd(simulate):
    more = {"compressor": {"name": "top_k", "k": 2}, "sampling": {"noise": 0.5}}
    a = simulate(scenario({"name": f"{__file__}:Frozen", "eta": 1.0, "gamma": 0.05}, **STAR, **more)).final
    b = simulate(scenario({"name": "ec_sgd", "gamma": 0.05}, **more)).final
    np.testing.assert_allclose(a["x"], b["x"], rtol=0, atol=1e-13)
    np.testing.assert_allclose(a["e"], b["e"], rtol=0, atol=1e-12)


def test_messages_to_the_server_are_compressed_and_x_arrives_as_it_is(simulate):
    s = scenario("ef21", {"name": "top_k", "k": 2}, rounds=1)
    trace = simulate(s)
    assert trace.columns["messages"][-1] == 10
    assert (np.count_nonzero(trace.final["g"][1:], axis=1) == 2).all()
    assert np.count_nonzero(trace.final["x"][1]) == 6


@pytest.mark.parametrize("method", ["choco_gossip", "ef21", "econtrol", "ec_sgd"])
def test_an_unknown_contraction_is_refused_where_theory_needs_it(method, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from gossipsim.compressors import Compressor\nfrom gossipsim.kernels import kernel\n\n\n"
        "class Half(Compressor):\n    'Half.'\n\n    @kernel\n    def compress(c, draw, v, work):\n"
        "        v[0] = 0.0\n        return 1\n"
    )
    s = scenario(method, {"name": f"{tmp_path}/mine.py:Half"})
    with pytest.raises(gs.Refused, match="delta or omega"):
        gs.World.build(s)
