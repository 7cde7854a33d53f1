"""What `gossipsim rates` does: solve, prove, print, save, draw."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.rates_plot import change, plain_rates, plot_rates

if TYPE_CHECKING:
    from gossipsim.optimal.answer import OptimalRates

MOST_ROWS = 60
_SCENARIOS = (".yaml", ".yml")
CONVENTIONS = {
    "all edges": "the largest resistance is taken over all edges, also those that get no rate",
    "active edges": "the largest resistance is taken over the edges in use only",
}


def compute_rates(
    source: Path, options: dict[str, Any], *, out: Path | None, picture: Path | None, as_json: bool, quiet: bool
) -> int:
    """Compute the optimal rates of a graph, print them with their proof, and return the exit status.

    Parameters
    ----------
    source : Path
        A graph in any format that `Graph.load` reads, or a scenario.
    options : dict
        Arguments of `optimal_rates` that were given; None means not given.
    out, picture : Path, optional
        Where the rates (.csv, .json) and the picture (.png, .svg, .pdf) go.
    as_json : bool
        Print one JSON object in place of a table.
    quiet : bool
        Show no progress.
    """
    from gossipsim.optimal.solve import optimal_rates
    from gossipsim.plot import FORMATS
    from gossipsim.progress import telling
    from gossipsim.rates.optimal import costs

    for path, endings in ((out, (".csv", ".json")), (picture, FORMATS)):
        if path is not None and path.suffix.lower() not in endings:
            raise ScenarioError(f"unknown ending {path.suffix!r}", file=path, allowed=", ".join(endings))
    for name, value in options.items():
        if isinstance(value, float) and not isfinite(value):
            raise _as_option(ScenarioError(f"given {value}", key=(name,), allowed="a finite number"))
    graph, settings = read_source(source)
    settings |= {name: value for name, value in options.items() if value is not None}
    if settings.get("cost") is not None:
        settings["cost"] = costs(settings["cost"], graph)
    try:
        with telling(f"rates of {source.name}", quiet=quiet) as progress:
            answer = optimal_rates(graph, **settings, progress=progress)
    except ScenarioError as fault:
        raise _as_option(fault) from None
    limited = any(settings.get(name) is not None for name in ("node_cap", "edge_cap", "minimum"))
    if limited and answer.demanded is not None and settings.get("total") is None:
        # the limits bind the rates that meet the condition, so these are what a user wants to see and keep
        answer = replace(answer, rates=answer.demanded, total=answer.value)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        answer.save(out)
    if picture is not None:
        from gossipsim.plot import save

        save(plot_rates(graph, answer, settings.get("cost")), picture)
    saved = [str(path) for path in (out, picture) if path is not None]
    _report(answer, settings.get("cost"), saved, as_json)
    if out is not None and answer.criterion == "dadao" and answer.total < answer.value * (1 - 1e-9):
        _remark(f"these rates cost {answer.total:.6g} per unit time, DADAO asks for {answer.value:.6g}: see --total")
    return 0


def read_source(source: Path) -> tuple[Graph, dict[str, Any]]:
    """Return the graph of a file, and what a scenario that asks for optimal rates says about them.

    Raises
    ------
    ScenarioError
        With the file, and the line where there is one.
    """
    if source.suffix.lower() not in _SCENARIOS:
        try:
            return Graph.load(source), {}
        except ScenarioError as fault:
            if fault.key == ("file",):  # the key of a scenario that nobody wrote
                fault.key = ()
                fault.file = fault.file or str(source)
            raise
    from gossipsim.contenders import contenders, is_comparison
    from gossipsim.document import Document
    from gossipsim.rates.optimal import Optimal
    from gossipsim.scenario import Scenario

    document = Document.load(source)
    if is_comparison(document, {}):
        scenario = next(each.scenario for each in contenders(document) if each.scenario is not None)
    else:
        scenario = Scenario.from_document(document)
    try:
        graph = scenario.topology.build()
        if scenario.topology.epochs() is not None:
            raise ScenarioError(
                "this graph changes", allowed="a graph that stays; a run chooses the rates of each of its graphs alone"
            )
    except ScenarioError as fault:
        raise document.locate(fault.under("topology")) from None
    if not isinstance(scenario.rates, Optimal):
        return graph, {}
    given = {name: getattr(scenario.rates, name) for name in type(scenario.rates).model_fields}
    return graph, {name: value for name, value in given.items() if value is not None}


def _as_option(fault: ScenarioError) -> ScenarioError:
    """Return a fault of `optimal_rates` with the option that it speaks of, in place of the argument."""
    if fault.key and fault.file is None and fault.key[0] != "graph":
        fault.file, fault.key = f"--{str(fault.key[0]).replace('_', '-')}", fault.key[1:]
    return fault


def rates_facts(answer: OptimalRates, cost: Any = None, saved: list[str] | None = None) -> dict[str, Any]:
    """Return all there is to say about optimal rates, ready for JSON: a number that is not finite becomes None."""
    found = answer.summary() | {
        "nodes": answer.graph.n,
        "edges": answer.graph.edges.tolist(),
        "labels": None if answer.graph.labels is None else [str(label) for label in answer.graph.labels],
        "rates": answer.rates.tolist(),
        "uniform": plain_rates(answer, cost)[1].tolist(),
        "resistance": resistances(answer).tolist(),
        "demanded": None if answer.demanded is None else answer.demanded.tolist(),
        "wake": None if answer.wake is None else answer.wake.tolist(),
        "saved": saved or [],
    }
    return {name: _finite(value) for name, value in found.items()}


def resistances(answer: OptimalRates) -> Any:
    """Return the effective resistance (m,) of every edge at the optimal rates, in units of time."""
    from gossipsim.spectral import spectrum

    return spectrum(answer.graph, answer.rates).resistance


def rates_text(answer: OptimalRates, cost: Any = None) -> str:
    """Return the table of the edges, the busiest ones of a large graph, and a summary of two columns."""
    names = range(answer.graph.n) if answer.graph.labels is None else answer.graph.labels
    (_, equal), R = plain_rates(answer, cost), resistances(answer)
    order = np.arange(answer.graph.m)
    if len(order) > MOST_ROWS:
        order = np.argsort(-answer.rates, kind="stable")[: MOST_ROWS // 2]
    rows = [["edge", "uniform", "optimal", "resistance"]]
    for e in order.tolist():
        i, j = answer.graph.edges[e]
        rows.append([f"{names[i]} - {names[j]}", *(f"{v:.6g}" for v in (equal[e], answer.rates[e], R[e]))])
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    if len(order) < answer.graph.m:
        lines.append(f"... and {answer.graph.m - len(order):,} edges with smaller rates: --out FILE.csv writes all")
    facts = _summary(answer)
    width = max(len(name) for name, _ in facts)
    return "\n".join([*lines, "", *(f"{name:{width}}  {text}" for name, text in facts)])


def _summary(answer: OptimalRates) -> list[tuple[str, str]]:
    what = {
        "dadao": "communications per unit time that DADAO asks for: sqrt(2 chi_1 chi_2) at unit total rate",
        "fastest_mixing": "lambda_2, per unit time",
        "total_resistance": "sum of effective resistances over all pairs, in units of time",
        "averaging_time": "lambda_2(W) of randomized gossip",
    }[answer.criterion]
    side = "at most" if answer.criterion == "fastest_mixing" else "at least"
    lines = [
        ("graph", f"n = {answer.graph.n:,}, m = {answer.graph.m:,}"),
        ("criterion", f"{answer.criterion}: {what}"),
        ("total rate", f"{answer.rates.sum():.6g} exchanges per unit time"),
        ("value", f"{answer.value:.8g}"),
        ("proved", f"{side} {answer.bound:.8g} for any rates, gap {answer.gap:.1e}"),
        ("uniform", f"{answer.uniform_value:.8g}"),
        ("saving", change(answer)),
        ("status", f"{answer.status}; {answer.method}, {answer.iterations} steps, {answer.seconds:.2f} s"),
    ]
    if answer.bracket is not None:
        lines.append(
            ("bracket", f"{answer.bracket[0]:.8g} to {answer.bracket[1]:.8g} over all choices of edges to use")
        )
    if answer.criterion == "dadao":
        zero = len(answer.zero_edges)
        count = "no edge" if zero == 0 else f"{zero:,} edge{'s' if zero > 1 else ''}"
        lines.append(("zero edges", f"{count} below 1e-4 of the mean rate; {CONVENTIONS[answer.convention]}"))
    return [*lines, *(("remark", remark) for remark in answer.remarks)]


def _report(answer: OptimalRates, cost: Any, saved: list[str], as_json: bool) -> None:
    import typer

    if as_json:
        typer.echo(json.dumps(rates_facts(answer, cost, saved), allow_nan=False))
    else:
        typer.echo(rates_text(answer, cost))
        for path in saved:
            typer.echo(f"saved in {path}")
    if answer.status != "certified":
        _remark(answer.status)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _remark(text: str) -> None:
    import typer

    typer.echo(f"gossipsim: {text}", err=True)
