"""Replicas over all cores give the bytes of the same seeds run one by one."""

import itertools
import signal
import threading
import time

import numpy as np
import pytest

import gossipsim as gs
from gossipsim import team
from gossipsim.engines.base import Portion
from gossipsim.engines.choice import choose
from gossipsim.engines.events import Limits
from gossipsim.errors import Interrupted

SCENARIO = {
    "topology": {"name": "grid", "n": 9},
    "problem": {"name": "linear_regression", "synthetic": {"samples": 7, "dim": 3}},
    "method": "dadao",
    "run": {"time": 40},
    "record": {"points": 9, "metrics": ["error", "consensus"]},
}


OTHERS = {
    "exchanges": {"method": "gossip", "run": {"activations": 900}},
    "an error ends it": {"run": {"time": 4000, "error": 1e-6}},
    "bits": {"run": {"bits": 200_000}},
    "rounds": {"method": "d_psgd", "run": {"rounds": 30}},
    "token": {"method": "mh_walk"},
    "network": {"wire": {"latency": 0.2, "loss": 0.1}, "method": "async_dsgd"},
    "changing": {
        "topology": {"name": "matchings", "graph": {"name": "cycle", "n": 8}, "every": 1.0},
        "method": "d_psgd",
        "run": {"rounds": 30},
    },
    "other metrics": {"record": {"points": 9, "metrics": ["error", "gap", "gradient_norm"]}},
    "diverges": {
        "method": {"name": "dadao", "beta_tilde": 24.0},
        "rates": {"name": "uniform", "total": 9.0},
        "run": {"time": 30000},
    },
}


def assert_alone(given, seeds, together):
    """Check that replicas are the runs of these seeds alone."""
    assert [trace.scenario.seed for trace in together] == list(seeds)
    for seed, trace in zip(seeds, together, strict=True):
        alone = gs.simulate(given | {"seed": seed})
        assert trace.scenario == alone.scenario
        assert trace.status == alone.status
        assert trace.meta.get("diverged") == alone.meta.get("diverged")
        for name in alone.final:
            assert trace.final[name].tobytes() == alone.final[name].tobytes()
        for name in alone.columns:
            assert trace.columns[name].tobytes() == alone.columns[name].tobytes()


@pytest.mark.parametrize(("workers", "pinned"), [(1, False), (2, False), (5, False), (2, True)])
def test_replicas_are_the_single_runs(workers, pinned):
    seeds = [3, 0, 2**40, 7, 1]
    given = SCENARIO | {"problem": SCENARIO["problem"] | ({"data_seed": 4} if pinned else {})}
    assert_alone(given, seeds, gs.simulate_seeds(given, seeds, workers=workers))


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_a_run_is_made_of(name):
    given = SCENARIO | OTHERS[name]
    assert_alone(given, range(7), gs.simulate_seeds(given, 7, workers=2))


def test_teams_in_turn_when_memory_is_short(monkeypatch):
    monkeypatch.setattr(team, "_BYTES", 1)
    seeds = range(20)
    assert_alone(SCENARIO, seeds, gs.simulate_seeds(SCENARIO, seeds, workers=3))


@pytest.mark.needs_compiler
def test_many_portions_change_nothing(monkeypatch):
    whole = gs.simulate_seeds(SCENARIO, 6)
    monkeypatch.setattr("gossipsim.course._EVENTS_AT_FIRST", 50)
    monkeypatch.setattr("gossipsim.course._SECONDS_AT_ONCE", 0.0)
    for cut, trace in zip(gs.simulate_seeds(SCENARIO, 6), whole, strict=True):
        for name in trace.columns:
            assert trace.columns[name].tobytes() == cut.columns[name].tobytes()


@pytest.mark.needs_compiler
def test_addresses_are_only_given_of_arrays_that_machine_code_takes():
    engine = choose("compiled", gs.World.build(gs.Scenario.parse(SCENARIO)))
    portion = Portion("events", np.array([10.0]), Limits(), np.zeros(3))
    assert len(engine.job(portion).words) > len(engine.job(portion).arguments)
    for wrong in (np.zeros(6)[::2], np.zeros(3, dtype=np.float32), np.zeros((3, 1))):
        with pytest.raises(TypeError, match="where machine code takes float64"):
            _ = engine.job(portion._replace(target=wrong)).words


def test_progress_reaches_the_end():
    told = []
    gs.simulate_seeds(SCENARIO, 9, progress=lambda fraction, text: told.append((fraction, text)))
    assert told[-1] == (1.0, "9 of 9 seeds")
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(told))


def test_an_interrupt_ends_all_replicas_between_portions():
    given = SCENARIO | {"run": {"time": 1e7}}
    gs.simulate_seeds(SCENARIO, 1)  # so that it is compiled
    thread = threading.main_thread().ident
    timer = threading.Timer(0.4, lambda: signal.pthread_kill(thread, signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(Interrupted) as stopped:
        gs.simulate_seeds(given, 4, workers=2)
    timer.join()
    assert time.monotonic() - began < 60.0
    assert 1 <= len(stopped.value.trace) <= 4
    assert {trace.status for trace in stopped.value.trace} == {"interrupted"}
    assert all(trace.columns["time"][-1] < 1e7 for trace in stopped.value.trace)


def test_seconds_are_shared_out():
    began = time.perf_counter()
    traces = gs.simulate_seeds(SCENARIO, 8, workers=2)
    spent = time.perf_counter() - began
    running = [trace.meta["wall_time"]["running"] for trace in traces]
    assert min(running) > 0.0
    assert sum(running) <= 2.0 * spent + 1e-3 * len(traces)


def test_seeds_are_checked():
    with pytest.raises(gs.ScenarioError, match="seeds"):
        gs.simulate_seeds(SCENARIO, [])
    with pytest.raises(gs.ScenarioError, match="seed"):
        gs.simulate_seeds(SCENARIO, [-1])


def test_pinned_data_are_built_once():
    pinned = gs.Scenario.parse(SCENARIO | {"problem": SCENARIO["problem"] | {"data_seed": 4}})
    first = gs.World.build(pinned)
    other = gs.World.build(pinned.replace({"seed": 9}), first.shared)
    assert other.objective is first.objective
    assert other.graph is first.graph
    free = gs.World.build(gs.Scenario.parse(SCENARIO))
    assert free.shared.objective is None
