"""What an expression in a kernel stands for: a number, a vector, several vectors, a row, or something unknown."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from gossipsim.rows import Fields

SCALAR, VECTOR, VECTORS, UNKNOWN = "scalar", "vector", "vectors", "unknown"


@dataclass(frozen=True)
class Row:
    """One row; `many` means an array of rows."""

    fields: Fields = field(hash=False)
    many: bool = False


Kind = str | Row

ELEMENTWISE = {
    "abs", "absolute", "sign", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "floor", "ceil", "rint",
    "minimum", "maximum", "fabs", "where", "copysign",
}  # fmt: skip
REDUCTIONS = {"dot", "norm", "total"}


def kind_of(node: ast.expr, names: Mapping[str, Kind]) -> Kind:
    """Return what an expression stands for, given what the names in it do; a name that is not given is a number.

    Examples
    --------
    >>> row = Row({"x": "vector", "w": "scalar"})
    >>> [kind_of(ast.parse(text, mode="eval").body, {"node": row}) for text in ("node.x", "node.w * node.x", "node.x[0]")]
    ['vector', 'vector', 'scalar']
    """
    match node:
        case ast.Name():
            return names.get(node.id, SCALAR)
        case ast.Constant():
            return SCALAR
        case ast.Attribute():
            owner = kind_of(node.value, names)
            if isinstance(owner, Row) and not owner.many:
                return VECTOR if owner.fields.get(node.attr) == "vector" else SCALAR
            return SCALAR if owner == SCALAR else UNKNOWN
        case ast.Subscript():
            owner = kind_of(node.value, names)
            if isinstance(node.slice, ast.Slice):
                whole = node.slice.lower is None and node.slice.upper is None and node.slice.step is None
                return VECTOR if owner == VECTOR and whole else UNKNOWN
            if isinstance(owner, Row) and owner.many:
                return Row(owner.fields)
            return VECTOR if owner == VECTORS else SCALAR if owner in {VECTOR, SCALAR} else UNKNOWN
        case ast.BinOp(op=ast.MatMult()):
            return UNKNOWN
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.IfExp():
            return _joint([kind_of(c, names) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)])
        case ast.Call():
            name = called(node)
            inside = [kind_of(argument, names) for argument in node.args]
            if name in REDUCTIONS:
                return SCALAR if all(k == VECTOR for k in inside) else UNKNOWN
            if name == "len" or all(k == SCALAR for k in inside):
                return SCALAR
            return _joint(inside) if name in ELEMENTWISE else UNKNOWN
        case _:
            return UNKNOWN


def _joint(kinds: list[Kind]) -> Kind:
    if all(kind == SCALAR for kind in kinds):
        return SCALAR
    return VECTOR if all(kind in {SCALAR, VECTOR} for kind in kinds) else UNKNOWN


def called(call: ast.Call) -> str:
    """Return the name of the function that is called, without its module."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
