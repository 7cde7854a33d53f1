"""What `gossipsim picture` does: reads its options, draws what happens in a scenario, and saves it."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gossipsim.errors import Refused, ScenarioError, nearest, shown

if TYPE_CHECKING:
    from gossipsim.document import Document

KINDS = ("space-time", "frames", "utilisation", "presence")
_OPTIONS = {"until": "--until", "times": "--until"}


def picture(
    kind: Annotated[str, typer.Argument(metavar="|".join(KINDS), help="What to draw.")],
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML).")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="End, in mean gradient times [run.time].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="A .png, .svg or .pdf file; frames move as .gif or .mp4 [NAME-KIND.png]."
        ),
    ] = None,
) -> None:
    """Draw what happens in a run: events and messages, errors on the graph, who is busy, who is away."""
    if kind not in KINDS:
        raise ScenarioError(
            f"unknown picture {shown(kind)}", file="picture", allowed=", ".join(KINDS), hint=nearest(kind, KINDS)
        )
    end = _time(until)
    if out is not None:
        _known_ending(out, kind)

    from gossipsim.document import Document
    from gossipsim.scenario import Scenario
    from gossipsim.world import World

    document = Document.load(scenario)
    try:
        world = World.build(Scenario.from_document(document))
        path = out or Path(f"{world.scenario.name}-{kind}.png")
        typer.echo(_drawn(kind, world, end, path))
    except Refused as fault:
        raise ScenarioError(str(fault), file=document.file) from fault
    except ScenarioError as fault:
        raise _placed(fault, document) from fault


def _drawn(kind: str, world: Any, end: float | None, path: Path) -> Path:
    """Draw and save one picture."""
    from gossipsim import pictures
    from gossipsim.pictures.animation import FORMATS, MOVING
    from gossipsim.pictures.frames import FRAMES
    from gossipsim.pictures.shots import evenly
    from gossipsim.plot import save

    if kind != "frames":
        draw = {"space-time": pictures.space_time, "utilisation": pictures.utilisation, "presence": pictures.presence}
        return save(draw[kind](world, end), path)
    if path.suffix.lower() in FORMATS:
        return pictures.animation(world, path, evenly(world, end, MOVING))
    return save(pictures.frames(world, evenly(world, end, FRAMES)), path)


def _time(until: str | None) -> float | None:
    """Return the number that `--until` gives."""
    if until is None:
        return None
    try:
        found = float(until)
    except ValueError:
        found = float("nan")
    if not (isfinite(found) and found > 0.0):
        raise ScenarioError(f"given {shown(until)}", file="--until", allowed="a time > 0")
    return found


def _known_ending(out: Path, kind: str) -> None:
    """Refuse a file whose ending names no format, before anything is computed."""
    from gossipsim.pictures.animation import FORMATS as MOVING
    from gossipsim.plot import FORMATS

    endings = FORMATS + (MOVING if kind == "frames" else ())
    ending = out.suffix.lower()
    if ending not in endings:
        hint = nearest(ending, endings)
        raise ScenarioError(f"unknown ending {ending!r}", file=out, allowed=", ".join(endings), hint=hint)


def _placed(fault: ScenarioError, document: Document) -> ScenarioError:
    """Return the fault with the option that it speaks of, or its place in the scenario file."""
    if fault.file is None and fault.key[:1] and fault.key[0] in _OPTIONS:
        fault.file, fault.key = _OPTIONS[str(fault.key[0])], ()
        return fault
    return document.locate(fault)
