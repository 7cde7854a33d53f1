"""Pareto fronts, heat maps and the grid of a sweep show what was recorded, and what was not reached as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.pareto_plot import Point, draw_pareto, front
from gossipsim.plot import save
from gossipsim.store import Outcome
from gossipsim.sweep_plan import Run
from gossipsim.sweeps import Sweep

GOAL = 1e-3
PLACES = np.arange(11)


def sweep_of(arrivals, kinds, seeds=4, grows=()):
    """A sweep whose run with values v and a seed brings the error to the goal at record arrivals[v] + seed."""
    runs, outcomes = [], {}
    for setting, (values, arrival) in enumerate(arrivals.items()):
        for seed in range(seeds):
            run = Run(f"{setting}-{seed}", setting, dict(zip(kinds, values, strict=True)), seed)
            runs.append(run)
            error = np.where(arrival + seed <= PLACES, 1e-4, 1.0)
            last = values in grows
            counts = dict.fromkeys(
                ("gradients", "activations", "messages", "bits", "lost"), 10 * (setting + 1) * PLACES
            )
            columns = {"time": PLACES.astype(float), **counts, "error": error}
            outcomes[run.id] = Outcome("diverged" if last else "reached" if error[-1] < 1 else "finished", "", columns)
    given = {"name": "made", "run": {"time": 10, "error": GOAL}}
    return Sweep(given, kinds, runs, outcomes)


KINDS = {"method.name": "string", "topology.n": "int64"}
# dadao n = 4: seeds arrive at 1, 2, 3, 4; n = 8: at 8, 9, 10 and never; gossip n = 4: at 5, ...; n = 8: never
MADE = sweep_of({("dadao", 4): 1, ("dadao", 8): 8, ("gossip", 4): 5, ("gossip", 8): 99}, KINDS)


def test_front_is_what_no_point_beats():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 40))
    kept = front(x.tolist(), y.tolist())
    beaten = [any((x[j] <= x[k]) & (y[j] <= y[k]) & (j != k) for j in range(40)) for k in range(40)]
    assert sorted(kept.tolist()) == [k for k in range(40) if not beaten[k]]
    assert (np.diff(x[kept]) > 0).all()
    assert (np.diff(y[kept]) < 0).all()


def markers(ax):
    return [line for line in ax.get_lines() if line.get_marker() in {"o", "s"} and len(line.get_xdata()) == 1]


def test_points_stand_at_the_medians_of_the_costs():
    (ax,) = MADE.pareto().axes
    table = MADE.costs()
    arrived = np.isfinite(table["median"])
    wide = {name: table[table.cost == name] for name in ("time", "bits")}
    drawn = markers(ax)
    assert len(drawn) == 4
    for k, line in enumerate(drawn):
        for name, data in (("time", line.get_xdata()), ("bits", line.get_ydata())):
            row = wide[name].iloc[k]
            assert data[0] == (row["median"] if np.isfinite(row["median"]) else row["low"])
        whole = wide["time"].iloc[k].reached == 4
        assert (line.get_markerfacecolor() == line.get_color()) == whole
    assert arrived.any()
    assert not arrived.all()
    labels = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert labels == ["dadao", "gossip", "topology.n = 4", "topology.n = 8", "not reached by all", "front"]
    assert ax.get_xlabel() == "time (mean gradient times)"
    assert "0.001" in ax.get_title()
    assert "4 seeds" in ax.get_title()


def test_the_front_is_a_staircase_through_the_best_points():
    points = [Point(str(k), "", (x,) * 3, (y,) * 3, 1, 1) for k, (x, y) in enumerate([(1, 9), (3, 4), (2, 10)])]
    (ax,) = draw_pareto(points, "time", "bits", "").axes
    (stairs,) = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    x, y = stairs.get_data()
    inside = list(zip(x, y, strict=True))
    assert inside[1:-1] == [(1, 9), (3, 9), (3, 4)]
    assert y[0] == ax.get_ylim()[1]
    assert x[-1] == ax.get_xlim()[1]


def test_costs_of_zero_are_named_not_drawn():
    points = [Point("a", "", (1.0,) * 3, (9.0,) * 3, 1, 1), Point("none", "", (1.0,) * 3, (0.0,) * 3, 1, 1)]
    figure = draw_pareto(points, "time", "gradients", "")
    assert "none" in figure.texts[-1].get_text()
    with pytest.raises(gs.ScenarioError, match="nothing has a cost in both"):
        draw_pareto(points[1:], "time", "gradients", "")


def test_heat_map_cells():
    figure = MADE.heat_map("topology.n", "method.name")
    ax, bar = figure.axes
    (mesh,) = [each for each in ax.collections if each.get_array() is not None]
    values = np.ma.filled(np.ma.masked_invalid(mesh.get_array()), np.nan)
    np.testing.assert_array_equal(values, [[6.0, np.nan], [2.0, 9.0]])  # names from the top: dadao above gossip
    assert [text.get_text() for text in ax.texts] == ["6", "0 of 4", "2", "9\n3 of 4"]
    assert len(ax.patches) == 2
    assert [text.get_text() for text in ax.get_xticklabels()] == ["4", "8"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["gossip", "dadao"]
    assert bar.get_ylabel() == "time (mean gradient times)"


def test_heat_map_of_a_metric_marks_what_diverged():
    kinds = {"method.gamma": "double", "topology.n": "int64", "method.name": "string"}
    arrivals = {(g, n, m): 3 for m in ("a", "b") for n in (4, 8) for g in (0.5, 0.1)}
    found = sweep_of(arrivals, kinds, grows={(0.5, 8, "b")})
    figure = found.heat_map(value="error")
    first, second, bar = figure.axes
    assert [first.get_title(), second.get_title()] == ["a", "b"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["0.1", "0.5"]  # numbers in their order
    assert "0 of 4" in [text.get_text() for text in second.texts]
    assert first.get_xlabel() == "method.gamma"
    assert first.get_ylabel() == "topology.n"
    assert bar.get_ylabel().startswith("error")


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: MADE.pareto(x="tim"), "did you mean 'time'"),
        (lambda: MADE.pareto(y="time"), "both axes are 'time'"),
        (lambda: MADE.pareto(colour="topology"), "did you mean 'topology.n'"),
        (lambda: MADE.heat_map("topology"), "did you mean 'topology.n'"),
        (lambda: MADE.heat_map("topology.n", "topology.n"), "both axes are"),
        (lambda: MADE.heat_map(value="eror"), "did you mean 'error'"),
        (
            lambda: MADE.where(topology__n=4).where(method__name="dadao").heat_map(goal=1e-9),
            "no setting has a positive",
        ),
        (lambda: Sweep({"name": "one"}, {}, MADE.runs, MADE.outcomes).heat_map(), "a sweep that varies two keys"),
        (lambda: Sweep({"name": "one"}, KINDS, MADE.runs, MADE.outcomes).pareto(), "no run.error"),
    ],
)
def test_wrong_choices(draw, says):
    with pytest.raises(gs.ScenarioError, match=says):
        draw()


@pytest.mark.parametrize(("draw", "ending"), [(MADE.pareto, ".svg"), (MADE.heat_map, ".pdf"), (MADE.plot, ".png")])
def test_they_print_alike_every_time(draw, ending, tmp_path):
    first, second = (save(draw(), tmp_path / f"{name}{ending}").read_bytes() for name in "ab")
    assert first == second


def test_the_grid_holds_every_record():
    data = MADE.to_xarray()
    assert dict(data.sizes) == {"method__name": 2, "topology__n": 2, "seed": 4, "record": 11}
    for run in MADE.runs:
        here = data.sel(method__name=run.values["method.name"], topology__n=run.values["topology.n"], seed=run.seed)
        columns = MADE.outcomes[run.id].columns
        np.testing.assert_array_equal(here.error, columns["error"])
        np.testing.assert_array_equal(here.bits, columns["bits"])
        assert here.status == MADE.outcomes[run.id].status
    assert data.time.attrs["units"] == "mean gradient times"
    runs = [run for run in MADE.runs if run.id != "0-0"]
    part = Sweep(MADE.given, KINDS, MADE.runs, {run.id: MADE.outcomes[run.id] for run in runs}).to_xarray()
    gone = part.sel(method__name="dadao", topology__n=4, seed=0)
    assert gone.status == "missing"
    assert gone.records == 0
    assert np.isnan(gone.error).all()


def test_a_key_that_does_not_apply_has_a_label():
    found = sweep_of({("a", None): 1, ("b", 0.5): 1, ("b", 0.1): 1}, {"method.name": "string", "method.q": "double"}, 1)
    data = found.to_xarray()
    assert np.isnan(data.method__q.values[0])
    assert data.status.values[:, :, 0].tolist() == [
        ["reached", "missing", "missing"],
        ["missing", "reached", "reached"],
    ]


# The command


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    small = {
        "name": "small",
        "topology": {"name": "cycle", "n": 4},
        "problem": {"name": "quadratic", "dim": 2, "L": 2.0},
        "run": {"time": 40, "error": 0.02},
        "record": {"points": 10},
    }
    here = {"engine": "processes"}
    gs.simulate({**small, "method": "dadao"}, **here).save(folder / "run")
    gs.compare({**small, "methods": ["dadao", "d_psgd"]}, **here).save(folder / "comparison")
    vary = {"method.name": ["dadao", "d_psgd"], "topology.n": [4, 6]}
    gs.sweep({**small, "method": "dadao"}, vary, seeds=2, backend="serial", out=folder / "sweep", **here)
    (folder / "empty").mkdir()
    return folder


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["run"], "metrics-by-time.png"),
        (["run", "--kind", "graph"], "graph.png"),
        (["comparison"], "metrics-by-all.png"),
        (["comparison", "--kind", "pareto", "--x", "gradients"], "pareto-gradients-bits.png"),
        (["sweep", "--x", "bits", "--spread", "interval"], "bands-by-bits.png"),
        (["sweep", "--kind", "pareto", "--goal", "0.1"], "pareto-time-bits.png"),
        (["sweep", "--kind", "heat-map", "--x", "topology.n", "--value", "bits"], "heat-map-bits.png"),
        (["sweep", "--kind", "graph"], "graph.png"),
    ],
)
def test_the_command_draws_every_kind_of_result(arguments, name, results, monkeypatch, capsys):
    monkeypatch.chdir(results)
    assert main(["plot", *arguments]) == 0
    assert capsys.readouterr().out.strip() == str(Path(arguments[0], name))
    assert (results / arguments[0] / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["empty"], "holds no finished result; allowed: a folder that `gossipsim run` or `gossipsim sweep` saved"),
        (["nothing"], "no such folder"),
        (["run", "--kind", "lnes"], "did you mean 'lines'"),
        (["run", "--kind", "pareto"], "allowed: a sweep"),
        (["sweep", "run"], "a sweep is drawn alone"),
        (["sweep", "--kind", "graph", "--x", "bits"], "--x: a picture of graphs has no such option; allowed: none"),
        (["sweep", "--kind", "heat-map", "--colour", "topology.n"], "--colour: a heat map has no such option"),
        (["sweep", "--kind", "pareto", "--x", "tim"], "--x: unknown cost 'tim'"),
        (["sweep", "--y", "error", "--y", "gap"], "--y: 2 metrics"),
        (["comparison", "--kind", "graph"], "every method has rates of its own"),
        (["run", "--out", "a.pgn"], "did you mean '.png'"),
    ],
)
def test_the_command_refuses(arguments, says, results, monkeypatch, capsys):
    monkeypatch.chdir(results)
    before = sorted(results.rglob("*"))
    assert main(["plot", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert sorted(results.rglob("*")) == before
