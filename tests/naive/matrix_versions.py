"""Plain matrix versions of every method, written from the papers: all nodes move together, nothing is lazy or local.

Each takes the built world and its events (t, i, j, edge) and returns fields, name -> (n, d), at the time of the last event.
"""

import numpy as np
from scipy.linalg import expm

from gossipsim.stream import draw_at_time, uniform


def mixing_matrix(world):
    """W = I - L(w), w the weights of the links."""
    return np.eye(world.graph.n) - world.graph.laplacian(world.facts.mixing.weights).toarray()


def inverse(f, Y, rho=0.0):
    """The solutions X of grad f_i(X_i) + rho_i X_i = Y_i, by Newton's method with steps halved until residuals fall."""
    X, everybody, rho = np.zeros(Y.shape), np.arange(f.n), np.broadcast_to(rho, f.n)[:, None]
    for _ in range(60):
        R = f.local_gradients(X) + rho * X - Y
        H = f.problem.local_hessians(f, X, everybody) + rho[:, :, None] * np.eye(f.dim)
        step = np.linalg.solve(H, R[:, :, None])[:, :, 0]
        if np.abs(step).max() < 1e-13 * (1 + np.abs(X).max()):
            return X - step
        share = np.ones((f.n, 1))
        for _ in range(30):
            left = np.linalg.norm(f.local_gradients(X - share * step) + rho * (X - share * step) - Y, axis=1)
            worse = left > np.maximum(np.linalg.norm(R, axis=1), 1e-12)
            if not worse.any():
                break
            share[worse] /= 2
        X = X - share * step
    return X


def mixed(u, time):
    """The flow x' = y - x, y' = x - y of u = (x, y): the mean stays, the difference decays."""
    mean = u.mean(axis=0)
    return mean + np.exp(-2 * time) * (u - mean)


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


def a2cid2(world, events):
    facts, f = world.facts, world.objective
    chi_1, chi_2 = facts.chi_1, facts.chi_2
    eta, alpha_tilde, now = 1 / (2 * np.sqrt(chi_1 * chi_2)), np.sqrt(chi_1 / chi_2) / 2, 0.0
    u = np.stack([world.start_rows()["x"]] * 2)
    for t, i, j, _ in events:
        u, now = mixed(u, eta * (t - now)), t
        if j < 0:
            u[:, i] -= f.local_gradients(u[0])[i] / (2 * facts.L)
        else:
            b = np.zeros(len(u[0]))
            b[i], b[j] = 1.0, -1.0
            p = np.outer(b, b) @ u[0]
            u -= np.array([0.5, alpha_tilde])[:, None, None] * p
    return {"x": u[0], "x_tilde": u[1]}


def continuized_gossip(world, events):
    return a2cid2(world, events)


def async_dsgd(world, events):
    x, f = world.start_rows()["x"].copy(), world.objective
    for _, i, j, _ in events:
        if j < 0:
            x[i] -= f.local_gradients(x)[i] / (2 * world.facts.L)
        else:
            x[[i, j]] = x[[i, j]].mean(axis=0)
    return {"x": x}


def ad_psgd(world, events):
    x, f = world.start_rows()["x"].copy(), world.objective
    snapshot = x.copy()
    for _, i, j, _ in events:
        if j < 0:
            x[i] -= f.local_gradients(snapshot)[i] / (2 * world.facts.L)
            snapshot[i] = x[i]
        else:
            x[[i, j]] = x[[i, j]].mean(axis=0)
    return {"x": x, "snapshot": snapshot}


def push_sum(world, events):
    z = world.start_rows()["z"]
    x, w = z.copy(), np.ones((len(z), 1))
    z = z.copy()
    for t, i, j, _ in events:
        P = np.eye(len(x))
        for a, b in ((i, j), (j, i)):
            if uniform(draw_at_time(world.seed, a, t), 0) < 0.5:
                P[a, a], P[b, a] = 0.5, 0.5
        hears = [b for a, b in ((i, j), (j, i)) if P[b, a] > 0]
        x, w = P @ x, P @ w
        z[hears] = x[hears] / w[hears]
    return {"x": x, "z": z}


def continuized(world, events):
    f, rows, n = world.objective, world.start_rows(), world.graph.n
    total = world.rates.sum()
    Lap = world.graph.laplacian(world.rates / total).toarray()
    inv, gossip_gap, b = np.linalg.pinv(Lap), np.linalg.eigvalsh(Lap)[1], world.graph.incidence().toarray()
    R = np.einsum("ei,ij,ej->e", b, inv, b)
    eta, gamma = total * np.sqrt(gossip_gap / R.max() * f.mu / f.L), f.mu / (2 * R.max())
    gamma_tilde = np.sqrt(f.L * f.mu / (2 * gossip_gap * R.max()))
    u, now = np.stack([rows["y"], rows["z"]]), 0.0
    for t, i, j, edge in events:
        u, now = mixed(u, eta * (t - now)), t
        ends = f.part(np.array([i, j]))
        p = np.zeros((n, f.dim))
        p[[i, j]] = np.array([[1, -1], [-1, 1]]) @ inverse(ends, u[0, [i, j]])
        u -= np.array([gamma * R[edge], gamma_tilde])[:, None, None] * p
    return {"y": u[0], "z": u[1]}


def d_psgd(world, rounds):
    x, W, f = world.start_rows()["x"].copy(), mixing_matrix(world), world.objective
    for _ in rounds:
        x = W @ x - f.local_gradients(x) / (2 * f.L)
    return {"x": x}


def extra(world, rounds):
    x, W, f = world.start_rows()["x"].copy(), mixing_matrix(world), world.objective
    W_tilde = (np.eye(len(x)) + W) / 2
    step = np.linalg.eigvalsh(W_tilde)[0] / f.L
    before, x = x, W @ x - step * f.local_gradients(x)
    for _ in rounds[1:]:
        change = f.local_gradients(x) - f.local_gradients(before)
        before, x = x, x + W @ x - W_tilde @ before - step * change
    return {"x": x}


def nids(world, rounds):
    x, f = world.start_rows()["x"].copy(), world.objective
    W_tilde = (np.eye(len(x)) + mixing_matrix(world)) / 2
    before, x = x, W_tilde @ (x - f.local_gradients(x) / f.L)
    for _ in rounds[1:]:
        change = f.local_gradients(x) - f.local_gradients(before)
        before, x = x, W_tilde @ (2 * x - before - change / f.L)
    return {"x": x}


def diging(world, rounds):
    x, W, f = world.start_rows()["x"].copy(), mixing_matrix(world), world.objective
    step = (1 + np.linalg.eigvalsh(W)[0]) ** 2 / (4 * f.L)
    y = f.local_gradients(x)
    for _ in rounds:
        before, x = x, W @ x - step * y
        mixed, g = W @ y, f.local_gradients(before)
        y = mixed + f.local_gradients(x) - g
    return {"x": x, "y": mixed, "g": g}


def ssda(world, rounds):
    x, f = world.start_rows()["x"].copy(), world.objective
    Lap, y = np.eye(len(x)) - mixing_matrix(world), np.zeros_like(x)
    values = np.linalg.eigvalsh(Lap)
    a, b = np.sqrt(f.L / f.mu), np.sqrt(values[1] / values[-1])
    for _ in rounds:
        new = x - f.mu / values[-1] * Lap @ inverse(f, x)
        x, y = new + (a - b) / (a + b) * (new - y), new
    return {"x": x, "y": y}


def msda(world, rounds):
    x, f = world.start_rows()["x"].copy(), world.objective
    Lap, y, kappa = np.eye(len(x)) - mixing_matrix(world), np.zeros_like(x), np.sqrt(f.L / f.mu)
    values, vectors = np.linalg.eigh(Lap)
    gap = min(1.0, values[1] / values[-1])
    K = int(1 / np.sqrt(gap))
    if gap > 1 - 1e-12:
        P, c = Lap / values[-1], 0.0
    else:
        c = ((1 - np.sqrt(gap)) / (1 + np.sqrt(gap))) ** K
        T = np.polynomial.chebyshev.Chebyshev.basis(K)
        top = (1 + gap) / (1 - gap)
        P = (vectors * (1 - T(top * (1 - 2 / (1 + gap) * values / values[-1])) / T(top))) @ vectors.T
    m = ((1 + c) * kappa - 1 + c) / ((1 + c) * kappa + 1 - c)
    for _ in rounds:
        new = x - f.mu * (1 + c * c) / (1 + c) ** 2 * P @ inverse(f, x)
        x, y = (1 + m) * new - m * y, new
    return {"x": x, "y": y}


def adom_plus(world, rounds):
    f, rows = world.objective, world.start_rows()
    Lap, mu, L = np.eye(f.n) - mixing_matrix(world), f.mu, f.L
    chi = np.linalg.eigvalsh(Lap)[-1] / np.linalg.eigvalsh(Lap)[1]
    G = Lap / np.linalg.eigvalsh(Lap)[-1]
    x, y, z, m = rows["x"].copy(), *(np.zeros((f.n, f.dim)) for _ in range(3))
    x_f, y_f, z_f = x, y, z
    t2 = np.sqrt(mu / L)
    s2, nu, eta, a, b = t2 / (16 * chi), mu / 2, 1 / (L * t2), mu / 2, 1 / (2 * L)
    t1, s1, th = 1 / (1 / t2 + 0.5), 1 / (1 / s2 + 0.5), nu / (4 * s2)
    gam, dlt = nu / (14 * s2 * chi**2), 1 / (17 * L)
    for _ in rounds:
        x_g, y_g, z_g = t1 * x + (1 - t1) * x_f, s1 * y + (1 - s1) * y_f, s1 * z + (1 - s1) * z_f
        r = f.local_gradients(x_g) - nu * x_g
        pair = np.array([[1 + eta * a, -eta], [th, 1 + th * b]])
        right = np.stack([x + eta * a * x_g - eta * r, y + th * b * r - th / nu * (y_g + z_g)])
        new_x, new_y = np.einsum("ab,bnd->and", np.linalg.inv(pair), right)
        q = gam / nu * (y_g + z_g) + m
        z, m, z_f = z + gam * dlt * (z_g - z) - G @ q, q - G @ q, z_g - 0.5 * G @ (y_g + z_g)
        x_f, y_f = x_g + t2 * (new_x - x), y_g + s2 * (new_y - y)
        x, y = new_x, new_y
    return {"x": x, "x_f": x_f, "y": y, "y_f": y_f, "z": z, "z_f": z_f, "m": m}


def peers(g):
    """Whom every node pushes to, round after round."""
    n, neighbours = g.n, np.split(g.nbr, g.ptr[1:-1])
    order = [sorted(mine.tolist(), key=lambda j, i=i: (j - i) % n) for i, mine in enumerate(neighbours)]
    hops = [2**k for k in range(int(np.ceil(np.log2(n))))]
    if all((i + hop) % n in order[i] for i in range(n) for hop in hops):
        return [[(i + hop) % n for hop in hops] for i in range(n)]
    return order


def sgp(world, rounds):
    z, f, order = world.start_rows()["z"].copy(), world.objective, peers(world.graph)
    x, w = z.copy(), np.ones((len(z), 1))
    for k in range(len(rounds)):
        P = np.eye(len(z)) / 2
        for i, mine in enumerate(order):
            P[mine[k % len(mine)], i] += 0.5
        x, w = P @ (x - f.local_gradients(z) / (2 * f.L)), P @ w
        z = x / w
    return {"x": x, "z": z}


def osgp(world, rounds):
    """Node i holds (x, w) and, on its way, (b, v): messages of the last sending round."""
    z, f, order, tau = world.start_rows()["z"].copy(), world.objective, peers(world.graph), world.method.tau
    n = len(z)
    xw, bv = np.hstack([z, np.ones((n, 1))]), np.zeros((n, z.shape[1] + 1))
    for k in range(len(rounds)):
        xw[:, :-1] -= f.local_gradients(z) / (2 * f.L)
        if k % tau == 0:
            P = np.zeros((n, n))
            for i, mine in enumerate(order):
                P[mine[k // tau % len(mine)], i] += 0.5
            xw, bv = xw / 2 + bv, P @ xw
        z = xw[:, :-1] / xw[:, -1:]
    return {"x": xw[:, :-1], "z": z, "b": bv[:, :-1]}


def d_admm(world, rounds):
    x, f, g = world.start_rows()["x"].copy(), world.objective, world.graph
    A = np.zeros((g.n, g.n))
    A[g.edges[:, 0], g.edges[:, 1]] = A[g.edges[:, 1], g.edges[:, 0]] = 1.0
    D, alpha, c = np.diag(g.degree), np.zeros_like(x), world.constants["c"]
    for _ in rounds:
        x = inverse(f, c * (D + A) @ x - alpha, 2.0 * c * g.degree)
        alpha = alpha + c * (D - A) @ x
    return {"x": x, "alpha": alpha}
