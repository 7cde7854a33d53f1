"""What there is to choose from: every family can be listed by calling its module, `gs.methods()`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

from gossipsim.component import Component


class Family(ModuleType):
    """A module that lists the members of its family when called."""

    family: ClassVar[type[Component]]

    def __call__(self) -> dict[str, dict[str, Any]]:
        """Return name -> one-line description and parameters with defaults."""
        return listed(self.family)


def callable_module(name: str, family: type[Component]) -> None:
    """Let the module `name` list the members of `family` when it is called."""
    sys.modules[name].__class__ = type("Family", (Family,), {"family": family})


def listed(family: type[Component]) -> dict[str, dict[str, Any]]:
    """Return name -> {"description", "parameters": {name: default}}; a parameter without default shows "required".

    Examples
    --------
    >>> from gossipsim.start import Init
    >>> listed(Init)["normal"]
    {'description': 'Every coordinate of every node is drawn from N(0, scale^2), independently.', 'parameters': {'scale': 1.0}}
    """
    return {name: {"description": member.summary(), "parameters": parameters(member)} for name, member in
            sorted(family.registry.items())}  # fmt: skip


def parameters(member: type[Component]) -> dict[str, Any]:
    """Return the settings of a member with their defaults."""
    found = {}
    for name, field in member.model_fields.items():
        default = "required" if field.is_required() else field.get_default(call_default_factory=True)
        found[field.alias or name] = default.spec() if isinstance(default, Component) else default
    return found
