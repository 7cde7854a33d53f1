"""`@kernel`: a local update written in vector notation, as in the paper, run by NumPy or compiled.

A kernel sees rows (`node.x`, `p.gamma`), vectors of length d and numbers. Run as ordinary Python, its statements are NumPy
statements. Compiled, `lift` turns every statement on whole vectors into loops over coordinates.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

_ONE_PARSER = threading.RLock()


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of a piece of source; threads take turns, also with Numba, which parses while it compiles.

    Python 3.11 counts the depth of all threads' trees in one place, and a switch in the middle of one ends in
    "SystemError: AST constructor recursion depth mismatch" (github.com/python/cpython/issues/106905).

    Examples
    --------
    >>> len(parsed("a = 1; b = 2"))
    2
    """
    numba = sys.modules.get("numba.core.compiler_lock")
    with _ONE_PARSER, nullcontext() if numba is None else numba.global_compiler_lock:
        return ast.parse(source).body


class Kernel:
    """A function on rows that NumPy can run and that can be compiled from its source."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        """Run the function as ordinary Python."""
        return self.function(*arguments)

    @cached_property
    def tree(self) -> ast.FunctionDef:
        """The syntax tree of the function, without decorators; raises OSError when the source is not at hand."""
        tree = parsed(textwrap.dedent(inspect.getsource(self.function)))[0]
        assert isinstance(tree, ast.FunctionDef)
        tree.decorator_list, tree.returns = [], None
        for argument in tree.args.args:
            argument.annotation = None
        if ast.get_docstring(tree) is not None:
            tree.body = tree.body[1:] or [ast.Pass()]
        return tree

    @cached_property
    def parameters(self) -> list[str]:
        """Names of the arguments."""
        return [argument.arg for argument in self.tree.args.args]

    @cached_property
    def _names(self) -> set[str]:
        return {part.id for part in ast.walk(self.tree) if isinstance(part, ast.Name)}

    def reads(self, name: str) -> bool:
        """Return whether the body uses the argument `name` at all."""
        return name in self._names

    def outside(self) -> dict[str, Any]:
        """Return the module-level names that the body uses, with their values."""
        known = {*self.parameters, *(p.id for p in ast.walk(self.tree) if isinstance(p, ast.Name) and _stored(p))}
        used = {part.id for part in ast.walk(self.tree) if isinstance(part, ast.Name)} - known
        scope = {**self.function.__globals__, **inspect.getclosurevars(self.function).nonlocals}
        return {name: scope[name] for name in sorted(used) if name in scope}


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Mark a verb or an oracle for compilation.

    Examples
    --------
    >>> @kernel
    ... def halve(node):
    ...     node.x[:] = 0.5 * node.x
    >>> from gossipsim.rows import zeros
    >>> rows = zeros({"x": "vector"}, 2, 1)
    >>> rows.x[:] = 3.0
    >>> halve(rows[0])
    >>> rows[0].x.tolist()
    [1.5, 1.5]
    """
    return Kernel(function)


def dot(a: Any, b: Any) -> float:
    """Return the inner product of two vectors; compiled, it is summed in four fixed partial sums.

    Examples
    --------
    >>> dot(np.ones(3), np.arange(3.0))
    3.0
    """
    return float(np.dot(a, b))


def norm(a: Any) -> float:
    """Return the Euclidean norm of a vector, the square root of `dot(a, a)`.

    Examples
    --------
    >>> norm(np.array([3.0, 4.0]))
    5.0
    """
    return float(np.sqrt(np.dot(a, a)))


def total(a: Any) -> float:
    """Return the sum of a vector's coordinates.

    Examples
    --------
    >>> total(np.arange(4.0))
    6.0
    """
    return float(np.sum(a))
