"""LLVM's text for elementwise operations: from the Python expressions that define them.

In: the expression of a rule, and the ``native`` functions of the rules behind the
functions that it names. Out: the instructions that compute it, on one number or on a
vector, for the interpreter and for native code alike.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Sequence

from chainrule.compiler.native.operations import (
    ELEMENTWISE,
    INTRINSICS,
    Elementwise,
    operands_of,
)
from chainrule.compiler.native.own_functions import parameters_of, symbol
from chainrule.compiler.native.text import Piece, type_of
from chainrule.compiler.native.translation import Expression, Known, Value
from chainrule.rules.expressions import parsed, parts_of


@functools.cache
def operation(name: str, width: int, real: str = "double") -> Piece:
    """Return the instructions of an elementwise operation.

    They are a template of ``{a}``, ``{b}``, ``{c}``, the operands, and ``{p}``, with
    which the names of results begin. Numbers of float32 are computed with as such where
    all of it are machine instructions, else as float64. An operation that rounds is one
    of float32: a ``Writer`` has its operands narrowed, and its result widened.
    """
    found = ELEMENTWISE[name]
    if found.rounds:
        return operation(found.rounds, width, "float")
    operands = [Value(f"{{{p}}}", real) for p in operands_of(name)]
    if real == "float" and not is_plain(name):
        return _widened(name, width, operands)
    writer = Expression("{p}", width, real=real)
    if found.native is not None:
        result: Known = writer.call_own(name, operands)
    else:
        result = _written(found, operands, writer)
        if writer.block != "start":  # more than one block
            writer = Expression("{p}", width)
            result = writer.call_own(name, operands)
    return _piece(writer, "".join(writer.lines), writer.text(result))


def _widened(name: str, width: int, operands: Sequence[Value]) -> Piece:
    """Return an operation of float32 numbers, computed as of float64."""
    narrow, wide = type_of("float", width), type_of("double", width)
    writer = Expression("{p}", width)
    numbers = [
        writer.put(f"fpext {narrow} {x.name} to {wide}", "double") for x in operands
    ]
    result = writer.call_own(name, numbers)
    narrowed = writer.put(f"fptrunc {wide} {result.name} to {narrow}", "float")
    return _piece(writer, "".join(writer.lines), narrowed.name)


@functools.cache
def without_call(name: str, width: int) -> Piece:
    """Return the instructions of an operation as of a function's body, not its call.

    Functions of one number that are written out beside each other share what they have
    in common: LLVM makes one of equal instructions in a block. What takes more than one
    block, or the C library, is called.
    """
    native = ELEMENTWISE[name].native
    if native is None:
        return operation(name, width)
    operands = [Value(f"{{{p}}}", "double") for p in operands_of(name)]
    writer = Expression("{p}", width, native)
    result = writer.as_number(writer.body(native, operands))
    if writer.block != "start" or writer.is_scalar:
        return operation(name, width)
    return _piece(writer, "".join(writer.lines), writer.text(result))


@functools.cache
def is_plain(name: str) -> bool:
    """Tell whether an operation is nothing but machine instructions."""
    own = ELEMENTWISE[name]
    if own.native is not None:
        return False
    parts = (x for x in ast.walk(parsed(own.expression)) if isinstance(x, ast.expr))
    called = {parts_of(x)[0] for x in parts}
    return called <= {"", "Add", "Sub", "Mult", "Div", "abs", "round", *INTRINSICS}


def _written(own: Elementwise, operands: Sequence[Value], writer: Expression) -> Known:
    """Write an expression of operands; return its result."""
    space = {"math": math, **dict(zip(own.operands, operands, strict=True))}
    return writer.as_number(writer.expression(parsed(own.expression), space))


def _piece(writer: Expression, text: str, result: str) -> Piece:
    """Return text with its result and what it needs."""
    unit = writer.unit
    scalar = writer.is_scalar or any(function(*f).scalar for f in unit.called)
    return Piece(text, result, unit.called, frozenset(unit.external), scalar)


def is_scalar(name: str) -> bool:
    """Tell whether an operation calls the C library for each number."""
    return name in ELEMENTWISE and operation(name, 1).scalar


@functools.cache
def function(name: str, width: int) -> Piece:
    """Return the definition of the function of an operation."""
    own, kinds = ELEMENTWISE[name], type_of("double", width)
    names = [f"%{x}" for x in parameters_of(name)]
    writer = Expression("%t", width, own.native)
    operands = [Value(x, "double") for x in names]
    if own.native is not None:
        result = writer.as_number(writer.body(own.native, operands))
    else:
        result = _written(own, operands, writer)
    taken = [f"{kinds} {x}" for x in names]
    called = symbol(name, width)
    text = writer.as_function(called, taken, kinds, writer.text(result))
    return _piece(writer, text, called)


__all__ = ["function", "is_plain", "is_scalar", "operation", "without_call"]
