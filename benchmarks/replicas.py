"""Two seeds on two cores against one: wall time, ratios first, one JSON line.

    python benchmarks/replicas.py [--rounds 5] [--quick]

DADAO on least squares, n = 1000, d = 10, 20 samples; the worlds are built beforehand. Meaningful on an idle machine only.
"""

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from common import Engine, machine, three, world


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    events = 100_000 if options.quick else 3_000_000
    cores = min(2, len(os.sched_getaffinity(0)))
    replicas = [Engine(world(1000, seed=seed), every=10_000) for seed in range(cores)]
    alone, together = [], []
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(options.rounds):
            began = time.perf_counter()
            replicas[0].run(events)
            alone.append(time.perf_counter() - began)
            began = time.perf_counter()
            list(pool.map(lambda replica: replica.run(events), replicas))
            together.append(time.perf_counter() - began)
    speed = statistics.median(cores * one / both for one, both in zip(alone, together, strict=True))
    print(json.dumps({"throughput_over_one_core": three(speed), "cores": cores, "machine": machine()}))


if __name__ == "__main__":
    main()
