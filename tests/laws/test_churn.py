"""Recorded sessions: who is present when, for how large a share of time, and who never returns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gossipsim as gs
from gossipsim.churn import Churn, Presence, Sessions
from gossipsim.churn.file import Recorded
from gossipsim.graph import Graph
from gossipsim.pictures.messages import absences

SESSIONS = "node,time,state\n2,0,down\n0,6,down\n1,2,up\n2,5,1\n0,8,up\n1,9,0\n0,9.5,UP\n"
"""Node 0 is away from 6 to 8; node 1 until 2, and from 9 on; node 2 until 5; node 3 never."""


@pytest.fixture
def churn(tmp_path):
    def write(text=SESSIONS, **more):
        (tmp_path / "sessions.csv").write_text(text)
        return Churn.parse({"file": tmp_path / "sessions.csv", **more})

    return write


def stays(sessions: Sessions, n, end, cuts=1):
    """Return the presences (node, from, until) before a time, asked for in some portions."""
    presence = Presence(n, sessions)
    since = {i: 0.0 for i in range(n) if presence.reasons[i] == 0}
    found = []
    for cut in np.linspace(0.0, end, cuts + 1)[1:]:
        changes = presence.until(cut)
        assert (np.diff(changes.t) >= 0.0).all()
        for t, i, back, _ in zip(*(column.tolist() for column in changes), strict=True):
            assert (i in since) != back
            if back:
                since[i] = t
            else:
                found.append((i, since.pop(i), t))
    return sorted(found + [(i, begin, end) for i, begin in since.items()])


PATH = Graph.build("path", n=4)
ONCE = [(0, 0, 6), (0, 8, 20), (1, 2, 9), (2, 5, 20), (3, 0, 20)]
AGAIN = [
    (0, 0, 6), (0, 8, 15.5), (0, 17.5, 20), (1, 2, 9), (1, 11.5, 18.5), (2, 5, 9.5), (2, 14.5, 19), (3, 0, 20),
]  # fmt: skip


@pytest.mark.parametrize("cuts", [1, 7])
def test_nodes_come_and_go_as_the_file_says(churn, cuts):
    assert stays(churn().on(PATH, 0), 4, 20.0, cuts) == ONCE
    assert stays(churn(repeat=True).on(PATH, 0), 4, 20.0, cuts) == AGAIN
    later = stays(churn(repeat=True, finish_time=12.0).on(PATH, 0), 4, 20.0, cuts)
    assert later == [(0, 0, 6), (0, 8, 18), (1, 2, 9), (1, 14, 20), (2, 5, 12), (2, 17, 20), (3, 0, 20)]


def test_a_recording_starts_again_as_often_as_one_likes(churn):
    n, laps = 4, 400
    sessions = churn(repeat=True).on(PATH, 0)
    total = np.zeros(n)
    for i, begin, end in stays(sessions, n, laps * 9.5):
        total[i] += end - begin
    np.testing.assert_allclose(total / (laps * 9.5), sessions.availability, rtol=1e-12)
    np.testing.assert_allclose(sessions.availability, [7.5 / 9.5, 7 / 9.5, 4.5 / 9.5, 1.0])


def test_nodes_go_by_their_labels(churn):
    graph = Graph.from_edges([(0, 1)], labels=["Rome", "Paris"])
    assert churn("node,time,state\nParis,1,down\n", finish_time=4.0).on(graph, 0).availability.tolist() == [1.0, 0.25]


def test_a_node_that_never_returns_is_given_up(churn):
    for more, gone in (({}, [1]), ({"repeat": True}, [])):
        presence = Presence(4, churn(**more).on(PATH, 0))
        changes = presence.until(30.0)
        assert np.unique(changes.node[presence.lasting(changes)]).tolist() == gone


def test_a_failure_during_an_absence_goes_on_after_it(churn):
    failures = [(7.0, 10.0, np.array([0, 3]), "lost")]
    changes = Presence(4, churn().on(PATH, 0), "neighbour", failures).until(20.0)
    mine = [(t, bool(back), int(state)) for t, i, back, state in zip(*changes, strict=True) if i == 0]
    assert mine == [(6.0, False, 2), (10.0, True, 1)]


@given(
    lines=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.booleans()), min_size=1, max_size=40),
    repeat=st.booleans(),
    extra=st.integers(1, 5),
)
@settings(max_examples=20, deadline=None)
def test_measured_availability_is_the_closed_form(lines, repeat, extra):
    rows = sorted({(node, t): up for node, t, up in lines}.items())
    node, t = (np.array([row[0][k] for row in rows]) for k in (0, 1))
    up, n, ends = np.array([row[1] for row in rows]), 5, float(t.max() + extra)
    sessions = Recorded.of(node, t.astype(float), up, n, ends, repeat)
    state = np.ones(n, dtype=bool)
    for i in range(n):
        if (node == i).any():
            state[i] = not up[node == i][0]
    here = np.zeros((n, int(ends)), dtype=bool)  # brute force, one column per unit of time
    for unit in range(int(ends)):
        for i, _, says in zip(*(column[t == unit] for column in (node, t, up)), strict=True):
            state[i] = says
        here[:, unit] = state
    np.testing.assert_allclose(sessions.availability, here.mean(axis=1), atol=1e-12)
    laps = 3 if repeat else 1
    total = np.zeros(n)
    for i, begin, end in stays(sessions, n, laps * ends):
        total[i] += end - begin
    np.testing.assert_allclose(total / (laps * ends), here.mean(axis=1), atol=1e-12)


def scenario(churn, **more):
    return gs.Scenario.parse(
        {
            "seed": 2,
            "topology": {"name": "cycle", "n": 4},
            "problem": {"name": "quadratic", "dim": 2},
            "method": "gossip",
            "fleet": {"churn": churn},
            "run": {"time": 30},
            "record": {"points": 4},
        }
        | more
    )


def test_a_scenario_is_written_back_as_it_was_read(churn):
    given = scenario(churn(repeat=True, state="lost"))
    again = gs.Scenario.parse(given.dump())
    assert again == given
    assert again.fleet.churn.repeat
    world = gs.World.build(again)
    assert absences(world, 9.0).node.tolist() == [1, 2, 0]


@pytest.mark.needs_compiler
@pytest.mark.parametrize("state", ["kept", *(pytest.param(s, marks=pytest.mark.slow) for s in ("lost", "neighbour"))])
def test_engines_agree_on_recorded_sessions(churn, state):
    given = scenario(churn(repeat=True, state=state), wire={"latency": 0.2, "exchange": "handshake"})
    fast, plain = (gs.simulate(given, engine=engine) for engine in ("compiled", "processes"))
    assert fast.columns["lost"][-1] > 0
    for name in fast.columns:
        assert fast.columns[name].tobytes() == plain.columns[name].tobytes(), name
    assert fast.final["x"].tobytes() == plain.final["x"].tobytes()
