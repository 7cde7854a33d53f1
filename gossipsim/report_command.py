"""What `gossipsim report` does: writes one page about a saved result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A folder that `gossipsim run` or `gossipsim sweep` saved.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Where the page goes [report.html in RESULT].")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a run, a comparison or a sweep: figures, tables, scenario, provenance."""
    from gossipsim.html_report import report as write

    typer.echo(write(result, out or result / "report.html"))
