"""Where compiled code is kept: a folder named by a hash of everything that the machine code depends on."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = ("stream.py", "kernels.py", "lift.py", "kinds.py", "flow.py", "modes.py", "rows.py", "engines")
_KEEP_DAYS = 30
ONE_AT_A_TIME = threading.RLock()
"""Held by whoever reads or compiles source: Python 3.11 mixes up the syntax trees of several threads."""


@cache
def folder() -> Path:
    """Return the cache folder for this version of the sources, this Numba and this Python; create it if need be."""
    import numba
    import platformdirs

    digest = hashlib.blake2b(f"{numba.__version__} {sys.version}".encode(), digest_size=8)
    for name in _SOURCES:
        place = _PACKAGE / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    root = Path(os.environ.get("GOSSIPSIM_CACHE") or platformdirs.user_cache_path("gossipsim", appauthor=False))
    mine = root / digest.hexdigest()
    try:
        mine.mkdir(parents=True, exist_ok=True)
        os.utime(mine)
        _forget_old(root)
    except OSError:
        mine = Path(tempfile.mkdtemp(prefix="gossipsim-"))
    return mine


def _forget_old(root: Path) -> None:
    oldest = time.time() - _KEEP_DAYS * 86400
    for other in root.iterdir():
        with contextlib.suppress(OSError):
            if other.is_dir() and other.stat().st_mtime < oldest:
                shutil.rmtree(other)


@contextlib.contextmanager
def kept_here() -> Iterator[None]:
    """Let the Numba functions that are defined inside keep their machine code in `folder()`."""
    from numba import config

    settings = vars(config)
    before, collects = settings["CACHE_DIR"], gc.isenabled()
    settings["CACHE_DIR"] = str(folder())
    gc.disable()  # a compiler makes so many objects that looking for garbage among them takes a tenth of its time
    try:
        yield
    finally:
        settings["CACHE_DIR"] = before
        if collects:
            gc.enable()


@cache
def compiled(name: str) -> ModuleType:
    """Return a module of `gossipsim.engines` that is compiled when imported, with its machine code kept here.

    Numba notices a changed file, but not a changed file that it draws on; the folder's name does.
    """
    with ONE_AT_A_TIME, kept_here():
        return importlib.import_module(f"gossipsim.engines.{name}")


def module(name: str, source: str) -> ModuleType:
    """Write `source` to the cache once and import it; the same source gives the same module and machine code."""
    with ONE_AT_A_TIME:
        return _module(name, source)


def _module(name: str, source: str) -> ModuleType:
    digest = hashlib.blake2b(source.encode(), digest_size=10).hexdigest()
    full = f"_gossipsim_{name}_{digest}"
    loaded = sys.modules.get(full)
    if loaded is not None:
        return loaded
    path = folder() / f"{full}.py"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(source)
        draft.replace(path)
    found = importlib.util.spec_from_file_location(full, path)
    assert found is not None
    assert found.loader is not None
    fresh = importlib.util.module_from_spec(found)
    sys.modules[full] = fresh
    try:
        with kept_here():
            found.loader.exec_module(fresh)
    except BaseException:
        del sys.modules[full]
        raise
    return fresh
