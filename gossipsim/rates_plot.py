"""Pictures of gossip rates beside each other: equal and optimal ones of a graph, and those of all settings of a sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import Refused, ScenarioError
from gossipsim.graph import Graph
from gossipsim.graph_plot import Panel, draw_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gossipsim.component import Component
    from gossipsim.optimal.answer import OptimalRates
    from gossipsim.scenario import Scenario
    from gossipsim.sweeps import Sweep
    from gossipsim.world import World

MOST_PANELS = 12
WORDS = {
    "dadao": "communication that DADAO asks for",
    "fastest_mixing": r"$\lambda_2$",
    "total_resistance": "total effective resistance",
    "averaging_time": r"$\lambda_2(W)$",
}
EQUAL = "equal rates are optimal"
_LINE = 48  # letters of a panel's title


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
    if len(answer.rates) != graph.m:
        raise ScenarioError(f"{len(answer.rates)} rates", key=("answer",), allowed=f"one for each of {graph.m} edges")
    name, plain = plain_rates(answer, cost)
    proof = f"proved optimal up to {answer.gap:.0e}"
    left = Panel(graph, plain, f"{name}\n{_number(answer.uniform_value)}")
    figure = draw_panels([left, Panel(graph, answer.rates, f"optimal rates\n{_number(answer.value)}, {proof}")])
    figure.suptitle(_headline(graph, answer, float(answer.rates.sum())), fontsize="medium")
    return figure


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
        return EQUAL
    word, part = ("less", 1 - ratio) if ratio < 1 else ("more", ratio - 1)
    return f"{100 * part:.1f} % {word} than with equal rates"


def _number(value: float) -> str:
    return f"{value:.5g}"


@dataclass(frozen=True, eq=False)
class Rated:
    """A graph of a sweep with its rates, and the settings that have it.

    Attributes
    ----------
    world : World
        Of the first such setting, with the first seed.
    rates : array (m,), optional
        Exchanges per unit time; None where edges have no clocks: methods in rounds or with a token, recorded events.
    settings : list of dict
        Values of the varied keys.
    """

    world: World
    rates: Floats | None
    settings: list[dict[str, Any]] = field(default_factory=list)

    def same(self, other: World, rates: Floats | None) -> bool:
        """Return whether another world asks for this graph with these rates, up to rounding."""
        mine, its = self.world.scenario, other.scenario
        if mine.topology != its.topology or (self.rates is None) != (rates is None):
            return False
        if self.rates is None or rates is None:
            return True
        return mine.rates == its.rates and np.allclose(self.rates, rates, rtol=1e-9, atol=0.0)


def plot_rates_of_sweep(sweep: Sweep, most: int = MOST_PANELS) -> Figure:
    """Draw the different graphs of a sweep with the rates of their edges, a panel for each, on one scale.

    Graphs and rates are what the scenarios ask for; nothing is run, and no result is read. Where rates depend on the data,
    they are those of the first seed. Settings share a panel when they name the same topology and the same rates, and what
    their methods ask for is the same. Settings that a method declines, or that prove bad when built, are left out and counted.
    Of a graph that changes, every edge that is ever there is drawn with the mean of its rates, and chi_1 and chi_2 are the
    worst of all its graphs.

    Parameters
    ----------
    sweep : Sweep
        What to draw; `Sweep.where` chooses a part.
    most : int
        Panels in one figure.

    Raises
    ------
    ScenarioError
        More graphs than that; no setting that can be built.

    Examples
    --------
    >>> import gossipsim as gs
    >>> found = gs.sweep({
    ...     "topology": {"name": "barbell", "n": 6},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 1},
    ... }, vary={"rates.name": ["uniform", "optimal"]}, seeds=1, backend="serial", engine="processes")
    >>> figure = plot_rates_of_sweep(found)
    >>> [ax.get_title().splitlines()[0] for ax in figure.axes[:2]]
    ['uniform', 'optimal']
    """
    found = rated_graphs(sweep, most)
    names, together = _names(sweep, found)
    panels = [
        Panel(each.world.graph, each.rates, "\n".join([fill(name, _LINE), *_numbers(each)]))
        for each, name in zip(found, names, strict=True)
    ]
    figure = draw_panels(panels, together)
    rated = any(each.rates is not None for each in found)
    unit = " and rates; unit of time: mean gradient time" if rated else ""
    figure.suptitle(f"{sweep.name}: graphs{unit}", fontsize="medium")
    remarks = list(_remarks(sweep, found))
    if remarks:
        figure.supxlabel("\n".join(remarks), fontsize="small")
    return figure


def rated_graphs(sweep: Sweep, most: int = MOST_PANELS) -> list[Rated]:
    """Return the different graphs of a sweep with their rates, in the order of the settings; see `plot_rates_of_sweep`.

    Raises
    ------
    ScenarioError
        More than `most` of them, or none.
    """
    from gossipsim.world import Shared, World

    asked = list(_scenarios(sweep))
    wanted = {_text(scenario.topology, *([scenario.rates] if _ticks(scenario) else [])) for _, scenario in asked}
    _limit(len(wanted), most)  # before anything is built
    found: list[Rated] = []
    built: dict[str, Shared] = {}
    faults: list[Refused | ScenarioError] = []
    for values, scenario in asked:
        try:
            world = World.build(scenario, built.get(_text(scenario.topology)))
        except (Refused, ScenarioError) as fault:  # as in the sweep itself, one setting does not stop the others
            faults.append(fault)
            continue
        built[_text(scenario.topology)] = Shared(world.graph)
        rates = world.rates if _ticks(scenario) else None
        mine = next((each for each in found if each.same(world, rates)), None)
        if mine is None:
            mine = Rated(world, rates)
            found.append(mine)
        mine.settings.append(values)
    _limit(len(found), most)
    if not found:
        why = str(faults[0]) if faults else "every method declines its setting"
        raise ScenarioError(f"no setting can be built: {why}")
    return found


def _limit(count: int, most: int) -> None:
    if count > most:
        message = f"{count} graphs with different rates are too many for one figure"
        raise ScenarioError(message, allowed=f"at most {most}; choose some with `where`")


def _scenarios(sweep: Sweep) -> Iterator[tuple[dict[str, Any], Scenario]]:
    """Yield the values and the scenario of every setting, those of a loaded sweep read anew from what was asked."""
    from gossipsim.document import Document
    from gossipsim.sweep_plan import plan

    runs = {run.setting: run for run in reversed(sweep.runs)}
    known = {number: run.scenario for number, run in runs.items()}
    if not any(known.values()):
        again = plan(Document(sweep.given), seeds=[sweep.runs[0].seed]).runs
        anew = {json.dumps(run.values): run.scenario for run in again}
        known = {number: anew.get(json.dumps(run.values)) for number, run in runs.items()}
    for number in sorted(runs):
        scenario = known[number]
        if scenario is not None:
            yield runs[number].values, scenario


def _text(*parts: Component) -> str:
    return json.dumps([part.spec() for part in parts])


def _ticks(scenario: Scenario) -> bool:
    """Return whether edges have clocks of their own."""
    return scenario.method.talks == "clock" and scenario.clocks.trace is None


def _numbers(each: Rated) -> list[str]:
    """Return what a title says below the name: sizes, total rate, chi_1, chi_2, and what the optimum saves."""
    world, graph = each.world, each.world.graph
    lines = [f"n = {graph.n:,}, m = {graph.m:,}"]
    if world.changing is not None:
        lines[0] += f" in {len(world.changing.epochs):,} graphs"
    if each.rates is None:
        return [f"{lines[0]}, edges without clocks"]
    facts = world.facts
    chis = rf"$\chi_1$ = {facts.chi_1:.3g}, $\chi_2$ = {facts.chi_2:.3g}"
    lines.append(f"total rate {_number(facts.total_rate)}, {chis}".replace("inf", r"$\infty$"))
    return lines + _saving(world)


def _saving(world: World) -> list[str]:
    from gossipsim.rates.optimal import Optimal

    chosen = world.scenario.rates
    if not isinstance(chosen, Optimal) or world.changing is not None or world.graph.m == 0:
        return []
    answer = chosen.answer(world.graph)
    said = change(answer)
    if said == EQUAL:
        return [said]
    what = "communication" if answer.criterion == "dadao" else WORDS.get(answer.criterion, answer.criterion)
    return fill(f"{what}: {said}", _LINE).split("\n")


def _remarks(sweep: Sweep, found: Sequence[Rated]) -> Iterator[str]:
    """Yield what the figure says below the panels."""
    if any(each.world.changing for each in found):
        yield r"A graph that changes: all its edges, with mean rates; $\chi_1$ and $\chi_2$ are the worst of its graphs."
    missing = len(sweep.settings) - sum(len(each.settings) for each in found)
    if missing:
        yield f"Left out: {missing} setting{'s' * (missing > 1)} declined, or bad when built."


def _names(sweep: Sweep, found: Sequence[Rated]) -> tuple[list[str], int]:
    """Return what tells the graphs apart, with as few of the varied keys as possible, and how many follow each other.

    Those that follow each other differ in the last of these keys.
    """
    kept: list[str] = []

    def names(keys: Sequence[str]) -> list[str]:
        return [", ".join(_values(key, each.settings) for key in keys) for each in found]

    for key in sweep.keys:
        if len(set(names([*kept, key]))) > len(set(names(kept))):
            kept.append(key)
    if kept:
        together = len(set(names(kept[-1:])))
        return names(kept), 1 if len(found) % together else together
    return [f"{each.world.scenario.topology.name}, {each.world.scenario.rates.name} rates" for each in found], 1


def _values(key: str, settings: Sequence[dict[str, Any]]) -> str:
    """Return the values of a key in some settings, at most three by name."""
    from gossipsim.sweep_plot import said

    values = list(dict.fromkeys(said(key, row[key]) for row in settings))
    if len(values) > 3:
        return f"{values[0]} and {len(values) - 1} more"
    return " or ".join(values)
