"""The bounds on optimal rates: weak duality for any dual point, reference values, and the gaps that are promised."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.graph import Graph
from gossipsim.optimal import certificate, dense
from gossipsim.optimal.interior_point import first
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.solve import optimal_rates
from gossipsim.optimal.structured import solve
from gossipsim.spectral import spectrum
from gossipsim.stream import generator

DATA = json.loads((Path(__file__).parents[1] / "data" / "rates.json").read_text())
CLOSE = pytest.approx
NAMED = {"argvalues": DATA["graphs"], "ids": [case["name"] for case in DATA["graphs"]]}
FEW = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("case", **NAMED)
def test_reference_totals(case):
    graph = Graph.from_edges(case["edges"], case["n"])
    answer = optimal_rates(graph)
    assert answer.status == "certified"
    assert answer.gap <= 1e-6
    assert answer.value == CLOSE(case["total"], rel=1e-6)
    assert answer.uniform_value == CLOSE(case["uniform"], rel=1e-9)
    s = spectrum(graph, answer.rates)
    assert s.lambda_2 == CLOSE(case["lambda_2"], rel=5e-3)
    assert s.resistance.max() == CLOSE(case["max_resistance"], rel=5e-3)


@pytest.mark.parametrize("criterion", ["fastest_mixing", "total_resistance", "averaging_time"])
@pytest.mark.parametrize("case", **NAMED)
def test_reference_values_of_other_criteria(case, criterion):
    answer = optimal_rates(Graph.from_edges(case["edges"], case["n"]), criterion)
    assert answer.status == "certified"
    assert answer.value == CLOSE(case[criterion], rel=1e-6)


@pytest.mark.parametrize("case", DATA["limited"], ids=[case["name"] for case in DATA["limited"]])
def test_reference_values_with_costs_and_caps(case):
    graph = Graph.from_edges(case["edges"], case["n"])
    for keys, wanted in [
        ({"cost": case["edge_costs"]}, case["min_cost"]),
        ({"node_cap": case["node_cap"]}, case["total_with_node_cap"]),
        ({"edge_cap": case["edge_cap"]}, case["total_with_edge_cap"]),
    ]:
        answer = optimal_rates(graph, **keys)
        assert answer.status == "certified"
        assert answer.value == CLOSE(wanted, rel=2e-6)
    tight = optimal_rates(graph, node_cap=case["min_max_node_rate"] * 1.00001)
    assert tight.status == "certified"


@pytest.mark.parametrize("case", DATA["closed_forms"], ids=[case["family"] for case in DATA["closed_forms"]])
def test_reference_closed_forms(case):
    import networkx as nx

    build = {
        "star": lambda n: nx.star_graph(n - 1),
        "path": nx.path_graph,
        "cycle": nx.cycle_graph,
        "complete": nx.complete_graph,
        "complete_bipartite": nx.complete_bipartite_graph,
        "hypercube": lambda d: nx.convert_node_labels_to_integers(nx.hypercube_graph(d)),
        "petersen": nx.petersen_graph,
        "barbell": lambda k: nx.barbell_graph(k, 0),
    }[case["family"]]
    answer = optimal_rates(build(*case["parameters"].values()))
    assert answer.status == "certified"
    assert answer.value == CLOSE(case["total"], rel=1e-6)


def pair(seed, n, extra):
    """Return a random graph with random rates and a random dual point, none of them any good."""
    random = generator(seed, "test", n)
    pairs = {(int(random.integers(j)), j) for j in range(1, n)}
    for _ in range(extra):
        pairs.add(tuple(sorted(random.choice(n, 2, replace=False).tolist())))
    graph = Graph.from_edges(sorted(pairs), n)
    lam = 10.0 ** random.uniform(-2, 1, graph.m)
    V = random.standard_normal((n, int(random.integers(1, n + 1))))
    G = random.standard_normal((n, n))
    if random.random() < 0.5:
        G = np.linalg.pinv(graph.laplacian(10.0 ** random.uniform(-1, 1, graph.m)).toarray())
    return graph, lam, V @ V.T, (G + G.T) / 2, random.exponential(1.0, graph.m), random


# R is what little is left of G there, so that rounding used to lift the bound above the value
@pytest.mark.parametrize("case", [(83319, 2, 5), (90652, 2, 3), (332120, 2, 4), (2569, 2, 3)])
def test_cancellation_in_a_dual_point_costs_the_bound_not_the_proof(case):
    graph, lam, X, G, rho, random = pair(*case)
    program = Program.build(graph, "dadao", cost=random.uniform(0.1, 3.0, graph.m))
    bound, value = certificate.dadao_bound(program, X, G, rho), evaluate(program, lam)
    assert (1 - 1e-6) * value <= bound <= value


cases = st.builds(pair, st.integers(0, 10**6), st.integers(2, 9), st.integers(0, 12))


@FEW
@given(cases)
def test_no_dual_point_overtakes_any_rates(case):
    graph, lam, X, G, rho, random = case
    cost = random.uniform(0.1, 3.0, graph.m)
    total = float(random.uniform(0.1, 5.0))
    p = lam * total / float(cost @ lam)
    dadao, mixing, near = (
        Program.build(graph, criterion, cost=cost, total=total)
        for criterion in ("dadao", "fastest_mixing", "total_resistance")
    )
    assert certificate.dadao_bound(dadao, X, G, rho) <= evaluate(dadao, lam)
    assert certificate.fastest_mixing_bound(mixing, X) >= evaluate(mixing, p)
    assert certificate.total_resistance_bound(near, G) <= evaluate(near, p)
    gossip = Program.build(graph, "averaging_time")
    wake = random.exponential(1.0, (graph.m, 2))
    wake /= np.bincount(graph.edges.ravel(), wake.ravel(), graph.n)[graph.edges]
    assert certificate.averaging_bound(gossip, X) <= evaluate(gossip, wake.sum(axis=1) / graph.n)


@FEW
@given(cases)
def test_no_dual_point_overtakes_rates_within_limits(case):
    graph, lam, X, G, rho, random = case
    lam = lam * evaluate(Program.build(graph), lam) / float(lam.sum())
    cap = (abs(graph.incidence()).T @ lam) * random.uniform(1.0, 1.1, graph.n)
    limits = {"node_cap": cap, "edge_cap": 1.05 * lam, "minimum": 0.9 * lam}
    nu = 10.0 ** random.uniform(-2, 2) * random.exponential(1.0, graph.n + 2 * graph.m)
    nu[: random.integers(0, graph.n + graph.m)] = 0.0
    assert certificate.dadao_bound(Program.build(graph, **limits), X, G, rho, nu) <= float(lam.sum())
    total = float(lam.sum())
    mixing = Program.build(graph, "fastest_mixing", total=total, **limits)
    assert certificate.fastest_mixing_bound(mixing, X, nu) >= evaluate(mixing, lam)
    near = Program.build(graph, "total_resistance", total=total, **limits)
    assert certificate.total_resistance_bound(near, G, nu) <= evaluate(near, lam)


def test_an_indefinite_matrix_proves_nothing_false():
    star = Program.build(Graph.build("star", n=5), "fastest_mixing")
    bad = np.outer([4, -1, -1, -1, -1], [4, -1, -1, -1, -1]) * -1.0
    best = optimal_rates(star.graph, "fastest_mixing").value
    assert certificate.fastest_mixing_bound(star, bad) >= best
    assert certificate.fastest_mixing_bound(star, np.diag([1.0, 1, 1, 1, -50])) >= best


def test_negative_weights_on_limits_count_as_none():
    graph = Graph.build("cycle", n=6)
    program = Program.build(graph, edge_cap=100.0)
    G = np.linalg.pinv(graph.laplacian().toarray())
    one = certificate.dadao_bound(program, np.eye(6), G, np.ones(6), -np.ones(6))
    assert one == certificate.dadao_bound(program, np.eye(6), G, np.ones(6))


def test_the_bound_of_a_solver_is_not_its_own_word(monkeypatch):
    def liar(program, progress=None):
        found = solve(program, progress)
        return type(found)(found.lam * 0.5, 0.9 * found.bound, found.iterations)

    monkeypatch.setattr("gossipsim.optimal.structured.solve", liar)
    answer = optimal_rates(Graph.build("grid", n=9))
    assert answer.gap == CLOSE(1 / 9, rel=1e-3)
    assert answer.status.startswith("not certified")


def test_rates_beyond_a_limit_are_not_certified(monkeypatch):
    graph = Graph.build("barbell", n=8)
    cap = 1.01 * optimal_rates(graph).demanded.max()

    def careless(program, progress=None):
        found = solve(program, progress)
        return type(found)(found.lam**2, found.bound)

    monkeypatch.setattr("gossipsim.optimal.structured.solve", careless)
    assert "exceed a limit" in optimal_rates(graph, edge_cap=cap).status


@pytest.mark.parametrize("seed", [1, 2])
def test_the_newton_matrix_is_the_naive_one(seed):
    from gossipsim.optimal.newton import assemble
    from gossipsim.optimal.statement import Statement

    graph, lam, _, _, _, random = pair(seed, 7, 8)
    m = graph.m
    start = 1.3 * lam * evaluate(Program.build(graph), lam) / lam.sum()
    statement = Statement(7, graph.edges, None, np.ones(m), 0.0, True, np.zeros((0, m)), np.zeros(0), start)
    at = first(statement)
    rho = random.exponential(1.0, m)
    b = graph.incidence().toarray()
    L = graph.laplacian(start).toarray()
    G = np.linalg.pinv(L)
    S = L - at.a * (np.eye(7) - 1 / 7)
    K = b @ G @ b.T
    F = G @ b.T @ np.diag(rho) @ b @ G
    ratio, pull = random.exponential(1.0, m), random.exponential(1.0, m)
    H = (b @ at.X @ b.T) * (b @ np.linalg.pinv(S) @ b.T) + 2 * K * (b @ F @ b.T) + K**2 @ np.diag(ratio) @ K**2
    H += np.diag(pull)
    system = assemble(statement, at.G, at.Si, at.X, F, ratio, pull, np.zeros(0))
    aim = random.standard_normal(m)
    dq, da = system.solve(aim, 0.7)
    assert H @ dq + system.h * da == CLOSE(aim, rel=1e-6, abs=1e-6)
    assert system.h @ dq + system.h_aa * da == CLOSE(0.7, rel=1e-6)
    assert dense.edge_diagonal(at.X, at.Si, graph.edges) == CLOSE(np.diag(b @ at.X @ np.linalg.pinv(S) @ b.T), rel=1e-6)


@pytest.mark.parametrize("block", [1, 2**6, 2**22])
def test_blocks_do_not_change_the_answer(block, monkeypatch):
    graph = Graph.from_edges(DATA["graphs"][3]["edges"])
    whole = optimal_rates(graph)
    monkeypatch.setattr(dense, "BLOCK", block)
    assert optimal_rates(graph).rates == CLOSE(whole.rates, rel=1e-6)


@pytest.mark.parametrize("criterion", ["dadao", "fastest_mixing", "total_resistance", "averaging_time"])
def test_a_hundred_nodes_are_certified(criterion):
    graph = Graph.build("random_geometric", n=100, radius=0.16, seed=1)
    answer = optimal_rates(graph, criterion)
    assert answer.status == "certified"
    assert answer.iterations <= 25


@pytest.mark.slow
@pytest.mark.parametrize("radius", [0.066, 0.08])
def test_five_hundred_nodes_are_certified(radius):
    answer = optimal_rates(Graph.build("random_geometric", n=500, radius=radius, seed=1))
    assert answer.status == "certified"
    assert answer.value >= answer.bound
