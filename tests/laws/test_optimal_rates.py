"""Laws of optimal rates: closed forms, symmetry, scaling, limits, and what is refused."""

import csv
import json
from math import cos, pi, sin, sqrt

import cvxpy as cp
import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.optimal.program import CRITERIA, Program, evaluate
from gossipsim.optimal.solve import optimal_rates, split
from gossipsim.rates import Rates
from gossipsim.spectral import spectrum
from gossipsim.stream import generator

CLOSE = pytest.approx
FEW = settings(max_examples=12, deadline=None)


def wired(seed, n, extra):
    """Return a random connected graph."""
    random = generator(seed, "test", n)
    pairs = {(int(random.integers(j)), j) for j in range(1, n)}
    for _ in range(extra):
        pairs.add(tuple(sorted(random.choice(n, 2, replace=False).tolist())))
    return Graph.from_edges(random.permutation(sorted(pairs)), n), random


graphs = st.builds(wired, st.integers(0, 10**6), st.integers(3, 12), st.integers(0, 15))


@pytest.mark.parametrize(
    ("g", "total"),
    [
        (nx.star_graph(6), 6.0),
        (nx.path_graph(8), 7 / (2 * sin(pi / 16))),
        (nx.cycle_graph(9), sqrt(72) / (2 * sin(pi / 9))),
        (nx.complete_graph(5), 4 / sqrt(2)),
        (nx.complete_bipartite_graph(2, 3), sqrt(12)),
        (nx.convert_node_labels_to_integers(nx.hypercube_graph(3)), sqrt(42)),
        (nx.petersen_graph(), sqrt(67.5)),
        (nx.path_graph(2), 1 / sqrt(2)),
        (
            nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 5, periodic=True)),
            sqrt(1200 / (2 - 2 * cos(0.4 * pi))),
        ),
    ],
    ids=["star", "path", "cycle", "complete", "bipartite", "cube", "petersen", "pair", "torus"],
)
def test_equal_rates_are_optimal_and_known(g, total):
    answer = optimal_rates(g)
    assert answer.status == "certified"
    assert answer.value == CLOSE(total, rel=1e-6)
    assert answer.uniform_value == CLOSE(total, rel=1e-9)
    assert answer.bound <= total * (1 + 1e-12)


@pytest.mark.parametrize("k", [4, 7, 12])
def test_barbell_agrees_with_its_three_rates(k):
    from scipy.optimize import minimize

    def total(logs):
        B, S, D = np.exp(logs)
        q = S + (k - 1) * D
        L = np.array([[k * S + 2 * B, 2 * B * S], [1.0, 0.0]])
        low = min(np.roots([1, -L[0, 0], L[0, 1]]).real)
        R = max(1 / B, (S + D) / (S * q), 2 / q)
        return (B + 2 * (k - 1) * S + (k - 1) * (k - 2) * D) * sqrt(R / low)

    found = min(
        minimize(total, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000}).fun
        for start in ([0, -1, -1], [0, -1, -1.5], [0, 0, 0])
    )
    answer = optimal_rates(Graph.build("barbell", n=2 * k))
    assert answer.status == "certified"
    assert answer.value == CLOSE(found, rel=2e-5)
    assert answer.value <= found * (1 + 1e-6)


@pytest.mark.parametrize("n", [3, 6, 11])
def test_a_path_mixes_fastest_with_parabolic_rates(n):
    answer = optimal_rates(nx.path_graph(n), "fastest_mixing")
    i = np.arange(1, n)
    assert answer.value == CLOSE(12 / (n**3 - n), rel=2e-6)
    assert answer.rates == CLOSE(6 * i * (n - i) / (n**3 - n), rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_has_known_total_resistance_and_mixing(seed):
    graph, _ = wired(seed, 9, 0)
    tree = graph.to_networkx()
    sides = []
    for u, v in graph.edges.tolist():
        cut = tree.copy()
        cut.remove_edge(u, v)
        sides.append(len(nx.node_connected_component(cut, u)))
    parts = np.sqrt([size * (9 - size) for size in sides])
    assert optimal_rates(graph, "total_resistance").value == CLOSE(parts.sum() ** 2, rel=1e-6)
    assert optimal_rates(graph, "total_resistance").rates == CLOSE(parts / parts.sum(), rel=1e-3)


@FEW
@given(graphs, st.sampled_from(sorted(CRITERIA)))
def test_renumbering_nodes_and_edges_changes_nothing(case, criterion):
    graph, random = case
    order, names = random.permutation(graph.m), random.permutation(graph.n)
    moved = Graph.from_edges(names[graph.edges[order]], graph.n)
    one, other = optimal_rates(graph, criterion), optimal_rates(moved, criterion)
    assert one.status == other.status == "certified"
    assert other.value == CLOSE(one.value, rel=2.1e-6)


@FEW
@given(graphs, st.floats(0.01, 100), st.floats(0.01, 100))
def test_totals_and_costs_scale(case, total, price):
    graph, random = case
    cost = random.uniform(0.2, 3.0, graph.m)
    base = optimal_rates(graph, cost=cost)
    dear = optimal_rates(graph, cost=price * cost, total=total)
    assert dear.value == CLOSE(price * base.value, rel=2.1e-6)
    assert price * cost @ dear.rates == CLOSE(total, rel=1e-12)
    assert dear.demanded == CLOSE(dear.rates * dear.value / total, rel=1e-12)
    fast, slow = (optimal_rates(graph, "fastest_mixing", total=t).value for t in (total, 1.0))
    assert fast == CLOSE(total * slow, rel=2.1e-6)
    near, far = (optimal_rates(graph, "total_resistance", total=t).value for t in (total, 1.0))
    assert total * near == CLOSE(far, rel=2.1e-6)


@FEW
@given(graphs)
def test_no_plain_choice_is_better(case):
    graph, _ = case
    metropolis = 1.0 / graph.degree[graph.edges].max(axis=1)
    degree = Rates.parse({"name": "degree", "total": 1.0}).solve(graph, demand=lambda p: 1.0)
    for criterion in ("dadao", "fastest_mixing", "total_resistance"):
        program = Program.build(graph, criterion)
        answer = optimal_rates(graph, criterion)
        for plain in (program.uniform, metropolis / metropolis.sum(), degree):
            value = evaluate(program, plain)
            assert value <= answer.bound if program.maximised else value >= answer.bound
    gossip = optimal_rates(graph, "averaging_time")
    assert gossip.value <= gossip.uniform_value + 1e-6
    assert evaluate(Program.build(graph, "averaging_time"), degree) >= gossip.bound


@FEW
@given(graphs, st.floats(1.02, 1.5))
def test_the_answer_keeps_what_it_says(case, room):
    graph, _ = case
    free = optimal_rates(graph)
    s = spectrum(graph, free.demanded)
    assert 2 * s.chi_1 * s.chi_2 == CLOSE(1.0, rel=1e-9)
    assert free.bound <= free.value <= free.bound * (1 + 1e-6)
    touches = abs(graph.incidence()).T
    cap = room * (touches @ free.demanded).max()
    same = optimal_rates(graph, node_cap=cap)
    assert same.value == CLOSE(free.value, rel=2.1e-6)
    assert (touches @ same.demanded).max() <= cap * (1 + 1e-9)


@settings(max_examples=6, deadline=None)
@given(graphs)
@example(wired(566, 9, 5))  # the search for rates within the caps stalls before it proves that there are none
def test_tighter_caps_cost_more_until_there_is_no_room(case):
    graph, _ = case
    free = optimal_rates(graph)
    touches = abs(graph.incidence()).T
    cap, last = float((touches @ free.demanded).max()), free.value
    for _ in range(6):
        cap *= 0.94
        try:
            answer = optimal_rates(graph, node_cap=cap)
        except ScenarioError as refusal:
            enough = float(str(refusal).split("node_cap ")[1].split(")")[0])
            assert cap < enough
            assert optimal_rates(graph, node_cap=1.001 * enough).status == "certified"
            with pytest.raises(ScenarioError):
                optimal_rates(graph, node_cap=0.999 * enough)
            return
        assert answer.status == "certified"
        assert answer.value >= last * (1 - 2e-6)
        assert (touches @ answer.demanded).max() <= cap * (1 + 1e-9)
        last = answer.value


@FEW
@given(graphs, st.floats(0.3, 0.95))
def test_minimum_rates_and_own_rows_are_kept(case, part):
    graph, random = case
    least = part / graph.m
    for criterion in ("fastest_mixing", "total_resistance"):
        answer = optimal_rates(graph, criterion, minimum=least)
        assert answer.status == "certified"
        assert answer.rates.min() >= least * (1 - 1e-9)
        assert answer.rates.sum() <= 1 + 1e-12
    free = optimal_rates(graph)
    some = random.choice(graph.m, graph.m // 2 + 1, replace=False)
    row = np.zeros((1, graph.m))
    row[0, some] = -1.0
    asked = 1.2 * float(free.demanded[some].sum())
    more = optimal_rates(graph, linear=(row, [-asked]))
    assert more.status == "certified"
    assert more.demanded[some].sum() >= asked * (1 - 1e-9)
    assert more.value >= free.bound * (1 - 1e-9)


@FEW
@given(graphs)
def test_randomized_gossip_has_probabilities_behind_it(case):
    graph, _ = case
    answer = optimal_rates(graph, "averaging_time")
    calls = np.bincount(graph.edges.ravel(), answer.wake.ravel(), graph.n)
    assert answer.wake.min() >= 0
    assert calls.max() <= 1 + 1e-12
    lam = answer.wake.sum(axis=1) / graph.n
    assert answer.value == CLOSE(1 - spectrum(graph, lam).lambda_2 / 2, rel=1e-12)
    assert answer.rates == CLOSE(lam / lam.sum(), rel=1e-12)
    again = split(Program.build(graph, "averaging_time"), lam)
    assert again.sum(axis=1) == CLOSE(graph.n * lam, abs=1e-9)
    assert np.bincount(graph.edges.ravel(), again.ravel(), graph.n).max() <= calls.max() + 1e-7


def test_an_answer_can_be_read_tabled_and_saved(tmp_path):
    g = nx.relabel_nodes(nx.barbell_graph(3, 0), dict(enumerate("abcdef")))
    answer = optimal_rates(g, total=5.0)
    assert answer.table()["share"].sum() == CLOSE(1.0)
    file = answer.save(tmp_path / "rates.csv")
    rows = list(csv.reader(file.read_text().splitlines()))
    assert rows[0] == ["i", "j", "rate"]
    read = Rates.parse({"file": str(file)}).solve(answer.graph, demand=lambda p: 1.0)
    assert (read == answer.rates).all()
    kept = json.loads(answer.save(tmp_path / "rates.json").read_text())
    assert kept["value"] == answer.value
    assert kept["rates"] == answer.rates.tolist()
    with pytest.raises(ScenarioError, match="csv or"):
        answer.save(tmp_path / "rates.txt")


def test_edges_that_the_optimum_leaves_at_zero_are_named():
    wheel = optimal_rates(nx.wheel_graph(9), "fastest_mixing", tol=1e-8)
    assert wheel.zero_edges.tolist() == [e for e, (i, _) in enumerate(wheel.graph.edges.tolist()) if i]


def test_a_gap_out_of_reach_is_confessed():
    answer = optimal_rates(Graph.build("grid", n=16), tol=1e-15)
    assert answer.status.startswith("not certified to tol: the proved gap is")
    assert answer.gap < 1e-8


PATH = nx.path_graph(4)


def test_constraints_of_the_users_own_bind_the_rates_that_meet_the_condition():
    barbell = Graph.build("barbell", n=8)
    free = optimal_rates(barbell)
    rows = np.zeros((1, barbell.m))
    rows[0, 6] = 1.0
    expected = optimal_rates(barbell, linear=(rows, [2.5]))
    for method in ("auto", "interior_point"):
        found = optimal_rates(barbell, constraints=lambda lam: [lam[6] <= 2.5], method=method)
        assert found.status == "certified"
        assert found.method == {"auto": "sdp"}.get(method, method)
        assert found.value == CLOSE(expected.value, rel=2e-6)
        assert found.demanded[6] <= 2.5 * (1 + 1e-9)

    # nonlinear ones are obeyed, not scaled away, and their price stays in the gap
    low = optimal_rates(barbell, constraints=lambda lam: [cp.min(lam) >= 5.0])
    assert low.demanded == CLOSE(5.0, rel=1e-6)
    assert low.bound == CLOSE(free.value, rel=1e-6)
    assert "without the nonlinear constraints" in low.status
    flat = optimal_rates(barbell, "fastest_mixing", constraints=lambda lam: [cp.max(lam) <= 0.1])
    assert flat.rates.max() <= 0.1 * (1 + 1e-6)
    assert flat.value < flat.bound == CLOSE(optimal_rates(barbell, "fastest_mixing").value, rel=1e-6)


BAD = {
    "disconnected": ((nx.empty_graph(3),), {}, "not connected"),
    "loop": ((nx.Graph([(0, 1), (1, 1)]),), {}, "itself"),
    "parallel": ((nx.MultiGraph([(0, 1), (0, 1)]),), {}, "twice"),
    "directed": ((nx.DiGraph([(0, 1)]),), {}, "directed"),
    "one node": ((nx.empty_graph(1),), {}, "one node"),
    "no graph": (([[0, 1]],), {}, "a Graph or a networkx graph"),
    "negative cost": ((PATH,), {"cost": [1, -1, 1]}, r"cost\[1\]: cost -1"),
    "zero cost": ((PATH,), {"cost": [1, 0, 1]}, r"cost\[1\]: cost 0"),
    "no number": ((PATH,), {"cost": [1, float("nan"), 1]}, "cost nan"),
    "short cost": ((PATH,), {"cost": [1, 1]}, r"shape \(2,\)"),
    "zero cap": ((PATH,), {"node_cap": 0.0}, "node_cap 0"),
    "zero edge cap": ((PATH,), {"edge_cap": [1.0, 0.0, 1.0]}, r"edge_cap\[1\]: edge_cap 0"),
    "short cap": ((PATH,), {"node_cap": [1.0, 2.0]}, r"shape \(2,\)"),
    "infinite cap": ((PATH,), {"edge_cap": float("inf")}, "edge_cap: given inf"),
    "small node cap": ((PATH,), {"node_cap": 1.0}, "node_cap 2.61313"),
    "small edge cap": ((PATH,), {"edge_cap": 1.0}, "edge_cap 1.30657"),
    "negative minimum": ((PATH,), {"minimum": -1.0}, "minimum -1"),
    "minimum above cap": ((PATH,), {"minimum": 3.0, "edge_cap": 2.0}, "above its cap"),
    "minimum above node cap": ((PATH,), {"minimum": 3.0, "node_cap": 5.0}, "at node 1 are 6"),
    "minimum above total": ((PATH, "fastest_mixing"), {"minimum": 1.0}, "cost at least 3"),
    "rows": ((PATH,), {"linear": ([[1.0, 1.0]], [1.0])}, r"A of shape \(1, 2\)"),
    "impossible rows": ((PATH, "fastest_mixing"), {"linear": ([[1.0, 1.0, 1.0]], [-1.0])}, "no rates satisfy linear"),
    "impossible rows for dadao": ((PATH,), {"linear": ([[1.0, 1.0, 1.0]], [-1.0])}, "linear"),
    "criterion": ((PATH, "dada"), {}, "did you mean 'dadao'"),
    "method": ((PATH,), {"method": "interior"}, "did you mean 'interior_point'"),
    "tol": ((PATH,), {"tol": 0.0}, "tol 0"),
    "total": ((PATH,), {"total": float("nan")}, "total: given nan"),
    "caps on gossip": ((PATH, "averaging_time"), {"node_cap": 1.0}, "averaging_time alone"),
    "pruning another criterion": ((PATH, "fastest_mixing"), {"prune": True}, "dadao without limits"),
    "pruning with constraints": ((PATH,), {"prune": True, "constraints": lambda lam: []}, "prune with constraints"),
    "constraints": ((PATH,), {"constraints": lambda lam: 3}, "constraints: given 3"),
    "a curve for the interior point": (
        (PATH,),
        {"method": "interior_point", "constraints": lambda lam: [cp.sum_squares(lam) <= 9]},
        "allowed: auto, sdp",
    ),
    "cap on a pair": ((nx.path_graph(2),), {"edge_cap": 0.5}, "0.707107"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_sentence(name):
    arguments, keys, words = BAD[name]
    with pytest.raises(ScenarioError, match=words) as refusal:
        optimal_rates(*arguments, **keys)
    assert "\n" not in str(refusal.value)
