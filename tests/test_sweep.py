"""Sweeps: the same result wherever they run, what fails is recorded, and what they say is what was recorded."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.document import Document
from gossipsim.sweep_plan import plan
from gossipsim.sweep_runner import compute

SCENARIO = {
    "name": "small",
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2, "L": 3.0},
    "method": "dadao",
    "run": {"time": 10},
    "record": {"points": 10},
}
YAML = """\
name: small
topology: {name: cycle, n: 8}
problem: {name: quadratic, dim: 2, L: 3.0}
method: dadao
run: {time: 10}
record: {points: 10}
"""
GUIDE = Path(__file__).parents[1] / "docs" / "sweeps.md"
HERE = {"backend": "serial", "engine": "processes"}


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(YAML)
    return "small.yaml"


def command(*arguments):
    return main(["sweep", *arguments, "--engine", "processes", "--jobs", "1"])


@pytest.fixture(scope="module")
def found():
    """Two methods, two sizes, five seeds; one of the methods cannot reach the goal."""
    changed = {**SCENARIO, "run": {"time": 60, "error": 1e-3}, "record": {"points": 60}}
    return gs.sweep(changed, {"method.name": ["dadao", "d_psgd"], "topology.n": [4, 8]}, seeds=5, **HERE)


# What is run


def rows(asked):
    return [(*run.values.values(), run.seed) for run in asked.runs]


def test_all_combinations_or_one_after_the_other():
    vary = {"topology.n": [4, 8], "method.name": ["dadao", "gossip"]}
    product = plan(Document(SCENARIO), vary, seeds=1)
    assert list(product.kinds.items()) == [("topology.n", "int64"), ("method.name", "string")]
    assert rows(product) == [(4, "dadao", 0), (4, "gossip", 0), (8, "dadao", 0), (8, "gossip", 0)]
    assert rows(plan(Document(SCENARIO), vary, mode="zip", seeds=[7])) == [(4, "dadao", 7), (8, "gossip", 7)]
    for run in product.runs:
        assert run.scenario == gs.Scenario.parse(SCENARIO).replace({**run.values, "seed": run.seed})
    with pytest.raises(gs.ScenarioError, match=r"lists of different lengths \(topology.n: 3, method.name: 2\)"):
        plan(Document(SCENARIO), {**vary, "topology.n": [4, 6, 8]}, mode="zip")


def test_methods_of_a_file_are_one_more_varied_key():
    shared = {key: value for key, value in SCENARIO.items() if key != "method"}
    given = {**shared, "methods": ["dadao", {"name": "dadao", "label": "slow", "gamma": 0.01}]}
    for mode in ("product", "zip"):
        asked = plan(Document(given), {"topology.n": [4, 8]}, mode=mode, seeds=1)
        assert rows(asked) == [("dadao", 4, 0), ("dadao", 8, 0), ("slow", 4, 0), ("slow", 8, 0)]
    assert [run.scenario.method.gamma for run in asked.runs] == [None, None, 0.01, 0.01]
    alone = plan(Document(given), {"method.name": ["gossip"]}, seeds=1)
    assert rows(alone) == [("gossip", 0)]
    with pytest.raises(gs.ScenarioError, match=r"method.gamma cannot be varied beside methods"):
        plan(Document(given), {"method.gamma": [0.1, 0.2]})


def test_a_key_that_one_method_does_not_know_is_left_out_there():
    asked = plan(Document(SCENARIO), {"method.name": ["dadao", "gossip"], "method.gamma": [0.1, 0.2]}, seeds=1)
    assert rows(asked) == [("dadao", 0.1, 0), ("dadao", 0.2, 0), ("gossip", None, 0)]


def test_values_can_be_whole_parts_of_a_scenario():
    graphs = [{"name": "cycle", "n": 8}, {"name": "grid", "n": 9}]
    asked = plan(Document(SCENARIO), {"topology": graphs, "problem.mu": np.array([1.0, 2.0])}, seeds=1)
    assert rows(asked)[:2] == [("cycle n=8", 1.0, 0), ("cycle n=8", 2.0, 0)]
    assert asked.runs[-1].scenario.topology.name == "grid"


def test_a_file_can_hold_its_own_sweep(tmp_path):
    (tmp_path / "s.yaml").write_text(YAML + "sweep: {vary: {topology.n: [4, 8]}, seeds: [3, 5]}\n")
    assert rows(plan(Document.load(tmp_path / "s.yaml"))) == [(4, 3), (4, 5), (8, 3), (8, 5)]
    assert rows(plan(Document.load(tmp_path / "s.yaml"), {"topology.n": [6]}, seeds=1)) == [(6, 0)]
    (tmp_path / "s.yaml").write_text(YAML + "sweep: {vari: {topology.n: [4, 8]}}\n")
    with pytest.raises(gs.ScenarioError, match=r"s.yaml:7: sweep.vari: unknown key 'vari'; .*did you mean 'vary'"):
        plan(Document.load(tmp_path / "s.yaml"))


def test_nothing_given_is_changed():
    given = {**SCENARIO, "methods": ["dadao"], "sweep": {"vary": {"topology.n": [4]}}}
    del given["method"]
    before = json.dumps(given)
    plan(Document(given), {"problem.dim": [3]})
    assert json.dumps(given) == before


# Where it runs


VARY = {"method.name": ["dadao", "gossip", "d_psgd"], "topology.n": [4, 8]}


def test_every_run_is_that_of_simulate():
    swept = gs.sweep(SCENARIO, {"topology.n": [4, 8]}, seeds=2, **HERE)
    for run in swept.runs:
        trace = gs.simulate(run.scenario, engine="processes")
        for name, column in trace.columns.items():
            assert column.tobytes() == swept.outcomes[run.id].columns[name].tobytes(), name


@pytest.mark.slow
def test_two_workers_write_the_bytes_of_one(tmp_path):
    more = {"vary": VARY, "seeds": 4, "engine": "processes"}
    one = gs.sweep(SCENARIO, backend="serial", out=tmp_path / "one", **more)
    two = gs.sweep(SCENARIO, backend="loky", jobs=2, out=tmp_path / "two", **more)
    assert repr(one) == repr(two) == "<Sweep 'small': 6 settings of method.name, topology.n, 24 runs: 24 finished>"
    same_tables(tmp_path / "one", tmp_path / "two")


def same_tables(one: Path, two: Path) -> None:
    files = sorted(path.relative_to(one) for path in one.rglob("*.parquet"))
    assert len(files) == 25
    for path in files:
        assert (one / path).read_bytes() == (two / path).read_bytes(), path


@pytest.mark.slow
def test_a_cluster_and_compiled_code_write_them_too(tmp_path):
    pytest.importorskip("distributed")
    more = {"vary": VARY, "seeds": 4}
    gs.sweep(SCENARIO, backend="serial", engine="processes", out=tmp_path / "one", **more)
    for backend, jobs in (("dask", 2), ("loky", 2), ("loky", 1), ("serial", None)):
        gs.sweep(SCENARIO, backend=backend, jobs=jobs, out=tmp_path / f"{backend}{jobs}", **more)
        same_tables(tmp_path / "one", tmp_path / f"{backend}{jobs}")


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_told(file, capsys):
    pytest.importorskip("distributed")
    assert main(["sweep", file, "--dask", "tcp://127.0.0.1:9", "--seeds", "1", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "--dask: no scheduler answers at 'tcp://127.0.0.1:9'" in err


@pytest.mark.slow
def test_a_worker_that_dies_loses_only_its_own_run(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)
    problems = [{"name": name, "dim": 2} for name in ("quadratic", "mine.py:Deadly")]
    asked = gs.sweep(SCENARIO, {"problem": problems}, seeds=2, jobs=2, engine="processes")
    statuses = [asked.outcomes[run.id].status for run in asked.runs]
    assert statuses == ["finished", "finished", "failed", "failed"]
    assert "its worker died (TerminatedWorkerError" in asked.outcomes[asked.runs[-1].id].sentence


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_classes_of_ones_own_travel_to_the_workers(backend, tmp_path, monkeypatch):
    if backend == "dask":
        pytest.importorskip("distributed")
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    vary = {"method": ["gossip", "mine.py:Mine"], "problem.dim": [2, 3]}
    one = gs.sweep(SCENARIO, vary, seeds=2, jobs=1, backend="serial", engine="processes")
    two = gs.sweep(SCENARIO, vary, seeds=2, jobs=2, backend=backend, engine="processes")
    assert {outcome.status for outcome in two.outcomes.values()} == {"finished"}
    for run, outcome in one.outcomes.items():
        assert outcome.columns["error"].tobytes() == two.outcomes[run].columns["error"].tobytes()


def test_a_class_from_a_file_is_pickled_as_what_the_scenario_says(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    scenario = gs.Scenario.parse(SCENARIO | {"method": {"name": f"{tmp_path}/mine.py:Mine", "twice": 3.0}})
    packed = pickle.dumps(scenario)
    assert b"_gossipsim_user_" not in packed, "another process has no module of that name"
    assert pickle.loads(packed) == scenario


MINE = """
from gossipsim.methods.gossip import Gossip

class Mine(Gossip, name="mine"):
    twice: float = 2.0
"""


DEADLY = """
import os
from gossipsim.problems.quadratic import Quadratic

class Deadly(Quadratic, name="deadly"):
    def build(self, n, seed):
        os._exit(9)
"""


def test_options_that_make_no_sense_are_told():
    runs = plan(Document(SCENARIO), seeds=1).runs
    with pytest.raises(gs.ScenarioError, match=r"unknown backend 'lokky'; .*did you mean 'loky'"):
        list(compute(runs, "lokky"))
    with pytest.raises(gs.ScenarioError, match="jobs: given 0; allowed: at least 1"):
        list(compute(runs, jobs=0))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{vary: {topology.n: [8, x]}}", "sweep.vary.topology.n: given 'x'; allowed: a whole number"),
        ("{vary: {topology.m: [8]}}", "sweep.vary.topology.m: unknown key 'm'; allowed: n"),
        ("{vary: {topology.n: []}}", "topology.n: given []; allowed: a list with at least one value"),
        ("{vary: {topology.n: [8]}, seeds: -2}", "sweep.seeds: given -2; allowed: a number of seeds"),
        ("{mode: zipp}", "sweep.mode: given 'zipp'; allowed: product or zip; did you mean 'zip'?"),
        (
            "{vary: {topology.n: [8, 9], problem.dim: [1]}, mode: zip}",
            "lists of different lengths (topology.n: 2, problem.dim: 1)",
        ),
    ],
)
def test_what_is_wrong_in_the_block_is_told_with_its_line(block, said, file, capsys):
    Path(file).write_text(YAML + f"sweep: {block}\n")
    assert main(["sweep", file, "--out", "s"]) == 2
    assert f"small.yaml:7: {said}" in capsys.readouterr().err
    assert not Path("s").exists()


def test_what_is_wrong_on_the_command_line_is_told_as_such(file, capsys):
    Path(file).write_text(YAML + "sweep: {vary: {topology.n: [8]}, seeds: 2}\n")
    assert main(["sweep", file, "--vary", "topology.n=x", "--out", "s"]) == 2
    assert "error: --vary: topology.n: given 'x'" in capsys.readouterr().err


# What fails is recorded


def test_runs_that_fail_are_recorded_with_their_sentence(tmp_path):
    vary = {
        "method": ["dadao", {"name": "dadao", "gamma": 1e3}, {"name": "ef21_w"}],
        "topology.name": ["cycle", "star"],
    }
    more = {**SCENARIO, "run": {"time": 100}}
    swept = gs.sweep(more, vary, seeds=2, out=tmp_path / "s", **HERE)
    table = swept.table().set_index(["method", "topology.name", "seed"])
    assert table.loc["dadao", "status"].tolist() == ["finished"] * 4
    assert table.loc["dadao gamma=1000.0", "status"].tolist() == ["diverged"] * 4
    assert table.loc["dadao gamma=1000.0", "sentence"].str.contains("stopped being finite at time").all()
    refused = table.loc[("ef21_w", "cycle")]
    assert refused["status"].tolist() == ["refused"] * 2
    assert refused["sentence"].str.contains("needs topology star").all()
    again = gs.Sweep.load(tmp_path / "s")
    pd.testing.assert_frame_equal(again.table(), swept.table())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "runs").iterdir()}
    gs.sweep(more, vary, seeds=2, out=tmp_path / "s", resume=True, **HERE)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "runs").iterdir()} == before


def test_what_may_not_happen_again_is_tried_again(tmp_path, monkeypatch):
    def fail(*given, **more):
        raise MemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr("gossipsim.team.Course", fail)
        swept = gs.sweep(SCENARIO, seeds=2, out=tmp_path / "s", **HERE)
    assert {outcome.sentence for outcome in swept.outcomes.values()} == {"MemoryError: no memory"}
    assert len(swept.frame()) == 0
    again = gs.sweep(SCENARIO, seeds=2, out=tmp_path / "s", resume=True, **HERE)
    assert {outcome.status for outcome in again.outcomes.values()} == {"finished"}


# What it says


def test_the_summary_is_that_of_the_records(found):
    frame = found.frame()
    last = frame.groupby(["method.name", "topology.n", "seed"], sort=False).last()
    summary = found.summary("error").set_index(["method.name", "topology.n"])
    groups = last.groupby(["method.name", "topology.n"], sort=False)["error"]
    assert np.allclose(summary["mean"], groups.mean())
    assert np.allclose(summary["median"], groups.median())
    assert np.allclose(summary["q10"], groups.quantile(0.1))
    assert (summary["mean_low"] < summary["mean"]).all()
    at = found.summary("error", at=10.4).set_index(["method.name", "topology.n"])
    then = frame[frame["time"] == 10].groupby(["method.name", "topology.n"], sort=False)["error"]
    assert np.allclose(at["mean"], then.mean())
    assert set(found.summary()["metric"]) == {"error", "consensus", "gap"}


def test_costs_count_runs_that_did_not_arrive(found):
    costs = found.costs().set_index(["method.name", "topology.n", "cost"])
    assert costs.loc[("dadao", 8, "time"), "said"] == "reached by 5 of 5"
    assert costs.loc[("d_psgd", 8, "time")].tolist() == [np.inf, 60.0, np.inf, 0, 5, "reached by 0 of 5"]
    frame = found.frame()
    there = frame[(frame["error"] <= 1e-3) & (frame["topology.n"] == 8)].groupby("seed").first()
    for cost in ("time", "gradients", "messages", "activations", "bits"):
        assert costs.loc[("dadao", 8, cost), "median"] == there[cost].median()
    looser = found.costs(10.0).set_index(["method.name", "topology.n", "cost"])
    assert (looser.xs("time", level="cost")["median"] == 0.0).all()
    with pytest.raises(gs.ScenarioError, match=r"goal: the scenario has no run.error"):
        gs.sweep(SCENARIO, seeds=1, **HERE).costs()


def test_comparisons_are_paired_on_common_seeds(found):
    table = found.compare("topology.n", metric="consensus").set_index("method.name")
    frame = found.frame().groupby(["method.name", "topology.n", "seed"]).last()["consensus"].unstack("topology.n")
    for method in ("dadao", "d_psgd"):
        pairs = frame.loc[method]
        assert np.isclose(table.loc[method, "difference"], (pairs[8] - pairs[4]).mean())
        assert np.isclose(table.loc[method, "ratio"], np.exp(np.log(pairs[8] / pairs[4]).mean()))
        assert table.loc[method, "less"] == (pairs[8] < pairs[4]).sum()
    cost = found.compare("method.name", cost="bits").set_index("topology.n")
    assert cost.loc[8, ["seeds", "less", "more", "left_out"]].tolist() == [5, 0, 5, 5]
    turned = found.compare("method.name", against="d_psgd", cost="bits").set_index("topology.n")
    assert turned.loc[8, ["less", "more"]].tolist() == [5, 0]
    with pytest.raises(gs.ScenarioError, match=r"against: no run has method.name = 'extra'; allowed: dadao, d_psgd"):
        found.compare("method.name", against="extra")
    with pytest.raises(gs.ScenarioError, match=r"key: 'method.nam' is not varied; .*did you mean 'method.name'"):
        found.compare("method.nam")


def test_decays_stand_beside_what_is_promised(found):
    table = found.decays().set_index(["method.name", "topology.n"])
    promised = gs.World.build(found.runs[0].scenario).promise.rate
    assert table.loc[("dadao", 4), "promised"] == promised
    assert table.loc[("dadao", 4), "rate"] >= promised
    assert table.loc[("dadao", 4), "said"] == "as fast as promised, or faster"
    assert table.loc[("d_psgd", 4), "said"] == "nothing is promised"


def test_a_part_can_be_chosen(found):
    part = found.where(topology__n=8, seed=[0, 3])
    assert len(part.runs) == 4
    assert set(part.frame()["topology.n"]) == {8}
    with pytest.raises(gs.ScenarioError, match=r"'topology.m' is not varied; .*did you mean 'topology.n'"):
        found.where(topology__m=8)
    with pytest.raises(gs.ScenarioError, match=r"no run has topology.n = 9; allowed: 4, 8"):
        found.where(topology__n=9)


def test_bands_hold_the_runs(found):
    from gossipsim.sweep_summary import bands

    for band in bands(found, "error", "time"):
        part = found.where(method__name=band.values["method.name"], topology__n=band.values["topology.n"]).frame()
        here = part[part["time"] == 5]["error"]
        k = int(np.flatnonzero(band.x == 5)[0])
        assert band.middle[k] == here.median()
        assert np.isclose(band.low[k], here.quantile(0.1))
        assert np.isclose(band.high[k], here.quantile(0.9))
    for band in bands(found, "error", "bits"):
        ok = np.isfinite(band.middle)
        assert (band.low[ok] <= band.middle[ok]).all()
        assert (band.middle[ok] <= band.high[ok]).all()


def test_pictures_have_one_colour_per_method_and_one_panel_per_size(found):
    figure = found.plot()
    axes = [ax for ax in figure.axes if ax.get_lines()]
    assert [ax.get_title() for ax in axes] == ["topology.n = 4", "topology.n = 8"]
    assert all(len(ax.get_lines()) == len(ax.collections) == 2 for ax in axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["dadao", "d_psgd"]
    assert "median of 5 seeds, band 10 % to 90 %" in figure.get_suptitle()
    assert "95 % interval" in found.plot(x="bits", spread="interval", colour="topology.n").get_suptitle()
    for wrong in ({"x": "bit"}, {"y": "eror"}, {"colour": "topology.m"}, {"spread": "intervall"}):
        with pytest.raises(gs.ScenarioError, match="did you mean"):
            found.plot(**wrong)
    short = {**SCENARIO, "run": {"time": 1}, "record": {"points": 1}}
    many = gs.sweep(short, {"topology.n": range(4, 17), "problem.L": [2.0, 3.0]}, seeds=1, **HERE)
    with pytest.raises(gs.ScenarioError, match="13 panels with 2 curves are too many"):
        many.plot(colour="problem.L")


# The command


def test_the_command_saves_a_sweep_and_prints_a_table(file, capsys):
    assert (
        command(file, "--vary", "topology.n=4,8", "--seeds", "3", "--set", "run.error=1e-3", "--set", "run.time=60")
        == 0
    )
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "small: 2 settings, 3 seeds each; runs: 6 reached"
    assert lines[3].split() == ["topology.n", "runs", "error", "time", "bits", "reached"]
    assert lines[4].split()[:2] == ["4", "3"]
    assert lines[-1] == "saved in results/small-sweep"
    assert (Path("results/small-sweep/sweep.png")).stat().st_size > 0
    assert "small: 0 %, 0 of 6 runs" in err
    assert "small: 100 %, 6 of 6 runs" in err
    assert command(file, "--vary", "topology.n=4,8", "--seeds", "3") == 2
    assert "holds another sweep" in capsys.readouterr().err


def test_json_is_one_object_and_nothing_else(file, capsys):
    arguments = [file, "--vary", "method.name=dadao,gossip", "--seeds", "3,5", "--json", "--quiet", "--out", "here"]
    assert command(*arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    said = json.loads(out)
    assert (said["seeds"], said["runs"], said["saved"]) == ([3, 5], {"finished": 4}, "here")
    assert [row["method.name"] for row in said["summary"]] == ["dadao", "gossip"]
    assert command(*arguments) == 2
    assert "here: holds this sweep already; allowed: --resume" in capsys.readouterr().err
    assert command(*arguments, "--resume") == 0
    assert json.loads(capsys.readouterr().out) == said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vary", "topolgy.n=4,8"], ["--vary: topolgy: unknown key 'topolgy'", "did you mean 'topology'?"]),
        (["--vary", "topology.m=4,8"], ["--vary: topology.m: unknown key 'm'", "allowed: n"]),
        (
            ["--vary", "method.name=dadao,gosip"],
            ["--vary: method.name: unknown method 'gosip'", "did you mean 'gossip'?"],
        ),
        (["--vary", "topology.n=4,-8"], ["--vary: topology.n: given -8", "at least 1"]),
        (["--vary", "topology.n"], ["--vary: given 'topology.n'", "KEY=V1,V2"]),
        (["--vary", "topology.n=4", "--vary", "topology.n=8"], ["--vary: topology.n is given twice"]),
        (["--vary", "topology.n=[4,"], ["--vary: topology.n: not valid YAML"]),
        (["--vary", "seed=1,2"], ["seed is not varied like other keys", "seeds: 20"]),
        (["--vary", "topology.n=4,8", "--vary", "problem.dim=1", "--zip"], ["lists of different lengths"]),
        (["--seeds", "0"], ["--seeds: given '0'"]),
        (["--seeds", "1,1"], ["seeds: given [1, 1]"]),
        (["--seeds", "many"], ["--seeds: given 'many'"]),
        (["--jobs", "0"], ["--jobs: given 0; allowed: at least 1"]),
        (["--set", "run.tim=5"], ["--set: run.tim: unknown key 'tim'", "did you mean 'time'?"]),
        (["--seed", "5"], ["--seed"]),
        (["--out", "small.yaml"], ["small.yaml: exists and is not a result of gossipsim"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_bad_options_are_told_in_one_sentence(file, capsys, arguments, words):
    assert main(["sweep", file, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert not Path("results").exists()


def test_a_sweep_of_which_nothing_can_run_is_bad_input(file, capsys):
    assert command(file, "--set", "method.name=ef21_w", "--seeds", "2", "--quiet") == 2
    assert "no run could begin: " in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_saves_what_is_done_and_says_how_to_go_on(file):
    arguments = ["sweep", file, "--vary", "topology.n=4,8", "--seeds", "200", "--jobs", "2", "--engine", "processes"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gossipsim", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    began = time.monotonic()
    while not list(Path("results/small-sweep").glob("runs/*.json")) and time.monotonic() - began < 60:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "runs; they are in results/small-sweep, and --resume goes on" in err.splitlines()[-1]
    assert 0 < len(gs.Sweep.load("results/small-sweep").outcomes) < 400
    assert main([*arguments, "--resume", "--quiet"]) == 0


# The guide


@pytest.mark.slow
def test_the_guide_does_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    duckdb, _ = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict = {}
    ran = []
    for (language, block), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "yaml" and "topology:" in block:
            Path("study.yaml").write_text(block)
        elif language == "yaml":
            Path("swept.yaml").write_text(Path("study.yaml").read_text() + block)
            assert len(plan(Document.load("swept.yaml")).runs) == 20
        elif language == "console" and "--dask" not in block:
            assert main(shlex.split(block)[1:]) == 0
            assert "saved in results/study" in capsys.readouterr().out
        elif language == "python":
            exec(block, names)
            out = capsys.readouterr().out
            assert after != "text" or out == shown
        elif language == "sql":
            answer = duckdb.sql(block).fetchall()
            frame = names["sweep"].frame()
            spent = frame[frame["error"] <= 1e-3].groupby(["method.name", "topology.n", "seed"])["bits"].min()
            expected = spent.groupby(["method.name", "topology.n"]).median()
            assert [row[:3] for row in answer] == [(*key, bits) for key, bits in expected.items()]
            assert all(row[3] == 10 for row in answer)
        ran.append(language)
    assert [ran.count(language) for language in ("python", "console", "sql", "yaml")] == [4, 2, 1, 2]
    assert Path("study.pdf").stat().st_size > 0
