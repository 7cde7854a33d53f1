"""Laws of edge orbits: never coarser than the truth, equal to it when the search is complete."""

import json
from itertools import permutations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.graph import Graph
from gossipsim.optimal.orbits import edge_orbits, symmetry
from gossipsim.stream import generator

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "small_graphs.json").read_text())["graphs"]


def every_automorphism(graph, colour):
    """Try all permutations."""
    shade = {tuple(edge): c for edge, c in zip(graph.edges.tolist(), colour, strict=True)}
    for image in permutations(range(graph.n)):
        moved = {tuple(sorted((image[i], image[j]))): c for (i, j), c in shade.items()}
        if moved == shade:
            yield image


def by_brute_force(graph, colour):
    number = {tuple(edge): e for e, edge in enumerate(graph.edges.tolist())}
    orbit = {e: {e} for e in range(graph.m)}
    for image in every_automorphism(graph, colour):
        for e, (i, j) in enumerate(graph.edges.tolist()):
            orbit[e].add(number[tuple(sorted((image[i], image[j])))])
    return [frozenset(orbit[e]) for e in range(graph.m)]


def classes(labels):
    return [frozenset(np.flatnonzero(labels == label).tolist()) for label in labels]


@st.composite
def coloured_graphs(draw):
    n = draw(st.integers(2, 6))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    tree = [(draw(st.integers(0, j - 1)), j) for j in range(1, n)]
    extra = draw(st.lists(st.sampled_from(pairs), unique=True))
    edges = sorted(set(tree) | set(extra))
    colour = draw(
        st.one_of(st.just([0] * len(edges)), st.lists(st.integers(0, 1), min_size=len(edges), max_size=len(edges)))
    )
    return Graph.from_edges(edges, n), colour


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: case["name"])
def test_reference_orbits(case):
    assert edge_orbits(Graph.from_edges(case["edges"], case["n"])).tolist() == case["orbits"]


@settings(max_examples=60, deadline=None)
@given(coloured_graphs())
def test_orbits_are_those_of_all_permutations(case):
    graph, colour = case
    found = symmetry(graph, colour)
    assert found.complete
    assert classes(found.edge_orbits) == by_brute_force(graph, colour)


@pytest.mark.parametrize(
    "g",
    [
        nx.petersen_graph(),
        nx.complete_graph(12),
        nx.complete_bipartite_graph(4, 7),
        nx.hypercube_graph(5),
        nx.cycle_graph(31),
        nx.star_graph(25),
        nx.grid_2d_graph(6, 6, periodic=True),
        nx.dodecahedral_graph(),
        nx.line_graph(nx.complete_bipartite_graph(5, 5)),
    ],
    ids=str,
)
def test_edge_transitive_graphs_have_one_orbit(g):
    assert edge_orbits(Graph.from_networkx(g)).max() == 0


def test_colour_refinement_alone_would_merge_too_much():
    # both are 3-regular, so refinement tells no node from another; the Frucht graph has no symmetry at all
    assert edge_orbits(Graph.from_networkx(nx.frucht_graph())).tolist() == list(range(18))
    # nodes of a triangular prism and of K_{3,3}, joined through two subdivided edges
    prism = symmetry(Graph.from_networkx(nx.circular_ladder_graph(3)))
    assert sorted(np.bincount(prism.edge_orbits).tolist()) == [3, 6]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 9))
def test_relabelling_moves_the_orbits_along(seed, half):
    random = generator(seed, "test", "orbits")
    g = nx.random_regular_graph(3, 2 * half, seed=seed) if half > 3 else nx.cubical_graph()
    g = g if nx.is_connected(g) else nx.circular_ladder_graph(half)
    graph = Graph.from_networkx(g)
    order, place = random.permutation(graph.m), random.permutation(graph.n)
    moved = Graph.from_edges(place[graph.edges[order]], graph.n)
    before, after = classes(edge_orbits(graph)), classes(edge_orbits(moved))
    back = np.argsort(order)
    assert [frozenset(back[list(before[e])].tolist()) for e in order] == after


def test_generators_are_automorphisms_and_averages_are_invariant():
    found = symmetry(Graph.build("grid", n=30))
    graph = found.graph
    edges = {tuple(edge) for edge in graph.edges.tolist()}
    X = generator(0, "test").standard_normal((graph.n, graph.n))
    X = X @ X.T
    mean = found.averaged(X)
    for image, moved in zip(found.generators, found.edge_permutations, strict=True):
        assert sorted(image.tolist()) == list(range(graph.n))
        assert {tuple(sorted(edge)) for edge in image[graph.edges].tolist()} == edges
        assert np.array_equal(np.sort(image[graph.edges], axis=1), graph.edges[moved])
        assert np.allclose(mean[np.ix_(image, image)], mean)
    assert np.trace(mean) == pytest.approx(np.trace(X))
    assert np.linalg.eigvalsh(mean)[0] > -1e-9


def test_average_is_the_mean_over_all_group_elements():
    graph = Graph.build("star", n=5)
    X = np.arange(25.0).reshape(5, 5)
    images = [np.array(image) for image in every_automorphism(graph, [0] * graph.m)]
    assert len(images) == 24
    assert np.allclose(symmetry(graph).averaged(X), np.mean([X[np.ix_(image, image)] for image in images], axis=0))


def test_without_time_every_edge_stays_alone():
    found = symmetry(Graph.build("complete", n=20), seconds=0.0)
    assert not found.complete
    assert found.edge_orbits.tolist() == list(range(found.graph.m))


def test_a_subgroup_has_finer_orbits():
    found = symmetry(Graph.build("complete", n=5))
    part = found.keeping([k == 0 for k in range(len(found.generators))])
    assert not part.complete
    for label in range(part.edge_orbits.max() + 1):
        assert len(set(found.edge_orbits[part.edge_orbits == label])) == 1
    none = found.keeping([False] * len(found.generators))
    assert none.edge_orbits.tolist() == list(range(10))
    assert none.averaged(np.eye(5)).tolist() == np.eye(5).tolist()


def test_large_graphs_are_quick():
    found = symmetry(Graph.build("grid", n=900))
    assert found.complete
    assert found.node_orbits.max() + 1 == 120
