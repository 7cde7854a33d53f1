"""Laws of the graph arrays."""

import pickle
import time
from unittest.mock import patch

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.connected import components
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.stream import generator


@st.composite
def graphs(draw, most=12):
    n = draw(st.integers(1, most))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    flipped = [pair[::-1] if draw(st.booleans()) else pair for pair in chosen]
    return Graph.from_edges(flipped, n), chosen


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_adjacency_agrees_with_a_walk_over_the_edges(case):
    graph, chosen = case
    assert [tuple(edge) for edge in graph.edges.tolist()] == chosen
    for node in range(graph.n):
        here = slice(graph.ptr[node], graph.ptr[node + 1])
        expected = sorted(j if i == node else i for i, j in chosen if node in (i, j))
        assert graph.nbr[here].tolist() == expected
        assert graph.degree[node] == len(expected)
        for other, e in zip(graph.nbr[here], graph.edge_of_slot[here], strict=True):
            assert set(graph.edges[e]) == {node, other}
    for (i, j), (a, b) in zip(graph.edges, graph.slot, strict=True):
        assert graph.nbr[graph.ptr[i] + a] == j
        assert graph.nbr[graph.ptr[j] + b] == i


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_laplacian_is_incidence_squared_and_networkx_agrees(case, seed):
    graph, chosen = case
    rates = generator(seed, "test").random(graph.m)
    B = graph.incidence().toarray().reshape(graph.m, graph.n)
    assert np.allclose(graph.laplacian(rates).toarray(), B.T @ np.diag(rates) @ B)
    g = nx.empty_graph(graph.n)
    g.add_edges_from(chosen)
    assert np.array_equal(graph.laplacian().toarray(), nx.laplacian_matrix(g).toarray())
    assert graph.is_connected == nx.is_connected(g)
    back = Graph.from_networkx(graph.to_networkx())
    assert back.n == graph.n
    assert back.edges.tolist() == sorted(map(list, chosen))


def test_components_are_numbered_by_smallest_node():
    assert Graph.from_edges([[1, 4], [0, 3]], n=6).component.tolist() == [0, 1, 2, 0, 1, 3]


def test_networkx_labels_weights_and_positions_survive():
    g = nx.Graph()
    g.add_edge("b", "a", weight=2.0)
    g.add_edge("c", "a")
    for k, node in enumerate(g):
        g.nodes[node]["pos"] = (0.5 * k, 1.0)
    graph = Graph.from_networkx(g)
    assert graph.labels == ("b", "a", "c")
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.weight.tolist() == [2.0, 1.0]
    assert graph.positions.tolist() == [[0, 1], [0.5, 1], [1, 1]]
    again = Graph.from_networkx(graph.to_networkx())
    assert again.labels == graph.labels
    assert np.array_equal(again.weight, graph.weight)
    assert np.array_equal(again.positions, graph.positions)
    shuffled = nx.Graph([(2, 1), (1, 0)])
    assert Graph.from_networkx(shuffled).labels is None
    assert Graph.from_networkx(shuffled).edges.tolist() == [[0, 1], [1, 2]]


def test_arrays_are_read_only_and_pickling_keeps_them_so():
    graph = pickle.loads(pickle.dumps(Graph.from_edges([[0, 1]], weight=[1.0])))
    for array in (graph.edges, graph.weight, graph.ptr, graph.nbr, graph.slot, graph.edge_of_slot, graph.degree):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7


def test_the_callers_array_is_left_alone():
    mine = np.array([[1, 0], [1, 2]])
    Graph.from_edges(mine)
    mine[0, 0] = 5
    assert mine.tolist() == [[5, 0], [1, 2]]


@pytest.mark.parametrize(
    ("make", "message", "key"),
    [
        (lambda: Graph.from_edges([]), "given 0 nodes", ("n",)),
        (lambda: Graph.from_edges([[0, 10**12]]), "nodes", ("n",)),
        (lambda: Graph.from_edges([[0, 1], [2, 2]]), "node 2 to itself", ("edges", 1)),
        (lambda: Graph.from_edges([[0, 1], [1, 2], [1, 0]]), "between 1 and 0 is given twice", ("edges", 2)),
        (lambda: Graph.from_edges([[0, 3]], n=3), r"node 3 is outside 0\.\.2", ("edges", 0)),
        (lambda: Graph.from_edges([[0, -1]], n=3), "node -1", ("edges", 0)),
        (lambda: Graph.from_edges([[0, 1, 2]]), "shape", ("edges",)),
        (lambda: Graph.from_edges([[0, 1], [2]]), "unequal length", ("edges",)),
        (lambda: Graph.from_edges([[0.0, 1.0]]), "float64", ("edges",)),
        (lambda: Graph.from_edges([[0, 1]], weight=[float("nan")]), "weight nan", ("weight", 0)),
        (lambda: Graph.from_edges([[0, 1]], weight=[-1]), "weight -1", ("weight", 0)),
        (lambda: Graph.from_edges([[0, 1]], weight=[1, 2]), "shape", ("weight",)),
        (lambda: Graph.from_edges([[0, 1]], labels=["a"]), "1 labels", ("labels",)),
        (lambda: Graph.from_networkx(nx.DiGraph([(0, 1)])), "directed", ()),
        (lambda: Graph.from_networkx(nx.MultiGraph([(0, 1), (0, 1)])), "given twice", ("edges", 1)),
        (lambda: Graph.from_networkx(nx.Graph([("a", "a")])), "'a' to itself", ("edges", 0)),
    ],
)
def test_bad_input_is_refused_with_its_place(make, message, key):
    with pytest.raises(ScenarioError, match=message) as caught:
        make()
    assert caught.value.key == key


def test_a_million_nodes_build_in_seconds():
    node = np.arange(10**6)
    edges = np.concatenate([np.column_stack([node, (node + k) % 10**6]) for k in (1, 1000)])
    start = time.perf_counter()
    graph = Graph.from_edges(edges)
    assert graph.slot.shape == (2 * 10**6, 2)
    assert graph.is_connected
    assert time.perf_counter() - start < 10


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 1000))
def test_components_of_few_and_of_many_are_the_same(n, m, seed):
    edges = np.random.default_rng(seed).integers(0, n, (m, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    few = components(n, edges)
    with patch("gossipsim.connected._FEW", -1):
        np.testing.assert_array_equal(few, components(n, edges))
