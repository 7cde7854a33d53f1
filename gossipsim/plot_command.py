"""What `gossipsim plot` does: reads results, draws them in the way asked for, and saves the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gossipsim.errors import ScenarioError, nearest, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("lines", "pareto", "heat-map", "graph")
_OPTIONS = ("x", "y", "goal", "value", "colour", "spread")


def plot(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT...", help="Folders that `gossipsim run` or `gossipsim sweep` saved.")
    ],
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="|".join(KINDS), help="What to draw; the last one shows the rates of edges."),
    ] = "lines",
    x: Annotated[
        str | None,
        typer.Option(
            "--x",
            metavar="time|gradients|activations|bits|messages",
            help="Axis, for pareto a cost [time; of a comparison of methods, four panels]; for heat-map a varied key.",
        ),
    ] = None,
    y: Annotated[
        list[str] | None,
        typer.Option(
            "--y",
            metavar="METRIC",
            help="Metric, of runs several; for pareto the other cost [bits]; for heat-map the other key.",
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="METRIC|COST", help="What a heat-map shows [the time to the goal, or error].")
    ] = None,
    goal: Annotated[float | None, typer.Option(help="The error whose cost counts [run.error of the scenario].")] = None,
    colour: Annotated[
        str | None, typer.Option(metavar="KEY", help="The varied key that has the colours [the method].")
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(metavar="quantiles|interval", help="The band: 80 % of the runs, or the median's [quantiles]."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A .png, .svg or .pdf file [in the first RESULT].")
    ] = None,
) -> None:
    """Draw one result, or several in one figure; a comparison of methods is one result, and so is a sweep."""
    if kind not in KINDS:
        hint = nearest(kind, KINDS)
        raise ScenarioError(f"given {shown(kind)}", file="--kind", allowed=", ".join(KINDS), hint=hint)
    if y and len(y) > 1 and kind != "lines":
        raise ScenarioError(f"{len(y)} values", file="--y", allowed=f"one, for {kind}")
    options = dict(zip(_OPTIONS, (x, y, goal, value, colour, spread), strict=True))
    given = {name: option for name, option in options.items() if option is not None and option != []}
    try:
        figure, name = drawing(results, kind, given)
    except ScenarioError as fault:
        if fault.key and fault.key[0] in _OPTIONS:
            fault.file, fault.key = f"--{fault.key[0]}", ()
        raise
    from gossipsim.plot import save

    typer.echo(save(figure, out or results[0] / f"{name}.png"))


def drawing(results: Sequence[Path], kind: str, given: Mapping[str, Any]) -> tuple[Figure, str]:
    """Return the figure of saved results, and a name for its file.

    Raises
    ------
    ScenarioError
        A folder without a result, results that do not go together, or options that the figure does not have.
    """
    from gossipsim.results import load
    from gossipsim.sweeps import Sweep

    loaded = [load(folder) for folder in results]
    sweeps = [result for result in loaded if isinstance(result, Sweep)]
    if len(loaded) > 1 and (sweeps or kind != "lines"):
        what = "a sweep is" if sweeps else f"{kind} is"
        raise ScenarioError(f"{what} drawn alone", file=results[1], allowed="one RESULT")
    if sweeps:
        return _of_sweep(sweeps[0], kind, given)
    return _of_runs(loaded, results, kind, given)


def _only(given: Mapping[str, Any], known: str, what: str) -> None:
    for name in given:
        if name not in known.split():
            allowed = ", ".join(f"--{option}" for option in known.split()) or "none"
            raise ScenarioError(f"{what} has no such option", file=f"--{name}", allowed=allowed)


def _of_sweep(sweep: Any, kind: str, given: Mapping[str, Any]) -> tuple[Figure, str]:
    one = {**given, "y": given["y"][0]} if "y" in given else dict(given)
    if kind == "graph":
        _only(given, "", "a picture of graphs")
        return sweep.plot_graph(), "graph"
    if kind == "pareto":
        _only(given, "x y goal colour", "a pareto front")
        return sweep.pareto(**one), f"pareto-{one.get('x', 'time')}-{one.get('y', 'bits')}"
    if kind == "heat-map":
        _only(given, "x y value goal", "a heat map")
        return sweep.heat_map(**one), f"heat-map-{one.get('value', 'cost')}"
    _only(given, "x y colour spread", "a picture of bands")
    if len(given.get("y", [])) > 1:
        raise ScenarioError(f"{len(given['y'])} metrics", file="--y", allowed="one, for a sweep")
    return sweep.plot(**one), f"{one.get('y', 'bands')}-by-{one.get('x', 'time')}"


def _of_runs(loaded: Sequence[Any], results: Sequence[Path], kind: str, given: Mapping[str, Any]) -> tuple[Figure, str]:
    from gossipsim.plot import draw
    from gossipsim.trace import Trace

    x, y = given.get("x"), given.get("y")
    first = loaded[0]
    compares = not isinstance(first, Trace)
    if kind == "heat-map" or (kind == "pareto" and not compares):
        what = "one run has no front" if kind == "pareto" else "runs have no varied keys"
        raise ScenarioError(what, file=results[0], allowed="a sweep")
    if kind == "pareto":
        _only(given, "x y goal", "the front of a comparison")
        one = {**given, "y": y[0]} if y else dict(given)
        return first.pareto(**one), f"pareto-{one.get('x', 'time')}-{one.get('y', 'bits')}"
    if kind == "graph":
        _only(given, "", "a graph")
        if compares:
            raise ScenarioError(
                "every method has rates of its own", file=results[0], allowed="the folder of one method"
            )
        return first.plot_graph(), "graph"
    _only(given, "x y", "a picture of runs")
    if compares and len(loaded) == 1 and x is None and len(y or []) < 2:
        metric = y[0] if y else None
        return first.plot(y=metric), f"{metric or 'metrics'}-by-all"
    if all(isinstance(result, Trace) for result in loaded):
        name = "-".join(y or ["metrics" if len(loaded) == 1 else "comparison"])
        return draw(loaded, x=x or "time", y=y), f"{name}-by-{x or 'time'}"
    traces: dict[str, Trace] = {}
    for folder, result in zip(results, loaded, strict=True):
        inside = {folder.name: result} if isinstance(result, Trace) else result.traces
        for label, trace in inside.items():
            traces[label if len(results) == 1 or label == folder.name else f"{folder.name}, {label}"] = trace
    figure = draw(list(traces.values()), x=x or "time", y=y, titles=list(traces))
    return figure, f"{'-'.join(y or ['comparison'])}-by-{x or 'time'}"
