"""A graph with its edges coloured and thickened by rate: alone, or several beside each other on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.plot import axes_of, sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

RATE = "rate (exchanges per unit time)"
_SMALLEST_SHARE = 1e-4  # of the mean rate: such an edge is drawn as not in use
_WIDEST, _THINNEST = 7.0, 0.6  # points; a paler or thinner line is lost in print
_MOST_BY_KAMADA_KAWAI, _MOST_BY_SPRINGS = 200, 2000


class Panel(NamedTuple):
    """One graph of a figure: rates `(m,)` in exchanges per unit time, or None where edges have no clocks."""

    graph: Graph
    rates: Floats | None
    title: str


def draw_graph(graph: Graph, rates: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
    """Draw a graph; with `rates` of shape (m,), edges are coloured and thickened by their exchanges per unit time.

    Nodes stand at `graph.positions`, or where a layout of networkx with a fixed seed puts them. Edges with less than 1e-4 of
    the mean rate are dotted.

    Raises
    ------
    ScenarioError
        Rates of the wrong shape, or not finite.

    Examples
    --------
    >>> figure = draw_graph(Graph.build("cycle", n=6), rates=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['', 'rate (exchanges per unit time)']
    """
    given = None if rates is None else _checked(graph, np.asarray(rates, dtype=float))
    scale = _scale([] if given is None else [given])
    figure, ax = axes_of(ax, size=(5.6, 5.0) if given is None else (6.4, 5.0))
    _draw(ax, graph, places_of(graph), given, scale, _widest(graph.m))
    if given is not None:
        _bar(figure, [ax], scale)
    return figure


def draw_panels(panels: Sequence[Panel], together: int = 1) -> Figure:
    """Draw graphs beside each other, their rates on one scale of colours and widths with one bar.

    Parameters
    ----------
    panels : sequence of Panel
        Row by row.
    together : int
        So many that follow each other are to be in one row.

    Raises
    ------
    ScenarioError
        Rates of the wrong shape, or not finite.

    Examples
    --------
    >>> path = Graph.build("path", n=3)
    >>> figure = draw_panels([Panel(path, np.array([1.0, 3.0]), "slow, fast"), Panel(path, None, "in rounds")])
    >>> [ax.get_title() for ax in figure.axes]
    ['slow, fast', 'in rounds', '']
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rated = [_checked(panel.graph, panel.rates) for panel in panels if panel.rates is not None]
    scale = _scale(rated)
    few = len(panels) <= 2
    columns = _columns(len(panels), together)
    rows = -(-len(panels) // columns)
    lines = [max(_lines(panel.title) for panel in panels[k * columns : (k + 1) * columns]) for k in range(rows)]
    width, height = (4.3, 4.3) if few else (3.5, 2.9)
    size = (width * columns + 0.9, (height + 0.1) * rows + 0.16 * sum(lines) + 0.4)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.1))
    axes: list[Axes] = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    places: dict[int, Floats] = {}
    widest = (1.0 if few else 0.7) * _widest(max(panel.graph.m for panel in panels))
    for k, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        if id(panel.graph) not in places:
            places[id(panel.graph)] = places_of(panel.graph)
        _draw(ax, panel.graph, places[id(panel.graph)], panel.rates, scale, widest)
        ax.set_aspect("equal", adjustable="datalim")  # boxes of one size, so that titles of a row begin on one line
        padded = panel.title + "\n " * (lines[k // columns] - _lines(panel.title))
        ax.set_title(padded, fontsize="medium" if few else "small")
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    if rated:
        _bar(figure, axes, scale)
    return figure


def _columns(count: int, together: int) -> int:
    """Return how many panels a row has: at most three or four, in whole groups if they fit.

    Examples
    --------
    >>> [_columns(count, 2) for count in (1, 2, 4, 6, 8, 12)], [_columns(count, 3) for count in (6, 12)]
    ([1, 2, 2, 2, 4, 4], [3, 3])
    """
    most = min(count, 3 if count <= 6 else 4)
    return most - most % together if together <= most else most


def _lines(title: str) -> int:
    return title.count("\n") + 1


def _widest(m: int) -> float:
    """Return the width, in points, of the busiest of m edges."""
    return float(np.clip(70.0 / np.sqrt(max(m, 1)), 0.5, _WIDEST))


def _checked(graph: Graph, rates: Floats) -> Floats:
    if rates.shape != (graph.m,) or not np.isfinite(rates).all():
        raise ScenarioError(f"rates of shape {rates.shape}", key=("rates",), allowed=f"{graph.m} finite numbers")
    return rates


def _scale(rates: Sequence[Floats]) -> Normalize:
    """Return the scale from the smallest to the largest rate; equal ones are in the middle of one that begins at zero."""
    from matplotlib.colors import Normalize

    found = np.concatenate([np.empty(0), *rates])
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 0.0)
    return Normalize(0.0, 2.0 * high or 1.0) if high - low <= 1e-3 * high else Normalize(low, high)


def _draw(ax: Axes, graph: Graph, places: Floats, rates: Floats | None, scale: Normalize, widest: float) -> None:
    """Draw edges and nodes; the line of a rate at the end of the scale is `widest` points wide."""
    from matplotlib.collections import LineCollection

    ends = places[graph.edges]
    if rates is None:
        ax.add_collection(LineCollection(list(ends), colors="0.6", linewidths=0.2 * widest + 0.2, zorder=1))
    else:
        assert scale.vmax is not None
        idle = rates <= _SMALLEST_SHARE * rates.sum() / max(graph.m, 1)
        order = np.argsort(rates, kind="stable")  # the busiest edges on top
        order = order[~idle[order]]
        widths = np.maximum(widest * rates[order] / scale.vmax, min(widest, _THINNEST))
        lines = LineCollection(list(ends[order]), cmap=sequential(), norm=scale, linewidths=list(widths), zorder=1)
        lines.set_array(rates[order])
        lines.set_capstyle("round")
        ax.add_collection(lines)
        if idle.any():
            unused = LineCollection(list(ends[idle]), colors="0.6", linewidths=0.7, linestyles=":", zorder=0)
            ax.add_collection(unused)
    dots = float(np.clip(1500.0 / graph.n, 2.0, 45.0))
    ax.scatter(places[:, 0], places[:, 1], s=dots, color="0.15", edgecolors="white", linewidths=0.5, zorder=2)
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_axis_off()


def _bar(figure: Figure, axes: Sequence[Axes], scale: Normalize) -> None:
    from matplotlib.cm import ScalarMappable

    shrink, aspect = (0.8, 30) if len(axes) <= 4 else (0.5, 40)
    figure.colorbar(ScalarMappable(scale, sequential()), ax=list(axes), label=RATE, shrink=shrink, aspect=aspect)


def places_of(graph: Graph) -> Floats:
    """Return where to draw the nodes, (n, 2): `graph.positions`, or a layout of networkx that repeats.

    Examples
    --------
    >>> places_of(Graph.build("path", n=4)).shape
    (4, 2)
    """
    if graph.positions is not None:
        return np.asarray(graph.positions)
    import networkx as nx

    g: nx.Graph[int] = nx.Graph()
    g.add_nodes_from(range(graph.n))
    g.add_edges_from(graph.edges.tolist())
    if graph.n <= _MOST_BY_KAMADA_KAWAI:
        found = nx.kamada_kawai_layout(g)
        return np.array([found[i] for i in range(graph.n)], dtype=float).reshape(graph.n, 2)
    places = _slowest_modes(graph)
    if graph.n > _MOST_BY_SPRINGS:
        return places
    found = nx.spring_layout(g, pos=dict(enumerate(places)), seed=0)
    return np.array([found[i] for i in range(graph.n)], dtype=float)


def _slowest_modes(graph: Graph) -> Floats:
    """Return the second and third eigenvectors of the Laplacian, `(n, 2)`, from a fixed start so that they repeat."""
    from scipy.sparse.linalg import eigsh

    start = np.cos(np.arange(graph.n))
    _, vectors = eigsh(graph.laplacian().tocsc(), k=3, sigma=-0.01, v0=start)
    return np.asarray(vectors[:, 1:] * np.sqrt(graph.n), dtype=float)
