"""DADAO as one first writes it: NumPy rows and `scipy.linalg.expm`, in a loop, or with one SimPy process per clock."""

import numpy as np
import simpy
from common import with_samples
from scipy.linalg import expm


class NumpyLoop:
    """DADAO written directly for NumPy, one event after the other."""

    def __init__(self, world):
        n, d = world.graph.n, world.objective.dim
        self.A = world.method.flow_matrix(world.facts)
        self.c = world.constants
        self.state = self.u = np.zeros((n, 6, d))
        self.last = np.zeros(n)
        objective = with_samples(world)
        shards = [objective.shard(i) for i in range(n)]
        self.data = [(np.array(shard.a), np.array(shard.b)) for shard in shards]
        self.l2 = world.objective.constants.get("l2", 0.0)
        self.events = list(zip(*(column.tolist() for column in world.events().block(0, 0.0)), strict=True))
        self.count = 0

    def flow(self, i, now):
        self.u[i] = expm(self.A * (now - self.last[i])) @ self.u[i]
        self.last[i] = now

    def gradient(self, i, now):
        A, b = self.data[i]
        c = self.c
        self.flow(i, now)
        x, x_tilde, _, y_tilde, _, _ = self.u[i]
        r = 2 / len(b) * A.T @ (A @ x - b) + self.l2 * x - c["nu"] * x - y_tilde
        x -= c["gamma"] * r
        x_tilde -= c["gamma_tilde"] * r
        y_tilde += (c["delta"] + c["delta_tilde"]) * r
        self.count += 1

    def exchange(self, i, j, now):
        c = self.c
        self.flow(i, now)
        self.flow(j, now)
        p = (self.u[i, 2] + self.u[i, 4]) - (self.u[j, 2] + self.u[j, 4])
        self.u[i, 4] -= c["beta"] * p
        self.u[i, 5] -= c["beta_tilde"] * p
        self.u[j, 4] += c["beta"] * p
        self.u[j, 5] += c["beta_tilde"] * p
        self.count += 1

    def run(self, events):
        """Run so many more events, the same block of them over and over."""
        period, size = self.events[-1][0], len(self.events)
        for k in range(self.count, self.count + events):
            t, i, j, _ = self.events[k % size]
            now = t + k // size * period
            if j < 0:
                self.gradient(i, now)
            else:
                self.exchange(i, j, now)


class PlainLoop(NumpyLoop):
    """The same with one SimPy process per clock."""

    def __init__(self, world):
        super().__init__(world)
        self.env, self.rng = simpy.Environment(), np.random.default_rng(0)
        for i in range(world.graph.n):
            self.env.process(self.node_clock(i))
        for (i, j), rate in zip(world.graph.edges.tolist(), world.rates.tolist(), strict=True):
            self.env.process(self.edge_clock(i, j, rate))

    def node_clock(self, i):
        while True:
            yield self.env.timeout(self.rng.exponential())
            self.gradient(i, self.env.now)

    def edge_clock(self, i, j, rate):
        while True:
            yield self.env.timeout(self.rng.exponential(1 / rate))
            self.exchange(i, j, self.env.now)

    def run(self, events):
        """Run so many more events."""
        stop = self.count + events
        while self.count < stop:
            self.env.step()
