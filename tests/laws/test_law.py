"""Laws of durations follow their distributions, and refuse what is no duration."""

import math

import numpy as np
import pytest
import scipy.stats

from gossipsim.churn import Alternating
from gossipsim.errors import ScenarioError
from gossipsim.fleet import Fleet
from gossipsim.graph import Graph
from gossipsim.law import Law
from gossipsim.stream import generator
from gossipsim.wire import Wire

MEMBERS = [
    ({"name": "exponential", "mean": 2.5}, scipy.stats.expon(scale=2.5)),
    ({"name": "uniform", "low": 0.5, "high": 4.0}, scipy.stats.uniform(0.5, 3.5)),
    ({"name": "lognormal", "median": 3.0, "sigma": 0.7}, scipy.stats.lognorm(0.7, scale=3.0)),
    ({"name": "pareto", "scale": 1.5, "alpha": 2.5}, scipy.stats.pareto(2.5, scale=1.5)),
    ({"name": "weibull", "scale": 2.0, "shape": 0.6}, scipy.stats.weibull_min(0.6, scale=2.0)),
    ({"name": "weibull", "scale": 2.0, "shape": 3.0}, scipy.stats.weibull_min(3.0, scale=2.0)),
    ({"name": "gamma", "shape": 0.3, "scale": 2.0}, scipy.stats.gamma(0.3, scale=2.0)),
    ({"name": "gamma", "shape": 4.0, "scale": 0.5, "shift": 1.5}, scipy.stats.gamma(4.0, loc=1.5, scale=0.5)),
]


def uniforms(k, seed=3):
    return generator(seed, "test", "law").random((k, 2)) * (1 - 2.0**-40) + 2.0**-41


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
    assert {spec["name"] for spec, _ in MEMBERS} | {"constant", "file", "trace"} == set(Law.registry)


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "pareto", "scale": 1.0, "alpha": 0.1},
        {"name": "weibull", "scale": 1.0, "shape": 0.01},
        {"name": "lognormal", "median": 1.0, "sigma": 50.0},
        {"name": "gamma", "shape": 0.01, "scale": 1.0},
        {"name": "gamma", "shape": 1e6, "scale": 1.0},
    ],
)
def test_extreme_settings_stay_finite(spec):
    law = Law.parse(spec)
    drawn = law.sample(np.array([(2.0**-53, 2.0**-53), (1 - 2.0**-53, 0.5), (2.0**-53, 0.5)]))
    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()
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
    assert law.sample(np.array([[1 - 2.0**-53, 0.5]])).tolist() == [7.0]
    assert Law.parse(law.spec()) == law


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("duration\n1\nx\n", "times.csv:3: file: duration 'x'"),
        ("1\n-2\n", "times.csv:2: file: duration '-2'"),
        ("1\nnan\n", "times.csv:2: file: duration 'nan'"),
        ("duration\n", "holds 0 durations"),
        ("", "is empty"),
    ],
)
def test_replay_refuses(tmp_path, content, said):
    path = tmp_path / "times.csv"
    path.write_text(content)
    with pytest.raises(ScenarioError, match=said) as caught:
        Law.parse({"name": "file", "file": str(path)}).durations  # noqa: B018
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


PATH = Graph.build("path", n=3)


def trace(tmp_path, content):
    path = tmp_path / "trace.csv"
    path.write_text(content)
    return Law.parse({"name": "trace", "file": str(path)})


def test_a_trace_gives_every_node_its_own_durations_in_order_and_again(tmp_path):
    law = trace(tmp_path, "duration,node\n5,2\n1,0\n2,0\n7,1\n3,0\n")
    assert law.mean == pytest.approx(18 / 5)
    calls = law.on(PATH)
    assert calls.mean == pytest.approx((2 + 7 + 5) / 3)
    node, number = np.divmod(np.arange(15), 5)
    found = calls.of_calls(node, number, lambda: pytest.fail("nothing is drawn"))
    assert found.reshape(3, 5).tolist() == [[1, 2, 3, 1, 2], [7] * 5, [5] * 5]


def test_a_trace_knows_nodes_by_their_labels(tmp_path):
    graph = Graph.from_edges([(0, 1)], labels=["Rome", "Oslo"])
    calls = trace(tmp_path, "node,duration\nOslo,2\nRome,1\n").on(graph)
    assert calls.of_calls(np.array([0, 1]), np.array([3, 3]), np.empty).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("0,1\n", "no column node in the header"),
        ("node,duration\n", "0 durations"),
        ("node,duration\n0,1\n1\n", "trace.csv:3: file: 1 cells; allowed: 2"),
        ("node,duration\n0,x\n", "trace.csv:2: file: duration 'x'"),
        ("node,duration\n0,-1\n", "trace.csv:2: file: duration '-1'"),
        ("node,duration\n0,1\n1,1\n3,1\n", "trace.csv:4: file: unknown node '3'"),
        ("node,duration\n0,1\n1,1\n", "no duration of node 2"),
        ("node,duration\n0,1\n1,0\n2,1\n", "every duration of node 1 is 0"),
        ("node,duration\n0,0\n", "every duration is 0"),
    ],
)
def test_a_trace_refuses(tmp_path, content, said):
    with pytest.raises(ScenarioError, match=said) as caught:
        trace(tmp_path, content).on(PATH)
    assert caught.value.key == ("file",)


def test_a_trace_is_for_the_compute_times_of_nodes_only(tmp_path):
    law = trace(tmp_path, "node,duration\n0,1\n")
    for settings, values in (
        (Wire, {"latency": law}),
        (Wire, {"service": law}),
        (Alternating, {"up": law, "down": 1.0}),
    ):
        with pytest.raises(ScenarioError, match="a trace holds"):
            settings.read(values)
    assert Fleet.read({"compute": law}).compute is law
