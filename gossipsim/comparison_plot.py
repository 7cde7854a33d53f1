"""Methods side by side: one metric against time, gradients, exchanges and bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.plot import COLOURS, STYLES, X_AXES, drawable, finish, label_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gossipsim.trace import Trace

PANELS = ("time", "gradients", "activations", "bits")


def draw_panels(traces: Mapping[str, Trace], y: str | None = None, title: str = "") -> Figure:
    """Draw a metric against time, gradients, exchanges and bits, one panel each, on a common logarithmic scale.

    Parameters
    ----------
    traces : mapping
        Label -> trace; each has one colour and one line style in all panels.
    y : str, optional
        The metric (default: `error`, or the first that all have).
    title : str
        Above the panels.

    Raises
    ------
    ScenarioError
        Nothing to draw, or a metric that was not recorded.
    """
    from matplotlib.figure import Figure

    metric = _metric(traces, y)
    legend_rows = -(-len(traces) // 4)
    figure = Figure(figsize=(9.0, 6.1 + 0.22 * legend_rows), layout="constrained")
    axes = figure.subplots(2, 2, sharey=True).ravel()
    for panel, ax in zip(PANELS, axes, strict=True):
        ax.set_yscale("log")
        for k, (label, trace) in enumerate(traces.items()):
            x, values = trace.columns[panel], drawable(trace.columns[metric])
            if x[-1] == x[0]:  # a method that computes no gradients has no place in this panel
                continue
            style = STYLES[k % len(STYLES)]  # 7 colours and 4 styles: 28 methods look different
            ax.plot(x, values, color=COLOURS[k % len(COLOURS)], linestyle=style, linewidth=1.6, label=label)
        finish(ax, panel, label_of(metric))
        if not ax.get_lines():
            ax.text(0.5, 0.5, f"no {panel}", transform=ax.transAxes, ha="center", color="0.45")
    if not any(np.isfinite(line.get_ydata()).any() for line in axes[0].get_lines()):
        axes[0].text(0.5, 0.5, "no positive value was recorded", transform=axes[0].transAxes, ha="center", color="0.45")
    for ax in axes:
        ax.label_outer(remove_inner_ticks=False)
        ax.xaxis.label.set_visible(True)
    for ax, panel in zip(axes, PANELS, strict=True):
        ax.set_xlabel(X_AXES[panel])
        ax.tick_params(labelbottom=True)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def _metric(traces: Mapping[str, Trace], y: str | None) -> str:
    if not traces:
        raise ScenarioError("there is nothing to draw", allowed="at least one method that ran")
    first = next(iter(traces.values()))
    common = [name for name in first.metrics if all(name in trace.columns for trace in traces.values())]
    if not common:
        raise ScenarioError("the methods share no metric", key=("y",), allowed="results with a common metric")
    if y is not None and y not in common:
        message = f"{shown(y)} was not recorded by every method"
        raise ScenarioError(message, key=("y",), allowed=", ".join(common), hint=nearest(y, common))
    return y or ("error" if "error" in common else common[0])
