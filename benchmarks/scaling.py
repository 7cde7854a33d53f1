"""Cost per event against the number of nodes and the dimension, and the peak memory of a million nodes; one JSON line.

    python benchmarks/scaling.py [--rounds 3] [--quick] [--plot benchmarks/scaling.png]

DADAO, as many exchanges as gradients, the error measured every n events; least squares with 20 samples (5 beyond
d = 1000) on a random 4-regular graph. Each size runs in a process of its own, so that the peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys

from common import Engine, machine, seconds_per_event, three, world


def one(n, dim, rounds, events):
    samples = 20 if dim <= 1000 else 5
    built = world(n, dim, samples)
    data = built.gradients.rows.nbytes
    engine = Engine(built, every=max(n, 100))
    cost = seconds_per_event({"it": (engine.run, events)}, rounds)["it"]
    engine.check()
    state = engine.engine.state.nodes.nbytes
    held = state + data + built.graph.edges.nbytes + built.rates.nbytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"n": n, "d": dim, "ns": three(cost * 1e9), "state_MB": three(state / 1e6),
            "state_data_graph_MB": three(held / 1e6), "peak_MB": three(peak / 1e6)}  # fmt: skip


def draw(rows, path):
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, (x, fixed, value, label) in zip(
        figure.subplots(1, 2),
        (("n", "d", 10, "nodes n  (d = 10)"), ("d", "n", 100, "dimension d  (n = 100)")),
        strict=True,
    ):
        points = sorted((row[x], row["ns"]) for row in rows if row[fixed] == value)
        axes.loglog(*zip(*points, strict=True), "o-", color="#0072B2")
        axes.set(xlabel=label, ylabel="time per event (ns)", ylim=(50, 2 * max(value for _, value in points)))
        axes.yaxis.set(
            major_locator=LogLocator(subs=(1, 2, 5)),
            major_formatter=StrMethodFormatter("{x:,.0f}"),
            minor_formatter=NullFormatter(),
        )
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plot")
    parser.add_argument("--one", nargs=3, type=int, metavar=("N", "D", "EVENTS"))
    options = parser.parse_args()
    if options.one:
        n, dim, events = options.one
        print(json.dumps(one(n, dim, options.rounds, events)))
        return
    if options.quick:
        sizes = [(100, 10, 50_000), (1000, 10, 50_000), (100, 1, 50_000), (100, 100, 20_000)]
    else:
        sizes = [(10**k, 10, max(400_000, 4 * 10**k)) for k in range(2, 7)]
        sizes += [(100, d, max(2_000, 400_000 // d)) for d in (1, 3, 30, 100, 1000, 10_000)]
        sizes += [(10**6, 2, 4_000_000)]
    rows = []
    for n, dim, events in sizes:
        command = [sys.executable, __file__, "--rounds", str(options.rounds), "--one", str(n), str(dim), str(events)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    if options.plot:
        draw(rows, options.plot)
    print(json.dumps({"sizes": rows, "machine": machine()}))


if __name__ == "__main__":
    main()
