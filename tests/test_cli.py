"""The command line does its main jobs, speaks on the right stream and ends with the right status."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.document import Document
from gossipsim.manual import FAMILIES, family_named
from gossipsim.progress import Lines, telling
from gossipsim.schema import scenario_schema

SCENARIO = """\
name: small
topology: {name: cycle, n: 8}
problem: {name: quadratic, dim: 2, L: 3.0}
method: dadao
run: {time: 5}
record: {points: 10}
"""
SHIPPED = sorted(Path(__file__).parent.parent.glob("scenarios/*.yaml"))
Said = Callable[[], tuple[str, str]]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SCENARIO)
    return "small.yaml"


def run(*arguments: str) -> int:
    return main(["run", *arguments, "--engine", "processes"])


def test_run_saves_a_result_and_says_where(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file) == 0
    out, err = capsys.readouterr()
    folder = Path("results", "small-seed0")
    trace = gs.Trace.load(folder)
    assert trace.status == "finished"
    assert trace.scenario == gs.Scenario.load(file)
    assert (folder / "trace.png").stat().st_size > 0
    said = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert said["status"] == "finished"
    assert said["graph"] == "cycle, n = 8, m = 8"
    assert out.splitlines()[-1].split() == ["saved", "in", str(folder)]
    last = trace.columns["error"][-1]
    assert f"-> {last:.3g}" in said["error"]
    assert err.startswith("small: compiling\n")
    assert "small: 100 %, t = " in err


def test_json_is_one_object_and_nothing_else(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "--json", "--quiet", "--out", "here") == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    trace = gs.Trace.load("here")
    assert out.count("\n") == 1
    assert found["status"] == "finished"
    assert found["saved"] == "here"
    assert (found["nodes"], found["edges"], found["dim"]) == (8, 8, 2)
    for name in ("gradients", "activations", "messages", "bits"):
        assert found[name] == trace.columns[name][-1]
    assert found["metrics"]["error"] == {"first": trace.columns["error"][0], "last": trace.columns["error"][-1]}
    assert found["promise"]["rate"] == trace.meta["promise"]["rate"]


def test_set_and_seed_change_the_scenario(file: str) -> None:
    changes = [
        "--set",
        "method.name=gossip",
        "--set",
        "topology={name: path, n: 5}",
        "--set",
        "record.metrics=[consensus]",
    ]
    assert run(file, "--quiet", "--seed", "7", "--set", "run.time=2.5", *changes) == 0
    scenario = gs.Trace.load("results/small-seed7").scenario
    assert (scenario.seed, scenario.method.name, scenario.topology.name) == (7, "gossip", "path")
    assert (scenario.run.time, scenario.record.metrics) == (2.5, ["consensus"])
    assert (
        run(file, "--quiet", "--set", "rates={name: uniform, total: 3.0}", "--set", "init=normal", "--set", "seed=8")
        == 0
    )
    assert gs.Trace.load("results/small-seed8").scenario.init is not None


def test_a_result_is_replaced_by_the_next_run(file: str) -> None:
    assert run(file, "--quiet") == 0
    assert run(file, "--quiet", "--set", "run.time=2") == 0
    assert gs.Trace.load("results/small-seed0").scenario.run.time == 2.0
    assert [path.name for path in Path("results").iterdir()] == ["small-seed0"]


def test_a_diverged_run_is_saved_and_fails(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "--quiet", "--json", "--set", "method={name: dadao, gamma: 1.0e+99}") == 1
    out, err = capsys.readouterr()
    found, trace = json.loads(out), gs.Trace.load("results/small-seed0")
    assert found["status"] == trace.status == "diverged"
    assert found["metrics"]["error"]["last"] is None
    assert err.startswith("gossipsim: error: diverged: the state of node ")
    assert f"at time {trace.meta['diverged']['time']:.6g}" in err
    assert err.count("\n") == 1


def test_both_engines_by_name(file: str) -> None:
    for engine in ("compiled", "processes"):
        assert main(["run", file, "--engine", engine, "--out", engine, "--quiet"]) == 0
        assert gs.Trace.load(engine).meta["engine"] == engine
    assert Path("compiled/final.npz").read_bytes() == Path("processes/final.npz").read_bytes()


def test_plot_one_and_several(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("1", "2"):
        assert run(file, "--quiet", "--seed", seed) == 0
    capsys.readouterr()
    results = ["results/small-seed1", "results/small-seed2"]
    assert main(["plot", results[0]]) == 0
    assert main(["plot", *results, "--x", "bits", "--y", "gap"]) == 0
    assert main(["plot", *results, "--out", "new/both.svg"]) == 0
    said = capsys.readouterr().out.split()
    assert said == ["results/small-seed1/metrics-by-time.png", "results/small-seed1/gap-by-bits.png", "new/both.svg"]
    assert Path(said[1]).read_bytes().startswith(b"\x89PNG")
    assert "seed = 2" in Path(said[2]).read_text() or "<svg" in Path(said[2]).read_text()
    assert gs.Trace.load(results[0]).status == "finished"


@pytest.mark.parametrize("family", list(FAMILIES))
def test_show_tells_every_member(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", family]) == 0
    lines = capsys.readouterr().out.splitlines()
    registry = family_named(family).registry
    first = [line for line in lines if not line.startswith(" ")]
    assert [line.split()[0] for line in first] == sorted(registry)
    assert all(len(line.split()) > 2 for line in first)
    assert len(lines) == len(first) * (2 if family == "methods" else 1), "methods say on a second line what they need"
    for name, member in registry.items():
        assert main(["show", family, name]) == 0
        page = capsys.readouterr().out
        assert member.summary() in page
        settings = page.rsplit("Settings\n--------\n", maxsplit=1)[1]
        named = {line.split()[0] for line in settings.splitlines() if not line.startswith(" ")}
        assert named == (set(member.model_fields) or {"none"})


def test_show_tells_types_ranges_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "topologies", "random_geometric"])
    said = capsys.readouterr().out
    assert "radius   number > 0; required" in said
    assert "n        whole number >= 1, <= 10000000; required" in said
    assert "connect  true | false; default true" in said
    main(["show", "problems", "logistic_regression"])
    said = capsys.readouterr().out
    assert "partition  a partition; default none" in said
    assert "breast_cancer | diabetes | digits | iris | wine" in said


def test_show_a_class_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        'from gossipsim import Method\nclass Mine(Method):\n    """My own."""\n    speed: float = 2.0\n'
    )
    assert main(["show", "methods", "mine.py:Mine"]) == 0
    said = capsys.readouterr().out
    assert "My own." in said
    assert "speed  number; default 2.0" in said


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert path.read_text().startswith("# ")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: ok, n = ")
    assert Document.load(path).data["name"] == path.stem


def test_there_are_scenarios() -> None:
    assert len(SHIPPED) >= 5


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gossipsim {gs.__version__}\n"
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("run", "rates", "plot", "show", "check", "schema"))


# The schema


@cache
def validator() -> Any:
    import jsonschema

    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def valid(data: Any) -> bool:
    return bool(validator().is_valid(data))


GOOD: dict[str, Any] = {
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2},
    "method": "dadao",
    "run": {"time": 5},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method": {"name": "dadao", "mu": 0.1}},
        {"method": "mine.py:Mine"},
        {"method": {"name": "sub/mine.py:Mine", "anything": [1]}},
        {"method": {"name": "dadao", "flow": {"file": "f.npz", "array": "A"}}},
        {"method": {"name": "dadao", "flow": [[0.0, 1], [1.5, 2]]}},
        {"topology": {"file": "g.graphml"}},
        {"topology": {"name": "file", "file": "g.graphml"}},
        {"topology": {"edges": [[0, 1], [1, 2]]}},
        {"rates": "uniform"},
        {"rates": {"file": "r.csv"}},
        {"init": {"file": "s.npz"}},
        {"init": "zeros"},
        {"run": {}, "clocks": {"trace": "e.csv"}},
        {"problem": {"name": "linear_regression", "synthetic": {}}},
        {"problem": {"name": "logistic_regression", "dataset": "iris", "partition": "sorted", "positive": "setosa"}},
        {"problem": {"name": "logistic_regression", "dataset": "iris", "partition": {"name": "dirichlet", "alpha": 1}}},
        {"record": {"metrics": ["gap"]}, "wire": {"float_bits": 64}, "seed": 3, "name": "x"},
    ],
)
def test_schema_accepts(changes: dict[str, Any]) -> None:
    assert valid({**GOOD, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"toplogy": "cycle"},
        {"topology": "cycle"},
        {"topology": {"name": "cycle"}},
        {"topology": {"n": 8}},
        {"topology": {"name": "cycle", "n": 8, "radius": 1}},
        {"topology": {"name": "cycl", "n": 8}},
        {"topology": {"name": "cycle", "n": 0}},
        {"topology": {"name": "cycle", "n": True}},
        {"topology": {"name": "cycle", "n": "8"}},
        {"topology": {"file": "g.csv", "edges": [[0, 1]]}},
        {"method": "dado"},
        {"method": {"name": "dadao", "etta": 1}},
        {"method": {"name": "dadao", "mu": -1}},
        {"method": {"name": "dadao", "flow": "identity"}},
        {"run": {}},
        {"run": {"tiem": 5}},
        {"run": {"time": 0}},
        {"record": {"metrics": ["eror"]}},
        {"record": {"metrics": []}},
        {"problem": {"name": "logistic_regression", "dataset": "mnist"}},
        {"problem": {"name": "logistic_regression", "dataset": "iris", "partition": "dirichlet"}},
        {"problem": {"name": "linear_regression", "synthetic": {"noises": 1}}},
        {"seed": -1},
        {"rates": {"name": "uniform", "total": 0}},
        {"clocks": "poisson"},
    ],
)
def test_schema_refuses(changes: dict[str, Any]) -> None:
    assert not valid({**GOOD, **changes})
    with pytest.raises(gs.ScenarioError):
        gs.World.build(gs.Scenario.parse({**GOOD, **changes}))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_schema_accepts_shipped_scenarios(path: Path) -> None:
    document = Document.load(path)
    assert valid(document.data)
    if "method" in document.data:
        assert valid(gs.Scenario.load(path).mapping())


def test_schema_knows_every_name_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    members = {
        d["properties"]["name"]["const"]: d
        for d in schema["$defs"].values()
        if "const" in d.get("properties", {}).get("name", {})
    }
    for family in ("methods", "topologies", "problems", "partitions"):
        for name, member in family_named(family).registry.items():
            assert name in members
            if name != "file":
                assert set(members[name]["properties"]) == {"name", *member.model_fields}
                assert members[name]["description"] == member.summary()


# Progress


def test_progress_is_a_line_now_and_then() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines("x", stream, clock=lambda: now[0])
    lines(None, "building")
    assert stream.getvalue() == ""
    lines(None, "compiling")
    for k in range(100):
        now[0] = k / 10
        lines(k / 100, f"t = {k}")
    lines.end()
    lines.end()
    assert stream.getvalue().splitlines() == ["x: compiling", "x: 50 %, t = 50", "x: 99 %, t = 99"]


def test_progress_is_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with telling("x", stream=stream) as progress:
        progress(None, "compiling")
        progress(0.5, "t = 5, 100 events, 1e+06 events/s")
        time.sleep(0.15)
    assert "50%" in stream.getvalue()
    assert "events/s" in stream.getvalue()
    quiet = Terminal()
    with telling("x", quiet=True, stream=quiet) as progress:
        progress(0.5, "t = 5")
    assert quiet.getvalue() == ""


# Signals


def long_run(folder: Path, **keys: Any) -> subprocess.Popen[str]:
    (folder / "long.yaml").write_text(SCENARIO.replace("time: 5", "time: 1.0e+9").replace("small", "long"))
    command = [sys.executable, "-m", "gossipsim", "run", "long.yaml", "--json", "--engine", "processes"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **keys)


@pytest.mark.slow
def test_ctrl_c_saves_what_was_computed(tmp_path: Path) -> None:
    started = long_run(tmp_path)
    assert started.stderr is not None
    told = [started.stderr.readline(), started.stderr.readline()]
    assert told[0] == "long: compiling\n"
    os.kill(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Traceback" not in err
    assert "gossipsim: interrupted at t = " in err
    assert "saved in results/long-seed0" in err
    assert json.loads(out)["status"] == "interrupted"
    trace = gs.Trace.load(tmp_path / "results" / "long-seed0")
    assert trace.status == "interrupted"
    assert np.isfinite(trace.columns["error"]).all()
    assert (trace.columns["time"] > 0).any()


def test_ctrl_c_before_anything_is_computed(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gossipsim.simulation.simulate", interrupted)
    assert run(file) == 130
    assert capsys.readouterr() == ("", "")
    assert not Path("results").exists()


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m gossipsim schema | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


def test_a_full_disk_is_one_sentence(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "results/x")

    monkeypatch.setattr("numpy.savez", full)
    assert run(file, "--quiet") == 1
    assert capsys.readouterr() == ("", "gossipsim: error: results/x: no space left on device\n")
    assert list(Path("results").iterdir()) == []
