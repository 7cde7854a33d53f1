"""The command line answers at once: heavy libraries wait until they are needed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = {"numba", "llvmlite", "matplotlib", "cvxpy", "sklearn", "pandas", "networkx", "simpy", "pyarrow"}
PROBE = """
import sys
from gossipsim.cli import main
status = main(sys.argv[1:])
print(status, *sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""
SCENARIO = """
topology: {name: cycle, n: 8}
problem: {name: quadratic, dim: 2}
method: dadao
run: {time: 5}
"""


def loaded(arguments: list[str], folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    status, *names = done.stderr.split()
    assert status == "0"
    return set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["show", "topologies"],
        ["show", "methods", "dadao"],
        ["schema"],
        ["check", "s.yaml"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    assert not loaded(arguments, tmp_path) & HEAVY


def test_help_needs_typer_only(tmp_path: Path) -> None:
    assert not loaded(["--help"], tmp_path) & {"numpy", "scipy", "pydantic", "rich", "ruamel"}


def test_the_package_itself_is_light(tmp_path: Path) -> None:
    code = "import sys, gossipsim; sys.exit(len({'numpy', 'pydantic', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_help_is_quick(tmp_path: Path) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "gossipsim", "--help"], cwd=tmp_path, capture_output=True, check=True)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 1.0
