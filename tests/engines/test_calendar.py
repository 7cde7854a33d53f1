"""The calendar of messages under way: in order of time, then of sending, however slots and room are chosen."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import gossipsim as gs
from gossipsim.engines import events
from gossipsim.engines.cache import compiled

pytestmark = pytest.mark.needs_compiler
code = compiled("transmit")
calendars = import_module("gossipsim.engines.calendar")
due, pop, send = calendars.due, calendars.pop, calendars.send
SPARE = code.SPARE


@njit(_nrt=False)
def put(calendar, when):
    calendar.state[SPARE] -= 1
    send(calendar, calendar.free[calendar.state[SPARE]], when)


@njit(_nrt=False)
def take(calendar, t, before):
    """Return time and number of the flight that is due, or -1."""
    if not due(calendar, t, before):
        return -1.0, -1
    flight = pop(calendar)
    calendar.free[calendar.state[SPARE]] = flight
    calendar.state[SPARE] += 1
    return calendar.flights[flight].when, calendar.flights[flight].order


@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([1e-6, 0.3, 5.0, 1e4, 1e18]),
    kind=st.sampled_from(["exponential", "ties", "heavy", "zero"]),
)
@settings(max_examples=30, deadline=None)
def test_flights_arrive_in_order_of_time_and_sending(seed, rate, kind):
    draw = np.random.default_rng(seed)
    calendar, waiting, number, now = code.empty(4, rate), [], 0, 0.0
    for step in range(300):
        now += float(draw.exponential()) if step % 50 else 1000.0 * float(draw.random())
        while True:
            t, order = take(calendar, now, False)
            if order < 0:
                break
            assert (t, order) == min(waiting)
            assert t <= now
            waiting.remove((t, order))
        assert not waiting or min(waiting)[0] > now
        for _ in range(int(draw.integers(0, 4))):
            delay = {
                "exponential": draw.exponential(3.0),
                "ties": float(draw.integers(0, 3)),
                "heavy": float(draw.pareto(0.3)),
                "zero": 0.0,
            }[kind]
            if calendar.state[SPARE] == 0:
                calendar = code.moved(calendar, 2 * len(calendar.flights), rate)
            if step == 100:
                calendar = code.moved(calendar, len(calendar.flights), rate := 3.0 * rate)
            put(calendar, now + delay)
            waiting.append((now + delay, number))
            number += 1
    last = [take(calendar, np.inf, True) for _ in range(len(waiting))]
    assert last == sorted(waiting)
    assert take(calendar, np.inf, True)[1] == -1
    assert calendar.state[SPARE] == len(calendar.flights)


@pytest.mark.parametrize("block", [13, 100])
def test_failures_in_a_handshake_do_not_depend_on_the_size_of_blocks(block, monkeypatch):
    """A node that will return gets the last message of a handshake then, whenever that has been drawn."""
    failures = [
        {"time": 10.0, "nodes": "hubs", "share": 0.4, "until": 30.0},
        {"time": 20.0, "nodes": [3]},
        {"time": 31.0, "nodes": [4], "until": 33.0},
    ]
    s = gs.Scenario.parse(
        {
            "seed": 4,
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "quadratic", "dim": 3},
            "method": "gossip",
            "wire": {"latency": 0.3, "exchange": "handshake"},
            "fleet": {"failures": failures},
            "run": {"time": 60},
            "record": {"points": 5},
        }
    )
    whole = gs.simulate(s)
    monkeypatch.setattr(events, "BLOCK", block)
    cut = gs.simulate(s)
    for name, column in whole.columns.items():
        assert column.tobytes() == cut.columns[name].tobytes(), name
    assert whole.final["x"].tobytes() == cut.final["x"].tobytes()
