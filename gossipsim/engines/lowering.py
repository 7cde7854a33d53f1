"""From readable verbs to machine code: one generated module per method, problem, compressor and dimension.

The module holds the method's verbs, the problem's oracle and the compressor with their vector statements lifted to loops
(`lift`), the exact flow, and the handlers that string them together (`handlers`). It is written to the cache folder, where
Numba keeps its machine code beside it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

from gossipsim.engines.text import global_name, size_of, types_of
from gossipsim.errors import Refused
from gossipsim.kernels import Kernel, dot, kernel
from gossipsim.kinds import SCALAR, VECTOR, VECTORS, Kind, Row
from gossipsim.lift import lift
from gossipsim.rows import Fields

if TYPE_CHECKING:
    from gossipsim.flow import FlowForm
    from gossipsim.world import World

CONTEXT = (
    "nodes", "links", "first_link", "slots", "p", "flow", "q", "samples", "first_sample", "scratch", "tally", "letters",
    "said", "nbr", "reverse", "settings", "c", "inverse", "first_inverse", "token", "gathered", "sends", "ends", "away", "bad",
    "start", "present",
)  # fmt: skip
"""Addresses that a handler finds in the context, in this order."""

SETTINGS: Fields = dict.fromkeys(
    ("n", "hub", "turns", "batch", "seed_low", "seed_high", "width", "bits"), "integer"
) | (dict.fromkeys(("noise", "to_bad", "to_good", "lost_in_good", "lost_in_bad"), "scalar"))
"""Numbers of the run that handlers read: `hub` is 1 when node 0 has no data, `width` the bits of a number, `bits` those of a
message of node 0 (`World.sent_bits`); the last four are the chain of losses."""

VERBS = {"query": 4, "step": 4, "message": 5, "sent": 5, "receive": 6}
"""Number of arguments of every verb; one more is a place to draw random numbers from."""

STACK = 512
"""Vectors up to this length live on the stack of a handler, where the compiler can keep short ones in registers."""

_TEXTS = 512

_HEADER = """\
import math
import numpy as np
from math import exp as _exp, sqrt as _sqrt
from numba import cfunc, njit, uint64
from gossipsim.engines.draws import normal as _normal, number_of as _number_of, place as _place, uniform as _uniform
from gossipsim.engines.waves import cos_sin as _cos_sin
from gossipsim.engines.pointers import array as _array, pointer as _pointer, stack as _stack

_empty = np.empty
_D, _D4 = np.uint64({dim}), np.uint64({four})
_zero, _one, _two, _three, _four = (np.uint64(k) for k in range(5))
_MANY = 1 << 40
_inner = dict(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
_verb = njit(_nrt=True, **_inner)
_own = njit(**_inner)
_handler = dict(cache=True, error_model="numpy", nogil=True, _nrt=False)
"""
"""Verbs may make arrays of their own, which needs Numba's counting of references; all else is compiled without, in less time."""


@kernel
def _distance(a, b):  # type: ignore[no-untyped-def]
    return dot(a - b, a - b)


@dataclass(frozen=True)
class Lowered:
    """What generated modules are made from: one method on one objective, with or without compressor and sampling."""

    method: Any
    gradient: Kernel | None
    resolvent: Kernel | None
    compressor: Any
    dim: int
    layouts: dict[str, Fields]
    flow: FlowForm | None
    batched: bool = False
    noisy: bool = False
    networked: bool = False
    """Whether messages take time or get lost, or nodes may be away."""
    changing: bool = False
    """Whether the graph changes, so that a round must look which links are there."""

    @classmethod
    def of(cls, world: World, flow: FlowForm | None) -> Lowered:
        """Return the generator for a world, or raise `Refused`."""
        method, problem = world.method, world.objective.problem
        primal = method.oracle == "gradient"
        gradient = world.gradients.kernel if primal and method.computes != "never" else None
        resolvent = None if primal else problem.resolvent
        # Rows that no kernel reads are left out, so that problems that differ in nothing else share their machine code.
        nothing = {"none": "scalar"}
        looks = any(verb is not None and verb.reads(verb.parameters[0]) for verb in (gradient, resolvent))
        layouts: dict[str, Fields] = {
            "NODE": method.fields(),
            "LINK": method.link_fields(),
            "LETTER": method.letter(),
            "P": dict.fromkeys(world.constants or ["none"], "scalar"),
            "F": dict.fromkeys(flow.constants if flow else ["none"], "scalar"),
            "Q": dict.fromkeys(world.objective.constants or ["none"], "scalar") if looks else nothing,
            "C": dict.fromkeys(world.compressor_constants or ["none"], "scalar"),
            "S": SETTINGS,
            "SAMPLE": nothing if gradient is None else world.gradients.fields,
            "INVERSE": nothing if resolvent is None else problem.inverse_sample or problem.sample,
        }
        sampling = world.scenario.sampling
        compressor = type(world.scenario.compressor) if world.scenario.compressor is not None else None
        batched, noisy = sampling.batch is not None, sampling.noise > 0.0
        found = cls(
            method,
            gradient,
            resolvent,
            compressor,
            world.objective.dim,
            layouts,
            flow,
            batched,
            noisy,
            world.networked,
            world.changing is not None,
        )
        if method.payload is not None and method.message is None:
            raise Refused(f"{method.name} declares the fields of a message and no verb `message` that fills them")
        return found

    def verb(self, name: str) -> Kernel | None:
        """Return the kernel called `name` of the method, the problem or the compressor, or None."""
        if name in {"gradient", "resolvent"}:
            return self.gradient if name == "gradient" else self.resolvent
        found = getattr(self.compressor if name == "compress" else self.method, name, None)
        return found if isinstance(found, Kernel) else None

    @cached_property
    def flow_sources(self) -> tuple[str, ...]:
        """The kernels that bring a row, or a copy of its primal field, to a time."""
        if self.flow is None:
            return ()
        fields = self.method.vectors()
        return self.flow.source(fields), self.flow.view_source(fields, self.method.primal)

    @property
    def key(self) -> Hashable:
        """All that the generated text depends on."""
        flow = self.flow_sources  # they depend on the pattern of the matrix, not on its numbers
        verbs = tuple(self.verb(name) for name in (*VERBS, "route", "gradient", "resolvent", "compress"))
        method = self.method
        acts = (
            method.computes,
            method.talks,
            method.oracle,
            method.pairwise,
            method.announces,
            method.primal,
            self.plain,
        )
        parts = (self.dim, self.batched, self.noisy, self.networked, self.changing, repr(method), repr(self.layouts))
        return (type(method), self.compressor, flow, verbs, acts, parts)

    @property
    def computes(self) -> bool:
        """Whether nodes ever ask their oracle."""
        return bool(self.method.computes != "never")

    def draws(self, name: str) -> bool:
        """Return whether a verb asks for random numbers, by one more argument than it must have."""
        verb = self.verb(name)
        return verb is not None and len(verb.parameters) > VERBS[name]

    @property
    def settled(self) -> bool:
        """Whether handlers read the run's settings."""
        return self.batched or self.noisy or self.compressor is not None or any(self.draws(name) for name in VERBS)

    def size(self, row: str) -> int:
        """Return the size in bytes of a row of this layout."""
        return size_of(self.layouts[row], self.dim)

    @property
    def plain(self) -> bool:
        """Whether a message is one vector, without named fields."""
        return self.method.payload is None

    @property
    def letter_size(self) -> int:
        """Size of a message in memory, in bytes."""
        return self.size("LETTER")

    @property
    def uses_links(self) -> bool:
        """Whether any handler touches link rows; if not, that memory is not allocated."""
        return self.networked or self.verbs_use_links

    @property
    def verbs_use_links(self) -> bool:
        """Whether the verbs look at link rows, so that exchanges must open them."""
        wanted = {"message": (2,), "sent": (2,), "receive": (2, 5), "route": (2,)}
        return self.method.talks in {"round", "route"} or any(
            verb is not None and any(verb.reads(verb.parameters[k]) for k in places if k < len(verb.parameters))
            for verb, places in ((self.verb(name), places) for name, places in wanted.items())
        )

    @property
    def per_link(self) -> bool:
        """Whether messages of a round differ from link to link, because a verb looks at the link."""
        speaking = (self.verb("message"), self.verb("sent"))
        return any(verb is not None and verb.reads(verb.parameters[2]) for verb in speaking)

    def kinds(self) -> dict[str, list[Kind]]:
        """Return what the arguments of every verb are."""
        node, link, letter = (Row(self.layouts[name]) for name in ("NODE", "LINK", "LETTER"))
        p, q, c = (Row(self.layouts[name]) for name in "PQC")
        one: Kind = VECTOR if self.plain else letter
        inbox: Kind = VECTORS if self.plain else Row(letter.fields, many=True)
        links = Row(link.fields, many=True)
        senders: list[Kind] = [SCALAR] if self.method.talks == "round" else []
        draw: dict[str, list[Kind]] = {name: [SCALAR] if self.draws(name) else [] for name in VERBS}
        return {
            "query": [p, node, SCALAR, VECTOR, *draw["query"]],
            "step": [p, node, SCALAR, VECTOR, *draw["step"]],
            "message": [p, node, link, SCALAR, one, *draw["message"]],
            "sent": [p, node, link, SCALAR, one, *draw["sent"]],
            "receive": [p, node, links, SCALAR, inbox, SCALAR, *draw["receive"], *senders],
            "route": [p, node, links, SCALAR, SCALAR],
            "compress": [c, SCALAR, VECTOR, VECTOR],
            "gradient": [q, Row(self.layouts["SAMPLE"], many=True), VECTOR, VECTOR],
            "resolvent": [q, Row(self.layouts["INVERSE"], many=True), VECTOR, SCALAR, VECTOR],
        }

    def verbs(self) -> str:
        """Return layouts, helpers, verbs and flow."""
        parts = [_HEADER.format(dim=self.dim, four=self.dim // 4 * 4)]
        parts += [f"{name} = np.dtype({types_of(fields, self.dim)!r})" for name, fields in self.layouts.items()]
        bodies: list[str] = []
        outside: dict[str, Any] = {}
        for name, kinds in self.kinds().items():
            verb = self.verb(name)
            if verb is None:
                continue
            try:
                if name == "receive" and self.method.talks == "round":
                    verb = _gathering(verb)
                tree = lift(verb, dict(zip(verb.parameters, kinds, strict=True)), name, self.room)
            except (OSError, ValueError) as fault:
                raise Refused(f"the compiled engine cannot read the verb {name}: {fault}") from None
            if name in {"query", "message"} and not any(isinstance(s, ast.Return) for s in ast.walk(tree)):
                tree.body.append(ast.Return(ast.Constant(True)))
            outside |= verb.outside()
            bodies.append("@_verb\n" + ast.unparse(ast.fix_missing_locations(tree)))
        parts += [global_name(name, value) for name, value in sorted(outside.items())]
        bodies += [f"@_own\n{text}" for text in self.flow_sources]
        bodies.append("@_own\n" + ast.unparse(lift(_distance, {"a": VECTOR, "b": VECTOR}, "distance")))
        return "\n".join(parts) + "\n\n" + "\n\n".join(bodies) + "\n"

    def room(self, name: str) -> str:
        """Return a statement that makes room for a vector of its own."""
        if self.dim > STACK:
            return f"{name} = _empty(_D)"
        return f"{name} = _array(_stack({self.dim}), (_D,), np.float64)"


def _gathering(receive: Kernel) -> Kernel:
    """Return `receive` for rounds: `inbox` holds everybody's messages, and `inbox[k]` is that of `senders[k]`."""
    changed = Kernel(receive.function)
    tree = copy.deepcopy(receive.tree)
    inbox, slots = receive.parameters[4:6]

    class Gather(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            self.generic_visit(node.slice)
            if isinstance(node.value, ast.Name) and node.value.id == inbox:
                node.slice = ast.Subscript(ast.Name("senders", ast.Load()), node.slice, ast.Load())
                return node
            node.value = self.visit(node.value)
            return node

        def visit_Call(self, node: ast.Call) -> ast.AST:
            if isinstance(node.func, ast.Name) and node.func.id == "len" and ast.unparse(node.args[0]) == inbox:
                node.args = [ast.Name(slots, ast.Load())]
                return node
            return self.generic_visit(node)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id == inbox:
                raise ValueError(f"in a round, {inbox!r} can only be read as {inbox}[k], or as len({inbox})")
            return node

    tree = Gather().visit(tree)
    tree.args.args.append(ast.arg("senders"))
    changed.tree = ast.fix_missing_locations(tree)
    return changed


def kept(write: Callable[[Lowered], str]) -> Callable[[Lowered], str]:
    """Let a writer of modules keep the texts of recent ones: many short runs share one, and lift no verb again."""
    texts: dict[Hashable, str] = {}

    @wraps(write)
    def source(lowered: Lowered) -> str:
        key = lowered.key
        if key not in texts:
            if len(texts) >= _TEXTS:
                texts.clear()
            texts[key] = write(lowered)
        return texts[key]

    return source
