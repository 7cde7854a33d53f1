"""A run in a few lines: plain facts for JSON, and the same facts as a table."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from rich.table import Table

    from gossipsim.trace import Trace
    from gossipsim.world import World

_COUNTED = ("gradients", "activations", "messages", "bits", "lost")
_FLOOR = 1e-20


def facts(trace: Trace, folder: Path | None = None) -> dict[str, Any]:
    """Return what there is to say about a run, ready for JSON: a number that is not finite becomes None.

    Parameters
    ----------
    trace : Trace
        The result.
    folder : Path, optional
        Where it was saved.
    """
    meta, columns = trace.meta, trace.columns
    found = {
        "name": trace.scenario.name,
        "status": trace.status,
        "method": trace.scenario.method.name,
        "problem": trace.scenario.problem.name,
        "topology": trace.scenario.topology.name,
        "nodes": meta["nodes"],
        "edges": meta["edges"],
        "dim": meta["dim"],
        "seed": meta["seed"],
        "engine": meta["engine"],
        "records": len(columns["time"]),
        "time": float(columns["time"][-1]),
        "events": meta["events"],
        **{name: int(columns[name][-1]) for name in _COUNTED},
        "metrics": {name: {"first": columns[name][0], "last": columns[name][-1]} for name in trace.metrics},
        "rates": meta.get("rates"),
        "optimum": meta.get("optimum"),
        "warnings": meta.get("warnings", []),
        "promise": _promise(trace),
        "diverged": meta.get("diverged"),
        "wall_time": meta["wall_time"],
        "saved": None if folder is None else str(folder),
        "version": meta["versions"]["gossipsim"],
    }
    clean: dict[str, Any] = _finite(found)
    return clean


def decay_rate(t: ArrayLike, values: ArrayLike) -> float | None:
    """Return the rate r of the least-squares fit log v = c - r t, `t` and `values` of shape (records,), r per unit time.

    Records below 1e-20 of the largest value are left out, because rounding hides the decay there. None when fewer than
    three records remain.

    Examples
    --------
    >>> t = np.linspace(0.0, 40.0, 9)
    >>> round(decay_rate(t, 3.0 * np.exp(-0.5 * t)), 6)
    0.5
    """
    t, v = np.asarray(t, dtype=float), np.asarray(values, dtype=float)
    good = np.isfinite(v) & (v > 0.0)
    good[good] = v[good] > _FLOOR * v[good].max(initial=0.0)
    if good.sum() < 3 or np.ptp(t[good]) == 0.0:
        return None
    centred = t[good] - t[good].mean()
    return float(-(centred @ np.log(v[good])) / (centred @ centred))


def _promise(trace: Trace) -> dict[str, Any] | None:
    promise = trace.meta.get("promise")
    if promise is None:
        return None
    column = trace.columns.get(promise["quantity"])
    return {**promise, "measured": None if column is None else decay_rate(trace.columns["time"], column)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value


def as_text(found: dict[str, Any]) -> str:
    """Return the facts as lines of two columns."""
    rows = lines(found)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows)


def as_table(found: dict[str, Any]) -> Table:
    """Return the facts as a table of two columns for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines(found):
        table.add_row(name, Text(text))
    return table


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts as names and texts."""
    wall = found["wall_time"]
    lost = f", {found['lost']:,} lost" if found["lost"] else ""
    rows = [
        ("scenario", f"{found['name']}, seed {found['seed']}"),
        ("method", f"{found['method']} on {found['problem']}, d = {found['dim']}"),
        ("graph", f"{found['topology']}, n = {found['nodes']:,}, m = {found['edges']:,}"),
        ("status", _status(found)),
        ("time", f"{found['time']:.6g} mean gradient times, {found['records']:,} records"),
        ("work", f"{found['gradients']:,} gradients, {found['activations']:,} exchanges"),
        ("traffic", f"{found['messages']:,} messages{lost}, {bits(found['bits'])}"),
    ]
    rows += [("warning", text) for text in found["warnings"]]
    certificate = (found["rates"] or {}).get("certificate")
    if certificate:
        rows.append(("rates", _certified(found["rates"]["total"], certificate)))
    rows += [(name, f"{_number(ends['first'])} -> {_number(ends['last'])}") for name, ends in found["metrics"].items()]
    if found["optimum"]:
        rows.append(("optimum", f"|grad f(x*)| = {_number(found['optimum']['residual'])}, {found['optimum']['how']}"))
    if found["promise"]:
        rows.append(("decay", _decay(found["promise"])))
    rows.append(
        ("wall time", f"{wall['running']:.2f} s running, {wall['preparing']:.2f} s preparing, engine {found['engine']}")
    )
    if found["saved"]:
        rows.append(("saved in", found["saved"]))
    return rows


def _status(found: dict[str, Any]) -> str:
    where = found["diverged"]
    return str(found["status"]) + (f" at node {where['node']}, time {where['time']:.6g}" if where else "")


def _certified(total: float, certificate: dict[str, Any]) -> str:
    """Say how often the edges are used, and how well that is known to be best."""
    proof = (
        f"certified, gap {certificate['gap']:.0e}" if certificate["status"] == "certified" else certificate["status"]
    )
    value, uniform = certificate["value"], certificate["uniform_value"]
    what = f"{certificate['criterion']} {value:.5g}, with uniform rates {uniform:.5g}"
    return f"{total:.5g} exchanges per unit time; {what}; {proof}"


def _decay(promise: dict[str, Any]) -> str:
    measured = "not measured" if promise["measured"] is None else f"measured {promise['measured']:.4g}"
    unmet = "" if promise["met"] else f", whose condition is not met: {promise['condition']}"
    return (
        f"{promise['quantity']}: {measured}, promised {promise['rate']:.4g} per unit time ({promise['source']}{unmet})"
    )


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def bits(count: float) -> str:
    """Return a number of bits with a unit.

    Examples
    --------
    >>> bits(640), bits(1_250_000), bits(3.2e10)
    ('640 bit', '1.25 Mbit', '32 Gbit')
    """
    for unit in ("bit", "kbit", "Mbit", "Gbit", "Tbit", "Pbit"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} Ebit"


def outlook(world: World) -> str:
    """Return one line about a built world: sizes, method and the number of events to expect."""
    run = world.scenario.run
    if world.recorded is not None:
        expected = [float(len(world.recorded[0]))]
    else:
        per_time = {"time": 1.0, **world.rates_of}
        per_time |= {"rounds": per_time["events"], "bits": per_time["activations"] * world.exchange_bits}
        limits = {name: getattr(run, name) for name in per_time}
        expected = [
            limit / per_time[name] * per_time["events"]
            for name, limit in limits.items()
            if limit is not None and per_time[name] > 0
        ]
    events = f"about {min(expected):,.0f} events" if expected else "events until the error is reached"
    return (
        f"ok, n = {world.graph.n:,}, m = {world.graph.m:,}, d = {world.objective.dim:,}, {world.method.name}, {events}"
    )
