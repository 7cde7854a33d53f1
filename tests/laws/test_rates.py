"""Laws of the rates."""

import numpy as np
import pytest

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.rates import Rates
from gossipsim.rates.optimal import costs
from gossipsim.spectral import spectrum


def dadao(graph):
    return lambda p: float(np.sqrt(2 * spectrum(graph, p).chi_1 * spectrum(graph, p).chi_2))


@pytest.mark.parametrize("name", ["uniform", "degree"])
def test_total_is_what_was_asked_for(name):
    graph = Graph.build("lollipop", n=9)
    assert Rates.parse({"name": name, "total": 3.5}).solve(graph, dadao(graph)).sum() == pytest.approx(3.5)
    rates = Rates.parse(name).solve(graph, dadao(graph))
    s = spectrum(graph, rates)
    assert 2 * s.chi_1 * s.chi_2 == pytest.approx(1)
    assert rates.shape == (graph.m,)


def test_uniform_is_flat_and_degree_gives_nodes_of_a_star_equal_calls():
    graph = Graph.build("star", n=5)
    assert np.ptp(Rates.parse("uniform").solve(graph, lambda p: 2.0)) == 0
    # on a lollipop: each node starts total/n calls, so an edge carries (1/deg_i + 1/deg_j) total/n
    graph = Graph.build("lollipop", n=8)
    rates = Rates.parse({"name": "degree", "total": 8.0}).solve(graph, lambda p: 1.0)
    expected = [1 / graph.degree[i] + 1 / graph.degree[j] for i, j in graph.edges]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("name", ["uniform", "degree"])
def test_a_single_node_needs_no_rate(name):
    rates = Rates.parse(name).solve(Graph.build("complete", n=1), lambda p: 1 / 0)
    assert rates.shape == (0,)


def test_file_in_any_order_and_direction(tmp_path):
    graph = Graph.from_edges([[0, 1], [1, 2], [0, 2]])
    (tmp_path / "r.csv").write_text("i,j,rate\r\n2,0,3\r\n\r\n1,0,0\r\n 1, 2,2e0\r\n")
    rates = Rates.parse({"file": "r.csv"}, base=tmp_path)
    assert rates.solve(graph, lambda p: 1.0).tolist() == [0, 2, 3]
    assert Rates.parse(rates.spec()) == rates


def test_file_goes_by_labels(tmp_path):
    graph = Graph.from_edges([[0, 1]], labels=["x", "y"])
    (tmp_path / "r.csv").write_text("i,j,rate\ny,x,3\n")
    assert Rates.parse({"file": str(tmp_path / "r.csv")}).solve(graph, lambda p: 1.0).tolist() == [3]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "empty"),
        ("a,b,c\n0,1,1\n", 1, "header"),
        ("i,j,rate\n0,1\n", 2, "three columns"),
        ("i,j,rate\n0,1,1\n0,9,1\n", 3, "unknown node '9'"),
        ("i,j,rate\n0,2,1\n", 2, "no edge 0,2"),
        ("i,j,rate\n0,1,1\n1,0,1\n", 3, "given twice"),
        ("i,j,rate\n0,1,-1\n", 2, "rate '-1'"),
        ("i,j,rate\n0,1,nan\n", 2, "rate 'nan'"),
        ("i,j,rate\n0,1,inf\n", 2, "rate 'inf'"),
        ("i,j,rate\n0,1,fast\n", 2, "rate 'fast'"),
        ("i,j,rate\n0,1,1\n", None, "edge 1,2 is missing"),
        ('i,j,rate\n"0,1,1\n', None, "malformed"),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(tmp_path, text, line, message):
    path = tmp_path / "rates.csv"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=message) as caught:
        Rates.parse({"file": str(path)}).solve(Graph.build("path", n=3), lambda p: 1.0)
    assert caught.value.key == ("file",)
    assert caught.value.file == str(path.resolve())
    if line is not None:
        assert caught.value.line == line


def test_costs_are_read_like_rates(tmp_path):
    graph = Graph.build("path", n=3)
    path = tmp_path / "cost.csv"
    path.write_text("\n i, j, cost\n2,1,3\n0,1,2\n")
    assert costs(path, graph).tolist() == [2, 3]
    for text, line, message in [
        ("i,j,rate\n0,1,1\n", 1, "header 'i,j,rate'; allowed: i,j,cost"),
        ("\n\ni,j,cost\n0,1,many\n", 4, "cost 'many'"),
        ("i,j,cost\n0,1\n", 2, "three columns i,j,cost"),
    ]:
        path.write_text(text)
        with pytest.raises(ScenarioError, match=message) as caught:
            costs(path, graph)
        assert (caught.value.key, caught.value.line) == (("cost",), line)


@pytest.mark.parametrize("total", [0, -1.0, float("nan"), float("inf"), "fast"])
def test_a_bad_total_is_refused(total):
    with pytest.raises(ScenarioError) as caught:
        Rates.parse({"name": "uniform", "total": total})
    assert caught.value.key == ("total",)
