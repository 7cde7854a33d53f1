"""Laws of the first-order route: networks, eigenpairs, proved gaps, and agreement with the interior point."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import Refused
from gossipsim.graph import Graph
from gossipsim.optimal import first_order, structured
from gossipsim.optimal.electrical import DenseNetwork, SparseNetwork, network
from gossipsim.optimal.low_modes import LowModes
from gossipsim.optimal.multipliers import Repair
from gossipsim.optimal.program import Program, evaluate
from gossipsim.optimal.smoothing import Smoothing
from gossipsim.selected_inverse import eliminate
from gossipsim.stream import generator

# interpreted, the elimination of a large graph takes minutes
pytestmark = [pytest.mark.needs_compiler, pytest.mark.slow]

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "rates.json").read_text())
GRID = Graph.build("grid", n=49, rows=7)


def wired(seed, n, extra):
    """Return a random connected graph."""
    random = generator(seed, "first order", n)
    pairs = {(int(random.integers(j)), j) for j in range(1, n)}
    for _ in range(extra):
        i, j = sorted(random.choice(n, 2, replace=False).tolist())
        pairs.add((i, j))
    return Graph.from_edges(sorted(pairs), n)


def drawn(seed, size):
    """Return positive numbers over two decades."""
    return np.exp(generator(seed, "first order", 0).normal(size=size))


def case(seed):
    g = wired(seed, 3 + seed % 30, seed % 47)
    lam, rho = drawn(seed, g.m), drawn(seed + 1, g.m)
    K = g.incidence() @ np.linalg.pinv(g.laplacian(lam).toarray()) @ g.incidence().T
    return g, lam, rho, K


@pytest.mark.parametrize("kind", [DenseNetwork, SparseNetwork])
@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_a_network_is_what_the_pseudo_inverse_says(kind, seed):
    g, lam, rho, K = case(seed)
    wires = kind(g)
    wires.set(lam)
    assert wires.resistance() == pytest.approx(np.diag(K), rel=1e-9)
    assert wires.spread(rho) == pytest.approx(K**2 @ rho, rel=1e-8)
    if kind is DenseNetwork:
        square = (np.linalg.pinv(g.laplacian(lam).toarray()) @ g.incidence().T.toarray()) ** 2
        assert wires.square() == pytest.approx(square.sum(axis=0), rel=1e-8)
    b = g.incidence().T.toarray()
    assert wires.solve(b) == pytest.approx(np.linalg.pinv(g.laplacian(lam).toarray()) @ b, abs=1e-8 * np.abs(b).sum())


def test_spread_is_minus_the_derivative_of_the_resistances():
    wires, lam, rho = SparseNetwork(GRID), drawn(1, GRID.m), drawn(2, GRID.m) - 0.5
    ends = []
    for step in (1e-5, -1e-5):
        wires.set(lam + step * rho)
        ends.append(wires.resistance())
    wires.set(lam)
    assert wires.spread(rho) == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-6, abs=1e-8)


def test_the_cheaper_network_is_taken_and_a_hopeless_graph_is_refused(monkeypatch):
    assert isinstance(network(GRID), SparseNetwork)
    assert isinstance(network(Graph.build("random_regular", n=800, degree=10, seed=1)), DenseNetwork)
    monkeypatch.setattr(eliminate, "__defaults__", (10,))
    assert isinstance(network(GRID), DenseNetwork)
    monkeypatch.setattr("gossipsim.optimal.electrical.DENSE", 10)
    with pytest.raises(Refused, match="n = 49, m = 84"):
        network(GRID)


@pytest.mark.parametrize("n", [6, 64, 400])
def test_low_modes_are_the_lowest_eigenpairs_repeated_ones_included(n):
    g = Graph.build("cycle", n=n)
    wires, modes = network(g), LowModes(n, 6)
    wires.set(np.ones(n))
    modes.follow(wires, tolerance=1e-8)
    k = np.arange(1, modes.k + 1)
    exact = 2 - 2 * np.cos(2 * np.pi * ((k + 1) // 2) / n)
    assert modes.values[:2] == pytest.approx(exact[:2], rel=1e-12)
    assert modes.values == pytest.approx(exact, rel=1e-6)
    modes.widen(4)
    modes.follow(wires, tolerance=1e-8)
    assert len(modes.values) == min(10, n - 1)
    assert modes.vectors.T @ modes.vectors == pytest.approx(np.eye(len(modes.values)), abs=1e-9)


@pytest.mark.parametrize("criterion", ["dadao", "fastest_mixing", "total_resistance"])
def test_the_smooth_demand_is_homogeneous_convex_and_has_that_slope(criterion):
    smoothing = Smoothing(Program.build(GRID, criterion))
    lam, other = drawn(3, GRID.m), drawn(4, GRID.m)
    at = smoothing.at(lam, 10.0)
    assert smoothing.at(3 * lam, 10.0).demand == pytest.approx(at.demand - np.log(3))
    assert at.slope @ lam == pytest.approx(-1)
    assert at.exact <= at.demand + 1e-12
    ahead, behind = (smoothing.at(lam + step * (other - lam), 10.0).demand for step in (1e-5, -1e-5))
    assert (ahead - behind) / 2e-5 == pytest.approx(at.slope @ (other - lam), rel=1e-5)
    assert smoothing.at(other, 10.0).demand >= at.demand + at.slope @ (other - lam) - 1e-6


@pytest.mark.parametrize("entry", REFERENCE["graphs"], ids=lambda entry: entry["name"])
def test_first_order_brackets_the_reference_values(entry):
    g = Graph.from_edges(entry["edges"], entry["n"])
    for criterion, key in [("dadao", "total"), ("fastest_mixing",) * 2, ("total_resistance",) * 2]:
        total = 2.5
        program = Program.build(g, criterion, total=total, tol=1e-3)
        found = first_order.solve(program)
        # lambda_2 is proportional to the total, resistances inversely; DADAO's demand does not know it
        scale = {"dadao": 1.0, "fastest_mixing": 1 / total, "total_resistance": total}[criterion]
        value, bound = evaluate(program, found.lam) * scale, found.bound * scale
        better, worse = sorted([value, bound])
        assert better <= entry[key] * (1 + 1e-8) + 1e-12, criterion
        assert worse >= entry[key] * (1 - 1e-8), criterion
        assert worse / better < 1.001, criterion


@pytest.mark.parametrize("entry", REFERENCE["limited"], ids=lambda entry: entry["name"])
def test_costs_and_limits_agree_with_the_reference(entry):
    g = Graph.from_edges(entry["edges"], entry["n"])
    cases = [
        ({"cost": entry["edge_costs"]}, entry["min_cost"]),
        ({"node_cap": entry["node_cap"]}, entry["total_with_node_cap"]),
        ({"edge_cap": entry["edge_cap"]}, entry["total_with_edge_cap"]),
    ]
    for limits, least in cases:
        program = Program.build(g, tol=5e-3, **limits)
        found = first_order.solve(program)
        spent = float(program.cost @ found.lam)
        assert found.bound <= least * (1 + 2e-6)
        assert least * (1 - 2e-6) <= spent <= found.bound * 1.005
        assert program.limits.excess(found.lam) <= 1e-9
        # the rates meet the condition: their own cost is what the criterion says or more
        assert evaluate(program, found.lam) <= spent * (1 + 1e-8)


@pytest.mark.parametrize(
    ("criterion", "limits"),
    [
        ("dadao", {"minimum": 0.4}),
        ("dadao", {"node_cap": 9.0, "minimum": 0.2}),
        ("dadao", {"edge_cap": 1.9}),
        ("dadao", {"linear": (np.eye(1, 84, 20) + np.eye(1, 84, 40), [3.0])}),
        ("fastest_mixing", {"node_cap": 0.06}),
        ("fastest_mixing", {"minimum": 0.005}),
        ("total_resistance", {"edge_cap": 0.013}),
    ],
)
def test_limits_of_every_kind_agree_with_the_interior_point(criterion, limits):
    program = Program.build(GRID, criterion, tol=3e-3, **limits)
    found, exact = first_order.solve(program), structured.solve(program)
    better, worse = sorted([found.bound, _worth(program, found.lam)])
    assert worse / better < 1.003
    assert program.limits.excess(found.lam) <= 1e-9
    assert better <= max(exact.bound, _worth(program, exact.lam))
    assert worse >= min(exact.bound, _worth(program, exact.lam))


def _worth(program, lam):
    return float(program.cost @ lam) if program.criterion == "dadao" else evaluate(program, lam)


@pytest.mark.parametrize(
    "g",
    [
        Graph.build("grid", n=100, rows=10),
        Graph.build("random_geometric", n=60, radius=0.25, seed=3),
        Graph.build("random_regular", n=80, degree=4, seed=1),
        Graph.build("barbell", n=50),
        wired(5, 120, 5),
    ],
    ids=["grid", "geometric", "regular", "barbell", "tree"],
)
def test_it_agrees_with_the_interior_point(g):
    cost = 0.5 + drawn(7, g.m) / 4
    program = Program.build(g, cost=cost, tol=2e-3)
    found, exact = first_order.solve(program), structured.solve(program)
    best = evaluate(program, exact.lam)
    assert found.bound <= best
    assert exact.bound <= evaluate(program, found.lam) <= found.bound * (1 + 2e-3)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_certificate_never_exceeds_any_feasible_rates(seed):
    g = wired(seed, 3 + seed % 12, seed % 17)
    program = Program.build(g, cost=drawn(seed + 2, g.m), tol=3e-2)
    found = first_order.solve(program)
    for lam in (drawn(seed, g.m), np.ones(g.m), found.lam):
        assert found.bound <= evaluate(program, lam) * (1 + 1e-10)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_repaired_multipliers_never_prove_too_much(seed):
    lam = drawn(seed, GRID.m)
    meets = lam * evaluate(Program.build(GRID), lam) / lam.sum()
    node = np.bincount(GRID.edges.ravel(), np.repeat(meets, 2), GRID.n)
    # limits that these rates meet, most of them barely
    program = Program.build(GRID, node_cap=node * 1.01, edge_cap=meets * 1.01, minimum=meets * 0.9)
    point = Smoothing(program).at(meets, 50.0)
    nu = generator(seed, "multipliers", 0).random(len(program.B)) * 0.1
    found, raised = Repair(program).bound(point.x, point.y, nu)
    assert (raised >= nu).all()
    assert found <= meets.sum() * (1 + 1e-10)


def test_progress_is_told_and_an_unreached_gap_is_put_into_words():
    told = []
    found = first_order.solve(Program.build(GRID, tol=1e-15), lambda fraction, text: told.append((fraction, text)))
    assert "stopped narrowing the gap at" in found.words
    assert len(told) == found.iterations
    fractions = [fraction for fraction, _ in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


def test_two_nodes():
    program = Program.build(Graph.build("path", n=2), tol=1e-6)
    found = first_order.solve(program)
    assert found.lam == pytest.approx([np.sqrt(0.5)])
    assert found.bound == pytest.approx(np.sqrt(0.5))


def test_what_it_does_not_serve_is_refused(monkeypatch):
    with pytest.raises(Refused, match="averaging_time"):
        first_order.solve(Program.build(GRID, "averaging_time"))
    with pytest.raises(Refused, match="leave none"):
        first_order.solve(Program.build(Graph.build("path", n=5), node_cap=0.1, tol=1e-2))
    monkeypatch.setattr("gossipsim.optimal.smoothing.DENSE", 10)
    with pytest.raises(Refused, match="total_resistance needs a dense inverse"):
        first_order.solve(Program.build(GRID, "total_resistance"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("g", "gap"),
    [
        (Graph.build("grid", n=1024, rows=32), 3e-4),
        (Graph.build("grid", n=4900, rows=70), 1e-3),
        (Graph.build("random_geometric", n=1000, radius=0.055, seed=1), 3e-3),
    ],
    ids=["grid-1024", "grid-4900", "geometric-1000"],
)
def test_large_graphs_reach_small_proved_gaps(g, gap):
    program = Program.build(g, tol=gap)
    found = first_order.solve(program)
    assert evaluate(program, found.lam) <= found.bound * (1 + gap)
