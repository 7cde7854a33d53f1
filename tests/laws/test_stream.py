"""Philox4x32-10 against its published known answers, and the shapes of the streams."""

import numpy as np
import pytest
from scipy import stats

from gossipsim.engines.events import BLOCK, Events, PoissonClocks, alias_table
from gossipsim.stream import Purpose, generator, philox, uniforms

# Random123's kat_vectors: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_published_known_answers(counter, key, result):
    assert list(philox(*words(counter), *words(key))) == words(result)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_compiled_generator_is_the_same(counter, key, result):
    from gossipsim.engines.draws import philox

    assert list(philox(*words(counter), *words(key))) == words(result)


def test_uniforms_are_uniform_and_inside():
    u = uniforms(11, Purpose.LATENCY, 4, 0, 50_000).ravel()
    assert 0.0 < u.min() < u.max() < 1.0
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_streams_differ_by_seed_purpose_and_owner():
    streams = [uniforms(s, p, o, 0, 4) for s in (1, 2**40) for p in (Purpose.LOSS, Purpose.CHURN) for o in (0, 1)]
    assert len({stream.tobytes() for stream in streams}) == len(streams)
    assert generator(1, "a", 1).random() != generator(1, "a1").random()


def clocks(rates, node_rate=1.0, n=4, seed=9):
    edges = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    return PoissonClocks(seed, n, node_rate, edges, np.asarray(rates, dtype=float))


def test_events_do_not_depend_on_how_blocks_are_cut():
    source = clocks([1.0, 2.0, 0.5, 0.0])
    whole = [column.copy() for column in source.block(0, 0.0)]
    part = source.block(100, float(whole[0][99]))
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[100:], b[: BLOCK - 100])


@pytest.mark.parametrize("rates", [[1.0, 1.0, 1.0, 1.0], [4.0, 2.0, 1.0, 0.0]])
def test_clocks_ring_at_their_rates(rates):
    source = clocks(rates, node_rate=0.7)
    blocks, clock = [], 0.0
    for k in range(30):
        block = source.block(k * BLOCK, clock)
        clock = float(block.t[-1])
        blocks.append(Events(*(column.copy() for column in block)))
    edge = np.concatenate([b.edge for b in blocks])
    i = np.concatenate([b.i for b in blocks])
    t = np.concatenate([b.t for b in blocks])
    wanted = np.array([*rates, *[0.7] * 4])
    on_edges = [np.count_nonzero(edge == e) for e in range(4)]
    seen = np.array([*on_edges, *(np.count_nonzero((edge < 0) & (i == v)) for v in range(4))])
    live = wanted > 0
    assert not seen[~live].any()
    assert stats.chisquare(seen[live], wanted[live] / wanted.sum() * len(edge)).pvalue > 1e-3
    assert stats.kstest(np.diff(t[:20_000]) * wanted.sum(), "expon").pvalue > 1e-3


def test_alias_tables_hold_the_probabilities():
    weights = np.array([0.1, 5.0, 0.0, 2.0, 2.9])
    accept, alias = alias_table(weights)
    mass = accept / len(weights)
    np.add.at(mass, alias, (1.0 - accept) / len(weights))
    np.testing.assert_allclose(mass, weights / weights.sum(), atol=1e-15)
