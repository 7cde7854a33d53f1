"""Messages that take time, wait and get lost, nodes that come and go: the same in both engines, and as queueing theory says."""

from itertools import islice

import numpy as np
import pytest
from both_engines import assert_same, scenario

import gossipsim as gs
from gossipsim.churn import Churn, Presence
from gossipsim.engines import events
from gossipsim.engines.events import APPLY, BACK, SPEAK, kind_and_place
from gossipsim.errors import Refused, ScenarioError
from gossipsim.loss import Loss

BURSTS = {"name": "gilbert_elliott", "to_bad": 0.1, "to_good": 0.3}
SOON, LATE = {"name": "exponential", "mean": 20.0}, {"name": "weibull", "scale": 5.0, "shape": 0.7}
WIRES = {
    "slow": {"latency": {"name": "exponential", "mean": 0.2}},
    "lossy": {"loss": 0.2},
    "narrow": {"latency": 0.3, "loss": BURSTS, "bandwidth": 500.0, "uplink": 800.0},
}
FLEETS = {
    "steady": {},
    "kept": {"churn": {"up": SOON, "down": LATE}},
    "lost": {"churn": {"up": SOON, "down": LATE, "state": "lost"}},
    "failing": {
        "churn": {"up": SOON, "down": LATE, "state": "neighbour"},
        "failures": [{"time": 10.0, "nodes": "hubs", "share": 0.2, "until": 30.0}, {"time": 20.0, "nodes": [3]}],
    },
}


@pytest.mark.parametrize("exchange", ["atomic", "handshake"])
@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "method", ["gossip", *(pytest.param(m, marks=pytest.mark.slow) for m in ("dadao", "push_sum", "ad_psgd", "d_psgd"))]
)
def test_engines_agree_to_the_byte(method, wire, fleet, exchange):
    if exchange == "handshake" and method in {"push_sum", "d_psgd"}:
        pytest.skip("has no pairwise exchange")
    s = scenario(method, WIRES[wire] | {"exchange": exchange}, FLEETS[fleet])
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.columns["messages"][-1] > 100
    assert (fast.columns["lost"][-1] > 0) == (fleet != "steady" or wire != "slow")
    assert_same(fast, plain)


def suits(s):
    """Return why a world cannot be built, or None."""
    try:
        gs.World.build(s)
    except Refused as reason:
        return str(reason)
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    ["a2cid2", "continuized_gossip", "continuized", "extra", "choco_sgd", "sgp", "adom_plus", "ef21", "mh_walk"],
)
def test_other_methods_agree_or_decline(method):
    world = {"topology": {"name": "star", "n": 6}} if method.startswith(("ef21", "ec")) else {}
    s = scenario(method, WIRES["lossy"], FLEETS["kept"], **world)
    refusal = suits(s)
    if refusal is not None:
        with pytest.raises(Refused, match=method):
            gs.simulate(s)
        return
    fast = gs.simulate(s, engine="compiled")
    assert_same(fast, gs.simulate(s, engine="processes"))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["d_psgd", "extra", "msda"])
@pytest.mark.parametrize("wire", ["narrow", "lossy"])
def test_rounds_are_rounds_also_when_nodes_come_and_go(method, wire):
    problem = (
        {"name": "quadratic", "dim": 3} if method == "msda" else {"name": "linear_regression", "synthetic": {"dim": 3}}
    )
    more = {"problem": problem, "run": {"rounds": 57}, "record": {"points": 19}}
    s = scenario(method, WIRES[wire], FLEETS["failing"], **more)
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert_same(fast, plain)
    assert fast.meta["events"] > 57, "absences are no rounds"
    rounds = (t for t, _, j, _ in events.Tape(gs.World.build(s).events()) if j == events.ROUND)
    rings = list(islice(rounds, 57))
    np.testing.assert_array_equal(fast.columns["time"], [0.0, *rings[2::3]])


NARROW = {"bandwidth": 100.0, "uplink": 300.0, "latency": {"name": "uniform", "low": 0.0, "high": 0.2}}


@pytest.mark.slow
@pytest.mark.parametrize("fleet", ["steady", "kept"])
def test_compressed_messages_pass_narrow_links_sooner(fleet):
    s = scenario({"name": "choco_gossip", "gamma": 0.2}, NARROW, FLEETS[fleet], compressor={"name": "top_k", "k": 1})
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert_same(fast, plain)
    whole = gs.simulate(s.replace({"compressor": "identity"}))
    messages = {name: trace.columns["messages"][-1] for name, trace in (("short", fast), ("whole", whole))}
    assert messages["short"] > messages["whole"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "n", "compressor", "transfer"),
    [
        ("choco_gossip", 9, {"name": "top_k", "k": 2}, 4 * 2 * 34 / 300 + 2 * 34 / 100),
        ("choco_gossip", 9, {"name": "qsgd", "levels": 1}, 4 * 38 / 300 + 38 / 100),
        ("ef21", 5, {"name": "top_k", "k": 1}, 4 * 96 / 300 + 96 / 100),  # its server compresses nothing
    ],
)
def test_a_round_takes_as_long_as_its_messages_have_bits(method, n, compressor, transfer):
    world = {"topology": {"name": "star" if method == "ef21" else "grid", "n": n}, "compressor": compressor}
    wire = {"bandwidth": 100.0, "uplink": 300.0}
    s = scenario(method, wire, {}, **world, run={"rounds": 4}, record={"points": 4})
    turns = gs.World.build(s).turns
    np.testing.assert_allclose(np.diff(gs.simulate(s).columns["time"]), 1.0 + turns * transfer)


MINE = """
from gossipsim import Method
from gossipsim.kernels import kernel


class Mine(Method):
    compressible, solves = True, "average"

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = 0.5 * (node.x + inbox[0])
"""


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["atomic", "handshake"])
def test_exchanges_of_compressed_messages_queue_and_count_by_their_size(tmp_path, exchange):
    (tmp_path / "mine.py").write_text(MINE)
    wire = WIRES["narrow"] | {"exchange": exchange}
    s = scenario(f"{tmp_path}/mine.py:Mine", wire, FLEETS["kept"], compressor={"name": "top_k", "k": 1})
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert_same(fast, plain)
    if exchange == "atomic":
        np.testing.assert_array_equal(fast.columns["bits"], 34 * fast.columns["messages"])


def test_messages_of_unknown_size_need_links_without_a_bandwidth():
    bernoulli = {"compressor": {"name": "bernoulli", "p": 0.5}}
    method = {"name": "choco_gossip", "gamma": 0.2}
    for wire in ({"bandwidth": 100.0}, {"uplink": 100.0}):
        refusal = suits(scenario(method, wire, {}, **bernoulli))
        assert refusal is not None
        assert "compressor bernoulli makes messages of varying size" in refusal
    assert suits(scenario(method, {"service": 0.3}, {}, **bernoulli)) is None


@pytest.mark.parametrize("method", ["gossip", pytest.param("d_psgd", marks=pytest.mark.slow)])
def test_a_network_does_not_depend_on_the_size_of_blocks(method, monkeypatch):
    s = scenario(method, WIRES["narrow"] | {"exchange": "handshake"}, FLEETS["kept"])
    whole = gs.simulate(s)
    monkeypatch.setattr(events, "BLOCK", 13)
    assert_same(whole, gs.simulate(s))


def test_a_mean_survives_losses_delays_and_absences():
    s = scenario("gossip", WIRES["narrow"] | {"exchange": "handshake"}, FLEETS["kept"], run={"time": 2000})
    trace = gs.simulate(s)
    ideal = gs.simulate(scenario("gossip", {}, {}))
    np.testing.assert_allclose(trace.final["x"].mean(axis=0), ideal.final["x"].mean(axis=0), atol=1e-13)
    assert trace.columns["error"][-1] < 1e-20


@pytest.mark.parametrize(
    ("wire", "wait"),
    [
        ({"bandwidth": 640.0}, 0.6 * 0.1 / (2 * 0.4)),
        ({"service": {"name": "exponential", "mean": 0.1}}, 0.6 * 0.1 / 0.4),
    ],
    ids=["M/D/1", "M/M/1"],
)
def test_links_are_the_queues_of_the_books(wire, wait):
    s = gs.Scenario.parse(
        {
            "seed": 3,
            "topology": {"name": "cycle", "n": 10},
            "problem": {"name": "quadratic", "dim": 2},
            "method": "gossip",
            "rates": {"name": "uniform", "total": 60.0},
            "wire": wire,
            "run": {"time": 6000},
            "record": {"points": 1, "metrics": ["error"]},
        }
    )
    network = gs.simulate(s).meta["network"]
    assert network["link_utilisation"] == pytest.approx(0.6, rel=0.01)
    assert network["link_mean_wait"] == pytest.approx(wait, rel=0.04)


def test_nodes_are_present_as_often_as_their_laws_say():
    churn = Churn.parse({"up": {"name": "exponential", "mean": 8.0}, "down": {"name": "exponential", "mean": 2.0}})
    n, end = 400, 500.0
    presence = Presence(n, churn.on(gs.Graph.build("cycle", n=n), seed=7))
    here = presence.present.copy()
    since, total = np.zeros(n), np.zeros(n)
    changes = presence.until(end)
    assert (np.diff(changes.t) >= 0).all()
    for t, i, back, _ in zip(*changes, strict=True):
        total[i] += (t - since[i]) * here[i]
        assert back != here[i]
        here[i], since[i] = back, t
    total += (end - since) * here
    share = total / end
    assert abs(share.mean() - churn.availability) < 4 * share.std() / np.sqrt(n)


def test_bursts_lose_as_many_messages_as_their_chain_says():
    loss = Loss.parse(BURSTS)
    s = scenario("gossip", {"loss": BURSTS}, {}, run={"time": 4000})
    trace = gs.simulate(s)
    assert trace.columns["lost"][-1] / trace.columns["messages"][-1] == pytest.approx(loss.mean, rel=0.05)


def test_a_node_that_forgets_starts_again():
    fleet = {"failures": [{"time": 5.0, "nodes": [4], "until": 6.0, "state": "lost"}]}
    s = scenario("gossip", {}, fleet, rates={"name": "uniform", "total": 0.001}, run={"time": 7})
    trace = gs.simulate(s)
    np.testing.assert_array_equal(trace.final["x"][4], gs.World.build(s).start()[0]["x"][4])
    assert trace.final["at"][4] >= 6.0


def test_hubs_fail_first():
    s = scenario("gossip", {}, {"failures": [{"time": 5.0, "nodes": "hubs", "share": 0.1}]})
    block = gs.World.build(s).events().block(0, 0.0)
    gone = [int(i) for i, j in zip(block.i, block.j, strict=True) if kind_and_place(int(min(j, -1)))[0] == BACK - 1]
    assert gone == [4]


def test_a_message_speaks_before_it_is_applied():
    s = scenario("gossip", {"latency": 0.1, "exchange": "handshake"}, {})
    block = gs.World.build(s).events().block(0, 0.0)
    said = set()
    for j in block.j:
        kind, place = kind_and_place(int(j)) if j < 0 else (0, 0)
        if kind == SPEAK:
            said.add(place)
        if kind == APPLY:
            assert {place, place ^ 1} <= said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wire": {"loss": 1.5}}, "wire.loss"),
        ({"wire": {"loss": {"name": "gilbert_elliott", "to_bad": 0.0, "to_good": 0.0}}}, "never moves"),
        ({"wire": {"exchange": "swap"}}, "atomic"),
        ({"wire": {"bandwidth": 1.0, "service": 2.0}}, "the one or the other"),
        ({"wire": {"latency": -1.0}}, "wire.latency"),
        ({"fleet": {"churn": {"up": 0.0, "down": 1.0}}}, "fleet.churn.up"),
        ({"fleet": {"failures": [{"time": 1.0, "nodes": "hubs"}]}}, "share"),
        ({"fleet": {"failures": [{"time": 1.0, "nodes": [99]}]}}, "node 99"),
        ({"fleet": {"failures": [{"time": 2.0, "nodes": [0], "until": 1.0}]}}, "until"),
    ],
)
def test_bad_networks_are_refused_in_one_sentence(changes, words):
    with pytest.raises(ScenarioError, match=words) as fault:
        gs.simulate(scenario("gossip", **({"wire": {}, "fleet": {}} | changes)))
    assert "\n" not in str(fault.value)
