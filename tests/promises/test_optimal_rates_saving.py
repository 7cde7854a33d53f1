"""What optimal rates promise to save, DADAO saves."""

import numpy as np
import pytest

import gossipsim as gs

pytestmark = pytest.mark.slow  # every method is compiled

SEEDS = 20
PREDICTED = 18.215085 / 38.440791
"""Two cliques of five joined by an edge: exchanges per unit time that DADAO asks for, optimal by uniform."""


def exchanges(rates, seeds):
    """Return the number of exchanges (seeds,) until the error is 1e-6, at condition number 10."""
    traces = gs.simulate_seeds(
        {
            "topology": {"name": "barbell", "n": 10},
            "problem": {"name": "quadratic", "dim": 5, "mu": 1.0, "L": 10.0},
            "method": "dadao",
            "rates": rates,
            "run": {"error": 1e-6, "time": 3000},
            "record": {"every": 0.5, "metrics": ["error"]},
        },
        seeds,
        workers=1,
    )
    assert {trace.status for trace in traces} == {"reached"}
    return np.array([trace.columns["activations"][-1] for trace in traces], dtype=float)


def test_the_prediction():
    answer = gs.optimal_rates(gs.Graph.build("barbell", n=10))
    assert answer.status == "certified"
    assert answer.value / answer.uniform_value == pytest.approx(PREDICTED, rel=1e-6)


def test_dadao_saves_as_predicted():
    """Independent samples: the confidence interval of the ratio of two means holds the prediction."""
    uniform, optimal = exchanges("uniform", range(SEEDS)), exchanges("optimal", range(SEEDS, 2 * SEEDS))
    ratio = optimal.mean() / uniform.mean()
    spread = [sample.std(ddof=1) / sample.mean() / np.sqrt(SEEDS) for sample in (uniform, optimal)]
    error = ratio * np.hypot(*spread)
    assert abs(ratio - PREDICTED) < 1.96 * error, (ratio, error)
    assert error < 0.04 * ratio


def test_common_randomness_sees_the_small_print():
    """The same seeds in both samples resolve a hundredth: the two runs meet the same condition, not the same fate.

    Both meet the condition of the theorem with equality, and so are promised the same decay; the optimal rates take one or
    two per cent longer to the same error, which the theorem leaves open.
    """
    ratios = exchanges("optimal", SEEDS) / exchanges("uniform", SEEDS)
    error = ratios.std(ddof=1) / np.sqrt(SEEDS)
    assert error < 0.01 * PREDICTED
    assert abs(ratios.mean() - PREDICTED) < 0.03 * PREDICTED
