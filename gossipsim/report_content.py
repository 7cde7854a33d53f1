"""What the report of a run, of a comparison and of a sweep says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gossipsim.errors import ScenarioError
from gossipsim.report_page import Page, Table, named_files, number, origin, picture, promises, table_of
from gossipsim.summary import decay_rate, facts, lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gossipsim.comparison import Comparison
    from gossipsim.sweeps import Sweep
    from gossipsim.trace import Trace

_RECORDS, _MOST_NODES = 12, 2000
_MOST_GRAPHS, _MOST_NODES_OF_SWEEP = 6, 100
_SHOWN_ABOVE = ("scenario", "wall time", "optimum", "rates", "warning")


def page_of(result: Trace | Comparison | Sweep) -> Page:
    """Return what there is to show of a result of any kind."""
    from gossipsim.comparison import Comparison
    from gossipsim.trace import Trace

    if isinstance(result, Trace):
        return _run(result)
    return _comparison(result) if isinstance(result, Comparison) else _sweep(result)


def _run(trace: Trace) -> Page:
    scenario, meta = trace.scenario, trace.meta
    page = Page(
        f"{scenario.name}, seed {scenario.seed}",
        f"One run of {scenario.method.name} on {scenario.problem.name}, {trace.status}",
        scenario.dump(),
        f"gossipsim run scenario.yaml --engine {meta['engine']}",
        files=named_files(scenario.mapping()),
        warnings=list(meta.get("warnings", [])),
    )
    page.headline = [row for row in lines(facts(trace)) if row[0] not in _SHOWN_ABOVE]
    page.figures = [
        picture(trace.plot(), "Metrics over time; a dashed slope is the rate that theory promises."),
        picture(trace.plot(x="bits"), "The same over what was sent on all links together."),
    ]
    if meta["nodes"] <= _MOST_NODES:
        page.figures.append(
            picture(trace.plot_graph(), "The graph, with the rates of its edges where they have clocks.")
        )
    table = promises({scenario.method.name: (meta, _measured(trace))})
    page.tables += [table] if table else []
    page.tables.append(_records(trace))
    if meta.get("constants"):
        caption = "As the method used them: set by theory, unless the scenario sets them."
        page.tables.append(table_of("Constants", caption, ["name", "value"], meta["constants"].items()))
    page.provenance = [("scenario", f"{scenario.name}, seed {scenario.seed}"), *origin(meta)]
    return page


def _measured(trace: Trace) -> float | None:
    promise = trace.meta.get("promise")
    column = trace.columns.get(promise["quantity"]) if promise else None
    return None if column is None else decay_rate(trace.columns["time"], column)


def _records(trace: Trace) -> Table:
    last = len(trace.columns["time"]) - 1
    shown = np.unique(np.round(np.linspace(0, last, min(_RECORDS, last + 1))).astype(int))
    rows = [[column[k] for column in trace.columns.values()] for k in shown]
    caption = f"{len(shown)} of {last + 1:,} records; time in mean gradient times, counts of the whole network."
    return table_of("Records", caption, list(trace.columns), rows)


def _comparison(found: Comparison) -> Page:
    from gossipsim.comparison_summary import cells, remark, title

    first, *said = title(found)
    head, body, refused = cells(found)
    page = Page(
        f"{found.name}, seed {found.given.get('seed', 0)}",
        f"A comparison of {len(found.traces)} methods on the same world",
        found.dump(),
        "gossipsim run scenario.yaml",
        headline=[("world", first)],
        files=named_files(found.given),
        warnings=[*filter(None, [remark(found)]), *refused],
    )
    labels = {label: trace.meta.get("warnings", []) for label, trace in found.traces.items()}
    page.warnings += [f"{label}: {text}" for label, texts in labels.items() for text in texts]
    page.lead.append(Table("Methods", ". ".join(text[0].upper() + text[1:] for text in said) + ".", head, body))
    if found.traces:
        _try(page, found.plot, "One metric against time, gradients, exchanges and bits.", broad=True)
        _try(page, found.pareto, "Two costs of the goal; nobody is below and left of the dashed line.")
    table = promises({label: (trace.meta, _measured(trace)) for label, trace in found.traces.items()})
    page.tables += [table] if table else []
    wall = [(label, trace.meta["wall_time"]["running"]) for label, trace in found.traces.items()]
    if found.traces:
        page.provenance = [
            row for row in origin(next(iter(found.traces.values())).meta) if row[0] not in {"wall time", "rates"}
        ]
        page.provenance.append(("running", ", ".join(f"{label} {seconds:.3g} s" for label, seconds in wall)))
    return page


def _try(page: Page, draw: Callable[[], Figure], caption: str, broad: bool = False) -> None:
    """Add a figure, or say why there is none."""
    try:
        page.figures.append(picture(draw(), caption, broad))
    except ScenarioError as fault:
        page.remarks.append(f"Not drawn, {caption[0].lower()}{caption[1:-1]}: {fault}.")


def _sweep(sweep: Sweep) -> Page:
    from gossipsim.sweep_command import counts, failures

    seeds = list(dict.fromkeys(run.seed for run in sweep.runs))
    many = len(sweep.settings)
    page = Page(
        sweep.name,
        f"A sweep over {' and '.join(sweep.keys) or 'seeds'}",
        _yaml(sweep),
        "gossipsim sweep scenario.yaml",
        files=named_files(sweep.given),
    )
    page.headline = [
        ("settings", f"{many:,}, {len(seeds):,} seed{'s' * (len(seeds) > 1)} each, {len(sweep.runs):,} runs"),
        *((key, ", ".join(dict.fromkeys(number(row[key]) or "none" for row in sweep.settings))) for key in sweep.keys),
        ("ended", ", ".join(f"{count:,} {status}" for status, count in counts(sweep).items())),
    ]
    page.warnings = [
        f"{each['runs']:,} {each['status']} ({each['first']}): {each['sentence']}" for each in failures(sweep)
    ]
    metas = [outcome.meta for outcome in sweep.outcomes.values() if outcome.columns]
    page.warnings += dict.fromkeys(text for meta in metas for text in meta.get("warnings", []))
    goal = (sweep.given.get("run") or {}).get("error")
    if sweep.metrics:
        _sweep_figures(page, sweep, goal)
        _sweep_tables(page, sweep, goal)
    if metas:
        seconds = sum(meta["wall_time"]["running"] for meta in metas)
        page.provenance = [row for row in origin(metas[0]) if row[0] not in {"wall time", "rates", "optimum"}]
        page.provenance.append(("running", f"{seconds:.3g} s in all runs together"))
        residuals = [meta["optimum"]["residual"] for meta in metas if meta.get("optimum")]
        if residuals:
            page.provenance.append(("optimum", f"|grad f(x*)| at most {max(residuals):.3g}"))
        page.provenance.append(("seeds", ", ".join(map(str, seeds))))
    return page


def _yaml(sweep: Sweep) -> str:
    from gossipsim.document import yaml_text

    return yaml_text(sweep.given)


def _sweep_figures(page: Page, sweep: Sweep, goal: float | None) -> None:
    several = len({run.seed for run in sweep.runs}) > 1
    what = "median over seeds, and the band that holds 80 % of the runs" if several else "one seed"
    _try(page, sweep.plot, f"Over time: {what}.", broad=True)
    _try(page, lambda: sweep.plot(x="bits"), "The same over what was sent on all links together.", broad=True)
    if goal is not None and "error" in sweep.metrics:
        caption = (
            "Two costs of the goal, median over seeds with its interval; nobody is below and left of the dashed line."
        )
        _try(page, sweep.pareto, caption)
    _sweep_graphs(page, sweep)
    if len(sweep.keys) > 1:
        _try(page, sweep.heat_map, "Medians over seeds for all values of two keys; hatched where runs did not arrive.")


def _sweep_graphs(page: Page, sweep: Sweep) -> None:
    """Add the graphs with their rates, where they are few and small."""
    from gossipsim.rates_plot import plot_rates_of_sweep

    if max(outcome.meta["nodes"] for outcome in sweep.outcomes.values() if outcome.columns) <= _MOST_NODES_OF_SWEEP:
        caption = "The graphs, with the rates of their edges where they have clocks."
        _try(page, lambda: plot_rates_of_sweep(sweep, _MOST_GRAPHS), caption, broad=True)


def _sweep_tables(page: Page, sweep: Sweep, goal: float | None) -> None:
    keys = sweep.keys
    summary = sweep.summary()
    for metric in sweep.metrics:
        rows = summary[summary.metric == metric]
        columns = ["runs", "median", "median_low", "median_high", "mean", "mean_low", "mean_high", "q10", "q90"]
        heads = ["runs", "median", "low", "high", "mean", "low", "high", "10 %", "90 %"]
        caption = "Over the seeds; low and high end the 95 % intervals, from resampling the seeds."
        page.tables.append(
            table_of(f"{metric} at the end", caption, [*keys, *heads], rows[[*keys, *columns]].to_numpy())
        )
    if goal is not None and "error" in sweep.metrics:
        table = sweep.costs()
        for cost in ("time", "gradients", "activations", "bits"):
            rows = table[table.cost == cost][[*keys, "reached", "runs", "median", "low", "high"]]
            head = [*keys, "reached", "runs", "median", "low", "high"]
            named = "exchanges" if cost == "activations" else cost
            caption = (
                "Kaplan-Meier median of the whole network, with its 95 % interval; not finite: too few runs arrived."
            )
            page.tables.append(table_of(f"{named} to error ≤ {goal:.3g}".capitalize(), caption, head, rows.to_numpy()))
    decays = sweep.decays()
    if decays.promised.notna().any():
        columns = [*keys, "metric", "runs", "promised", "rate", "low", "high", "said"]
        head = [*keys, "decay of", "runs", "promised", "measured", "low", "high", "verdict"]
        caption = "Rates r of exp(-r t) of the mean over seeds, per mean gradient time, with the 95 % interval."
        page.tables.append(table_of("Promise against measurement", caption, head, decays[columns].to_numpy()))
