"""Graphs that change: clocks tick for the graph of the moment only, in both engines alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import gossipsim as gs
from gossipsim.engines import events
from gossipsim.engines.events import Events
from gossipsim.scenario import Scenario
from gossipsim.world import World

GEOMETRIC = {"name": "random_geometric", "n": 10, "radius": 0.45, "seed": 1}
SCHEDULES = {
    "schedule": {"graphs": [{"name": "cycle", "n": 10}, {"name": "star", "n": 10}, {"name": "grid", "n": 10}]},
    "redrawn": {"graph": GEOMETRIC, "count": 6},
    "random_waypoint": {"n": 10, "radius": 0.4, "speed": 0.2, "count": 30},
    "edge_markov": {"graph": {"name": "complete", "n": 10}, "birth": 0.3, "death": 0.3, "count": 30},
    "matchings": {"graph": {"name": "complete", "n": 10}, "count": 30},
}
METHODS = (
    "gossip",
    *(
        pytest.param(m, marks=pytest.mark.slow)
        for m in ("d_psgd", "dadao", "a2cid2", "ad_psgd", "push_sum", "diging", "adom_plus")
    ),
)
NETWORK = {"wire": {"latency": {"name": "exponential", "mean": 0.2}, "loss": 0.1}}


def scenario(schedule: str, method: object = "gossip", every: float = 0.7, **more: object) -> dict[str, object]:
    """Return a short run on a graph that changes."""
    return {
        "topology": {"name": schedule, "every": every, **SCHEDULES[schedule]},
        "problem": {"name": "quadratic", "dim": 3, "L": 5.0},
        "method": method,
        "run": {"time": 12},
        "record": {"points": 6},
        **more,
    }


def taken(world: World, until: float) -> Events:
    """Return all events of a world before a time."""
    source, parts, first, clock = world.events(), [], 0, 0.0
    while clock < until:
        part = source.block(first, clock)
        parts.append(Events(*(column.copy() for column in part)))
        first, clock = first + len(part.t), float(part.t[-1])
    found = Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return found.part(0, int(np.searchsorted(found.t, until)))


def world(*args: object, **more: object) -> World:
    """Build the world of `scenario`."""
    return World.build(Scenario.parse(scenario(*args, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize("network", [{}, NETWORK], ids=["ideal", "network"])
@pytest.mark.parametrize("method", METHODS)
def test_engines_agree(method: str, network: dict[str, object]) -> None:
    given = scenario("redrawn", method, **network)
    one, other = (gs.simulate(given, engine=engine) for engine in ("compiled", "processes"))
    assert one.frame().equals(other.frame())
    assert all(one.final[name].tobytes() == other.final[name].tobytes() for name in one.final)


@pytest.mark.parametrize(
    "schedule", [pytest.param(name, marks=pytest.mark.slow if name == "matchings" else ()) for name in SCHEDULES]
)
def test_engines_agree_on_every_schedule(schedule: str) -> None:
    given = scenario(schedule, "d_psgd" if schedule == "matchings" else "gossip")
    one, other = (gs.simulate(given, engine=engine) for engine in ("compiled", "processes"))
    assert one.frame().equals(other.frame())


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("compute", [None, {"name": "lognormal", "median": 1.0, "sigma": 0.5}])
def test_exchanges_use_edges_that_are_there(schedule: str, compute: object) -> None:
    given = {} if compute is None else {"fleet": {"compute": compute}}
    built = world(schedule, "async_dsgd", **given)
    found = taken(built, 200.0)
    epochs = built.changing.epochs  # type: ignore[union-attr]
    exchanges = found.j >= 0
    assert exchanges.sum() > 500
    assert epochs.active[epochs.number(found.t[exchanges]), found.edge[exchanges]].all()
    assert (np.diff(found.t) >= 0).all()


@pytest.mark.parametrize("method", ["gossip", "ad_psgd", "d_psgd"])
def test_events_do_not_depend_on_blocks(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = taken(world("redrawn", method), 40.0)
    monkeypatch.setattr(events, "BLOCK", 7)
    for column, other in zip(whole, taken(world("redrawn", method), 40.0), strict=True):
        assert column.tobytes() == other.tobytes()


def test_clocks_are_poisson_across_epochs() -> None:
    """In the time that the rates of the moment measure, the gaps are exponential and independent of the epochs."""
    graphs = [{"name": "cycle", "n": 10}, {"name": "complete", "n": 10}]
    given = scenario("schedule", "gossip") | {"topology": {"name": "schedule", "every": 0.31, "graphs": graphs}}
    built = World.build(Scenario.parse(given))
    found = taken(built, 2000.0)
    gaps = np.diff(found.t, prepend=0.0) * 5.0
    assert stats.kstest(gaps, "expon").pvalue > 1e-3
    assert stats.kstest(found.t % 0.31 / 0.31, "uniform").pvalue > 1e-3
    late = found.t % 0.62 >= 0.31
    counts = np.bincount(found.edge[late], minlength=45)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_rounds_follow_the_matrices() -> None:
    """D-PSGD: x <- W_g x - lr grad f(x), with g the graph in force when the round begins."""
    given = scenario("schedule", {"name": "d_psgd", "lr": 0.1, "order": "combine_then_adapt"}, every=2.5)
    trace = gs.simulate(given, engine="compiled")
    built = World.build(Scenario.parse(given))
    changing, objective, n = built.changing, built.objective, built.graph.n
    x = np.zeros((n, 3))
    for k in range(int(trace.frame().gradients.iloc[-1]) // n):
        g = int(k // 2.5) % 3
        W = np.eye(n) - built.graph.laplacian(changing.weights[g]).toarray()  # type: ignore[union-attr]
        x = W @ x - 0.1 * objective.local_gradients(x)
    assert np.abs(x - trace.final["x"]).max() < 1e-12


def test_a_late_divergence_is_found_on_the_right_graph() -> None:
    given = scenario("redrawn", {"name": "d_psgd", "lr": 3.0}) | {"run": {"time": 20000}}
    one, other = (gs.simulate(given, engine=engine) for engine in ("compiled", "processes"))
    assert one.status == other.status == "diverged"
    assert one.meta["diverged"] == other.meta["diverged"]
