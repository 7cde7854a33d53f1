"""Results survive a round trip, notice changes, repeat byte for byte, and are never half there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.errors import ScenarioError
from gossipsim.trace import Trace, is_result

SMALL = {
    "name": "small",
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2, "L": 3.0},
    "method": "dadao",
    "run": {"time": 5},
    "record": {"points": 10},
}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return gs.simulate(SMALL, engine="processes")


def test_round_trip(trace: Trace, tmp_path: Path) -> None:
    again = Trace.load(trace.save(tmp_path / "result"))
    assert again.scenario == trace.scenario
    assert again.status == trace.status == "finished"
    assert again.meta == json.loads(json.dumps(trace.meta))
    assert list(again.columns) == list(trace.columns)
    for name, column in trace.columns.items():
        assert again.columns[name].dtype == column.dtype
        np.testing.assert_array_equal(again.columns[name], column)
    assert list(again.final) == list(trace.final)
    for name, array in trace.final.items():
        np.testing.assert_array_equal(again.final[name], array)
    assert again.frame().equals(trace.frame())


def test_a_diverged_run_comes_back_with_its_infinities(tmp_path: Path) -> None:
    wild = gs.simulate({**SMALL, "method": {"name": "dadao", "gamma": 1e99}}, engine="processes")
    assert wild.status == "diverged"
    again = Trace.load(wild.save(tmp_path / "wild"))
    np.testing.assert_array_equal(again.columns["error"], wild.columns["error"])
    assert again.meta["diverged"] == wild.meta["diverged"]


@pytest.mark.parametrize("engine", ["compiled", "processes"])
def test_the_same_run_gives_the_same_bytes(engine: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        gs.simulate(SMALL, engine=engine).save(tmp_path / name, picture=True)
    for file in ("trace.parquet", "final.npz", "scenario.yaml", "trace.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("file", ["trace.parquet", "final.npz", "scenario.yaml"])
def test_changed_and_missing_files_are_noticed(file: str, trace: Trace, tmp_path: Path) -> None:
    result = trace.save(tmp_path / "result")
    content = bytearray((result / file).read_bytes())
    content[len(content) // 2] ^= 1
    (result / file).write_bytes(content)
    with pytest.raises(ScenarioError, match=f"{file} is missing or was changed"):
        Trace.load(result)
    (result / file).unlink()
    with pytest.raises(ScenarioError, match=f"{file} is missing or was changed"):
        Trace.load(result)


def test_a_picture_may_be_changed_or_added(trace: Trace, tmp_path: Path) -> None:
    result = trace.save(tmp_path / "result", picture=True)
    (result / "trace.png").unlink()
    (result / "another.png").write_bytes(b"")
    assert Trace.load(result).status == "finished"


def test_no_pickle_is_read(trace: Trace, tmp_path: Path) -> None:
    result = trace.save(tmp_path / "result")
    with np.load(result / "final.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind == "f" for name in archive.files)


def test_a_result_is_replaced(trace: Trace, tmp_path: Path) -> None:
    result = trace.save(tmp_path / "result")
    other = gs.simulate({**SMALL, "seed": 9}, engine="processes")
    other.save(result)
    assert Trace.load(result).scenario.seed == 9
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_other_things_are_never_replaced(trace: Trace, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for place in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(ScenarioError, match="is not a result"):
            trace.save(place)
    with pytest.raises(ScenarioError, match="is a file"):
        trace.save(tmp_path / "thesis.tex" / "result")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", '{"format": 1}', '{"format": "x", "files": {}}', "\x00"])
def test_a_folder_that_is_no_result(content: str, tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(content)
    assert not is_result(tmp_path)
    with pytest.raises(ScenarioError):
        Trace.load(tmp_path)


def test_a_newer_format_is_told(trace: Trace, tmp_path: Path) -> None:
    result = trace.save(tmp_path / "result")
    meta = json.loads((result / "meta.json").read_text())
    (result / "meta.json").write_text(json.dumps({**meta, "format": 99}))
    with pytest.raises(ScenarioError, match="newer gossipsim"):
        Trace.load(result)


@pytest.mark.parametrize("step", ["to_parquet", "savez", "sha256", "rename"])
def test_a_crash_while_saving_leaves_the_old_result(
    step: str, trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = trace.save(tmp_path / "result")
    other = gs.simulate({**SMALL, "seed": 9}, engine="processes")

    def crash(*_: object, **__: object) -> None:
        raise OSError("disk full")

    owner = {"to_parquet": "pandas.DataFrame", "savez": "numpy", "sha256": "hashlib", "rename": "pathlib.Path"}[step]
    with monkeypatch.context() as patch:
        patch.setattr(f"{owner}.{step}", crash)
        with pytest.raises(OSError, match="disk full"):
            other.save(result)
    assert Trace.load(result).scenario.seed == 0
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_crash_between_the_renames_loses_nothing(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = trace.save(tmp_path / "result")
    other = gs.simulate({**SMALL, "seed": 9}, engine="processes")
    rename, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:  # the new result's turn, after the old one has moved aside
            raise OSError("power cut")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", second_fails)
        with pytest.raises(OSError, match="power cut"):
            other.save(result)
    assert Trace.load(result).scenario.seed == 0


KILLED = """
import os, signal, sys
import gossipsim as gs
trace = gs.simulate({scenario!r}, engine="processes")
import {module}
setattr({module}, {name!r}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
trace.save(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param("numpy", "savez", marks=pytest.mark.slow),
        pytest.param("json", "dumps", marks=pytest.mark.slow),
        ("os", "fsync"),
    ],
)
def test_killed_while_saving(module: str, name: str, tmp_path: Path) -> None:
    code = KILLED.format(scenario=SMALL, module=module, name=name)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "result")], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "result").exists()
    for left in tmp_path.iterdir():
        assert left.name.startswith(".result.")


def test_killed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text(gs.Scenario.parse({**SMALL, "name": "long", "run": {"time": 1e9}}).dump())
    command = [sys.executable, "-m", "gossipsim", "run", str(file), "--quiet", "--engine", "processes"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait(30) == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["long.yaml"]
    with pytest.raises(ScenarioError):
        Trace.load(tmp_path / "results" / "long-seed0")
