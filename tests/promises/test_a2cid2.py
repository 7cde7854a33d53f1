"""A2CiD2 and continuized gossip against what is known exactly: constants, first and second moments, Lyapunov rate."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse.linalg import LinearOperator, eigs

import gossipsim as gs
from gossipsim.flow import field_at
from gossipsim.modes import spectral_form

pytestmark = pytest.mark.slow  # every method is compiled


def scenario(n=16, topology="cycle", **more):
    return gs.Scenario.parse(
        {
            "topology": {"name": topology, "n": n},
            "problem": {"name": "quadratic", "dim": 3},
            "method": {"name": "a2cid2", "lr": 0.0},
            "init": "normal",
            "run": {"time": 8.0},
            "record": {"points": 1, "metrics": ["consensus"]},
        }
        | more
    )


def state(s, *fields):
    """Return the fields at the end of the run, every node brought to that time."""
    world, trace = gs.World.build(s), gs.simulate(s)
    form = spectral_form(world.method.flow_matrix(world.facts))
    rows = world.start_rows()
    for name in ("at", *world.method.vectors()):
        rows[name] = trace.final[name]
    return np.stack([field_at(form, rows, world.method.vectors(), name, s.run.time) for name in fields])


def jump(n, i, j, alpha, alpha_tilde):
    b = np.zeros(n)
    b[i], b[j] = 1.0, -1.0
    M = np.eye(2 * n)
    M[:n, :n] -= alpha * np.outer(b, b)
    M[n:, :n] -= alpha_tilde * np.outer(b, b)
    return M


def second_moment(world):
    """Return S -> d/dt E[u u^T] for u = (x, x_tilde) of one coordinate, and the projection that takes the means away."""
    n, c = world.graph.n, world.constants
    A = np.kron(c["eta"] * np.array([[-1, 1], [1, -1]]), np.eye(n))
    jumps = [jump(n, i, j, c["alpha"], c["alpha_tilde"]) for i, j in world.graph.edges]
    P = np.kron(np.eye(2), np.eye(n) - 1 / n)

    def act(S):
        drift = A @ S + S @ A.T
        return drift + sum(r * (M @ S @ M.T - S) for r, M in zip(world.rates, jumps, strict=True))

    return act, P


def decay(world, momentum=True):
    """Return the exact decay rate of E |Pi x|^2."""
    act, P = second_moment(world)
    if not momentum:
        P = P * np.kron([[1, 0], [0, 0]], np.ones((world.graph.n,) * 2))
    size = len(P)

    def shifted(v):
        S = v.reshape(size, size)
        inside = P @ S @ P
        return (P @ act(inside) @ P - 50.0 * (S - inside)).ravel()

    operator = LinearOperator((size**2,) * 2, matvec=shifted)
    return -eigs(operator, k=2, which="LR", ncv=60, v0=P.ravel(), return_eigenvectors=False).real.max()


def test_the_numbers_of_the_ring():
    world = gs.World.build(scenario())
    assert world.rates == pytest.approx(0.5)
    assert world.facts.chi_1 == pytest.approx(1 / (1 - np.cos(2 * np.pi / 16))) == pytest.approx(13.137, abs=1e-3)
    assert world.facts.chi_2 == pytest.approx(15 / 16)
    assert world.constants["eta"] == pytest.approx(0.1425, abs=1e-4)
    assert world.constants["alpha_tilde"] == pytest.approx(np.sqrt(13.137 / 0.9375) / 2, rel=1e-4)
    assert decay(world) == pytest.approx(0.198, abs=1e-3)
    plain = gs.World.build(scenario(method={"name": "a2cid2", "lr": 0.0, "accelerated": False}))
    assert decay(plain, momentum=False) == pytest.approx(0.0754, abs=1e-3)


@pytest.mark.parametrize("r", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [4, 9, 16])
def test_closed_forms(n, r):
    method = {"name": "a2cid2", "exchanges": r}
    ring = gs.World.build(scenario(n, method=method)).facts
    assert ring.chi_1 == pytest.approx(1 / (r * (1 - np.cos(2 * np.pi / n))))
    assert ring.chi_2 == pytest.approx((n - 1) / (r * n))
    full = gs.World.build(scenario(n, "complete", method=method))
    assert full.facts.chi_1 == pytest.approx(full.facts.chi_2) == pytest.approx((n - 1) / (r * n))
    assert full.constants["alpha_tilde"] == pytest.approx(0.5)


def test_continuized_gossip_has_the_constants_of_a2cid2_for_any_rates():
    for total in (1.0, 7.0):
        rates = {"name": "degree", "total": total}
        pair = [gs.World.build(scenario(9, "grid", method=m, rates=rates)) for m in ("a2cid2", "continuized_gossip")]
        a, b = (world.constants for world in pair)
        for name in ("eta", "alpha", "alpha_tilde"):
            assert a[name] == pytest.approx(b[name], rel=1e-12)
        facts = pair[1].facts
        gossip, R = facts.lambda_2 / total, 2 * facts.chi_2 * total
        assert b["eta"] == pytest.approx(total * np.sqrt(gossip / (2 * R)))


@pytest.mark.parametrize("method", [{"name": "a2cid2", "lr": 0.0}, "continuized_gossip"])
def test_without_gradients_both_means_stay(method):
    s = scenario(9, "grid", method=method, run={"time": 40.0})
    start = gs.World.build(s).start_rows()["x"].mean(axis=0)
    x, x_tilde = state(s, "x", "x_tilde")
    assert np.abs(x.mean(axis=0) - start).max() < 1e-14
    assert np.abs(x_tilde.mean(axis=0) - start).max() < 1e-14
    assert np.abs(x - start).max() < 1e-3


@pytest.mark.parametrize("seeds", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_the_first_two_moments_are_exact(seeds, tmp_path):
    n, t = 8, 4.0
    start = np.linspace(-1.0, 2.0, n)[:, None] ** 3 * np.ones(3)
    np.savez(tmp_path / "start.npz", x=start)
    s = scenario(n, init={"file": str(tmp_path / "start.npz")}, run={"time": t})
    world = gs.World.build(s)
    c, Lap = world.constants, world.graph.laplacian(world.rates).toarray()
    flow = np.kron(c["eta"] * np.array([[-1, 1], [1, -1]]), np.eye(n))
    flow[:n, :n] -= c["alpha"] * Lap
    flow[n:, :n] -= c["alpha_tilde"] * Lap
    first = (expm(flow * t) @ np.concatenate([start, start])).reshape(2, n, 3)
    states = np.stack([state(s.replace({"seed": seed}), "x", "x_tilde") for seed in range(seeds)])
    spread = states.std(axis=0, ddof=1) / np.sqrt(seeds)
    assert np.abs((states.mean(axis=0) - first) / spread)[:, :, 0].max() < 4.5
    act, _ = second_moment(world)
    basis = np.eye(4 * n * n).reshape(-1, 2 * n, 2 * n)
    generator = np.stack([act(S).ravel() for S in basis], axis=1)
    u = np.concatenate([start, start])[:, 0]
    second = (expm(generator * t) @ np.outer(u, u).ravel()).reshape(2 * n, 2 * n)
    x = states[:, 0, :, 0]
    consensus = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    exact = np.trace((np.eye(n) - 1 / n) @ second[:n, :n])
    assert abs(consensus.mean() - exact) < 4 * consensus.std(ddof=1) / np.sqrt(seeds)


@pytest.mark.parametrize("topology", ["cycle", "star", "complete"])
@pytest.mark.parametrize("seeds", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_the_lyapunov_function_keeps_its_promise(topology, seeds):
    s = scenario(8, topology, run={"time": 6.0})
    world = gs.World.build(s)
    eta, pinv = world.promise.rate, np.linalg.pinv(world.graph.laplacian(world.rates).toarray())
    assert eta == world.constants["eta"]
    assert world.promise.quantity == "consensus"

    def V(x, x_tilde):
        centred = x - x.mean(axis=0)
        return np.einsum("id,ij,jd->", x_tilde, pinv, x_tilde) + world.facts.chi_1 * (centred**2).sum()

    ratios = []
    for seed in range(seeds):
        one = s.replace({"seed": seed})
        x = gs.World.build(one).start_rows()["x"]
        ratios.append(V(*state(one, "x", "x_tilde")) / V(x, x))
    assert np.mean(ratios) - 3 * np.std(ratios, ddof=1) / np.sqrt(seeds) <= np.exp(-eta * 6.0)


def test_the_promise_is_only_made_where_the_theorem_speaks():
    def promise(**method):
        return gs.World.build(scenario(method={"name": "a2cid2", **method})).promise

    assert promise() is None
    assert promise(lr=0.0, alpha_tilde=2.0) is None
    assert promise(lr=0.0, accelerated=False).rate == pytest.approx(1 / (2 * 13.1371), rel=1e-4)
    assert promise(lr=0.0).rate == pytest.approx(0.14247, rel=1e-4)


def slope(s):
    """Return the decay rate of the consensus distance along one run, between 1e-1 and 1e-24 of its start."""
    columns = gs.simulate(s).columns
    t, c = columns["time"], columns["consensus"] / columns["consensus"][0]
    inside = (c < 1e-1) & (c > 1e-24)
    return -np.polyfit(t[inside], np.log(c[inside]), 1)[0]


@pytest.mark.slow
def test_the_gain_over_plain_gossip_grows_with_the_ring():
    gains = []
    for n in (8, 16, 32, 64):
        more = {"run": {"time": n * n / 2}, "record": {"points": 400, "metrics": ["consensus"]}}
        runs = [scenario(n, method={"name": "a2cid2", "lr": 0.0, "accelerated": a}, **more) for a in (True, False)]
        fast, plain = (np.mean([slope(s.replace({"seed": seed})) for seed in range(6)]) for s in runs)
        gains.append(fast / plain)
    assert (np.diff(gains) > 0).all()
    assert gains[1] > 2
    assert gains[-1] > 5
