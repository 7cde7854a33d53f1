"""DADAO as one first writes it: one SimPy process per clock, NumPy rows, `scipy.linalg.expm` for the flow."""

import numpy as np
import simpy
from scipy.linalg import expm


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
