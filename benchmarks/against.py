"""The compiled engine against NumPy, SimPy with NumPy, SimPy that does nothing, our SimPy engine, and the machine's bounds.

    python benchmarks/against.py [--rounds 5] [--quick]

One JSON line, ratios first. DADAO on least squares, d = 10, 20 samples, random 4-regular graph, as many exchanges as gradients;
drawing the events is included, the error is measured every n events. Thread CPU time, median of interleaved rounds.
"""

import argparse
import json

import numpy as np
import simpy
from common import Engine, machine, seconds_per_event, three, with_samples, world
from numba import njit, uint64
from plain import NumpyLoop, PlainLoop


class EmptyClocks:
    """SimPy with one process per clock, and no work at all."""

    def __init__(self, built):
        self.env, self.count = simpy.Environment(), 0
        rng = np.random.default_rng(0)
        waits = rng.exponential(size=4096).tolist()
        for k in range(built.graph.n):
            self.env.process(self.clock(waits, k, 1.0))
        for k, rate in enumerate(built.rates.tolist()):
            self.env.process(self.clock(waits, k, 1.0 / rate))

    def clock(self, waits, k, scale):
        while True:
            k = (k + 1) % 4096
            yield self.env.timeout(scale * waits[k])
            self.count += 1

    def run(self, events):
        stop = self.count + events
        while self.count < stop:
            self.env.step()


@njit
def _touch(rows, width, i, j, data, per_node, total):
    for k in range(uint64(i.size)):
        at = uint64(i[k]) * uint64(width)
        for q in range(uint64(width)):
            rows[at + q] += 1.0
        if j[k] >= 0:
            at = uint64(j[k]) * uint64(width)
            for q in range(uint64(width)):
                rows[at + q] += 1.0
        else:
            at = uint64(i[k]) * uint64(per_node)
            for q in range(uint64(per_node)):
                total[q & uint64(7)] += data[at + q]


class MemoryOnly:
    """The same random rows read and written, the data summed, nothing computed."""

    def __init__(self, built):
        self.source = built.events()
        nodes = built.start_rows()
        self.width = nodes.itemsize // 8
        self.rows = np.zeros(len(nodes) * self.width)
        self.data = with_samples(built).samples.view(np.float64).ravel()
        self.per_node = len(self.data) // len(nodes)
        self.total = np.zeros(8)
        self.block = self.source.block(0, 0.0)

    def run(self, events):
        for _ in range(max(1, events // len(self.block.t))):
            _touch(self.rows, self.width, self.block.i, self.block.j, self.data, self.per_node, self.total)


@njit
def _multiply_add(a, b, c, times):
    for _ in range(times):
        for k in range(uint64(a.size)):
            a[k] = b[k] + c * a[k]


class ArithmeticOnly:
    """As many multiplications and additions as an event has, on vectors in the first-level cache, and nothing else.

    A flow has 34 d of them, a gradient 4 m d, the jumps about 10 d; an event has 1.5 flows and half a gradient.
    """

    def __init__(self, built):
        d, rows = built.objective.dim, len(with_samples(built).samples) / built.graph.n
        self.pairs = (1.5 * 34 * d + 0.5 * 4 * rows * d + 10 * d) / 2
        self.a, self.b = np.ones(256), np.ones(256)

    def run(self, events):
        _multiply_add(self.a, self.b, 0.5, int(events * self.pairs / 256) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only n = 100, few events")
    options = parser.parse_args()
    found, scale = {}, 0.1 if options.quick else 1.0
    for n in (100,) if options.quick else (100, 1000, 100_000):
        built = world(n)
        compiled, processes = Engine(built), Engine(built, "processes")
        contestants = {
            "compiled": (compiled.run, int(max(400_000, 10 * n) * scale)),
            "processes": (processes.run, int(max(20_000, n) * scale)),
            "numpy": (NumpyLoop(built).run, int(4_000 * scale)),
            "simpy_numpy": (PlainLoop(built).run, int(4_000 * scale)),
            "empty_simpy": (EmptyClocks(built).run, int(100_000 * scale)),
            "arithmetic_only": (ArithmeticOnly(built).run, int(400_000 * scale)),
            "memory_only": (MemoryOnly(built).run, int(400_000 * scale)),
        }
        if n == 100:
            gossip = Engine(world(n, method="gossip"))
            contestants["gossip"] = (gossip.run, int(1_000_000 * scale))
        cost = seconds_per_event(contestants, options.rounds)
        compiled.check()
        found[str(n)] = {
            "compiled_over": {
                name: three(value / cost["compiled"]) for name, value in cost.items() if name != "compiled"
            },
            "events_per_second": {name: round(1 / value) for name, value in cost.items()},
        }
    print(json.dumps({"n": found, "machine": machine()}))


if __name__ == "__main__":
    main()
