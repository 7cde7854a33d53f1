"""Events per second of both engines against a plain SimPy + NumPy loop, all measured in this run; one JSON line.

    python benchmarks/events_per_second.py [--n 64] [--dim 50] [--samples 32] [--every 100] [--rounds 5] [--quick]

DADAO with its theory's constants and rates on least squares over a 4-regular random graph, the error measured every 100 n
events. Times are thread
CPU seconds, the median over interleaved rounds. The plain loop is what one writes first: one SimPy process per clock, rows
of NumPy arrays, `scipy.linalg.expm` for the flow.
"""

import argparse
import json
import os
import statistics
import time

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # thread CPU time counts one thread

import numpy as np
import simpy
from scipy.linalg import expm

import gossipsim as gs
from gossipsim.engines.base import choose
from gossipsim.engines.events import Limits


def scenario(n, dim, samples):
    return gs.Scenario.parse(
        {
            "topology": {"name": "random_regular", "n": n, "degree": 4, "seed": 1},
            "problem": {"name": "linear_regression", "l2": 0.1, "synthetic": {"samples": samples, "dim": dim}},
            "method": "dadao",
            "run": {"events": 10**12},
        }
    )


class PlainLoop:
    """DADAO written directly for SimPy and NumPy."""

    def __init__(self, world, seed=0):
        self.env = simpy.Environment()
        self.rng = np.random.default_rng(seed)
        n, d = world.graph.n, world.objective.dim
        c = world.constants
        self.A = world.method.flow_matrix(world.facts)
        self.state = self.u = np.zeros((n, 6, d))
        self.last = np.zeros(n)
        self.c = c
        self.data = [world.objective.shard(i) for i in range(n)]
        self.data = [(np.array(s.a), np.array(s.b)) for s in self.data]
        self.l2 = world.objective.constants.get("l2", 0.0)
        self.count = 0
        for i in range(n):
            self.env.process(self.gradients(i))
        for (i, j), rate in zip(world.graph.edges.tolist(), world.rates.tolist(), strict=True):
            self.env.process(self.gossip(i, j, rate))

    def flow(self, i):
        self.u[i] = expm(self.A * (self.env.now - self.last[i])) @ self.u[i]
        self.last[i] = self.env.now

    def gradients(self, i):
        A, b = self.data[i]
        c = self.c
        while True:
            yield self.env.timeout(self.rng.exponential())
            self.flow(i)
            x, x_tilde, _, y_tilde, _, _ = self.u[i]
            r = 2 / len(b) * A.T @ (A @ x - b) + self.l2 * x - c["nu"] * x - y_tilde
            x -= c["gamma"] * r
            x_tilde -= c["gamma_tilde"] * r
            y_tilde += (c["delta"] + c["delta_tilde"]) * r
            self.count += 1

    def gossip(self, i, j, rate):
        c = self.c
        while True:
            yield self.env.timeout(self.rng.exponential(1 / rate))
            self.flow(i)
            self.flow(j)
            p = (self.u[i, 2] + self.u[i, 4]) - (self.u[j, 2] + self.u[j, 4])
            self.u[i, 4] -= c["beta"] * p
            self.u[i, 5] -= c["beta_tilde"] * p
            self.u[j, 4] += c["beta"] * p
            self.u[j, 5] += c["beta_tilde"] * p
            self.count += 1

    def run(self, events):
        """Run so many more events."""
        stop = self.count + events
        while self.count < stop:
            self.env.step()


class Ours:
    """An engine of ours, measuring the error now and then."""

    def __init__(self, world, name, every):
        self.engine = choose(name, world)
        self.stride = every * world.graph.n
        self.target = world.target

    def run(self, events):
        """Run so many more events."""
        start = self.engine.state.counts.events
        places = np.arange(start + self.stride, start + events + 1, self.stride, dtype=float)
        self.engine.record("events", places, Limits(events=start + events), self.target, -np.inf)
        self.engine.advance(Limits(events=start + events))

    @property
    def state(self):
        """The nodes' x."""
        return self.engine.state.nodes.x


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--every", type=int, default=100, help="measure after so many events per node")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer events per round")
    options = parser.parse_args()
    world = gs.World.build(scenario(options.n, options.dim, options.samples))
    scale = 0.1 if options.quick else 1.0
    contestants = {
        "compiled": (Ours(world, "compiled", options.every), int(200_000 * scale)),
        "processes": (Ours(world, "processes", options.every), int(20_000 * scale)),
        "plain_simpy_numpy": (PlainLoop(world), int(4_000 * scale)),
    }
    times = {name: [] for name in contestants}
    for runner, events in contestants.values():
        runner.run(events // 10)
    for _ in range(options.rounds):
        for name, (runner, events) in contestants.items():
            began = time.thread_time()
            runner.run(events)
            times[name].append((time.thread_time() - began) / events)
    for name, (runner, _) in contestants.items():
        if not np.isfinite(runner.state).all():
            raise SystemExit(f"{name} left the finite numbers: its timing would mean nothing")
    rate = {name: 1 / statistics.median(values) for name, values in times.items()}
    print(
        json.dumps(
            {
                "compiled_over_plain": round(rate["compiled"] / rate["plain_simpy_numpy"], 1),
                "processes_over_plain": round(rate["processes"] / rate["plain_simpy_numpy"], 2),
                "events_per_second": {name: round(value) for name, value in rate.items()},
                "n": options.n,
                "dim": options.dim,
                "samples": options.samples,
                "measured_every": options.every * options.n,
            }
        )
    )


if __name__ == "__main__":
    main()
