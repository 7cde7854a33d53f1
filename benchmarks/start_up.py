"""How long a command takes until it answers, machine code cold and warm; one JSON line of wall seconds.

python benchmarks/start_up.py [--rounds 5] [--quick]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, three

SCENARIO = """\
topology: {name: cycle, n: 16}
problem: {name: linear_regression, l2: 0.1, synthetic: {samples: 20, dim: 5}}
method: dadao
run: {events: 1}
"""
FIRST_EVENT = "import sys, gossipsim as gs; gs.simulate(sys.argv[1])"


def wall(command, rounds, **environment):
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, env=os.environ | environment, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return three(statistics.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    tool = [sys.executable, "-m", "gossipsim"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "s.yaml"
        file.write_text(SCENARIO)
        first = [sys.executable, "-c", FIRST_EVENT, str(file)]
        run = [*tool, "run", str(file), "--quiet", "--json", "--out", f"{folder}/out"]
        cold = statistics.median(
            wall(first, 1, GOSSIPSIM_CACHE=f"{folder}/cache{k}") for k in range(1 if options.quick else 3)
        )
        wall(run, 1)
        found = {
            "help": wall([*tool, "--help"], rounds),
            "check": wall([*tool, "check", str(file)], rounds),
            "first_event_warm": wall(first, rounds),
            "first_event_cold": cold,
            "run_and_save_with_picture_warm": wall(run, rounds),
        }
    print(json.dumps(found | {"machine": machine()}))


if __name__ == "__main__":
    main()
