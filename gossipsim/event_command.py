"""What `gossipsim events` does: writes the events of a run to a file that another run replays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def events(
    source: Annotated[
        Path, typer.Argument(metavar="SCENARIO_OR_RESULT", help="A scenario file (YAML), or a folder that a run saved.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.npz|.csv|.parquet", help="Where the events go.")],
    engine: Annotated[str, typer.Option("--engine", metavar="auto|compiled|processes", help="What runs it.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Write the events of a run, gradients and exchanges in their order, for `clocks: {trace: FILE}` to replay."""
    from gossipsim.event_export import export_events
    from gossipsim.progress import telling

    with telling(source.name, quiet=quiet) as progress:
        path = export_events(source, out, engine=engine, progress=progress)
    typer.echo(f"{path}: replay it with --set clocks.trace={path}")
