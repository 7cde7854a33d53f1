"""A sweep's folder: what is in it is whole, whatever happened to the process that wrote it, and others can read it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import gossipsim as gs
from gossipsim.document import Document
from gossipsim.store import Store, is_sweep
from gossipsim.sweep_plan import plan

SCENARIO = """\
name: small
topology: {name: cycle, n: 8}
problem: {name: quadratic, dim: 2, L: 3.0}
method: dadao
run: {time: 10}
record: {points: 10}
"""
VARY = {"method.name": ["dadao", "gossip"], "topology.n": [4, 8]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    return tmp_path / "small.yaml"


def sweep(file: Path, out: Path, **more) -> gs.Sweep:
    settings = {"vary": VARY, "seeds": 3, "backend": "serial", "engine": "processes", "out": out}
    return gs.sweep(file, **{**settings, **more})


def test_a_folder_has_what_the_documentation_says(file, tmp_path):
    found = sweep(file, tmp_path / "s")
    runs = {run.id for run in found.runs}
    assert {path.name for path in (tmp_path / "s").iterdir()} == {
        ".lock", "runs", "sweep.json", "sweep.parquet", "sweep.yaml",
    }  # fmt: skip
    files = {path.name for path in (tmp_path / "s" / "runs").iterdir()}
    assert files == {f"{run}.{kind}" for run in runs for kind in ("json", "parquet")}
    record = json.loads((tmp_path / "s" / "runs" / f"{found.runs[0].id}.json").read_text())
    assert record["format"] == 1
    assert record["values"] == {"method.name": "dadao", "topology.n": 4}
    assert gs.Scenario.parse(record["scenario"]) == found.runs[0].scenario
    assert record["meta"]["versions"]["gossipsim"]
    again = gs.Sweep.load(tmp_path / "s")
    pd.testing.assert_frame_equal(again.frame(), found.frame())
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "s" / "sweep.parquet"), found.frame())
    assert repr(again) == repr(found)


def test_what_was_asked_can_be_asked_again(file, tmp_path):
    found = sweep(file, tmp_path / "s")
    second = gs.sweep(tmp_path / "s" / "sweep.yaml", backend="serial", engine="processes")
    assert [run.id for run in second.runs] == [run.id for run in found.runs]
    pd.testing.assert_frame_equal(second.frame(), found.frame())


def test_other_readers_read_the_runs(file, tmp_path):
    found = sweep(file, tmp_path / "s", resume=True)
    frame = found.frame()
    expected = frame[frame["time"] == 10].groupby("method.name")["error"].median()
    for pattern in ("sweep.parquet", "runs/*.parquet"):
        place = str(tmp_path / "s" / pattern)
        duckdb = pytest.importorskip("duckdb")
        query = f"""select "method.name", median(error) from read_parquet('{place}')
                    where time = 10 group by all order by all"""
        assert duckdb.sql(query).fetchall() == list(expected.items())
        polars = pytest.importorskip("polars")
        last = polars.scan_parquet(place).filter(polars.col("time") == 10).group_by("method.name")
        rows = last.agg(polars.col("error").median()).sort("method.name").collect().rows()
        assert rows == list(expected.items())


def test_arrow_reads_the_runs_as_one_data_set(file, tmp_path):
    import pyarrow.dataset as ds

    found = sweep(file, tmp_path / "s")
    table = ds.dataset(tmp_path / "s" / "runs", format="parquet", exclude_invalid_files=True).to_table()
    key = ["method.name", "topology.n", "seed", "time"]
    one, other = (frame.sort_values(key, ignore_index=True) for frame in (table.to_pandas(), found.frame()))
    pd.testing.assert_frame_equal(one, other)


def test_a_folder_that_is_in_use_asks_for_resume(file, tmp_path):
    found = sweep(file, tmp_path / "s")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "runs").iterdir()}
    with pytest.raises(gs.ScenarioError, match="holds this sweep already; allowed: --resume to go on, or a new folder"):
        sweep(file, tmp_path / "s")
    again = sweep(file, tmp_path / "s", resume=True)
    pd.testing.assert_frame_equal(again.frame(), found.frame())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "runs").iterdir()} == before


def test_more_seeds_and_values_go_into_the_same_folder_but_not_fewer(file, tmp_path):
    first = sweep(file, tmp_path / "s")
    more = sweep(file, tmp_path / "s", seeds=4, vary={**VARY, "topology.n": [4, 6, 8]}, resume=True)
    assert len(more.runs) == 2 * 3 * 4
    sweep(file, tmp_path / "t", seeds=4, vary={**VARY, "topology.n": [4, 6, 8]})
    assert (tmp_path / "s" / "sweep.parquet").read_bytes() == (tmp_path / "t" / "sweep.parquet").read_bytes()
    with pytest.raises(gs.ScenarioError, match=r"holds another sweep: 12 of its 24 runs are not asked for, such as"):
        sweep(file, tmp_path / "s", resume=True)
    assert len(first.runs) == 12


def test_runs_of_other_sources_are_not_mixed(file, tmp_path, monkeypatch):
    sweep(file, tmp_path / "s")
    monkeypatch.setattr("gossipsim.sweep_plan.sources_digest", lambda: "other")
    with pytest.raises(gs.ScenarioError, match="it was made by other sources of gossipsim"):
        sweep(file, tmp_path / "s", resume=True)


def test_a_changed_data_file_is_a_changed_run(file, tmp_path):
    rates = "i,j,rate\n0,1,1.0\n1,2,1.0\n2,3,1.0\n0,3,1.0\n"
    (tmp_path / "rates.csv").write_text(rates)
    document = Document.load(file)
    document.data |= {"rates": {"file": "rates.csv"}, "topology": {"name": "cycle", "n": 4}}
    first = plan(document, seeds=1)
    assert plan(document, seeds=1) == first
    (tmp_path / "rates.csv").write_text(rates.replace("1.0", "2.0"))
    assert plan(document, seeds=1).runs[0].id != first.runs[0].id


@pytest.mark.parametrize("damage", ["short", "foreign", "missing", "flipped"])
@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_damaged_run_is_told_and_run_again(file, tmp_path, kind, damage):
    found = sweep(file, tmp_path / "s")
    path = tmp_path / "s" / "runs" / f"{found.runs[4].id}.{kind}"
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        flipped = raw[:100] + bytes([raw[100] ^ 1]) + raw[101:]
        path.write_bytes({"short": raw[: len(raw) // 2], "foreign": b'{"a": 1}', "flipped": flipped}[damage])
    if (kind, damage) == ("json", "missing"):
        assert len(gs.Sweep.load(tmp_path / "s").outcomes) == 11
    else:
        with pytest.raises(gs.ScenarioError, match=f"{path.name}: is missing, damaged or .*; allowed: .*--resume"):
            gs.Sweep.load(tmp_path / "s")
    sweep(file, tmp_path / "s", resume=True)
    pd.testing.assert_frame_equal(gs.Sweep.load(tmp_path / "s").frame(), found.frame())
    assert kind == "json" or path.read_bytes() == raw


def test_what_is_no_sweep_is_told(file, tmp_path):
    with pytest.raises(gs.ScenarioError, match="no such folder"):
        gs.Sweep.load(tmp_path / "nowhere")
    with pytest.raises(gs.ScenarioError, match=r"holds no sweep; allowed: a folder with sweep\.json of gossipsim"):
        gs.Sweep.load(tmp_path)
    with pytest.raises(gs.ScenarioError, match="exists and is not a result of gossipsim"):
        sweep(file, tmp_path)
    sweep(file, tmp_path / "s")
    (tmp_path / "s" / "sweep.json").write_text('{"format": 1')
    with pytest.raises(gs.ScenarioError, match="holds no sweep"):
        gs.Sweep.load(tmp_path / "s")
    with pytest.raises(gs.ScenarioError, match="exists and is not a result of gossipsim"):
        sweep(file, tmp_path / "s", resume=True)


def test_a_sweep_of_a_newer_gossipsim_is_told(file, tmp_path, monkeypatch):
    monkeypatch.setattr("gossipsim.store.FORMAT", 2)
    sweep(file, tmp_path / "s")
    monkeypatch.undo()
    with pytest.raises(gs.ScenarioError, match="was written in format 2 by a newer gossipsim; allowed: up to 1"):
        gs.Sweep.load(tmp_path / "s")


def test_two_processes_do_not_write_to_one_folder(file, tmp_path):
    asked = plan(Document.load(file), seeds=2)
    store = Store.open(tmp_path / "s", asked)
    with pytest.raises(gs.ScenarioError, match="another process is writing here"):
        Store.open(tmp_path / "s", asked, resume=True)
    store.close()
    Store.open(tmp_path / "s", asked, resume=True).close()


def test_a_sweep_that_had_only_begun_can_begin_again(file, tmp_path):
    (tmp_path / "s" / "runs").mkdir(parents=True)
    (tmp_path / "s" / ".lock").touch()
    (tmp_path / "s" / ".sweep.json.abc.draft").write_text("{")
    assert is_sweep(tmp_path / "s")
    sweep(file, tmp_path / "s")
    assert not list((tmp_path / "s").rglob("*.draft"))
    (tmp_path / "t" / "runs").mkdir(parents=True)
    (tmp_path / "t" / "thesis.tex").touch()
    assert not is_sweep(tmp_path / "t")


def whole_runs(folder: Path) -> set[str]:
    """Return the ids of the finished runs, every one of which must be readable."""
    if not (folder / "sweep.json").exists():
        return set()
    found = gs.Sweep.load(folder)
    for outcome in found.outcomes.values():
        assert len(outcome.columns["time"]) == 11
        assert np.isfinite(outcome.columns["error"]).all()
    return set(found.outcomes)


def killed(command: list[str], folder: Path, moment: float, at_work: bool) -> bool:
    """Kill a sweep at a moment of its start, or of its work on runs; return whether it was still there to be killed."""
    before = len(list(folder.glob("runs/*.json")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        began = time.monotonic()
        while at_work and len(list(folder.glob("runs/*.json"))) == before and time.monotonic() - began < 60:
            if process.poll() is not None:
                return False
            time.sleep(0.005)
        time.sleep(moment)
        if process.poll() is not None:
            return False
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        assert not psutil.wait_procs(workers, timeout=60)[1]
        return process.wait() == -signal.SIGKILL


MANY = ["--vary", "topology.n=4,6,8", "--vary", "method.name=dadao,gossip", "--seeds", "50"]


def sweeping(file: Path, folder: Path) -> list[str]:
    words = ["sweep", str(file), "--out", str(folder), "--quiet", "--engine", "processes"]
    return [sys.executable, "-m", "gossipsim", *words]


def finish(file: Path, folder: Path, *arguments: str) -> bytes:
    subprocess.run([*sweeping(file, folder), *arguments], check=True, capture_output=True)
    return (folder / "sweep.parquet").read_bytes()


@pytest.mark.slow
def test_a_sweep_killed_at_any_moment_loses_no_finished_run(file, tmp_path):
    draw = random.Random(1)
    kills, folders, done = 0, [tmp_path / "s0"], set()
    for number in range(60):
        folder, at_work = folders[-1], draw.random() < 0.75
        command = [*sweeping(file, folder), *MANY, "--jobs", str(1 + number % 2)]
        resume = ["--resume"] if (folder / "sweep.json").exists() else []
        landed = killed([*command, *resume], folder, draw.uniform(0.0, 0.3 if at_work else 1.5), at_work)
        kills += landed
        now = whole_runs(folder)
        assert now >= done
        done = now
        if kills == 20:
            break
        if not landed:  # the sweep was over: another one
            folders.append(tmp_path / f"s{len(folders)}")
            done = set()
    assert kills == 20
    whole = finish(file, tmp_path / "t", *MANY)
    for folder in folders:
        assert finish(file, folder, *MANY, "--resume") == whole


@pytest.mark.slow
def test_workers_end_when_the_sweep_is_killed(file, tmp_path):
    file.write_text(SCENARIO.replace("time: 10", "time: 1.0e+9").replace("n: 8", "n: 20"))
    command = [sys.executable, "-m", "gossipsim", "sweep", str(file), "--out", str(tmp_path / "s"), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        began = time.monotonic()
        workers: list = []
        while len(workers) < 3 and time.monotonic() - began < 60:  # two workers and loky's watchman
            workers = psutil.Process(process.pid).children(recursive=True)
            time.sleep(0.1)
        time.sleep(4)
        os.kill(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
