"""Least squares with more samples than dimensions: gradients come from the normal equations, and are the same gradients."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import gossipsim as gs
from gossipsim.kernels import kernel
from gossipsim.problems import Problem, linear_regression, synthetic
from gossipsim.problems.affine import affine_gradient
from gossipsim.problems.condensed import NormalEquations
from gossipsim.problems.linear_regression import LinearRegression


def objective(samples, dim, n=5, seed=1, l2=0.25):
    synthetic = {"samples": samples, "dim": dim}
    return Problem.parse({"name": "linear_regression", "l2": l2, "synthetic": synthetic}).build(n, seed)


@given(samples=st.integers(1, 12), dim=st.integers(1, 6), n=st.integers(1, 5), seed=st.integers(0, 99))
def test_both_oracles_give_the_gradient(samples, dim, n, seed):
    f = objective(samples, dim, n, seed)
    X = np.random.default_rng(seed).standard_normal((n, dim))
    found, expected = np.empty((n, dim)), f.local_gradients(X)
    for oracle in (f.full_oracle, f.sampled_oracle):
        for i in range(n):
            oracle.kernel(f.record, oracle.rows[oracle.first[i] : oracle.first[i + 1]], X[i], found[i])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    assert (f.full_oracle.kernel is affine_gradient) == (samples > dim)
    assert f.full_oracle.rows.nbytes <= f.samples.nbytes


def test_shards_of_different_sizes():
    f = Problem.parse(
        {"name": "linear_regression", "dataset": "diabetes", "partition": {"name": "dirichlet", "alpha": 0.5}}
    )
    f = f.build(6, 2)
    assert len(set(f.counts.tolist())) > 1
    H, b = np.empty((6, f.dim, f.dim)), np.empty((6, f.dim))
    LinearRegression.normal_equations(f.problem, f, H, b)
    X = np.random.default_rng(3).standard_normal((6, f.dim))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", H, X) - b, f.local_gradients(X), rtol=1e-11, atol=1e-12)


def scenario(samples=9, dim=2, **more):
    return gs.Scenario.parse(
        {
            "topology": {"name": "cycle", "n": 4},
            "problem": {"name": "linear_regression", "l2": 0.5, "synthetic": {"samples": samples, "dim": dim}},
            "method": "d_psgd",
            "run": {"time": 5},
        }
        | more
    )


@pytest.mark.parametrize(
    ("settings", "condensed"),
    [
        ({}, True),
        ({"sampling": {"batch": 2}}, False),
        ({"sampling": {"noise": 0.1}}, True),
        ({"method": "gossip"}, False),
        ({"method": "msda"}, False),
    ],
    ids=["full", "minibatch", "noise", "no gradients", "conjugate"],
)
def test_who_reads_the_samples(settings, condensed):
    world = gs.World.build(scenario(**settings))
    assert (world.gradients.kernel is affine_gradient) == condensed
    assert len(world.gradients.rows) == (8 if condensed else 36)


def test_another_gradient_has_other_normal_equations_or_none():
    class Doubled(LinearRegression):
        @kernel
        def gradient(q, samples, x, out):
            out[:] = 2.0 * x

    f = Doubled.read({"synthetic": {"samples": 9, "dim": 2}}).build(4, 0)
    assert f.full_oracle.kernel is Doubled.gradient


def test_large_data_are_never_held_whole(monkeypatch):
    monkeypatch.setattr(synthetic, "BLOCK", 60)  # two nodes at a time
    f = objective(9, 3, n=5)
    lean = NormalEquations(l2=0.25, synthetic=f.problem.synthetic).build(5, 1)
    assert lean.samples.tobytes() == f.full_oracle.rows.tobytes()
    assert (lean.L_i.tobytes(), lean.mu_i.tobytes()) == (f.L_i.tobytes(), f.mu_i.tobytes())
    np.testing.assert_allclose(lean.optimum.x, f.optimum.x, rtol=1e-13)
    points = np.random.default_rng(2).standard_normal((4, 3))
    for name in ("values", "gaps"):
        np.testing.assert_allclose(getattr(lean, name)(points), getattr(f, name)(points), rtol=1e-12)
    assert lean.problem.name == f.problem.name


@pytest.mark.parametrize("method", ["dadao", "d_psgd", pytest.param("msda", marks=pytest.mark.slow)])
def test_a_run_on_large_data_is_the_same_run(method, monkeypatch):
    given = scenario(dim=3, method=method, record={"metrics": ["error", "consensus", "gap"]})
    whole = gs.simulate(given)
    monkeypatch.setattr(linear_regression, "LARGE", 100)
    assert isinstance(gs.World.build(given).objective.problem, NormalEquations)
    lean = gs.simulate(given)
    for name, column in whole.columns.items():
        np.testing.assert_allclose(lean.columns[name], column, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("problem", "more"),
    [
        ({}, {"sampling": {"batch": 2}}),
        ({"partition": "iid"}, {}),
        ({"intercept": True}, {}),
        ({"features": "standardize"}, {}),
        ({"synthetic": {"samples": 3, "dim": 3}}, {}),
    ],
    ids=["minibatch", "dealt anew", "intercept", "scaled", "few samples"],
)
def test_who_needs_large_data_whole(problem, more, monkeypatch):
    monkeypatch.setattr(linear_regression, "LARGE", 1)
    given = {"name": "linear_regression", "l2": 0.5, "synthetic": {"samples": 9, "dim": 2}} | problem
    assert type(gs.World.build(scenario(problem=given, **more)).objective.problem) is LinearRegression


def test_a_server_has_no_rows():
    server = {"topology": {"name": "star", "n": 4}, "method": "ef21", "compressor": {"name": "top_k", "k": 1}}
    world = gs.World.build(scenario(samples=5, **server, run={"rounds": 3}))
    assert world.gradients.first.tolist() == [0, 0, 2, 4, 6]
