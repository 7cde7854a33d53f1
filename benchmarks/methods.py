"""What methods cost beside the same arithmetic in a bare compiled loop, and a synchronous round beside a sparse product.

    python benchmarks/methods.py [--rounds 5] [--quick]

One JSON line, ratios first: speed of the engine over speed of the bare loop. Asynchronous methods: least squares, d = 10,
20 samples, random 4-regular graph, n = 1000, drawing the events included on both sides, no records. Synchronous: n = 1000,
d = 100, averaging and gradient descent against SciPy's sparse product with NumPy's vector operations. Thread CPU time,
median of interleaved rounds.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse
from common import machine, seconds_per_event, world
from numba import njit, uint64

from gossipsim.engines.choice import choose
from gossipsim.engines.events import Limits

AVERAGING = '''
from gossipsim.methods.base import Method, kernel


class Averaging(Method):
    """Synchronous averaging with the mixing weights."""

    node = {"x": "vector", "mixed": "vector"}
    talks = "round"
    solves = "average"

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.mixed[:] = node.x
        for k in range(len(inbox)):
            node.mixed[:] = node.mixed + links[slots[k]].weight * (inbox[k] - node.x)
        node.x[:] = node.mixed
'''


@njit(error_model="numpy")
def _gradient(A, b, first, last, x, g):
    d, m = uint64(g.size), last - first
    for q in range(d):
        g[q] = 0.5 * x[q]
    for k in range(uint64(first), uint64(last)):
        r = 0.0
        for q in range(d):
            r += A[k, q] * x[q]
        r = 2.0 / m * (r - b[k])
        for q in range(d):
            g[q] += r * A[k, q]


@njit(error_model="numpy")
def _bare(kind, x, y, at, t, i, j, A, b, first, g, lr, eta, alpha):
    """Do the arithmetic of a method, event by event: 0 a2cid2, 1 async_dsgd, 2 ad_psgd."""
    d = uint64(g.size)
    for k in range(uint64(t.size)):
        for side in range(2):
            u = uint64(i[k] if side == 0 else j[k])
            if side == 1 and j[k] < 0:
                break
            if kind == 0:
                f = math.exp(-2.0 * eta * (t[k] - at[u]))
                p, q = 0.5 * (1.0 + f), 0.5 * (1.0 - f)
                for c in range(d):
                    s = x[u, c]
                    x[u, c] = p * s + q * y[u, c]
                    y[u, c] = q * s + p * y[u, c]
            at[u] = t[k]
        u = uint64(i[k])
        if j[k] < 0:
            _gradient(A, b, first[u], first[u + uint64(1)], y[u] if kind == 2 else x[u], g)
            for c in range(d):
                x[u, c] -= lr * g[c]
                if kind == 0:
                    y[u, c] -= lr * g[c]
                elif kind == 2:
                    y[u, c] = x[u, c]
        else:
            v = uint64(j[k])
            for c in range(d):
                difference = x[u, c] - x[v, c]
                x[u, c] -= 0.5 * difference
                x[v, c] += 0.5 * difference
                if kind == 0:
                    y[u, c] -= alpha * difference
                    y[v, c] += alpha * difference


class Bare:
    """The bare loop on a world's own events."""

    def __init__(self, built, kind):
        self.kind, self.source = kind, built.events()
        n, d = built.graph.n, built.objective.dim
        self.x, self.y, self.at, self.g = np.zeros((n, d)), np.zeros((n, d)), np.zeros(n), np.empty(d)
        samples = built.objective.samples
        self.data = np.ascontiguousarray(samples["a"]), np.ascontiguousarray(samples["b"]), built.objective.first
        self.done, self.clock = 0, 0.0

    def run(self, events):
        end = self.done + events
        while self.done < end:
            block = self.source.block(self.done, self.clock)
            _bare(self.kind, self.x, self.y, self.at, block.t, block.i, block.j, *self.data, self.g, 1e-3, 0.1, 0.7)
            self.done, self.clock = self.done + len(block.t), float(block.t[-1])


class Advance:
    """An engine at work, without records."""

    def __init__(self, built):
        self.engine = choose("compiled", built)

    def run(self, events):
        self.engine.advance(Limits(events=self.engine.state.counts.events + events))


class SparseRounds:
    """X <- W X, or X <- W X - lr G with every node's gradient, by SciPy and NumPy."""

    def __init__(self, built, computes):
        n, d = built.graph.n, built.objective.dim
        self.W = scipy.sparse.csr_array(scipy.sparse.eye_array(n) - built.graph.laplacian(built.facts.mixing.weights))
        self.X, self.objective, self.computes = (
            np.random.default_rng(0).standard_normal((n, d)),
            built.objective,
            computes,
        )

    def run(self, rounds):
        for _ in range(rounds):
            mixed = self.W @ self.X
            self.X = mixed - 1e-3 * self.objective.local_gradients(self.X) if self.computes else mixed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few events")
    options = parser.parse_args()
    events = 20_000 if options.quick else 400_000
    ratios, cost = {}, {}
    for kind, method in enumerate(("a2cid2", "async_dsgd", "ad_psgd")):
        built = world(1000, method=method)
        found = seconds_per_event(
            {"bare": (Bare(built, kind).run, events), "engine": (Advance(built).run, events)}, options.rounds
        )
        ratios[method] = found["bare"] / found["engine"]
        cost[method] = found["engine"] * 1e9
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "averaging.py")
        file.write_text(AVERAGING)
        rounds = 5 if options.quick else 100
        for name, method, computes in (("averaging", f"{file}:Averaging", False), ("d_psgd", "d_psgd", True)):
            built = world(1000, 100, 5, method=method)
            found = seconds_per_event(
                {"bare": (SparseRounds(built, computes).run, rounds), "engine": (Advance(built).run, rounds)},
                options.rounds,
            )
            ratios[f"{name}, a round"] = found["bare"] / found["engine"]
            cost[f"{name}, a round"] = found["engine"] * 1e9
    print(
        json.dumps(
            {
                "engine_over_bare": {name: round(value, 2) for name, value in ratios.items()},
                "nanoseconds": {name: round(value) for name, value in cost.items()},
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
