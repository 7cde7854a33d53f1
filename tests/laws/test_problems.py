"""Objectives against their kernels, finite differences, closed forms and reference minimisers."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import Refused, ScenarioError
from gossipsim.kernels import kernel
from gossipsim.problems import Objective, Problem, optimum, spectra
from gossipsim.problems.base import rows

DATA = Path(__file__).parents[1] / "data"


def rng(seed=0):
    return np.random.default_rng(seed)


def uneven(tmp_path, signs, counts=(1, 4, 9, 2, 30), d=3):
    """An npz file with shards of unequal sizes."""
    blocks = {}
    for i, m in enumerate(counts):
        blocks[f"data_{i}"] = rng(i).standard_normal((m, d))
        labels = rng(100 + i).standard_normal(m)
        blocks[f"labels_{i}"] = np.where(labels > 0, 1, -1) if signs else labels
    np.savez(tmp_path / "shards.npz", **blocks)
    return str(tmp_path / "shards.npz")


@pytest.fixture(params=["quadratic", "quadratic1", "linear", "linear_uneven", "logistic", "logistic_uneven"])
def objective(request, tmp_path):
    name = request.param
    if name.startswith("quadratic"):
        d = 1 if name == "quadratic1" else 4
        return Problem.parse({"name": "quadratic", "dim": d, "mu": 0.5, "L": 8.0, "spread": 2.0}).build(5, 3)
    kind = name.split("_")[0] + "_regression"
    if name.endswith("uneven"):
        return Problem.parse({"name": kind, "file": uneven(tmp_path, kind[1] == "o"), "l2": 0.3}).build(5, 3)
    return Problem.parse({"name": kind, "synthetic": {"samples": 20, "dim": 3}, "l2": 0.3}).build(5, 3)


def test_kernel_is_the_local_gradient(objective):
    X = rng(1).standard_normal((objective.n, objective.dim))
    out = np.empty((objective.n, objective.dim))
    for i in range(objective.n):
        objective.problem.gradient(objective.record, objective.shard(i), X[i], out[i])
    np.testing.assert_allclose(objective.local_gradients(X), out, rtol=1e-12, atol=1e-12 * np.abs(out).max())
    x = X[0]
    np.testing.assert_allclose(objective.gradient(x), objective.local_gradients(x).mean(axis=0), rtol=1e-11)


def test_gradient_is_the_slope_of_the_value(objective):
    x, h = rng(2).standard_normal(objective.dim), 1e-5
    slopes = [(objective.value(x + e) - objective.value(x - e)) / (2 * h) for e in h * np.eye(objective.dim)]
    np.testing.assert_allclose(objective.gradient(x), slopes, rtol=1e-6, atol=1e-6 * objective.L)
    points = rng(3).standard_normal((6, objective.dim))
    np.testing.assert_allclose(objective.values(points), [objective.value(point) for point in points], rtol=1e-12)


def test_gaps_are_differences_of_values_without_their_rounding(objective):
    best = objective.optimum
    points = best.x + rng(4).standard_normal((6, objective.dim))
    found = objective.gaps(points)
    np.testing.assert_allclose(found, objective.values(points) - best.value, rtol=1e-10)
    assert found.tobytes() == b"".join(objective.gaps(point[None]).tobytes() for point in points)
    near = objective.gaps(best.x + 1e-9 * rng(5).standard_normal((6, objective.dim)))
    if objective.problem.quadratic:
        assert (near > 0).all()
        assert near.max() <= objective.L * objective.dim * 1e-17


def test_hessians_are_slopes_of_the_gradient(objective):
    x, v = rng(4).standard_normal((2, objective.dim))
    problem, nodes = objective.problem, np.array([3, 1])
    H = problem.hessian(objective, x)
    naive = Problem.hessian(problem, objective, x)
    np.testing.assert_allclose(H, naive, rtol=1e-6, atol=1e-6 * objective.L)
    np.testing.assert_allclose(problem.hessian_product(objective, x, v), H @ v, rtol=1e-10)
    np.testing.assert_allclose(Problem.hessian_product(problem, objective, x, v), H @ v, rtol=1e-5, atol=1e-5)
    local = problem.local_hessians(objective, np.stack([x, v]), nodes)
    naive = Problem.local_hessians(problem, objective, np.stack([x, v]), nodes)
    np.testing.assert_allclose(local, naive, rtol=1e-10, atol=1e-12)


def test_mu_and_L_bound_every_node(objective):
    """For linear problems they are the extreme eigenvalues; for logistic ones no Hessian leaves [mu_i, L_i]."""
    X = 3 * rng(5).standard_normal((objective.n, objective.dim))
    w = np.linalg.eigvalsh(objective.problem.local_hessians(objective, X, np.arange(objective.n)))
    assert (w[:, 0] >= objective.mu_i * (1 - 1e-9)).all()
    assert (w[:, -1] <= objective.L_i * (1 + 1e-12)).all()
    if objective.problem.quadratic:
        np.testing.assert_allclose(w[:, 0], objective.mu_i, rtol=1e-9)
        np.testing.assert_allclose(w[:, -1], objective.L_i, rtol=1e-12)
    else:
        w = np.linalg.eigvalsh(objective.problem.local_hessians(objective, 0 * X, np.arange(objective.n)))
        np.testing.assert_allclose(w[:, -1], objective.L_i, rtol=1e-12)


def test_optimum(objective):
    best = objective.optimum
    scale = objective.L * np.linalg.norm(best.x) + np.linalg.norm(objective.gradient(np.zeros(objective.dim)))
    assert best.residual <= 1e-14 * scale
    assert np.linalg.norm(objective.gradient(best.x)) <= 1e-13 * scale
    assert best.value == objective.value(best.x)
    for step in rng(6).standard_normal((10, objective.dim)):
        assert objective.value(best.x + 1e-3 * step) > best.value


def test_local_optima(objective):
    X = objective.local_optima
    scale = objective.L * np.abs(X).max() + np.abs(objective.local_gradients(0 * X)).max()
    assert np.linalg.norm(objective.local_gradients(X), axis=1).max() <= 1e-13 * scale
    single = np.stack([objective.part(np.array([i])).optimum.x for i in range(objective.n)])
    np.testing.assert_allclose(X, single, rtol=1e-9, atol=1e-12 * np.abs(X).max())


def test_reference_linear():
    """A minimiser of an independent implementation, computed to near machine precision."""
    with np.load(DATA / "reference_linear.npz") as known:
        f = Problem.parse({"name": "linear_regression", "file": str(DATA / "reference_linear.npz")}).build(8, 0)
        np.testing.assert_allclose(f.optimum.x, known["x_star_exact"], rtol=1e-12, atol=0)
        np.testing.assert_allclose([f.mu, f.L], [known["mu"], known["L"]], rtol=1e-12)


def test_reference_logistic(tmp_path):
    with np.load(DATA / "reference_logistic_a.npz") as a, np.load(DATA / "reference_logistic_b.npz") as b:
        data, labels = (np.concatenate([a[key], b[key]]) for key in ("data", "labels"))
        star, mu, trace_bound = a["x_star_exact"], float(a["mu"]), float(a["L"])
    np.savez(tmp_path / "known.npz", data=data, labels=labels)
    f = Problem.parse({"name": "logistic_regression", "file": str(tmp_path / "known.npz"), "l2": mu}).build(9, 0)
    np.testing.assert_allclose(f.optimum.x, star, rtol=0, atol=1e-12)
    assert f.mu == mu
    # The reference bounds lambda_max by the trace and leaves the ridge out.
    assert mu < f.L <= trace_bound + mu


def test_equal_eigenvalues_give_the_mean_of_the_centres():
    f = Problem.parse({"name": "quadratic", "dim": 3, "mu": 2.0, "L": 2.0, "spread": 5.0}).build(6, 1)
    centres = f.samples.b.reshape(6, 3) / 2.0
    np.testing.assert_allclose(f.optimum.x, centres.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(f.local_optima, centres, rtol=1e-15)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 5), d=st.integers(2, 6), mu=st.floats(1e-3, 1.0), ratio=st.floats(1.0, 1e5))
def test_quadratic_attains_its_eigenvalues(n, d, mu, ratio):
    f = Problem.parse({"name": "quadratic", "dim": d, "mu": mu, "L": mu * ratio}).build(n, 7)
    w = np.linalg.eigvalsh(f.samples.a.reshape(n, d, d))
    np.testing.assert_allclose(w[:, 0], mu, rtol=1e-13 * ratio + 1e-13)
    np.testing.assert_allclose(w[:, -1], mu * ratio, rtol=1e-12)
    assert (f.mu, f.L) == (mu, mu * ratio)


def test_quadratic_file(tmp_path):
    H = np.stack([np.diag([1.0, 4.0]), np.diag([2.0, 0.0])])
    b = np.array([[1.0, 2.0], [2.0, 0.0]])
    np.savez(tmp_path / "q.npz", H=H, b=b)
    f = Problem.parse({"name": "quadratic", "file": "q.npz"}, base=tmp_path).build(2, 0)
    np.testing.assert_allclose(f.optimum.x, [1.0, 0.5])
    np.testing.assert_allclose(f.local_optima[0], [1.0, 0.5])
    assert np.isnan(f.local_optima[1]).all()
    assert (f.mu, f.L) == (0.0, 4.0)
    with pytest.raises(ScenarioError, match="2 nodes but the topology has 3"):
        f.problem.build(3, 0)
    np.savez(tmp_path / "q.npz", H=H + np.triu(np.full((2, 2), 1e-3), 1), b=b)
    with pytest.raises(ScenarioError, match=r"H\[0\] is not symmetric"):
        f.problem.build(2, 0)
    np.savez(tmp_path / "q.npz", H=-H, b=b)
    with pytest.raises(ScenarioError, match="negative eigenvalue"):
        f.problem.build(2, 0)


def test_unbounded_quadratic_has_no_minimiser(tmp_path):
    np.savez(tmp_path / "q.npz", H=np.zeros((1, 2, 2)), b=np.ones((1, 2)))
    f = Problem.parse({"name": "quadratic", "file": "q.npz"}, base=tmp_path).build(1, 0)
    with pytest.raises(ScenarioError, match="no minimiser"):
        _ = f.optimum


def test_separable_data_need_a_ridge(tmp_path):
    np.savez(tmp_path / "s.npz", data=np.array([[[1.0], [2.0]]]), labels=np.array([[1, 1]]))
    f = Problem.parse({"name": "logistic_regression", "file": "s.npz", "l2": 0.0}, base=tmp_path).build(1, 0)
    with pytest.raises(ScenarioError, match="no minimiser") as caught:
        _ = f.optimum
    assert caught.value.key == ("l2",)
    assert np.isnan(f.local_optima).all()


def test_singular_least_squares_take_the_smallest_norm():
    f = Problem.parse({"name": "linear_regression", "dataset": "digits"}).build(4, 0)
    A, b = f.samples.a, f.samples.b
    w = np.sqrt(f.weights)
    smallest = np.linalg.lstsq(w[:, None] * A, w * b, rcond=None)[0]
    np.testing.assert_allclose(f.optimum.x, smallest, rtol=1e-9, atol=1e-10)
    assert "rank" in f.optimum.how


def test_logistic_does_not_overflow(tmp_path):
    np.savez(tmp_path / "big.npz", data=np.array([[[1e4], [-1e4], [3.0]]]), labels=np.array([[1, 1, -1]]))
    f = Problem.parse({"name": "logistic_regression", "file": "big.npz", "l2": 1e-3}, base=tmp_path).build(1, 0)
    for x in [np.array([50.0]), np.array([-50.0])]:
        out = np.empty(1)
        f.problem.gradient(f.record, f.shard(0), x, out)
        np.testing.assert_allclose(out, f.gradient(x), rtol=1e-14)
        assert np.isfinite(f.value(x))


@pytest.mark.parametrize("name", ["linear_regression", "logistic_regression"])
def test_iterative_optimum_agrees_with_the_direct_one(name, monkeypatch):
    spec = {"name": name, "synthetic": {"samples": 30, "dim": 12}, "l2": 0.05}
    direct = Problem.parse(spec).build(4, 0).optimum
    monkeypatch.setattr(optimum, "DENSE", 5)
    f = Problem.parse(spec).build(4, 0)
    assert "conjugate gradients" in f.optimum.how
    np.testing.assert_allclose(f.optimum.x, direct.x, rtol=1e-10)
    assert f.optimum.residual <= 1e-13 * (1 + f.L * np.linalg.norm(direct.x))


@pytest.mark.parametrize("counts", [[7, 7, 7], [3, 12, 1, 12, 5]])
def test_spectra_against_dense(counts, monkeypatch):
    d, first = 5, np.r_[0, np.cumsum(counts)]
    A = rng(8).standard_normal((first[-1], d))
    grams = [A[a:b].T @ A[a:b] / (b - a) for a, b in itertools.pairwise(first)]
    w = np.array([np.linalg.eigvalsh(G) for G in grams])
    low, high = spectra.extremes(A, first)
    np.testing.assert_allclose(high, w[:, -1], rtol=1e-13)
    np.testing.assert_allclose(low, np.where(np.array(counts) < d, 0.0, w[:, 0]), rtol=1e-10, atol=1e-15)
    monkeypatch.setattr(spectra, "BATCH", 60)
    again = spectra.extremes(A, first)
    np.testing.assert_allclose(again, [low, high], rtol=1e-12)


def test_large_spectra_are_safe_and_tight(monkeypatch):
    A = rng(9).standard_normal((60, 25))
    w = np.linalg.eigvalsh(A.T @ A / 60)
    monkeypatch.setattr(spectra, "EXACT", 20)
    low, high = spectra.extremes(A, np.array([0, 60]))
    assert w[-1] * (1 - 1e-14) <= high[0] <= w[-1] * (1 + 1e-9)
    assert w[0] * (1 - 1e-6) <= low[0] <= w[0] * (1 + 1e-12)


class Quartic(Problem):
    """f_i(x) = |x - c_i|^4 / 4 + |x - c_i|^2 / 2, given by its gradient kernel only."""

    @kernel
    def gradient(q, samples, x, out):
        out[:] = 0.0
        for j in range(len(samples)):
            row = samples[j]
            out[:] = out + (1.0 + ((x - row.a) ** 2).sum()) * (x - row.a)

    def build(self, n, seed):
        centres = rng(seed).standard_normal((n, 2))
        return Objective(self, 2, rows(centres, np.zeros(n)), np.arange(n + 1), {}, np.full(n, np.inf), np.ones(n))


def test_a_gradient_kernel_is_enough():
    f = Quartic().build(3, 0)
    np.testing.assert_allclose(f.local_optima, f.samples.a, atol=1e-9)
    assert f.optimum.residual < 1e-12
    assert np.isnan(f.optimum.value)
    with pytest.raises(Refused, match="no values"):
        f.value(np.zeros(2))


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"name": "quadratic"}, ()),
        ({"name": "quadratic", "dim": 2, "mu": 3.0, "L": 1.0}, ("mu",)),
        ({"name": "quadratic", "dim": 1_000_000}, ("dim",)),
        ({"name": "linear_regression", "synthetic": {"samples": 10**8, "dim": 10**6}}, ("synthetic",)),
        ({"name": "linear_regression", "synthetic": {"slope_low": 9.0}}, ("synthetic", "slope_low")),
        ({"name": "linear_regression", "synthetic": {"sample": 3}}, ("synthetic", "sample")),
    ],
)
def test_refused_before_memory_is_taken(spec, key):
    with pytest.raises(ScenarioError) as caught:
        Problem.parse(spec).build(1000, 0)
    assert caught.value.key == key


def test_seeds():
    spec = {"name": "linear_regression", "synthetic": {}}
    one, same, other = (Problem.parse(spec).build(3, seed) for seed in (1, 1, 2))
    assert one.samples.tobytes() == same.samples.tobytes() != other.samples.tobytes()
    pinned = [Problem.parse(spec | {"data_seed": 5}).build(3, seed).samples.tobytes() for seed in (1, 2)]
    assert pinned[0] == pinned[1]


def test_paper_generator():
    f = Problem.parse({"name": "linear_regression", "synthetic": {}}).build(400, 0)
    assert (f.dim, set(f.counts.tolist())) == (2, {100})
    assert f.samples.a.std() == pytest.approx(1.0, abs=0.01)
    # Local optima are slope times truth: slope uniform in (0.01, 5), truth uniform in (0, 100).
    assert f.local_optima.mean() == pytest.approx(2.505 * 50, rel=0.1)
    assert f.local_optima.max() < 520


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "quadratic", "dim": 2},
        {"name": "logistic_regression", "dataset": "breast_cancer", "partition": {"name": "dirichlet", "alpha": 0.5}},
        {"name": "linear_regression", "synthetic": {"samples": 5}, "partition": "sorted"},
    ],
)
def test_spec_round_trip(spec):
    problem = Problem.parse(spec)
    assert Problem.parse(problem.spec()) == problem
    assert Problem.parse(spec).model_json_schema()["properties"]
