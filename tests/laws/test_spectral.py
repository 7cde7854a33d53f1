"""Laws of chi_1, chi_2 and effective resistances."""

import json
from math import cos, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim import spectral
from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.selected_inverse import eliminate
from gossipsim.spectral import spectrum
from gossipsim.stream import generator

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "spectra.json").read_text())["graphs"]
CLOSE = pytest.approx


@pytest.fixture(params=["dense", "sparse"])
def path(request, monkeypatch):
    if request.param == "sparse":
        monkeypatch.setattr(spectral, "DENSE", 0)
    return request.param


def total(s):
    return sqrt(2 * s.chi_1 * s.chi_2)


def wired(seed, n, extra):
    """Return a random connected graph and random rates over four decades."""
    random = generator(seed, "test", n)
    pairs = {(int(random.integers(j)), j) for j in range(1, n)}
    for _ in range(extra):
        i, j = sorted(random.choice(n, 2, replace=False).tolist())
        pairs.add((i, j))
    edges = random.permutation(sorted(pairs))
    return Graph.from_edges(edges, n), 10.0 ** random.uniform(-3, 1, len(edges))


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: case["name"])
def test_reference_spectra(case, path):
    s = spectrum(Graph.from_edges(case["edges"], case["n"]))
    assert total(s) == CLOSE(case["uniform"]["total"], rel=1e-9)
    assert s.lambda_2 == CLOSE(case["uniform"]["lambda2"], rel=1e-9)
    assert s.resistance.max() == CLOSE(case["uniform"]["max_resistance"], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "chi_1", "chi_2", "asked"),
    [
        ("star", 15, 7.5, 15),
        ("complete", 7.5, 7.5, 10.607),
        ("cycle", 105.097, 7.5, 39.705),
        ("path", 390.326, 7.5, 76.517),
        ("grid", 40.971, 8.411, 26.252),
        ("barbell", 279.181, 28.5, 126.148),
    ],
)
def test_sixteen_nodes(name, chi_1, chi_2, asked, path):
    s = spectrum(Graph.build(name, n=16))
    assert (s.chi_1, s.chi_2, total(s)) == CLOSE((chi_1, chi_2, asked), abs=1e-3)


@pytest.mark.parametrize("n", [5, 32])
def test_closed_forms(n, path):
    star, complete, cycle, line = (spectrum(Graph.build(name, n=n)) for name in ("star", "complete", "cycle", "path"))
    exact = {"rel": 1e-12}
    assert (star.chi_1, star.chi_2) == CLOSE((n - 1, (n - 1) / 2), **exact)
    assert (complete.chi_1, complete.chi_2) == CLOSE(((n - 1) / 2, (n - 1) / 2), **exact)
    assert (cycle.chi_1, cycle.chi_2) == CLOSE((n / (2 - 2 * cos(2 * pi / n)), (n - 1) / 2), **exact)
    assert (line.chi_1, line.chi_2) == CLOSE(((n - 1) / (2 - 2 * cos(pi / n)), (n - 1) / 2), **exact)
    assert line.lambda_max == CLOSE((2 + 2 * cos(pi / n)) / (n - 1), **exact)
    assert complete.gap == CLOSE(1, **exact)


def test_hypercube_and_torus(path):
    cube = spectrum(Graph.build("hypercube", n=64))
    torus = spectrum(Graph.build("torus", n=36, rows=4))
    assert (cube.chi_1, cube.gap) == CLOSE((96, 1 / 6), rel=1e-12)
    assert cube.chi_2 == CLOSE(63 / 2, rel=1e-12)  # edge-transitive: Foster gives R_e = n - 1 at total rate one
    assert torus.chi_1 == CLOSE(72 / (2 - 2 * cos(2 * pi / 9)), rel=1e-12)


def test_a_cycle_in_the_large():
    n = 20_000
    s = spectrum(Graph.build("cycle", n=n))
    assert s.chi_1 == CLOSE(n / (4 * np.sin(pi / n) ** 2), rel=1e-9)
    assert s.resistance == CLOSE(n - 1.0, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(0, 60))
def test_foster_and_both_ways_to_compute(seed, n, extra):
    graph, rates = wired(seed, n, extra)
    s = spectrum(graph, rates)
    sparse = eliminate(graph, rates)
    assert s.resistance @ rates == CLOSE(n - 1, rel=1e-9)
    assert sparse.resistance(graph.edges) == CLOSE(s.resistance, rel=1e-9)
    b = generator(seed, "test", "currents").standard_normal(n)
    b -= b.mean()
    x = sparse.solve(b)
    assert graph.laplacian(rates) @ x == CLOSE(b, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 20), st.integers(0, 30))
def test_dense_agrees_with_the_definition(seed, n, extra):
    graph, rates = wired(seed, n, extra)
    L = graph.laplacian(rates).toarray()
    values = np.linalg.eigvalsh(L)
    inverse = np.linalg.pinv(L, rcond=1e-13, hermitian=True)
    s = spectrum(graph, rates)
    assert s.lambda_2 == CLOSE(values[1], rel=1e-8)
    assert s.lambda_max == CLOSE(values[-1], rel=1e-12)
    assert s.chi_2 == CLOSE(
        max(inverse[i, i] + inverse[j, j] - 2 * inverse[i, j] for i, j in graph.edges) / 2, rel=1e-7
    )


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "random_geometric", "n": 300, "radius": 0.1},
        {"name": "random_regular", "n": 200, "degree": 4},
        {"name": "grid", "n": 240},
        {"name": "barbell", "n": 40},
        {"name": "lollipop", "n": 60},
        {"name": "exponential", "n": 50},
        {"name": "barabasi_albert", "n": 150, "m": 2},
    ],
    ids=lambda keys: keys["name"],
)
def test_sparse_agrees_with_dense(keys, monkeypatch):
    graph = Graph.build(**keys)
    rates = 10.0 ** generator(3, "test").uniform(-2, 1, graph.m)
    dense = spectrum(graph, rates)
    expected = (dense.lambda_2, dense.lambda_max, dense.resistance)
    monkeypatch.setattr(spectral, "DENSE", 0)
    sparse = spectrum(graph, rates)
    assert sparse.lambda_2 == CLOSE(expected[0], rel=1e-9)
    assert sparse.lambda_max == CLOSE(expected[1], rel=1e-9)
    assert sparse.resistance == CLOSE(expected[2], rel=1e-9)
    assert sparse._lambda_2_by_products() == CLOSE(expected[0], rel=1e-6)
    assert sparse._lambda_max_inverted() == CLOSE(expected[1], rel=1e-9)


def test_an_edge_of_rate_zero_still_counts(path):
    s = spectrum(Graph.build("cycle", n=4), [1.0, 0.0, 1.0, 1.0])
    assert s.resistance == CLOSE([1, 3, 1, 1], rel=1e-12)
    assert s.chi_2 == CLOSE(1.5, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-6, 1e6))
def test_relabelling_changes_nothing_and_scaling_divides(seed, c):
    graph, rates = wired(seed, 12, 10)
    s = spectrum(graph, rates)
    place = generator(seed, "test", "labels").permutation(12)
    moved = spectrum(Graph.from_edges(place[graph.edges], 12), rates)
    assert (moved.chi_1, moved.chi_2) == CLOSE((s.chi_1, s.chi_2), rel=1e-9)
    assert moved.resistance == CLOSE(s.resistance, rel=1e-9)
    scaled = spectrum(graph, c * rates)
    assert (c * scaled.chi_1, c * scaled.chi_2) == CLOSE((s.chi_1, s.chi_2), rel=1e-9)


def test_trees_resist_by_one_over_the_rate(path):
    graph = Graph.build("binary_tree", n=31)
    rates = generator(1, "test").random(30) + 0.1
    assert np.array_equal(spectrum(graph, rates).resistance, 1 / rates)
    assert eliminate(graph, rates).resistance(graph.edges) == CLOSE(1 / rates, rel=1e-12)


def test_one_node_and_two(path):
    one, two = spectrum(Graph.build("complete", n=1)), spectrum(Graph.build("path", n=2))
    assert (one.chi_1, one.chi_2, one.lambda_2, one.gap) == (0, 0, np.inf, 1)
    assert one.resistance.shape == (0,)
    assert (two.chi_1, two.chi_2, two.gap) == CLOSE((0.5, 0.5, 1))


def test_lambda_2_alone_computes_no_resistance():
    s = spectrum(Graph.build("cycle", n=10))
    assert s.lambda_2 > 0
    assert "resistance" not in s.__dict__


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([1.0, 1.0], "shape"),
        ([1.0, -1.0, 1.0], "rates -1"),
        ([1.0, np.nan, 1.0], "rates nan"),
        ([1.0, np.inf, 1.0], "rates inf"),
        (["a", "b", "c"], "given"),
        ([1.0, 0.0, 1.0], "2 components: node 2 is cut off"),
    ],
)
def test_bad_rates_are_refused(rates, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        spectrum(Graph.build("path", n=4), rates)
    assert caught.value.key[0] == "rates"


def test_a_factor_that_does_not_fit_is_refused_in_one_sentence():
    graph = Graph.build("random_regular", n=300, degree=4)
    with pytest.raises(Refused, match=r"n = 300, m = 600.*`total`.*chi_1 and chi_2"):
        eliminate(graph, np.ones(600), memory=30_000)
    with pytest.raises(Refused, match="GiB"):
        eliminate(graph, np.ones(600), memory=10_000)


def test_lambda_2_survives_the_refusal(monkeypatch):
    graph = Graph.build("random_regular", n=300, degree=4)
    expected = spectrum(graph).lambda_2
    monkeypatch.setattr(spectral, "DENSE", 0)
    monkeypatch.setattr(spectral, "eliminate", lambda graph, rates: eliminate(graph, rates, memory=30_000))
    s = spectrum(graph)
    assert s.lambda_2 == CLOSE(expected, rel=1e-9)
    with pytest.raises(Refused):
        _ = s.chi_2
