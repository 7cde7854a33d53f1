"""The graph at several times of a run: nodes coloured by their error, flashes on the edges that carried a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.graph_plot import places_of
from gossipsim.pictures.shots import Shot, prepared, shots
from gossipsim.plot import COLOURS, sequential
from gossipsim.scenario import Scenario
from gossipsim.world import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

FRAMES, MOST_FRAMES = 6, 12
_SMALLEST = 1e-30
_COLUMNS = 3


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

    world, looks = prepared(scenario, times, FRAMES, MOST_FRAMES)
    found = shots(world, looks, flash, engine)
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(0.6 + 3.1 * columns, 1.0 + 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    scale, places = scale_of(found), places_of(world.graph)
    for ax, shot in zip(axes, found, strict=False):
        draw(ax, world, places, shot, scale)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    finish(figure, world, list(axes), scale, found)
    return figure


def scale_of(found: Sequence[Shot]) -> Normalize:
    """Return the scale of errors that several shots share."""
    from matplotlib.colors import LogNorm

    errors = np.concatenate([shot.errors for shot in found])
    seen = errors[errors > _SMALLEST]
    # whole decades, so that the labels of the colour bar stand apart
    low, high = (np.floor(np.log10(seen.min())), np.ceil(np.log10(seen.max()))) if len(seen) else (0.0, 1.0)
    return LogNorm(10.0**low, 10.0 ** max(high, low + 1.0), clip=True)


def draw(ax: Axes, world: World, places: Floats, shot: Shot, scale: Normalize) -> None:
    """Draw one shot, nodes at `places` `(n, 2)`."""
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


def finish(figure: Figure, world: World, axes: list[Any], scale: Normalize, found: Sequence[Shot]) -> None:
    """Add the title, and the colour bar of the errors."""
    from matplotlib.cm import ScalarMappable

    flash, away = found[-1].flash, any(not shot.here.all() for shot in found)
    mapped = ScalarMappable(scale, sequential())
    label = r"squared distance to the solution, $\|x_i - x^\star\|^2$"
    figure.colorbar(mapped, ax=axes, location="bottom", label=label, shrink=0.7, aspect=40)
    title = (
        f"{world.scenario.name}: {world.method.name}, n = {world.graph.n}; lit edges: a message in the last {flash:.2g}"
    )
    figure.suptitle(title + (", hollow nodes: away" if away else ""), fontsize="medium")
