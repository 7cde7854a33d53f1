"""What `gossipsim sweep` does: reads its options, runs, saves a picture, and says what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gossipsim.errors import GossipsimError, Interrupted, ScenarioError, shown

if TYPE_CHECKING:
    from gossipsim.sweeps import Sweep

DONE, INTERRUPTED = 0, 130
_SOUND = {"finished", "reached"}
_LOCAL = "local"


def sweep(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML), of one method or of several.")],
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2", help="Values of one key, such as topology.n=16,32; can be repeated."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--zip", help="Take first values together, then second, instead of all combinations.")
    ] = False,
    seeds: Annotated[
        str | None, typer.Option(metavar="N", help="How many seeds, or a list such as 3,5,8 [20].")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key for all; can be repeated.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Workers [the cores at hand].")] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, tcp://host:8786; or local.")
    ] = None,
    engine: Annotated[str, typer.Option(metavar="auto|compiled|processes", help="What runs it.")] = "auto",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where it goes [results/NAME-sweep].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a sweep that was stopped.")] = False,
    keep_final: Annotated[bool, typer.Option("--keep-final", help="Keep the final state of every node too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Run a scenario with many values and seeds, on all cores or a cluster, and print averages with intervals."""
    from gossipsim.document import Document
    from gossipsim.progress import telling
    from gossipsim.sweep_plan import plan
    from gossipsim.sweep_pools import IDLE
    from gossipsim.sweeps import run_plan

    overrides = {key: _value(key, text, "--set") for key, text in _pairs(changes or [], "--set").items()}
    varied = {key: _value(key, f"[{text}]", "--vary") for key, text in _pairs(vary or [], "--vary").items()}
    asked = plan(Document.load(scenario), varied, "zip" if together else None, _numbers(seeds), overrides, "--vary")
    folder = out or Path("results", f"{asked.name}-sweep")
    backend, address = "loky" if dask is None else "dask", None if dask == _LOCAL else dask
    try:
        with telling(asked.name, quiet=quiet) as progress:
            found = run_plan(
                asked, backend=backend, jobs=jobs, address=address, out=folder, resume=resume, progress=progress,
                engine=engine, keep_final=keep_final, remark=_remark,
            )  # fmt: skip
    except Interrupted as stop:
        done = len(stop.trace.outcomes)
        _remark(f"interrupted after {done:,} of {len(asked.runs):,} runs; they are in {folder}, and --resume goes on")
        return INTERRUPTED
    except ScenarioError as fault:
        options = {"backend": "--dask", "address": "--dask", "jobs": "--jobs"}
        fault.key = tuple(options.get(str(part), part) for part in fault.key)
        raise
    finally:
        IDLE.end()
    _draw(found, folder)
    typer.echo(json.dumps(facts(found, folder), allow_nan=False) if as_json else "\n".join(lines(found, folder)))
    return _status(found)


def _pairs(given: list[str], option: str) -> dict[str, str]:
    """Return keys and texts of options such as `--vary KEY=V1,V2`."""
    found: dict[str, str] = {}
    for each in given:
        key, sign, text = (part.strip() for part in each.partition("="))
        if not sign or not key or not text:
            allowed = (
                "KEY=V1,V2, such as topology.n=16,32" if option == "--vary" else "KEY=VALUE, such as topology.n=16"
            )
            raise ScenarioError(f"given {shown(each)}", file=option, allowed=allowed)
        if key in found:
            raise ScenarioError(f"{key} is given twice", file=option, allowed="every key once")
        found[key] = text
    return found


def _value(key: str, text: str, option: str) -> Any:
    from gossipsim.document import value_of

    try:
        return value_of(text)
    except ScenarioError as fault:
        raise ScenarioError(f"{key}: {fault.message}", file=option, allowed=fault.allowed) from None


def _numbers(seeds: str | None) -> int | list[int] | None:
    """Return a number of seeds, or the seeds of a list with a comma."""
    if seeds is None:
        return None
    parts = [part.strip() for part in seeds.strip().removesuffix(",").split(",")]
    if (
        not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts)
        or int(parts[0]) + len(parts) < 2
    ):
        raise ScenarioError(
            f"given {shown(seeds)}", file="--seeds", allowed="a number such as 20, or seeds such as 3,5,8"
        )
    return [int(part) for part in parts] if "," in seeds else int(parts[0])


def _draw(found: Sweep, folder: Path) -> None:
    """Save a picture, if there is anything that fits in one."""
    from gossipsim.plot import save

    try:
        save(found.plot(), folder / "sweep.png")
    except ScenarioError as fault:
        _remark(f"no picture: {fault}")


def facts(found: Sweep, folder: Path | None = None) -> dict[str, Any]:
    """Return what there is to say about a sweep, ready for JSON: a number that is not finite becomes None."""
    metric = "error" if "error" in found.metrics else next(iter(found.metrics), None)
    said: dict[str, Any] = {
        "name": found.name,
        "keys": found.keys,
        "seeds": found.given["sweep"]["seeds"],
        "settings": len(found.settings),
        "runs": counts(found),
        "summary": _rows(found.summary(metric)) if metric else [],
        "costs": _rows(found.costs()) if metric and _goal(found) is not None else [],
        "failures": failures(found),
        "saved": None if folder is None else str(folder),
    }
    return said


def counts(found: Sweep) -> dict[str, int]:
    """Return how many runs ended in which way."""
    said: dict[str, int] = {}
    for run in found.runs:
        status = found.outcomes[run.id].status if run.id in found.outcomes else "missing"
        said[status] = said.get(status, 0) + 1
    return said


def failures(found: Sweep) -> list[dict[str, Any]]:
    """Return one entry per way in which runs did not come to their end: how many, the first of them, and why."""
    said: dict[tuple[str, str], dict[str, Any]] = {}
    for run in found.runs:
        outcome = found.outcomes.get(run.id)
        if outcome is not None and outcome.status not in _SOUND:
            # Seeds that diverge at different places are one way.
            way = (outcome.status, "" if outcome.columns else outcome.sentence)
            first = {"status": outcome.status, "runs": 0, "first": run.name, "sentence": outcome.sentence}
            said.setdefault(way, first)["runs"] += 1
    return list(said.values())


def lines(found: Sweep, folder: Path | None = None) -> list[str]:
    """Return the facts as lines: what was run, one row per setting, and what failed."""
    said = facts(found, folder)
    runs = ", ".join(f"{number:,} {status}" for status, number in said["runs"].items())
    many = f"{said['settings']:,} setting{'s' * (said['settings'] != 1)}"
    rows = [f"{found.name}: {many}, {len(said['seeds']):,} seeds each; runs: {runs}"]
    goal = _goal(found)
    if said["summary"]:
        metric = said["summary"][0]["metric"]
        rows.append(f"{metric} at the end: median over seeds, with its 95 % interval")
        if goal is not None:
            rows.append(
                f"cost of error <= {goal:.3g}: median over seeds of the whole network, unreached runs counted as such"
            )
        rows += _table(found, said, metric)
    for failure in said["failures"]:
        rows.append(f"{failure['runs']:,} {failure['status']} ({failure['first']}): {failure['sentence']}")
    return [*rows, *([f"saved in {folder}"] if folder is not None else [])]


def _table(found: Sweep, said: Mapping[str, Any], metric: str) -> list[str]:
    costs = ["time", "bits"] if said["costs"] else []
    table = [[*found.keys, "runs", metric, *costs, *(["reached"] if costs else [])]]
    by_cost: dict[str, list[dict[str, Any]]] = {
        name: [row for row in said["costs"] if row["cost"] == name] for name in costs
    }
    for k, row in enumerate(said["summary"]):
        cells = [_cell(row[key]) for key in found.keys]
        cells += [f"{row['runs']}", f"{_cell(row['median'])} [{_cell(row['median_low'])}, {_cell(row['median_high'])}]"]
        cells += [_spent(by_cost[name][k]) for name in costs]
        cells += [f"{by_cost[costs[0]][k]['reached']} of {row['runs']}"] if costs else []
        table.append(cells)
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _spent(row: Mapping[str, Any]) -> str:
    """Write a median cost, or that it lies beyond what the runs spent."""
    if row["median"] is not None:
        return _cell(row["median"])
    return "-" if row["low"] is None else f"> {_cell(row['low'])}"


def _goal(found: Sweep) -> float | None:
    goal = (found.given.get("run") or {}).get("error")
    return None if goal is None or "error" not in found.metrics else float(goal)


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not isfinite(value) else value


def _status(found: Sweep) -> int:
    outcomes = list(found.outcomes.values())
    if any(outcome.status in _SOUND for outcome in outcomes):
        return DONE
    first = outcomes[0]
    if all(outcome.status in {"refused", "invalid"} for outcome in outcomes):
        raise ScenarioError(f"no run could begin: {first.sentence}")
    raise GossipsimError(f"no run came to its end: {first.sentence}")


def _remark(text: str) -> None:
    typer.echo(f"gossipsim: {text}", err=True)
