"""From readable verbs to machine code: one generated module per method, problem and dimension.

The module holds the method's verbs and the problem's oracle with their vector statements lifted to loops (`lift`), the exact
flow, and two handlers, `on_gradient` and `on_exchange`, that string them together. It is written to the cache folder, where
Numba keeps its machine code beside it.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from gossipsim.errors import Refused
from gossipsim.flow import FlowForm
from gossipsim.kernels import Kernel, dot, kernel
from gossipsim.lift import SCALAR, VECTOR, VECTORS, Kind, Row, lift
from gossipsim.rows import LINK, NODE, Fields

CONTEXT = ("nodes", "links", "first_link", "slots", "p", "flow", "q", "samples", "first_sample", "scratch")
"""Addresses that a handler finds in the context, in this order."""

_STACK = 512
"""Vectors up to this length live on the stack of a handler, where the compiler can keep short ones in registers."""

_HEADER = """\
import math
import numpy as np
from math import exp as _exp, sqrt as _sqrt
from numba import carray, cfunc, njit, uint64
from gossipsim.engines.waves import cos_sin as _cos_sin
from gossipsim.engines.pointers import pointer as _pointer, stack as _stack

_empty = np.empty
_D, _D4 = np.uint64({dim}), np.uint64({four})
_zero, _one, _two, _three, _four = (np.uint64(k) for k in range(5))
_MANY = 1 << 40
_verb = njit(error_model="numpy", forceinline=True)
_handler = dict(cache=True, error_model="numpy", nogil=True)
"""


@kernel
def _distance(a, b):  # type: ignore[no-untyped-def]
    return dot(a - b, a - b)


class Lowered:
    """Source of the generated modules for one method on one objective."""

    def __init__(
        self,
        method: Any,
        problem: Any,
        dim: int,
        constants: Mapping[str, float],
        problem_constants: Mapping[str, float],
        flow: FlowForm | None,
    ) -> None:
        self.method, self.problem, self.dim, self.flow = method, problem, dim, flow
        self.layouts: dict[str, Fields] = {
            "NODE": {**NODE, **method.node},
            "LINK": {**LINK, **method.link},
            "P": dict.fromkeys(constants or ["none"], "scalar"),
            "F": dict.fromkeys(flow.constants if flow else ["none"], "scalar"),
            "Q": dict.fromkeys(problem_constants or ["none"], "scalar"),
            "SAMPLE": problem.sample,
        }
        node, link = Row(self.layouts["NODE"]), Row(self.layouts["LINK"])
        p, q = Row(self.layouts["P"]), Row(self.layouts["Q"])
        letter: Kind = VECTOR if method.payload == 1 else VECTORS
        self.arguments: dict[str, list[Kind]] = {
            "query": [p, node, SCALAR, VECTOR],
            "step": [p, node, SCALAR, VECTOR],
            "message": [p, node, link, SCALAR, letter],
            "sent": [p, node, link, SCALAR, letter],
            "receive": [p, node, Row(link.fields, many=True), SCALAR, VECTORS, SCALAR],
            "gradient": [q, Row(self.layouts["SAMPLE"], many=True), VECTOR, VECTOR],
        }

    def _verb(self, name: str) -> Kernel | None:
        found = getattr(self.problem if name == "gradient" else self.method, name)
        return found if isinstance(found, Kernel) else None

    def source(self) -> str:
        """Return the text of the module with the two handlers."""
        return "\n".join([self.verbs(), self._on_gradient(), self._on_exchange()])

    def single_verbs(self) -> str:
        """Return the text of a module whose functions run one verb each, for an engine that strings them together."""
        return "\n".join([self.verbs(), *self._single()])

    def verbs(self) -> str:
        """Return layouts, helpers, verbs and flow."""
        parts = [_HEADER.format(dim=self.dim, four=self.dim // 4 * 4)]
        parts += [f"{name} = np.dtype({_dtype(fields, self.dim)})" for name, fields in self.layouts.items()]
        bodies: list[str] = []
        outside: dict[str, Any] = {}
        for name, kinds in self.arguments.items():
            verb = self._verb(name)
            if verb is None:
                continue
            try:
                tree = lift(verb, dict(zip(verb.parameters, kinds, strict=True)), name)
            except (OSError, ValueError) as fault:
                raise Refused(f"the compiled engine cannot read the verb {name}: {fault}") from None
            if name in {"query", "message"} and not any(isinstance(s, ast.Return) for s in ast.walk(tree)):
                tree.body.append(ast.Return(ast.Constant(True)))
            outside |= verb.outside()
            bodies.append("@_verb\n" + ast.unparse(ast.fix_missing_locations(tree)))
        parts += [_global(name, value) for name, value in sorted(outside.items())]
        if self.flow is not None:
            bodies.append("@_verb\n" + self.flow.source(self.method.vectors()))
            bodies.append("@_verb\n" + self.flow.view_source(self.method.vectors(), self.method.primal))
        bodies.append(self._on_measure())
        return "\n".join(parts) + "\n\n" + "\n\n".join(bodies) + "\n"

    def _on_measure(self) -> str:
        """Error and, unless `simple`, consensus; every node's sum of squares has four partial sums."""
        lines = [
            *self._open(["F"]),
            "nodes = carray(_pointer(c[0]), (_MANY,), NODE)",
            "X = carray(_pointer(points), (_MANY, _D), np.float64)",
            "goal = carray(_pointer(target), (_D,), np.float64)",
            "out = carray(_pointer(values), (2,), np.float64)",
            "total = 0.0",
            "for i in range(uint64(n)):",
            "    x = X[i]",
        ]
        if self.flow is not None:
            lines.append("    view(f, nodes[i], t, x)")
        else:
            lines += _indented(self._copy(f"nodes[i].{self.method.primal}", "x"))
        lines += [
            "    total += distance(x, goal)",
            "out[0] = total / n",
            "if simple:",
            "    return 0",
            self._vector("mean", 1),
            "for k in range(_D):",
            "    mean[k] = 0.0",
            "for i in range(uint64(n)):",
            "    for k in range(_D):",
            "        mean[k] += X[i, k]",
            "for k in range(_D):",
            "    mean[k] /= n",
            "total = 0.0",
            "for i in range(uint64(n)):",
            "    total += distance(X[i], mean)",
            "out[1] = total / n",
            "return 0",
        ]
        head = _function(
            "cfunc",
            "on_measure",
            "i8(i8, i8, f8, i8, i8, i8, i8)",
            "context, n, t, points, target, values, simple",
            lines,
        )
        return "@_verb\n" + ast.unparse(lift(_distance, {"a": VECTOR, "b": VECTOR}, "distance")) + "\n\n" + head

    def _on_gradient(self) -> str:
        lines = [*self._open(["P", "F", "Q"]), *self._node("node", "i"), *self._advance("node"), self._vector("g", 0)]
        if self._verb("query"):
            lines += [self._vector("point", 1), "if not query(p, node, t, point):", "    return 0"]
        else:
            lines.append(f"point = node.{self.method.primal}")
        lines += [*self._oracle(), *self._step(), "return 1"]
        return _function("cfunc", "on_gradient", "i8(i8, i8, f8)", "context, i, t", lines)

    def _on_exchange(self) -> str:
        lines = self._open(["P", "F"])
        for side, index, end in (("a", "i", 0), ("b", "j", 1)):
            lines += [
                *self._node(side, index),
                *self._advance(side),
                *self._links(side, index),
                *self._letter(side, end),
            ]
            lines += self._slot(side, end)
        for side in "ab":
            lines += self._say(side, side)
        for side, other in ("ab", "ba"):
            lines += [
                f"if said_{other}:",
                f"    slots_{side}[0] = slot_{side}",
                *_indented(self._hear(side, side, other)),
            ]
        lines.append("return np.int64(said_a) + np.int64(said_b)")
        return _function("cfunc", "on_exchange", "i8(i8, i8, i8, i8, f8)", "context, edge, i, j, t", lines)

    # -- pieces of a handler --------------------------------------------------------------------------------------

    def _open(self, rows: list[str]) -> list[str]:
        place = {"P": ("p", 4), "F": ("f", 5), "Q": ("q", 6)}
        lines = [f"c = carray(_pointer(context), ({len(CONTEXT)},), np.int64)"]
        for row in rows:
            name, index = place[row]
            if row != "F" or self.flow is not None:
                lines.append(f"{name} = carray(_pointer(c[{index}]), (1,), {row})[0]")
        return lines

    def _node(self, name: str, index: str) -> list[str]:
        return [f"{name} = carray(_pointer(c[0]), (_MANY,), NODE)[uint64({index})]"]

    def _advance(self, name: str) -> list[str]:
        return [f"flow(f, {name}, t)" if self.flow is not None else f"{name}.at = t"]

    def _vector(self, name: str, place: int, *, kept: bool = False) -> str:
        short = self.dim <= _STACK and not kept
        room = f"_stack({self.dim})" if short else f"_pointer(c[9] + {8 * self.dim * place})"
        return f"{name} = carray({room}, (_D,), np.float64)"

    def _oracle(self) -> list[str]:
        size = self._size("SAMPLE")
        return [
            "first = carray(_pointer(c[8]), (_MANY,), np.int64)",
            "begin, end = first[uint64(i)], first[uint64(i) + _one]",
            f"samples = carray(_pointer(c[7] + begin * {size}), (end - begin,), SAMPLE)",
            "gradient(q, samples, point, g)",
            "node.draws += 1",
        ]

    def _step(self) -> list[str]:
        return ["step(p, node, t, g)"] if self._verb("step") else []

    def _size(self, row: str) -> int:
        return np.dtype(_types(self.layouts[row], self.dim)).itemsize

    @property
    def uses_links(self) -> bool:
        """Whether any verb looks at link rows or slots; if not, handlers do not touch that memory."""
        for name, wanted in (("message", ["link"]), ("sent", ["link"]), ("receive", ["links", "slots"])):
            verb = self._verb(name)
            if verb is not None:
                named = dict(zip(["p", "node", "links" if name == "receive" else "link", "t", "inbox", "slots"],
                                 verb.parameters, strict=False))  # fmt: skip
                if any(verb.reads(named.get(w, w)) for w in wanted):
                    return True
        return False

    def _links(self, side: str, index: str) -> list[str]:
        if not self.uses_links:
            return [f"links_{side} = carray(_pointer(c[1]), (1,), LINK)"]
        return [
            f"first_{side} = carray(_pointer(c[2]), (_MANY,), np.int64)",
            f"begin_{side}, end_{side} = first_{side}[uint64({index})], first_{side}[uint64({index}) + _one]",
            f"links_{side} = carray(_pointer(c[1] + begin_{side} * {self._size('LINK')}), (end_{side} - begin_{side},), LINK)",
        ]

    def _slot(self, side: str, end: int) -> list[str]:
        found = f"carray(_pointer(c[3]), (_MANY, 2), np.int64)[uint64(edge), {end}]"
        return [f"slot_{side} = {found if self.uses_links else '0'}"]

    def _letter(self, side: str, place: int, *, kept: bool = False) -> list[str]:
        """Room for one message and its slot; `kept` when another function is to find it again."""
        payload = self.method.payload
        size = self.dim * payload
        shape = "_D" if payload == 1 else f"{payload}, _D"
        offset = 16 * self.dim + 64 + place * (8 * size + 64)
        short = size <= _STACK and not kept
        return [
            f"room_{side} = {f'_stack({size})' if short else f'_pointer(c[9] + {offset})'}",
            f"letter_{side} = carray(room_{side}, ({shape},), np.float64)",
            f"inbox_{side} = carray(room_{side}, (1, {shape}), np.float64)",
            f"slots_{side} = carray(_stack(1), (1,), np.int64)",
        ]

    def _say(self, node: str, side: str) -> list[str]:
        link = f"links_{side}[slot_{side}]"
        if self._verb("message"):
            lines = [f"said_{side} = message(p, {node}, {link}, t, letter_{side})"]
        else:
            lines = [*self._copy(f"{node}.{self.method.primal}", f"letter_{side}"), f"said_{side} = True"]
        if self._verb("sent"):
            lines += [f"if said_{side}:", f"    sent(p, {node}, {link}, t, letter_{side})"]
        return lines

    def _hear(self, node: str, side: str, other: str) -> list[str]:
        if not self._verb("receive"):
            return ["pass"]
        return [f"receive(p, {node}, links_{side}, t, inbox_{other}, slots_{side})"]

    @staticmethod
    def _copy(source: str, target: str) -> list[str]:
        return [f"value = {source}", "for _k in range(_D):", f"    {target}[_k] = value[_k]"]

    # -- one function per verb ------------------------------------------------------------------------------------

    def _single(self) -> list[str]:
        node = [*self._open(["P", "F", "Q"]), *self._node("node", "i")]
        vectors = [self._vector("g", 0, kept=True), self._vector("point", 1, kept=True)]
        query = (
            ["return query(p, node, t, point)"]
            if self._verb("query")
            else [*self._copy(f"node.{self.method.primal}", "point"), "return True"]
        )
        boxes = [*self._letter("a", 0, kept=True), *self._letter("b", 1, kept=True)]
        post = [*node, *self._links("a", "i"), "slot_a = slot", *boxes]
        say = [*post, "if box == 1:", "    letter_a = letter_b", *self._say("node", "a"), "return said_a"]
        hear = [*post, "if box == 1:", "    inbox_a = inbox_b", "slots_a[0] = slot", *self._hear("node", "a", "a")]
        here, link = "context, i, t", "context, i, slot, t, box"
        return [
            _function("njit", "advance", "void(i8, i8, f8)", here, [*node, *self._advance("node")]),
            _function("njit", "run_query", "b1(i8, i8, f8)", here, [*node, *vectors, *query]),
            _function("njit", "run_oracle", "void(i8, i8)", "context, i", [*node, *vectors, *self._oracle()]),
            _function("njit", "run_step", "b1(i8, i8, f8)", here, [*node, *vectors, *self._step(), *self._finite()]),
            _function("njit", "run_message", "b1(i8, i8, i8, f8, i8)", link, say),
            _function("njit", "run_receive", "b1(i8, i8, i8, f8, i8)", link, [*hear, *self._finite()]),
        ]

    def _finite(self) -> list[str]:
        words = self._size("NODE") // 8
        row = f"row = carray(_pointer(c[0] + i * {8 * words}), ({words},), np.float64)"
        count = [f"for k in range({words}):", "    bad += not np.isfinite(row[k])"]
        return [row, "bad = 0", *count, "return bad == 0"]

    def scratch_bytes(self) -> int:
        """Return the size of the scratch memory that the handlers use."""
        payload: int = self.method.payload
        return 16 * self.dim + 64 + 2 * (8 * self.dim * payload + 64) + 64


def _types(fields: Fields, dim: int) -> list[Any]:
    shapes: dict[str, Any] = {"vector": ("f8", (dim,)), "scalar": ("f8",), "integer": ("i8",)}
    return [(name, *shapes[kind]) for name, kind in fields.items()]


def _dtype(fields: Fields, dim: int) -> str:
    return repr(_types(fields, dim))


def _function(decorator: str, name: str, signature: str, arguments: str, body: list[str]) -> str:
    head = [f"@{decorator}('{signature}', **_handler)", f"def {name}({arguments}):"]
    return "\n".join([*head, *_indented(body), ""])


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _global(name: str, value: Any) -> str:
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
        return _helper(name, Kernel(value))
    raise Refused(f"the compiled engine cannot use {name!r} ({type(value).__name__}) inside a kernel")


def _helper(name: str, helper: Kernel) -> str:
    if helper.__module__ == "gossipsim.kernels":
        plain = {"dot": "(a * b).sum()", "norm": "_sqrt((a * a).sum())", "total": "a.sum()"}[helper.__name__]
        return f"@_verb\ndef {name}({'a, b' if helper.__name__ == 'dot' else 'a'}):\n    return {plain}\n"
    tree = helper.tree
    tree.name = name
    inner = [_global(other, value) for other, value in helper.outside().items() if other != name]
    return "\n".join([*inner, "@_verb", ast.unparse(tree)])
