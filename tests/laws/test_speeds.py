"""Speeds of nodes: drawn, listed or measured."""

import numpy as np
import pytest
from scipy import stats

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.speeds import Speeds

PATH = Graph.build("path", n=3)


def test_a_share_of_the_nodes_is_slow_and_the_seed_says_which():
    graph, spec = Graph.build("cycle", n=40), Speeds.parse({"name": "two_class", "share": 0.1, "slowdown": 10.0})
    found = [spec.of(graph, seed) for seed in (1, 2)]
    for speeds in found:
        assert sorted(speeds) == [0.1] * 4 + [1.0] * 36
    assert (found[0] != found[1]).any()
    np.testing.assert_array_equal(found[0], spec.of(graph, 1))


def test_lognormal_speeds_are_lognormal():
    speeds = Speeds.parse({"name": "lognormal", "sigma": 0.5}).of(Graph.build("cycle", n=4000), 3)
    assert stats.kstest(np.log(speeds), stats.norm(scale=0.5).cdf).pvalue > 0.01


def test_measured_milliseconds_become_speeds(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_text("node,milliseconds\n2,40\n0,10\n1,10\n")
    np.testing.assert_allclose(Speeds.parse({"file": str(path)}).of(PATH, 0), [2.0, 2.0, 0.5])
    np.testing.assert_allclose(Speeds.parse({"file": str(path), "time_unit": 10.0}).of(PATH, 0), [1.0, 1.0, 0.25])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ([1.0, 1.0], "values: 2 speeds for 3 nodes"),
        ([1.0, 0.0, 1.0], r"values\[1\]: given 0"),
        ({"nodes": [3], "speed": 1.0}, "nodes: node 3; allowed: 0 to 2"),
        ({"name": "two_class", "share": 2.0, "slowdown": 10.0}, "share"),
        ({"name": "two_clas", "share": 0.1}, "did you mean 'two_class'"),
        ("node,milliseconds\n0,10\n1,10\n", "node 2 is missing"),
        ("node,milliseconds\n0,10\n0,10\n", ":3: file: node 0 is given twice"),
        ("node,milliseconds\n0,0\n", ":2: file: milliseconds '0'"),
        ("node,milliseconds\n7,1\n", ":2: file: unknown node '7'"),
    ],
)
def test_bad_speeds_are_refused(tmp_path, spec, said):
    if isinstance(spec, str):
        path = tmp_path / "devices.csv"
        path.write_text(spec)
        spec = {"file": str(path)}
    with pytest.raises(ScenarioError, match=said):
        Speeds.parse(spec).of(PATH, 0)
