"""Laws of graphs that change: who is there when, and what theory is told."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gossipsim as gs
from gossipsim.epochs import Epochs
from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.scenario import Scenario
from gossipsim.topologies import Topology
from gossipsim.world import World

GEOMETRIC = {"name": "random_geometric", "n": 12, "radius": 0.4, "seed": 3}


def world(topology: dict[str, object], method: object = "dadao", **more: object) -> World:
    """Build a world on a graph that changes."""
    problem = {"name": "quadratic", "dim": 2}
    return World.build(
        Scenario.parse({"topology": topology, "problem": problem, "method": method, "run": {"time": 5}, **more})
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 4), st.booleans()
)
def test_the_union_holds_what_its_parts_hold(pairs: list[tuple[int, int]], count: int, repeat: bool) -> None:
    edges = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]}) or [(0, 1)]
    parts = [Graph.from_edges(edges[k::count] or edges[:1], n=6) for k in range(count)]
    union, epochs = Epochs.of(parts, 0.5, repeat=repeat)
    assert sorted(map(tuple, union.edges.tolist())) == sorted({tuple(e) for part in parts for e in part.edges.tolist()})
    for k, part in enumerate(parts):
        assert sorted(epochs.part(union, k).edges.tolist()) == sorted(part.edges.tolist())
        assert epochs.spread(k, np.ones(part.m)).sum() == part.m
    times = np.arange(0.0, 6.0, 0.25)
    expected = [int(t // 0.5) % count if repeat else min(int(t // 0.5), count - 1) for t in times]
    assert epochs.number(times).tolist() == expected
    assert [epochs.graph_of(epochs.epoch(t)) for t in times] == expected


def test_theory_is_told_the_worst_case() -> None:
    built = world({"name": "redrawn", "graph": GEOMETRIC, "count": 5, "every": 1.0})
    changing, facts = built.changing, built.facts
    assert changing is not None
    assert changing.rates is not None
    found = [
        gs.spectrum(graph, rates[here])
        for graph, rates, here in zip(changing.graphs, changing.rates, changing.epochs.active, strict=True)
    ]
    assert facts.chi_1 == max(s.chi_1 for s in found)
    assert facts.chi_2 == max(s.chi_2 for s in found)
    assert facts.chi_1 * facts.chi_2 == pytest.approx(0.5)
    assert np.allclose(changing.rates.sum(axis=1), facts.total_rate)
    assert built.promise is not None
    assert built.promise.met


def test_optimal_rates_are_chosen_on_every_graph() -> None:
    topology = {"name": "schedule", "every": 1.0, "graphs": [{"name": "barbell", "n": 8}, {"name": "star", "n": 8}]}
    built = world(topology, rates={"name": "optimal"})
    uniform = world(topology)
    assert built.changing is not None
    assert built.facts.total_rate < uniform.facts.total_rate
    alone = gs.optimal_rates(Graph.build("barbell", n=8)).rates
    mine = built.changing.rates[0][built.changing.epochs.active[0]]  # type: ignore[index]
    assert np.allclose(mine / mine.sum(), alone / alone.sum(), atol=1e-6)


def test_edges_come_and_go_as_chains() -> None:
    """Stationary density birth / (birth + death), a lifetime of 1 / death epochs."""
    topology = {
        "name": "edge_markov",
        "every": 1.0,
        "graph": {"name": "complete", "n": 30},
        "birth": 0.1,
        "death": 0.25,
        "count": 400,
    }
    active = Topology.parse(topology).epochs().active  # type: ignore[union-attr]
    assert abs(active.mean() - 0.1 / 0.35) < 0.01
    leaves = (active[:-1] & ~active[1:]).sum() / active[:-1].sum()
    assert abs(leaves - 0.25) < 0.01


def test_walkers_keep_their_speed_and_pause() -> None:
    topology = {
        "name": "random_waypoint",
        "n": 40,
        "radius": 0.3,
        "speed": 0.1,
        "pause": 2.0,
        "every": 0.5,
        "count": 300,
    }
    spots = Topology.parse(topology).epochs().positions  # type: ignore[union-attr]
    steps = np.linalg.norm(np.diff(spots, axis=0), axis=2)
    assert steps.max() <= 0.05 + 1e-12
    assert spots.min() >= 0.0
    assert spots.max() <= 1.0
    resting = (steps < 1e-12).mean()
    # a leg is 0.52 sides on average, 5.2 units of time, between pauses of 2
    assert 0.15 < resting < 0.4


def test_matchings_are_maximal() -> None:
    topology = {"name": "matchings", "every": 1.0, "graph": GEOMETRIC, "count": 20}
    base = Topology.parse(GEOMETRIC).build().to_networkx()
    kind = Topology.parse(topology)
    union, epochs = kind.build(), kind.epochs()
    for k in range(20):
        pairs = {tuple(edge) for edge in epochs.part(union, k).edges.tolist()}  # type: ignore[union-attr]
        assert nx.is_maximal_matching(base, pairs)


@pytest.mark.parametrize(
    ("topology", "told"),
    [
        ({"name": "schedule", "every": 1.0, "graphs": []}, "a list that is not empty"),
        ({"name": "schedule", "every": 0.0, "graphs": [GEOMETRIC]}, "topology.every"),
        (
            {"name": "schedule", "every": 1.0, "graphs": [{"name": "star", "n": 4}, {"name": "star", "n": 5}]},
            "4 and 5 nodes",
        ),
        ({"name": "redrawn", "every": 1.0, "graph": {"name": "star", "n": 4}}, "nothing is random in star"),
        ({"name": "edge_markov", "every": 1.0, "graph": GEOMETRIC, "birth": 0.0, "death": 0.1}, "never come back"),
        (
            {"name": "matchings", "every": 1.0, "graph": {"name": "redrawn", "every": 1.0, "graph": GEOMETRIC}},
            "stays the same",
        ),
    ],
)
def test_bad_schedules_are_named(topology: dict[str, object], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        world(topology)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("dadao", "graph 0 of the schedule is in"),
        ("ad_psgd", "needs a neighbour whenever a node ends"),
        ("extra", "neighbours that stay the same"),
        ("mh_walk", "neighbours that stay the same"),
    ],
)
def test_methods_decline_in_a_sentence(method: str, told: str) -> None:
    topology = {
        "name": "edge_markov",
        "every": 1.0,
        "graph": {"name": "complete", "n": 8},
        "birth": 0.05,
        "death": 0.4,
        "count": 40,
    }
    with pytest.raises(Refused, match=told):
        world(topology, method)


def test_methods_without_a_theorem_warn() -> None:
    topology = {"name": "redrawn", "graph": GEOMETRIC, "count": 3, "every": 1.0}
    built = world(topology, "a2cid2")
    assert built.promise is None
    assert built.warnings == ["a2cid2: nothing is promised on a graph that changes"]
