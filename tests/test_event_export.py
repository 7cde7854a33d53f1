"""The events of a run, written to a file and replayed, leave the same bytes behind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.event_export import export_events
from gossipsim.methods.base import Method

SMALL = {
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2},
    "run": {"time": 6},
    "record": {"points": 3},
}
METHODS = ("gossip", "dadao", "a2cid2", "ad_psgd")


def check(method, engine, ending, folder):
    scenario = gs.Scenario.parse({**SMALL, "method": method})
    first = gs.simulate(scenario, engine=engine)
    file = export_events(first, folder / f"events{ending}")
    again = gs.simulate(scenario.replace({"clocks.trace": file}), engine=engine)
    assert again.meta["events"] == first.meta["events"]
    same = [name for name in first.final if name != "primal" or scenario.method.flow_matrix(facts(scenario)) is None]
    for name in same:
        assert again.final[name].tobytes() == first.final[name].tobytes(), name
    for name in ("gradients", "activations", "messages", "bits"):
        assert again.columns[name][-1] == first.columns[name][-1]


def facts(scenario):
    return gs.World.build(scenario).facts


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("method", ["gossip", *(pytest.param(m, marks=pytest.mark.slow) for m in METHODS[1:])])
def test_replayed_in_the_readable_engine(method, ending, tmp_path):
    check(method, "processes", ending, tmp_path)


@pytest.mark.needs_compiler
@pytest.mark.parametrize(
    "method", ["dadao", *(pytest.param(m, marks=pytest.mark.slow) for m in METHODS if m != "dadao")]
)
def test_replayed_in_the_compiled_engine(method, tmp_path):
    check(method, "compiled", ".npz", tmp_path)


OTHERS = sorted(
    name
    for name, method in Method.registry.items()
    if method.talks not in {"round", "route"} and name not in METHODS and method.oracle != "conjugate"
)


@pytest.mark.slow
@pytest.mark.parametrize("method", OTHERS)
def test_replayed_with_every_other_method(method, tmp_path):
    check(method, "processes", ".npz", tmp_path)


def test_what_the_file_holds(tmp_path):
    scenario = gs.Scenario.parse({**SMALL, "method": "dadao", "run": {"gradients": 20}})
    table = pd.read_csv(export_events(scenario, tmp_path / "e.csv", engine="processes"))
    assert list(table) == ["t", "kind", "i", "j"]
    assert table.t.is_monotonic_increasing
    assert (table.kind == 0).sum() == 20
    assert ((table.j == -1) == (table.kind == 0)).all()
    edges = set(map(tuple, gs.Graph.build("cycle", n=8).edges.tolist()))
    assert set(map(tuple, table[table.kind == 1][["i", "j"]].to_numpy().tolist())) <= edges


def test_more_events_than_a_block(tmp_path):
    scenario = gs.Scenario.parse({**SMALL, "method": "gossip", "run": {"events": 40_000}, "record": {"points": 1}})
    first = gs.simulate(scenario, engine="processes")
    a = np.load(export_events(first, tmp_path / "e.npz"))
    assert len(a["t"]) == 40_000
    assert (np.diff(a["t"]) >= 0).all()
    assert len(np.unique(a["t"])) > 39_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "diging"}, "works in rounds or hops"),
        ({"method": "mh_walk", "compressor": None}, "works in rounds or hops"),
        ({"method": "dadao", "wire": {"latency": 0.1}}, "ideal network"),
        ({"method": "gossip", "wire": {"loss": 0.1}}, "ideal network"),
    ],
)
def test_what_a_recording_cannot_say_is_refused(changes, says, tmp_path):
    with pytest.raises(gs.Refused, match=says):
        export_events({**SMALL, **changes}, tmp_path / "e.npz")
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(gs.Scenario.parse({**SMALL, "method": "gossip"}).dump())
    arguments = ["events", "s.yaml", "--out", "new/e.npz", "--engine", "processes", "--quiet"]
    assert main(arguments) == 0
    assert "clocks.trace=new/e.npz" in capsys.readouterr().out
    assert main(["run", "s.yaml", "--set", "clocks.trace=new/e.npz", "--engine", "processes", "--out", "r"]) == 0
    capsys.readouterr()
    assert main(["events", "r", "--out", "again.npz"]) == 0
    first, again = (np.load(tmp_path / file) for file in ("new/e.npz", "again.npz"))
    for name in first.files:
        np.testing.assert_array_equal(first[name], again[name])
    capsys.readouterr()
    assert main(["events", "s.yaml", "--out", "e.npy"]) == 2
    assert "did you mean '.npz'" in capsys.readouterr().err
    assert main(["events", "missing.yaml", "--out", "e.npz"]) == 2
    assert main(["events", ".", "--out", "e.npz"]) == 2
