"""Events of rounds, tokens and busy workers: the same however they are cut, and distributed as their laws say."""

import numpy as np
import pytest
from scipy import stats

from gossipsim.engines import events, sources
from gossipsim.engines.events import Limits, Tape
from gossipsim.graph import Graph
from gossipsim.law import Law
from gossipsim.speeds import Divided
from gossipsim.stream import Purpose, uniforms

GRID = Graph.build("grid", n=9)
LOGNORMAL = Law.parse({"name": "lognormal", "median": 0.8, "sigma": 0.7})
RATES = np.linspace(0.1, 1.2, GRID.m)
SPEEDS = np.array([1.0, 0.1, 1.0, 2.0, 1.0, 1.0, 0.5, 1.0, 3.0])
DELAYS = np.linspace(0.0, 0.5, 24)
SOURCES = {
    "rounds": lambda: sources.Rounds(5, 9, LOGNORMAL, 24, 3, Law.parse({"name": "uniform", "low": 0.1, "high": 0.4})),
    "steady rounds": lambda: sources.Rounds(5, 9, Law.parse(1.0), 24, 3, Law.parse(0.25)),
    "hops": lambda: sources.Hops(5, LOGNORMAL, Law.parse(0.5)),
    "renewals": lambda: sources.Renewals(5, GRID, LOGNORMAL, RATES),
    "workers": lambda: sources.BusyWorkers(5, GRID, LOGNORMAL),
    "lockstep workers": lambda: sources.BusyWorkers(5, GRID, Law.parse(1.0)),
    "Poisson workers": lambda: sources.PoissonWorkers(5, GRID),
    "uneven rounds": lambda: sources.Rounds(
        5, 9, Divided(LOGNORMAL, SPEEDS), 24, 3, Law.parse({"name": "uniform", "low": 0.1, "high": 0.4}), 0.0, DELAYS
    ),
    "uneven renewals": lambda: sources.Renewals(5, GRID, Divided(LOGNORMAL, SPEEDS), RATES),
    "uneven workers": lambda: sources.BusyWorkers(5, GRID, Divided(LOGNORMAL, SPEEDS)),
    "uneven Poisson workers": lambda: sources.PoissonWorkers(5, GRID, SPEEDS),
}


def take(source, count, first=0, clock=0.0):
    """Return the columns of the next events."""
    parts, have = [], 0
    while have < count:
        block = source.block(first + have, clock)
        parts.append([np.array(column) for column in block])
        have += len(block.t)
        clock = float(block.t[-1])
    return [np.concatenate(column)[:count] for column in zip(*parts, strict=True)]


@pytest.mark.parametrize("name", SOURCES)
def test_events_do_not_depend_on_the_size_of_blocks(name, monkeypatch):
    whole = take(SOURCES[name](), 1500)
    for size in (7, 64):
        monkeypatch.setattr(events, "BLOCK", size)
        for a, b in zip(whole, take(SOURCES[name](), 1500), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("place", [1, 2, 333])
def test_a_tape_goes_on_from_any_place(name, place):
    whole = take(SOURCES[name](), 1500)
    again = take(SOURCES[name](), 1500 - place, place, float(whole[0][place - 1]))
    for a, b in zip(whole, again, strict=True):
        np.testing.assert_array_equal(a[place:], b)


@pytest.mark.parametrize("name", SOURCES)
def test_time_never_falls_and_a_tape_stops_before_its_limit(name):
    t = take(SOURCES[name](), 3000)[0]
    assert (np.diff(t) >= 0).all()
    assert t[0] > 0
    tape = Tape(SOURCES[name]())
    counted = sum(len(part.t) for part in iter(lambda: _until(tape, 40.0), None))
    assert counted == np.searchsorted(t, 40.0)


def _until(tape, end):
    part = tape.take(Limits(until=end), events.Counts())
    return part if len(part.t) else None


def test_a_round_lasts_as_long_as_its_slowest_worker_and_links():
    t = take(SOURCES["rounds"](), 5)[0]
    clock = 0.0
    for k in range(5):
        compute = max(LOGNORMAL.sample(uniforms(5, Purpose.CLOCK, i, k, 1))[0] for i in range(9))
        latency = 0.0
        for turn in range(3 * k, 3 * k + 3):
            latency += max(0.1 + 0.3 * uniforms(5, Purpose.LATENCY, link, turn, 1)[0, 0] for link in range(24))
        clock += compute + latency
        assert t[k] == pytest.approx(clock, rel=1e-14)
    np.testing.assert_allclose(np.diff(take(SOURCES["steady rounds"](), 9)[0]), 1.75)


@pytest.mark.parametrize("name", ["workers", "renewals"])
def test_every_worker_is_a_renewal_process_of_its_own_stream(name):
    t, i, j, _ = take(SOURCES[name](), 6000)
    for node in (0, 4, 8):
        mine = t[(j == events.GRADIENT) & (i == node)]
        gaps = LOGNORMAL.sample(uniforms(5, Purpose.CLOCK, node, 0, len(mine)))
        np.testing.assert_array_equal(mine, np.cumsum(gaps))


@pytest.mark.parametrize("name", ["workers", "lockstep workers", "Poisson workers"])
def test_a_worker_exchanges_with_a_uniform_neighbour_and_then_steps(name):
    t, i, j, edge = take(SOURCES[name](), 40000)
    exchange = j >= 0
    assert exchange[::2].all()
    assert not exchange[1::2].any()
    np.testing.assert_array_equal(t[::2], t[1::2])
    worker, ends = i[1::2], GRID.edges[edge[::2]]
    np.testing.assert_array_equal(ends, np.stack([i[::2], j[::2]], axis=1))
    assert ((ends == worker[:, None]).sum(axis=1) == 1).all()
    partner = ends.sum(axis=1) - worker
    for node in range(9):
        counts = np.bincount(partner[worker == node], minlength=9)[GRID.nbr[GRID.ptr[node] : GRID.ptr[node + 1]]]
        assert stats.chisquare(counts).pvalue > 1e-4


def test_workers_in_lockstep_end_in_the_order_of_their_numbers():
    t, i, _, _ = take(SOURCES["lockstep workers"](), 54)
    np.testing.assert_array_equal(t[1::2], np.repeat([1.0, 2.0, 3.0], 9))
    np.testing.assert_array_equal(i[1::2], np.tile(np.arange(9), 3))


def test_poisson_workers_are_poisson_and_equally_busy():
    t, i, _, _ = take(SOURCES["Poisson workers"](), 40000)
    assert stats.kstest(np.diff(t[1::2]), stats.expon(scale=1 / 9).cdf).pvalue > 1e-4
    assert stats.chisquare(np.bincount(i[1::2])).pvalue > 1e-4


def test_exchanges_beside_workers_are_poisson_with_their_rates():
    t, _, j, edge = take(SOURCES["renewals"](), 60000)
    mine = edge[j >= 0]
    assert stats.kstest(np.diff(t[j >= 0]), stats.expon(scale=1 / RATES.sum()).cdf).pvalue > 1e-4
    assert stats.chisquare(np.bincount(mine), RATES / RATES.sum() * len(mine)).pvalue > 1e-4


def test_a_round_waits_for_the_slowest_node_and_the_farthest_link():
    t = take(SOURCES["uneven rounds"](), 5)[0]
    clock = 0.0
    for k in range(5):
        clock += max(LOGNORMAL.sample(uniforms(5, Purpose.CLOCK, i, k, 1))[0] / SPEEDS[i] for i in range(9))
        for turn in range(3 * k, 3 * k + 3):
            draws = [0.1 + 0.3 * uniforms(5, Purpose.LATENCY, link, turn, 1)[0, 0] for link in range(24)]
            clock += max(draws + DELAYS)
        assert t[k] == pytest.approx(clock, rel=1e-14)
    steady = sources.Rounds(5, 9, Divided(Law.parse(1.0), SPEEDS), 24, 2, Law.parse(0.25), 0.0, DELAYS)
    np.testing.assert_allclose(np.diff(take(steady, 9)[0]), 10.0 + 2 * 0.75)


def test_a_server_has_no_speed():
    rounds = sources.Rounds(5, 2, Divided(Law.parse(1.0), np.array([0.001, 1.0, 0.5])), 4, 1, Law.parse(0.0), server=1)
    np.testing.assert_allclose(np.diff(take(rounds, 9)[0]), 2.0)


@pytest.mark.parametrize("n", [2, 20])
def test_a_round_of_exponential_workers_lasts_a_harmonic_number_of_means(n):
    count, mean = 20000, 2.5
    rounds = sources.Rounds(7, n, Law.parse({"name": "exponential", "mean": mean}), 0, 1, Law.parse(0.0))
    lasted = np.diff(take(rounds, count)[0], prepend=0.0)
    k = np.arange(1, n + 1)
    assert abs(lasted.mean() - mean * (1 / k).sum()) < 4 * mean * np.sqrt((1 / k**2).sum() / count)


def test_a_round_of_two_classes_lasts_as_its_law_says():
    count, slow, fast = 20000, 2, 8
    speeds = np.array([0.1] * slow + [1.0] * fast)
    rounds = sources.Rounds(
        7, 10, Divided(Law.parse({"name": "exponential", "mean": 1.0}), speeds), 0, 1, Law.parse(0.0)
    )
    lasted = np.diff(take(rounds, count)[0], prepend=0.0)

    def cdf(t):
        return (1 - np.exp(-t / 10)) ** slow * (1 - np.exp(-t)) ** fast

    assert stats.kstest(lasted, cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", ["uneven workers", "uneven renewals"])
def test_a_worker_computes_as_long_as_its_law_says_over_its_speed(name):
    t, i, j, _ = take(SOURCES[name](), 6000)
    for node in (0, 1, 8):
        mine = t[(j == events.GRADIENT) & (i == node)]
        gaps = LOGNORMAL.sample(uniforms(5, Purpose.CLOCK, node, 0, len(mine))) / SPEEDS[node]
        np.testing.assert_array_equal(mine, np.cumsum(gaps))


def test_poisson_clocks_of_uneven_nodes_are_poisson_with_their_speeds():
    t, i, j, edge = take(events.PoissonClocks(5, 9, 0.7, GRID.edges, RATES, speeds=SPEEDS), 60000)
    mine = i[j == events.GRADIENT]
    assert stats.chisquare(np.bincount(mine), SPEEDS / SPEEDS.sum() * len(mine)).pvalue > 1e-4
    assert stats.kstest(np.diff(t[(j == events.GRADIENT) & (i == 1)]), stats.expon(scale=1 / 0.07).cdf).pvalue > 1e-4
    assert stats.kstest(np.diff(t), stats.expon(scale=1 / (0.7 * SPEEDS.sum() + RATES.sum())).cdf).pvalue > 1e-4
    assert stats.chisquare(np.bincount(edge[j >= 0]), RATES / RATES.sum() * (j >= 0).sum()).pvalue > 1e-4


def test_a_trace_is_replayed_in_order(tmp_path):
    path = tmp_path / "times.csv"
    path.write_text("node,duration\n" + "".join(f"{i},{1 + i}\n{i},{0.5 + i}\n" for i in range(9)))
    trace = Law.parse({"name": "trace", "file": str(path)}).on(GRID)
    t, i, j, _ = take(sources.BusyWorkers(5, GRID, trace), 400)
    for node in (0, 5):
        mine = t[(j == events.GRADIENT) & (i == node)]
        np.testing.assert_allclose(np.diff(mine, prepend=0.0), np.resize([1 + node, 0.5 + node], len(mine)))
    rounds = take(sources.Rounds(5, 9, trace, 0, 1, Law.parse(0.0)), 6)[0]
    np.testing.assert_allclose(np.diff(rounds, prepend=0.0), [9, 8.5] * 3)
