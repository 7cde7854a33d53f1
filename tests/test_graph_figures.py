"""Graphs are drawn with the rates that scenarios ask for: one scale, one panel for each that differs, nothing run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import gossipsim as gs
from gossipsim.document import Document
from gossipsim.graph import Graph
from gossipsim.graph_plot import RATE, Panel, draw_graph, draw_panels
from gossipsim.plot import encoded
from gossipsim.rates_plot import MOST_PANELS, plot_rates, plot_rates_of_sweep, rated_graphs
from gossipsim.report_content import page_of
from gossipsim.store import Store
from gossipsim.sweep_plan import Plan, plan
from gossipsim.sweeps import Sweep
from gossipsim.world import World

BASE: dict[str, Any] = {
    "name": "drawn",
    "topology": {"name": "barbell", "n": 6},
    "problem": {"name": "quadratic", "dim": 2},
    "method": "dadao",
    "run": {"time": 1},
}
BOTH: dict[str, list[Any]] = {"rates.name": ["uniform", "optimal"]}


def asked(vary: dict[str, list[Any]], **changes: Any) -> Plan:
    return plan(Document({**BASE, **changes}), vary, seeds=2)


def sweep_of(vary: dict[str, list[Any]], **changes: Any) -> Sweep:
    """A sweep of which nothing was run."""
    wanted = asked(vary, **changes)
    return Sweep(wanted.given, wanted.kinds, wanted.runs, {})


def lines(ax: Axes) -> Any:
    """The edges that carry a rate."""
    return next(each for each in ax.collections if each.get_array() is not None)


def heads(sweep: Sweep) -> list[str]:
    return [ax.get_title().splitlines()[0] for ax in sweep.plot_graph().axes if ax.get_title()]


# One place draws them


def test_idle_edges_are_dotted_and_carry_no_colour() -> None:
    star = Graph.build("star", n=5)
    ax = draw_graph(star, [4.0, 1.0, 0.0, 1e-5]).axes[0]
    np.testing.assert_array_equal(lines(ax).get_array(), [1.0, 4.0])
    idle: Any = ax.collections[1]
    assert len(idle.get_segments()) == 2
    assert idle.get_linestyle() != [(0.0, None)]


def test_the_same_rate_looks_the_same_in_every_panel() -> None:
    small, large = Graph.build("path", n=3), Graph.build("complete", n=12)
    panels = [Panel(small, np.array([2.0, 1.0]), "a"), Panel(large, np.full(large.m, 2.0), "b")]
    first, second, bar = draw_panels(panels).axes
    assert lines(first).get_clim() == lines(second).get_clim() == (1.0, 2.0)
    assert lines(first).get_linewidths()[-1] == lines(second).get_linewidths()[0]
    assert bar.get_ylabel() == RATE
    for part in (lines(first), lines(second)):
        part.update_scalarmappable()
    assert to_hex(lines(first).get_edgecolor()[-1]) == to_hex(lines(second).get_edgecolor()[0])


def test_equal_rates_and_no_rates() -> None:
    cycle = Graph.build("cycle", n=5)
    flat = lines(draw_graph(cycle, np.full(5, 3.0)).axes[0])
    assert flat.get_clim() == (0.0, 6.0)
    (only,) = draw_panels([Panel(cycle, None, "")]).axes
    assert all(each.get_array() is None for each in only.collections)
    with pytest.raises(gs.ScenarioError, match="5 finite numbers"):
        draw_panels([Panel(cycle, np.array([np.nan] * 5), "")])


def test_titles_of_a_row_begin_on_one_line() -> None:
    graph = Graph.build("path", n=2)
    first, second = draw_panels([Panel(graph, None, "a"), Panel(graph, None, "a\nb\nc")]).axes
    assert first.get_title().count("\n") == second.get_title().count("\n")


# The graphs of a sweep


@pytest.mark.parametrize("topology", [{"name": "grid", "n": 9}, {"name": "barbell", "n": 8}])
def test_a_panel_carries_the_rates_of_its_world(topology: dict[str, Any]) -> None:
    sweep = sweep_of(BOTH, topology=topology)
    uniform, optimal, _ = sweep.plot_graph().axes
    for ax, run in zip((uniform, optimal), sweep.runs[::2], strict=True):
        assert run.scenario is not None
        world = World.build(run.scenario)
        np.testing.assert_array_equal(lines(ax).get_array(), np.sort(world.rates))
        assert f"n = {world.graph.n}, m = {world.graph.m}" in ax.get_title()
        assert f"total rate {world.rates.sum():.5g}, " in ax.get_title()
        for name in ("chi_1", "chi_2"):
            assert rf"$\{name}$ = {getattr(world.facts, name):.3g}" in ax.get_title()
    assert lines(uniform).get_clim() == lines(optimal).get_clim()
    answer = gs.optimal_rates(world.graph)
    saving = 100 * (1 - answer.value / answer.uniform_value)
    assert f"communication: {saving:.1f} % less than with equal rates" in optimal.get_title()
    assert "less" not in uniform.get_title()


def test_nodes_stand_where_the_graph_puts_them() -> None:
    sweep = sweep_of(BOTH, topology={"name": "random_geometric", "n": 12, "radius": 0.6})
    positions = rated_graphs(sweep)[0].world.graph.positions
    for ax in sweep.plot_graph().axes[:2]:
        np.testing.assert_array_equal(ax.collections[-1].get_offsets(), positions)


def test_settings_share_a_panel_unless_their_rates_differ() -> None:
    kept: dict[str, list[Any]] = {
        "method.name": ["dadao", "async_dsgd", "a2cid2", "extra", "d_psgd"],
        "topology.n": [4, 6],
    }
    found = rated_graphs(sweep_of(kept))
    assert [len(each.settings) for each in found] == [1, 1, 2, 2, 2, 2]
    assert [each.rates is None for each in found] == [False] * 4 + [True] * 2
    names = heads(sweep_of(kept))
    assert names[0] == "dadao, topology.n = 4"
    assert names[2] == "async_dsgd or a2cid2, topology.n = 4"
    assert names[5] == "extra or d_psgd, topology.n = 6"
    assert heads(sweep_of({"method.gamma": [0.1, 0.2]})) == ["barbell, uniform rates"]
    fixed = {"name": "uniform", "total": 3.0}
    assert heads(sweep_of({"method.name": ["dadao", "a2cid2"]}, rates=fixed)) == ["barbell, uniform rates"]


def test_names_are_as_short_as_they_can_be() -> None:
    many: dict[str, list[Any]] = {"problem.mu": [0.1, 0.2, 0.3, 0.4], "topology.n": [4, 6], **BOTH}
    assert heads(sweep_of(many)) == [f"topology.n = {n}, {rates}" for n in (4, 6) for rates in ("uniform", "optimal")]


def test_graphs_that_change_show_every_edge_with_its_mean_rate() -> None:
    draws = {"name": "redrawn", "every": 1.0, "count": 3, "graph": {"name": "random_geometric", "n": 8, "radius": 0.7}}
    sweep = sweep_of({"topology.every": [1.0, 2.0]}, topology=draws)
    figure = sweep.plot_graph()
    (first, *_), world = figure.axes, rated_graphs(sweep)[0].world
    assert world.changing is not None
    assert world.changing.rates is not None
    np.testing.assert_allclose(lines(first).get_array(), np.sort(world.changing.rates.mean(axis=0)))
    assert f"m = {world.graph.m} in 3 graphs" in first.get_title()
    assert "A graph that changes: all its edges, with mean rates" in figure.get_supxlabel()
    assert not sweep_of(BOTH).plot_graph().get_supxlabel()


def test_what_is_loaded_draws_the_same_without_any_run(tmp_path: Any) -> None:
    wanted = asked({**BOTH, "topology.n": [4, 6]}, topology={"name": "cycle", "n": 4})
    Store.open(tmp_path / "sweep", wanted).close()
    loaded = Sweep.load(tmp_path / "sweep")
    assert not loaded.outcomes
    assert all(run.scenario is None for run in loaded.runs)
    fresh = Sweep(wanted.given, wanted.kinds, wanted.runs, {})
    assert encoded(loaded.plot_graph(), ".svg") == encoded(fresh.plot_graph(), ".svg")
    assert heads(loaded.where(topology__n=6)) == ["uniform", "optimal"]


def test_too_many_graphs_are_refused_before_any_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise AssertionError("built")

    sizes: list[Any] = list(range(4, 5 + MOST_PANELS))
    sweep = sweep_of({"topology.n": sizes}, topology={"name": "cycle", "n": 4})
    assert len(sweep.where(topology__n=sizes[:-1]).plot_graph().axes) == MOST_PANELS + 1
    monkeypatch.setattr(World, "build", build)
    with pytest.raises(
        gs.ScenarioError, match=r"13 graphs .* too many .*; allowed: at most 12; choose some with `where`"
    ):
        sweep.plot_graph()


def test_settings_that_cannot_be_built_are_left_out_and_counted() -> None:
    cycle, pieces = {"name": "cycle", "n": 4}, {"edges": [[0, 1], [2, 3]]}
    sweep = sweep_of({"topology": [cycle, pieces]})
    assert [each.world.scenario.topology.name for each in rated_graphs(sweep)] == ["cycle"]
    assert sweep.plot_graph().get_supxlabel() == "Left out: 1 setting declined, or bad when built."
    with pytest.raises(gs.ScenarioError, match="no setting can be built: topology: the graph has 2 components"):
        sweep_of({}, topology=pieces).plot_graph()


def test_uniform_beside_optimal_has_one_scale_with_the_sweep() -> None:
    barbell = Graph.build("barbell", n=6)
    left, right, _ = plot_rates(barbell, gs.optimal_rates(barbell)).axes
    mine, theirs, _ = plot_rates_of_sweep(sweep_of(BOTH, rates={"name": "uniform", "total": 1.0})).axes
    for one, other in ((left, mine), (right, theirs)):
        np.testing.assert_allclose(lines(one).get_array(), lines(other).get_array(), rtol=1e-9)
        np.testing.assert_allclose(lines(one).get_linewidths(), lines(other).get_linewidths(), rtol=1e-9)


# The report


@pytest.mark.parametrize(("sizes", "drawn", "said"), [([4, 6], 1, 0), (list(range(4, 11)), 0, 1), ([4, 101], 0, 0)])
def test_the_report_shows_few_small_graphs(sizes: list[Any], drawn: int, said: int) -> None:
    few = {"topology": {"name": "cycle", "n": 4}, "record": {"points": 2, "metrics": ["error"]}, "run": {"time": 0.1}}
    sweep = gs.sweep({**BASE, **few}, {"topology.n": sizes}, seeds=1, backend="serial", engine="processes")
    page = page_of(sweep)
    assert sum("graphs, with the rates" in each.caption for each in page.figures) == drawn
    assert sum("graphs, with the rates" in each for each in page.remarks) == said
