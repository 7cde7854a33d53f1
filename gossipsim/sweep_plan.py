"""What a sweep is to run: settings from values of varied keys, and one run for each setting and seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from gossipsim.component import plain
from gossipsim.contenders import contenders
from gossipsim.document import Document
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.scenario import Scenario, change
from gossipsim.sweep_content import absolute, content, sources_digest

MODES = ("product", "zip")
DEFAULT_SEEDS = 20
_BLOCK = ("vary", "mode", "seeds")
_LONGEST = 60


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes
    ----------
    id : str
        Hash of the scenario, of the files it names, of the varied values and of the sources of gossipsim.
    setting : int
        Number of its setting; the runs of one setting differ in their seed only.
    values : dict
        Varied key -> value, None where the key does not apply.
    scenario : Scenario or None
        What is run; None when the method declines it.
    refusal : str
        Why it is declined, in one sentence.
    """

    id: str
    setting: int
    values: dict[str, Any]
    seed: int
    scenario: Scenario | None = None
    refusal: str = ""

    @property
    def name(self) -> str:
        """What tells it from the other runs, in one line."""
        return ", ".join([*(f"{key} = {value}" for key, value in self.values.items()), f"seed = {self.seed}"])


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep, setting by setting.

    Attributes
    ----------
    given : dict
        The scenario as plain data with `sweep: {vary, mode, seeds}`; files have absolute paths.
    kinds : dict
        Varied key -> "int64", "double", "bool" or "string", the type of its column.
    runs : tuple of Run
    sources : str
        Digest of the sources that results depend on.
    """

    given: dict[str, Any]
    kinds: dict[str, str]
    runs: tuple[Run, ...]
    sources: str

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.given.get("name", "scenario"))


def plan(
    document: Document,
    vary: Mapping[str, Iterable[Any]] | None = None,
    mode: str | None = None,
    seeds: int | Iterable[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    origin: str = "vary",
) -> Plan:
    """Return the runs that a scenario and varied keys ask for.

    Parameters
    ----------
    document : Document
        A scenario, with `method` or `methods`; its `sweep: {vary, mode, seeds}` holds where the arguments say nothing.
    vary : mapping, optional
        Dotted key -> values, as for `Scenario.replace`.
    mode : {"product", "zip"}, optional
        All combinations, or first with first, second with second; all of `methods` in any case.
    seeds : int or iterable of int, optional
        The seeds of every setting; a number k means 0, ..., k - 1. Default 20.
    overrides : mapping, optional
        Dotted keys that are the same for all.
    origin : str
        What a fault calls the place where values were given.

    Raises
    ------
    ScenarioError
        Names the key and the value, what is allowed, and the nearest name.

    Examples
    --------
    >>> shared = {"topology": {"name": "cycle", "n": 8}, "problem": {"name": "quadratic", "dim": 2}, "run": {"time": 5}}
    >>> asked = plan(Document({**shared, "method": "dadao"}), {"topology.n": [4, 8]}, seeds=3)
    >>> [(run.values["topology.n"], run.seed) for run in asked.runs]
    [(4, 0), (4, 1), (4, 2), (8, 0), (8, 1), (8, 2)]
    """
    document = _copy(document)
    data = document.data
    if not isinstance(data, dict):
        raise document.locate(ScenarioError(f"given {shown(data)}", allowed="a mapping with topology, problem, method"))
    block = _block(document)
    own = block.get("vary") or {}
    places = {key: _Place(document, key, origin) for key in own} | {
        key: _Place(None, key, origin) for key in vary or {}
    }
    asked = {key: _values(key, values, places[key]) for key, values in {**own, **(vary or {})}.items()}
    in_block = [name for name, argument in (("mode", mode), ("seeds", seeds)) if argument is None and name in block]
    try:
        mode = _mode(mode or block.get("mode") or "product")
        numbers = _seeds(block.get("seeds", DEFAULT_SEEDS) if seeds is None else seeds)
    except ScenarioError as fault:
        raise (document.locate(fault.under("sweep")) if fault.key[0] in in_block else fault) from None
    change(document, overrides or {})
    _check_methods(data, asked)
    settings = list(_settings(document, asked, mode, places))
    columns = [key for key in dict.fromkeys(["method", *asked]) if any(key in values for values, _, _ in settings)]
    rows, kinds = _typed([{key: values.get(key) for key in columns} for values, _, _ in settings], columns)
    sources = sources_digest()
    runs: list[Run] = []
    for k, (values, (_, scenario, refusal)) in enumerate(zip(rows, settings, strict=True)):
        same = content(scenario, refusal, values, sources)
        for seed in numbers:
            own = None if scenario is None else scenario.model_copy(update={"seed": seed})
            digest = hashlib.sha256(f"{same} {seed}".encode()).hexdigest()[:24]
            runs.append(Run(digest, k, values, seed, own, refusal))
    base = document.file.parent if document.file else Path.cwd()
    given = {**absolute(data, base.resolve()), "sweep": {"vary": asked, "mode": mode, "seeds": numbers}}
    return Plan(given, kinds, tuple(runs), sources)


def _copy(document: Document) -> Document:
    found = Document(deepcopy(document.data), document.file, document.lines)
    found.overridden = set(document.overridden)
    return found


def _block(document: Document) -> dict[str, Any]:
    """Return the scenario's `sweep`, taken out of it."""
    block = document.data.pop("sweep", {})
    fault = None
    if not isinstance(block, dict):
        fault = ScenarioError(f"given {shown(block)}", key=("sweep",), allowed=f"a mapping with {', '.join(_BLOCK)}")
    elif set(block) - set(_BLOCK):
        key = next(key for key in block if key not in _BLOCK)
        hint = nearest(key, _BLOCK)
        fault = ScenarioError(f"unknown key {key!r}", key=("sweep", key), allowed=", ".join(_BLOCK), hint=hint)
    elif not isinstance(block.get("vary", {}), dict):
        allowed = "a mapping such as {topology.n: [16, 32]}"
        fault = ScenarioError(f"given {shown(block['vary'])}", key=("sweep", "vary"), allowed=allowed)
    if fault is not None:
        raise document.locate(fault)
    return dict(block)


class _Place:
    """Where the values of a varied key were given: in the scenario's `sweep`, or in what a fault calls `origin`."""

    def __init__(self, document: Document | None, key: str, origin: str) -> None:
        file = None if document is None else document.file
        self.in_file = file is not None
        self.file = origin if file is None else str(file)
        self.line = None if document is None else document.lines.get(("sweep", "vary", key))

    def fault(self, message: str, allowed: str) -> ScenarioError:
        """Return a fault of the values."""
        return ScenarioError(message, file=self.file, line=self.line, allowed=allowed)


def _values(key: str, values: Any, place: _Place) -> list[Any]:
    """Return the values of one varied key as plain data."""
    if key.split(".", maxsplit=1)[0] == "seed":
        raise place.fault("seed is not varied like other keys", "seeds: 20, or a list of seeds")
    if key.startswith("methods"):
        raise place.fault(f"given {key!r}", "the entries of `methods` in the file, or keys such as method.name")
    listed = plain(list(values)) if isinstance(values, Iterable) and not isinstance(values, str | Mapping) else values
    if not isinstance(listed, list) or not listed:
        raise place.fault(f"{key}: given {shown(values)}", "a list with at least one value")
    labels = [_label(value) for value in listed]
    twice = next((label for k, label in enumerate(labels) if label in labels[:k]), None)
    if twice is not None:
        raise place.fault(f"{key}: {shown(twice)} is given twice", "every value once")
    return listed


def _mode(given: Any) -> str:
    if given not in MODES:
        hint = nearest(given, MODES) if isinstance(given, str) else None
        raise ScenarioError(f"given {shown(given)}", key=("mode",), allowed=" or ".join(MODES), hint=hint)
    return str(given)


def _seeds(given: Any) -> list[int]:
    whole = isinstance(given, int) and not isinstance(given, bool)
    numbers = list(range(given)) if whole else given
    numbers = list(numbers) if isinstance(numbers, Iterable) and not isinstance(numbers, str) else []
    numbers = [int(seed) if hasattr(seed, "__index__") and not isinstance(seed, bool) else -1 for seed in numbers]
    if not numbers or min(numbers) < 0 or max(numbers) >= 2**63 or len(set(numbers)) < len(numbers):
        allowed = "a number of seeds, or a list of different whole numbers, 0 to 2^63 - 1"
        raise ScenarioError(f"given {shown(given)}", key=("seeds",), allowed=allowed)
    return numbers


def _check_methods(data: dict[str, Any], asked: Mapping[str, Any]) -> None:
    """Let a varied method take the place of `methods`."""
    of_method = [key for key in asked if key.split(".")[0] == "method"]
    if "methods" in data and of_method:
        if not {"method", "method.name"} & set(of_method):
            raise ScenarioError(
                f"{of_method[0]} cannot be varied beside methods", key=("methods",), allowed="a scenario with method"
            )
        del data["methods"]


def _settings(
    document: Document, asked: Mapping[str, list[Any]], mode: str, places: Mapping[str, _Place]
) -> Iterator[tuple[dict[str, Any], Scenario | None, str]]:
    """Yield values, scenario and refusal of every setting; the method varies slowest, then the keys as given."""
    lengths = {len(values) for values in asked.values()}
    if mode == "zip" and len(lengths) > 1:
        said = ", ".join(f"{key}: {len(values)}" for key, values in asked.items())
        raise places[next(iter(asked))].fault(f"lists of different lengths ({said})", "equal lengths with zip")
    rows = zip(*asked.values(), strict=True) if mode == "zip" and asked else product(*asked.values())
    found: list[tuple[int, dict[str, Any], Scenario | None, str]] = []
    unknown: dict[str, ScenarioError] = {}
    known: set[str] = set()
    faults: list[ScenarioError] = []
    for row in rows:
        changes = dict(zip(asked, row, strict=True))
        while True:
            try:
                found += _built(document, changes)
                break
            except ScenarioError as fault:
                key = ".".join(map(str, fault.key))
                if fault.message.startswith("unknown key") and key in changes and _renamed(key, asked):
                    unknown.setdefault(key, _placed(fault, places))
                    del changes[key]  # such as method.gamma for a method without gamma
                elif fault.key == ("run", "rounds"):
                    faults.append(fault)  # a method without rounds beside others that have them
                    found.append((0, {key: _label(value) for key, value in changes.items()}, None, fault.message))
                    break
                else:
                    raise _placed(fault, places) from None
        known |= set(changes)
    strange = next((key for key in unknown if key not in known), None)
    if strange is not None:
        raise unknown[strange]
    if faults and len(faults) == len(found):
        raise _placed(faults[0], places)
    seen: set[str] = set()
    for _, values, scenario, refusal in sorted(found, key=lambda entry: entry[0]):
        text = json.dumps(values, sort_keys=True)
        if text not in seen:  # settings that differ only in a key that does not apply are one
            seen.add(text)
            yield values, scenario, refusal


def _renamed(key: str, asked: Mapping[str, Any]) -> bool:
    family = key.split(".", maxsplit=1)[0]
    return family in asked or f"{family}.name" in asked


def _placed(fault: ScenarioError, places: Mapping[str, _Place]) -> ScenarioError:
    """Return the fault with the place where the value was given, when it is about a varied key."""
    for key, place in places.items():
        parts = tuple(key.split("."))
        if fault.file == "--set" and parts[: len(fault.key)] == fault.key[: len(parts)]:
            fault.file, fault.line = place.file, place.line
            if place.in_file:
                fault.under("sweep", "vary")
    return fault


def _built(document: Document, changes: Mapping[str, Any]) -> list[tuple[int, dict[str, Any], Scenario | None, str]]:
    """Return place, values, scenario and refusal of every method with these changes."""
    here = _copy(document)
    change(here, changes)
    values = {key: _label(value) for key, value in changes.items()}
    if "methods" not in here.data:
        return [(0, values, Scenario.from_document(here), "")]
    entrants = contenders(here)
    return [(k, {"method": each.label, **values}, each.scenario, each.refusal) for k, each in enumerate(entrants)]


def _label(value: Any) -> Any:
    """Return a number, a truth value, None or a short text that stands for a value in tables.

    Examples
    --------
    >>> _label(16), _label({"name": "cycle", "n": 8}), _label([0, 1])
    (16, 'cycle n=8', '[0, 1]')
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        rest = [f"{key}={_label(inner)}" for key, inner in value.items() if key != "name"]
        text = " ".join([value["name"], *rest])
    else:
        text = json.dumps(value)
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 10]}.. {hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _typed(rows: list[dict[str, Any]], columns: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows with one type in each column, and the types."""
    kinds: dict[str, str] = {}
    for key in columns:
        types = {type(row[key]) for row in rows if row[key] is not None}
        if types <= {bool}:
            kinds[key] = "bool"
        elif types <= {int}:
            kinds[key] = "int64"
        elif types <= {int, float}:
            kinds[key] = "double"
        else:
            kinds[key] = "string"
        cast = {"double": float, "string": str}.get(kinds[key])
        for row in rows:
            if cast is not None and row[key] is not None:
                row[key] = cast(row[key])
    return rows, kinds
