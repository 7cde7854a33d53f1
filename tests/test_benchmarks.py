"""Every benchmark still runs, in its short form, and prints one JSON line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in {"common.py", "plain.py"})


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_short_form_prints_one_json_line(script):
    command = [sys.executable, str(FOLDER / script), "--quick", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
