"""Pairing of first available neighbours: the queue against a plain one, its counts, and A2CiD2 on top of it."""

from collections import deque

import numpy as np
import pytest
from scipy.stats import poisson

import gossipsim as gs
from gossipsim.stream import Purpose, uniforms_of

GRAPHS = {
    "cycle": {"name": "cycle", "n": 8},
    "star": {"name": "star", "n": 6},
    "barbell": {"name": "barbell", "n": 8},
}


def scenario(graph="cycle", r=1.0, **more):
    return gs.Scenario.parse(
        {
            "seed": 11,
            "topology": GRAPHS[graph],
            "problem": {"name": "quadratic", "dim": 2},
            "method": {"name": "a2cid2", "pairing": "first_available", "exchanges": r, "lr": 0.0},
            "init": "normal",
            "run": {"time": 40},
            "record": {"points": 1, "metrics": ["consensus"]},
        }
        | more
    )


def plain_queue(world, r, end):
    """Exchanges (time, pair) until `end` when every computation takes one unit of time."""
    wanted = []
    for i in range(world.graph.n):
        for call in range(int(end)):
            count = int(poisson.ppf(drawn(world.seed, i, call), r))
            wanted += [(call + drawn(world.seed, i, call + (k << 32)), i) for k in range(1, count + 1)]
    queue, met = deque(), []
    adjacent = {frozenset(edge) for edge in world.graph.edges.tolist()}
    for t, i in sorted(wanted):
        other = next((j for j in queue if frozenset((i, j[0])) in adjacent), None)
        if other is None:
            mine = next((entry for entry in queue if entry[0] == i), None)
            if mine is None:
                queue.append([i, 1])
            else:
                mine[1] += 1
            continue
        queue.remove(other)
        other[1] -= 1
        if other[1]:
            queue.append(other)
        met.append((t, tuple(sorted((i, other[0])))))
    return met


def drawn(seed, i, number):
    """One uniform of node i, where the source asks for many at once."""
    return float(uniforms_of(seed, Purpose.PARTNER, np.array([i]), np.array([number]))[0, 0])


def exchanges(world, end):
    source, found, first, clock = world.events(), [], 0, 0.0
    while clock < end:
        block = source.block(first, clock)
        found += [(t, (i, j)) for t, i, j, _ in zip(*(c.tolist() for c in block), strict=True) if j >= 0 and t < end]
        first, clock = first + len(block.t), float(block.t[-1])
    return found


@pytest.mark.needs_compiler
@pytest.mark.parametrize("r", [0.4, 3.0])
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_exchanges_are_those_of_a_plain_queue(graph, r):
    world = gs.World.build(scenario(graph, r, fleet={"compute": 1.0}))
    got, want = exchanges(world, 20.0), plain_queue(world, r, 20.0)
    assert [pair for _, pair in got] == [pair for _, pair in want]
    np.testing.assert_allclose([t for t, _ in got], [t for t, _ in want], rtol=1e-15)


@pytest.mark.needs_compiler
def test_events_do_not_depend_on_how_they_are_asked_for():
    world = gs.World.build(scenario())
    source = world.events()
    whole = source.block(0, 0.0)
    second = source.block(len(whole.t), float(whole.t[-1]))
    again = source.block(5, float(whole.t[4]))
    for a, b, c, d in zip(whole, again, second, world.events().block(len(whole.t), 0.0), strict=True):
        np.testing.assert_array_equal(a[5:], b)
        np.testing.assert_array_equal(c, d)
    assert (np.diff(whole.t) >= 0).all()


@pytest.mark.slow
@pytest.mark.needs_compiler
@pytest.mark.parametrize("compute", [None, 1.0, {"name": "lognormal", "median": 0.5, "sigma": 1.0}])
def test_a_worker_wants_r_exchanges_per_gradient(compute):
    s = scenario("cycle", 2.0, run={"events": 40000}, **({} if compute is None else {"fleet": {"compute": compute}}))
    c = gs.simulate(s).columns
    assert c["activations"][-1] == pytest.approx(c["gradients"][-1], rel=0.02)


@pytest.mark.needs_compiler
def test_the_hub_of_a_star_is_in_every_exchange_and_meets_the_leaves_in_turn():
    pairs = [pair for _, pair in exchanges(gs.World.build(scenario("star")), 400.0)]
    leaves = [max(pair) for pair in pairs]
    assert all(min(pair) == 0 for pair in pairs)
    late = leaves[len(leaves) // 2 :]
    # all leaves wait by then, and the one that was served stands at the end
    assert all(len(set(late[k : k + 5])) == 5 for k in range(0, len(late) - 5, 5))


@pytest.mark.slow
@pytest.mark.needs_compiler
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("more", [{}, {"wire": {"latency": 0.2, "loss": 0.1}}])
def test_both_engines_agree_and_the_mean_is_kept(graph, more):
    s = scenario(graph, run={"time": 300}, **more)
    a, b = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    for name in a.final:
        assert a.final[name].tobytes() == b.final[name].tobytes()
    start = gs.World.build(s).start_rows()["x"].mean(axis=0)
    if not more:
        np.testing.assert_allclose(a.final["x"].mean(axis=0), start, atol=1e-14)
        assert a.columns["consensus"][-1] < 0.1 * a.columns["consensus"][0]


def test_nothing_is_promised_and_rates_that_differ_are_refused():
    assert gs.World.build(scenario()).promise is None
    rates = {"name": "degree", "total": 4.0}
    with pytest.raises(gs.Refused, match="only the total"):
        gs.World.build(scenario("star", rates=rates, topology={"name": "path", "n": 5}))
    assert (
        gs.World.build(scenario("cycle", rates=rates)).method.wishes(gs.World.build(scenario(rates=rates)).facts) == 1.0
    )
