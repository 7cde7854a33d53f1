"""Plain matrix versions of every method, written from the papers: all nodes move together, nothing is lazy or local.

Each takes the built world and its events (t, i, j, edge) and returns all fields, name -> (n, d), at the time of the last
event.
"""

import numpy as np
from scipy.linalg import expm


def gossip(world, events):
    x = world.start_rows()["x"].copy()
    for _, i, j, _ in events:
        W = np.eye(len(x))
        W[np.ix_([i, j], [i, j])] = 0.5
        x = W @ x
    return {"x": x}


def dadao(world, events):
    rows, c, f = world.start_rows(), world.constants, world.objective
    names = ["x", "x_tilde", "y", "y_tilde", "z", "z_tilde"]
    u = np.stack([rows[name] for name in names])
    now = 0.0
    for t, i, j, _ in events:
        A = np.zeros((6, 6))
        A[0, 0], A[0, 1] = -c["eta"], c["eta"]
        A[1, 0], A[1, 1] = c["eta_tilde"], -c["eta_tilde"]
        A[2, 2], A[2, 3] = -c["alpha"], c["alpha"]
        A[3, 1], A[3, 2], A[3, 4] = -c["theta"] * c["nu"], -c["theta"], -c["theta"]
        A[4, 4], A[4, 5] = -c["alpha"], c["alpha"]
        A[5, 4], A[5, 5] = c["alpha_tilde"], -c["alpha_tilde"]
        u = np.einsum("ab,bnd->and", expm(A * (t - now)), u)
        now = t
        x, x_tilde, y, y_tilde, z, z_tilde = u
        if j < 0:
            r = f.local_gradients(x)[i] - c["nu"] * x[i] - y_tilde[i]
            x[i] -= c["gamma"] * r
            x_tilde[i] -= c["gamma_tilde"] * r
            y_tilde[i] += (c["delta"] + c["delta_tilde"]) * r
        else:
            b = np.zeros(len(x))
            b[i], b[j] = 1.0, -1.0
            p = np.outer(b, b) @ (y + z)
            z -= c["beta"] * p
            z_tilde -= c["beta_tilde"] * p
    return dict(zip(names, u, strict=True))
