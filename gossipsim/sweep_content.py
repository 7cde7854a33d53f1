"""What the result of a run depends on: the scenario, the files it names, and the sources of gossipsim."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gossipsim.scenario import Scenario

_NO_RESULT = (
    "cli", "__main__", "manual", "schema", "progress", "plot", "results", "html_report", "report_content", "report_page",
    "event_export", "summary", "statistics", "store", "sweeps",
)  # fmt: skip
_ENDINGS = ("_plot", "_command", "_summary", "_plan", "_runner", "_progress", "_part", "_xarray")
_FOLDERS = ("pictures/",)


def content(scenario: Scenario | None, refusal: str, values: Mapping[str, Any], sources: str) -> str:
    """Return all that the runs of one setting depend on, but the seed, as text."""
    mapping = {} if scenario is None else {key: value for key, value in scenario.mapping().items() if key != "seed"}
    files = sorted({place for text in _texts(mapping) if (place := _file(text)) is not None})
    parts = [mapping, refusal, dict(values), version("gossipsim"), sources, [[str(f), _file_digest(f)] for f in files]]
    return json.dumps(parts, sort_keys=True)


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts inside plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _file(text: str) -> Path | None:
    """Return the file that an absolute path, or path.py:Class, names."""
    if len(text) > 1000 or (not text.startswith("/") and ":" not in text[:3]):
        return None
    path = Path(text.rpartition(":")[0] if ".py:" in text else text)
    return path if path.is_absolute() and path.is_file() else None


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def absolute(value: Any, base: Path, key: str = "") -> Any:
    """Return plain data in which relative paths of existing files, as seen from `base`, are absolute."""
    if isinstance(value, Mapping):
        return {name: absolute(inner, base, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [absolute(inner, base) for inner in value]
    if isinstance(value, str) and (key in {"file", "trace"} or ".py:" in value):
        path, colon, attribute = value.rpartition(":") if ".py:" in value else (value, "", "")
        if (base / path).is_file():
            return f"{(base / path).resolve()}{colon}{attribute}"
    return value


@cache
def sources_digest() -> str:
    """Return a digest of the sources of gossipsim that results depend on: all but what draws, tells and stores."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        stem = place.removesuffix(".py")
        if stem not in _NO_RESULT and not stem.endswith(_ENDINGS) and not stem.startswith(_FOLDERS):
            digest.update(f"{place}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:24]
