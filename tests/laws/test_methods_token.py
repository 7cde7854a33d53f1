"""What is known exactly about the walks of tokens: their chains, their stationary laws, their importance weights."""

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gossipsim as gs
from gossipsim.engines.interpreted import InterpretedVerbs
from gossipsim.errors import ScenarioError
from gossipsim.methods import sa_srrw
from gossipsim.methods.walks import metropolis
from gossipsim.stream import generator

sys.path.insert(0, str(Path(__file__).parents[1] / "naive"))
from token_versions import metropolis_matrix, repelled, simple_matrix, stationary

pytestmark = pytest.mark.slow  # every method is compiled

WALKS = ["mh_walk", "simple_walk", "non_backtracking_walk", "sa_srrw"]
GRAPHS = {
    "star": {"name": "star", "n": 7},
    "barbell": {"name": "barbell", "n": 8},
    "random": {"name": "erdos_renyi", "n": 12, "p": 0.4, "seed": 3},
    "cycle": {"name": "cycle", "n": 6},
}


def scenario(topology, method, **more):
    problem = {"name": "quadratic", "dim": 2}
    return gs.Scenario.parse(
        {"topology": topology, "problem": problem, "method": method, "run": {"events": 1000}, "seed": 2} | more
    )


def chain(topology, base):
    graph = gs.Graph.build(**topology)
    if base == "metropolis":
        return metropolis_matrix(graph), np.full(graph.n, 1 / graph.n)
    return simple_matrix(graph), graph.degree / graph.degree.sum()


def measures(n):
    return st.lists(st.floats(0.02, 1.0), min_size=n, max_size=n).map(lambda w: np.array(w) / sum(w))


# The self-repellent chain


@pytest.mark.parametrize("base", ["metropolis", "simple"])
@pytest.mark.parametrize("graph", GRAPHS)
@given(data=st.data(), alpha=st.sampled_from([0.0, 1.0, 2.0, 5.0, 10.0, 20.0]))
@settings(max_examples=10, deadline=None)
def test_the_stationary_law_is_stationary(graph, base, data, alpha):
    P, mu = chain(GRAPHS[graph], base)
    x = data.draw(measures(len(mu)))
    K, pi = repelled(P, x, mu, alpha), stationary(P, x, mu, alpha)
    assert np.abs(pi @ K - pi).max() <= 1e-15
    flow = pi[:, None] * K
    assert np.abs(flow - flow.T).max() <= 1e-15, "the chain is reversible"


@pytest.mark.parametrize("base", ["metropolis", "simple"])
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0, 20.0])
def test_the_linearisation_at_the_target_has_the_known_eigenvalues(graph, base, alpha):
    """pi[x] - x has on the simplex, at mu, the eigenvalues -(alpha (1 + lambda) + 1), lambda the others than 1 of P."""
    P, mu = chain(GRAPHS[graph], base)
    n, h = len(mu), 1e-6
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0][:, 1:]
    plus, minus = ([stationary(P, mu + s * h * v, mu, alpha) for v in basis.T] for s in (1, -1))
    jacobian = basis.T @ ((np.array(plus) - np.array(minus)).T / (2 * h)) - np.eye(n - 1)
    root = np.sqrt(mu)
    spectrum = np.linalg.eigvalsh(root[:, None] * P / root[None, :])[:-1]
    found = np.sort(np.linalg.eigvals(jacobian).real)
    np.testing.assert_allclose(found, np.sort(-(alpha * (1 + spectrum) + 1)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("base", ["metropolis", "simple"])
def test_the_target_is_the_fixed_point(base):
    for topology in GRAPHS.values():
        P, mu = chain(topology, base)
        np.testing.assert_allclose(stationary(P, mu, mu, 7.0), mu, rtol=1e-14)
        np.testing.assert_allclose(repelled(P, mu, mu, 7.0), P, rtol=0, atol=1e-15)


# The verbs against the chain


class Spinner:
    """The verbs of a world, with a uniform number that is chosen."""

    def __init__(self, topology, method, monkeypatch, module):
        self.world = gs.World.build(scenario(topology, method))
        self.verbs = InterpretedVerbs(self.world)
        self.u = 0.5
        monkeypatch.setattr(module, "uniform", lambda draw, k: self.u)

    def node(self, i, u):
        """Return the node that i passes the token to when its random number is u."""
        self.u = u
        slot = self.verbs.route(i, 0.0, 0)
        return i if slot < 0 else int(self.world.graph.nbr[self.world.graph.ptr[i] + slot])

    def obeys(self, i, row):
        """Whether the intervals of u that lead to the neighbours, and last to i itself, have the lengths in the row."""
        graph, low = self.world.graph, 0.0
        for j in [*graph.nbr[graph.ptr[i] : graph.ptr[i + 1]], i]:
            if row[j] > 1e-11 and not self.node(i, low + 1e-12) == self.node(i, low + row[j] - 1e-12) == j:
                return False
            low += row[j]
        return abs(low - 1.0) < 1e-12


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("alpha", [0.0, 2.0, 20.0])
@pytest.mark.parametrize("base", ["metropolis", "simple"])
def test_a_node_routes_by_the_self_repellent_kernel(graph, alpha, base, monkeypatch):
    P, mu = chain(GRAPHS[graph], base)
    spin = Spinner(GRAPHS[graph], {"name": "sa_srrw", "alpha": alpha, "base": base}, monkeypatch, sa_srrw)
    x = generator(1, "test", graph).dirichlet(np.full(len(mu), 3.0))
    spin.verbs.nodes.visits[:] = np.log(x / mu) + 900.0  # the scale is common to all, and drops out
    spin.verbs.links.visits[:] = spin.verbs.nodes.visits[spin.world.graph.nbr]
    K = repelled(P, x, mu, alpha)
    assert all(spin.obeys(i, K[i]) for i in range(len(mu)))


@pytest.mark.parametrize("alpha", [20.0, 1e6])
def test_weights_neither_overflow_nor_vanish(alpha, monkeypatch):
    """The hub goes to the leaf that was never there, and stays off the others, 20 * 3000 powers of e away."""
    spin = Spinner(GRAPHS["star"], {"name": "sa_srrw", "alpha": alpha}, monkeypatch, sa_srrw)
    spin.verbs.links.visits[:] = np.linspace(1500.0, -1500.0, 12)
    assert {spin.node(0, u) for u in (1e-9, 0.3, 1 - 1e-9)} == {6}


def test_without_repulsion_it_is_the_base_walk():
    for topology in GRAPHS.values():
        for base, plain in (("metropolis", "mh_walk"), ("simple", "simple_walk")):
            few = {"run": {"events": 150}}
            walk = gs.simulate(scenario(topology, plain, **few))
            repellent = {"name": "sa_srrw", "alpha": 0.0, "base": base}
            same = gs.simulate(scenario(topology, repellent, **few))
            assert walk.final["x"].tobytes() == same.final["x"].tobytes()


@pytest.mark.parametrize("a", [0.55, 0.8, 1.0])
@pytest.mark.parametrize("base", ["metropolis", "simple"])
def test_the_measure_stays_on_the_simplex_and_is_the_recursion(a, base):
    s = scenario(GRAPHS["barbell"], {"name": "sa_srrw", "a": a, "base": base}, run={"events": 1500})
    final = gs.simulate(s).final
    mu = np.exp(final["log_target"])
    assert abs(mu.sum() - 1.0) <= 1e-14
    scale = final["log_scale"][np.argmax(final["hop"])]
    k = np.arange(1500)
    assert abs(scale - np.log1p(-((k + 2.0) ** -a)).sum()) <= 1e-10 * abs(scale)
    x = mu * np.exp(final["visits"] + scale)
    assert (x > 0.0).all()
    assert abs(x.sum() - 1.0) <= 1e-11


def test_a_long_walk_with_quickly_fading_visits_stays_sound():
    """log s is about -1000 here: s itself, and the counts that it multiplies, would be no numbers."""
    s = scenario(GRAPHS["star"], {"name": "sa_srrw", "a": 0.51, "alpha": 20.0}, run={"events": 300_000})
    trace = gs.simulate(s)
    final = trace.final
    scale = final["log_scale"][np.argmax(final["hop"])]
    assert scale < -900.0
    x = np.exp(final["log_target"] + final["visits"] + scale)
    assert abs(x.sum() - 1.0) <= 1e-9
    assert trace.status == "finished"


# The other walks


def test_metropolis_weights_never_stay_where_there_is_no_rest():
    move, stay = metropolis(gs.Graph.build("cycle", n=7))
    assert (stay == 0.0).all()
    graph = gs.Graph.build("star", n=50)
    move, stay = metropolis(graph)
    rows = np.bincount(np.repeat(np.arange(50), graph.degree), move, minlength=50) + stay
    np.testing.assert_allclose(rows, 1.0, rtol=0, atol=1e-14)


def visits(topology, method, hops):
    """Return the nodes that the token saw, hop by hop."""
    world = gs.World.build(scenario(topology, method))
    verbs, graph = InterpretedVerbs(world), world.graph
    announces, arcs = world.method.announces, list(zip(graph.ptr, graph.ptr[1:], strict=False))
    i, came, seen = 0, -1, []
    for k in range(hops):
        if came >= 0:
            verbs.receive(i, came, 0.0, 0)
        verbs.step(i, 0.0)
        if announces is not None:
            verbs.links[announces][graph.reverse[slice(*arcs[i])]] = verbs.nodes[announces][i]
        seen.append(i)
        slot, came = verbs.route(i, 0.0, k), -1
        if slot >= 0:
            verbs.message(i, slot, 0.0, 0)
            at = graph.ptr[i] + slot
            i, came = int(graph.nbr[at]), int(graph.reverse[at] - graph.ptr[graph.nbr[at]])
    return seen


def test_the_walk_of_this_file_is_that_of_the_engine():
    for method in WALKS:
        s = scenario(GRAPHS["random"], method, run={"events": 120})
        last = np.zeros(12)
        for k, i in enumerate(visits(GRAPHS["random"], method, 120)):
            last[i] = k + 1
        np.testing.assert_array_equal(gs.simulate(s).final["at"], last)


def test_a_non_backtracking_walk_only_turns_at_dead_ends():
    for topology in (*GRAPHS.values(), {"name": "path", "n": 5}, {"name": "lollipop", "n": 8}):
        degree = gs.Graph.build(**topology).degree
        seen = visits(topology, "non_backtracking_walk", 300)
        turns = {b for a, b, c in zip(seen, seen[1:], seen[2:], strict=False) if a == c}
        assert turns <= set(np.flatnonzero(degree == 1))
        assert all(a != b for a, b in pairwise(seen))


@pytest.mark.parametrize("graph", ["star", "random"])
@pytest.mark.parametrize("method", WALKS)
def test_visits_times_importance_are_alike(graph, method):
    """Nodes are visited as often as the target says; batches give the interval."""
    s = scenario(GRAPHS[graph], method)
    world = gs.World.build(s)
    importance, batches, length = world.start()[0].importance, 40, 40
    counts = np.array([
        [Counter(part)[i] for i in range(world.graph.n)]
        for part in np.array(visits(GRAPHS[graph], method, batches * length)).reshape(batches, length)
    ]) / length  # fmt: skip
    shares = counts * importance
    error = shares.std(axis=0, ddof=1) / np.sqrt(batches) + 1.0 / (batches * length)
    assert (np.abs(shares.mean(axis=0) - 1 / world.graph.n) <= 4.5 * error).all()
    assert abs((counts.mean(axis=0) * importance).sum() - 1.0) < 0.1


@pytest.mark.parametrize("method", [*WALKS, {"name": "sa_srrw", "base": "simple"}], ids=str)
def test_the_token_takes_the_step_sizes_of_the_theory(method):
    """f_i = |x|^2 / 2 everywhere, from ones: the point is the product of all 1 - b_n w_i."""
    options = {"name": method} if isinstance(method, str) else method
    problem = {"name": "quadratic", "dim": 2, "spread": 0.0}
    complete = {"name": "complete", "n": 5}
    for settings_, steps in (
        ({"b": 0.7}, (np.arange(100) + 2.0) ** -0.7),
        ({"lr": 0.01}, np.full(100, 0.01)),
        ({"b": 0.7, "cap": 0.05}, np.minimum((np.arange(100) + 2.0) ** -0.7, 0.05)),
    ):
        s = scenario(complete, options | settings_, problem=problem, init="normal", run={"events": 100})
        start = gs.World.build(s).start_rows()["x"][0]
        trace = gs.simulate(s)
        np.testing.assert_allclose(trace.final["primal"][0], start * np.prod(1 - steps), rtol=1e-11)


def test_no_step_is_longer_than_the_cap_even_at_a_leaf():
    """Without it the first steps, times an importance of up to half of n, would throw the point away."""
    problem = {"name": "quadratic", "dim": 2, "mu": 40.0, "L": 400.0}
    for method in WALKS:
        trace = gs.simulate(scenario({"name": "lollipop", "n": 16}, method, problem=problem, run={"events": 200}))
        assert trace.columns["error"].max() < 20.0 * max(trace.columns["error"][0], 1.0)


@pytest.mark.parametrize("key", ["a", "b"])
@pytest.mark.parametrize("value", [0.5, 1.01])
def test_exponents_outside_the_theory_are_refused(key, value):
    with pytest.raises(ScenarioError, match=r"0\.5|at most 1"):
        scenario(GRAPHS["star"], {"name": "sa_srrw", key: value})


@pytest.mark.parametrize("method", WALKS)
def test_what_a_hop_costs(method):
    """The point, the number of hops and, for sa_srrw, the scale; besides, its count for every neighbour."""
    s = scenario(GRAPHS["random"], method, run={"events": 100}, wire={"float_bits": 1})
    columns, degree = gs.simulate(s).columns, gs.Graph.build(**GRAPHS["random"]).degree
    seen = visits(GRAPHS["random"], method, 101)
    moves = sum(a != b for a, b in pairwise(seen))
    announced = int(degree[seen[:-1]].sum()) if method == "sa_srrw" else 0
    assert columns["activations"][-1] == moves
    assert columns["messages"][-1] == moves + announced
    assert columns["bits"][-1] == moves * (2 + 1 + (method == "sa_srrw")) + announced
    assert columns["gradients"][-1] == 100
