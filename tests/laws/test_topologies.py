"""Laws of the topologies."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.topologies import Topology
from gossipsim.topologies.erdos_renyi import _pair, _successes
from gossipsim.topologies.joining import join_by_switching, join_closest
from gossipsim.topologies.random_regular import _paired
from gossipsim.topologies.regular import unique

RANDOM = {
    "erdos_renyi": {"p": 0.05},
    "barabasi_albert": {"m": 2},
    "watts_strogatz": {"k": 2, "p": 0.5},
    "random_regular": {"degree": 2},
    "random_geometric": {"radius": 0.1},
}
PLAIN = ["star", "path", "cycle", "complete", "grid", "torus", "barbell", "lollipop", "binary_tree", "hypercube"]


def build(name, **keys):
    return Topology.parse({"name": name, **keys}).build()


def pairs(g):
    return sorted(tuple(sorted(edge)) for edge in g.edges)


@pytest.mark.parametrize("name", [*PLAIN, "exponential", *RANDOM])
@pytest.mark.parametrize("n", [4, 16, 64])
def test_every_topology_is_connected_sorted_and_repeatable(name, n):
    topology = Topology.parse({"name": name, "n": n, **RANDOM.get(name, {})})
    graph = topology.build()
    assert graph.n == n
    assert graph.is_connected
    assert np.array_equal(graph.edges, unique(graph.edges))
    assert np.array_equal(graph.edges, topology.build().edges)
    assert Topology.parse(topology.spec()) == topology


def test_named_graphs_agree_with_networkx():
    assert pairs(nx.star_graph(6)) == list(map(tuple, build("star", n=7).edges.tolist()))
    assert pairs(nx.cycle_graph(7)) == list(map(tuple, build("cycle", n=7).edges.tolist()))
    assert pairs(nx.barbell_graph(4, 0)) == list(map(tuple, build("barbell", n=8).edges.tolist()))
    assert pairs(nx.lollipop_graph(4, 5)) == list(map(tuple, build("lollipop", n=9).edges.tolist()))
    assert pairs(nx.lollipop_graph(3, 6)) == list(map(tuple, build("lollipop", n=9, clique=3).edges.tolist()))
    assert pairs(nx.balanced_tree(2, 3)) == list(map(tuple, build("binary_tree", n=15).edges.tolist()))
    for ours, theirs in [
        (build("grid", n=12), nx.grid_2d_graph(3, 4)),
        (build("grid", n=12, rows=2), nx.grid_2d_graph(2, 6)),
        (build("torus", n=12), nx.grid_2d_graph(3, 4, periodic=True)),
        (build("hypercube", n=16), nx.hypercube_graph(4)),
        (build("exponential", n=12), nx.circulant_graph(12, [1, 2, 4, 8])),
    ]:
        assert nx.is_isomorphic(ours.to_networkx(), theirs)


@pytest.mark.parametrize("name", ["star", "path", "complete", "grid", "torus", "lollipop", "hypercube", "exponential"])
def test_one_node(name):
    assert build(name, n=1).m == 0


@pytest.mark.parametrize(("name", "keys"), RANDOM.items())
def test_another_seed_is_another_graph(name, keys):
    first, second = (build(name, n=64, seed=seed, **keys) for seed in (1, 2))
    assert not np.array_equal(first.edges, second.edges)


@pytest.mark.parametrize("name", ["erdos_renyi", "watts_strogatz", "random_regular", "random_geometric"])
def test_connect_false_refuses_a_draw_in_pieces(name):
    keys = {**RANDOM[name], "n": 200, **({"p": 0.005} if name == "erdos_renyi" else {})}
    refused = 0
    for seed in range(6):
        topology = Topology.parse({"name": name, "seed": seed, "connect": False, **keys})
        if not topology.make().is_connected:
            refused += 1
            with pytest.raises(ScenarioError, match=r"has \d+ components: node \d+ cannot be reached from node 0"):
                topology.build()
        assert build(name, seed=seed, **keys).is_connected
    assert refused


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 40), st.integers(0, 39), st.integers(0, 10**6))
def test_random_regular_has_its_degree(n, degree, seed):
    degree = 2 + degree % (n - 2)
    degree -= degree * n % 2
    if degree < 2:
        return
    graph = build("random_regular", n=n, degree=degree, seed=seed)
    assert set(graph.degree.tolist()) == {degree}
    assert graph.is_connected


def test_random_regular_is_nearly_uniform():
    # the 70 labelled 2-regular graphs on 6 nodes: 60 hexagons and 10 pairs of triangles
    random = np.random.default_rng(5)
    hexagons = sum(Graph.from_edges(_paired(6, 2, random), 6).is_connected for _ in range(2000))
    assert abs(hexagons / 2000 - 6 / 7) < 0.09


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(3, 6), min_size=1, max_size=5), st.integers(0, 1000))
def test_switching_joins_and_keeps_degrees(sizes, seed):
    g = nx.disjoint_union_all([nx.cycle_graph(size) for size in sizes])
    n = g.number_of_nodes()
    edges = np.random.default_rng(seed).permutation(n)[np.array(g.edges)]
    graph = Graph.from_edges(join_by_switching(n, edges), n)
    assert graph.is_connected
    assert set(graph.degree.tolist()) == {2}


def test_geometric_agrees_with_all_distances_and_joins_the_closest_pairs():
    graph = build("random_geometric", n=80, radius=0.12, seed=3)
    distance = np.linalg.norm(graph.positions[:, None] - graph.positions[None], axis=2)
    near = {(i, j) for i in range(80) for j in range(i + 1, 80) if distance[i, j] <= 0.12}
    ours = set(map(tuple, graph.edges.tolist()))
    assert near <= ours
    piece = Graph.from_edges(np.array(sorted(near)), 80).component
    extra = ours - near
    assert len(extra) == piece.max() > 0
    for i, j in extra:
        a, b = piece == piece[i], piece == piece[j]
        assert abs(piece[i] - piece[j]) == 1
        assert distance[i, j] == distance[np.ix_(a, b)].min()


def test_joining_nothing_changes_nothing():
    edges = np.array([[0, 1]])
    assert join_closest(np.zeros((2, 2)), edges).tolist() == [[0, 1]]


def test_pairs_are_numbered_without_gap():
    every = _pair(np.arange(500 * 499 // 2))
    assert len(np.unique(every, axis=0)) == len(every)
    assert (every[:, 0] < every[:, 1]).all()
    assert every.max() == 499
    last = 10**7 * (10**7 - 1) // 2 - 1
    assert _pair(np.array([last, last - 10**7 + 2, last - 10**7 + 1])).tolist() == [
        [10**7 - 2, 10**7 - 1],
        [0, 10**7 - 1],
        [10**7 - 3, 10**7 - 2],
    ]


@pytest.mark.parametrize("p", [1e-17, 1e-4, 0.3, 1.0])
def test_successes_have_the_binomial_law(p):
    random = np.random.default_rng(2)
    trials, draws = 2000, 300
    found = [_successes(trials, p, random) for _ in range(draws)]
    assert all(len(np.unique(one)) == len(one) and (one < trials).all() for one in found)
    mean, spread = trials * p, math.sqrt(trials * p * (1 - p) / draws)
    assert abs(np.mean([len(one) for one in found]) - mean) <= 4 * spread + 1e-9


@pytest.mark.parametrize(
    ("spec", "key", "message"),
    [
        ({"name": "cycle", "n": 2}, ("n",), "at least 3"),
        ({"name": "cycle", "n": 0}, ("n",), "given 0"),
        ({"name": "cycle", "n": 16.0}, ("n",), "whole number"),
        ({"name": "cycle", "n": True}, ("n",), "whole number"),
        ({"name": "cycle"}, (), "missing key 'n'"),
        ({"name": "grid", "n": 13}, ("n",), "13 is prime.*12 or 14"),
        ({"name": "torus", "n": 5}, ("n",), "5 is prime"),
        ({"name": "grid", "n": 12, "rows": 5}, ("rows",), "5 rows do not divide 12.*3, 4, 6"),
        ({"name": "barbell", "n": 7}, ("n",), "even"),
        ({"name": "lollipop", "n": 7, "clique": 8}, ("clique",), "at most n = 7"),
        ({"name": "hypercube", "n": 12}, ("n",), "8 or 16"),
        ({"name": "complete", "n": 10**6}, (), r"5e\+11 edges"),
        ({"name": "barbell", "n": 10**6}, (), "edges"),
        ({"name": "lollipop", "n": 10**6}, (), "edges"),
        ({"name": "erdos_renyi", "n": 10**6, "p": 0.5}, (), "edges"),
        ({"name": "erdos_renyi", "n": 10, "p": 1.5}, ("p",), "1.5"),
        ({"name": "barabasi_albert", "n": 5, "m": 5}, ("m",), "less than n = 5"),
        ({"name": "barabasi_albert", "n": 10**7, "m": 10**5}, (), "edges"),
        ({"name": "watts_strogatz", "n": 9, "k": 3, "p": 0.1}, ("k",), "even number below n = 9"),
        ({"name": "random_regular", "n": 5, "degree": 3}, ("degree",), r"even n \* degree"),
        ({"name": "random_regular", "n": 5, "degree": 5}, ("degree",), "less than n = 5"),
        ({"name": "random_regular", "n": 6, "degree": 1}, ("degree",), "at least 2"),
        ({"name": "random_regular", "n": 10**7, "degree": 10**6}, (), "edges"),
        ({"name": "random_geometric", "n": 5, "radius": 0}, ("radius",), "given 0"),
        ({"name": "random_geometric", "n": 5, "radius": 0.3, "seed": -1}, ("seed",), "-1"),
        ({"edges": [[0, 1], [1, 1]]}, ("edges", 1), "to itself"),
        ({"edges": [[0, 1], [1, 2.5]]}, ("edges", 1, 1), "whole number"),
        ({"edges": [[0, 1, 2]]}, ("edges",), "shape"),
        ({"edges": [[0, 3]], "n": 3}, ("edges", 0), "outside"),
        ({"nme": "cycle"}, (), "did you mean 'name'"),
        ("cylce", ("name",), "did you mean 'cycle'"),
    ],
)
def test_bad_settings_are_refused_at_the_door(spec, key, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        Topology.parse(spec)
    assert caught.value.key == key


def test_too_near_a_crowd_is_refused_by_its_count():
    with pytest.raises(ScenarioError, match="edges"):
        build("random_geometric", n=20_000, radius=2.0)


def test_edges_in_pieces_are_refused():
    with pytest.raises(ScenarioError, match="2 components: node 2 cannot be reached from node 0"):
        Topology.parse({"edges": [[0, 1], [2, 3]]}).build()
