"""The rates that the circle criterion proves: against a scan of the circle, all linear gradients, and known theorems."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.methods.circle_criterion import contraction

W = np.linspace(-0.6, 0.95, 12)


def extra(lr):
    return lambda w: (
        lr * np.array([1 + 0 * w, -1 + 0 * w]),
        np.array([1 + 0 * w, -1 - w, (1 + w) / 2]),
    )


def diging(lr):
    return lambda w: (lr * np.array([1 + 0 * w, -1 + 0 * w]), np.array([1 + 0 * w, -2 * w, w**2]))


def atc(lr):
    return lambda w: (lr * np.array([w, -w]), np.array([1 + 0 * w, -2 * w, w**2]))


def nids(lr):
    return lambda w: (lr * np.array([1 + w, -1 - w]) / 2, np.array([1 + 0 * w, -1 - w, (1 + w) / 2]))


LOOPS = {"extra": extra, "diging": diging, "atc": atc, "nids": nids}


@pytest.mark.parametrize("kappa", [1.5, 20.0, 500.0])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_gain_on_the_circle_is_one_and_not_one_inside(loop, kappa):
    lr = 0.07 / kappa
    numerator, denominator = LOOPS[loop](lr)(W)
    denominator[1:] += (kappa + 1) / 2 * numerator

    def gain(r):
        z = r * np.exp(1j * np.linspace(0, np.pi, 40001))
        mean = lr / np.abs(z - 1 + lr * (kappa + 1) / 2).min()
        modes = [
            np.abs(np.polyval(n, z) / np.polyval(d, z)).max() for n, d in zip(numerator.T, denominator.T, strict=True)
        ]
        return (kappa - 1) / 2 * max(mean, *modes)

    r = contraction(1.0, kappa, lr, W, LOOPS[loop](lr))
    assert r < 1
    assert gain(r) <= 1 + 1e-7
    inside = r - 0.01 * (1 - r)
    unstable = max(np.abs(np.roots(d)).max() for d in denominator.T) >= inside
    assert unstable or gain(inside) > 1


@pytest.mark.parametrize("loop", LOOPS)
def test_no_linear_gradient_is_slower(loop):
    rng = np.random.default_rng(2)
    for _ in range(20):
        kappa, lr = 1 + 30 * rng.random(), 0.3 * rng.random()
        r = contraction(1.0, kappa, lr / kappa, W, LOOPS[loop](lr / kappa))
        for h in np.linspace(1.0, kappa, 9):
            numerator, denominator = LOOPS[loop](lr / kappa)(W)
            denominator[1:] += h * numerator
            assert all(np.abs(np.roots(d)).max() <= r + 1e-9 for d in denominator.T)


def test_the_largest_step_of_extra_is_the_known_one():
    """gamma < (5 + 3 l)/(4L), l the smallest eigenvalue of W, from the convex case mu -> 0."""
    for lowest in (-0.9, -0.5, 0.0, 0.6):
        limit = (5 + 3 * lowest) / 4
        values = np.array([lowest, 0.9])
        assert contraction(1e-7, 1.0, limit * (1 - 1e-4), values, extra(limit * (1 - 1e-4))) < 1
        assert contraction(1e-7, 1.0, limit * (1 + 1e-4), values, extra(limit * (1 + 1e-4))) == np.inf


def test_the_theorem_of_nids_is_confirmed():
    rng = np.random.default_rng(4)
    for _ in range(200):
        kappa, values = 1 + 100 * rng.random() ** 3, rng.uniform(-1, 1, 5)
        lr = 2 * rng.random() / kappa
        rho = max((1 - lr) ** 2, (1 - lr * kappa) ** 2, 1 - (1 - values.max()) / 2)
        assert contraction(1.0, kappa, lr, values, nids(lr)) ** 2 <= rho + 1e-12


def world(method, **more):
    parts = {
        "topology": {"name": "barbell", "n": 8},
        "problem": {"name": "quadratic", "dim": 2, "mu": 1.0, "L": 10.0},
        "run": {"rounds": 1},
    }
    return gs.World.build(gs.Scenario.parse(parts | more | {"method": method}))


@pytest.mark.parametrize("method", [{"name": "extra"}, {"name": "diging"}, {"name": "diging", "order": "atc"}])
def test_the_modes_of_a_method_are_those_of_its_equations(method):
    """The promise is the criterion with the loops of this file, which are written from the papers."""
    w = world(method)
    name = method.get("order", method["name"])
    lr, values = sum(w.constants.values()), 1 - w.facts.mixing.eigenvalues[1:]
    r = contraction(1.0, 10.0, lr, values, LOOPS[name](lr))
    assert w.promise.met
    assert w.promise.rate == pytest.approx(-2 * np.log(r), rel=1e-9)


def test_no_promise_where_the_criterion_has_nothing_to_say():
    assert not world({"name": "extra", "lr": 0.2}).promise.met
    assert world({"name": "extra", "lr": 0.2}).promise.rate == 0.0
    flat = {"name": "linear_regression", "synthetic": {"samples": 2, "dim": 4}}
    assert world("diging", problem=flat).promise is None
