"""A picture of optimal rates: the graph with equal rates, and beside it the graph with the best ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.plot import places_of, sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    from gossipsim.optimal.answer import OptimalRates

WORDS = {
    "dadao": "communication that DADAO asks for",
    "fastest_mixing": r"$\lambda_2$",
    "total_resistance": "total effective resistance",
    "averaging_time": r"$\lambda_2(W)$",
}
_SMALLEST_SHARE = 1e-4  # of the mean rate: such an edge is drawn as not in use


def plot_rates(graph: Graph, answer: OptimalRates, cost: Floats | None = None) -> Figure:
    """Draw what one does without optimising beside the optimal rates, edges coloured and thickened by rate, on one scale.

    Nodes stand at `graph.positions`, or where a layout with a fixed seed puts them. Edges that the optimum leaves at
    zero are thin and dotted.

    Parameters
    ----------
    graph : Graph
        n nodes, m edges.
    answer : OptimalRates
        Of this graph.
    cost : array (m,), optional
        The cost of an exchange that it was asked with.

    Raises
    ------
    ScenarioError
        An answer for another graph.

    Examples
    --------
    >>> from gossipsim.optimal.solve import optimal_rates
    >>> graph = Graph.build("barbell", n=8)
    >>> figure = plot_rates(graph, optimal_rates(graph))
    >>> [ax.get_title().splitlines()[0] for ax in figure.axes[:2]]
    ['equal rates', 'optimal rates']
    >>> figure.axes[2].get_ylabel()
    'rate (exchanges per unit time)'
    """
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    if len(answer.rates) != graph.m:
        raise ScenarioError(f"{len(answer.rates)} rates", key=("answer",), allowed=f"one for each of {graph.m} edges")
    places = places_of(graph)
    total = float(answer.rates.sum())
    name, plain = plain_rates(answer, cost)
    colours = sequential()
    both = np.concatenate([plain, answer.rates])
    low, high = float(both.min()), float(both.max())
    flat = high - low <= 1e-3 * high
    scale = Normalize(0.0, 2 * high) if flat else Normalize(low, high)
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ax, rates in ((left, plain), (right, answer.rates)):
        lines = _lines(graph, places, rates, high, colours)
        lines.set_norm(scale)
        ax.add_collection(lines)
        if (rates <= _SMALLEST_SHARE * rates.mean()).any():
            ax.add_collection(_unused(graph, places, rates))
        _dots(ax, graph, places)
    left.set_title(f"{name}\n{_number(answer.uniform_value)}", fontsize="medium")
    proof = f"proved optimal up to {answer.gap:.0e}"
    right.set_title(f"optimal rates\n{_number(answer.value)}, {proof}", fontsize="medium")
    figure.colorbar(lines, ax=[left, right], label="rate (exchanges per unit time)", shrink=0.8, aspect=30)
    figure.suptitle(_headline(graph, answer, total), fontsize="medium")
    return figure


def _lines(graph: Graph, places: Floats, rates: Floats, high: float, colours: Any) -> LineCollection:
    from matplotlib.collections import LineCollection

    order = np.argsort(rates, kind="stable")  # the busiest edges on top
    order = order[rates[order] > _SMALLEST_SHARE * rates.mean()]
    thickest = float(np.clip(70.0 / np.sqrt(graph.m), 1.5, 7.0))
    widths = thickest * np.maximum(rates[order] / high, 0.06)
    lines = LineCollection(list(places[graph.edges[order]]), cmap=colours, linewidths=list(widths), zorder=1)
    lines.set_array(rates[order])
    lines.set_capstyle("round")
    return lines


def _unused(graph: Graph, places: Floats, rates: Floats) -> LineCollection:
    from matplotlib.collections import LineCollection

    idle = rates <= _SMALLEST_SHARE * rates.mean()
    return LineCollection(list(places[graph.edges[idle]]), colors="0.6", linewidths=0.7, linestyles=":", zorder=0)


def _dots(ax: Axes, graph: Graph, places: Floats) -> None:
    size = float(np.clip(1500.0 / graph.n, 4.0, 60.0))
    ax.scatter(places[:, 0], places[:, 1], s=size, color="0.15", edgecolors="white", linewidths=0.5, zorder=2)
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_axis_off()


def plain_rates(answer: OptimalRates, cost: Floats | None = None) -> tuple[str, Floats]:
    """Return what the optimum is compared with, in words and as rates (m,) of the same total cost.

    Equal rates; for averaging_time, whose clocks are at the nodes, calls to a uniformly random neighbour.

    Examples
    --------
    >>> from gossipsim.optimal.solve import optimal_rates
    >>> name, rates = plain_rates(optimal_rates(Graph.build("path", n=3)))
    >>> name, rates.tolist()
    ('equal rates', [0.5, 0.5])
    """
    graph = answer.graph
    if answer.criterion == "averaging_time":
        p = (1.0 / graph.degree[graph.edges]).sum(axis=1)
        return "uniform neighbours", np.asarray(p * (answer.total / p.sum()))
    return "equal rates", np.full(graph.m, answer.total / (graph.m if cost is None else float(np.sum(cost))))


def _headline(graph: Graph, answer: OptimalRates, total: float) -> str:
    what = WORDS.get(answer.criterion, answer.criterion)
    return f"{what}: {change(answer)}\nn = {graph.n:,}, m = {graph.m:,}, total rate {_number(total)}"


def change(answer: OptimalRates) -> str:
    """Say how much better the optimal rates are than equal ones.

    Examples
    --------
    >>> from gossipsim.optimal.solve import optimal_rates
    >>> change(optimal_rates(Graph.build("cycle", n=6)))
    'equal rates are optimal'
    >>> change(optimal_rates(Graph.build("barbell", n=8)))
    '39.5 % less than with equal rates'
    """
    if answer.criterion == "averaging_time":  # its value is close to one: what is left of it is what counts
        ratio = (1 - answer.value) / (1 - answer.uniform_value)
        return f"spectral gap 1 - value {100 * (ratio - 1):.1f} % larger than with uniform neighbours"
    ratio = answer.value / answer.uniform_value
    if abs(ratio - 1) <= max(2 * answer.gap, 1e-6):
        return "equal rates are optimal"
    word, part = ("less", 1 - ratio) if ratio < 1 else ("more", ratio - 1)
    return f"{100 * part:.1f} % {word} than with equal rates"


def _number(value: float) -> str:
    return f"{value:.5g}"
