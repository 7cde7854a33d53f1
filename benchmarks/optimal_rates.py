"""Optimal rates: CPU seconds of one core, proved gap and iterations by size, beside the plain cvxpy statement; one JSON line.

    python benchmarks/optimal_rates.py [--rounds 1] [--largest 1000] [--tol 1e-6] [--quick]

Square grids and random geometric graphs of mean degree about 5 to 7. cvxpy (with Clarabel, one matrix inequality of size 2n)
runs in the same process where it takes less than a minute. The smallest of the rounds counts.
"""

import argparse
import json
import time

from common import machine, three

from gossipsim.graph import Graph
from gossipsim.optimal.solve import optimal_rates

RADIUS = {25: 0.3, 100: 0.143, 200: 0.1, 500: 0.064, 1000: 0.0435}
CVXPY = 40
"""Nodes up to which the plain statement takes less than a minute."""


def graphs(largest):
    for side in (5, 6, 10, 14, 22, 32, 45):
        if side * side <= 1.1 * largest:
            yield f"grid {side}x{side}", Graph.build("grid", n=side * side)
    for n, radius in RADIUS.items():
        if n <= largest:
            yield f"geometric {n}", Graph.build("random_geometric", n=n, radius=radius, seed=1)
    if largest >= 1000:
        yield "geometric 1000 denser", Graph.build("random_geometric", n=1000, radius=0.051, seed=1)


def timed(graph, method, tol, rounds):
    times = []
    for _ in range(rounds):
        began = time.process_time()
        answer = optimal_rates(graph, method=method, tol=tol)
        times.append(time.process_time() - began)
    return answer, {
        "seconds": three(min(times)),
        "gap": three(answer.gap),
        "iterations": answer.iterations,
        "certified": answer.certified,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--largest", type=int, default=1000)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    cases = {}
    optimal_rates(Graph.build("grid", n=9))  # the libraries are loaded before the clock runs
    for name, graph in graphs(100 if options.quick else options.largest):
        answer, numbers = timed(graph, "interior_point", options.tol, options.rounds)
        case = {"n": graph.n, "m": graph.m, "uniform_over_optimal": three(answer.uniform_value / answer.value)}
        cases[name] = case | {"interior_point": numbers}
        if graph.n <= (25 if options.quick else CVXPY):
            plain, numbers = timed(graph, "sdp", options.tol, 1)
            cases[name]["cvxpy"] = numbers | {"difference": three(abs(plain.value / answer.value - 1))}
    print(json.dumps({"tol": options.tol, "cases": cases, "machine": machine()}))


if __name__ == "__main__":
    main()
