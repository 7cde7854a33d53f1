"""The folder of a sweep: one Parquet file and one JSON file per run, each whole or not there; docs/sweeps.md has the schema."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.document import yaml_text
from gossipsim.errors import ScenarioError, shown
from gossipsim.folders import require_free, write_whole
from gossipsim.sweep_plan import Plan, Run
from gossipsim.trace import COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
_AS_SAVED = "files as they were saved; --resume runs what is not whole again"
_KINDS = {"format": int, "gossipsim": str, "sources": str, "kinds": dict, "runs": list, "given": dict}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one run.

    Attributes
    ----------
    status : str
        As of a `Trace`; or "refused" (the method declines), "failed" (bad input that shows when the world is built, or any
        other error), without columns.
    sentence : str
        Why, when it did not run to its end.
    columns : dict of ndarray, shape (records,)
        As of a `Trace`; empty without one.
    meta : dict
        As of a `Trace`.
    lasting : bool
        Whether the same would come of it again; what is not, such as a lack of memory, is tried again on resuming.
    final : dict of ndarray
        As of a `Trace`, when it was to be kept.
    """

    status: str
    sentence: str = ""
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    lasting: bool = True
    final: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """Names of the metric columns."""
        return [name for name in self.columns if name not in COUNTS]


class Store:
    """A sweep's folder, open for writing by one process at a time.

    Use `Store.open`; the folder is free again when the process ends, however it ends.
    """

    def __init__(self, folder: Path, plan: Plan, lock: Any = None) -> None:
        self.folder, self.plan, self._lock = folder, plan, lock

    @classmethod
    def open(cls, folder: str | Path, plan: Plan, *, resume: bool = False) -> Store:
        """Begin a folder for a sweep, or go on with one.

        Raises
        ------
        ScenarioError
            The folder holds something else, another sweep, or this one and `resume` was not asked for; or another process
            is writing to it.
        """
        folder = Path(folder).absolute()
        require_free(folder, is_sweep)
        try:
            (folder / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ScenarioError(f"cannot be written: {fault.strerror}", file=folder) from None
        store = cls(folder, plan, _locked(folder))
        try:
            store._begin(resume)
        except BaseException:
            store.close()
            raise
        return store

    def _begin(self, resume: bool) -> None:
        """Write what was asked, if the folder may hold it."""
        plan, folder = self.plan, self.folder
        runs = [{"run": run.id, "setting": run.setting, "values": run.values, "seed": run.seed} for run in plan.runs]
        manifest: dict[str, Any] = {
            "format": FORMAT, "gossipsim": version("gossipsim"), "sources": plan.sources, "given": plan.given,
            "kinds": plan.kinds, "runs": runs,
        }  # fmt: skip
        if (folder / "sweep.json").exists():
            _same_sweep(folder, manifest, resume)
        (folder / "sweep.parquet").unlink(missing_ok=True)
        write_whole(folder / "sweep.yaml", yaml_text(plan.given).encode())
        write_whole(folder / "sweep.json", _sealed(manifest))
        for draft in folder.rglob(".*.draft"):
            draft.unlink(missing_ok=True)

    def write(self, run: Run, outcome: Outcome) -> None:
        """Keep what came of one run; the JSON file comes last, so that a run counts when it is there."""
        record: dict[str, Any] = {
            "format": FORMAT, "run": run.id, "setting": run.setting, "values": run.values, "seed": run.seed,
            "status": outcome.status, "sentence": outcome.sentence, "lasting": outcome.lasting,
            "scenario": None if run.scenario is None else run.scenario.mapping(),
            "meta": _finite(outcome.meta), "trace": None, "final": None,
        }  # fmt: skip
        if outcome.columns:
            raw = parquet(table_of(self.plan.kinds, [(run, outcome)]))
            write_whole(self.folder / "runs" / f"{run.id}.parquet", raw)
            record["trace"] = _digest(raw)
        if outcome.final:
            stream = io.BytesIO()
            np.savez(stream, **outcome.final)  # type: ignore[arg-type]
            raw = stream.getvalue()
            write_whole(self.folder / "runs" / f"{run.id}.npz", raw)
            record["final"] = _digest(raw)
        write_whole(self.folder / "runs" / f"{run.id}.json", _sealed(record))

    def finished(self, keep_final: bool = False) -> tuple[dict[str, Outcome], list[str]]:
        """Return what came of the runs that need no repetition, by id, and the faults of files that are not whole.

        A run whose final state is wanted and was not kept is repeated.
        """
        found, faults = {}, []
        for run in self.plan.runs:
            if (self.folder / "runs" / f"{run.id}.json").exists():
                try:
                    outcome = read_outcome(self.folder, run.id)
                except ScenarioError as fault:
                    faults.append(str(fault))
                    continue
                if outcome.lasting and (outcome.final or not outcome.columns or not keep_final):
                    found[run.id] = outcome
        return found, faults

    def finish(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write the records of all runs as one table, `sweep.parquet`."""
        pairs = [(run, outcomes[run.id]) for run in self.plan.runs if run.id in outcomes]
        write_whole(self.folder / "sweep.parquet", parquet(table_of(self.plan.kinds, pairs)))

    def close(self) -> None:
        """Let other processes write here."""
        if self._lock is not None:
            self._lock.close()


def table_of(kinds: Mapping[str, str], pairs: Sequence[tuple[Run, Outcome]]) -> pa.Table:
    """Return the records of runs as one table: varied keys, seed, status, and the columns of their traces."""
    import pyarrow as pa

    pairs = [(run, outcome) for run, outcome in pairs if outcome.columns]
    lengths = [len(outcome.columns["time"]) for _, outcome in pairs]
    types = {"int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_(), "string": pa.string()}
    table: dict[str, Any] = {}
    for key, kind in kinds.items():
        table[key] = _repeated([run.values[key] for run, _ in pairs], lengths, types[kind])
    table["seed"] = _repeated([run.seed for run, _ in pairs], lengths, pa.int64())
    table["status"] = _repeated([outcome.status for _, outcome in pairs], lengths, pa.string())
    names = dict.fromkeys([*COUNTS, *(name for _, outcome in pairs for name in outcome.columns)])
    for name in names:
        number: Any = np.float64 if name == "time" or name not in COUNTS else np.int64
        missing = [np.full(length, np.nan) for length in lengths]
        parts = [outcome.columns.get(name, gap) for (_, outcome), gap in zip(pairs, missing, strict=True)]
        table[name] = pa.array(np.concatenate([np.empty(0, number), *parts]).astype(number))
    return pa.table(table)


def _repeated(values: Sequence[Any], lengths: Sequence[int], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    places = np.repeat(np.arange(len(values)), lengths)
    return pa.array(values, type=kind).take(pa.array(places, type=pa.int64()))


def parquet(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, compression="zstd")
    return bytes(stream.getvalue().to_pybytes())


def is_sweep(folder: Path) -> bool:
    """Return whether a folder holds a sweep, finished or not."""
    try:
        read_manifest(folder)
    except ScenarioError:
        # A process that was killed while it began a sweep leaves this behind.
        inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        begun = {"runs", ".lock", "sweep.yaml"}
        return "runs" in inside and inside - {name for name in inside if name.endswith(".draft")} <= begun
    return True


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return what `sweep.json` says.

    Raises
    ------
    ScenarioError
        Not a sweep, changed since, or written by a newer gossipsim.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ScenarioError("no such folder", file=folder, allowed="a sweep that `gossipsim sweep` saved")
    found = _opened(folder / "sweep.json")
    if found is None or not all(isinstance(found.get(name), kind) for name, kind in _KINDS.items()):
        raise ScenarioError("holds no sweep", file=folder, allowed="a folder with sweep.json of gossipsim")
    if found["format"] > FORMAT:
        message = f"was written in format {found['format']} by a newer gossipsim"
        raise ScenarioError(message, file=folder, allowed=f"up to {FORMAT}")
    return found


def read_outcome(folder: Path, run: str) -> Outcome:
    """Return what came of one run.

    Raises
    ------
    ScenarioError
        A file that is missing, damaged, changed or not ours.
    """
    place = folder / "runs" / f"{run}.json"
    record = _opened(place)
    if record is None or record.get("run") != run:
        raise ScenarioError("is missing, damaged or not a run of gossipsim", file=place, allowed=_AS_SAVED)
    if record["format"] > FORMAT:
        raise ScenarioError(f"was written in format {record['format']}", file=place, allowed=f"up to {FORMAT}")
    columns: dict[str, NDArray[Any]] = {}
    if record["trace"] is not None:
        columns = _columns(_checked(place.with_suffix(".parquet"), record["trace"]), len(record["values"]) + 2)
    final: dict[str, NDArray[Any]] = {}
    if record.get("final") is not None:
        with np.load(io.BytesIO(_checked(place.with_suffix(".npz"), record["final"]))) as arrays:
            final = dict(arrays)
    return Outcome(record["status"], record["sentence"], columns, record["meta"], record["lasting"], final)


def _checked(place: Path, digest: str) -> bytes:
    raw = place.read_bytes() if place.is_file() else b""
    if _digest(raw) != digest:
        raise ScenarioError("is missing, damaged or was changed", file=place, allowed=_AS_SAVED)
    return raw


def _columns(raw: bytes, first: int) -> dict[str, NDArray[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(raw))
    return {name: table[name].to_numpy() for name in table.column_names[first:]}


def _same_sweep(folder: Path, manifest: Mapping[str, Any], resume: bool) -> None:
    """Refuse a folder whose runs this sweep does not ask for."""
    old = read_manifest(folder)
    wanted = {entry["run"] for entry in manifest["runs"]}
    strangers = [entry for entry in old["runs"] if entry["run"] not in wanted]
    if strangers:
        entry = {**strangers[0]["values"], "seed": strangers[0]["seed"]}
        said = f"{len(strangers)} of its {len(old['runs'])} runs are not asked for, such as {shown(entry, 200)}"
        if (old["gossipsim"], old["sources"]) != (manifest["gossipsim"], manifest["sources"]):
            said = f"it was made by other sources of gossipsim (version {old['gossipsim']})"
        raise ScenarioError(f"holds another sweep: {said}", file=folder, allowed="a new folder")
    if not resume:
        raise ScenarioError("holds this sweep already", file=folder, allowed="--resume to go on, or a new folder")


def _locked(folder: Path) -> Any:
    """Return an open file that keeps other processes out of the folder until it is closed."""
    try:
        import fcntl
    except ImportError:  # not a Unix
        return None
    stream = (folder / ".lock").open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise ScenarioError("another process is writing here", file=folder, allowed="a sweep of its own") from None
    except OSError:  # a file system without locks
        stream.close()
        return None
    return stream


def _sealed(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON with the digest of everything else in it."""
    raw = _json(record)
    return raw.removesuffix(b"\n}\n") + b',\n "digest": "' + _digest(raw).encode() + b'"\n}\n'


def _opened(path: Path) -> dict[str, Any] | None:
    """Return a sealed record, or None when it is not there, damaged or not ours."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        if isinstance(found, dict) and found.pop("digest", None) == _digest(_json(found)):
            return found
    return None


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _finite(value: Any) -> Any:
    """Return plain data in which numbers that are not finite are None."""
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not isfinite(value) else value


def runs_of(manifest: Mapping[str, Any]) -> Iterator[Run]:
    """Yield the runs that a manifest lists, without their scenarios."""
    for entry in manifest["runs"]:
        yield Run(entry["run"], entry["setting"], entry["values"], entry["seed"])
