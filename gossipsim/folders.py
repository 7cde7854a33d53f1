"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gossipsim.errors import ScenarioError


def require_free(folder: Path, ours: Callable[[Path], bool]) -> None:
    """Refuse a folder that a result cannot go to: one that holds something else, or that cannot be made.

    Parameters
    ----------
    folder : Path
        Where a result is to go.
    ours : callable
        Tells whether an existing folder holds a result, which may be replaced.

    Raises
    ------
    ScenarioError
        With the folder and what stands in the way.
    """
    folder = folder.absolute()
    if folder.exists() and not (folder.is_dir() and (ours(folder) or not any(folder.iterdir()))):
        raise ScenarioError("exists and is not a result of gossipsim", file=folder, allowed="a new folder")
    above = next(parent for parent in folder.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        reason = "may not be written to" if above.is_dir() else "is a file"
        raise ScenarioError(f"cannot be written: {above} {reason}", file=folder, allowed="a new folder")


@contextmanager
def whole_folder(folder: Path, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a draft folder beside `folder` that takes its place at the end, so that no half-written result is ever seen.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with whole_folder(Path(place, "result"), ours=lambda folder: False) as draft:
    ...         _ = (draft / "a.txt").write_text("whole")
    ...         before = Path(place, "result").exists()
    ...     before, Path(place, "result", "a.txt").read_text()
    (False, 'whole')
    """
    folder = folder.absolute()
    require_free(folder, ours)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as fault:
        raise ScenarioError(f"cannot be written: {fault.strerror}", file=folder) from None
    try:
        yield draft
        draft.chmod(0o755)
        for path in draft.rglob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
        if folder.exists():
            old = draft.with_suffix(".replaced")
            folder.rename(old)
            try:
                draft.rename(folder)
            except BaseException:
                old.rename(folder)
                raise
            shutil.rmtree(old)
        else:
            draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file, or nothing; what stood there before is replaced at once.

    Raises
    ------
    ScenarioError
        The place cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_whole(Path(place, "new", "a.txt"), b"whole")
    ...     [path.name for path in Path(place, "new").iterdir()]
    ['a.txt']
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".draft", dir=path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as fault:
        raise ScenarioError(f"cannot be written: {(fault.strerror or str(fault)).lower()}", file=path) from None
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
