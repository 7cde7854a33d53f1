"""A comparison in a few lines: plain facts for JSON, and the same facts as a table."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gossipsim.summary import bits, facts

if TYPE_CHECKING:
    from rich.table import Table

    from gossipsim.comparison import Comparison
    from gossipsim.trace import Trace

COSTS = ("time", "gradients", "activations", "bits")
_HEADS = {"time": "time", "gradients": "gradients", "activations": "exchanges", "bits": "traffic"}


def cost(trace: Trace, metric: str, target: float | None) -> dict[str, float] | None:
    """Return time, gradients, exchanges and bits at the first record whose metric is at most `target`, or None."""
    if target is None or metric not in trace.columns:
        return None
    there = np.flatnonzero(trace.columns[metric] <= target)
    return {name: trace.columns[name][there[0]].item() for name in COSTS} if len(there) else None


def rows(found: Comparison, metric: str | None = None) -> list[dict[str, Any]]:
    """Return one mapping per method, in the order of the file: status, last value, and the cost of the target."""
    metric, target = found.target(metric)
    labels = [entry["label"] for entry in found.given["methods"]]
    result: list[dict[str, Any]] = []
    for label in labels:
        if label in found.traces:
            trace = found.traces[label]
            last = float(trace.columns[metric][-1]) if metric in trace.columns else None
            spent = cost(trace, metric, target) or dict.fromkeys(COSTS)
            result.append({"method": label, "status": trace.status, metric: last, **spent})
        elif label in found.refused:
            result.append({"method": label, "status": f"refused: {found.refused[label]}"})
    return result


def comparison_facts(found: Comparison, folder: Path | None = None) -> dict[str, Any]:
    """Return what there is to say about a comparison, ready for JSON.

    `methods` maps labels to the facts of their runs with `to_target`, or to `{"refused": sentence}`.
    """
    from gossipsim.comparison import folder_names

    metric, target = found.target()
    places = folder_names(list(found.traces))
    methods: dict[str, Any] = {}
    for row in rows(found):
        label = row["method"]
        if label in found.refused:
            methods[label] = {"refused": found.refused[label]}
        else:
            trace = found.traces[label]
            inside = None if folder is None else folder / places[label]
            methods[label] = {**facts(trace, inside), "to_target": cost(trace, metric, target)}
    return {
        "name": found.name,
        "seed": found.given.get("seed", 0),
        "target": {"metric": metric, "value": target if target is not None and isfinite(target) else None},
        "methods": methods,
        "remark": remark(found),
        "saved": None if folder is None else str(folder),
    }


def remark(found: Comparison) -> str | None:
    """Say so when methods seek different points, so that their errors are no race."""
    kinds: dict[str, list[str]] = {}
    for label, trace in found.traces.items():
        kinds.setdefault(trace.scenario.method.solves, []).append(label)
    if len(kinds) < 2:
        return None
    words = {"average": "the average of the starting points", "optimum": "the optimum"}
    parts = [f"{', '.join(labels)}: {words.get(kind, kind)}" for kind, labels in kinds.items()]
    return f"these methods seek different points ({'; '.join(parts)}), so their errors are no race"


def comparison_text(found: Comparison, folder: Path | None = None) -> str:
    """Return the facts as lines: what was shared, one row per method, and where it was saved."""
    head, body, refusals = cells(found)
    table = [head, *body]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    lines = title(found)
    for row in table:
        texts = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        texts += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(texts).rstrip())
    lines += refusals
    return "\n".join([*lines, *([f"saved in {folder}"] if folder is not None else [])])


def comparison_table(found: Comparison) -> Table:
    """Return the rows of the methods as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    head, body, _ = cells(found)
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(head):
        justify: Literal["left", "right"] = "left" if k < 2 else "right"
        table.add_column(name, justify=justify, header_style="bold", no_wrap=k != 0, overflow="fold")
    for row in body:
        table.add_row(*map(Text, row))
    return table


def refusals(found: Comparison) -> list[str]:
    """Return one line for every method that declined the scenario."""
    return cells(found)[2]


def title(found: Comparison) -> list[str]:
    """Return what the methods share, and what is compared, one line each."""
    metric, target = found.target()
    lines = [f"{found.name}, seed {found.given.get('seed', 0)}"]
    trace = next(iter(found.traces.values()), None)
    if trace is not None:
        meta = trace.meta
        where = f"{trace.scenario.topology.name}, n = {meta['nodes']:,}, m = {meta['edges']:,}"
        lines[0] += f": {trace.scenario.problem.name}, d = {meta['dim']:,}, on {where}"
    if target is not None:
        many = "" if found.asked is not None and metric == "error" else ", which more than half of the methods reached"
        lines.append(f"cost of {metric} <= {target:.3g}{many}; time in mean gradient times")
    return lines


def cells(found: Comparison) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the heads of columns, one row of texts per method, and one line for every method that declined."""
    metric, _ = found.target()
    head = ["method", "status", metric, *_HEADS.values()]
    body, refusals = [], []
    for row in rows(found):
        if row["method"] in found.refused:
            body.append([row["method"], "refused", *[""] * (1 + len(COSTS))])
            refusals.append(f"{row['method']} refused: {found.refused[row['method']]}")
            continue
        last = row[metric]
        spent = [_spent(name, row[name]) for name in COSTS]
        body.append([row["method"], row["status"], "" if last is None else f"{last:.3g}", *spent])
    return head, body, refusals


def _spent(name: str, value: float | None) -> str:
    if value is None:
        return "not reached" if name == "time" else ""
    return bits(value) if name == "bits" else f"{value:.6g}" if name == "time" else f"{value:,}"
