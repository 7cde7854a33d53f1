"""Reading a recorded event stream: `clocks: {trace: events.npz}`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import InputFile, Settings
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph

_COLUMNS = ("t", "kind", "i", "j")


class Clocks(Settings):
    """When things happen: Poisson clocks, or exactly the events of a recording.

    Parameters
    ----------
    trace : path, optional
        An npz, csv or parquet file with `t`, `kind` (0 gradient, 1 exchange), `i`, `j` (-1 for gradients), in order of time.
    """

    trace: InputFile | None = None


def read_events(
    path: Path, graph: Graph
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return times, first nodes, second nodes (-1 for gradients) and edge numbers (-1 for gradients), each `(K,)`.

    An exchange is turned so that its first node is the edge's first.

    Raises
    ------
    ScenarioError
        Unreadable file, missing column, times that fall or are not finite, unknown kind, node or edge; it names the event.
    """
    table = _columns(path)
    t, kind = _numbers(path, "t", table["t"], float), _numbers(path, "kind", table["kind"], int)
    i, j = _numbers(path, "i", table["i"], int), _numbers(path, "j", table["j"], int)
    if len({len(t), len(kind), len(i), len(j)}) > 1:
        raise ScenarioError(f"{path.name} has columns of lengths {len(t)}, {len(kind)}, {len(i)}, {len(j)}")
    if len(t) == 0:
        raise ScenarioError(f"{path.name} holds no event")
    _require(path, np.isfinite(t) & (t >= 0), t, "t", "a finite time >= 0")
    _require(path, np.diff(t, prepend=t[0]) >= 0, t, "t", "times that never fall")
    _require(path, (kind == 0) | (kind == 1), kind, "kind", "0 (gradient) or 1 (exchange)")
    _require(path, (i >= 0) & (i < graph.n), i, "i", f"a node, 0 to {graph.n - 1}")
    exchange = kind == 1
    _require(path, exchange | (j == -1), j, "j", "-1 for a gradient")
    _require(path, ~exchange | ((j >= 0) & (j < graph.n)), j, "j", f"a node, 0 to {graph.n - 1}")
    edge = np.full(len(t), -1)
    low, high = np.minimum(i, j)[exchange], np.maximum(i, j)[exchange]
    codes = graph.edges[:, 0] * graph.n + graph.edges[:, 1]
    order = np.argsort(codes)
    wanted = low * graph.n + high
    place = np.minimum(np.searchsorted(codes[order], wanted), max(0, graph.m - 1))
    known = codes[order][place] == wanted if graph.m else np.zeros(len(wanted), bool)
    if not known.all():
        k = int(np.flatnonzero(exchange)[np.flatnonzero(~known)[0]])
        raise ScenarioError(f"event {k} of {path.name} is on ({i[k]}, {j[k]})", allowed="edges of the topology")
    edge[exchange] = order[place]
    i[exchange], j[exchange] = low, high
    return t, i.astype(np.int32), j.astype(np.int32), edge.astype(np.int32)


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                table = {name: archive[name] for name in _COLUMNS if name in archive.files}
        elif path.suffix in {".csv", ".parquet"}:
            import pandas as pd

            # the parser of older pandas may err in the last bit, that of pyarrow does not
            frame = pd.read_csv(path, engine="pyarrow") if path.suffix == ".csv" else pd.read_parquet(path)
            table = {name: frame[name].to_numpy() for name in _COLUMNS if name in frame}
        else:
            raise ScenarioError(f"given a file of type {path.suffix!r}", allowed=".npz, .csv or .parquet")
    except ScenarioError:
        raise
    except FileNotFoundError:
        raise ScenarioError(f"no file {path}", allowed="a recorded event stream") from None
    except Exception as fault:  # each reader has its own exceptions for a broken file
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise ScenarioError(f"cannot read {path}: {reason}", allowed="columns t, kind, i, j") from None
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise ScenarioError(f"{path.name} has no {', '.join(missing)}", allowed="columns t, kind, i, j")
    return table


def _numbers(path: Path, name: str, values: NDArray[Any], kind: type) -> NDArray[Any]:
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ScenarioError(
            f"{name} in {path.name} has shape {values.shape} and type {values.dtype}", allowed="numbers (K,)"
        )
    if kind is int and values.dtype.kind == "f":
        _require(path, np.isfinite(values) & (values == np.round(values)), values, name, "whole numbers")
    return values.astype(np.float64 if kind is float else np.int64)


def _require(path: Path, good: NDArray[np.bool_], values: NDArray[Any], name: str, allowed: str) -> None:
    if not good.all():
        k = int(np.flatnonzero(~good)[0])
        raise ScenarioError(f"event {k} of {path.name} has {name} = {values[k]}", allowed=allowed)
