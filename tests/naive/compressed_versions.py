"""Plain matrix versions of the compressed methods, in the form of `matrix_versions`: every event is a round."""

import numpy as np

from gossipsim.stream import draw_at_time, uniform


class Wire:
    """Compresses the vectors of the nodes, each with its own count, and makes unbiased compressors contractive."""

    def __init__(self, world):
        self.compressor, self.seed, self.sends = world.scenario.compressor, world.seed, [0] * world.graph.n
        self.scale = 1.0
        if self.compressor is not None and self.compressor.omega(world.objective.dim) is not None:
            self.scale = 1.0 / (1.0 + self.compressor.omega(world.objective.dim))

    def __call__(self, i, v):
        if self.compressor is None:
            return v.copy()
        self.sends[i] += 1
        return self.scale * self.compressor.apply(v, self.seed, self.sends[i] - 1, owner=i)[0]

    def all(self, V):
        return np.stack([self(i, v) for i, v in enumerate(V)])


def minus_laplacian(world):
    """Return W - I."""
    return -world.graph.laplacian(world.facts.mixing.weights).toarray()


def choco_gossip(world, events):
    x, wire, K = world.start_rows()["x"].copy(), Wire(world), minus_laplacian(world)
    x_hat = np.zeros_like(x)
    for _ in events:
        x_hat += wire.all(x - x_hat)
        x = x + world.constants["gamma"] * K @ x_hat
    return {"x": x, "x_hat": x_hat, "pull": K @ x_hat}


def choco_sgd(world, events):
    x, wire, K, c = world.start_rows()["x"].copy(), Wire(world), minus_laplacian(world), world.constants
    x_hat = np.zeros_like(x)
    for t, _ in enumerate(events):
        x = x - c["top"] / (c["bottom"] + c["slope"] * t) * world.objective.local_gradients(x)
        x_hat += wire.all(x - x_hat)
        x = x + c["gamma"] * K @ x_hat
    return {"x": x, "x_hat": x_hat, "pull": K @ x_hat}


def motef(world, events):
    X, wire, K, c = world.start_rows()["x"].copy(), Wire(world), minus_laplacian(world), world.constants
    M = V = world.objective.local_gradients(X)
    H, G = np.zeros_like(X), np.zeros_like(X)
    X = X - c["eta"] * V
    for _ in events[1:]:
        M_new = (1 - c["lam"]) * M + c["lam"] * world.objective.local_gradients(X)
        V = V + c["gamma"] * K @ G + M_new - M
        M = M_new
        for i in range(len(X)):
            h, g = wire(i, X[i] - H[i]), wire(i, V[i] - G[i])
            H[i] += h
            G[i] += g
        X = X + c["gamma"] * K @ H - c["eta"] * V
    return {"x": X, "v": V, "m": M, "h": H, "g": G, "h_pull": K @ H, "g_pull": K @ G}


beer = motef


def _server(x, n, clients, at_hub):
    """Return the rows of all nodes: every node's x, and what the clients and the hub keep."""
    kept = {name: np.vstack([at_hub.get(name, 0 * x), array]) for name, array in clients.items()}
    return {"x": np.tile(x, (n, 1)), **kept}


def _ef21(world, events, w, active):
    f, c, n, wire = world.objective, world.constants, world.graph.n, Wire(world)
    x = world.start_rows()["x"][0]
    g_i, change, g = np.zeros((n - 1, len(x))), np.zeros((n - 1, len(x))), np.zeros(len(x))
    for t, _ in enumerate(events):
        gradients = f.local_gradients(x)
        for i in range(n - 1):
            if active(i + 1, t):
                change[i] = gradients[i] / ((n - 1) * w[i]) - g_i[i]
                sent = wire(i + 1, change[i])
                g_i[i] += sent
                g = g + w[i] * sent
        x = x - c["gamma"] * g
    return _server(x, n, {"g": g_i, "change": change}, {"g": g})


def ef21(world, events):
    n = world.objective.n
    return _ef21(world, events, np.full(n, 1 / n), lambda i, t: True)


ef21_sgd = ef21


def ef21_w(world, events):
    return _ef21(world, events, world.objective.L_i / world.objective.L_i.sum(), lambda i, t: True)


def ef21_pp(world, events):
    def active(i, t):
        return uniform(draw_at_time(world.seed, i, t + 1.0), 0) < world.method.p

    return _ef21(world, events, np.full(world.objective.n, 1 / world.objective.n), active)


def econtrol(world, events):
    f, c, n, wire = world.objective, world.constants, world.graph.n, Wire(world)
    x = world.start_rows()["x"][0]
    e, h_i, h = np.zeros((n - 1, len(x))), np.zeros((n - 1, len(x))), np.zeros(len(x))
    for _ in events:
        change = f.local_gradients(x) - h_i
        sent = np.stack([wire(i + 1, c["eta"] * e[i] + change[i]) for i in range(n - 1)])
        e, h_i, h = e + change - sent, h_i + sent, h + sent.mean(axis=0)
        x = x - c["gamma"] * h
    return _server(x, n, {"h": h_i, "e": e, "change": change}, {"h": h})


def ec_sgd(world, events):
    f, c, n, wire = world.objective, world.constants, world.graph.n, Wire(world)
    x = world.start_rows()["x"][0]
    e = np.zeros((n - 1, len(x)))
    for _ in events:
        corrected = e + f.local_gradients(x)
        sent = np.stack([wire(i + 1, corrected[i]) for i in range(n - 1)])
        e = corrected - sent
        x = x - c["gamma"] * sent.mean(axis=0)
    return _server(x, n, {"e": e}, {})
