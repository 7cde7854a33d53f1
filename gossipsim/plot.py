"""Figures of runs: what was recorded, on a logarithmic scale; and the house style that all figures share.

Figures are built without pyplot, so that nothing global is touched and no window is needed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.folders import write_whole
from gossipsim.metrics import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from gossipsim.trace import Trace

X_AXES = {
    "time": "time (mean gradient times)",
    "gradients": "gradients (whole network)",
    "activations": "exchanges (whole network)",
    "messages": "messages (whole network)",
    "bits": "communication (bits, whole network)",
}
FORMATS = (".png", ".svg", ".pdf")
# Okabe and Ito, "Color universal design" (2008); yellow is left out because it is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", ":", "-.")
_GREY = "0.45"
_SMALLEST, _LARGEST = 1e-180, 1e180  # beyond, the margins and ticks of an axis overflow


def draw(
    traces: Sequence[Trace],
    x: str = "time",
    y: str | Sequence[str] | None = None,
    ax: Axes | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw metrics on a logarithmic scale; values outside 1e-180 to 1e180, zero first of all, are left out.

    The rate that theory promises for a drawn metric appears as a thin dashed slope exp(-rate t), starting at the metric's
    first positive value, when `x` is the time and there is one trace.

    Parameters
    ----------
    traces : sequence of Trace
        One curve each and per metric.
    x : {"time", "gradients", "activations", "messages", "bits"}
        Horizontal axis.
    y : str or sequence of str, optional
        Metrics. Default: all of one trace; `error`, or the first common metric, of several.
    ax : matplotlib Axes, optional
        Where to draw (default: a new figure).
    titles : sequence of str, optional
        What the legend calls the traces (default: the settings in which they differ).

    Raises
    ------
    ScenarioError
        Unknown axis, or a metric that was not recorded.

    Examples
    --------
    >>> import gossipsim as gs
    >>> trace = gs.simulate({
    ...     "topology": {"name": "cycle", "n": 4},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "gossip",
    ...     "run": {"time": 20},
    ... }, engine="processes")
    >>> draw([trace], y="consensus").axes[0].get_yscale()
    'log'
    """
    if x not in X_AXES:
        raise ScenarioError(f"unknown axis {shown(x)}", key=("x",), allowed=", ".join(X_AXES), hint=nearest(x, X_AXES))
    names = _chosen(traces, y)
    figure, ax = axes_of(ax)
    ax.set_yscale("log")
    drawn = False
    for k, (trace, title) in enumerate(zip(traces, titles or _titles(traces), strict=True)):
        for j, name in enumerate(names):
            values = drawable(trace.columns[name])
            if np.isnan(values).all():
                continue
            drawn = True
            single = len(traces) == 1
            label = label_of(name) if single else title if len(names) == 1 else f"{title}, {name}"
            ax.plot(
                trace.columns[x],
                values,
                color=COLOURS[(j if single else k) % len(COLOURS)],
                linestyle="-" if single else STYLES[j % len(STYLES)],
                linewidth=max(1.0, 2.2 - 0.5 * j),  # curves that coincide stay visible
                label=label,
            )
    finish(ax, x, label_of(names[0]) if len(names) == 1 else "value")
    if len(traces) == 1:
        trace = traces[0]
        nodes = len(trace.final["at"])
        ax.set_title(f"{trace.scenario.name}: {trace.scenario.method.name}, n = {nodes:,}", fontsize="medium")
    if not drawn:
        ax.text(0.5, 0.5, "no positive value was recorded", transform=ax.transAxes, ha="center", color=_GREY)
        return figure
    if len(traces) == 1 and x == "time":
        _draw_promise(ax, traces[0], names)
    if len(ax.get_lines()) > 1:
        ax.legend(frameon=False, fontsize="small")
    return figure


def _chosen(traces: Sequence[Trace], y: str | Sequence[str] | None) -> list[str]:
    if not traces:
        raise ScenarioError("there is nothing to draw", allowed="at least one result")
    common = [name for name in traces[0].metrics if all(name in trace.metrics for trace in traces)]
    if y:
        names = [y] if isinstance(y, str) else list(y)
        for name in names:
            if name not in common:
                recorded = "was not recorded" if name in Metric.registry else "is no metric"
                message = f"{shown(name)} {recorded}" + (" in every result" if len(traces) > 1 else "")
                raise ScenarioError(message, key=("y",), allowed=", ".join(common), hint=nearest(name, common))
        return list(dict.fromkeys(names))
    if not common:
        raise ScenarioError("the results share no metric", key=("y",), allowed="results with a common metric")
    if len(traces) == 1:
        return common
    return ["error" if "error" in common else common[0]]


def axes_of(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> tuple[Figure, Axes]:
    """Return the axes given, or those of a new figure of this size in inches, with their figure."""
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.add_subplot()
    figure = ax.get_figure(root=True)  # type: ignore[assignment]
    return figure, ax


def _titles(traces: Sequence[Trace]) -> list[str]:
    """Return names that tell the traces apart with as few words as possible."""
    said = [_flat(trace.scenario.mapping()) for trace in traces]
    keys = dict.fromkeys(key for row in said for key in row)
    differing = [key for key in keys if len({row.get(key, "default") for row in said}) > 1] or ["name"]
    titles = [traces[0].scenario.name] * len(traces)
    for many in range(1, len(differing) + 1):
        shown_keys = differing[:many]
        titles = [", ".join(_said(key, row.get(key, "default")) for key in shown_keys) for row in said]
        if len(set(titles)) == len(titles):
            return titles
    return [f"{title} #{k + 1}" for k, title in enumerate(titles)] if len(titles) > 1 else titles


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return dotted keys and values as text; what only ends or records a run comes last."""
    found: dict[str, str] = {}
    for key in sorted(values, key=lambda key: not prefix and key in {"run", "record"}):
        inner = values[key]
        found |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": shown(inner, 30)}
    return found


def _said(key: str, text: str) -> str:
    return text.strip("'") if key.endswith("name") else f"{key} = {text}"


def drawable(values: ArrayLike) -> NDArray[np.float64]:
    """Return the values that a logarithmic axis can show; the others become NaN.

    Examples
    --------
    >>> drawable([1.0, 0.0]).tolist()
    [1.0, nan]
    """
    found = np.asarray(values, dtype=float)
    return np.where((found > _SMALLEST) & (found < _LARGEST), found, np.nan)


def label_of(name: str) -> str:
    """Return what an axis calls a metric."""
    metric = Metric.registry.get(name)
    return getattr(metric, "label", "") or name


def finish(ax: Axes, x: str, label: str) -> None:
    """Label the axes, with units, and lay a faint grid behind the curves."""
    from matplotlib.ticker import EngFormatter

    ax.set_xlabel(X_AXES[x])
    ax.set_ylabel(label)
    if x != "time":
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.grid(True, color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.01)


def _draw_promise(ax: Axes, trace: Trace, names: list[str]) -> None:
    promise = trace.meta.get("promise")
    if not promise or promise["quantity"] not in names or not promise["rate"] > 0:
        return
    t, values = trace.columns["time"], np.asarray(trace.columns[promise["quantity"]], dtype=float)
    good = np.flatnonzero((values > _SMALLEST) & (values < _LARGEST))
    if not len(good):
        return
    lowest, highest = ax.get_ylim()
    first, last = float(t[good[0]]), float(t[-1])
    # The line ends where it leaves the picture: far below, its values would underflow.
    end = min(last, first + np.log(values[good[0]] / lowest) / promise["rate"])
    ends = np.array([first, end])
    slope = values[good[0]] * np.exp(-promise["rate"] * (ends - first))
    met = "" if promise["met"] else " (condition not met)"
    label = rf"promised {promise['quantity']} decay $e^{{-{promise['rate']:.3g}\,t}}${met}"
    ax.plot(ends, slope, color=_GREY, linestyle=(0, (5, 3)), linewidth=1.0, label=label)
    ax.set_ylim(lowest, highest)


def sequential() -> Colormap:
    """Return the colours of amounts, from little to much: viridis without its palest end, which vanishes on white."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("amounts", mpl.colormaps["viridis_r"](np.linspace(0.12, 1.0, 64)))


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure as .png (200 dots per inch), .svg or .pdf, all or nothing, with the same bytes every time.

    Raises
    ------
    ScenarioError
        Another ending, or a place that cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ScenarioError(
            f"unknown ending {ending!r}", file=path, allowed=", ".join(FORMATS), hint=nearest(ending, FORMATS)
        )
    write_whole(path, encoded(figure, ending))
    return path


def encoded(figure: Figure, ending: str) -> bytes:
    """Return a figure as the bytes of a .png, .svg or .pdf file, the same every time."""
    import matplotlib as mpl

    undated = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "gossipsim"}):
        figure.savefig(stream, format=ending[1:], dpi=200, metadata={undated[ending]: None})
    return stream.getvalue()
