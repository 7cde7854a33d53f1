"""Pieces of generated source: functions, record types, and the outside names of kernels."""

from __future__ import annotations

import ast
import types
from typing import Any

import numpy as np

from gossipsim.errors import Refused
from gossipsim.kernels import Kernel
from gossipsim.rows import Fields


def types_of(fields: Fields, dim: int) -> list[Any]:
    """Return the description of a record type with these fields."""
    shapes: dict[str, Any] = {"vector": ("f8", (dim,)), "scalar": ("f8",), "integer": ("i8",)}
    return [(name, *shapes[kind]) for name, kind in fields.items()]


def size_of(fields: Fields, dim: int) -> int:
    """Return the size of a row in bytes."""
    return np.dtype(types_of(fields, dim)).itemsize


def function(decorator: str, name: str, signature: str, arguments: str, body: list[str]) -> str:
    """Return the source of a function that the loop or an engine calls."""
    head = [f"@{decorator}('{signature}', **_handler)", f"def {name}({arguments}):"]
    return "\n".join([*head, *indented(body), ""])


def indented(lines: list[str], by: int = 1) -> list[str]:
    """Return the lines, moved to the right."""
    return ["    " * by + line for line in lines]


def global_name(name: str, value: Any) -> str:
    """Return a line that makes an outside name known to the generated module."""
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__} as {name}"
    if isinstance(value, bool | int | float):
        return f"{name} = {value!r}"
    if isinstance(value, types.BuiltinFunctionType) and value.__module__ in {"math", "builtins"}:
        return f"from {value.__module__} import {value.__name__} as {name}"
    if isinstance(value, np.ufunc):
        return f"from numpy import {value.__name__} as {name}"
    if isinstance(value, type) and value.__module__ == "builtins":
        return ""
    if isinstance(value, Kernel):
        return _helper(name, value)
    if isinstance(value, types.FunctionType):
        if value.__module__ == "gossipsim.stream" and value.__name__ in {"uniform", "normal"}:
            return f"from gossipsim.engines.draws import {value.__name__} as {name}"
        return _helper(name, Kernel(value))
    raise Refused(f"the compiled engine cannot use {name!r} ({type(value).__name__}) inside a kernel")


def _helper(name: str, helper: Kernel) -> str:
    if helper.__module__ == "gossipsim.kernels":
        plain = {"dot": "(a * b).sum()", "norm": "_sqrt((a * a).sum())", "total": "a.sum()"}[helper.__name__]
        return f"@_verb\ndef {name}({'a, b' if helper.__name__ == 'dot' else 'a'}):\n    return {plain}\n"
    tree = helper.tree
    tree.name = name
    inner = [global_name(other, value) for other, value in helper.outside().items() if other != name]
    return "\n".join([*inner, "@_verb", ast.unparse(tree)])
