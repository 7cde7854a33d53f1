"""Laws of the oracles, compiled or not: conjugates invert gradients, proximal points are optimal, estimates are unbiased."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.engines.interpreted import InterpretedVerbs
from gossipsim.engines.verbs import CompiledVerbs

PROBLEMS = {
    "quadratic": {"name": "quadratic", "dim": 3, "mu": 0.5, "L": 20.0},
    "linear_regression": {"name": "linear_regression", "synthetic": {"samples": 9, "dim": 3}},
    "ridge": {"name": "linear_regression", "l2": 0.7, "synthetic": {"samples": 2, "dim": 3}},
    "logistic_regression": {"name": "logistic_regression", "l2": 0.3, "synthetic": {"samples": 9, "dim": 3}},
    "stiff": {"name": "logistic_regression", "l2": 1e-3, "synthetic": {"samples": 40, "dim": 3}},
}
RUNNERS = {"compiled": CompiledVerbs, "interpreted": InterpretedVerbs}


def world(method, problem, n=5, **more):
    given = {"topology": {"name": "star", "n": n}, "problem": problem, "method": method, "run": {"time": 1}, "seed": 2}
    return gs.World.build(gs.Scenario.parse(given | more))


def objective(problem):
    return world("gossip", PROBLEMS[problem]).objective


def answer(f, i, y, rho):
    """Return the oracle's answer, its kernel called as ordinary Python."""
    rows, first = f.inverse
    out = np.empty(f.dim)
    type(f.problem).resolvent(f.record, rows[first[i] : first[i + 1]], y, rho, out)
    return out


def gradient(f, i, x):
    return f.local_gradients(np.broadcast_to(x, (f.n, f.dim)))[i]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_conjugate_is_the_inverse_of_the_gradient(problem):
    f, rng = objective(problem), np.random.default_rng(1)
    for size in (1e-6, 1e-2, 1.0, 30.0):
        for i in range(f.n):
            y = size * rng.standard_normal(f.dim)
            x = answer(f, i, y, 0.0)
            assert np.abs(gradient(f, i, x) - y).max() < 1e-10 * max(np.abs(y).max(), f.mu * np.abs(x).max())
            # and back: a point is the conjugate's gradient at its own gradient
            point = rng.standard_normal(f.dim)
            g = gradient(f, i, point)
            slack = np.abs(g).max() / f.mu
            assert np.abs(answer(f, i, g, 0.0) - point).max() < 1e-10 * (np.abs(point).max() + slack)


@pytest.mark.parametrize("rho", [1e-3, 0.1, 1.0, 50.0])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_proximal_point_is_optimal(problem, rho):
    f, rng = objective(problem), np.random.default_rng(2)
    for i in range(f.n):
        v = rng.standard_normal(f.dim)
        x = answer(f, i, rho * v, rho)
        left = gradient(f, i, x) + rho * (x - v)
        assert np.abs(left).max() < 1e-10 * (np.abs(gradient(f, i, np.zeros(f.dim))).max() + rho * np.abs(v).max())


@pytest.mark.parametrize("rho", [0.3, 5.0])
def test_proximal_maps_do_not_expand_and_contract_by_strong_convexity(rho):
    f, rng = objective("logistic_regression"), np.random.default_rng(3)
    for i in range(f.n):
        u, v = rng.standard_normal((2, f.dim))
        a, b = answer(f, i, rho * u, rho), answer(f, i, rho * v, rho)
        assert np.linalg.norm(a - b) <= rho / (rho + f.mu) * np.linalg.norm(u - v) * (1 + 1e-12)


@pytest.mark.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "problem"),
    [("ad_psgd", "linear_regression"), ("d_admm", "linear_regression"), ("ssda", "logistic_regression")],
)
def test_compiled_and_interpreted_oracles_agree(method, problem):
    w = world(method, PROBLEMS[problem], init="normal")
    answers = []
    for runner in RUNNERS.values():
        verbs = runner(w)
        for i in range(w.graph.n):
            assert verbs.query(i, 0.0)
            verbs.oracle(i)
            verbs.step(i, 0.0)
        answers.append(verbs.nodes.copy())
    for name in w.method.vectors():
        np.testing.assert_allclose(answers[0][name], answers[1][name], rtol=1e-11, atol=1e-12)


def estimates(problem, sampling, count):
    """Return `count` estimates of every node's gradient at its start `(count, n, d)`, and the exact gradients."""
    w = world("d_psgd", PROBLEMS[problem], init="normal", sampling=sampling)
    verbs = InterpretedVerbs(w)
    found = np.empty((count, w.graph.n, w.objective.dim))
    for k in range(count):
        for i in range(w.graph.n):
            verbs.query(i, 0.0)
            verbs.oracle(i)
            found[k, i] = verbs.g
    return found, w.objective.local_gradients(w.start_rows()["x"])


def distance_in_errors(sample, exact):
    error = sample.std(axis=0, ddof=1) / np.sqrt(len(sample))
    return np.abs(sample.mean(axis=0) - exact) / error


@pytest.mark.parametrize("problem", ["linear_regression", "logistic_regression"])
def test_minibatches_are_unbiased_and_their_variance_falls_with_the_batch(problem):
    one, exact = estimates(problem, {"batch": 1}, 800)
    four, _ = estimates(problem, {"batch": 4}, 800)
    assert distance_in_errors(one, exact).max() < 4.5
    assert distance_in_errors(four, exact).max() < 4.5
    assert one.var(axis=0).sum() / four.var(axis=0).sum() == pytest.approx(4.0, rel=0.2)


def test_noise_has_its_variance_and_is_independent():
    sample, exact = estimates("quadratic", {"noise": 0.3}, 1500)
    noise = (sample - exact).reshape(1500, -1)
    assert distance_in_errors(sample, exact).max() < 4.5
    # the variance of 1500 normal numbers has a standard error of 3.7 %
    assert noise.var(axis=0) == pytest.approx(0.09, rel=0.17)
    correlation = np.corrcoef(noise.T) - np.eye(noise.shape[1])
    assert np.abs(correlation).max() < 0.12
    assert np.abs(np.mean(noise[1:] * noise[:-1])) < 0.09 * 4 / np.sqrt(noise.size)


def test_an_estimate_depends_on_seed_node_and_number_only():
    s = {"batch": 2, "noise": 0.1}
    np.testing.assert_array_equal(estimates("linear_regression", s, 5)[0], estimates("linear_regression", s, 5)[0])
    few, many = (estimates("linear_regression", s, k)[0] for k in (3, 6))
    np.testing.assert_array_equal(few, many[:3])


def test_a_problem_without_strong_convexity_has_no_conjugates():
    with pytest.raises(gs.Refused, match="strongly convex"):
        world("ssda", {"name": "logistic_regression", "l2": 0.0, "synthetic": {"samples": 9, "dim": 3}})
