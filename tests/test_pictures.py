"""Pictures of a run show what the engines did: every message where it was, every absence, every error."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.engines.events import APPLY, DELIVER, ROUND, SPEAK, Tape, kind_and_place
from gossipsim.errors import ScenarioError
from gossipsim.pictures.history import History, built, durations, walk
from gossipsim.pictures.messages import Messages, absences, messages
from gossipsim.pictures.presence import measured, predicted
from gossipsim.pictures.shots import shots
from gossipsim.pictures.utilisation import Utilisation
from gossipsim.plot import save

UP, DOWN = {"name": "exponential", "mean": 9.0}, {"name": "weibull", "scale": 2.0, "shape": 0.7}
SLOW = {
    "latency": {"name": "exponential", "mean": 0.4},
    "loss": {"name": "gilbert_elliott", "to_bad": 0.2, "to_good": 0.5},
}
NARROW = SLOW | {"bandwidth": 400.0, "uplink": 600.0}
SERVED = {"latency": 0.1, "service": {"name": "exponential", "mean": 0.2}}


def world(method: str, **more: Any) -> gs.World:
    return built(
        {
            "seed": 5,
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "quadratic", "dim": 2},
            "method": method,
            "run": {"time": 300},
            **more,
        }
    )


CHURN = {"churn": {"up": UP, "down": DOWN}}


@pytest.mark.parametrize("fleet", [{}, CHURN], ids=["steady", "churn"])
@pytest.mark.parametrize("wire", [SLOW, NARROW, SERVED], ids=["slow", "narrow", "served"])
class TestMessagesAreThoseOfTheEngines:
    """What is read off the stream of events arrives exactly when, and where, something happens in that stream."""

    def test_atomic(self, wire: dict[str, Any], fleet: dict[str, Any]) -> None:
        w = world("gossip", wire=wire, fleet=fleet)
        sent = messages(w, 100.0)
        first, second = pairs(sent)
        fine = ~(sent.lost[first] | sent.lost[second])
        done = np.maximum(sent.arrives[first], sent.arrives[second])
        both = fine & (done < 100.0) & ~present_at(w, done, sent.edge[first])
        expected = sorted(zip(done[both], sent.edge[first][both], strict=True))
        found = sorted((t, e) for t, _, j, e in stream(w, 100.0) if j >= 0)
        assert len(found) > 100
        assert found == expected

    def test_one_way(self, wire: dict[str, Any], fleet: dict[str, Any]) -> None:
        w = world("push_sum", wire=wire, fleet=fleet)
        sent = messages(w, 100.0)
        arrived = ~sent.lost & ~sent.late & (sent.arrives < 100.0)
        expected = sorted(zip(sent.arrives[arrived], sent.receiver[arrived], strict=True))
        found = sorted((t, i) for t, i, j, _ in stream(w, 100.0) if kind_and_place(j)[0] == DELIVER and j < 0)
        assert len(found) > 100
        assert found == expected

    def test_handshake(self, wire: dict[str, Any], fleet: dict[str, Any]) -> None:
        w = world("gossip", wire=wire | {"exchange": "handshake"}, fleet=fleet)
        sent = messages(w, 100.0)
        fine = ~sent.lost & ~sent.late & (sent.arrives < 100.0)
        heard = {
            (t, i) for t, i in zip(sent.arrives[fine & ~sent.short], sent.receiver[fine & ~sent.short], strict=True)
        }
        events = [(t, i, *kind_and_place(j)) for t, i, j, _ in stream(w, 100.0) if j < 0]
        answers = {(t, i) for t, i, kind, place in events if kind == SPEAK and place % 2 == 1}
        applied = {(t, i) for t, i, kind, place in events if kind == APPLY and place % 2 == 0}
        assert len(answers) > 100
        assert heard == answers | applied
        acknowledged = {
            (t, i) for t, i in zip(sent.arrives[fine & sent.short], sent.receiver[fine & sent.short], strict=True)
        }
        last = {(t, i) for t, i, kind, place in events if kind == APPLY and place % 2 == 1}
        # those that found their receiver away are repeated, and arrive later
        assert acknowledged <= last
        assert fleet or acknowledged == last

    def test_queues_are_as_busy_as_the_engine_says(self, wire: dict[str, Any], fleet: dict[str, Any]) -> None:
        w = world("push_sum", wire=wire, fleet=fleet)
        network, found = w.events(), Utilisation.measure(w, 300.0)
        list(zip(Tape(network), range(len(stream(w, 300.0))), strict=False))
        report = network.report()  # type: ignore[attr-defined]
        # the network runs a little ahead of the events that it has given
        for name, share in (("link", found.link), ("uplink", found.uplink)):
            assert share.mean() == pytest.approx(report.get(f"{name}_utilisation", 0.0), rel=0.1)
        waits = sum(report.get(f"{name}_mean_wait", 0.0) for name in ("link", "uplink"))
        assert found.waits.mean() == pytest.approx(waits, rel=0.3)


def stream(w: gs.World, until: float) -> list[tuple[float, int, int, int]]:
    found = []
    for row in Tape(w.events()):
        if row[0] >= until:
            break
        found.append(row)
    return found


def pairs(sent: Messages) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(0, len(sent.sent), 2), np.arange(1, len(sent.sent), 2)


def present_at(w: gs.World, times: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return whether an end of each edge is away at each time."""
    away = absences(w, 200.0)
    ends = w.graph.edges[edges]
    found = np.zeros(len(times), dtype=bool)
    for node, begin, end in zip(*away, strict=True):
        found |= (ends == node).any(axis=1) & (begin <= times) & (times < end)
    return found


def test_lost_messages_of_rounds_are_those_that_an_engine_counts() -> None:
    w = world("d_psgd", wire={"loss": SLOW["loss"]}, fleet=CHURN, run={"time": 30.0})
    trace = gs.simulate(w.scenario, engine="processes")
    assert trace.columns["lost"][-1] > 20
    assert len(History.read(w, 30.0).losses[0]) == trace.columns["lost"][-1]


@pytest.mark.parametrize("method", ["d_psgd", *(pytest.param(m, marks=pytest.mark.slow) for m in ("dadao", "ad_psgd"))])
def test_every_gradient_is_a_dot(method: str) -> None:
    w = world(method, fleet=CHURN, run={"time": 20.0})
    trace = gs.simulate(w.scenario, engine="processes")
    assert len(History.read(w, 20.0).gradients[0]) == trace.columns["gradients"][-1] > 90


def test_a_round_ends_when_its_slowest_node_has_computed() -> None:
    w = world("d_psgd", fleet={"compute": {"name": "lognormal", "median": 1.0, "sigma": 0.5}})
    rounds = np.array([t for t, _, j, _ in stream(w, 50.0) if j == ROUND])
    np.testing.assert_allclose(np.diff(rounds, prepend=0.0), durations(w, len(rounds)).max(axis=1), rtol=1e-12)
    found = Utilisation.measure(w, float(rounds[-1]) * (1 + 1e-12))
    np.testing.assert_allclose(found.computing, durations(w, len(rounds)).sum(axis=0) / rounds[-1], rtol=1e-9)


@pytest.mark.slow
def test_a_token_walks_on_edges_and_is_somewhere_all_the_time() -> None:
    w = world("mh_walk", wire={"latency": {"name": "exponential", "mean": 0.5}}, fleet={"compute": 0.25})
    way = walk(w, 60.0)
    edges = {tuple(edge) for edge in w.graph.edges.tolist()}
    steps = {tuple(sorted(pair)) for pair in zip(way.node[:-1].tolist(), way.node[1:].tolist(), strict=True)}
    assert {pair for pair in steps if pair[0] != pair[1]} <= edges
    np.testing.assert_allclose(way.t[1:] - way.arrives[1:], 0.25, rtol=1e-9)
    busy = Utilisation.measure(w, 60.0).computing
    assert busy.sum() == pytest.approx(0.25 / 0.75, rel=0.3)


def test_errors_of_frames_are_those_of_a_run_that_ends_there() -> None:
    w = world("dadao", run={"time": 12.0})
    seen = shots(w, [0.0, 5.0, 12.0], flash=0.5, engine="processes")
    trace = gs.simulate(w.scenario, engine="processes")
    assert seen[-1].errors.mean() == pytest.approx(trace.columns["error"][-1], rel=1e-12)
    assert seen[0].errors.mean() == pytest.approx(trace.columns["error"][0], rel=1e-12)
    assert 0 < seen[1].flashes.sum() < w.graph.m


def test_presence_measures_what_it_predicts() -> None:
    w = world(
        "gossip", topology={"name": "cycle", "n": 200}, run={"time": 400},
        fleet={"churn": {"up": UP, "down": {"name": "exponential", "mean": 3.0}},
               "failures": [{"time": 100, "nodes": "random", "share": 0.2, "until": 300}]},
    )  # fmt: skip
    times, shares = predicted(w, 400.0)
    assert times.tolist() == [0.0, 100.0, 300.0]
    np.testing.assert_allclose(shares, [0.75, 0.6, 0.75])
    here = measured(absences(w, 400.0), 200, 400.0)
    assert here.mean() == pytest.approx(0.675, abs=4 * here.std() / np.sqrt(200))


DRAWN = {
    "ideal": ("dadao", {}),
    "networked": ("gossip", {"wire": NARROW | {"exchange": "handshake"}, "fleet": CHURN}),
    "rounds": ("d_psgd", {"wire": {"loss": 0.2}, "fleet": CHURN}),
    "token": ("mh_walk", {}),
}


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case == "token")) for case in DRAWN])
def test_space_time_draws_every_kind_of_method(case: str) -> None:
    method, more = DRAWN[case]
    figure = gs.pictures.space_time(world(method, **more), until=8.0)
    (ax,) = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (mean gradient times)", "node")
    said = {text.get_text() for text in figure.legends[0].get_texts()}
    expected = {
        "ideal": {"gradient", "exchange"},
        "networked": {"message", "acknowledgement", "queued or being sent", "lost message", "away"},
        "rounds": {"gradient", "round: all exchange", "computing", "lost message", "away"},
        "token": {"gradient", "token"},
    }
    assert said == expected[case]


def test_a_picture_is_the_same_every_time(tmp_path: Any) -> None:
    w = world("gossip", wire=SLOW, fleet=CHURN)
    for name in ("a.svg", "b.svg"):
        save(gs.pictures.space_time(w, until=6.0), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


SCENARIO = """
name: small
topology: {name: cycle, n: 5}
problem: {name: quadratic, dim: 2}
method: gossip
fleet: {churn: {up: 5.0, down: 1.0}}
run: {time: 20}
"""


@pytest.mark.parametrize(
    "kind", ["space-time", pytest.param("frames", marks=pytest.mark.slow), "utilisation", "presence"]
)
def test_the_command_draws(kind: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    assert main(["picture", kind, "s.yaml", "--until", "4"]) == 0
    assert capsys.readouterr().out == f"small-{kind}.png\n"
    assert (tmp_path / f"small-{kind}.png").stat().st_size > 5_000


def test_frames_move(tmp_path: Any) -> None:
    from PIL import Image

    path = gs.pictures.animation(world("gossip"), tmp_path / "run.gif", times=[0.0, 1.0, 2.0], engine="processes")
    with Image.open(path) as picture:
        assert picture.n_frames == 3


def test_frames_move_as_a_film(tmp_path: Any) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = gs.pictures.animation(world("gossip"), tmp_path / "run.mp4", times=[0.0, 1.0, 2.0], engine="processes")
    assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == 3


def test_without_ffmpeg_a_film_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["gossipsim.pictures.animation"], "_ffmpeg", lambda: None)
    with pytest.raises(gs.ScenarioError, match=r"run.mp4: ffmpeg, .* not installed; allowed: .gif, or pip install"):
        gs.pictures.animation(world("gossip"), tmp_path / "run.mp4")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["space-tim", "s.yaml"], "picture: unknown picture 'space-tim'; allowed: space-time, frames, utilisation, presence;"
         " did you mean 'space-time'?"),
        (["frames", "s.yaml", "--until", "soon"], "--until: given 'soon'; allowed: a time > 0"),
        (["frames", "s.yaml", "--until", "99"], "--until: given 99.0; allowed: a time > 0, at most 20, where the run ends"),
        (["presence", "s.yaml", "--out", "p.gif"], "p.gif: unknown ending '.gif'; allowed: .png, .svg, .pdf;"
         " did you mean '.svg'?"),
        (["frames", "s.yaml", "--out", "p.mp3"], "p.mp3: unknown ending '.mp3'; allowed: .png, .svg, .pdf, .gif, .mp4;"
         " did you mean '.mp4'?"),
        (["space-time", "large.yaml"], "large.yaml:3: topology.n: 50 nodes; allowed: at most 40 nodes in a space-time diagram"),
        (["presence", "steady.yaml"], "steady.yaml: fleet: every node is always present;"
         " allowed: churn or failures, to draw absences"),
        (["utilisation", "several.yaml"], "several.yaml:5: methods: this compares methods: use gs.compare or gossipsim run"),
        (["utilisation", "endless.yaml"], "--until: the scenario has no run.time; allowed: a time > 0"),
    ],
)  # fmt: skip
def test_bad_input(
    arguments: list[str], said: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "large.yaml").write_text(SCENARIO.replace("n: 5", "n: 50"))
    (tmp_path / "steady.yaml").write_text(SCENARIO.replace("fleet: {churn: {up: 5.0, down: 1.0}}", ""))
    (tmp_path / "several.yaml").write_text(SCENARIO.replace("method: gossip", "methods: [gossip, push_sum]"))
    (tmp_path / "endless.yaml").write_text(SCENARIO.replace("run: {time: 20}", "run: {error: 1.0e-3}"))
    before = sorted(tmp_path.iterdir())
    assert main(["picture", *arguments]) == 2
    assert capsys.readouterr().err.strip() == f"gossipsim: error: {said}"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("times", [[], [1.0, 1.0], [-1.0], [float("nan")], ["soon"], [0.0, 400.0]])
def test_times_that_make_no_sense(times: list[Any]) -> None:
    with pytest.raises(ScenarioError, match="times"):
        gs.pictures.frames(world("gossip"), times=times)
