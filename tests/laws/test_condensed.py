"""Least squares with more samples than dimensions: gradients come from the normal equations, and are the same gradients."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import gossipsim as gs
from gossipsim.kernels import kernel
from gossipsim.problems import Problem
from gossipsim.problems.affine import affine_gradient
from gossipsim.problems.linear_regression import LinearRegression
from gossipsim.simulation import simulate_world


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


@pytest.mark.needs_compiler
def test_samples_are_given_up_and_made_again(monkeypatch):
    monkeypatch.setattr("gossipsim.problems.base.WORTH_FREEING", 100)
    given = scenario(dim=3, method="dadao")
    world = gs.World.build(given)
    kept = world.objective.samples
    lean = simulate_world(world)
    assert "samples" not in vars(world.objective), "nor did the run ask for them again"
    assert world.objective.samples is not kept
    assert world.objective.samples.tobytes() == kept.tobytes()
    monkeypatch.undo()
    whole = gs.simulate(given)
    for name, column in whole.columns.items():
        assert column.tobytes() == lean.columns[name].tobytes()


def test_a_server_has_no_rows():
    server = {"topology": {"name": "star", "n": 4}, "method": "ef21", "compressor": {"name": "top_k", "k": 1}}
    world = gs.World.build(scenario(samples=5, **server, run={"rounds": 3}))
    assert world.gradients.first.tolist() == [0, 0, 2, 4, 6]
