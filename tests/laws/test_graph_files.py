"""Laws of graph files."""

import contextlib
import json

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.topologies import Topology


def pairs(g):
    return sorted(tuple(sorted(edge)) for edge in g.edges)


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


WHOLE = {
    "g.csv": "source,target,weight\n0,1,1\n1,2,2\n",
    "g.edgelist": "0 1 {'weight': 1}\n1 2 2.5\n",
    "g.adjlist": "0 1\n1 0 2\n2\n",
    "g.json": NODES % '{"source": 0, "target": 1, "weight": 1}',
    "g.graphml": GRAPHML.format('<edge source="a" target="b"/>'),
    "g.gml": GML.format(' edge [ source 0 target 1 weight 2 ] # "'),
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_damaged_file_is_a_graph_or_a_scenario_error(tmp_path_factory, name, data):
    text = WHOLE[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 6)))
    damage = data.draw(st.text(st.sampled_from("[]{}<>\"',0123 abn\n.-&;/"), max_size=5) | st.binary(max_size=3))
    middle = damage.encode() if isinstance(damage, str) else damage
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(text[:start].encode() + middle + text[end:].encode())
    with contextlib.suppress(ScenarioError):
        assert Graph.load(path).is_connected
