"""The readable statements solved by a general conic solver: reference optima, closed forms, proofs that hold."""

import json
from math import pi, sin, sqrt
from pathlib import Path

import cvxpy as cp
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.optimal import conic, convex
from gossipsim.optimal.certificate import dadao_bound_from_values, mixing_values
from gossipsim.optimal.orbits import edge_orbits
from gossipsim.optimal.own_constraints import rows_of
from gossipsim.optimal.potentials import best_potentials, square_root, values_of_potentials
from gossipsim.optimal.program import CRITERIA, Program, evaluate
from gossipsim.spectral import spectrum
from gossipsim.stream import generator

pytestmark = pytest.mark.slow  # the conic solver takes its time

DATA = json.loads((Path(__file__).parents[1] / "data" / "small_graphs.json").read_text())
CLOSE = pytest.approx


def graph_of(case):
    return Graph.from_edges(case["edges"], case["n"])


def proved(program, found):
    """Return the value at the rates and the relative gap to the bound, after checking what makes rates feasible."""
    assert (found.lam >= 0).all()
    value = evaluate(program, found.lam)
    if program.criterion == "dadao":
        spent = float(program.cost @ found.lam)
        assert value <= spent * (1 + 1e-12)  # the rates meet 2 chi_1 chi_2 <= 1 as they stand
        value = spent
    elif program.criterion == "averaging_time":
        rows = np.bincount(program.edges.ravel(), found.wake.ravel(), program.n)
        assert (found.wake >= 0).all()
        assert rows.max() <= 1 + 1e-12
        assert found.wake.sum(axis=1) / program.n == CLOSE(found.lam, abs=1e-15)
    else:
        assert program.cost @ found.lam <= program.total * (1 + 1e-12)
    if program.A is not None:
        assert (program.A @ found.lam <= program.B + 1e-9 * np.abs(program.B)).all()
    gap = (found.bound - value if program.maximised else value - found.bound) / abs(found.bound)
    assert gap >= -1e-12
    return value, gap


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("case", DATA["graphs"], ids=lambda case: case["name"])
def test_reference_optima(case, criterion):
    program = Program.build(graph_of(case), criterion)
    for orbits in (True, False):
        value, gap = proved(program, convex.solve(program, orbits=orbits))
        assert value == CLOSE(case[criterion], rel=1e-6)
        assert gap < 2e-7


@pytest.mark.parametrize("form", convex.FORMS)
@pytest.mark.parametrize("name", ["barbell_5_5", "cvx_8_13", "rgg_16"])
def test_both_forms_state_the_same_problem(name, form):
    case = next(case for case in DATA["graphs"] if case["name"] == name)
    program = Program.build(graph_of(case))
    value, gap = proved(program, convex.solve(program, form=form))
    assert value == CLOSE(case["dadao"], rel=1e-7)
    assert gap < 1e-7


@pytest.mark.parametrize(
    ("limit", "optimum"),
    [("cost", "min_cost"), ("node_cap", "total_with_node_cap"), ("edge_cap", "total_with_edge_cap")],
)
@pytest.mark.parametrize("case", DATA["extensions"], ids=lambda case: case["name"])
def test_costs_and_caps(case, limit, optimum):
    given = {limit: case["edge_costs"] if limit == "cost" else case[limit]}
    program = Program.build(graph_of(case), **given)
    value, gap = proved(program, convex.solve(program))
    assert value == CLOSE(case[optimum], rel=2e-6)
    assert gap < 5e-7


@pytest.mark.parametrize(
    ("g", "total"),
    [
        (nx.path_graph(2), 1 / sqrt(2)),
        (nx.star_graph(5), 5.0),
        (nx.complete_graph(9), 8 / sqrt(2)),
        (nx.cycle_graph(12), sqrt(12 * 11) / (2 * sin(pi / 12))),
        (nx.complete_bipartite_graph(3, 5), sqrt(5 * 7)),
        (nx.hypercube_graph(4), sqrt(4 * 4 * 15)),
        (nx.petersen_graph(), sqrt(67.5)),
    ],
    ids=str,
)
def test_edge_transitive_graphs_keep_uniform_rates(g, total):
    program = Program.build(Graph.from_networkx(g))
    found = convex.solve(program)
    value, gap = proved(program, found)
    assert value == CLOSE(total, rel=1e-9)
    assert gap < 1e-6
    assert np.ptp(found.lam) < 1e-9 * value


def test_uniform_rates_are_optimal_on_the_path():
    program = Program.build(Graph.build("path", n=8))
    value, gap = proved(program, convex.solve(program))
    assert value == CLOSE(7 / (2 * sin(pi / 16)), rel=1e-7)
    assert gap < 1e-6


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name != "averaging_time"])
def test_limits_and_total_on_every_criterion(criterion):
    graph = Graph.build("barbell", n=8)
    plain = Program.build(graph, criterion, total=3.0)
    free = convex.solve(plain)
    best, _ = proved(plain, free)
    cap = 0.9 * float(free.lam.max())
    program = Program.build(graph, criterion, total=3.0, edge_cap=cap, minimum=0.01)
    value, gap = proved(program, convex.solve(program))
    assert gap < 1e-6
    assert value < best if program.maximised else value > best


def test_orbits_respect_costs_and_limits():
    graph = Graph.from_edges([(k, (k + 1) % 6) for k in range(6)])
    cost = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    program = Program.build(graph, cost=cost)
    kept = convex._kept(program)
    assert [len(set(cost[kept.group.edge_orbits == k])) for k in range(kept.group.edge_orbits.max() + 1)] == [1, 1]
    capped = Program.build(graph, node_cap=[9.0, 5.0, 5.0, 5.0, 5.0, 5.0])
    kept = convex._kept(capped)
    assert kept is None or kept.group.edge_orbits.max() + 1 >= 3
    for one in (program, capped):
        value, gap = proved(one, convex.solve(one))
        assert gap < 1e-6
        assert value == CLOSE(proved(one, convex.solve(one, orbits=False))[0], rel=1e-6)


def test_linear_constraints_of_the_user_enter_the_proof():
    graph = Graph.build("grid", n=9)
    own = convex.solve(Program.build(graph), lambda lam: [lam[0] == 0.7, lam[1] + lam[2] <= 1.2, lam >= 0.2])
    assert own.words == ""
    rows = np.zeros((3, graph.m))
    rows[0, 0], rows[1, 0], rows[2, 1:3] = 1, -1, 1
    program = Program.build(graph, linear=(rows, [0.7, -0.7, 1.2]), minimum=0.2)
    value = float(own.lam.sum())
    assert own.lam[0] == CLOSE(0.7, abs=1e-7)
    assert value - own.bound < 1e-6 * value
    assert value == CLOSE(float(convex.solve(program).lam.sum()), rel=1e-6)


def test_nonlinear_constraints_are_obeyed_and_not_claimed():
    graph = Graph.build("barbell", n=8)
    free = convex.solve(Program.build(graph))
    found = convex.solve(Program.build(graph), lambda lam: [cp.sum_squares(lam) <= 0.95 * float(free.lam @ free.lam)])
    assert "without the nonlinear constraints" in found.words
    assert found.lam @ found.lam <= 0.95 * (free.lam @ free.lam) * (1 + 1e-6)
    assert found.bound <= free.lam.sum() < found.lam.sum()
    assert evaluate(Program.build(graph), found.lam) <= found.lam.sum() * (1 + 1e-6)


def test_other_constraints_are_refused():
    program = Program.build(Graph.build("path", n=4))
    with pytest.raises(ScenarioError, match="a list of cvxpy constraints"):
        convex.solve(program, lambda lam: lam[0] <= 1)
    with pytest.raises(ScenarioError, match="no rates satisfy the constraints"):
        convex.solve(program, lambda lam: [lam[0] <= 1, lam[0] >= 2])
    with pytest.raises(Refused, match="not convex"):
        convex.solve(program, lambda lam: [cp.sum_squares(lam) >= 1])
    with pytest.raises(ScenarioError, match="averaging_time alone"):
        convex.solve(Program.build(program.graph, "averaging_time"), lambda lam: [lam[0] <= 1])
    with pytest.raises(ScenarioError, match=r"unknown form 'one_blok'.*did you mean 'one_block'"):
        convex.solve(program, form="one_blok")


def test_caps_that_are_too_small_say_what_is_enough():
    with pytest.raises(ScenarioError, match="no rates meet the condition of DADAO; allowed: limits"):
        convex.solve(Program.build(Graph.build("star", n=5), node_cap=2.0))


def test_large_graphs_are_refused_unless_forced(monkeypatch):
    with pytest.raises(Refused, match=r"61 nodes \(at most 60\); method='interior_point'"):
        convex.solve(Program.build(Graph.build("star", n=61)))
    monkeypatch.setattr(convex, "LARGEST", 5)
    program = Program.build(Graph.build("star", n=6))
    with pytest.raises(Refused):
        convex.solve(program)
    assert convex.solve(program, force=True).bound == CLOSE(5.0, rel=1e-6)


def test_a_missing_solver_is_named(monkeypatch):
    monkeypatch.setattr(conic.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match="clarabel is not installed: pip install"):
        conic.import_cvxpy()


@st.composite
def rated_graphs(draw):
    n = draw(st.integers(2, 8))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    tree = [(draw(st.integers(0, j - 1)), j) for j in range(1, n)]
    graph = Graph.from_edges(sorted(set(tree) | set(draw(st.lists(st.sampled_from(pairs), unique=True)))), n)
    return graph, generator(draw(st.integers(0, 10_000)), "test", "potentials")


@settings(max_examples=60, deadline=None)
@given(rated_graphs())
def test_any_potentials_bound_the_conductances_of_any_rates(case):
    graph, random = case
    program = Program.build(graph)
    lam = 10.0 ** random.uniform(-2, 2, graph.m)
    which = random.permutation(graph.m)[: random.integers(1, graph.m + 1)]
    resistance = spectrum(graph, lam).resistance
    for D in (
        random.standard_normal((graph.n, len(which))),
        best_potentials(program, which, np.diag(random.random(graph.n)), random.random(len(which))),
    ):
        y = values_of_potentials(program, which, D)
        assert (1 / resistance).min() <= y @ lam * (1 + 1e-9)
    # the potentials L^+ b_e of one edge are tight for it
    e = int(resistance.argmax())
    potential = np.linalg.pinv(graph.laplacian(lam).toarray()) @ graph.incidence().toarray()[[e]].T
    assert values_of_potentials(program, np.array([e]), potential) @ lam == CLOSE(1 / resistance[e], rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(rated_graphs())
def test_proofs_from_random_dual_points_never_exceed_the_optimum(case):
    graph, random = case
    program = Program.build(graph)
    X = random.standard_normal((graph.n, graph.n))
    D = random.standard_normal((graph.n, graph.m))
    y = values_of_potentials(program, np.arange(graph.m), D)
    bound = dadao_bound_from_values(program, mixing_values(program, X @ X.T), y)
    lam = 10.0 ** random.uniform(-2, 2, graph.m)
    assert bound <= evaluate(program, lam) / (program.cost @ lam) * lam.sum() * (1 + 1e-9)


def test_best_potentials_stay_within_their_energies():
    graph = Graph.build("grid", n=9)
    program, random = Program.build(graph), generator(3, "test", "energies")
    Y = random.standard_normal((9, 9))
    Y = Y @ Y.T
    half = square_root(Y)
    P = np.eye(9) - 1 / 9
    assert np.allclose(half @ half, P @ Y @ P)
    which, rho = np.arange(graph.m), random.random(graph.m)
    D = best_potentials(program, which, Y, rho)
    assert np.linalg.eigvalsh(half @ half - D @ D.T)[0] > -1e-9
    B = graph.incidence().toarray()
    reached = np.sqrt(rho) @ np.diag(B @ D)
    other = half @ np.linalg.qr(random.standard_normal((graph.m, 9)))[0].T
    assert reached >= np.sqrt(rho) @ np.diag(B @ other)
    assert values_of_potentials(program, which, np.zeros((9, graph.m))).tolist() == [np.inf] * graph.m


def test_rows_of_keeps_what_is_there():
    program = Program.build(Graph.build("path", n=3), edge_cap=4.0)
    wider, curved = rows_of(program, lambda lam: [cp.sum(lam) <= 5, cp.norm(lam) <= 9])
    assert curved
    assert wider.A.toarray().tolist() == [[1, 0], [0, 1], [1, 1]]
    assert wider.B.tolist() == [4, 4, 5]
    assert rows_of(program, lambda lam: [])[0] is program


def test_optimal_rates_are_constant_on_orbits():
    graph = Graph.build("binary_tree", n=15)
    lam = convex.solve(Program.build(graph)).lam
    orbits = edge_orbits(graph)
    for label in range(orbits.max() + 1):
        assert np.ptp(lam[orbits == label]) == 0
