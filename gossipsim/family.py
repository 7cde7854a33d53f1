"""Fields of settings that hold a member of a family, or other settings, written as a name or as a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from gossipsim.component import Component, Settings
from gossipsim.errors import ScenarioError, shown


class Member:
    """Marks a field that holds a member of a family, or other settings: `Annotated[Law, Member]`.

    A member is read by the `parse` of its family, and written back by its `spec`. Errors name the field.

    Examples
    --------
    >>> from gossipsim.wire import Wire
    >>> wire = Wire.read({"latency": {"name": "uniform", "low": 0.5, "high": 1.5}})
    >>> wire.latency.mean, wire.model_dump()["latency"]
    (1.0, {'name': 'uniform', 'low': 0.5, 'high': 1.5})
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read before validation, and write members by their `spec`."""
        spec = core_schema.plain_serializer_function_ser_schema(lambda member: member.spec())
        return core_schema.with_info_before_validator_function(
            _reader(source), handler(source), serialization=spec if issubclass(source, Component) else None
        )


def _reader(family: type[Component] | type[Settings]) -> Callable[[Any, ValidationInfo], Any]:
    def read(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, family):
            return value
        base = (info.context or {}).get("base")
        try:
            if issubclass(family, Component):
                return family.parse(value, base)
            if not isinstance(value, Mapping):
                raise ScenarioError(f"given {shown(value)}", allowed="a mapping with " + ", ".join(family.model_fields))
            return family.read(value, base)
        except ScenarioError as fault:
            raise fault.under(str(info.field_name)) from None

    return read
