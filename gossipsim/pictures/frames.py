"""The graph at several times of a run: nodes coloured by their error, flashes on the edges that carried a message."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.engines.base import choose
from gossipsim.engines.events import Limits
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.folders import write_whole
from gossipsim.graph_plot import places_of
from gossipsim.pictures.history import History, Walk, built, edges_of, hops, horizon, walk
from gossipsim.pictures.messages import Presences
from gossipsim.plot import COLOURS, sequential
from gossipsim.scenario import Scenario
from gossipsim.world import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

MOST_NODES, MOST_FRAMES, MOST_MOVING = 500, 12, 600
FORMATS = (".gif", ".mp4")
FRAMES, MOVING = 6, 60
_SMALLEST = 1e-30
_FLASHING = 0.15
_COLUMNS = 3


@dataclass(frozen=True)
class Shot:
    """The network at one time.

    Attributes
    ----------
    t : float
        When.
    errors : Floats
        Squared distance of every node to the solution, `(n,)`.
    here : ndarray
        Who is present, `(n,)`.
    edges : ndarray
        Which edges are there, `(m,)`.
    flashes : ndarray
        Which edges carried a message in the last `flash` of time, `(m,)`.
    flash : float
        How long an edge is lit.
    token : int or None
        Where the token is, if there is one.
    """

    t: float
    errors: Floats
    here: NDArray[np.bool_]
    edges: NDArray[np.bool_]
    flashes: NDArray[np.bool_]
    flash: float
    token: int | None


def shots(world: World, times: Sequence[float], flash: float | None = None, engine: str = "auto") -> list[Shot]:
    """Run a world up to each of some times and look at every node.

    Parameters
    ----------
    world : World
        What is run.
    times : sequence of float
        When to look, rising, in mean gradient times.
    flash : float, optional
        How long an edge flashes after a message arrived. Default: as long as it takes for messages on 15 % of the edges.
    engine : {"auto", "compiled", "processes"}
        What runs it.

    Raises
    ------
    ScenarioError
        Times that do not rise or lie outside the run.
    Diverged
        A state stopped being finite.

    Examples
    --------
    >>> world = built({"topology": {"name": "cycle", "n": 6}, "problem": {"name": "quadratic", "dim": 2},
    ...                "method": "gossip", "run": {"time": 50}})
    >>> first, last = shots(world, [0.0, 50.0], engine="processes")
    >>> bool(first.errors.max() > 1e3 * last.errors.max())
    True
    """
    _rising(world, times)
    end = max(float(times[-1]), 1e-9)
    token = walk(world, end) if world.method.talks == "route" else None
    carried = _carried(world, end, token)
    pace = world.rates_of["activations"]
    if flash is None:
        flash = _FLASHING * world.graph.m / pace if pace > 0 else 0.0
        if world.method.talks in {"round", "route"}:
            flash = 1.0 / world.rates_of["events"] if world.rates_of["events"] > 0 else 0.0
    presences, runner, found = Presences(world, end), choose(engine, world), []
    for t in map(float, times):
        runner.advance(Limits(until=t))
        points = runner.measure(t, world.target)[0]
        errors = np.einsum("ij,ij->i", points - world.target, points - world.target)
        recent = (carried[0] > t - flash) & (carried[0] <= t)
        flashes = np.zeros(world.graph.m, dtype=bool)
        flashes[carried[1][recent]] = True
        edges = edges_of(world, int(world.changing.epochs.number(np.asarray(t))) if world.changing else 0)
        holder = None
        if token is not None:
            place = int(np.searchsorted(token.arrives, t, side="right")) - 1
            holder = int(token.node[max(place, 0)]) if len(token.node) else 0
        found.append(Shot(t, errors, presences.at(t).copy(), edges, flashes, flash, holder))
    return found


def _carried(world: World, until: float, token: Walk | None) -> tuple[Floats, Integers]:
    """Return when messages arrived, and on which edge."""
    if token is not None:
        return hops(world, token)
    history = History.read(world, until)
    if history.messages is not None:
        fine = ~history.messages.lost
        return history.messages.arrives[fine], history.messages.edge[fine]
    if world.method.talks == "round":
        used = [np.flatnonzero(edges_of(world, number)) for number in history.graphs.tolist()]
        counts = [len(edges) for edges in used]
        return np.repeat(history.rounds, counts), np.concatenate([np.empty(0, dtype=np.int64), *used])
    return history.exchanges


def _rising(world: World, times: Sequence[float]) -> None:
    numbers = [isinstance(t, int | float | np.number) and not isinstance(t, bool) for t in times]
    if not numbers or not all(numbers) or not all(0 <= t < inf for t in times) or (np.diff(times) <= 0).any():
        raise ScenarioError(f"given {shown(list(times))}", key=("times",), allowed="rising times >= 0")
    if times[-1] > 0:
        try:
            horizon(world, float(times[-1]))
        except ScenarioError as fault:
            fault.key = ("times", len(times) - 1)
            raise


def evenly(world: World, until: float | None, count: int) -> list[float]:
    """Return times from 0 to the end, or to `run.time`.

    Examples
    --------
    >>> world = built({"topology": {"name": "cycle", "n": 6}, "problem": {"name": "quadratic", "dim": 2},
    ...                "method": "gossip", "run": {"time": 50}})
    >>> evenly(world, None, 3)
    [0.0, 25.0, 50.0]
    """
    return [float(t) for t in np.linspace(0.0, horizon(world, until), count)]


def _prepared(
    scenario: Scenario | World | str | Path | Mapping[str, Any],
    times: Sequence[float] | None,
    count: int,
    most: int,
) -> tuple[World, list[float]]:
    """Return the world and the times to look at."""
    world = built(scenario)
    if world.graph.n > MOST_NODES:
        text, allowed = f"{world.graph.n:,} nodes", f"at most {MOST_NODES} nodes in this picture"
        raise ScenarioError(text, key=("topology", "n"), allowed=allowed)
    times = evenly(world, None, count) if times is None else times
    if len(times) > most:
        raise ScenarioError(f"{len(times)} times", key=("times",), allowed=f"at most {most} frames")
    return world, list(times)


def frames(
    scenario: Scenario | World | str | Path | Mapping[str, Any],
    times: Sequence[float] | None = None,
    *,
    flash: float | None = None,
    engine: str = "auto",
) -> Figure:
    """Draw the graph at several times, one frame each: nodes coloured by their error |x_i - x*|^2, edges that just spoke lit up.

    A node that is away is hollow; the node that holds a token wears a ring. Nodes stand at `graph.positions`, or where a layout
    with a fixed seed puts them.

    Parameters
    ----------
    scenario : Scenario, World, path or mapping
        What is run and drawn; at most 500 nodes.
    times : sequence of float, optional
        Rising, in mean gradient times, at most 12. Default: six, evenly spaced from 0 to `run.time`.
    flash : float, optional
        How long an edge is lit after a message arrived, in mean gradient times. Default: so long that 15 % of the edges are lit,
        and in rounds and for tokens the last one.
    engine : {"auto", "compiled", "processes"}
        What runs it.

    Raises
    ------
    ScenarioError
        Too many nodes or frames, or times outside the run.
    Diverged
        A state stopped being finite.

    Examples
    --------
    >>> figure = frames({
    ...     "topology": {"name": "grid", "n": 9},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "gossip",
    ...     "run": {"time": 20},
    ... }, times=[0, 5, 20], engine="processes")
    >>> [ax.get_title() for ax in figure.axes[:3]]
    ['t = 0', 't = 5', 't = 20']
    """
    from matplotlib.figure import Figure

    world, looks = _prepared(scenario, times, FRAMES, MOST_FRAMES)
    found = shots(world, looks, flash, engine)
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(0.6 + 3.1 * columns, 1.0 + 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    scale, places = _scale(found), places_of(world.graph)
    for ax, shot in zip(axes, found, strict=False):
        _draw(ax, world, places, shot, scale)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    _finish(figure, world, list(axes), scale, found)
    return figure


def animation(
    scenario: Scenario | World | str | Path | Mapping[str, Any],
    path: str | Path,
    times: Sequence[float] | None = None,
    *,
    flash: float | None = None,
    engine: str = "auto",
    fps: float = 10.0,
) -> Path:
    """Write the frames of `frames` as a moving picture, .gif, or .mp4 where ffmpeg is installed, all or nothing.

    Parameters
    ----------
    scenario, times, flash, engine
        As for `frames`; at most 600 times. Default: 60, evenly spaced from 0 to `run.time`.
    path : path
        Where it goes.
    fps : float
        Frames per second.

    Raises
    ------
    ScenarioError
        Another ending, no ffmpeg, a place that cannot be written; and as `frames`.
    """
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.figure import Figure

    path = Path(path)
    ending = path.suffix.lower()
    if ending not in FORMATS:
        hint = nearest(ending, FORMATS)
        raise ScenarioError(f"unknown ending {ending!r}", file=path, allowed=", ".join(FORMATS), hint=hint)
    if ending == ".mp4" and not FFMpegWriter.isAvailable():
        raise ScenarioError("ffmpeg, which writes .mp4, is not installed", file=path, allowed=".gif")
    if not (isinstance(fps, int | float) and 0 < fps <= 100):
        raise ScenarioError(f"given {shown(fps)}", key=("fps",), allowed="frames per second, 0 < fps <= 100")
    world, looks = _prepared(scenario, times, MOVING, MOST_MOVING)
    found = shots(world, looks, flash, engine)
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    ax = figure.add_subplot()
    scale, places = _scale(found), places_of(world.graph)
    _draw(ax, world, places, found[0], scale)
    _finish(figure, world, [ax], scale, found)
    writer = (PillowWriter if ending == ".gif" else FFMpegWriter)(fps=fps)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, f"draft{ending}")
        with writer.saving(figure, str(draft), dpi=100):
            for shot in found:
                ax.clear()
                _draw(ax, world, places, shot, scale)
                writer.grab_frame()
                figure.set_layout_engine("none")  # what the first frame arranged serves all
        write_whole(path, draft.read_bytes())
    return path


def _scale(found: Sequence[Shot]) -> Normalize:
    from matplotlib.colors import LogNorm

    errors = np.concatenate([shot.errors for shot in found])
    seen = errors[errors > _SMALLEST]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (1.0, 10.0)
    return LogNorm(low, high if high > low else 10.0 * low, clip=True)


def _draw(ax: Axes, world: World, places: Floats, shot: Shot, scale: Normalize) -> None:
    from matplotlib.collections import LineCollection

    graph = world.graph
    width = float(np.clip(25.0 / np.sqrt(max(graph.m, 1)), 0.6, 2.4))
    ends = places[graph.edges]
    for which, colour, wide, above in (
        (shot.edges & ~shot.flashes, "0.82", 0.6, 1),
        (shot.flashes, COLOURS[1], 1.5, 2),
    ):
        ax.add_collection(LineCollection(list(ends[which]), colors=colour, linewidths=wide * width, zorder=above))
    size = float(np.clip(1800.0 / graph.n, 5.0, 120.0))
    colours = sequential()(scale(np.maximum(shot.errors, _SMALLEST)))
    faces = np.where(shot.here[:, None], colours, [1.0, 1.0, 1.0, 1.0])
    dots = ax.scatter(places[:, 0], places[:, 1], s=size, c=faces, linewidths=0.8, zorder=3)
    dots.set_edgecolor(["white" if here else "0.5" for here in shot.here])
    if shot.token is not None:
        x, y = places[shot.token]
        ax.scatter(x, y, s=2.6 * size, facecolors="none", edgecolors="black", linewidths=1.8, zorder=4)
    ax.set_title(f"t = {shot.t:.4g}", fontsize="medium")
    ax.set_aspect("equal")
    ax.margins(0.08)
    ax.set_axis_off()


def _finish(figure: Figure, world: World, axes: list[Any], scale: Normalize, found: Sequence[Shot]) -> None:
    from matplotlib.cm import ScalarMappable

    flash, away = found[-1].flash, any(not shot.here.all() for shot in found)
    mapped = ScalarMappable(scale, sequential())
    label = r"squared distance to the solution, $\|x_i - x^\star\|^2$"
    figure.colorbar(mapped, ax=axes, location="bottom", label=label, shrink=0.7, aspect=40)
    title = (
        f"{world.scenario.name}: {world.method.name}, n = {world.graph.n}; lit edges: a message in the last {flash:.2g}"
    )
    figure.suptitle(title + (", hollow nodes: away" if away else ""), fontsize="medium")
