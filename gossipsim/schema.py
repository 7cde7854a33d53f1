"""The JSON Schema (draft 2020-12) of scenario files, from the same settings classes that validate them."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from gossipsim.component import Component
from gossipsim.contenders import HOW_TO_TALK, LONGEST_LABEL
from gossipsim.errors import ScenarioError
from gossipsim.manual import descriptions
from gossipsim.methods.base import _read_matrix, _StoredArray
from gossipsim.metrics import Metric
from gossipsim.scenario import Scenario, _metric_names

USER_CLASS = r"\.py:[A-Za-z_]\w*$"
"""How the name of a class in a file of the user ends."""


class _Generator(GenerateJsonSchema):
    """Writes a family as the choice of its members, and adds what docstrings say."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inside: set[type[Component]] = set()

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        if schema["type"] != "function-before":
            return super().generate_inner(schema)
        cls, before = schema["schema"].get("cls", object), schema["function"]["function"]
        if issubclass(cls, Component) and not cls.name:
            return self._family(cls)
        if before is _metric_names:
            return {"type": "array", "minItems": 1, "items": {"enum": sorted(Metric.registry)}}
        found = super().generate_inner(schema)
        if before is _read_matrix:
            return {"anyOf": [found, self.generate_inner(_StoredArray.__pydantic_core_schema__)]}
        return found

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        cls = schema["cls"]
        if issubclass(cls, Component) and not cls.name:
            return self._family(cls)
        found = super().model_schema(schema)
        properties = found.setdefault("properties", {})
        for name, text in descriptions(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        for inner in properties.values():
            if "oneOf" not in inner:  # the title of a choice is the name of its family
                inner.pop("title", None)
        if issubclass(cls, Component):
            found["description"] = cls.summary()
            implied = [key for key, name in cls.shorthand.items() if name == cls.name]
            found["properties"] = {"name": {"const": cls.name, "description": cls.summary()}, **properties}
            found["required"] = [*([] if implied else ["name"]), *found.get("required", [])]
        return found

    def _family(self, family: type[Component]) -> JsonSchemaValue:
        if family in self._inside:  # a topology made of topologies: the inner ones are checked when they are read
            return {"title": family.kind, "oneOf": [{"type": "string"}, {"type": "object"}]}
        self._inside.add(family)
        try:
            return self._choice(family)
        finally:
            self._inside.remove(family)

    def _choice(self, family: type[Component]) -> JsonSchemaValue:
        members = [member for _, member in sorted(family.registry.items())]
        bare = [{"const": m.name, "description": m.summary()} for m in members if not _needs(m)]
        own = {"type": "string", "pattern": USER_CLASS}
        return {
            "title": family.kind,
            "description": f"A {family.kind}: its name, or a mapping with its name and its settings.",
            "oneOf": [
                *bare,
                *_number(family),
                {**own, "description": f"A {family.kind} of your own, such as mine.py:Mine."},
                *(self.generate_inner(member.__pydantic_core_schema__) for member in members),
                {"type": "object", "properties": {"name": own}, "required": ["name"]},
            ],
        }


def _number(family: type[Component]) -> list[dict[str, Any]]:
    """Return the schema of the plain number that a family reads as one of its members, such as a probability; or nothing."""

    def reads(number: float) -> bool:
        try:
            family.parse(number)
        except ScenarioError:
            return False
        return True

    return [{"type": "number", "minimum": 0} | ({} if reads(2.0) else {"maximum": 1})] if reads(0.5) else []


def _needs(member: type[Component]) -> bool:
    """Return whether a member cannot be given by its name alone."""
    return any(field.is_required() for field in member.model_fields.values())


@cache
def _schema() -> dict[str, Any]:
    found = Scenario.model_json_schema(schema_generator=_Generator)
    found["properties"]["name"]["description"] = "Names the run, its picture and its default folder."
    found["properties"]["seed"]["description"] = "Every random number of the run is a function of it."
    found["properties"]["methods"] = _methods(found)
    found["required"] = [key for key in found["required"] if key != "method"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "gossipsim scenario",
        "description": "A topology, a problem, a method or several to compare, and how long to run them.",
        "oneOf": [{"required": ["method"]}, {"required": ["methods"]}],
        # Something must end the run: a limit, or the last of the recorded events.
        "anyOf": [
            {"required": ["run"], "properties": {"run": {"minProperties": 1}}},
            {"required": ["clocks"], "properties": {"clocks": {"required": ["trace"]}}},
        ],
    }


def _methods(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of `methods`: a list of methods, each with a label and with its own way to talk if need be."""
    own = {key: schema["properties"][key] for key in HOW_TO_TALK}
    own["label"] = {"type": "string", "minLength": 1, "maxLength": LONGEST_LABEL}
    own["label"]["description"] = "What tables and pictures call it."
    choices = []
    for choice in schema["properties"]["method"]["oneOf"]:
        if "$ref" in choice:
            member = schema["$defs"][choice["$ref"].rpartition("/")[2]]
            settings = {key: {"$ref": f"{choice['$ref']}/properties/{key}"} for key in member["properties"]}
            choices.append({**member, "properties": {**settings, **own}})
        else:
            choices.append(choice)
    return {
        "type": "array",
        "minItems": 1,
        "description": "Methods to compare on the same world, in place of `method`.",
        "items": {"title": "method", "oneOf": choices},
    }


def scenario_schema() -> dict[str, Any]:
    """Return the schema of scenario files, with every member of every family.

    Examples
    --------
    >>> found = scenario_schema()
    >>> found["required"], found["additionalProperties"]
    (['topology', 'problem'], False)
    """
    return deepcopy(_schema())


def settings_schema(member: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of one settings class, its definitions under `$defs`.

    Examples
    --------
    >>> from gossipsim.wire import Wire
    >>> settings_schema(Wire)["properties"]["float_bits"]["maximum"]
    128
    """
    found = member.model_json_schema(schema_generator=_Generator)
    own = found.get("$ref", "").rpartition("/")[2]  # a class that can hold itself stands among its own definitions
    return {**found["$defs"][own], "$defs": found["$defs"]} if own else found
