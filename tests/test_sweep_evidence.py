"""Four methods, five graphs, ten seeds: the same bytes from one worker, two, a cluster, and after being killed three times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import gossipsim as gs

SCENARIO = """\
name: two_hundred
topology: {name: cycle, n: 9}
problem: {name: quadratic, dim: 2, L: 3.0}
method: dadao
run: {time: 10}
record: {points: 10}
"""
METHODS = ["dadao", "gossip", "d_psgd", "extra"]
GRAPHS = ["cycle", "grid", "path", "star", "complete"]
VARY = {"method.name": METHODS, "topology.name": GRAPHS}
WAITS = 120.0


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("evidence") / "two_hundred.yaml"
    place.write_text(SCENARIO)
    return place


@pytest.fixture(scope="module")
def alone(file) -> dict[str, bytes]:
    """Every table that one worker writes."""
    found = gs.sweep(file, VARY, seeds=10, jobs=1, engine="processes", out=file.parent / "alone")
    assert repr(found).endswith("200 runs: 200 finished>")
    return tables(file.parent / "alone")


def tables(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}
    assert len(found) == 201
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_two_workers_and_a_cluster_write_the_bytes_of_one(file, alone, tmp_path, backend):
    if backend == "dask":
        pytest.importorskip("distributed")
    gs.sweep(file, VARY, seeds=10, backend=backend, jobs=2, engine="processes", out=tmp_path / "s")
    assert tables(tmp_path / "s") == alone


@pytest.mark.slow
def test_a_sweep_that_was_killed_three_times_ends_the_same(file, alone, tmp_path):
    folder = tmp_path / "s"
    vary = [f"--vary={key}={','.join(values)}" for key, values in VARY.items()]
    options = ["--seeds", "10", "--jobs", "2", "--engine", "processes", "--quiet", "--out", str(folder)]
    command = [sys.executable, "-m", "gossipsim", "sweep", str(file), *vary, *options]
    before: dict[Path, int] = {}
    for many in (20, 70, 120):
        resume = ["--resume"] if before else []
        with subprocess.Popen([*command, *resume], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            began = time.monotonic()
            while len(records(folder)) < many and process.poll() is None and time.monotonic() - began < WAITS:
                time.sleep(0.005)
            assert process.poll() is None
            workers = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL)
            assert not psutil.wait_procs(workers, timeout=60)[1]
        now = records(folder)
        assert many <= len(now) < 200
        assert {path: now.get(path) for path in before} == before, "what was finished is neither lost nor run again"
        assert len(gs.Sweep.load(folder).outcomes) == len(now)
        before = now
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    assert {path: records(folder).get(path) for path in before} == before
    assert tables(folder) == alone


def records(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/*.json")}


def test_final_states_are_kept_when_asked_for(file, tmp_path):
    here = {"vary": {"topology.name": ["cycle", "star"]}, "seeds": 1, "backend": "serial", "engine": "processes"}
    bare = gs.sweep(file, out=tmp_path / "s", **here)
    assert not any(outcome.final for outcome in bare.outcomes.values())
    assert not list((tmp_path / "s").rglob("*.npz"))
    kept = gs.sweep(file, out=tmp_path / "s", resume=True, keep_final=True, **here)
    for again in (kept, gs.Sweep.load(tmp_path / "s")):
        for run in kept.runs:
            final = gs.simulate(run.scenario, engine="processes").final
            assert list(again.outcomes[run.id].final) == list(final)
            for name, array in final.items():
                np.testing.assert_array_equal(again.outcomes[run.id].final[name], array)
    place = tmp_path / "s" / "runs" / f"{kept.runs[0].id}.npz"
    whole = place.read_bytes()
    place.write_bytes(whole[:-1])
    with pytest.raises(gs.ScenarioError, match=f"{place.name}: is missing, damaged or was changed"):
        gs.Sweep.load(tmp_path / "s")
    gs.sweep(file, out=tmp_path / "s", resume=True, **here)
    gs.sweep(file, out=tmp_path / "s", resume=True, keep_final=True, **here)
    assert place.read_bytes() == whole
