"""What `gossipsim run` and `check` do with a scenario that compares methods."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossipsim.errors import Interrupted, Refused, ScenarioError

if TYPE_CHECKING:
    from gossipsim.comparison import Comparison
    from gossipsim.document import Document

DONE, FAILED, INTERRUPTED = 0, 1, 130


def run_comparison(
    document: Document, overrides: Mapping[str, Any], *, engine: str, out: Path | None, as_json: bool, quiet: bool
) -> int:
    """Run all methods, save them with a picture, print one table, and return the exit status.

    The status is 0 when at least one method ran to its end.
    """
    from gossipsim.comparison import is_comparison_result, run_all
    from gossipsim.contenders import contenders
    from gossipsim.course import Progress
    from gossipsim.folders import require_free
    from gossipsim.progress import telling

    entrants = contenders(document, overrides)
    first = next(each.scenario for each in entrants if each.scenario is not None)
    folder = out or Path("results", f"{first.name}-seed{first.seed}")
    require_free(folder, is_comparison_result)

    def told(k: int, label: str) -> AbstractContextManager[Progress]:
        return telling(f"{first.name}, {label}", quiet=quiet)

    interrupted = False
    try:
        found = run_all(entrants, document, engine, told)
    except Interrupted as stop:
        found, interrupted = stop.trace, True
    found.save(folder, picture=True)
    _report(found, folder, as_json)
    if interrupted:
        _remark(f"interrupted; what was computed is in {folder}")
        return INTERRUPTED
    sound = [trace for trace in found.traces.values() if trace.status != "diverged"]
    if not sound:
        _remark(f"error: no method ran to its end; what was computed is in {folder}")
    return DONE if sound else FAILED


def _report(found: Comparison, folder: Path, as_json: bool) -> None:
    from gossipsim.comparison_summary import (
        comparison_facts,
        comparison_table,
        comparison_text,
        refusals,
        remark,
        title,
    )

    if as_json:
        _print(json.dumps(comparison_facts(found, folder), allow_nan=False))
    elif sys.stdout.isatty():
        from rich.console import Console

        console = Console(markup=False, highlight=False)
        console.print(*title(found), sep="\n")
        console.print(comparison_table(found))
        console.print(*refusals(found), f"saved in {folder}", sep="\n")
    else:
        _print(comparison_text(found, folder))
    sentence = remark(found)
    if sentence:
        _remark(sentence)


def outlooks(document: Document) -> str:
    """Return one line about a comparison whose worlds can be built: sizes, methods, and who declines."""
    from gossipsim.comparison import located
    from gossipsim.contenders import contenders
    from gossipsim.summary import outlook
    from gossipsim.world import World

    size, said, refused = "", [], []
    for k, entrant in enumerate(contenders(document)):
        if entrant.scenario is None:
            refused.append(f"{entrant.label} declines: {entrant.refusal}")
            continue
        try:
            parts = outlook(World.build(entrant.scenario)).split(", ")
        except Refused as reason:
            refused.append(f"{entrant.label} declines: {reason}")
        except ScenarioError as fault:
            raise located(fault, k, entrant, document) from None
        else:
            size = ", ".join(parts[:4])
            said.append(f"{entrant.label} ({', '.join(parts[5:])})")
    if not said:
        raise Refused(f"every method declines: {'; '.join(refused)}")
    return f"{size}, methods: {'; '.join([*said, *refused])}"


def _print(text: str) -> None:
    import typer

    typer.echo(text)


def _remark(text: str) -> None:
    import typer

    typer.echo(f"gossipsim: {text}", err=True)
