"""Processes that compute batches: they are kept for the next sweep, begin when they are missing, and end when they should."""

import os
import time

import psutil
import pytest

import gossipsim as gs
from gossipsim import sweep_pools
from gossipsim.sweep_pools import IDLE, Processes

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _nobody_waits():
    IDLE.end()
    yield
    IDLE.end()


def who(runs):
    """Return the process that computes, after long enough for another batch to find it busy."""
    time.sleep(0.3)
    return os.getpid()


def dies(runs):
    os._exit(3)


def sleeps(runs):
    time.sleep(60.0)


def pids(pool, batches):
    flying, found = [pool.submit(who, []) for _ in range(batches)], []
    while flying:
        for future in pool.first(flying):
            flying.remove(future)
            found.append(future.result())
    return found


def gone(pid):
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_the_next_sweep_goes_on_with_the_same_processes():
    pool = Processes(2)
    first = set(pids(pool, 2))
    pool.close()
    assert len(first) == 2
    again = Processes(2)
    assert set(pids(again, 2)) == first
    again.close()
    one = Processes(1)
    assert set(pids(one, 1)) <= first
    one.close()


def test_missing_processes_are_added():
    small = Processes(1)
    [first] = pids(small, 1)
    small.close()
    large = Processes(3)
    both = set(pids(large, 3))
    large.close()
    assert len(both) == 3
    assert first in both


def test_other_surroundings_need_other_processes(monkeypatch, tmp_path):
    pool = Processes(1)
    [first] = pids(pool, 1)
    pool.close()
    monkeypatch.setenv("GOSSIPSIM_TEST", "1")
    other = Processes(1)
    assert gone(first)
    [second] = pids(other, 1)
    other.close()
    monkeypatch.chdir(tmp_path)
    third = Processes(1)
    assert gone(second)
    third.close()


def test_processes_that_nobody_wants_end(monkeypatch):
    monkeypatch.setattr(sweep_pools, "KEPT_SECONDS", 0.2)
    pool = Processes(1)
    [first] = pids(pool, 1)
    pool.close()
    assert gone(first)
    again = Processes(1)
    [second] = pids(again, 1)
    again.close()
    assert second != first


def test_a_death_costs_the_crew_and_no_more():
    pool = Processes(1)
    [first] = pids(pool, 1)
    pool.close()
    pool = Processes(2)
    living = pool.submit(who, [])
    dying = pool.submit(dies, [])
    flying = [living, dying]
    while flying:
        for future in pool.first(flying):
            flying.remove(future)
    assert living.result() == first
    assert "TerminatedWorkerError" in type(dying.exception()).__name__
    assert len(set(pids(pool, 2)) | {first}) == 2
    pool.close()


def test_a_death_between_sweeps_costs_nothing():
    pool = Processes(2)
    first = pids(pool, 2)
    pool.close()
    psutil.Process(first[0]).kill()
    assert gone(first[0])
    time.sleep(0.5)  # until loky has noticed
    again = Processes(2)
    assert not set(pids(again, 2)) & set(first)
    again.close()


def test_what_is_computing_when_a_sweep_ends_early_is_killed():
    pool = Processes(1)
    [first] = pids(pool, 1)
    pool.submit(sleeps, [])
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 10.0
    assert gone(first)


def test_sweeps_in_a_row_give_the_same():
    given = {
        "topology": {"name": "cycle", "n": 8},
        "problem": {"name": "quadratic", "dim": 2},
        "method": "gossip",
        "run": {"time": 10},
    }
    found = [gs.sweep(given, seeds=4, jobs=jobs, engine="processes") for jobs in (1, 2, 1)]
    first, *others = [sweep.frame() for sweep in found]
    for other in others:
        assert other.equals(first)
