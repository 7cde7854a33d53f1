"""Laws of the topologies."""

import json
import math
import re

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
        try:
            build(name, seed=seed, connect=False, **keys)
        except ScenarioError as fault:
            refused += 1
            assert re.fullmatch(r"the graph has \d+ components: node \d+ cannot be reached from node 0", fault.message)
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


RING = [("a", "b"), ("c", "b"), ("a", "c")]


def write_json(g, path):
    path.write_text(json.dumps(nx.node_link_data(g, edges="edges")))


WRITERS = {
    ".graphml": nx.write_graphml,
    ".gml": nx.write_gml,
    ".edgelist": nx.write_edgelist,
    ".edges": nx.write_weighted_edgelist,
    ".json": write_json,
    ".csv": lambda g, path: path.write_text(
        "from;to;weight\n" + "".join(f"{u};{v};{d['weight']}\n" for u, v, d in g.edges(data=True))
    ),
}


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("named", [True, False])
def test_what_networkx_writes_is_read_back(tmp_path, ending, named):
    g = nx.connected_watts_strogatz_graph(20, 4, 0.3, seed=1)
    for k, (u, v) in enumerate(g.edges):
        g.edges[u, v]["weight"] = k + 0.5
    if named:
        g = nx.relabel_nodes(g, {k: f"nœud {k}" if ending in (".gml", ".graphml", ".json") else f"é{k}" for k in g})
    path = tmp_path / f"graph{ending}"
    WRITERS[ending](g, path)
    graph = Graph.load(path)
    back = graph.to_networkx()
    assert (graph.labels is not None) == named
    assert {frozenset(edge) for edge in back.edges} == {frozenset(edge) for edge in g.edges}
    assert all(back.edges[u, v]["weight"] == data["weight"] for u, v, data in g.edges(data=True))


def test_adjacency_lists_with_edges_once_or_at_both_ends(tmp_path):
    g = nx.petersen_graph()
    nx.write_adjlist(g, tmp_path / "once.adjlist")
    (tmp_path / "both.adjlist").write_text("\n".join(" ".join(map(str, [u, *g[u]])) for u in g))
    for name in ("once", "both"):
        assert pairs(Graph.load(tmp_path / f"{name}.adjlist").to_networkx()) == pairs(g)


def test_file_keeps_the_order_of_edges_and_takes_a_format(tmp_path):
    (tmp_path / "g.data").write_text("2 0\n\n# a remark\n1 0 # and another\n")
    topology = Topology.parse({"file": "g.data", "format": "edgelist"}, base=tmp_path)
    graph = topology.build()
    assert graph.edges.tolist() == [[0, 2], [0, 1]]
    assert graph.labels is None
    assert Topology.parse(topology.spec()) == topology


def test_gaps_in_the_numbers_make_labels(tmp_path):
    (tmp_path / "g.csv").write_text("7,3\n3,5\n")
    graph = Graph.load(tmp_path / "g.csv")
    assert graph.labels == (7, 3, 5)
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


GRAPHML = '<graphml>\n<graph edgedefault="undirected">\n<node id="a"/><node id="b"/>\n{}\n</graph>\n</graphml>'
GML = "graph [\n node [ id 0 ]\n node [ id 1 ]\n{}\n]"
NODES = '{"nodes": [{"id": 0}, {"id": 1}], "edges": [%s]}'


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("g.csv", "", None, "empty"),
        ("g.csv", " \n\n", None, "empty"),
        ("g.csv", "source,target\n", None, "no nodes"),
        ("g.csv", b"\x89PNG\r\n\x1a\n\xff\xfe", 1, "UTF-8"),
        ("g.csv", b"0,1\n1,\x002\n", 2, "binary"),
        ("g.csv", "0,1\n1,2,3\n", 2, "2 filled columns"),
        ("g.csv", "0,1\n1,\n", 2, "filled"),
        ("g.csv", "0\n1\n", 1, "1 columns"),
        ("g.csv", "source,target,wieght\n0,1,2\n", 1, "unknown column.*did you mean 'weight'"),
        ("g.csv", '0,1\n"1,2\n', 2, "malformed CSV"),
        ("g.csv", "i,j,weight\n0,1,heavy\n", 2, "weight 'heavy'"),
        ("g.csv", "i,j,weight\n0,1,1\n1,2,nan\n", 3, "weight nan"),
        ("g.csv", "0,1\n1,1\n", 2, "node 1 to itself"),
        ("g.csv", "a,b\nb,c\n\nb,a\n", 4, "between 'b' and 'a' is given twice"),
        ("g.csv", "0,1\n2,3\n", None, "2 components: node 2"),
        ("g.edgelist", "0 1\n1\n", 2, "two nodes"),
        ("g.edgelist", "0 1 {'weight': 1\n", 1, "given"),
        ("g.edgelist", "0 1 -2\n", 1, "weight -2"),
        ("g.txt", "x y\ny y\n", 2, "'y' to itself"),
        ("g.adjlist", "0 1\n1 2 2\n", 2, "lists '2' twice"),
        ("g.adjlist", "0 1\n1 1\n", 2, "itself"),
        ("g.json", "{", 1, "malformed JSON"),
        ("g.json", "[" * 100_000, None, "malformed JSON"),
        ("g.json", "[]", None, "no mapping"),
        ("g.json", '{"nodes": 3}', None, "no list of nodes"),
        ("g.json", '{"directed": true, "nodes": [], "edges": []}', None, "directed"),
        ("g.json", NODES % '{"source": 0}', None, "edge number 1: target None"),
        ("g.json", NODES % '{"source": 0, "target": 5}', None, "unknown node '5'"),
        ("g.json", NODES % '{"source": 0, "target": 1, "weight": NaN}', None, r"weight nan \(edge number 1\)"),
        ("g.json", NODES % '{"source": 0, "target": 0}', None, r"node 0 to itself \(edge number 1\)"),
        ("g.json", '{"nodes": [{"id": 0}, {"id": 0}], "edges": []}', None, "given twice"),
        ("g.graphml", "<graphml><graph>", 1, "malformed GraphML"),
        ("g.graphml", "hello", 1, "malformed GraphML"),
        ("g.graphml", "<graphml/>", None, "no graph"),
        ("g.graphml", '<!DOCTYPE x [<!ENTITY a "aa">]>\n<graphml/>', 1, "DOCTYPE"),
        ("g.graphml", GRAPHML.format("").replace("undirected", "directed"), 2, "directed"),
        ("g.graphml", GRAPHML.format('<edge source="a" target="b" directed="true"/>'), 4, "directed edge"),
        ("g.graphml", GRAPHML.format('<edge source="a" target="a"/>'), 4, "'a' to itself"),
        ("g.graphml", GRAPHML.format('<edge source="a" target="c"/>'), 4, "unknown node 'c'"),
        ("g.graphml", GRAPHML.format('<edge source="a"/>'), 4, "edge without target"),
        ("g.graphml", GRAPHML.format('<node id="a"/>'), 4, "'a' is given twice"),
        ("g.graphml", GRAPHML.format(""), None, "2 components: node b"),
        ("g.gml", GML.format(" edge [ source 0 target 7 ]"), 4, "unknown node 7"),
        ("g.gml", GML.format(" edge [ source 0 target 0 ]"), 4, "node 0 to itself"),
        ("g.gml", GML.format(" edge [ source 0 ]"), 4, "edge without target"),
        ("g.gml", GML.format(" edge [ source 0 target 1 weight NAN ]"), 4, "weight nan"),
        ("g.gml", GML.format(" node [ id 1 ]"), 4, "given twice"),
        ("g.gml", GML.format(" directed 1"), 1, "directed"),
        ("g.gml", GML.format(" [ ]"), 4, "a key"),
        ("g.gml", GML.format(" edge ]"), 4, "no value"),
        ("g.gml", 'graph [ label "x', 1, "does not end"),
        ("g.gml", "graph [\n", 1, "too early"),
        ("g.gml", "node [ id 0 ]", None, "0 graphs"),
        ("g.xyz", "0 1", None, "unknown ending '.xyz'"),
        ("g", "0 1", None, "no ending"),
    ],
)
def test_a_faulty_file_is_one_error_with_its_place(tmp_path, name, text, line, message):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScenarioError, match=message) as caught:
        Graph.load(path)
    assert caught.value.key == ("file",)
    assert caught.value.file == str(path.resolve())
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    (tmp_path / "ring.csv").write_text("0,1\n")
    with pytest.raises(ScenarioError, match=r"no such file; did you mean 'ring.csv'") as caught:
        Graph.load(tmp_path / "rign.csv")
    assert caught.value.key == ("file",)
    with pytest.raises(ScenarioError, match="folder"):
        Topology.parse({"file": str(tmp_path), "format": "csv"}).build()
