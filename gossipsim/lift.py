"""Vector notation to loops: statements on whole vectors become one loop over coordinates.

`node.x[:] = node.x - p.gamma * r` would allocate two temporary vectors in compiled code. Every operation here acts on each
coordinate by itself, so neighbouring statements fuse into one loop, vector temporaries become numbers, and everything that
does not depend on the coordinate is computed once before the loop. The arithmetic of each coordinate stays exactly as
written: nothing is reordered, so compiled and interpreted coordinates agree to the bit. `dot`, `norm` and `total` become
loops with four partial sums.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping

from gossipsim.kernels import Kernel, parsed
from gossipsim.kinds import REDUCTIONS, SCALAR, VECTOR, VECTORS, Kind, Row, called, kind_of


class Unclear(ValueError):
    """A name stands for a view at one place and for a vector of its own at another."""


class NotLiftable(Exception):
    """The statement is left as it stands."""


def _heap(name: str) -> str:
    return f"{name} = _empty(_D)"


def lift(
    kernel: Kernel, arguments: Mapping[str, Kind], name: str | None = None, room: Callable[[str], str] = _heap
) -> ast.FunctionDef:
    """Return the syntax tree of `kernel` with its vector statements turned into loops.

    Parameters
    ----------
    kernel : Kernel
        The function.
    arguments : mapping
        What each argument is: "scalar", "vector", "vectors", or a `Row` with its fields.
    name : str, optional
        Name of the resulting function.
    room : callable
        Returns a statement that allocates a vector of that name.

    Examples
    --------
    >>> from gossipsim.kernels import Kernel
    >>> import ast
    >>> source = "def f(p, x, g):" + chr(10) + "    r = p.a * g" + chr(10) + "    x[:] = x - p.b * r"
    >>> k = Kernel(len)
    >>> k.tree = ast.parse(source).body[0]
    >>> print(ast.unparse(lift(k, {"p": Row({"a": "scalar", "b": "scalar"}), "x": VECTOR, "g": VECTOR})))
    def f(p, x, g):
        _0 = p.a
        _1 = p.b
        for _k in range(_D):
            r = _0 * g[_k]
            x[_k] = x[_k] - _1 * r
    """
    wide: set[str] = set()
    while True:
        tree = copy.deepcopy(kernel.tree)
        lifter = _Lifter(dict(arguments), wide)
        body = lifter.block(tree.body)
        if lifter.escaped <= wide:
            break
        wide |= lifter.escaped
    tree.name, tree.body = name or tree.name, [*lifter.buffers(room), *body] or [ast.Pass()]
    return ast.fix_missing_locations(tree)


class _Lifter:
    def __init__(self, kinds: dict[str, Kind], wide: set[str]) -> None:
        self.kinds = kinds
        self.wide = wide
        self.fresh = 0
        self.group: list[ast.stmt] = []
        self.before: list[ast.stmt] = []
        self.hoisted: dict[str, str] = {}
        self.local: set[str] = set()
        self.birth: dict[str, int] = {}
        self.loops = 0
        self.escaped: set[str] = set()

    def kind(self, node: ast.expr) -> Kind:
        return kind_of(node, self.kinds)

    # -- statements -----------------------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        done: list[ast.stmt] = []
        for statement in body:
            if self.group and _has_reduction(statement):
                done += self.flush()
            if self.group and self.independent(statement):
                self.before.append(statement)
                continue
            try:
                self.vector_statement(statement)
            except NotLiftable:
                done += self.flush()
                done += self.other(statement)
        return done + self.flush()

    def independent(self, statement: ast.stmt) -> bool:
        """Return whether a scalar assignment can run before the loop that is being built."""
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            return False
        if self.kind(statement.value) != SCALAR or _mentions(statement.value, ast.Subscript):
            return False
        name = statement.targets[0].id
        taken = any(isinstance(p, ast.Name) and p.id == name for s in [*self.before, *self.group] for p in ast.walk(s))
        reads_loop = any(isinstance(p, ast.Name) and p.id in self.local for p in ast.walk(statement.value))
        if taken or reads_loop:
            return False
        self.kinds[name] = SCALAR
        return True

    def vector_statement(self, statement: ast.stmt) -> None:
        change: ast.operator | None = None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AugAssign):
            target, value, change = statement.target, statement.value, statement.op
        else:
            raise NotLiftable
        if isinstance(target, ast.Subscript) and self.kind(target) == VECTOR and isinstance(target.slice, ast.Slice):
            target = target.value
        into_row = isinstance(target, ast.Attribute) and self.kind(target) == VECTOR
        into_view = isinstance(target, ast.Name) and target.id in self.kinds and target.id not in self.local
        in_place = change is not None or (
            isinstance(statement, ast.Assign) and _mentions(statement.targets[0], ast.Slice)
        )
        source = self.kind(value)
        if into_row or (in_place and self.kind(target) == VECTOR):
            if source not in {SCALAR, VECTOR}:
                raise NotLiftable
            new = self.element(value, store=False)
            if change is not None:
                new = ast.BinOp(self.element(target, store=False), change, new)
            self.group.append(ast.Assign([self.element(target, store=True)], new))
        elif isinstance(target, ast.Name) and source == VECTOR and not self._alias(value):
            if into_view:
                raise Unclear(
                    f"{target.id!r} is a view or an argument and is then bound to a new vector: use two names"
                )
            new = self.element(value, store=False)
            self.kinds[target.id] = VECTOR
            self.local.add(target.id)
            self.birth[target.id] = self.loops
            self.group.append(ast.Assign([self.element(target, store=True)], new))
        else:
            raise NotLiftable

    def _alias(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Name) and value.id in self.local:
            raise Unclear(f"a second name for the vector {value.id!r}: use one name, or 1.0 * {value.id}")
        return isinstance(value, ast.Attribute | ast.Name | ast.Subscript)

    def buffers(self, room: Callable[[str], str]) -> list[ast.stmt]:
        """Return the allocations of the vector temporaries that outlive a loop."""
        return parsed("\n".join(room(name) for name in sorted(self.local & self.wide)))

    def other(self, statement: ast.stmt) -> list[ast.stmt]:
        extra: list[ast.stmt] = []
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                kind = self.kind(value)
                if name in self.local or (kind == VECTOR and self.kinds.get(name, VECTOR) != VECTOR):
                    raise Unclear(f"{name!r} is a vector of its own and is then bound to something else: use two names")
                extra, statement.value = self.reduced(value)
                self.kinds[name] = kind
            case ast.For(target=ast.Name(id=name), iter=items):
                extra, statement.iter = self.reduced(items)
                over = self.kind(items)
                self.kinds[name] = Row(over.fields) if isinstance(over, Row) else VECTOR if over == VECTORS else SCALAR
                statement.body = self.block(statement.body)
                statement.orelse = self.block(statement.orelse)
            case ast.If():
                extra, statement.test = self.reduced(statement.test)
                statement.body = self.block(statement.body)
                statement.orelse = self.block(statement.orelse)
            case ast.While():
                if _has_reduction(statement.test):
                    raise Unclear("a while condition cannot hold dot, norm or total: assign it to a name first")
                statement.body = self.block(statement.body)
            case ast.Return(value=None):
                pass
            case ast.Assign() | ast.AugAssign() | ast.Return() | ast.Expr():
                extra, statement.value = self.reduced(statement.value)  # type: ignore[arg-type]
        return [*extra, statement]

    # -- one coordinate of an expression --------------------------------------------------------------------------

    def element(self, node: ast.expr, *, store: bool) -> ast.expr:
        kind = self.kind(node)
        if kind == SCALAR:
            return self.hoist(node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self.element(node.value, store=store)
        match node:
            case ast.Name() if node.id in self.local and node.id not in self.wide:
                if self.birth[node.id] != self.loops:
                    self.escaped.add(node.id)
                return ast.Name(node.id, ast.Store() if store else ast.Load())
            case ast.Name():
                return _at(node, store=store)
            case ast.Attribute() | ast.Subscript():
                return _at(self.hoist(node), store=store)
            case ast.BinOp():
                return ast.BinOp(self.element(node.left, store=False), node.op, self.element(node.right, store=False))
            case ast.UnaryOp():
                return ast.UnaryOp(node.op, self.element(node.operand, store=False))
            case ast.Compare():
                return ast.Compare(
                    self.element(node.left, store=False),
                    node.ops,
                    [self.element(c, store=False) for c in node.comparators],
                )
            case ast.Call() if called(node) == "where":
                test, then, other = (self.element(a, store=False) for a in node.args)
                return ast.IfExp(test, then, other)
            case ast.Call():
                return ast.Call(node.func, [self.element(a, store=False) for a in node.args], [])
            case _:
                raise NotLiftable

    def hoist(self, node: ast.expr) -> ast.expr:
        """Return a name for something that does not depend on the coordinate, computed before the loop."""
        if isinstance(node, ast.Constant | ast.Name):
            return node
        extra, node = self.reduced(node)
        text = ast.unparse(node)
        if text not in self.hoisted or extra:
            self.hoisted[text] = self._fresh()
            self.before += [*extra, ast.Assign([ast.Name(self.hoisted[text], ast.Store())], node)]
        return ast.Name(self.hoisted[text], ast.Load())

    def _fresh(self) -> str:
        self.fresh += 1
        return f"_{self.fresh - 1}"

    def flush(self) -> list[ast.stmt]:
        self.loops += 1
        if not self.group:
            return []
        loop = ast.For(ast.Name("_k", ast.Store()), _range("_D"), self.group, [])
        done = [*self.before, loop]
        self.group, self.before, self.hoisted = [], [], {}
        return done

    # -- reductions -----------------------------------------------------------------------------------------------

    def reduced(self, node: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """Take every reduction out of a scalar expression: loops to run first, and what is left."""
        extra: list[ast.stmt] = []
        lifter = self

        class Replace(ast.NodeTransformer):
            def visit_Call(self, call: ast.Call) -> ast.expr:
                name = called(call)
                if name not in REDUCTIONS or lifter.kind(call) != SCALAR:
                    self.generic_visit(call)
                    return call
                statements, result = lifter.reduction(name, call.args)
                extra.extend(statements)
                return result

        return extra, Replace().visit(copy.deepcopy(node))

    def reduction(self, name: str, arguments: list[ast.expr]) -> tuple[list[ast.stmt], ast.expr]:
        saved = self.group, self.before, self.hoisted
        self.group, self.before, self.hoisted = [], [], {}
        self.loops += 1
        elements = [self.element(argument, store=False) for argument in arguments]
        term = elements[0] if name == "total" else ast.BinOp(elements[0], ast.Mult(), elements[-1])
        before = self.before
        self.group, self.before, self.hoisted = saved
        sums = [self._fresh() for _ in range(4)]
        result = self._fresh()
        text, zero = ast.unparse(term), " = 0.0"
        lines = [s + zero for s in sums]
        lines += ["for _k in range(_zero, _D4, _four):"]
        lines += [f"    {sums[0]} += {text}"]
        for step, partial in zip(("_one", "_two", "_three"), sums[1:], strict=True):
            lines += [f"    {partial} += {text.replace('[_k]', f'[_k + {step}]')}"]
        lines += [f"{result} = ({sums[0]} + {sums[1]}) + ({sums[2]} + {sums[3]})"]
        lines += ["for _k in range(_D4, _D):", f"    {result} += {text}"]
        if name == "norm":
            lines += [f"{result} = _sqrt({result})"]
        return [*before, *parsed("\n".join(lines))], ast.Name(result, ast.Load())


def _has_reduction(node: ast.AST) -> bool:
    return any(called(c) in REDUCTIONS for c in ast.walk(node) if isinstance(c, ast.Call))


def _mentions(node: ast.AST, what: type[ast.AST]) -> bool:
    return any(isinstance(part, what) for part in ast.walk(node))


def _at(node: ast.expr, *, store: bool) -> ast.expr:
    return ast.Subscript(node, ast.Name("_k", ast.Load()), ast.Store() if store else ast.Load())


def _range(stop: str) -> ast.expr:
    return ast.Call(ast.Name("range", ast.Load()), [ast.Name(stop, ast.Load())], [])
