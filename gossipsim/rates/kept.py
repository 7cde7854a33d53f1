"""Optimal rates on disk: solved once for a graph and its settings, checked whenever they are read again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.graph import Graph

if TYPE_CHECKING:
    from gossipsim.optimal.answer import OptimalRates

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = ("optimal", "spectral.py", "selected_inverse.py")
_ARRAYS = ("rates", "demanded", "wake")
_DUAL = ("X", "G", "rho", "nu")
_AGREEMENT = 1e-9
_ONE_AT_A_TIME = threading.RLock()
_REMEMBERED: dict[str, OptimalRates] = {}


def kept(graph: Graph, settings: Mapping[str, Any], solve: Callable[[], OptimalRates]) -> OptimalRates:
    """Return what `solve` returns, from the cache when the same graph and settings were solved by the same sources.

    An answer from disk is used only if its file is whole, its value is the criterion evaluated at its rates, and its bound
    is what its dual point proves. Where no dual point was kept (`OptimalRates.dual`), the bound is the one proved when the
    answer was found.

    Parameters
    ----------
    graph : Graph
        Its nodes and edges, in their order, are part of the name of the file.
    settings : mapping
        Keyword arguments of `optimal_rates`, plain data or arrays.
    solve : callable
        Finds the answer when there is none.
    """
    name = _name(graph, settings)
    with _ONE_AT_A_TIME:
        if name not in _REMEMBERED:
            path = folder() / f"{name}.npz"
            found = _read(path, graph, settings)
            if found is None:
                found = solve()
                _write(path, found)
            if len(_REMEMBERED) > 50:
                _REMEMBERED.clear()
            _REMEMBERED[name] = replace(found, dual=None)
        return _REMEMBERED[name]


@cache
def _solver() -> str:
    """Return a digest of the sources that find and prove rates: a changed solver solves again."""
    digest = hashlib.blake2b(digest_size=8)
    for name in _SOURCES:
        place = _PACKAGE / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def folder() -> Path:
    """Return the folder of the answers of this version of the solvers, below `GOSSIPSIM_CACHE` when that is set."""
    import platformdirs

    root = Path(os.environ.get("GOSSIPSIM_CACHE") or platformdirs.user_cache_path("gossipsim", appauthor=False))
    mine = root / f"rates-{_solver()}"
    try:
        mine.mkdir(parents=True, exist_ok=True)
        os.utime(mine)  # folders that are not used for a month are cleared away
    except OSError:
        return Path(tempfile.gettempdir(), f"gossipsim-rates-{os.getpid()}")
    return mine


def _name(graph: Graph, settings: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{_solver()} {graph.n} ".encode())
    digest.update(np.ascontiguousarray(graph.edges, dtype="<i8").tobytes())
    for key, value in sorted(settings.items()):
        digest.update(f"\n{key} ".encode())
        if isinstance(value, np.ndarray):
            digest.update(f"{value.shape} ".encode() + np.ascontiguousarray(value, dtype="<f8").tobytes())
        else:
            digest.update(json.dumps(value).encode())
    return digest.hexdigest()


def _write(path: Path, answer: OptimalRates) -> None:
    """Write an answer, all or nothing; a full disk costs the cache, not the run."""
    names = [each.name for each in fields(answer) if each.name not in {"graph", "dual", *_ARRAYS}]
    arrays = {name: getattr(answer, name) for name in _ARRAYS if getattr(answer, name) is not None}
    if answer.dual is not None:
        arrays |= {name: getattr(answer.dual, name) for name in _DUAL}
    text = json.dumps({name: getattr(answer, name) for name in names})
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(suffix=".draft", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, about=np.array(text), digest=np.array(_digest(text, arrays)), **arrays)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)


def _read(path: Path, graph: Graph, settings: Mapping[str, Any]) -> OptimalRates | None:
    """Return an answer that is whole and keeps its word, or None."""
    from zipfile import BadZipFile

    from gossipsim.optimal.answer import OptimalRates
    from gossipsim.optimal.dual import Dual

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name not in {"about", "digest"}}
            text, digest = str(archive["about"]), str(archive["digest"])
        about = json.loads(text)
        if _digest(text, arrays) != digest:
            return None
        about["remarks"] = tuple(about["remarks"])
        about["bracket"] = None if about["bracket"] is None else tuple(about["bracket"])
        for array in arrays.values():
            array.flags.writeable = False
        dual = Dual(**{name: arrays.pop(name) for name in _DUAL}) if "X" in arrays else None
        answer = OptimalRates(graph=graph, dual=dual, **about, **arrays)
        return answer if _keeps_its_word(answer, settings) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None


def _keeps_its_word(answer: OptimalRates, settings: Mapping[str, Any]) -> bool:
    """Return whether value and bound are those of the rates and of the dual point."""
    from gossipsim.optimal.program import Program

    if abs(_value(answer, settings) - answer.value) > _AGREEMENT * abs(answer.value):
        return False
    if answer.dual is None:
        return True
    asked = {key: value for key, value in settings.items() if key not in {"method", "prune"}}
    proved = answer.dual.bound(Program.build(answer.graph, **asked))
    return abs(proved - answer.bound) <= _AGREEMENT * abs(proved)


def _value(answer: OptimalRates, settings: Mapping[str, Any]) -> float:
    """Return the criterion at the rates of an answer, by the graph alone; with pruning, that of the edges in use."""
    from gossipsim.optimal.program import Program, evaluate

    graph, cost = answer.graph, settings.get("cost")
    rates = answer.rates if answer.demanded is None else answer.demanded
    if answer.wake is not None:
        rates = answer.wake.sum(axis=1) / graph.n
    if answer.convention == "active edges":
        used = rates > 0
        graph, rates = Graph.from_edges(graph.edges[used], graph.n), rates[used]
        cost = None if cost is None else cost[used]
    return evaluate(Program.build(graph, answer.criterion, cost=cost, total=answer.total), rates)


def _digest(text: str, arrays: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name], dtype="<f8").tobytes())
    return digest.hexdigest()
