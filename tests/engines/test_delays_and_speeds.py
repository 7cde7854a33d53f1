"""Delays that belong to links and speeds that belong to nodes: the same in both engines, exact on small examples."""

import numpy as np
import pytest
from both_engines import assert_same, scenario

import gossipsim as gs
from gossipsim.engines.events import DELIVER, kind_and_place
from gossipsim.errors import Refused


@pytest.fixture
def matrix(tmp_path):
    """Directed times between nine places, in milliseconds."""
    times = np.random.default_rng(0).uniform(5.0, 60.0, (9, 9)).round(2)
    np.fill_diagonal(times, 0.0)
    np.savetxt(tmp_path / "ms.csv", times, delimiter=",", fmt="%g")
    return {"file": str(tmp_path / "ms.csv"), "time_unit": 100.0}


GAMMA = {"name": "gamma", "shape": 2.0, "scale": 0.05, "shift": 0.02}
SPEEDS = {
    "listed": {"speeds": [1.0, 0.1, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 0.5]},
    "drawn": {
        "speeds": {"name": "two_class", "share": 0.3, "slowdown": 5.0},
        "compute": {"name": "lognormal", "median": 0.8, "sigma": 0.5},
    },
}


@pytest.mark.parametrize(
    "wire", [{}, {"latency": GAMMA, "loss": 0.1, "exchange": "handshake"}], ids=["fixed", "random"]
)
@pytest.mark.parametrize(
    "method", ["gossip", *(pytest.param(m, marks=pytest.mark.slow) for m in ("dadao", "push_sum", "ad_psgd", "d_psgd"))]
)
def test_engines_agree_on_delays_of_links(method, wire, matrix):
    if wire and method in {"push_sum", "d_psgd"}:
        wire = {key: value for key, value in wire.items() if key != "exchange"}
    s = scenario(method, wire | {"delays": matrix}, {})
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.columns["messages"][-1] > 50
    assert_same(fast, plain)
    later = {"messages", "time"} if method == "d_psgd" else {"error"}
    ideal = gs.simulate(scenario(method, wire, {}))
    assert any(fast.columns[name].tobytes() != ideal.columns[name].tobytes() for name in later)


@pytest.mark.slow
@pytest.mark.parametrize("fleet", SPEEDS)
@pytest.mark.parametrize("method", ["dadao", "d_psgd", "a2cid2", "async_dsgd", "ad_psgd"])
def test_engines_agree_on_speeds_of_nodes(method, fleet):
    s = scenario(method, {}, SPEEDS[fleet])
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert_same(fast, plain)
    assert fast.meta["promise"] is None
    world = gs.World.build(s)
    assert world.speeds.min() < 1.0
    if method != "d_psgd":
        assert any("nodes of equal speed" in sentence for sentence in world.warnings)
        assert fast.columns["gradients"][-1] == pytest.approx(40 * world.rates_of["gradients"], rel=0.15)


@pytest.mark.parametrize("method", ["dadao", "ad_psgd", "d_psgd"])
def test_speeds_of_one_and_delays_of_zero_change_no_byte(method, tmp_path):
    path = tmp_path / "zero.csv"
    path.write_text("0 " * 9 + "\n" + ("0 " * 9 + "\n") * 8)
    wire = {"latency": GAMMA}
    plain = gs.World.build(scenario(method, wire, {})).events().block(0, 0.0)
    s = scenario(method, wire | {"delays": {"file": str(path), "time_unit": 1.0}}, {"speeds": [1.0] * 9})
    for a, b in zip(plain, gs.World.build(s).events().block(0, 0.0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_on_three_nodes_every_message_arrives_when_its_link_says(tmp_path):
    (tmp_path / "ms.csv").write_text("0,30,9\n50,0,20\n9,10,0\n")
    three = {"topology": {"name": "path", "n": 3}, "run": {"time": 9}}
    wire = {"delays": {"file": str(tmp_path / "ms.csv"), "time_unit": 1000.0}}
    there = {(0, 1): 0.03, (1, 0): 0.05, (1, 2): 0.02, (2, 1): 0.01}
    rings = gs.World.build(scenario("gossip", {}, {}, **three)).events().block(0, 0.0)

    atomic = gs.World.build(scenario("gossip", wire, {}, **three)).events().block(0, 0.0)
    last = rings.t + [max(there[i, j], there[j, i]) for i, j in zip(rings.i.tolist(), rings.j.tolist(), strict=True)]
    np.testing.assert_allclose(atomic.t, np.sort(last)[: len(atomic.t)], rtol=0, atol=1e-12)

    one_way = gs.World.build(scenario("push_sum", wire, {}, **three)).events().block(0, 0.0)
    kind = np.array([kind_and_place(int(j))[0] for j in one_way.j])
    arrives = [
        t + there[pair]
        for t, i, j in zip(rings.t.tolist(), rings.i.tolist(), rings.j.tolist(), strict=True)
        for pair in ((i, j), (j, i))
    ]
    got = one_way.t[kind == DELIVER]
    np.testing.assert_allclose(got, np.sort(arrives)[: len(got)], rtol=0, atol=1e-12)

    rounds = gs.World.build(scenario("d_psgd", wire | {"latency": 0.5}, {}, **three)).events().block(0, 0.0)
    np.testing.assert_allclose(np.diff(rounds.t, prepend=0.0), 1.0 + 0.5 + 0.05)


@pytest.mark.parametrize(
    ("method", "wire", "fleet", "words"),
    [
        ("mh_walk", {"delays": {"name": "euclidean", "speed": 1.0}}, {}, "does not know where the token is"),
        ("mh_walk", {}, {"speeds": {"nodes": [0], "speed": 0.1}}, "does not know where the token is"),
        ("gossip", {}, {"speeds": {"nodes": [0], "speed": 0.1}}, "fleet.speeds. has no place"),
        ("continuized", {"delays": {"name": "euclidean", "speed": 1.0}}, {}, "instantaneous exchanges"),
    ],
)
def test_what_cannot_depend_on_the_place_is_refused(method, wire, fleet, words):
    with pytest.raises(Refused, match=words):
        gs.World.build(scenario(method, wire, fleet))


def test_promises_count_in_time_or_are_not_made():
    def rate(method, fleet, wire=None):
        promise = gs.World.build(scenario(method, wire or {}, fleet)).promise
        return None if promise is None else promise.rate

    assert rate("dadao", {"compute": {"name": "exponential", "mean": 1.0}}) == rate("dadao", {})
    assert rate("dadao", {"compute": 1.0}) is None
    assert rate("dadao", {"speeds": {"nodes": [3], "speed": 2.0}}) is None
    assert rate("nids", {"compute": 3.0}, {"latency": 1.0}) == pytest.approx(rate("nids", {}) / 4)
    assert rate("nids", {"compute": {"name": "exponential", "mean": 1.0}}) is None
    assert rate("nids", {"speeds": {"nodes": [3], "speed": 0.1}}) == pytest.approx(rate("nids", {}) / 10)
