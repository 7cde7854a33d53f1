"""Runs that a worker computes side by side: each gives what it gives alone, and what goes wrong with one touches no other."""

import signal
import threading
from dataclasses import replace

import pytest

import gossipsim as gs
from gossipsim import team
from gossipsim.document import Document
from gossipsim.engines import together
from gossipsim.engines.base import Engine
from gossipsim.errors import Refused
from gossipsim.sweep_batch import run_batch
from gossipsim.sweep_plan import plan
from gossipsim.sweep_runner import compute

SCENARIO = {
    "name": "small",
    "topology": {"name": "grid", "n": 9},
    "problem": {"name": "linear_regression", "synthetic": {"samples": 7, "dim": 3}},
    "method": "dadao",
    "run": {"time": 40},
    "record": {"points": 9, "metrics": ["error", "consensus"]},
}
KINDS = {
    "clocks": {},
    "an error ends it": {"run": {"time": 4000, "error": 1e-6}},
    "rounds": {"method": "d_psgd", "run": {"rounds": 30}},
    "network": {"wire": {"latency": 0.2, "loss": 0.1}, "method": "async_dsgd"},
    "diverges": {"method": {"name": "dadao", "gamma": 1e3}, "run": {"time": 100}},
}
SEEDS = 7


def runs_of(changed=None, seeds=SEEDS):
    return plan(Document(SCENARIO | (changed or {})), seeds=seeds).runs


def alone(runs, engine="auto"):
    return [run_batch([run], engine, True)[0][0] for run in runs]


def assert_same(found, wanted):
    assert len(found) == len(wanted)
    for (outcome, seconds), other in zip(found, wanted, strict=True):
        assert (outcome.status, outcome.sentence) == (other.status, other.sentence)
        assert seconds > 0.0
        for kept, columns in ((outcome.columns, other.columns), (outcome.final, other.final)):
            assert {name: column.tobytes() for name, column in kept.items()} == {
                name: column.tobytes() for name, column in columns.items()
            }


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_its_runs_give_alone(kind):
    runs = runs_of(KINDS[kind])
    found = run_batch(runs, "auto", True)
    assert_same(found, alone(runs))
    assert {outcome.status for outcome, _ in found} <= {"finished", "reached", "diverged"}


def test_one_at_a_time_when_memory_is_short(monkeypatch):
    runs = runs_of()
    wanted = alone(runs)
    monkeypatch.setattr(team, "_BYTES", 1)
    assert_same(run_batch(runs, "auto", True), wanted)


@pytest.mark.needs_compiler
def test_portions_of_several_runs_are_one_call(monkeypatch):
    tables = []

    class Recording:
        def __init__(self, module):
            self.run_all = lambda table, *more: (tables.append(len(table)), module.run_all(table, *more))

    before = together.compiled
    monkeypatch.setattr(together, "compiled", lambda name: Recording(before(name)))
    run_batch(runs_of(), "compiled")
    assert tables
    assert set(tables) == {SEEDS}


def broken(seed, fault, whole):
    """Return a function that fails for one seed, and else does what `whole` does."""

    def function(given, *arguments):
        world = getattr(given, "world", given)
        if world.seed == seed:
            raise fault
        return whole(given, *arguments)

    return function


@pytest.mark.parametrize("where", ["building", "choosing", "running", "recording"])
def test_a_run_that_fails_takes_no_other_with_it(where, monkeypatch):
    runs = runs_of(KINDS["rounds" if where == "running" else "clocks"])
    wanted = alone(runs)
    fault = MemoryError("no room")
    if where == "building":
        monkeypatch.setattr(team.World, "build", broken(0, fault, team.World.build))
    elif where == "choosing":
        monkeypatch.setattr(team, "Course", broken(0, fault, team.Course))
    elif where == "running":
        monkeypatch.setattr(Engine, "outcome", broken(0, fault, Engine.outcome))
    else:
        monkeypatch.setattr(team.Course, "take", broken(0, fault, team.Course.take))
    first, *others = run_batch(runs, "auto", True)
    assert (first[0].status, first[0].sentence, first[0].lasting) == ("failed", "MemoryError: no room", False)
    assert_same(others, wanted[1:])


def test_refusals_keep_their_sentence(monkeypatch):
    runs = [replace(run, scenario=None, refusal="not like this") for run in runs_of(seeds=2)]
    assert [outcome.sentence for outcome, _ in run_batch(runs, "auto")] == ["not like this"] * 2
    monkeypatch.setattr(team, "Course", broken(1, Refused("nor like that"), team.Course))
    found = [outcome.status for outcome, _ in run_batch(runs_of(seeds=3), "auto")]
    assert found == ["finished", "refused", "finished"]


def test_an_interrupt_keeps_what_has_ended():
    short, *longer = runs_of({"run": {"time": 1e7}}, seeds=3)
    short = replace(short, scenario=short.scenario.replace({"run": {"time": 5.0}}))
    run_batch([short], "auto")  # so that it is compiled
    thread = threading.main_thread().ident
    timer = threading.Timer(0.4, lambda: signal.pthread_kill(thread, signal.SIGINT))
    timer.start()
    found = [outcome for outcome, _ in run_batch([short, *longer], "auto")]
    timer.join()
    assert found[0].status == "finished"
    assert found[1:] == [None, None]


def noting(found, ended):
    for run, outcome in found:
        assert outcome.status == "finished"
        ended.append(run)
        yield run


def test_an_interrupt_in_this_process_yields_what_has_ended():
    runs = runs_of(seeds=3)
    run_batch(runs[:1], "auto")  # so that it is compiled
    ended, thread = [], threading.main_thread().ident
    runs = [
        *runs[:1],
        *(replace(run, scenario=run.scenario.replace({"run": {"time": 1e7}})) for run in runs[1:]),
    ]
    timer = threading.Timer(0.4, lambda: signal.pthread_kill(thread, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(noting(compute(runs, "serial"), ended))
    timer.join()
    assert [run.seed for run in ended] == [0]


def test_seconds_are_those_of_the_whole():
    found = run_batch(runs_of(), "auto")
    assert all(seconds >= sum(outcome.meta["wall_time"].values()) * 0.99 for outcome, seconds in found)


def test_the_trace_of_a_batch_is_that_of_simulate():
    run = runs_of()[3]
    trace, outcome = gs.simulate(run.scenario), run_batch(runs_of(), "auto")[3][0]
    assert outcome.columns["error"].tobytes() == trace.columns["error"].tobytes()
