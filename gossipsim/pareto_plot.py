"""Pareto fronts: what two costs of reaching a goal are, one point per method or setting, and which points nobody beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.plot import COLOURS, X_AXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gossipsim.comparison import Comparison
    from gossipsim.sweeps import Sweep

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_GREY = "0.45"
_COST = tuple[float, float, float]


@dataclass(frozen=True)
class Point:
    """What one method or setting spent until it reached the goal.

    Attributes
    ----------
    colour, marker : str
        What its colour and its marker stand for.
    x, y : tuple of float
        Median cost with the ends of its interval; the median is inf, and the low end what was spent, when too few arrived.
    reached, runs : int
        How many runs reached the goal, of how many.
    """

    colour: str
    marker: str
    x: _COST
    y: _COST
    reached: int
    runs: int

    @property
    def place(self) -> tuple[float, float]:
        """Where it is drawn: at the medians, or at what was spent in vain."""
        x, y = (cost[0] if isfinite(cost[0]) else cost[1] for cost in (self.x, self.y))
        return x, y

    @property
    def arrived(self) -> bool:
        """Whether both medians are known."""
        return isfinite(self.x[0]) and isfinite(self.y[0])


def pareto_of_sweep(
    sweep: Sweep, x: str = "time", y: str = "bits", goal: float | None = None, metric: str | None = None,
    colour: str | None = None, level: float = 0.95,
) -> Figure:  # fmt: skip
    """Draw two costs of bringing a metric to a goal against each other, one point per setting.

    Parameters
    ----------
    x, y : {"time", "gradients", "activations", "messages", "bits"}
        The costs; points are medians over seeds with their intervals, see `Sweep.costs`.
    goal : float, optional
        Default: `run.error` of the scenario.
    metric : str, optional
        What is to reach the goal (default: `error`, or the first that all runs have).
    colour : str, optional
        The varied key whose values have colours (default: the method, or the first); the others have markers.

    Raises
    ------
    ScenarioError
        Unknown names, no goal, or nothing to draw.
    """
    from gossipsim.sweep_plot import colour_key, said
    from gossipsim.sweep_summary import chosen, costs, goal_of

    _axes_known(x, y)
    metric, goal = chosen(sweep, metric), goal_of(sweep, goal)
    key = colour_key(sweep, colour)
    table = costs(sweep, goal, metric, level)
    points = []
    for row, other in zip(*(table[table.cost == name].to_dict("records") for name in (x, y)), strict=True):
        if row["runs"]:
            points.append(
                Point(
                    "" if key is None else said(key, _none(row[key])),
                    ", ".join(said(name, _none(row[name])) for name in sweep.keys if name != key),
                    (row["median"], row["low"], row["high"]),
                    (other["median"], other["low"], other["high"]),
                    row["reached"],
                    row["runs"],
                )
            )
    counts = sorted({point.runs for point in points})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}" if counts else "0"
    spread = f"median of {seeds} seeds with its {100 * level:g} % interval" if counts[-1:] != [1] else "1 seed"
    return draw_pareto(points, x, y, f"{sweep.name}: cost of {metric} ≤ {goal:.3g}\n{spread}")


def pareto_of_comparison(
    found: Comparison, x: str = "time", y: str = "bits", goal: float | None = None, metric: str | None = None
) -> Figure:
    """Draw two costs of bringing a metric to a goal against each other, one point per method."""
    from gossipsim.comparison_summary import cost

    _axes_known(x, y)
    metric, target = found.target(metric)
    goal = target if goal is None else goal
    points = []
    for label, trace in found.traces.items():
        spent = cost(trace, metric, goal)
        ends = {name: float(trace.columns[name][-1]) for name in (x, y)}
        where = [(inf, ends[name], inf) if spent is None else (float(spent[name]),) * 3 for name in (x, y)]
        points.append(Point(label, "", where[0], where[1], int(spent is not None), 1))
    said = "no goal" if goal is None else f"cost of {metric} ≤ {goal:.3g}"
    return draw_pareto(points, x, y, f"{found.name}: {said}")


def _none(value: Any) -> Any:
    """Return None for what a table holds where a key does not apply."""
    return None if isinstance(value, float) and np.isnan(value) else value


def _axes_known(x: str, y: str) -> None:
    for name, axis in (("x", x), ("y", y)):
        if axis not in X_AXES:
            hint = nearest(axis, X_AXES)
            raise ScenarioError(f"unknown cost {shown(axis)}", key=(name,), allowed=", ".join(X_AXES), hint=hint)
    if x == y:
        raise ScenarioError(f"both axes are {shown(x)}", key=("y",), allowed="two different costs")


def front(x: Sequence[float], y: Sequence[float]) -> NDArray[np.int64]:
    """Return which points no other beats in both costs, in the order of x.

    Examples
    --------
    >>> front([1.0, 2.0, 3.0, 2.5], [9.0, 4.0, 5.0, 4.0]).tolist()
    [0, 1]
    """
    order = np.lexsort((y, x))
    kept, lowest = [], inf
    for k in order:
        if y[k] < lowest:
            kept.append(int(k))
            lowest = y[k]
    return np.array(kept, dtype=np.int64)


def draw_pareto(points: Sequence[Point], x: str, y: str, title: str) -> Figure:
    """Draw points with their intervals on two logarithmic axes, and the front as a staircase.

    Points that some runs did not reach are hollow. An arrow points from what was spent to where a median must be that too
    few runs reached, or to the open end of its interval.

    Raises
    ------
    ScenarioError
        No point has two positive costs, or there are too many for one figure.
    """
    from matplotlib.figure import Figure

    colours, markers = (list(dict.fromkeys(getattr(p, name) for p in points)) for name in ("colour", "marker"))
    if len(colours) > len(COLOURS) or len(markers) > len(MARKERS):
        message = f"{len(colours)} colours and {len(markers)} markers are too many for one figure"
        allowed = f"at most {len(COLOURS)} and {len(MARKERS)}; choose some with `where`"
        raise ScenarioError(message, allowed=allowed)
    drawn = [point for point in points if min(point.place) > 0.0 and max(point.place) < inf]
    if not drawn:
        raise ScenarioError(f"nothing has a cost in both {x} and {y}", allowed=f"other costs: {', '.join(X_AXES)}")
    figure = Figure(figsize=(6.4, 4.9), layout="constrained")
    ax = figure.add_subplot(xscale="log", yscale="log")
    for point in drawn:
        _mark(ax, point, COLOURS[colours.index(point.colour)], MARKERS[markers.index(point.marker)])
    _room(ax)
    arrived = [point for point in drawn if point.arrived]
    _staircase(ax, np.array([point.place for point in arrived]).reshape(-1, 2))
    ax.set_xlabel(X_AXES[x])
    ax.set_ylabel(X_AXES[y])
    ax.set_title(title, fontsize="medium")
    ax.grid(True, color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    _legend(figure, colours, markers, [point for point in drawn if point.reached < point.runs], bool(arrived))
    left_out = [point for point in points if point not in drawn]
    if left_out:
        names = ", ".join(" ".join(filter(None, (p.colour, p.marker))) for p in left_out)
        figure.text(0.01, 0.005, f"without a cost on both axes: {names}", fontsize="x-small", color=_GREY)
    return figure


def _mark(ax: Axes, point: Point, paint: str, marker: str) -> None:
    """Draw a point with its intervals; an arrow where a cost, or the end of its interval, is not known but larger."""
    x, y = point.place
    bars = [_bar(cost) for cost in (point.x, point.y)]
    ax.errorbar(x, y, xerr=bars[0], yerr=bars[1], color=paint, elinewidth=1.2, capsize=2.5, zorder=2)
    for cost, offset in ((point.x, (22, 0)), (point.y, (0, 22))):
        if cost[2] == inf:
            arrow = {"arrowstyle": "<-", "color": paint, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 4}
            ax.annotate("", (x, y), offset, textcoords="offset points", arrowprops=arrow, zorder=2)
    face = paint if point.reached == point.runs else "white"
    ax.plot([x], [y], marker=marker, color=paint, markerfacecolor=face, markersize=7.5, linestyle="none", zorder=3)


def _bar(cost: _COST) -> list[list[float]]:
    """Return how far the interval goes down and up from the median, as far as it is known."""
    middle, low, high = cost
    known = isfinite(middle)
    return [[middle - low if known and isfinite(low) else 0.0], [high - middle if known and isfinite(high) else 0.0]]


def _room(ax: Axes) -> None:
    """Leave room around the points, at least a factor of two on each axis."""
    ax.margins(0.12)
    for low, high, put in ((*ax.get_xlim(), ax.set_xlim), (*ax.get_ylim(), ax.set_ylim)):
        if high / low < 4.0:
            middle = float(np.sqrt(low * high))
            put(middle / 2.0, middle * 2.0)
        else:
            put(low, high)


def _staircase(ax: Axes, places: NDArray[np.float64]) -> None:
    """Draw the border of what some point beats, to the edges of the picture."""
    if not len(places):
        return
    kept = places[front(places[:, 0].tolist(), places[:, 1].tolist())]
    right, top = ax.get_xlim()[1], ax.get_ylim()[1]
    xs = np.concatenate([[kept[0, 0]], np.repeat(kept[1:, 0], 2), [right]])
    ys = np.repeat(kept[:, 1], 2)
    ax.plot(np.r_[kept[0, 0], xs], np.r_[top, ys], color=_GREY, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)


def _legend(figure: Figure, colours: list[str], markers: list[str], hollow: list[Point], front_drawn: bool) -> None:
    """Explain colours, markers, hollow points and the front below the picture."""
    from matplotlib.lines import Line2D

    handles = []
    if len(colours) > 1 or colours[0]:
        only = MARKERS[0] if len(markers) == 1 else "o"
        for k, name in enumerate(colours):
            handles.append(Line2D([], [], color=COLOURS[k], marker=only, linestyle="none", label=name))
    if len(markers) > 1:
        for k, name in enumerate(markers):
            handles.append(Line2D([], [], color=_GREY, marker=MARKERS[k], linestyle="none", label=name))
    if hollow:
        handles.append(
            Line2D(
                [], [], color=_GREY, marker="o", markerfacecolor="white", linestyle="none", label="not reached by all"
            )
        )
    if front_drawn:
        handles.append(Line2D([], [], color=_GREY, linewidth=1.0, linestyle=(0, (5, 3)), label="front"))
    columns = min(len(handles), 4 if max(len(name) for name in [*colours, *markers]) <= 15 else 3)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")
