"""Poisson clocks, one by one and together: exponential gaps, independent counts, superposition and thinning."""

import numpy as np
import pytest
from scipy import stats

from gossipsim.engines.events import BLOCK, PoissonClocks

EDGES = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
RATES = np.array([2.0, 0.5, 1.0, 0.25])
NODE_RATE, N = 0.7, 4


@pytest.fixture(scope="module")
def rings():
    """Return the times of the rings of every clock: nodes 0 to 3, then the edges."""
    source, clock, found = PoissonClocks(5, N, NODE_RATE, EDGES, RATES), 0.0, []
    for k in range(6):
        block = source.block(k * BLOCK, clock)
        clock = float(block.t[-1])
        found.append((block.t.copy(), np.where(block.edge < 0, block.i, N + block.edge)))
    t, who = (np.concatenate(column) for column in zip(*found, strict=True))
    return [t[who == k] for k in range(2 * N)]


def test_the_gaps_of_every_clock_are_exponential(rings):
    p = [
        stats.kstest(np.diff(t) * rate, "expon").pvalue
        for t, rate in zip(rings, [*[NODE_RATE] * N, *RATES], strict=True)
    ]
    assert min(p) > 1e-3 / len(p)


def test_superposed_clocks_are_a_poisson_process_of_the_sum_of_their_rates(rings):
    for mine in ([0, 1], [0, N], [N + 1, N + 3], list(range(2 * N))):
        rate = sum([*[NODE_RATE] * N, *RATES][k] for k in mine)
        gaps = np.diff(np.sort(np.concatenate([rings[k] for k in mine])))
        assert stats.kstest(gaps * rate, "expon").pvalue > 1e-4
        assert abs(stats.spearmanr(gaps[:-1], gaps[1:]).statistic) < 4 / np.sqrt(len(gaps)), "gaps have no memory"


def test_counts_of_different_clocks_are_independent(rings):
    windows = np.arange(0.0, min(t[-1] for t in rings), 2.0)
    counts = np.array([np.histogram(t, windows)[0] for t in rings])
    correlation = np.corrcoef(counts)[np.triu_indices(2 * N, 1)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(windows))
    table = np.zeros((4, 4))
    np.add.at(table, (np.minimum(counts[0], 3), np.minimum(counts[N], 3)), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_counts_are_dispersed_as_poisson_counts(rings):
    for t in rings:
        counts = np.histogram(t, np.arange(0.0, t[-1], 2.0))[0]
        assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4.5 * np.sqrt(2 / len(counts)))
