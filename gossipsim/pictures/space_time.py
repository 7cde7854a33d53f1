"""The space-time diagram of a run: a line per node, and what happens on and between the lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import ScenarioError
from gossipsim.pictures.history import History, built, horizon, walk
from gossipsim.plot import COLOURS, X_AXES
from gossipsim.scenario import Scenario
from gossipsim.world import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NODES, MOST_MARKS = 40, 6000
_GRADIENT, _LOST, _EXCHANGE, _ANSWER, _WAITS = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[5]
_AWAY, _ROUND = "0.78", "0.35"
_PER_NODE = 8
_STOPS = 0.7
"""Where on its way a lost message is drawn to end."""


def space_time(scenario: Scenario | World | str | Path | Mapping[str, Any], until: float | None = None) -> Figure:
    """Draw what happens at every node over time: gradients, exchanges, messages, absences, rounds, a token.

    A line per node, time to the right. A dot is a gradient. An exchange without latency is a vertical segment between two
    lines; a message that takes time waits along its sender's line and then slants to its receiver, or ends in a cross when it
    is lost.
    A grey bar is an absence. A synchronous round is a vertical line, where everybody exchanges; a bar before it says how long
    each node computed. A token walks on a line of its own.

    Nothing is optimised, except where the way of a token depends on it.

    Parameters
    ----------
    scenario : Scenario, World, path or mapping
        What is drawn; at most 40 nodes.
    until : float, optional
        End of the picture, in mean gradient times. Default: when about 8 things have happened per node.

    Raises
    ------
    ScenarioError
        Too many nodes, a time outside the run, or more than would be legible.

    Examples
    --------
    >>> figure = space_time({
    ...     "topology": {"name": "cycle", "n": 6},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "wire": {"latency": {"name": "exponential", "mean": 0.3}, "loss": 0.1},
    ...     "run": {"time": 100},
    ... }, until=5.0)
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('time (mean gradient times)', 'node')
    """
    from matplotlib.figure import Figure

    world = built(scenario)
    n = world.graph.n
    if n > MOST_NODES:
        allowed = f"at most {MOST_NODES} nodes in a space-time diagram"
        raise ScenarioError(f"{n:,} nodes", key=("topology", "n"), allowed=allowed)
    per_node = 2 * n if world.method.talks == "route" else _PER_NODE if world.method.talks == "round" else n * _PER_NODE
    until = horizon(world, until, per_node)
    marks = until * sum(world.rates_of[name] for name in ("gradients", "activations"))
    if world.recorded is None and marks > MOST_MARKS:
        text = f"about {marks:,.0f} gradients and exchanges before {until:g}"
        allowed = f"at most {MOST_MARKS:,} in one picture: a time up to {until * MOST_MARKS / marks:.3g}"
        raise ScenarioError(text, key=("until",), allowed=allowed)
    history = History.read(world, until)
    figure = Figure(figsize=(9.0, float(np.clip(1.5 + 0.26 * n, 2.8, 11.0))), layout="constrained")
    ax = figure.add_subplot()
    ax.hlines(np.arange(n), 0.0, until, color="0.85", linewidth=0.8, zorder=0)
    _absences(ax, history)
    if len(history.rounds) or world.method.talks == "round":
        _rounds(ax, history)
    elif world.method.talks == "route":
        _token(ax, world, until)
    else:
        _exchanges(ax, history)
        _messages(ax, history)
    t, node = history.gradients
    if len(t):
        ax.plot(t, node, "o", color=_GRADIENT, markersize=_size(n), markeredgewidth=0, label="gradient", zorder=5)
    _finish(ax, world, until)
    return figure


def _size(n: int) -> float:
    return float(np.clip(7.0 - 0.1 * n, 3.2, 6.0))


def _absences(ax: Axes, history: History) -> None:
    label = "away"
    for node, begin, end in zip(*history.absences, strict=True):
        ax.barh(node, end - begin, left=begin, height=0.62, color=_AWAY, linewidth=0, label=label, zorder=1)
        label = "_"


def _rounds(ax: Axes, history: History) -> None:
    n = history.world.graph.n
    ax.vlines(history.rounds, -0.4, n - 0.6, color=_ROUND, linewidth=1.0, label="round: all exchange", zorder=2)
    node, begin, end = history.computing
    if len(node):
        ax.barh(node, end - begin, left=begin, height=0.22, color=COLOURS[4], linewidth=0, label="computing", zorder=2)
    t, _, at = history.losses
    if len(t):
        _crosses(ax, t, at)


def _exchanges(ax: Axes, history: History) -> None:
    if history.messages is not None:
        return
    t, edge = history.exchanges
    if len(t):
        i, j = history.world.graph.edges[edge].T
        ax.vlines(t, i, j, color=_EXCHANGE, linewidth=1.0, label="exchange", zorder=3)
        # a segment may cross lines on its way: its ends say whom it joins
        ends = np.concatenate([t, t]), np.concatenate([i, j])
        ax.plot(*ends, "_", color=_EXCHANGE, markersize=_size(history.world.graph.n), markeredgewidth=1.6, zorder=3)


def _messages(ax: Axes, history: History) -> None:
    sent = history.messages
    if sent is None or not len(sent.sent):
        return
    failed = sent.lost | sent.late
    share = np.where(sent.lost, _STOPS, 1.0)
    stops = sent.link_end + share * (sent.arrives - sent.link_end)
    height = sent.sender + share * (sent.receiver - sent.sender)
    for which, colour, style, label in (
        (~failed & ~sent.short, _EXCHANGE, "-", "message"),
        (sent.short & ~failed, _ANSWER, (0, (1, 1)), "acknowledgement"),
        (failed, _LOST, (0, (3, 1.5)), "_"),
    ):
        if which.any():
            legs = [(sent.link_end, sent.sender.astype(float)), (stops, height)]
            _segments(ax, [(x[which], y[which]) for x, y in legs], colour, style, 1.0, label)
            waits = which & (sent.link_end > sent.sent)
            if waits.any():
                stands = [(sent.sent[waits], sent.sender[waits]), (sent.link_end[waits], sent.sender[waits])]
                _segments(ax, stands, _WAITS, "-", 3.0, "queued or being sent" if label == "message" else "_", below=1)
    ends = ~failed
    ax.plot(sent.arrives[ends], sent.receiver[ends], ".", color=_EXCHANGE, markersize=4.5, markeredgewidth=0, zorder=3)
    if failed.any():
        _crosses(ax, stops[failed], height[failed])


def _segments(
    ax: Axes, legs: Sequence[tuple[Any, Any]], colour: str, style: Any, width: float, label: str, below: int = 0
) -> None:
    from matplotlib.collections import LineCollection

    points = np.stack([np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)], axis=1) for x, y in legs], 1)
    ax.add_collection(
        LineCollection(list(points), colors=colour, linewidths=width, linestyles=[style], label=label, zorder=3 - below)
    )


def _crosses(ax: Axes, t: Floats, at: Floats | Integers) -> None:
    ax.plot(t, at, "x", color=_LOST, markersize=6, markeredgewidth=1.6, label="lost message", zorder=6)


def _token(ax: Axes, world: World, until: float) -> None:
    t, node, arrives = walk(world, until)
    path = np.stack([arrives, t], axis=1).ravel(), np.repeat(node, 2)
    ax.plot(*path, color=_EXCHANGE, linewidth=1.6, label="token", zorder=3)
    if world.method.computes == "hop":
        ax.plot(t, node, "o", color=_GRADIENT, markersize=_size(world.graph.n), markeredgewidth=0, label="gradient")


def _finish(ax: Axes, world: World, until: float) -> None:
    n = world.graph.n
    ax.set_xlim(-0.005 * until, until)
    ax.set_ylim(n - 0.3, -0.7)
    ax.set_yticks(np.arange(n) if n <= 20 else np.arange(0, n, 5))
    ax.set_xlabel(X_AXES["time"])
    ax.set_ylabel("node")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_title(f"{world.scenario.name}: {world.method.name}, n = {n}", fontsize="medium")
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        ax.figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize="small")
