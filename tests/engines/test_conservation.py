"""Sums over the nodes, over random networks with delays, losses, bursts, reordering and nodes that come and go."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gossipsim as gs
from gossipsim.engines import events
from gossipsim.engines.compiled import Compiled
from gossipsim.engines.events import APPLY, DELIVER, SPEAK, Limits, kind_and_place

GRAPHS = [
    {"name": "cycle", "n": 7},
    {"name": "star", "n": 6},
    {"name": "grid", "n": 9},
    {"name": "complete", "n": 5},
    {"name": "erdos_renyi", "n": 10, "p": 0.5, "connect": True},
]
UP, DOWN = ([{"name": "exponential", "mean": mean} for mean in means] for means in ((2.0, 10.0), (0.3, 2.0)))

latencies = st.one_of(
    st.just(0.0),
    st.floats(0.01, 0.3),
    st.builds(lambda mean: {"name": "exponential", "mean": mean}, st.floats(0.01, 0.5)),
    st.builds(lambda alpha: {"name": "pareto", "scale": 0.02, "alpha": alpha}, st.floats(1.1, 3.0)),
)
losses = st.one_of(
    st.floats(0.0, 0.5),
    st.builds(
        lambda to_bad, to_good: {"name": "gilbert_elliott", "to_bad": to_bad, "to_good": to_good, "lost_in_good": 0.05},
        st.floats(0.01, 0.5),
        st.floats(0.1, 0.9),
    ),
)
fleets = st.one_of(
    st.just({}),
    st.builds(lambda up, down: {"churn": {"up": up, "down": down}}, st.sampled_from(UP), st.sampled_from(DOWN)),
    st.builds(lambda until: {"failures": [{"time": 1.0, "nodes": [0, 2], "until": until}]}, st.floats(1.5, 10.0)),
)
seeds = st.integers(0, 2**32)
exchanges = st.sampled_from(["atomic", "handshake"])


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Draw no more of a network than a run of some hundred events looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "BLOCK", 256)
        yield


def engine_of(method, topology, seed, wire, fleet, **more):
    scenario = {
        "seed": seed,
        "topology": topology,
        "problem": {"name": "quadratic", "dim": 3, "L": 3.0},
        "method": method,
        "init": "normal",
        "wire": wire,
        "fleet": fleet,
        "run": {"time": 1.0e9},
    }
    return Compiled(gs.World.build(gs.Scenario.parse(scenario | more)))


def walk(engine):
    """Yield the kind and the place of every event, before it happens, and its number."""
    source, taken, clock = engine.world.events(), 0, 0.0
    while len((block := source.block(taken, clock)).t):
        clock = float(block.t[-1])
        for j in block.j.tolist():
            yield *(kind_and_place(j) if j < 0 else (0, 0)), taken
            taken += 1


def settle(engine, count):
    """Run for some events, and on until no exchange is applied at one end only."""
    half_done = set()
    for kind, place, number in walk(engine):
        if kind == APPLY:
            half_done ^= {place // 2}
        if number >= count and not half_done:
            engine.advance(Limits(events=number + 1))
            return engine.state.nodes
        assume(number < 10 * count)
    raise AssertionError("the network fell silent")


@given(st.sampled_from(GRAPHS), seeds, latencies, losses, fleets, exchanges)
@settings(max_examples=15, deadline=None)
def test_averaging_keeps_the_sum(topology, seed, latency, loss, fleet, exchange):
    engine = engine_of("gossip", topology, seed, {"latency": latency, "loss": loss, "exchange": exchange}, fleet)
    before = engine.state.nodes.x.sum(axis=0)
    np.testing.assert_allclose(settle(engine, 300).x.sum(axis=0), before, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", [{"name": "ad_psgd", "lr": 0.0}, {"name": "async_dsgd", "lr": 0.0}], ids=str)
@given(st.sampled_from(GRAPHS), seeds, latencies, losses, fleets, exchanges)
@settings(max_examples=25, deadline=None)
def test_learning_without_steps_keeps_the_sum(method, topology, seed, latency, loss, fleet, exchange):
    engine = engine_of(method, topology, seed, {"latency": latency, "loss": loss, "exchange": exchange}, fleet)
    before = engine.state.nodes.x.sum(axis=0)
    np.testing.assert_allclose(settle(engine, 300).x.sum(axis=0), before, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["continuized_gossip", {"name": "a2cid2", "lr": 0.0}], ids=str)
@given(st.sampled_from(GRAPHS), seeds, latencies, losses, fleets, exchanges)
@settings(max_examples=25, deadline=None)
def test_momentum_keeps_the_sum_of_both_vectors_and_atomic_exchanges_keep_each(
    method, topology, seed, latency, loss, fleet, exchange
):
    """The flow moves x and x_tilde towards each other: their sum at a node does not depend on when it is looked at."""
    engine = engine_of(method, topology, seed, {"latency": latency, "loss": loss, "exchange": exchange}, fleet)
    nodes = engine.state.nodes
    before = nodes.x.sum(axis=0)
    np.testing.assert_allclose((nodes.x + nodes.x_tilde).sum(axis=0), 2.0 * before, atol=1e-12)
    nodes = settle(engine, 300)
    scale = 1.0 + np.abs(nodes.x).max() + np.abs(nodes.x_tilde).max()
    np.testing.assert_allclose((nodes.x + nodes.x_tilde).sum(axis=0), 2.0 * before, atol=1e-12 * scale)
    if exchange == "atomic":
        now = engine.measure(float(nodes["at"].max()), np.zeros(3))[0].sum(axis=0)
        np.testing.assert_allclose(now, before, atol=1e-12 * scale)


@pytest.mark.slow
@given(st.sampled_from(GRAPHS), seeds, latencies, losses, fleets)
@settings(max_examples=15, deadline=None)
def test_every_mass_of_push_sum_is_at_a_node_or_under_way_or_was_in_a_lost_message(
    topology, seed, latency, loss, fleet
):
    wire = {"latency": latency, "loss": loss if loss != 0.0 else 0.1}
    engine = engine_of("push_sum", topology, seed, wire, fleet)
    before, n = engine.state.nodes.x.sum(axis=0), len(engine.state.nodes)
    written: dict[int, tuple[float, np.ndarray]] = {}
    lost_w, lost_x = 0.0, np.zeros(3)
    for kind, place, number in walk(engine):
        engine.advance(Limits(events=number + 1))
        if kind == SPEAK:
            # a place is given to another message when the first one has arrived, or has been lost
            w, x = written.pop(place, (0.0, np.zeros(3)))
            lost_w, lost_x = lost_w + w, lost_x + x
            if engine.binding.said[place]:
                letter = engine.binding.letters[place]
                written[place] = float(letter["w"]), letter["x"].copy()
        elif kind == DELIVER:
            written.pop(place, None)
        if number == 300:
            break
    nodes = engine.state.nodes
    w = nodes["w"].sum() + lost_w + sum(w for w, _ in written.values())
    x = nodes.x.sum(axis=0) + lost_x + sum((x for _, x in written.values()), np.zeros(3))
    assert w == pytest.approx(n, abs=1e-12)
    np.testing.assert_allclose(x, before, atol=1e-12)


@pytest.mark.slow
@given(st.sampled_from(GRAPHS), seeds, latencies)
@settings(max_examples=15, deadline=None)
def test_push_sum_without_losses_has_all_its_mass_at_nodes_when_nothing_is_under_way(topology, seed, latency):
    engine = engine_of("push_sum", topology, seed, {"latency": latency}, {}, rates={"name": "uniform", "total": 0.5})
    under_way = 0
    for kind, _, number in walk(engine):
        under_way += (kind == SPEAK) - (kind == DELIVER)
        if number >= 100 and under_way == 0:
            engine.advance(Limits(events=number + 1))
            break
    assert engine.state.nodes["w"].sum() == pytest.approx(len(engine.state.nodes), abs=1e-12)
