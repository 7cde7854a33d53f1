"""Why the arithmetic mean of the smoothness constants is enough for EF21: clients with large constants can be cloned.

Richtarik, Gasanov, Burlachenko, "Error feedback reloaded", ICLR 2024: client i becomes N_i = ceil(L_i / L_AM) clones, each with
(N / (n N_i)) f_i, N = sum_i N_i. The mean of the functions stays, and their quadratic mean is at most sqrt(2) L_AM.
"""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gossipsim as gs

CONSTANTS = st.lists(st.fractions(Fraction(1, 10**6), 10**6), min_size=1, max_size=30)


def cloned(L):
    """Return how often each client is cloned, and the factor of its function in each clone."""
    n, mean = len(L), sum(L) / len(L)
    copies = [ceil(constant / mean) for constant in L]
    return copies, [Fraction(sum(copies), n * each) for each in copies]


@given(CONSTANTS)
def test_clones_have_the_same_mean_and_a_small_quadratic_mean(L):
    n, mean = len(L), sum(L) / len(L)
    copies, factors = cloned(L)
    N = sum(copies)
    assert n <= N <= 2 * n
    assert all(each * factor / N == Fraction(1, n) for each, factor in zip(copies, factors, strict=True))
    square = sum(c * (w * constant) ** 2 for c, w, constant in zip(copies, factors, L, strict=True)) / N
    assert square <= Fraction(N, n) * mean**2 <= 2 * mean**2
    assert square >= mean**2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_original_step_of_ef21_on_clones_is_nearly_the_newer_one(seed, tmp_path):
    rng = np.random.default_rng(seed)
    L = np.exp(rng.normal(0.0, 2.0, 12)).tolist()
    b = rng.standard_normal((12, 4))
    copies, factors = cloned(L)
    own, weights = np.repeat(np.arange(12), copies), np.repeat(np.array(factors, dtype=float), copies)

    def world(name, constants, linear, kind):
        np.savez(tmp_path / name, H=np.multiply.outer(constants, np.eye(4)), b=linear)
        return gs.World.build(
            gs.Scenario.parse(
                {
                    "topology": {"name": "star", "n": len(constants) + 1},
                    "problem": {"name": "quadratic", "file": str(tmp_path / name)},
                    "method": {"name": "ef21", "smoothness": kind},
                    "compressor": {"name": "top_k", "k": 1},
                    "run": {"rounds": 1},
                }
            )
        )

    clones = (weights * np.array(L)[own], weights[:, None] * b[own])
    newer, original = world("own.npz", np.array(L), b, "am"), world("own.npz", np.array(L), b, "qm")
    on_clones = world("clones.npz", *clones, "qm")
    np.testing.assert_allclose(on_clones.objective.optimum.x, newer.objective.optimum.x, rtol=1e-10)
    steps = [w.constants["gamma"] for w in (original, on_clones, newer)]
    assert steps[2] / np.sqrt(2) <= steps[1] <= steps[2]
    assert steps[0] < steps[1], "constants this unlike gain from cloning"
