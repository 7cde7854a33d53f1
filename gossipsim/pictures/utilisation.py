"""How busy nodes and links are: shares of time that nodes compute, wait or are away, and that links are occupied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.engines.events import ROUND, Tape
from gossipsim.graph_plot import places_of
from gossipsim.pictures.history import History, built, durations, edges_of, hops, horizon, walk
from gossipsim.pictures.messages import Presences, absences, messages, occupied
from gossipsim.plot import COLOURS, sequential
from gossipsim.scenario import Scenario
from gossipsim.world import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AWAY, _WAITS = "0.78", "0.93"
_MOST_BARS = 60


@dataclass(frozen=True)
class Utilisation:
    """Shares of the time before `until`, and how long messages waited.

    Attributes
    ----------
    computing, away : Floats
        Of every node, `(n,)`; what is left is waiting. An asynchronous node computes whenever it is present.
    uplink : Floats
        That every node's uplink is occupied, `(n,)`.
    link : Floats
        That every directed link is occupied, `(2m,)`, in the order of `graph.nbr`.
    traffic : Floats
        Messages per unit of time on every edge, both ways together, `(m,)`.
    waits : Floats
        How long every message waited for its sender's uplink and its link, in mean gradient times, `(k,)`.
    """

    until: float
    computing: Floats
    away: Floats
    uplink: Floats
    link: Floats
    traffic: Floats
    waits: Floats

    @classmethod
    def measure(cls, world: World, until: float) -> Utilisation:
        """Measure it.

        Examples
        --------
        >>> world = built({"topology": {"name": "cycle", "n": 4}, "problem": {"name": "quadratic", "dim": 1},
        ...     "method": "push_sum", "wire": {"service": 0.1}, "run": {"time": 2000}})
        >>> found = Utilisation.measure(world, 1000.0)
        >>> bool(np.abs(found.link.mean() - 0.1 * found.traffic.mean() / 2) < 0.001)
        True
        """
        graph, talks = world.graph, world.method.talks
        away = absences(world, until)
        gone = occupied(away.begin, away.end, away.node, graph.n, until)
        uplink, link, waits = np.zeros(graph.n), np.zeros(2 * graph.m), np.empty(0)
        computing = np.zeros(graph.n)
        if talks == "round":
            return cls._of_rounds(world, until, gone)
        if world.method.computes in {"clock", "busy"}:
            computing = 1.0 - gone
        if talks == "route":
            way = walk(world, until)
            if world.method.computes == "hop":
                computing = occupied(way.arrives, way.t, way.node, graph.n, until)
            traffic = np.bincount(hops(world, way)[1], minlength=graph.m)
        elif world.networked:
            sent = messages(world, until)
            uplink = occupied(sent.uplink_begin, sent.uplink_end, sent.sender, graph.n, until)
            link = occupied(sent.link_begin, sent.link_end, sent.link, 2 * graph.m, until)
            traffic, waits = np.bincount(sent.edge, minlength=graph.m), sent.waited
        else:
            traffic = 2 * np.bincount(History.read(world, until).exchanges[1], minlength=graph.m)
        return cls(until, computing, gone, uplink, link, np.asarray(traffic / until, dtype=float), waits)

    @classmethod
    def _of_rounds(cls, world: World, until: float, gone: Floats) -> Utilisation:
        """Measure it for synchronous rounds: who is ready early waits for the slowest."""
        graph, wire, bits = world.graph, world.scenario.wire, world.sent_bits
        rounds, graphs = [], []
        for t, _, j, number in Tape(world.events()):
            if t >= until:
                break
            if j == ROUND:
                rounds.append(t)
                graphs.append(edges_of(world, number))
        presences, lasts = Presences(world, until), durations(world, len(rounds))
        here = np.array([presences.at(t).copy() for t in rounds]).reshape(-1, graph.n)
        there = np.array(graphs).reshape(-1, graph.m)[:, graph.edge_of_slot]
        sender = np.repeat(np.arange(graph.n), graph.degree)
        occupied = bits[sender] / wire.bandwidth if wire.bandwidth else 0.0
        service = wire.service.mean if wire.service is not None else occupied
        sent = world.turns * (here[:, sender] & there).sum(axis=0)
        computing = np.minimum((lasts * here).sum(axis=0) / until, 1.0 - gone)
        each = bits / wire.uplink if wire.uplink else 0.0
        uplink = np.asarray(np.bincount(sender, weights=sent, minlength=graph.n) * each / until, dtype=float)
        traffic = np.asarray(np.bincount(graph.edge_of_slot, weights=sent, minlength=graph.m) / until, dtype=float)
        return cls(until, computing, gone, uplink, sent * service / until, traffic, np.empty(0))


def utilisation(scenario: Scenario | World | str | Path | Mapping[str, Any], until: float | None = None) -> Figure:
    """Draw how busy nodes and links are, and how long messages wait.

    Left: what every node does, as shares of time. An asynchronous node computes whenever it is present; in rounds, who is ready
    early waits for the slowest. Middle: the graph, edges coloured by the share of time that their busier direction is occupied,
    nodes by that of their uplink; where nothing limits them, edges by messages per unit of time. Right, when messages queue: the
    share of messages that wait longer than a time.

    Parameters
    ----------
    scenario : Scenario, World, path or mapping
        What is drawn.
    until : float, optional
        What is measured, from time 0 on, in mean gradient times (default: `run.time`).

    Raises
    ------
    ScenarioError
        A time outside the run, or more events than can be looked at.

    Examples
    --------
    >>> figure = utilisation({
    ...     "topology": {"name": "star", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 4},
    ...     "method": "push_sum",
    ...     "wire": {"uplink": 1000.0},
    ...     "run": {"time": 200},
    ... })
    >>> [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()]
    ['waiting time (mean gradient times)', 'uplink or link occupied (share of time)']
    """
    from matplotlib.figure import Figure

    world = built(scenario)
    until = horizon(world, until)
    found = Utilisation.measure(world, until)
    computes = world.method.computes in {"clock", "busy", "round", "hop"} or bool(found.away.any())
    panels = ["graph"] + (["nodes"] if computes else []) + (["waits"] if len(found.waits) and found.waits.any() else [])
    order = [name for name in ("nodes", "graph", "waits") if name in panels]
    widths = {"nodes": 3.2, "graph": 4.6, "waits": 3.2}
    figure = Figure(figsize=(sum(widths[name] for name in order) + 0.8, 4.2), layout="constrained")
    axes = figure.subplots(1, len(order), width_ratios=[widths[name] for name in order], squeeze=False)[0]
    for ax, name in zip(axes, order, strict=True):
        if name == "nodes":
            _nodes(ax, found)
        elif name == "graph":
            _graph(ax, world, found)
        else:
            _waits(ax, found)
    title = f"{world.scenario.name}: {world.method.name}, n = {world.graph.n:,}, up to time {until:g}"
    figure.suptitle(title, fontsize="medium")
    return figure


def _nodes(ax: Axes, found: Utilisation) -> None:
    from matplotlib.ticker import MaxNLocator

    n = len(found.computing)
    # bars of many nodes are told apart only when they are sorted
    order = np.arange(n) if n <= _MOST_BARS else np.lexsort((found.away, -found.computing))
    left = np.zeros(n)
    waits = np.clip(1.0 - found.computing - found.away, 0.0, 1.0)
    for share, colour, label in (
        (found.computing, COLOURS[0], "computing"), (waits, _WAITS, "waiting"), (found.away, _AWAY, "away"),
    ):  # fmt: skip
        if share.any():
            height = 0.8 if n <= _MOST_BARS else 1.0
            ax.barh(np.arange(n), share[order], left=left, height=height, color=colour, linewidth=0, label=label)
            left = left + share[order]
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlim(0.0, 1.0)
    ax.set_xlabel("share of time")
    ax.set_ylabel("node" if n <= _MOST_BARS else "nodes, the busiest on top")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    mean = found.computing.mean()
    ax.set_title(f"nodes: computing {100 * mean:.1f} %", fontsize="medium")
    ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def _graph(ax: Axes, world: World, found: Utilisation) -> None:
    from matplotlib.collections import LineCollection

    graph, places = world.graph, places_of(world.graph)
    busy = np.zeros(graph.m)
    np.maximum.at(busy, graph.edge_of_slot, found.link)
    limited = bool(found.link.any() or found.uplink.any())
    values = busy if found.link.any() else found.traffic
    order = np.argsort(values, kind="stable")
    width = float(np.clip(35.0 / np.sqrt(max(graph.m, 1)), 0.6, 4.0))
    plain = limited and not found.link.any()
    lines = LineCollection(
        list(places[graph.edges[order]]), cmap=sequential(), linewidths=0.5 * width if plain else width
    )
    if plain:
        lines.set_color("0.7")
    else:
        lines.set_array(values[order])
        lines.set_clim(0.0, 1.0 if found.link.any() else float(values.max(initial=0.0)) or 1.0)
    lines.set_zorder(1)
    ax.add_collection(lines)
    size = float(np.clip(2500.0 / graph.n, 4.0, 110.0))
    style: dict[str, Any] = {"s": size, "edgecolors": "white", "linewidths": 0.6, "zorder": 2}
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar: dict[str, Any] = {"location": "bottom", "shrink": 0.8, "aspect": 30}
    if found.uplink.any():
        dots = ax.scatter(places[:, 0], places[:, 1], c=found.uplink, cmap=sequential(), vmin=0.0, vmax=1.0, **style)
        figure.colorbar(dots, ax=ax, label="uplink or link occupied (share of time)", **bar)
    else:
        ax.scatter(places[:, 0], places[:, 1], color="0.15", **style)
        label = "busier direction occupied (share of time)" if found.link.any() else "messages per unit of time"
        figure.colorbar(lines, ax=ax, label=label, **bar)
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_axis_off()
    shares = {"uplinks": found.uplink, "links": found.link}
    parts = [f"{name} {100 * share.mean():.1f} %" for name, share in shares.items() if share.any()]
    said = "mean occupation: " + ", ".join(parts) if parts else f"{found.traffic.sum():.4g} messages per unit of time"
    ax.set_title(said, fontsize="medium")


def _waits(ax: Axes, found: Utilisation) -> None:
    waits = np.sort(found.waits)
    ax.step(waits, 1.0 - np.arange(1, len(waits) + 1) / len(waits), where="post", color=COLOURS[0], linewidth=1.6)
    ax.axvline(waits.mean(), color=COLOURS[1], linestyle="--", linewidth=1.2, label=f"mean {waits.mean():.3g}")
    ax.set_yscale("log")
    ax.set_ylim(max(0.5 / len(waits), 1e-6), 1.2)
    ax.set_xlim(left=0.0)
    ax.set_xlabel("waiting time (mean gradient times)")
    ax.set_ylabel("share of messages that wait longer")
    ax.grid(True, color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small")
    ax.set_title(f"waiting: {100 * float((waits > 0).mean()):.1f} % of messages", fontsize="medium")
