"""Figures of sweeps: the median over seeds and a band around it, one colour per value of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.plot import COLOURS, STYLES, X_AXES, drawable, finish, label_of
from gossipsim.sweep_summary import QUANTILES, SPREADS, Band, bands, chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gossipsim.sweeps import Sweep

_MOST_PANELS, _MOST_CURVES = 12, len(COLOURS) * len(STYLES)


def draw_bands(
    sweep: Sweep, x: str = "time", y: str | None = None, colour: str | None = None, spread: str = "quantiles"
) -> Figure:
    """Draw the median over seeds of a metric with a band, on a logarithmic scale.

    Parameters
    ----------
    sweep : Sweep
        What to draw; `Sweep.where` chooses a part.
    x : {"time", "gradients", "activations", "messages", "bits"}
        Horizontal axis.
    y : str, optional
        The metric (default: `error`, or the first that all runs have).
    colour : str, optional
        The varied key whose values have colours (default: the method, or else the first); the settings of the other keys
        have a panel each.
    spread : {"quantiles", "interval"}
        The band holds 80 % of the runs, or the median with probability 95 %.

    Raises
    ------
    ScenarioError
        Unknown axis, metric, key or spread; nothing to draw, or too many settings for one figure.
    """
    from matplotlib.figure import Figure

    if x not in X_AXES:
        raise ScenarioError(f"unknown axis {shown(x)}", key=("x",), allowed=", ".join(X_AXES), hint=nearest(x, X_AXES))
    if spread not in SPREADS:
        allowed, hint = ", ".join(SPREADS), nearest(spread, SPREADS)
        raise ScenarioError(f"given {shown(spread)}", key=("spread",), allowed=allowed, hint=hint)
    metric = chosen(sweep, y)
    key = colour_key(sweep, colour)
    others = [name for name in sweep.keys if name != key]
    panels: dict[str, list[Band]] = {}
    for band in bands(sweep, metric, x, spread):
        title = ", ".join(said(name, band.values[name]) for name in others)
        panels.setdefault(title, []).append(band)
    names = list(dict.fromkeys(values[key] for values in sweep.settings)) if key else [None]
    if len(panels) > _MOST_PANELS or len(names) > _MOST_CURVES:
        message = f"{len(panels)} panels with {len(names)} curves are too many for one figure"
        allowed = f"at most {_MOST_PANELS} panels and {_MOST_CURVES} curves; choose some with `where`"
        raise ScenarioError(message, allowed=allowed)
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    size = (6.4, 4.6) if len(panels) == 1 else (3.3 * columns + 0.4, 2.8 * rows + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for ax, (title, drawn) in zip(axes, panels.items(), strict=False):
        _panel(ax, drawn, key, names)
        finish(ax, x, label_of(metric))
        ax.set_title(title, fontsize="medium")
        ax.label_outer(remove_inner_ticks=False)
        ax.set_xlabel(X_AXES[x] if len(panels) == 1 or columns == 1 else X_AXES[x].replace(" (", "\n("))
        ax.tick_params(labelbottom=True)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    _legend(figure, axes[: len(panels)], key)
    counts = sorted({band.runs for drawn in panels.values() for band in drawn})
    figure.suptitle(f"{sweep.name}: {_caption(counts, spread)}", fontsize="medium")
    return figure


def colour_key(sweep: Sweep, colour: str | None) -> str | None:
    """Return the varied key whose values have colours: the one given, or the method, or the first.

    Raises
    ------
    ScenarioError
        A key that is not varied.
    """
    if colour is not None and colour not in sweep.keys:
        hint = nearest(colour, sweep.keys)
        raise ScenarioError(f"{shown(colour)} is not varied", key=("colour",), allowed=", ".join(sweep.keys), hint=hint)
    of_method = [name for name in sweep.keys if name in {"method", "method.name"}]
    return colour or next(iter([*of_method, *sweep.keys]), None)


def _panel(ax: Axes, drawn: list[Band], key: str | None, names: list[Any]) -> None:
    ax.set_yscale("log")
    shown_any = False
    for band in drawn:
        middle, low, high = (drawable(curve) for curve in (band.middle, band.low, band.high))
        k = names.index(band.values[key]) if key else 0
        if band.x[-1] == band.x[0] or np.isnan(middle).all():  # such as gradients of a method that computes none
            continue
        shown_any = True
        paint, style = COLOURS[k % len(COLOURS)], STYLES[k // len(COLOURS) % len(STYLES)]
        label = "" if key is None else said(key, names[k])
        ax.plot(band.x, middle, color=paint, linestyle=style, linewidth=1.6, label=label)
        ax.fill_between(band.x, low, high, color=paint, alpha=0.2, linewidth=0)
    if not shown_any:
        ax.text(0.5, 0.5, "no positive value was recorded", transform=ax.transAxes, ha="center", color="0.45")


def _legend(figure: Figure, axes: Any, key: str | None) -> None:
    found: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    if key is not None and found:
        columns = min(4, len(found))
        figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns, frameon=False)


def _caption(counts: list[int], spread: str) -> str:
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    seeds = f"{many} seed{'s' * (counts[-1] != 1)}"
    if counts[-1] == 1:
        return "1 seed"
    if spread == "quantiles":
        return f"median of {seeds}, band {100 * QUANTILES[0]:.0f} % to {100 * QUANTILES[1]:.0f} %"
    return f"median of {seeds} with its 95 % interval"


def said(key: str, value: Any) -> str:
    """Return how a legend writes the value of a key.

    Examples
    --------
    >>> said("method.name", "dadao"), said("topology.n", 16), said("method.mu", None)
    ('dadao', 'topology.n = 16', 'no method.mu')
    """
    if value is None:
        return f"no {key}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if key in {"method", "topology", "problem", "rates"} or key.endswith(".name") else f"{key} = {text}"
