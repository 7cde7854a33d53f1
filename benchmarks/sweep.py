"""A sweep of 200 runs with one and with two workers: what share of the second core is used, one JSON line.

    python benchmarks/sweep.py [--rounds 3] [--quick]

Four methods, five graphs, ten seeds. Efficiency is T(1) / (2 T(2)) for wall times from the call to the finished folder: `fresh`
when every sweep begins its workers, `kept` when they are there from the sweep before. The processor's seconds, which other
programs on the machine disturb less, give the same ratio of work. Machine code is compiled beforehand. Meaningful on an idle
machine only.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import psutil
from common import machine, three

import gossipsim as gs
from gossipsim.sweep_pools import IDLE

SCENARIO = {
    "name": "two_hundred",
    "topology": {"name": "cycle", "n": 64},
    "problem": {"name": "linear_regression", "l2": 0.5, "synthetic": {"samples": 20, "dim": 10}},
    "method": "dadao",
    "record": {"points": 100, "metrics": ["error", "consensus"]},
}
METHODS = ["dadao", "async_dsgd", "ad_psgd", "extra"]
GRAPHS = ["cycle", "grid", "torus", "complete", "hypercube"]


def seconds(until, seeds, jobs):
    """Return wall seconds and processor seconds of a sweep, its workers included."""
    vary = {"method.name": METHODS, "topology.name": GRAPHS}
    with tempfile.TemporaryDirectory() as folder:
        spent, began = processor(), time.perf_counter()
        found = gs.sweep(SCENARIO | {"run": {"time": until}}, vary, seeds=seeds, jobs=jobs, out=Path(folder, "s"))
        taken = time.perf_counter() - began, processor() - spent
    assert {outcome.status for outcome in found.outcomes.values()} == {"finished"}
    return taken


def processor():
    """Return the processor's seconds of this process and of all children, those that have ended included."""
    times = psutil.Process().cpu_times()
    living = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    ended = times.children_user + times.children_system
    return times.user + times.system + ended + sum(child.user + child.system for child in living)


def pair(long, seeds, fresh):
    """Return what one worker takes and what two take; `fresh` ones are begun for every sweep."""
    found = []
    for jobs in (1, 2):
        if fresh:
            IDLE.end()
        found.append(seconds(long, seeds, jobs))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    long, seeds = (20.0, 1) if options.quick else (5000.0, 10)
    seconds(1.0, 1, 1)
    seconds(1.0, 1, 2)
    pairs = [(pair(long, seeds, False), pair(long, seeds, True)) for _ in range(options.rounds)]
    print(
        json.dumps(
            {
                "efficiency_kept": [three(one[0] / (2.0 * two[0])) for (one, two), _ in pairs],
                "efficiency_fresh": [three(one[0] / (2.0 * two[0])) for _, (one, two) in pairs],
                "work_of_one_over_work_of_two": [three(one[1] / two[1]) for each in pairs for one, two in each],
                "seconds": [[three(one[0]), three(two[0])] for each in pairs for one, two in each],
                "runs": len(METHODS) * len(GRAPHS) * seeds,
                "load": [three(value) for value in os.getloadavg()],
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
