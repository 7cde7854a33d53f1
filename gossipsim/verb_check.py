"""Slips in the verbs of a method of one's own, told in one sentence before anything is compiled."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterator, Mapping

from gossipsim.errors import ScenarioError, nearest
from gossipsim.kernels import Kernel
from gossipsim.methods.base import Facts, Method

ARGUMENTS = {
    "query": ("p", "node", "t", "out"),
    "step": ("p", "node", "t", "g"),
    "message": ("p", "node", "link", "t", "out"),
    "sent": ("p", "node", "link", "t", "msg"),
    "receive": ("p", "node", "links", "t", "inbox", "slots"),
    "route": ("p", "node", "links", "t"),
}
"""What the engines hand to each verb; a last one more, `draw`, is handed to those that take it (to `route` always)."""


def check_verbs(method: Method, facts: Facts) -> None:
    """Check that verbs take the arguments they are given, and read only constants and fields that exist.

    Parameters
    ----------
    method : Method
        Whose verbs are read, from their source.
    facts : Facts
        From which the method makes its constants.

    Raises
    ------
    ScenarioError
        A kernel that is nearly called like a verb, a verb with too few or too many arguments, or one that reads a name, a
        constant or a field that does not exist; with the line of the file.

    """
    if type(method).__module__.startswith("gossipsim."):
        return  # the package's own are tried in its tests
    for name, kernel in vars(type(method)).items():
        if isinstance(kernel, Kernel) and name not in ARGUMENTS and (meant := nearest(name, ARGUMENTS)):
            raise _fault(kernel, f"kernel {name!r} is no verb", allowed=", ".join(ARGUMENTS), hint=meant)
    for name, wanted in ARGUMENTS.items():
        kernel = getattr(method, name)
        if isinstance(kernel, Kernel) and _has_source(kernel):
            _check_arguments(name, kernel, wanted)
            _check_names(kernel)
            _check_fields(method, kernel, method.constants(facts))


def _has_source(kernel: Kernel) -> bool:
    try:
        return kernel.tree is not None
    except OSError:  # typed at a prompt
        return False


def _check_arguments(name: str, kernel: Kernel, wanted: tuple[str, ...]) -> None:
    given = kernel.parameters
    if len(given) not in {len(wanted), len(wanted) + 1}:
        raise _fault(
            kernel, f"{name}({', '.join(given)}) takes {len(given)} arguments", f"{name}({', '.join(wanted)}[, draw])"
        )


def _check_names(kernel: Kernel) -> None:
    parts = [part for part in ast.walk(kernel.tree) if isinstance(part, ast.Name)]
    own = {part.id for part in parts if isinstance(part.ctx, ast.Store)} | {*kernel.parameters}
    known = own | {*kernel.outside()} | {*dir(builtins)}
    for part in parts:
        if part.id not in known:
            raise _fault(
                kernel, f"{part.id!r} is not defined", ", ".join(sorted(own)), nearest(part.id, own), part.lineno
            )


def _check_fields(method: Method, kernel: Kernel, constants: Mapping[str, float]) -> None:
    row, node, third = kernel.parameters[:3]
    known: dict[str, tuple[str, Collection[str]]] = {
        row: ("constants(facts)", constants),
        node: ("node", method.fields()),
    }
    if third in {"link", "links"}:
        known[third] = ("link", method.link_fields())
    for owner, attribute in _read(kernel):
        where, names = known.get(owner, ("", ()))
        if where and attribute.attr not in names:
            raise _fault(
                kernel,
                f"{ast.unparse(attribute)} reads {attribute.attr!r}, which `{where}` does not declare",
                ", ".join(names) or "none",
                nearest(attribute.attr, names),
                attribute.lineno,
            )


def _read(kernel: Kernel) -> Iterator[tuple[str, ast.Attribute]]:
    """Yield (name, the attribute that is taken of it or of one of its entries) from the body of a kernel."""
    for part in ast.walk(kernel.tree):
        if isinstance(part, ast.Attribute):
            owner = part.value.value if isinstance(part.value, ast.Subscript) else part.value
            if isinstance(owner, ast.Name):
                yield owner.id, part


def _fault(kernel: Kernel, message: str, allowed: str, hint: str | None = None, line: int = 1) -> ScenarioError:
    code = kernel.function.__code__
    return ScenarioError(
        message, allowed=allowed, hint=hint, file=code.co_filename, line=code.co_firstlineno + line - 1
    )
