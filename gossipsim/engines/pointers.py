"""Rows and vectors at raw addresses, and calls through addresses, inside compiled code.

Handlers are reached by address, so that the loop over events is compiled once and serves every method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_LINE = 64
"""Bytes of a line of the cache."""


@intrinsic
def pointer(typingctx: Any, address: Any) -> Any:
    """Turn an integer address into an untyped pointer."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@intrinsic
def array(typingctx: Any, place: Any, shape: Any, dtype: Any) -> Any:
    """Return the rows at a pointer as an array of this shape."""
    result = types.Array(dtype.dtype, shape.count, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = types.containers.UniTuple(types.intp, shape.count)
        sizes = cgutils.unpack_tuple(builder, context.cast(builder, arguments[1], shape, whole))
        return _array(context, builder, result, arguments[0], sizes)

    return result(place, shape, dtype), codegen


def _array(context: Any, builder: Any, kind: Any, place: Any, sizes: Sequence[Any]) -> Any:
    entry = context.get_data_type(kind.dtype)
    size = context.get_constant(types.intp, context.get_abi_sizeof(entry))
    strides = [size]
    for length in reversed(sizes[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    made = context.make_array(kind)(context, builder)
    data = builder.bitcast(place, entry.as_pointer())
    context.populate_array(made, data=data, shape=sizes, strides=strides, itemsize=size, meminfo=None)
    return made._getvalue()


@intrinsic(prefer_literal=True)
def stack(typingctx: Any, count: Any) -> Any:
    """Return room for a literal number of doubles on the stack.

    Nothing else can point there, which the compiler knows: short vectors then live in registers.
    """
    size = int(count.literal_value)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        room = cgutils.alloca_once(builder, ir.ArrayType(ir.DoubleType(), size))
        return builder.bitcast(room, cgutils.voidptr_t)

    return types.voidptr(count), codegen


@intrinsic
def prefetch(typingctx: Any, address: Any, size: Any) -> Any:
    """Ask for the cache lines of so many bytes from this address on; changes nothing but the time."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        write, keep, data = (ir.Constant(word, k) for k in (1, 3, 1))
        first, count = arguments
        line = ir.Constant(count.type, _LINE)
        last = builder.add(count, count.type(_LINE - 1))
        with cgutils.for_range_slice(builder, count.type(0), last, line) as (place, _):
            builder.call(function, [builder.inttoptr(builder.add(first, place), byte), write, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _call(result: Any, *kinds: Any) -> Any:
    signature = result(types.int64, *kinds)

    def codegen(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        words = {types.int64: ir.IntType(64), types.float64: ir.DoubleType()}
        function = ir.FunctionType(words[result], [words[kind] for kind in kinds])
        target = builder.inttoptr(arguments[0], function.as_pointer())
        return builder.call(target, arguments[1:])

    return signature, codegen


@intrinsic
def call_gradient(typingctx: Any, address: Any, context: Any, i: Any, t: Any) -> Any:
    """Call `on_gradient(context, i, t)` at this address."""
    return _call(types.int64, types.int64, types.int64, types.float64)


@intrinsic
def call_event(typingctx: Any, address: Any, context: Any, number: Any, t: Any) -> Any:
    """Call `on_event(context, number, t)` at this address."""
    return _call(types.int64, types.int64, types.int64, types.float64)


@intrinsic
def call_measure(
    typingctx: Any, address: Any, context: Any, n: Any, t: Any, points: Any, target: Any, values: Any, simple: Any
) -> Any:
    """Call `on_measure(context, n, t, points, target, values, simple)` at this address."""
    word = types.int64
    return _call(word, word, word, types.float64, word, word, word, word)


@intrinsic
def call_other(typingctx: Any, address: Any, context: Any, edge: Any, i: Any, j: Any, t: Any) -> Any:
    """Call `on_other(context, edge, i, j, t)` at this address."""
    return _call(types.int64, types.int64, types.int64, types.int64, types.int64, types.float64)


@intrinsic
def call_exchange(typingctx: Any, address: Any, context: Any, edge: Any, i: Any, j: Any, t: Any) -> Any:
    """Call `on_exchange(context, edge, i, j, t)` at this address."""
    return _call(types.int64, types.int64, types.int64, types.int64, types.int64, types.float64)


@intrinsic
def take(typingctx: Any, address: Any) -> Any:
    """Add one to the whole number at this address, atomically; return what it was."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        place = builder.inttoptr(arguments[0], word.as_pointer())
        return builder.atomic_rmw("add", place, ir.Constant(word, 1), "monotonic")

    return types.int64(types.int64), codegen


def arguments_at(kinds: Sequence[Any]) -> Any:
    """Return a function of an address, for compiled code: the values of these types that stand there in 8-byte words.

    A number takes one word; an array one for its address and one for every length.
    """
    result = types.containers.Tuple(tuple(kinds))

    @intrinsic
    def arguments(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            values, place = [], 0
            for kind in result.types:
                count = 1 + kind.ndim if isinstance(kind, types.Array) else 1
                found = [builder.load(cgutils.gep_inbounds(builder, words, place + k)) for k in range(count)]
                place += count
                if isinstance(kind, types.Array):
                    first = builder.inttoptr(found[0], cgutils.voidptr_t)
                    values.append(_array(context, builder, kind, first, found[1:]))
                else:
                    values.append(builder.bitcast(found[0], context.get_value_type(kind)))
            return context.make_tuple(builder, result, values)

        return result(types.int64), codegen

    return arguments
