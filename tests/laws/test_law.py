"""Laws of durations follow their distributions, and the kernel agrees with the arrays."""

import math

import numpy as np
import pytest
import scipy.stats

from gossipsim.errors import ScenarioError
from gossipsim.law import Law
from gossipsim.stream import generator

MEMBERS = [
    ({"name": "exponential", "mean": 2.5}, scipy.stats.expon(scale=2.5)),
    ({"name": "uniform", "low": 0.5, "high": 4.0}, scipy.stats.uniform(0.5, 3.5)),
    ({"name": "lognormal", "median": 3.0, "sigma": 0.7}, scipy.stats.lognorm(0.7, scale=3.0)),
    ({"name": "pareto", "scale": 1.5, "alpha": 2.5}, scipy.stats.pareto(2.5, scale=1.5)),
    ({"name": "weibull", "scale": 2.0, "shape": 0.6}, scipy.stats.weibull_min(0.6, scale=2.0)),
    ({"name": "weibull", "scale": 2.0, "shape": 3.0}, scipy.stats.weibull_min(3.0, scale=2.0)),
]


def uniforms(k, seed=3):
    return generator(seed, "test", "law").random((k, 2)) * (1 - 2.0**-40) + 2.0**-41


def record(law):
    """The constants as an engine stores them: one record, vectors as fields of fixed length."""
    constants = law.constants()
    row = np.recarray(1, dtype=[(name, "f8", np.shape(value)) for name, value in constants.items()])
    for name, value in constants.items():
        row[name] = value
    return row[0]


@pytest.fixture
def durations(tmp_path):
    path = tmp_path / "durations.npz"
    np.savez(path, durations=np.array([4.0, 1.0, 2.5, 2.5, 7.0]))
    return path


@pytest.mark.parametrize(("spec", "exact"), MEMBERS, ids=lambda value: value["name"] if isinstance(value, dict) else "")
def test_distribution(spec, exact):
    law = Law.parse(spec)
    assert scipy.stats.kstest(law.sample(uniforms(20_000)), exact.cdf).pvalue > 0.01
    assert law.mean == pytest.approx(exact.mean(), rel=1e-12)


def test_every_member_is_covered():
    assert {spec["name"] for spec, _ in MEMBERS} | {"constant", "file"} == set(Law.registry)


@pytest.mark.parametrize("spec", [spec for spec, _ in MEMBERS] + [{"name": "constant", "value": 0.0}])
def test_kernel_equals_sample(spec):
    law = Law.parse(spec)
    u = np.concatenate([uniforms(200), [[2.0**-53, 0.5], [1 - 2.0**-53, 2.0**-53]]])
    p = record(law)
    drawn = np.array([law.draw(p, *pair) for pair in u.tolist()])
    np.testing.assert_allclose(drawn, law.sample(u), rtol=1e-13, atol=0)
    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "pareto", "scale": 1.0, "alpha": 0.1},
        {"name": "weibull", "scale": 1.0, "shape": 0.01},
        {"name": "lognormal", "median": 1.0, "sigma": 50.0},
    ],
)
def test_extreme_settings_stay_finite(spec):
    law = Law.parse(spec)
    for pair in [(2.0**-53, 2.0**-53), (1 - 2.0**-53, 0.5), (2.0**-53, 0.5)]:
        assert math.isfinite(law.draw(record(law), *pair))
    assert law.mean > 0


def test_infinite_means():
    assert Law.parse({"name": "pareto", "scale": 1.0, "alpha": 0.9}).mean == math.inf
    assert Law.parse({"name": "lognormal", "median": 1.0, "sigma": 40.0}).mean == math.inf


def test_replay_is_the_empirical_quantile(durations):
    law = Law.parse({"name": "file", "file": str(durations)})
    u = np.stack([(np.arange(1000) + 0.5) / 1000, np.full(1000, 0.5)], axis=1)
    times, counts = np.unique(law.sample(u), return_counts=True)
    assert times.tolist() == [1.0, 2.5, 4.0, 7.0]
    assert counts.tolist() == [200, 400, 200, 200]
    assert law.mean == pytest.approx(17.0 / 5)
    p = record(law)
    assert [law.draw(p, *pair) for pair in u[::7].tolist()] == law.sample(u[::7]).tolist()
    assert law.draw(p, 1 - 2.0**-53, 0.5) == 7.0
    assert Law.parse(law.spec()) == law


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("duration\n1\nx\n", "'x' on line 3"),
        ("1\n-2\n", "duration 1 .* is -2"),
        ("1\nnan\n", "is nan"),
        ("", "holds 0 durations"),
    ],
)
def test_replay_refuses(tmp_path, content, said):
    path = tmp_path / "times.csv"
    path.write_text(content)
    with pytest.raises(ScenarioError, match=said) as caught:
        Law.parse({"name": "file", "file": str(path)}).constants()
    assert caught.value.key == ("file",)


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"name": "exponential", "mean": 0.0}, ("mean",)),
        ({"name": "exponential", "mean": math.inf}, ("mean",)),
        ({"name": "uniform", "low": 2.0, "high": 1.0}, ("low",)),
        ({"name": "constant", "value": -1.0}, ("value",)),
        ({"name": "gaussian"}, ("name",)),
    ],
)
def test_bad_settings(spec, key):
    with pytest.raises(ScenarioError) as caught:
        Law.parse(spec)
    assert caught.value.key == key


@pytest.mark.parametrize("spec", [spec for spec, _ in MEMBERS] + [{"name": "constant", "value": 1.0}])
def test_constants_are_readable_from_a_record(spec):
    # A field called `mean` or `shape` would be hidden by the attribute of the record itself.
    assert not [name for name in Law.parse(spec).constants() if hasattr(np.void, name)]
