"""Data files: read, checked to the last number, and refused in one sentence."""

from __future__ import annotations

import re
import textwrap
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import GossipsimError, ScenarioError, nearest, shown
from gossipsim.problems.base import LARGEST, Rows

Vector = NDArray[np.float64]

FORMATS = ".npz, .csv, .parquet, .libsvm (also .svm, .svmlight or no suffix)"


@dataclass(frozen=True, eq=False)
class Table:
    """Samples as they stand in a file.

    Attributes
    ----------
    data : (N, d)
        Features.
    labels : (N,)
        Labels.
    first : (n + 1,) int64 or None
        Where the block of each node starts, if the file is divided into blocks.
    classes : tuple of str
        Names of the labels 0, 1, ..., if they have names.
    rows : recarray (N,) or None
        What `data` and `labels` are fields of, if there is such a thing.
    """

    data: Vector
    labels: Vector
    first: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    rows: Rows | None = None

    def place(self, j: int) -> str:
        """Return how the file indexes label number `j`."""
        if self.first is None:
            return f"labels[{j}]"
        i = int(np.searchsorted(self.first, j, side="right")) - 1
        return f"labels[{i}, {j - int(self.first[i])}]"


def read(path: Path, target: str | None = None) -> Table:
    """Read a data file.

    npz files hold `data` `(n, m, d)` and `labels` `(n, m)`, one block per node; or `data_0`, `labels_0`, `data_1`, ...,
    one pair per node; or `data` `(N, d)` and `labels` `(N,)`. CSV and Parquet files have numeric columns, one of
    which is the label; a label column of words holds classes, numbered 0, 1, ... in alphabetical order. A CSV file whose
    first line is all numbers has no header. libsvm files are read by scikit-learn.

    Parameters
    ----------
    path : Path
        The file; its suffix says the format.
    target : str, optional
        Label column of a CSV or Parquet file; the last column by default.

    Raises
    ------
    ScenarioError
        Key `file`: the file cannot be read, or an array is missing, of the wrong shape, or not finite.
        Key `target`: no such column, or the format has no columns.

    Examples
    --------
    >>> read(Path("absent.csv"))
    Traceback (most recent call last):
    gossipsim.errors.ScenarioError: file: no file 'absent.csv'
    """
    suffix = path.suffix.lower()
    columned = suffix in {".csv", ".parquet", ".pq"}
    if not path.is_file():
        beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        what = f"no file {shown(path.name)}" + (", it is a folder" if path.is_dir() else "")
        raise ScenarioError(what, key=("file",), hint=None if path.is_dir() else nearest(path.name, beside))
    if target is not None and not columned:
        raise ScenarioError(
            f"{path.name} has no named columns", key=("target",), allowed="target with .csv or .parquet"
        )
    if path.stat().st_size == 0:
        raise _fault(f"{path.name} is empty")
    if suffix == ".npz":
        return _npz(path)
    if columned:
        return _columns(path, target)
    if suffix in {"", ".svm", ".libsvm", ".svmlight", ".t"}:
        return _libsvm(path)
    raise ScenarioError(f"{path.name} has the unknown format {suffix!r}", key=("file",), allowed=FORMATS)


def arrays(path: Path, wanted: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays called `wanted` of an npz file, never unpickling anything.

    Raises
    ------
    ScenarioError
        Key `file`: no such file, not an npz file, arrays missing, pickled, or too large.
    """
    if not path.is_file():
        raise _fault(f"no file {shown(path.name)}")
    with _sentence(path, "npz"):
        if not zipfile.is_zipfile(path):
            raise _fault(f"{path.name} is not an npz file")
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            missing = [name for name in wanted if name not in names]
            if missing:
                raise ScenarioError(
                    f"{path.name} has no array {missing[0]!r}, it has {', '.join(names) or 'none'}",
                    key=("file",),
                    hint=nearest(missing[0], names),
                )
            size = sum(
                info.file_size for info in archive.zip.infolist() if info.filename.removesuffix(".npy") in wanted
            )
            if size > 8 * LARGEST:
                raise _fault(f"{path.name} holds {size:.3g} bytes, more than {8 * LARGEST:.3g}")
            return {name: archive[name] for name in wanted}


def numbers(array: NDArray[Any], name: str, ndim: int, path: Path) -> Vector:
    """Return `array` as float64 after checking its type, number of axes, size and finiteness."""
    if array.dtype.kind not in "fiub":
        raise _fault(f"{name} in {path.name} holds {array.dtype}, not numbers")
    if array.ndim != ndim:
        raise _fault(f"{name} in {path.name} has shape {array.shape}, expected {ndim} axes")
    if array.size == 0:
        raise _fault(f"{name} in {path.name} is empty, shape {array.shape}")
    out = np.ascontiguousarray(array, dtype=np.float64)
    finite = np.isfinite(out)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        raise _fault(f"{name}[{', '.join(map(str, place))}] in {path.name} is {out[place]}")
    return out


def _npz(path: Path) -> Table:
    with _sentence(path, "npz"):
        if not zipfile.is_zipfile(path):
            raise _fault(f"{path.name} is not an npz file")
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    if "data" not in names and any(re.fullmatch(r"(data|labels)_\d+", name) for name in names):
        return _shards(path, names)
    found = arrays(path, ["data", "labels"])
    data = numbers(found["data"], "data", 3 if found["data"].ndim == 3 else 2, path)
    labels = numbers(found["labels"], "labels", data.ndim - 1, path)
    if labels.shape != data.shape[:-1]:
        raise _fault(f"labels in {path.name} has shape {labels.shape}, but data has shape {data.shape}")
    if data.ndim == 2:
        return Table(data, labels)
    n, m, d = data.shape
    return Table(data.reshape(n * m, d), labels.reshape(-1), np.arange(n + 1, dtype=np.int64) * m)


def _shards(path: Path, names: list[str]) -> Table:
    count = 1 + max(int(name.rpartition("_")[2]) for name in names if re.fullmatch(r"(data|labels)_\d+", name))
    if count > len(names):
        wanted = next(f"data_{i}" for i in range(count) if f"data_{i}" not in names)
        raise _fault(f"{path.name} has no array {wanted!r}")
    found = arrays(path, [f"{kind}_{i}" for i in range(count) for kind in ("data", "labels")])
    data = [numbers(found[f"data_{i}"], f"data_{i}", 2, path) for i in range(count)]
    labels = [numbers(found[f"labels_{i}"], f"labels_{i}", 1, path) for i in range(count)]
    for i, (block, values) in enumerate(zip(data, labels, strict=True)):
        if len(block) != len(values):
            raise _fault(f"labels_{i} in {path.name} has {len(values)} entries, but data_{i} has shape {block.shape}")
        if block.shape[1] != data[0].shape[1]:
            raise _fault(f"data_{i} in {path.name} has {block.shape[1]} columns, but data_0 has {data[0].shape[1]}")
    first = np.concatenate([[0], np.cumsum([len(values) for values in labels])]).astype(np.int64)
    return Table(np.concatenate(data), np.concatenate(labels), first)


def _columns(path: Path, target: str | None) -> Table:
    import pandas as pd

    with _sentence(path, path.suffix[1:]):
        if path.suffix.lower() == ".csv":
            frame = pd.read_csv(path, low_memory=False)
            if all(_numeric(name) for name in frame.columns):
                frame = pd.read_csv(path, header=None, low_memory=False)
        else:
            frame = pd.read_parquet(path)
    frame.columns = [str(name) for name in frame.columns]
    target = frame.columns[-1] if target is None and len(frame.columns) else target
    if target not in frame.columns:
        raise ScenarioError(
            f"{path.name} has no column {shown(target)}",
            key=("target",),
            allowed=textwrap.shorten(", ".join(frame.columns), 200, placeholder=" ..."),
            hint=nearest(target, frame.columns),
        )
    if len(frame) == 0 or len(frame.columns) < 2:
        raise _fault(f"{path.name} has {len(frame)} rows and {len(frame.columns)} columns, too few")
    if not frame.columns.is_unique:
        raise _fault(f"{path.name} has two columns called {frame.columns[frame.columns.duplicated()][0]!r}")
    classes, frame[target] = _classes(frame[target])
    for name in frame.columns:
        _check_column(frame[name], name, path)
    data = frame.drop(columns=target).to_numpy(dtype=np.float64)
    return Table(np.ascontiguousarray(data), frame[target].to_numpy(dtype=np.float64), classes=classes)


def _classes(column: Any) -> tuple[tuple[str, ...], Any]:
    """Return the names of the classes of a column of words, and the column as numbers; other columns as they are."""
    import pandas as pd

    words = pd.api.types.is_string_dtype(column) and not column.isna().any()
    if not words or pd.to_numeric(column, errors="coerce").notna().any():
        return (), column
    numbers, names = pd.factorize(column, sort=True)
    return tuple(map(str, names)), pd.Series(numbers, index=column.index)


def _check_column(column: Any, name: str, path: Path) -> None:
    import pandas as pd

    gaps = np.flatnonzero(column.isna().to_numpy())
    if gaps.size:
        raise _fault(f"column {name!r} of {path.name} has no value in row {gaps[0]}")
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)) or column.dtype.kind == "c":
        text = pd.to_numeric(column.astype(str), errors="coerce").isna().to_numpy()
        row = int(np.argmax(text))
        raise _fault(f"column {name!r} of {path.name} is not numeric: row {row} holds {shown(column.iloc[row])}")
    wild = np.flatnonzero(~np.isfinite(column.to_numpy(dtype=np.float64)))
    if wild.size:
        raise _fault(f"column {name!r} of {path.name} is {column.iloc[wild[0]]} in row {wild[0]}")


def _libsvm(path: Path) -> Table:
    from sklearn.datasets import load_svmlight_file

    with _sentence(path, "libsvm"):
        sparse, labels = load_svmlight_file(str(path))
        if sparse.shape[0] * sparse.shape[1] > LARGEST:
            raise _fault(f"{path.name} has shape {sparse.shape}, more than {LARGEST:.3g} numbers")
        data = sparse.toarray()
    return Table(numbers(data, "data", 2, path), numbers(labels, "labels", 1, path))


def _numeric(name: object) -> bool:
    try:
        float(str(name))
    except ValueError:
        return False
    return True


def _fault(message: str) -> ScenarioError:
    return ScenarioError(message, key=("file",))


@contextmanager
def _sentence(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises on a broken file into one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except GossipsimError:
        raise
    except Exception as fault:
        reason = " ".join(str(fault).split())
        if "allow_pickle" in reason:
            reason = "it holds pickled objects, which are never loaded"
        raise _fault(f"{path.name} cannot be read as {what}: {reason[:200] or type(fault).__name__}") from fault
