"""A YAML file as plain data that remembers on which line every key stands."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gossipsim.errors import Key, ScenarioError

LARGEST_FILE = 10_000_000
_MOST_VALUES = 1_000_000
_DEEPEST = 50


class Document:
    """Plain data with the place of every key.

    Attributes
    ----------
    data : dict
        What the file says.
    file : Path or None
        Where it was read.
    """

    def __init__(self, data: Any, file: Path | None = None, places: Mapping[Key, int] | None = None) -> None:
        self.data = data
        self.file = file
        self.lines = dict(places or {})
        self.overridden: set[Key] = set()

    @classmethod
    def load(cls, path: str | Path) -> Document:
        """Read a scenario file.

        Raises
        ------
        ScenarioError
            Missing, unreadable, too large, not text, not YAML, empty, duplicate keys, or aliases that unfold without end.
        """
        path = Path(path)
        try:
            if path.is_dir():
                raise ScenarioError("is a folder", file=path, allowed="a YAML file")
            with path.open("rb") as stream:  # a device has no size to ask for
                raw = stream.read(LARGEST_FILE + 1)
            if len(raw) > LARGEST_FILE:
                raise ScenarioError("is too large", file=path, allowed="at most 10 MB")
            text = raw.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise ScenarioError(f"is not text (byte {fault.start})", file=path, allowed="UTF-8 YAML") from None
        except OSError as fault:
            near = _similar(path)
            raise ScenarioError(
                f"cannot be read: {(fault.strerror or 'error').lower()}",
                file=path,
                allowed="an existing file",
                hint=near,
            ) from None
        return cls.read(text, path)

    @classmethod
    def read(cls, text: str, file: Path | None = None) -> Document:
        """Parse YAML text; see `load` for the errors."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        parser = YAML(typ="rt", pure=True)
        parser.allow_duplicate_keys = False
        try:
            if "&" in text and "*" in text:
                _unfolded(parser.compose(io.StringIO(text)), file)
            raw = parser.load(io.StringIO(text))
        except MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            problem = str(fault.problem or fault.context or "cannot be parsed").split("\n")[0]
            raise ScenarioError(f"not valid YAML: {problem}", file=file, line=mark.line + 1 if mark else None) from None
        except YAMLError as fault:
            raise ScenarioError(f"not valid YAML: {str(fault).splitlines()[0]}", file=file) from None
        except (RecursionError, ValueError) as fault:
            reason = "nested too deeply" if isinstance(fault, RecursionError) else str(fault).splitlines()[0]
            raise ScenarioError(f"not valid YAML: {reason}", file=file) from None
        if raw is None:
            raise ScenarioError("is empty", file=file, allowed="a scenario with topology, problem, method and run")
        document = cls(None, file)
        budget = [_MOST_VALUES]
        document.data = document._plain(raw, (), budget)
        return document

    def _plain(self, raw: Any, key: Key, budget: list[int]) -> Any:
        budget[0] -= 1
        if budget[0] < 0 or len(key) > _DEEPEST:
            raise ScenarioError(
                "unfolds into too many values (aliases of aliases?)" if budget[0] < 0 else "is nested too deeply",
                file=self.file,
                allowed=f"at most {_MOST_VALUES:,} values, {_DEEPEST} levels deep",
            )
        if isinstance(raw, Mapping):
            plain = {}
            for name, value in raw.items():
                place = raw.lc.data.get(name) if hasattr(raw, "lc") and raw.lc.data else None
                if not isinstance(name, str):
                    line = place[0] + 1 if place else None
                    raise ScenarioError(f"key {name!r} is not text", key=key, file=self.file, line=line)
                if place:
                    self.lines[(*key, name)] = place[0] + 1
                plain[str(name)] = self._plain(value, (*key, str(name)), budget)
            return plain
        if isinstance(raw, Sequence) and not isinstance(raw, str | bytes):
            for k in range(len(raw)):
                if hasattr(raw, "lc") and raw.lc.data and k in raw.lc.data:
                    self.lines[(*key, k)] = raw.lc.data[k][0] + 1
            return [self._plain(value, (*key, k), budget) for k, value in enumerate(raw)]
        if isinstance(raw, bool) or raw is None:
            return raw
        for plain_type in (int, float, str):
            if isinstance(raw, plain_type):
                return plain_type(raw)
        return str(raw)

    def set(self, dotted: str, value: Any) -> None:
        """Change one value, `set("method.name", "dadao")`, making mappings on the way.

        When a component's name changes, keys that stay behind are kept; `Scenario` drops those the new one does not know.
        """
        parts = dotted.split(".")
        if not all(parts):
            raise ScenarioError(f"given {dotted!r}", allowed="a dotted key such as method.name")
        if not isinstance(self.data, dict):
            raise ScenarioError("is not a mapping", file=self.file)
        here = self.data
        for part in parts[:-1]:
            inner = here.get(part)
            if isinstance(inner, str) and part != "name":
                inner = {"name": inner}
            if not isinstance(inner, dict):
                inner = {}
            here[part] = inner
            here = inner
        here[parts[-1]] = value
        self.overridden.add(tuple(parts))

    def _missing_above(self, fault: Key, key: Key) -> bool:
        """Return whether `fault` is a mapping that stands nowhere in the file and that an override began."""
        return bool(fault) and fault not in self.lines and key[: len(fault)] == fault

    def locate(self, error: ScenarioError) -> ScenarioError:
        """Fill in the file and the line of the longest known part of the error's key."""
        if any(error.key[: len(key)] == key or self._missing_above(error.key, key) for key in self.overridden):
            error.file = error.file or "--set"
            return error
        if error.file is not None:  # the fault stands in another file, such as a graph's
            return error
        error.file = str(self.file) if self.file else None
        if error.line is None:
            for length in range(len(error.key), 0, -1):
                line = self.lines.get(error.key[:length])
                if line is not None:
                    error.line = line
                    break
        return error


def _unfolded(root: Any, file: Path | None) -> int:
    """Return how many values a tree of YAML nodes unfolds to.

    Refuses anchors that contain themselves, which the parser would quietly replace by null, and aliases of aliases that
    unfold without end.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = -1
            parts = node.value if isinstance(node.value, list) else []
            inner = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
            sizes[id(node)] = 1 + sum(size(each) for each in inner)
        if not 0 < sizes[id(node)] <= _MOST_VALUES:
            what = (
                "an anchor contains itself"
                if sizes[id(node)] < 0
                else "unfolds into too many values (aliases of aliases?)"
            )
            line = node.start_mark.line + 1
            raise ScenarioError(what, file=file, line=line, allowed=f"at most {_MOST_VALUES:,} values")
        return sizes[id(node)]

    return size(root)


def value_of(text: str) -> Any:
    """Return the plain value of a piece of YAML, as in `--set KEY=VALUE`.

    Examples
    --------
    >>> value_of("0.5"), value_of("[error, gap]"), value_of("null"), value_of("grid")
    (0.5, ['error', 'gap'], None, 'grid')
    """
    return None if text.strip() in {"null", "~"} else Document.read(text).data


def _similar(path: Path) -> str | None:
    from gossipsim.errors import nearest

    folder = path.parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    found = nearest(path.name, names)
    return str(folder / found) if found else None


def yaml_text(data: Mapping[str, Any]) -> str:
    """Return plain data as YAML, keys in their own order, the innermost lists and mappings on one line.

    Examples
    --------
    >>> print(yaml_text({"seed": 1, "method": {"name": "dadao"}}), end="")
    seed: 1
    method: {name: dadao}
    """
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None
    writer.width = 120
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    writer.dump(data, text)
    return text.getvalue()
