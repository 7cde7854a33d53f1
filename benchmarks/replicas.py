"""Several seeds on the cores at hand against one: wall time, ratios first, one JSON line.

    python benchmarks/replicas.py [--rounds 5] [--quick]

DADAO on least squares, n = 1000, d = 10, 20 samples. `seeds_on_all_cores` compares `simulate_seeds` of one seed per core (two at
most) with that of one seed, worlds and traces included; `many_short_seeds` compares 64 runs of 20,000 events on these cores with
the same in a loop of `simulate`. Meaningful on an idle machine only.
"""

import argparse
import json
import statistics
import time

from common import machine, three

import gossipsim as gs
from gossipsim.cores import cores


def scenario(n, events):
    return {
        "topology": {"name": "random_regular", "n": n, "degree": 4, "seed": 1},
        "problem": {"name": "linear_regression", "l2": 0.5, "data_seed": 1, "synthetic": {"samples": 20, "dim": 10}},
        "method": "dadao",
        "run": {"events": events},
    }


def seconds(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    workers = min(2, cores())
    long, short, many = scenario(1000, 100_000 if options.quick else 6_000_000), scenario(100, 20_000), 64
    gs.simulate_seeds(scenario(1000, 1000), workers, workers=workers)
    gs.simulate(short)
    sides, loops = [], []
    for _ in range(1 if options.quick else options.rounds):
        alone = seconds(lambda: gs.simulate_seeds(long, 1, workers=1))
        sides.append(workers * alone / seconds(lambda: gs.simulate_seeds(long, workers, workers=workers)))
        loop = seconds(lambda: [gs.simulate(short | {"seed": seed}) for seed in range(many)])
        loops.append(loop / seconds(lambda: gs.simulate_seeds(short, many, workers=workers)))
    found = {
        "seeds_on_all_cores": three(statistics.median(sides)),
        "many_short_seeds": three(statistics.median(loops)),
        "cores": workers,
    }
    print(json.dumps(found | {"machine": machine()}))


if __name__ == "__main__":
    main()
