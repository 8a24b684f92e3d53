"""LLVM's text for elementwise operations: from the Python expressions that define them.

In: the expression of a rule, and the ``native`` functions of the rules behind the
functions that it names. Out: the instructions that compute it, on one number or on a
vector, for the interpreter and for native code alike.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from chainrule.compiler.native.operations import ELEMENTWISE, Elementwise, operands_of
from chainrule.compiler.native.own_functions import parameters_of, symbol
from chainrule.compiler.native.text import Piece, type_of
from chainrule.compiler.native.translation import Expression, Known, Value
from chainrule.rules.expressions import parsed


@functools.cache
def operation(name: str, width: int) -> Piece:
    """Return the instructions of an elementwise operation.

    They are a template of ``{a}``, ``{b}``, ``{c}``, the operands, and ``{p}``, with
    which the names of results begin.
    """
    found = ELEMENTWISE[name]
    operands = [Value(f"{{{p}}}", "double") for p in operands_of(name)]
    writer = Expression("{p}", width)
    if found.native is not None:
        result: Known = writer.call_own(name, operands)
    else:
        result = _written(found, operands, writer)
        if writer.block != "start":  # more than one block
            writer = Expression("{p}", width)
            result = writer.call_own(name, operands)
    return _piece(writer, "".join(writer.lines), writer.text(result))


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


__all__ = ["function", "is_scalar", "operation"]
