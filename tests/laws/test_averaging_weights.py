"""Laws of synchronous averaging weights: published numbers, closed forms, duality, and what each kind promises."""

import json
from math import cos, pi, sqrt
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.optimal import averaging, averaging_convex
from gossipsim.optimal.averaging import KINDS, OPTIMISED, Weights, averaging_weights
from gossipsim.optimal.averaging_certificate import dual_pair, fdla_bound, fmmc_bound, repaired
from gossipsim.stream import generator

DATA = json.loads((Path(__file__).parents[1] / "data" / "small_graphs.json").read_text())
WHEEL = Graph.from_edges([(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (1, 4)])
CLOSE = pytest.approx


def graph_of(case):
    return Graph.from_edges(case["edges"], case["n"])


def naive_slem(answer):
    W = answer.W.toarray()
    return np.abs(np.linalg.eigvalsh(W - 1.0 / len(W))).max()


@st.composite
def connected(draw, most=9):
    n = draw(st.integers(2, most))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    tree = [(draw(st.integers(0, j - 1)), j) for j in range(1, n)]
    return Graph.from_edges(sorted(set(tree) | set(draw(st.lists(st.sampled_from(pairs), unique=True)))), n)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", DATA["graphs"], ids=lambda case: case["name"])
def test_reference_numbers(case, kind):
    answer = averaging_weights(graph_of(case), kind)
    within = 3e-8 if kind in OPTIMISED else 1e-11
    assert answer.slem == CLOSE(case["slem"][kind], abs=within + 1e-7 * (kind in OPTIMISED))
    assert naive_slem(answer) == CLOSE(answer.slem, abs=1e-12)
    if kind in OPTIMISED:
        assert answer.certified
        assert answer.bound <= case["slem"][kind] + within
        assert 0 <= answer.gap <= 1e-7


@pytest.mark.parametrize("case", DATA["published"], ids=lambda case: case["name"])
def test_published_numbers(case):
    for kind, slem in case["slem"].items():
        answer = averaging_weights(graph_of(case), kind)
        assert answer.slem == CLOSE(slem, abs=1e-6 if kind in OPTIMISED else 6e-5)
        assert kind not in OPTIMISED or answer.certified


@pytest.mark.parametrize(
    ("edges", "slem"),
    [
        ([(0, 1), (1, 2), (2, 3)], sqrt(1 / 2)),
        ([(0, 1), (0, 2), (1, 2), (2, 3)], 7 / 11),
        ([(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)], 3 / 7),
        (WHEEL.edges.tolist(), 1 / 4),
    ],
)
def test_small_markov_chains_of_boyd_diaconis_xiao(edges, slem):
    assert averaging_weights(Graph.from_edges(edges), "fmmc", tol=1e-9).slem == CLOSE(slem, abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 8, 21])
def test_closed_forms(n):
    assert averaging_weights(Graph.build("path", n=n), "fmmc").slem == CLOSE(cos(pi / n), abs=1e-7)
    assert averaging_weights(Graph.build("complete", n=n), "fdla").slem == CLOSE(0, abs=1e-7)
    if n > 2:
        star = Graph.build("star", n=n)
        # the hub's row leaves at most 1 / (n - 1) for each leaf; of any sign, both ends of the spectrum balance
        assert averaging_weights(star, "fmmc").slem == CLOSE(1 - 1 / (n - 1), abs=1e-7)
        assert averaging_weights(star, "fdla").slem == CLOSE((n - 1) / (n + 1), abs=1e-7)
        assert averaging_weights(star, "best_constant").slem == CLOSE((n - 1) / (n + 1), abs=1e-12)


def test_wheel_without_self_loops():
    # rims 3/8 and spokes 1/4 use up every row, and 3/4 is the best that such chains can do
    ends = abs(WHEEL.incidence()).T
    point = averaging_convex.solve(WHEEL, True, lambda w: [ends @ w == 1])
    answer = Weights(WHEEL, "fmmc", point.weights)
    assert answer.slem == CLOSE(3 / 4, abs=1e-6)
    assert np.allclose(answer.W.diagonal(), 0, atol=1e-6)
    assert point.weights == CLOSE([0.25] * 4 + [0.375] * 4, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(connected())
def test_every_kind_keeps_its_promise(graph):
    answers = {kind: averaging_weights(graph, kind) for kind in KINDS}
    slem = {kind: answer.slem for kind, answer in answers.items()}
    for kind, answer in answers.items():
        W = answer.W.toarray()
        assert np.allclose(W, W.T)
        assert np.allclose(W.sum(axis=1), 1)
        outside = np.ones_like(W)
        outside[graph.edges[:, 0], graph.edges[:, 1]] = outside[graph.edges[:, 1], graph.edges[:, 0]] = 0
        np.fill_diagonal(outside, 0)
        assert not (W * outside).any()
        if kind not in ("fdla", "best_constant"):
            assert W.min() >= -1e-15
    assert answers["fdla"].certified
    assert answers["fmmc"].certified
    assert slem["fdla"] <= min(slem.values()) + 1e-7
    assert slem["fmmc"] <= min(slem[kind] for kind in ("metropolis", "metropolis_lazy", "max_degree")) + 1e-7
    assert slem["best_constant"] <= slem["max_degree"] + 1e-12


@settings(max_examples=25, deadline=None)
@given(connected(), st.integers(0, 10_000))
def test_weak_duality_at_random_points(graph, seed):
    random = generator(seed, "test", "averaging")
    n = graph.n
    X_1, X_2 = (random.standard_normal((n, n)) * 10.0 ** random.uniform(-3, 3) for _ in range(2))
    y = random.standard_normal(n)
    w = random.standard_normal(graph.m)
    signed = Weights(graph, "fdla", w)
    chain = Weights(graph, "fmmc", np.abs(w) / (1e-9 + np.bincount(graph.edges.ravel(), np.abs(w).repeat(2)).max()))
    assert fdla_bound(graph, X_1, X_2) <= min(signed.slem, chain.slem, averaging_weights(graph, "fdla").slem)
    assert fmmc_bound(graph, X_1, X_2, y) <= min(chain.slem, averaging_weights(graph, "fmmc").slem)


@settings(max_examples=25, deadline=None)
@given(connected(), st.integers(0, 10_000))
def test_dual_points_are_made_valid(graph, seed):
    random = generator(seed, "test", "dual")
    X = dual_pair(*(random.standard_normal((graph.n, graph.n)) for _ in range(2)))
    for part in X:
        assert np.abs(part.sum(axis=0)).max() < 1e-12
        assert np.linalg.eigvalsh(part)[0] > -1e-14
    assert sum(np.trace(part) for part in X) == CLOSE(1) or not np.any(X)
    excess, y = random.standard_normal(graph.m), random.standard_normal(graph.n)
    raised = repaired(graph, excess, y)
    assert (raised >= 0).all()
    assert (raised[graph.edges].sum(axis=1) >= excess - 1e-12).all()


@pytest.mark.parametrize("X", [np.zeros((5, 5)), -np.eye(5), np.ones((5, 5))], ids=["zero", "negative", "constant"])
def test_bounds_of_nothing_prove_nothing(X):
    assert fdla_bound(WHEEL, X, X) == 0
    assert fmmc_bound(WHEEL, X, X, np.zeros(5)) == 0


@pytest.mark.parametrize("kind", OPTIMISED)
@pytest.mark.parametrize("name", ["barbell_5_5", "cvx_8_13", "rgg_16", "wheel_9"])
def test_interior_point_agrees_with_the_conic_statement(name, kind):
    graph = graph_of(next(case for case in DATA["graphs"] if case["name"] == name))
    ours, theirs = (averaging_weights(graph, kind, method=method) for method in ("interior_point", "sdp"))
    assert ours.slem == CLOSE(theirs.slem, abs=2e-7)
    assert theirs.bound <= ours.slem
    assert ours.bound <= theirs.slem
    assert theirs.certified
    assert (ours.method, theirs.method) == ("interior_point", "sdp")


@pytest.mark.parametrize("kind", OPTIMISED)
def test_relabelling_changes_nothing(kind):
    graph = Graph.build("random_geometric", n=30, radius=0.35, seed=4)
    random = generator(5, "test", "relabelling")
    order, place = random.permutation(graph.m), random.permutation(graph.n)
    moved = Graph.from_edges(place[graph.edges[order]], graph.n)
    assert averaging_weights(moved, kind).slem == CLOSE(averaging_weights(graph, kind).slem, abs=2e-7)


def test_labels_and_files(tmp_path):
    answer = averaging_weights(nx.Graph([("b", "a"), ("a", "c")]), "fmmc")
    assert answer.table()[["i", "j"]].values.tolist() == [["b", "a"], ["a", "c"]]
    assert answer.save(tmp_path / "w.csv").read_text().splitlines()[0] == "i,j,weight"
    held = json.loads(answer.save(tmp_path / "w.json").read_text())
    assert held["weights"] == answer.weights.tolist()
    assert held["slem"] == answer.slem
    assert held["status"] == "certified"
    with pytest.raises(ScenarioError, match=r"\.csv or \.json"):
        answer.save(tmp_path / "w.txt")


def test_answers_are_read_only_and_rules_claim_no_bound():
    answer = averaging_weights(WHEEL, "metropolis")
    assert (answer.bound, answer.gap, answer.status) == (None, None, "rule")
    assert not answer.certified
    with pytest.raises(ValueError, match="read-only"):
        answer.weights[0] = 1.0
    assert repr(answer) == "Weights(metropolis: slem 0.5833333; Graph(n=5, m=8))"


def test_progress_and_an_unreachable_tolerance():
    seen = []
    answer = averaging_weights(WHEEL, "fmmc", tol=1e-16, progress=lambda done, text: seen.append((done, text)))
    assert seen[0][1].startswith("step 0, gap")
    assert not answer.certified
    assert answer.status.startswith("not certified to 1e-16: the proved gap is")
    assert answer.gap < 1e-8


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OPTIMISED])
def test_rules_on_large_graphs(kind, monkeypatch):
    graph = Graph.build("grid", n=2500)
    answer = averaging_weights(graph, kind)
    assert answer.W.shape == (2500, 2500)
    assert 0.99 < answer.slem <= 1 + 1e-12
    small = Graph.build("grid", n=400)
    dense = naive_slem(averaging_weights(small, kind))
    monkeypatch.setattr(averaging, "_DENSE", 10)
    assert averaging_weights(small, kind).slem == CLOSE(dense, abs=1e-10)


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        (Graph.from_edges([(0, 1), (2, 3)]), {}, "not connected: node 2"),
        (Graph(1, np.zeros((0, 2), dtype=np.int64)), {}, "one node"),
        (WHEEL, {"kind": "fmcm"}, "unknown kind 'fmcm'.*did you mean 'fmmc'"),
        (WHEEL, {"kind": None}, "unknown kind None"),
        (WHEEL, {"method": "interior"}, "unknown method 'interior'.*did you mean 'interior_point'"),
        (WHEEL, {"tol": 0.0}, "tol 0.0"),
        (WHEEL, {"tol": float("nan")}, "tol nan"),
        (WHEEL, {"tol": "tiny"}, "tol 'tiny'"),
        ([[0, 1]], {}, "a Graph or a networkx graph"),
    ],
)
def test_bad_input(graph, options, message):
    with pytest.raises(ScenarioError, match=message):
        averaging_weights(graph, **options)


def test_too_large_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(averaging, "_free", lambda: 1e6)
    with pytest.raises(Refused, match=r"need .* GB of memory.*metropolis"):
        averaging_weights(WHEEL, "fdla")
    with pytest.raises(Refused, match="at most 100"):
        averaging_weights(Graph.build("path", n=101), "fdla", method="sdp")


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIMISED)
def test_a_grid_of_625_nodes(kind):
    answer = averaging_weights(Graph.build("grid", n=625), kind, tol=1e-6)
    assert answer.certified
    assert answer.slem < averaging_weights(Graph.build("grid", n=625), "best_constant").slem


@pytest.mark.slow
def test_random_geometric_graphs_do_not_stall():
    # with separate primal and dual steps this one needed more than 60 iterations
    answer = averaging_weights(Graph.build("random_geometric", n=250, radius=0.11, seed=1), "fmmc")
    assert answer.certified
    assert answer.iterations <= 25
