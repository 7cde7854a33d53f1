"""The events of a run as a file that `clocks: {trace: ...}` replays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.course import Progress
from gossipsim.document import Document
from gossipsim.engines.events import GRADIENT, Counts, Limits, Tape
from gossipsim.errors import Refused, ScenarioError, nearest
from gossipsim.folders import write_whole
from gossipsim.scenario import Scenario
from gossipsim.simulation import simulate
from gossipsim.trace import Trace
from gossipsim.world import World

FORMATS = (".npz", ".csv", ".parquet")


def export_events(
    source: Trace | Scenario | str | Path | Mapping[str, Any],
    file: str | Path,
    *,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Path:
    """Write the events of a run, in their order: `t`, `kind` (0 gradient, 1 exchange), `i`, `j` (-1 for gradients).

    The same scenario with `clocks: {trace: FILE}` runs exactly these events, and ends with the same bytes in every field of
    `Trace.final` but one: `primal` of a replay is computed from the rows as the last events left them, while that of a run
    with its own clocks brings all nodes to the end first; the two agree for methods without a flow.

    Parameters
    ----------
    source : Trace, Scenario, path or mapping
        A run; a scenario, its file or its mapping, which is run to see where it stops; or the folder of a saved run.
    file : path
        Ends with .npz, .csv or .parquet. Times are in mean gradient times of a unit-rate node.
    engine, progress
        As for `simulate`.

    Raises
    ------
    ScenarioError
        Bad input, another ending, or a place that cannot be written.
    Refused
        The method works in rounds or hops, messages take time or get lost, or the graph changes: then a list of gradients
        and exchanges does not say what happened.

    Examples
    --------
    >>> import tempfile
    >>> small = Scenario.parse({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"events": 50},
    ... })
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = export_events(small, Path(folder, "events.npz"), engine="processes")
    ...     again = simulate(small.replace({"clocks.trace": file}), engine="processes")
    >>> again.meta["events"]
    50
    """
    file = Path(file)
    if file.suffix not in FORMATS:
        hint = nearest(file.suffix, FORMATS)
        raise ScenarioError(f"unknown ending {file.suffix!r}", file=file, allowed=", ".join(FORMATS), hint=hint)
    if isinstance(source, str | Path) and Path(source).is_dir():
        source = Trace.load(source)
    document = Document.load(source) if isinstance(source, str | Path) else None
    try:
        columns = _recorded(_scenario(source, document), source, engine, progress)
    except ScenarioError as fault:
        raise (fault if document is None else document.locate(fault)) from None
    write_whole(file, _encoded(columns, file.suffix))
    return file


def _scenario(source: Any, document: Document | None) -> Scenario:
    if document is not None:
        return Scenario.from_document(document)
    if isinstance(source, Trace):
        return source.scenario
    return source if isinstance(source, Scenario) else Scenario.parse(source)


def _recorded(scenario: Scenario, source: Any, engine: str, progress: Progress | None) -> dict[str, NDArray[Any]]:
    """Return the events of a run as columns."""
    world = World.build(scenario)
    if world.method.talks in {"round", "route"}:
        raise Refused(f"{world.method.name} works in rounds or hops, and a recording holds gradients and exchanges")
    if world.networked:
        raise Refused("a recording holds what happened: it is made on an ideal network, with all nodes present")
    if world.changing is not None:
        raise Refused("a recording holds gradients and exchanges, and here the graph changes")
    trace = source if isinstance(source, Trace) else simulate(scenario, engine=engine, progress=progress)
    return _columns(world, trace.meta["events"])


def _columns(world: World, count: int) -> dict[str, NDArray[Any]]:
    """Return the first events of a world."""
    parts: list[tuple[NDArray[Any], ...]] = []
    tape, counts = Tape(world.events()), Counts()
    while counts.events < count:
        taken = tape.take(Limits(events=count), counts)
        if not len(taken.t):
            break
        parts.append((taken.t.copy(), taken.i.copy(), taken.j.copy()))  # a source may use its memory again
        counts.events += len(taken.t)
    t, i, j = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else (np.empty(0),) * 3
    if (j < GRADIENT).any():
        raise Refused("a recording holds gradients and exchanges, and in this run more happens than those")
    return {"t": t, "kind": (j >= 0).astype(np.int8), "i": i.astype(np.int32), "j": j.astype(np.int32)}


def _encoded(columns: dict[str, NDArray[Any]], ending: str) -> bytes:
    stream = io.BytesIO()
    if ending == ".npz":
        np.savez_compressed(stream, **columns)  # type: ignore[arg-type]
    else:
        import pandas as pd

        frame = pd.DataFrame(columns)
        if ending == ".csv":
            frame.to_csv(stream, index=False)  # writes as many digits as tell a number from all others
        else:
            frame.to_parquet(stream, index=False)
    return stream.getvalue()
