"""What the benchmarks share: the load, the clock, and the machine's description."""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # thread CPU time counts one thread

import platform
import statistics
import time

import numpy as np

import gossipsim as gs
from gossipsim.engines.choice import choose
from gossipsim.engines.events import Limits


def world(n, dim=10, samples=20, method="dadao", seed=1, problem=None, **more):
    """Least squares on a random 4-regular graph, as many exchanges as gradients; `more` keys of the scenario."""
    one = {"name": "linear_regression", "l2": 0.5, "synthetic": {"samples": samples, "dim": dim}}
    settings = {"name": method}
    if method.lower().endswith("dadao"):
        settings["chi_1"] = 0.3  # stable at this low rate, and spares the spectrum of large graphs
    return gs.World.build(
        gs.Scenario.parse(
            {
                "seed": seed,
                "topology": {"name": "random_regular", "n": n, "degree": 4, "seed": 1},
                "problem": problem or one,
                "method": settings,
                "init": "normal",
                "rates": {"name": "uniform", "total": float(n)},
                "run": {"events": 10**15},
            }
            | more
        )
    )


def with_samples(built):
    """Return a world's objective with its samples, which a large world does not hold."""
    return built.scenario.problem.build(built.graph.n, built.seed)


class Engine:
    """An engine at work, measuring the error every `every` events."""

    def __init__(self, built, name="compiled", every=None):
        self.engine = choose(name, built)
        self.engine.wants = 1
        self.every = every or built.graph.n
        self.target = np.zeros(built.objective.dim)

    def run(self, events):
        """Run so many more events."""
        start = self.engine.state.counts.events
        places = np.arange(start + self.every, start + events + 1, self.every, dtype=float)
        end = Limits(events=start + events)
        self.engine.record("events", places, end, self.target, -np.inf)
        self.engine.advance(end)

    def check(self):
        """Stop when the state has left the finite numbers: its timing would mean nothing."""
        if not np.isfinite(self.engine.state.nodes.x).all():
            raise SystemExit("the state left the finite numbers: the timing would mean nothing")


def seconds_per_event(contestants, rounds, clock=time.thread_time):
    """Return name -> median seconds per event over interleaved rounds; contestants are (run, events) pairs."""
    times = {name: [] for name in contestants}
    for run, events in contestants.values():
        run(max(1, events // 10))
    for _ in range(rounds):
        for name, (run, events) in contestants.items():
            began = clock()
            run(events)
            times[name].append((clock() - began) / events)
    return {name: statistics.median(values) for name, values in times.items()}


def machine():
    """Describe the machine."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def three(value):
    """Return three significant digits."""
    return float(f"{value:.3g}")
