"""A scenario file with `methods` in place of `method`: one scenario for each of them, all else shared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gossipsim.document import Document
from gossipsim.errors import ScenarioError, shown
from gossipsim.methods.base import Method
from gossipsim.scenario import Scenario

LONGEST_LABEL = 60
HOW_TO_TALK: tuple[str, ...] = tuple(key for key in ("rates", "mixing", "compressor") if key in Scenario.model_fields)
"""Keys of a scenario that an entry of `methods` may set for itself."""
OWN_KEYS = ("label", *HOW_TO_TALK)
"""Keys of an entry of `methods` that are not settings of the method."""


@dataclass(frozen=True)
class Contender:
    """One entry of `methods`.

    Attributes
    ----------
    label : str
        What tables and pictures call it; no two are alike.
    entry : dict
        The entry as plain data, with its label; files have absolute paths.
    scenario : Scenario or None
        The scenario with this method; None when the method cannot serve it.
    refusal : str
        Why not, in one sentence.
    """

    label: str
    entry: dict[str, Any]
    scenario: Scenario | None
    refusal: str = ""


def is_comparison(document: Document, overrides: Mapping[str, Any]) -> bool:
    """Return whether a document asks for several methods; an override of `method` asks for that one alone.

    Examples
    --------
    >>> both = Document({"methods": ["dadao", "gossip"]})
    >>> is_comparison(both, {}), is_comparison(both, {"method": "gossip"})
    (True, False)
    """
    data = document.data
    if not isinstance(data, dict):
        return False
    keys = [re.split(r"[.\[]", key)[0] for key in overrides]
    if "methods" in keys:
        return True
    if "method" in keys:
        data.pop("methods", None)
    return "methods" in data


def contenders(
    document: Document, overrides: Mapping[str, Any] | None = None, base: Path | None = None
) -> list[Contender]:
    """Return one contender for each entry of `methods`; the file's other keys are the same for all.

    Parameters
    ----------
    document : Document
        A scenario with `methods`.
    overrides : mapping, optional
        Dotted keys, as for `Scenario.replace`; an entry is `methods[1]`, its setting `methods[1].lr`.
    base : Path, optional
        Where relative paths start (default: the file's folder).

    Raises
    ------
    ScenarioError
        Names the file, the line and the key, such as `methods[1].lr`.

    Examples
    --------
    >>> shared = {"topology": {"name": "cycle", "n": 8}, "problem": {"name": "quadratic", "dim": 2}, "run": {"time": 5}}
    >>> [c.label for c in contenders(Document({**shared, "methods": ["dadao", {"name": "dadao", "mu": 0.5}, "gossip"]}))]
    ['dadao', 'dadao mu=0.5', 'gossip']
    """
    try:
        return _contenders(document, dict(overrides or {}), base)
    except ScenarioError as fault:
        raise document.locate(fault) from None


def _contenders(document: Document, overrides: dict[str, Any], base: Path | None) -> list[Contender]:
    own = {key: overrides.pop(key) for key in list(overrides) if re.match(r"methods(\W|$)", key)}
    shared = dict(document.data)
    if "methods" in own:
        shared.pop("method", None)
    entries = _entries(shared.pop("methods", None), own, document)
    if "method" in shared:
        raise ScenarioError("given together with method", key=("methods",), allowed="the one or the other")
    base = base or (document.file.parent if document.file else None)
    methods = [_method(k, entry, base) for k, entry in enumerate(entries)]
    labels = _labels(entries, methods)
    found: list[Contender] = []
    faults: list[ScenarioError] = []
    for k, (entry, method, label) in enumerate(zip(entries, methods, labels, strict=True)):
        changed: dict[str, Any] = {key: entry[key] for key in HOW_TO_TALK if key in entry}
        written = {**method.spec(), "label": label, **changed}
        try:
            data = deepcopy(shared) | {"method": method.spec()} | changed
            scenario = Scenario.from_document(Document(data), overrides, base)
            written |= {key: scenario.mapping().get(key) for key in changed}
            found.append(Contender(label, written, scenario))
        except ScenarioError as fault:
            if fault.key != ("run", "rounds"):
                raise in_entry(fault, k, entry) from None
            faults.append(fault)  # a method without rounds beside others that have them
            found.append(Contender(label, written, None, fault.message))
    if len(faults) == len(found):
        raise faults[0]
    return found


def in_entry(fault: ScenarioError, k: int, entry: Mapping[str, Any]) -> ScenarioError:
    """Return the fault of one scenario with its key in the comparison: `method.lr` becomes `methods[1].lr`."""
    if fault.key[:1] == ("method",):
        fault.key = ("methods", k, *fault.key[1:])
    elif fault.key and fault.key[0] in HOW_TO_TALK and fault.key[0] in entry:
        fault.key = ("methods", k, *fault.key)
    return fault


def _entries(given: Any, changes: Mapping[str, Any], document: Document) -> list[dict[str, Any]]:
    """Return the entries as mappings, changed by overrides such as `methods[1].lr`."""
    given = deepcopy(changes.get("methods", given))
    if "methods" in changes:
        document.overridden.add(("methods",))
    if not isinstance(given, list) or not given:
        raise ScenarioError(
            f"given {shown(given)}", key=("methods",), allowed="a list of methods, such as [dadao, gossip]"
        )
    entries = []
    for k, each in enumerate(given):
        entry = {"name": each} if isinstance(each, str) else each
        if not isinstance(entry, dict):
            raise ScenarioError(
                f"given {shown(entry)}", key=("methods", k), allowed="a method name or a mapping with a name"
            )
        entries.append(entry)
    for key, value in changes.items():
        if key != "methods":
            _change(entries, key, value, document)
    return entries


def _change(entries: list[dict[str, Any]], key: str, value: Any, document: Document) -> None:
    place = re.fullmatch(r"methods(?:\[(\d+)\]|\.(\d+))(?:\.(.+))?", key)
    if place is None or int(place[1] or place[2]) >= len(entries):
        allowed = f"methods[0] to methods[{len(entries) - 1}], such as methods[0].name"
        raise ScenarioError(f"given {key!r}", file="--set", allowed=allowed)
    k = int(place[1] or place[2])
    if place[3] is None:
        entries[k] = {"name": value} if isinstance(value, str) else value
        document.overridden.add(("methods", k))
        if not isinstance(entries[k], dict):
            raise ScenarioError(f"given {shown(value)}", key=("methods", k), allowed="a method name or a mapping")
        return
    inner = Document(entries[k])
    inner.set(place[3], value)
    document.overridden |= {("methods", k, *parts) for parts in inner.overridden}


def _method(k: int, entry: dict[str, Any], base: Path | None) -> Method:
    label = entry.get("label")
    if label is not None and not (isinstance(label, str) and label.strip() and label.isprintable()):
        raise ScenarioError(f"given {shown(label)}", key=("methods", k, "label"), allowed="text on one line")
    if label is not None and len(label) > LONGEST_LABEL:
        allowed = f"at most {LONGEST_LABEL} characters"
        raise ScenarioError(f"{len(label)} characters", key=("methods", k, "label"), allowed=allowed)
    try:
        return Method.parse({key: value for key, value in entry.items() if key not in OWN_KEYS}, base)
    except ScenarioError as fault:
        if fault.allowed and fault.message.startswith("unknown key"):
            fault.allowed = ", ".join([*fault.allowed.split(", "), *OWN_KEYS]).removeprefix("no keys, ")
        raise fault.under("methods", k) from None


def _labels(entries: Sequence[Mapping[str, Any]], methods: Sequence[Method]) -> list[str]:
    """Return the given labels, and for the others the name with the settings that tell it from its namesakes."""
    given = [entry.get("label") for entry in entries]
    for k, label in enumerate(given):
        if label is not None and label in given[:k]:
            raise ScenarioError(f"{label!r} is given twice", key=("methods", k, "label"), allowed="a label of its own")
    names = [method.name.rpartition(":")[2] for method in methods]
    said = [_flat({**entry, **method.spec()}) for entry, method in zip(entries, methods, strict=True)]
    labels: list[str] = []
    for k, name in enumerate(names):
        label = given[k]
        if label is None:
            alike = [said[j] for j in range(len(names)) if names[j] == name]
            differing = [key for key in said[k] if len({row.get(key) for row in alike}) > 1]
            label = " ".join([name, *(f"{key}={said[k][key]}" for key in differing)])
            label = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 3]}..."
        labels.append(label)
    taken = {label for label in given if label is not None}
    for k, first in enumerate(labels):
        if given[k] is None:
            number = 1
            while labels[k] in taken:
                number += 1
                labels[k] = f"{first} #{number}"
            taken.add(labels[k])
    return labels


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif key not in {"label", "name"} or prefix:
            found[f"{prefix}{key}".removesuffix(".name")] = shown(value, 24).strip("'")
    return found
