"""What `gossipsim show` prints: the members of a family, and all about one of them."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from gossipsim.component import LARGEST, Component
from gossipsim.errors import ScenarioError, nearest
from gossipsim.methods.base import Method

FAMILIES = {
    "methods": ("gossipsim.methods", "Method"),
    "topologies": ("gossipsim.topologies", "Topology"),
    "compressors": ("gossipsim.compressors", "Compressor"),
    "problems": ("gossipsim.problems", "Problem"),
    "partitions": ("gossipsim.problems", "Partition"),
    "rates": ("gossipsim.rates", "Rates"),
    "inits": ("gossipsim.start", "Init"),
    "metrics": ("gossipsim.metrics", "Metric"),
    "laws": ("gossipsim.law", "Law"),
    "losses": ("gossipsim.loss", "Loss"),
    "delays": ("gossipsim.delays", "Delays"),
    "speeds": ("gossipsim.speeds", "Speeds"),
    "churn": ("gossipsim.churn", "Churn"),
}


def family_named(name: str) -> type[Component]:
    """Return the family that `gossipsim show` calls `name`.

    Examples
    --------
    >>> family_named("methods").__name__
    'Method'
    """
    if name not in FAMILIES:
        raise ScenarioError(f"unknown family {name!r}", allowed=", ".join(FAMILIES), hint=nearest(name, FAMILIES))
    module, attribute = FAMILIES[name]
    found: type[Component] = getattr(import_module(module), attribute)
    return found


def listing(family: type[Component]) -> str:
    """Return a line per member, its name and the first line of its docstring; for methods, another with what they need.

    Examples
    --------
    >>> print(listing(family_named("rates")).splitlines()[-1])
    uniform  Every edge rings at the same rate, total / m.
    """
    width = max(map(len, family.registry))
    lines = []
    for name, member in sorted(family.registry.items()):
        lines.append(f"{name:{width}}  {member.summary()}")
        if issubclass(member, Method):
            lines.append(f"{'':{width}}  needs {member.needs()}")
    return "\n".join(lines)


def page(member: type[Component]) -> str:
    """Return a member's docstring and its settings with types, ranges and defaults."""
    heading = f"{member.kind} {member.name}"
    needs = ["", f"Needs {member.needs()}."] if issubclass(member, Method) else []
    parts = [heading, "=" * len(heading), "", inspect.getdoc(member) or "", *needs, "", "Settings", "--------"]
    return "\n".join([*parts, *(_settings(member) or ["none"])])


def _settings(member: type[BaseModel]) -> list[str]:
    from gossipsim.schema import settings_schema

    schema = settings_schema(member)
    required = schema.get("required", [])
    rows = []
    for name, field in schema["properties"].items():
        if name == "name" and "const" in field:
            continue
        default = "required" if name in required else f"default {_written(field.get('default'))}"
        rows.append((name, f"{allowed(field, schema)}; {default}", field.get("description", "")))
    width = max((len(name) for name, *_ in rows), default=0)
    lines = []
    for name, what, text in rows:
        lines.append(f"{name:{width}}  {what}")
        if text:
            lines.append(f"{'':{width}}  {text}")
    return lines


def _written(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def allowed(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say in words what a field of a JSON Schema allows.

    Examples
    --------
    >>> allowed({"type": "number", "exclusiveMinimum": 0}, {})
    'number > 0'
    >>> allowed({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}]}, {})
    'whole number >= 1, <= 9'
    """
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        inner = schema["$defs"][name]
        return f"mapping ({', '.join(inner['properties'])})" if "properties" in inner else allowed(inner, schema)
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "oneOf" in field:
        return f"a {field['title']}"
    if "anyOf" in field:
        options = [each for each in field["anyOf"] if each.get("type") != "null"]
        return " | ".join(dict.fromkeys(allowed(each, schema) for each in options))
    return _typed(field, schema)


def _typed(field: dict[str, Any], schema: dict[str, Any]) -> str:
    kind = field.get("type", "anything")
    if kind == "array":
        return f"list of {allowed(field.get('items', {}), schema)}"
    if kind == "object":
        return "mapping"
    words = {"integer": "whole number", "string": "text", "boolean": "true | false"}
    word = "path" if field.get("format") == "path" else words.get(kind, kind)
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]}" for key, sign in signs.items() if abs(field.get(key, LARGEST)) < LARGEST]
    return f"{word} {', '.join(bounds)}" if bounds else word


def descriptions(cls: type) -> dict[str, str]:
    """Return what docstrings say about the parameters of a class, its own docstring first, then those of its bases.

    Examples
    --------
    >>> from gossipsim.sampling import Sampling
    >>> descriptions(Sampling)["noise"]
    'Standard deviation of independent N(0, noise^2) added to every coordinate.'
    """
    found: dict[str, str] = {}
    for base in cls.__mro__:
        own = inspect.cleandoc(base.__dict__.get("__doc__") or "")
        section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", own, re.DOTALL | re.MULTILINE)
        for names, text in re.findall(
            r"^(\w[\w, ]*?) *(?::[^\n]*)?\n((?:[ \t]+[^\n]*\n?)+)", section[1] if section else "", re.M
        ):
            for name in names.split(", "):
                found.setdefault(name, " ".join(text.split()))
    return found
