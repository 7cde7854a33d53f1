"""Partitions deal every sample exactly once, and do what their names say."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.problems.partition import Partition, classes_of

SPECS = st.one_of(
    st.builds(lambda skew: {"name": "iid", "skew": skew}, st.floats(0, 30)),
    st.builds(lambda skew: {"name": "sorted", "skew": skew}, st.floats(0, 3)),
    st.builds(lambda k, skew: {"name": "shards", "per_node": k, "skew": skew}, st.integers(1, 3), st.floats(0, 3)),
    st.builds(
        lambda alpha, skew: {"name": "dirichlet", "alpha": alpha, "skew": skew},
        st.floats(1e-9, 1e9),
        st.floats(0, 3),
    ),
)


def rng(seed=0):
    return np.random.default_rng(seed)


def shares(labels, split):
    order, first = split
    return [labels[order[a:b]] for a, b in itertools.pairwise(first)]


@settings(max_examples=150, deadline=None)
@given(
    spec=SPECS,
    n=st.integers(1, 12),
    extra=st.integers(0, 60),
    seed=st.integers(0, 2**31),
    real=st.booleans(),
)
def test_exact_cover(spec, n, extra, seed, real):
    N = 3 * n + extra
    labels = rng(seed).standard_normal(N) if real else rng(seed).integers(0, 5, N).astype(float)
    order, first = Partition.parse(spec).split(labels, n, rng(seed))
    assert sorted(order.tolist()) == list(range(N))
    assert (first[0], first[-1], len(first)) == (0, N, n + 1)
    assert (np.diff(first) >= 1).all()
    again = Partition.parse(spec).split(labels, n, rng(seed))
    assert order.tolist() == again[0].tolist()
    assert first.tolist() == again[1].tolist()


@pytest.mark.parametrize("name", ["iid", "sorted", "dirichlet"])
def test_equal_sizes_without_skew(name):
    spec = {"name": name} | ({"alpha": 0.1} if name == "dirichlet" else {})
    _, first = Partition.parse(spec).split(np.arange(103) % 4, 10, rng())
    assert set(np.diff(first).tolist()) == {10, 11}


def test_skew_is_the_deviation_of_log_sizes():
    _, first = Partition.parse({"name": "iid", "skew": 0.8}).split(np.zeros(1_000_000), 2000, rng())
    assert np.log(np.diff(first)).std() == pytest.approx(0.8, abs=0.03)


def test_shards_limit_the_classes_per_node():
    labels = rng(1).permutation(np.repeat(np.arange(10), 40))
    dealt = shares(labels, Partition.parse({"name": "shards"}).split(labels, 20, rng()))
    assert max(len(set(part.tolist())) for part in dealt) <= 2
    with pytest.raises(ScenarioError, match="need 20 samples, there are 15") as caught:
        Partition.parse({"name": "shards"}).split(np.zeros(15), 10, rng())
    assert caught.value.key == ("per_node",)


def test_sorted_is_sorted():
    labels = rng().integers(0, 10, 500)
    order, _ = Partition.parse({"name": "sorted"}).split(labels, 7, rng())
    assert (np.diff(labels[order]) >= 0).all()


def test_dirichlet_proportions():
    alpha, found = 0.5, []
    labels = np.repeat([0, 1], 5000)
    for seed in range(60):
        dealt = shares(labels, Partition.parse({"name": "dirichlet", "alpha": alpha}).split(labels, 20, rng(seed)))
        found += [part.mean() for part in dealt]
    # Dirichlet(alpha, alpha) has variance 1 / (4 (2 alpha + 1)); late choosers take what is left.
    assert np.mean(found) == pytest.approx(0.5, abs=1e-12)
    assert np.var(found) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.15)


def test_dirichlet_limits():
    labels = np.repeat([0, 1, 2, 3], [400, 300, 200, 100])
    even = shares(labels, Partition.parse({"name": "dirichlet", "alpha": 1e8}).split(labels, 10, rng()))
    for part in even:
        np.testing.assert_allclose(np.bincount(part, minlength=4) / 100, [0.4, 0.3, 0.2, 0.1], atol=0.011)
    odd = shares(labels, Partition.parse({"name": "dirichlet", "alpha": 1e-6}).split(labels, 10, rng()))
    assert np.median([np.bincount(part).max() / len(part) for part in odd]) == 1.0


def test_quantile_classes():
    classes = classes_of(rng().standard_normal(1000))
    assert np.bincount(classes).tolist() == [100] * 10
    assert classes_of(np.array([5, -1, 5])).tolist() == [1, 0, 1]
    assert set(classes_of(np.r_[np.zeros(990), np.arange(1, 31)])) <= set(range(10))


@pytest.mark.parametrize("name", ["iid", "sorted", "shards"])
def test_too_few_samples(name):
    with pytest.raises(ScenarioError, match="3 samples cannot be dealt to 4 nodes"):
        Partition.parse({"name": name}).split(np.zeros(3), 4, rng())
