"""Heat maps of a sweep: the median of a metric, or of what a goal costs, over the values of two varied keys."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.plot import X_AXES, label_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from gossipsim.sweeps import Sweep

_MOST_PANELS, _MOST_CELLS, _MOST_NUMBERS = 12, 40, 12
_PALE = "0.9"
_LINE = 16  # letters of a tick label


class Cell(NamedTuple):
    """The median of a setting (inf when it is not known), and how many of its runs are behind it."""

    value: float
    good: int
    runs: int


def draw_heat_map(
    sweep: Sweep, x: str | None = None, y: str | None = None, value: str | None = None, goal: float | None = None
) -> Figure:
    """Draw a median over seeds for all values of two keys in logarithmic colours, a panel for each setting of the others.

    Hatched cells have runs that did not reach the goal, or diverged; their share is in the cell. Pale cells have no median.

    Parameters
    ----------
    x, y : str, optional
        Varied keys (default: the first two that are not the method).
    value : str, optional
        A metric, at the end of the runs; or a cost of reaching the goal: `time`, `gradients`, `messages`, `activations`,
        `bits` (default: `time` when there is a goal, else `error`).
    goal : float, optional
        The error to be reached (default: `run.error`).

    Raises
    ------
    ScenarioError
        Fewer than two varied keys, unknown names, nothing to draw, or too much for one figure.
    """
    from matplotlib.figure import Figure

    from gossipsim.sweep_plot import said

    across, up = _keys(sweep, x, y)
    cells, label, of = _cells(sweep, value, goal)
    others = [name for name in sweep.keys if name not in {across, up}]
    panels: dict[str, dict[tuple[Any, Any], Cell]] = {}
    for values, cell in zip(sweep.settings, cells, strict=True):
        title = ", ".join(said(name, values[name]) for name in others)
        panels.setdefault(title, {})[values[across], values[up]] = cell
    columns, rows = _sorted(sweep, across), _sorted(sweep, up)
    if not all(map(_is_number, rows)):
        rows = rows[::-1]  # names are read from the top
    if len(panels) > _MOST_PANELS or max(len(columns), len(rows)) > _MOST_CELLS:
        message = f"{len(panels)} panels of {len(columns)} x {len(rows)} cells are too many for one figure"
        allowed = f"at most {_MOST_PANELS} panels of {_MOST_CELLS} x {_MOST_CELLS} cells; choose some with `where`"
        raise ScenarioError(message, allowed=allowed)
    scale = _scale([cell.value for cell in cells])
    wide = min(len(panels), 3)
    high = -(-len(panels) // wide)
    cell_width = 0.75 if len(columns) <= _MOST_NUMBERS else 0.3
    size = (wide * max(2.6, 0.9 + cell_width * len(columns)) + 1.0, high * max(2.2, 0.8 + 0.42 * len(rows)) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(high, wide, squeeze=False, sharex=True, sharey=True)
    numbers = len(columns) <= _MOST_NUMBERS and len(rows) <= _MOST_NUMBERS
    for ax, (title, found) in zip(axes.ravel(), panels.items(), strict=False):
        mesh = _panel(ax, [[found.get((a, b)) for a in columns] for b in rows], scale, numbers)
        ax.set_title(title, fontsize="medium")
        ax.set_xticks(np.arange(len(columns)) + 0.5, [_tick(value) for value in columns])
        ax.set_yticks(np.arange(len(rows)) + 0.5, [_tick(value) for value in rows])
        if max(len(line) for value in columns for line in _tick(value).split("\n")) > 6:
            ax.tick_params(axis="x", labelrotation=30)
    for ax in axes.ravel()[len(panels) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(up)
    for k, ax in enumerate(axes.ravel()[: len(panels)]):
        if k + wide >= len(panels):
            ax.set_xlabel(across)
            ax.tick_params(labelbottom=True)
    _bar(figure.colorbar(mesh, ax=axes, label=label, aspect=25), scale)
    figure.suptitle(f"{sweep.name}: {of}", fontsize="medium")
    return figure


def _bar(bar: Colorbar, scale: Normalize) -> None:
    """Write plain numbers beside a bar that spans little; powers of ten would all be the same."""
    assert scale.vmin is not None
    assert scale.vmax is not None
    if scale.vmax < 30.0 * scale.vmin:
        for set_formatter in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
            set_formatter("{x:g}")


def _keys(sweep: Sweep, x: str | None, y: str | None) -> tuple[str, str]:
    """Return the keys across and up: those given, or the first that are not the method."""
    for name, key in (("x", x), ("y", y)):
        if key is not None and key not in sweep.keys:
            allowed, hint = ", ".join(sweep.keys) or "a sweep with varied keys", nearest(key, sweep.keys)
            raise ScenarioError(f"{shown(key)} is not varied", key=(name,), allowed=allowed, hint=hint)
    if x is not None and x == y:
        raise ScenarioError(f"both axes are {shown(x)}", key=("y",), allowed="two different keys")
    last = sorted(sweep.keys, key=lambda key: key in {"method", "method.name"})
    free = [key for key in last if key not in {x, y}]
    if len(free) < (x is None) + (y is None):
        raise ScenarioError(
            f"{sweep.name} varies {', '.join(sweep.keys) or 'no key'}", allowed="a sweep that varies two keys"
        )
    across = x or free.pop(0)
    return across, y or free.pop(0)


def _cells(sweep: Sweep, value: str | None, goal: float | None) -> tuple[list[Cell], str, str]:
    """Return one cell per setting, the label of the colours and what they say."""
    from gossipsim.sweep_summary import COSTS, chosen, costs, goal_of, summary

    asked = (sweep.given.get("run") or {}).get("error") if goal is None else goal
    metrics = sweep.metrics
    if value is None:
        value = "time" if asked is not None and "error" in metrics else chosen(sweep, None)
    if value in COSTS:
        goal = goal_of(sweep, goal)
        table = costs(sweep, goal)
        rows = table[table.cost == value].to_dict("records")
        cells = [Cell(float(row["median"]), row["reached"], row["runs"]) for row in rows]
        return cells, X_AXES[value], f"cost of {chosen(sweep, None)} ≤ {goal:.3g}, median over seeds"
    if value not in metrics:
        allowed, hint = ", ".join([*metrics, *COSTS]), nearest(value, [*metrics, *COSTS])
        raise ScenarioError(f"unknown value {shown(value)}", key=("value",), allowed=allowed, hint=hint)
    rows = summary(sweep, value).to_dict("records")
    sound = [sum(outcome.status != "diverged" for _, outcome in pairs) for _, pairs in sweep.groups()]
    cells = [Cell(float(row["median"]), good, row["runs"]) for row, good in zip(rows, sound, strict=True)]
    return cells, label_of(value), f"{value} at the end, median over seeds"


def _sorted(sweep: Sweep, key: str) -> list[Any]:
    """Return the values of a key, numbers in their order, others as they were given."""
    values = list(dict.fromkeys(setting[key] for setting in sweep.settings))
    return sorted(values) if all(map(_is_number, values)) else values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tick(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else fill(str(value), _LINE)


def _scale(values: Sequence[float]) -> Normalize:
    """Return logarithmic colours from the smallest to the largest positive value."""
    from matplotlib.colors import LogNorm

    good = [value for value in values if isfinite(value) and value > 0.0]
    if not good:
        raise ScenarioError("no setting has a positive median", allowed="a metric or goal that some runs reached")
    low, high = min(good), max(good)
    return LogNorm(low, high) if high > 1.001 * low else LogNorm(low / 2.0, high * 2.0)


def _panel(ax: Axes, cells: list[list[Cell | None]], scale: Normalize, numbers: bool) -> Any:
    """Draw the cells; what is not known is pale and hatched, and a cell of which some runs are missing has their share."""
    from matplotlib.patches import Rectangle

    shade = np.array(
        [[nan if cell is None or not isfinite(cell.value) else cell.value for cell in row] for row in cells]
    )
    with np.errstate(invalid="ignore"):
        shade = np.where(shade > 0.0, shade, nan)
    mesh = ax.pcolormesh(shade, norm=scale, cmap="viridis")
    for b, row in enumerate(cells):
        for a, cell in enumerate(row):
            part = cell is not None and cell.good < cell.runs
            if cell is None or not isfinite(cell.value) or part:
                face = "none" if part and cell is not None and isfinite(cell.value) else _PALE
                ax.add_patch(Rectangle((a, b), 1, 1, facecolor=face, hatch="////", edgecolor="white", linewidth=0.0))
            if numbers and cell is not None:
                ax.text(a + 0.5, b + 0.5, _text(cell), ha="center", va="center", fontsize="x-small",
                        color=_ink(cell, scale))  # fmt: skip
    for places, draw in ((shade.shape[1], ax.axvline), (shade.shape[0], ax.axhline)):
        for place in range(1, places):
            draw(place, color="white", linewidth=1.2)
    return mesh


def _text(cell: Cell) -> str:
    share = f"{cell.good} of {cell.runs}" if cell.good < cell.runs else ""
    if not cell.runs:
        return "no run"
    return "\n".join(filter(None, (f"{cell.value:.3g}" if isfinite(cell.value) else "", share)))


def _ink(cell: Cell, scale: Normalize) -> str:
    dark = isfinite(cell.value) and cell.value > 0.0 and float(scale(cell.value)) < 0.6
    return "white" if dark else "black"
