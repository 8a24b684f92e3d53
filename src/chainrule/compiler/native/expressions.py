"""LLVM's text for elementwise operations: from the Python expressions that define them.

In: the expression of a rule, and the ``native`` functions of the rules behind the
functions that it names. Out: the instructions that compute it, on one number or on a
vector, for the interpreter and for native code alike.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.compiler.native.operations import ELEMENTWISE, Elementwise, operands_of
from chainrule.compiler.native.own_functions import parameters_of, symbol
from chainrule.compiler.native.translation import (
    LANES,
    Known,
    Value,
    Writer,
    literal,
    type_of,
)
from chainrule.rules.expressions import parsed


@dataclass(frozen=True)
class Operation:
    """The text of an operation or function, and what has to be declared for it.

    That of an operation is a template of ``{a}``, ``{b}``, ``{c}`` and ``{p}``, and
    ``result`` the name of what it computes. ``calls`` says that each number takes a
    call of the C library.
    """

    text: str
    result: str
    called: frozenset[tuple[str, int]]
    external: frozenset[str]
    calls: bool


@functools.cache
def operation(name: str, width: int) -> Operation:
    """Return the instructions of an elementwise operation."""
    found = ELEMENTWISE[name]
    operands = [Value(f"{{{p}}}", "double") for p in operands_of(name)]
    writer = Writer(width)
    if found.native is not None:
        result = writer.call_own(name, operands)
    else:
        result = _written(found, operands, writer)
        if any(line.endswith(":") for line in writer.lines):  # more than one block
            writer = Writer(width)
            result = writer.call_own(name, operands)
    lines = "".join(f"  {line}\n" for line in writer.lines)
    called, external = frozenset(writer.called), frozenset(writer.external)
    calls = writer.is_scalar or any(function(*f).calls for f in called)
    return Operation(lines, result.name, called, external, calls)


def _written(own: Elementwise, operands: Sequence[Value], writer: Writer) -> Value:
    """Write an expression of operands; return its result."""
    space = {"math": math, **dict(zip(own.operands, operands, strict=True))}
    return writer.number(parsed(own.expression), space)


def is_scalar(name: str) -> bool:
    """Tell whether an operation calls the C library for each number."""
    return name in ELEMENTWISE and operation(name, 1).calls


@functools.cache
def function(name: str, width: int) -> Operation:
    """Return the definition of the function of an operation."""
    own, names = ELEMENTWISE[name], parameters_of(name)
    writer = Writer(width, own.native)
    operands = [Value(f"%{n}", "double") for n in names]
    if own.native is not None:
        result: Known = writer.body(own.native, operands)
    else:
        result = _written(own, operands, writer)
    kinds = type_of("double", width)
    taken = ", ".join(f"{kinds} %{n}" for n in names)
    lines = [line if line.endswith(":") else f"  {line}" for line in writer.lines]
    text = "\n".join([
        f"define {kinds} @{symbol(name, width)}({taken}) {{", "start:", *lines,
        f"  ret {kinds} {writer.text(result)}", "}", "",
    ]).replace("{p}", "%t")  # fmt: skip
    called, external = frozenset(writer.called), frozenset(writer.external)
    calls = writer.is_scalar or any(function(*f).calls for f in called)
    return Operation(text, symbol(name, width), called, external, calls)


def module(
    parts: Iterable[str], called: Iterable[tuple[str, int]], external: Iterable[str]
) -> str:
    """Return definitions as a module, with the declarations of what they call."""
    found = set(external)
    for name, width in called:
        kinds = type_of("double", width)
        taken = ", ".join([kinds] * len(parameters_of(name)))
        found.add(f"declare {kinds} @{symbol(name, width)}({taken})")
    return "\n".join([*sorted(found), *parts])


__all__ = ["LANES", "Operation", "function", "is_scalar", "literal", "module",
           "operation", "symbol", "type_of"]  # fmt: skip
