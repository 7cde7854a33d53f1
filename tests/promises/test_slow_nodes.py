"""One node ten times slower than the others: synchronous rounds wait for it, busy workers do not."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow

N, SLOWDOWN, MU, STEP = 16, 10.0, 1.0, 0.02


def time_to(error, method, seed):
    s = gs.Scenario.parse(
        {
            "seed": seed,
            "topology": {"name": "hypercube", "n": N},
            "problem": {"name": "quadratic", "dim": 4, "spread": 0.0},
            "init": "normal",
            "method": {"name": method, "lr": STEP},
            "fleet": {"compute": 1.0, "speeds": {"nodes": [5], "speed": 1 / SLOWDOWN}},
            "run": {"error": error, "time": 1e5},
            "record": {"every": 1.0, "metrics": ["error"]},
        }
    )
    trace = gs.simulate(s)
    assert trace.status == "reached"
    return trace.columns["time"][-1]


def test_busy_workers_gain_what_the_mean_speed_promises():
    """f_i = |x|^2 / 2 on every node, so that unequal speeds do not move the optimum.

    In rounds of length 10 the error falls by (1 - gamma mu)^2 per round. Busy workers move the mean by
    -gamma mu (1/n) sum_i speed_i times itself per unit of time: the gain is slowdown times the mean speed, 9.44 here, up to terms
    of order gamma.
    """
    promised = SLOWDOWN * (N - 1 + 1 / SLOWDOWN) / N
    per_round = -2 * np.log1p(-STEP * MU)
    gains = []
    for seed in range(6):
        far, near = (
            np.array([time_to(error, method, seed) for method in ("d_psgd", "ad_psgd")]) for error in (1e-3, 1e-9)
        )
        took = near - far
        assert took[0] == pytest.approx(SLOWDOWN * np.log(1e6) / per_round, abs=2 * SLOWDOWN)
        gains.append(took[0] / took[1])
    spread = np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert abs(np.mean(gains) - promised) < 4 * spread + 0.03 * promised, (gains, promised)
