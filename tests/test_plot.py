"""Pictures show what was recorded, in axes with units, and are written whole and always alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.graph_plot import draw_graph
from gossipsim.plot import FORMATS, X_AXES, draw, save
from gossipsim.scenario import Scenario
from gossipsim.summary import decay_rate
from gossipsim.trace import COUNTS, Trace

T = np.linspace(0.0, 50.0, 26)


def trace(columns: Mapping[str, np.ndarray], promise: dict[str, Any] | None = None, **changes: Any) -> Trace:
    scenario = Scenario.parse(
        {
            "name": "test",
            "topology": {"name": "cycle", "n": 8},
            "problem": {"name": "quadratic", "dim": 2},
            "method": "gossip",
            "run": {"time": 50},
            **changes,
        }
    )
    counted = {name: np.arange(len(T)) * 1000 for name in COUNTS[1:]}
    return Trace(scenario, {"time": T, **counted, **columns}, {"at": np.zeros(8)}, "finished", {"promise": promise})


ERROR, CONSENSUS = 3.0 * np.exp(-0.2 * T), np.exp(-0.4 * T)
PROMISE = {"quantity": "error", "rate": 0.1, "source": "", "condition": "", "met": True}
ONE = trace({"error": ERROR, "consensus": CONSENSUS}, PROMISE)


def test_all_metrics_of_one_trace() -> None:
    (ax,) = draw([ONE]).axes
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "time (mean gradient times)"
    drawn = {line.get_label().split()[0]: line for line in ax.get_lines()}
    assert list(drawn) == ["error", "consensus", "promised"]
    np.testing.assert_array_equal(drawn["error"].get_xdata(), T)
    np.testing.assert_array_equal(drawn["error"].get_ydata(), ERROR)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [line.get_label() for line in ax.get_lines()]


def test_promise_is_a_slope_inside_the_picture() -> None:
    (ax,) = draw([ONE], y="error").axes
    line = ax.get_lines()[-1]
    (x0, x1), (y0, y1) = line.get_data()
    assert np.log(y0 / y1) / (x1 - x0) == pytest.approx(0.1)
    assert y0 == ERROR[0]
    lowest, highest = ax.get_ylim()
    assert lowest <= y1 <= y0 <= highest
    steep = trace({"error": ERROR}, {**PROMISE, "rate": 1e6})
    (ax,) = draw([steep]).axes
    assert np.isfinite(ax.get_lines()[-1].get_ydata()).all()


@pytest.mark.parametrize("x", list(X_AXES))
def test_every_axis(x: str) -> None:
    (ax,) = draw([ONE], x=x, y="error").axes
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), ONE.columns[x])
    assert (len(ax.get_lines()) == 2) == (x == "time")  # a rate per unit time is a slope over time only
    assert ax.get_ylabel().startswith("error")


def test_several_traces_are_told_apart() -> None:
    other = trace({"error": ERROR}, PROMISE, method="dadao")
    (ax,) = draw([ONE, other]).axes
    assert [line.get_label() for line in ax.get_lines()] == ["gossip", "dadao"]
    seeds = [trace({"error": ERROR}, seed=seed, rates={"name": "uniform", "total": 2.0}) for seed in (1, 2)]
    (ax,) = draw(seeds).axes
    assert [line.get_label() for line in ax.get_lines()] == ["seed = 1", "seed = 2"]
    (ax,) = draw([ONE, ONE]).axes
    assert [line.get_label() for line in ax.get_lines()] == ["test #1", "test #2"]
    (ax,) = draw([trace({"gap": ERROR}), trace({"gap": ERROR, "error": ERROR}, seed=1)]).axes
    assert ax.get_ylabel().startswith("gap")


@settings(max_examples=30, deadline=None)
@given(arrays(float, len(T), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_only_positive_finite_values_are_drawn(values: np.ndarray) -> None:
    (ax,) = draw([trace({"error": values})], y="error").axes
    good = (values > 1e-180) & (values < 1e180)
    if good.any():
        y = np.asarray(ax.get_lines()[0].get_ydata())
        np.testing.assert_array_equal(y[good], values[good])
        assert np.isnan(y[~good]).all()
    else:
        assert not ax.get_lines()
        assert "no positive value" in ax.texts[0].get_text()


@pytest.mark.parametrize(("smallest", "largest"), [(1e-310, np.inf), (1e-179, 1e179)])
def test_values_at_the_ends_of_what_a_number_holds(smallest: float, largest: float, tmp_path: Path) -> None:
    values = np.r_[np.geomspace(smallest, min(largest, 1e300), len(T) - 1), largest]
    assert save(draw([trace({"error": values}, PROMISE)], y="error"), tmp_path / "a.svg").stat().st_size > 0


def test_given_axes_are_used() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert draw([ONE], y="error", ax=right) is figure
    assert not left.get_lines()
    assert draw_graph(Graph.build("path", n=3), ax=left) is figure


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"x": "tim"}, "did you mean 'time'"),
        ({"y": "eror"}, "did you mean 'error'"),
        ({"y": "gap"}, "'gap' was not recorded"),
        ({"y": ["error", "nothing"]}, "'nothing' is no metric"),
    ],
)
def test_wrong_choices(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        draw([ONE], **keys)
    with pytest.raises(ScenarioError, match="nothing to draw"):
        draw([])


def test_graph_edges_carry_their_rates() -> None:
    graph = Graph.build("star", n=5)
    rates = np.array([3.0, 1.0, 4.0, 2.0])
    ax, bar = draw_graph(graph, rates).axes
    (lines,) = (each for each in ax.collections if each.get_array() is not None)
    np.testing.assert_array_equal(lines.get_array(), np.sort(rates))
    assert list(lines.get_linewidths()) == sorted(lines.get_linewidths())
    assert lines.get_clim() == (1.0, 4.0)
    assert "exchanges per unit time" in bar.get_ylabel()
    with pytest.raises(ScenarioError, match="4 finite numbers"):
        draw_graph(graph, rates[:2])


@pytest.mark.parametrize("name", ["random_geometric", "cycle", "torus"])
def test_graph_layouts_are_fixed(name: str) -> None:
    keys = {"random_geometric": {"n": 20, "radius": 0.4}, "cycle": {"n": 12}, "torus": {"n": 225}}[name]
    graph = Graph.build(name, **keys)
    first, second = (np.asarray(draw_graph(graph).axes[0].collections[1].get_offsets()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()
    if graph.positions is not None:
        np.testing.assert_array_equal(first, graph.positions)


@pytest.mark.parametrize(("n", "rates"), [(1, []), (2, [0.0]), (2, [5.0])])
def test_small_graphs(n: int, rates: list[float], tmp_path: Path) -> None:
    assert save(draw_graph(Graph.build("path", n=n), rates), tmp_path / "g.png").stat().st_size > 0


@pytest.mark.parametrize("ending", FORMATS)
def test_files_repeat(ending: str, tmp_path: Path) -> None:
    first, second = (save(draw([ONE]), tmp_path / f"{name}{ending}").read_bytes() for name in "ab")
    assert first == second
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [ending, ending]


def test_a_failed_save_keeps_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure = draw([ONE])

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr(figure, "savefig", crash)
    with pytest.raises(RuntimeError):
        save(figure, path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(ScenarioError, match=r"did you mean '\.png'"):
        save(figure, tmp_path / "a.pgn")


@given(st.floats(1e-3, 0.5), st.floats(1e-10, 1e10))
def test_decay_rate_finds_the_exponent(rate: float, scale: float) -> None:
    assert decay_rate(T, scale * np.exp(-rate * T)) == pytest.approx(rate)


def test_decay_rate_ignores_rounding_and_gives_up_politely() -> None:
    values = np.maximum(np.exp(-2.0 * T), 1e-30)
    assert decay_rate(T, values) == pytest.approx(2.0)
    for useless in (np.zeros(26), np.full(26, np.nan), np.r_[1.0, np.zeros(25)]):
        assert decay_rate(T, useless) is None
