"""Plain versions of the token methods, written from the papers: one chain on a transition matrix, nothing is local.

Each takes the built world and its events and returns x `(n, d)`: the point as every node saw it last. The walk's random
numbers are the engine's, one per hop, used to invert the distribution of the next node.
"""

import numpy as np

from gossipsim.stream import Purpose, draw_at, uniform


def adjacent(graph):
    return graph.laplacian().toarray() < 0


def metropolis_matrix(graph):
    """P_ij = min(1/deg_i, 1/deg_j) for neighbours, P_ii the rest."""
    degree = np.maximum(graph.degree, 1)
    P = np.where(adjacent(graph), np.minimum(1 / degree[:, None], 1 / degree[None, :]), 0.0)
    return P + np.diag(1 - P.sum(axis=1))


def simple_matrix(graph):
    """P_ij = 1/deg_i for neighbours."""
    A = adjacent(graph)
    return A / A.sum(axis=1, keepdims=True)


def repelled(P, x, mu, alpha):
    """K[x], the self-repellent kernel."""
    K = P * (x / mu) ** -alpha
    return K / K.sum(axis=1, keepdims=True)


def stationary(P, x, mu, alpha):
    """The stationary distribution of K[x]."""
    r = (x / mu) ** -alpha
    pi = mu * r * (P @ r)
    return pi / pi.sum()


def walk(world, events, mu, row, visit=lambda k, i: None):
    """Run a token whose next node is drawn from row(i, before)."""
    X, c, objective = world.start_rows()["x"].copy(), world.constants, world.objective
    i, before, theta = 0, -1, X[0].copy()
    for k in range(len(events)):
        g = objective.local_gradients(np.tile(theta, (len(X), 1)))[i] / (len(X) * mu[i])
        scale = 1 / (len(X) * mu[i])
        theta = theta - (c["lr"] if c["lr"] else min((k + 2) ** -c["b"], c["cap"] / scale)) * g
        X[i] = theta
        visit(k, i)
        order = [*world.graph.nbr[world.graph.ptr[i] : world.graph.ptr[i + 1]], i]
        u = uniform(draw_at(world.seed, Purpose.ROUTE, 0, k), 0)
        chosen = order[int(np.searchsorted(np.cumsum(row(i, before)[order]), u))]
        i, before = chosen, i
    return {"x": X}


def mh_walk(world, events):
    P = metropolis_matrix(world.graph)
    return walk(world, events, np.full(world.graph.n, 1 / world.graph.n), lambda i, before: P[i])


def simple_walk(world, events):
    P = simple_matrix(world.graph)
    return walk(world, events, world.graph.degree / world.graph.degree.sum(), lambda i, before: P[i])


def non_backtracking_walk(world, events):
    A = adjacent(world.graph)

    def row(i, before):
        to = A[i].astype(float)
        if before >= 0 and to.sum() > 1:
            to[before] = 0
        return to / to.sum()

    return walk(world, events, world.graph.degree / world.graph.degree.sum(), row)


def sa_srrw(world, events):
    c, n, uniform_target = world.constants, world.graph.n, world.method.base == "metropolis"
    P = metropolis_matrix(world.graph) if uniform_target else simple_matrix(world.graph)
    mu = np.full(n, 1 / n) if uniform_target else world.graph.degree / world.graph.degree.sum()
    x = mu.copy()

    def visit(k, i):
        x[:] += (k + 2) ** -c["a"] * (np.eye(n)[i] - x)

    return walk(world, events, mu, lambda i, before: repelled(P, x, mu, c["alpha"])[i], visit)
