"""Picks whose length nobody reads, told by the statement that asks for them.

How many entries ``x[mask]`` has is a number that Python may have read, unless the
statement only writes what it computes of them: ``y[mask] *= v``, ``y[mask] = 2.0 *
x[mask]``. That is looked up in the instructions of the statement.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any, cast

from chainrule.compiler.tracing.frames import subscript, user_line
from chainrule.values.buffered import buffered
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import is_internal, stand_in, vertex


class Unread(str):
    """The line where entries are picked of which nobody reads how many there are."""

    __slots__ = ()


def line_of_picking() -> str:
    """Return ``user_line()`` for a call whose result's shape depends on values.

    It is ``Unread`` in a sweep, too: what a sweep computes of entries, it does to each.
    """
    frame, line, in_sweep = sys._getframe(1), user_line(), False
    while frame.f_back is not None and is_internal(frame):
        name = frame.f_globals.get("__name__", "")
        in_sweep = in_sweep or name.startswith("chainrule.sweeps.")
        frame = frame.f_back
    return Unread(line) if in_sweep or _only_writes(frame) else line


def _only_writes(frame: FrameType) -> bool:
    """Tell whether what a function picks just now only goes into an array."""
    found = list(dis.get_instructions(frame.f_code))
    here = sum(x.offset <= frame.f_lasti for x in found) - 1  # it may be in a cache
    if not _is_subscript(found[here]):
        return False
    before = [(x.opname, x.arg) for x in found[here - 2 : here]]
    if before == [("COPY", 2)] * 2:
        return True  # y[mask] += v: y and mask are there twice
    ends = [i for i in range(here) if found[i].opname.startswith(_ENDS)]
    start, stack = ends[-1] + 1 if ends else 0, list[Any]()
    for i, x in enumerate(found[start:], start):
        if x.opname == "STORE_SUBSCR":
            return i > here and len(stack) > 1 and _is_array(stack[-2], frame)
        if not _step(stack, x):
            return False
    return False


def _is_subscript(x: dis.Instruction) -> bool:
    by_number = x.opname == "BINARY_OP" and x.arg == subscript()
    return by_number or x.opname == "BINARY_SUBSCR"


def _step(stack: list[Any], x: dis.Instruction) -> bool:
    """Follow an instruction, if it tells Python nothing of its operands.

    The stack has names, and ``None`` for what was computed.
    """
    name, arg, named = x.opname, x.arg or 0, cast("Any", x.argval)  # type: ignore
    if name.startswith(_LOADS):
        is_pair = name.count("LOAD") > 1
        stack += named if is_pair else [None if "CONST" in name else named]
    elif name.startswith(_BINARY) and len(stack) > 1:
        stack[-2:] = [None]
    elif name == "COPY" and len(stack) >= arg:
        stack.append(stack[-arg])
    elif name == "SWAP" and len(stack) >= arg:
        stack[-arg], stack[-1] = stack[-1], stack[-arg]
    elif name == "UNARY_NEGATIVE" and stack:
        stack[-1] = None
    else:
        return name in ("NOP", "CACHE", "EXTENDED_ARG", "RESUME")
    return True


_ENDS = ("STORE_", "POP_", "RESUME")
"""What may end the statement before."""
_LOADS = (
    "LOAD_CONST",
    "LOAD_DEREF",
    "LOAD_FAST",
    "LOAD_GLOBAL",
    "LOAD_NAME",
    "LOAD_SMALL_INT",
)
_BINARY = ("BINARY_OP", "BINARY_SUBSCR", "COMPARE_OP")


def _is_array(name: Any, frame: FrameType) -> bool:
    """Tell whether a name of a function is that of an array: no list keeps a pick."""
    known = {**frame.f_globals, **frame.f_locals}
    x = known.get(name) if isinstance(name, str) else None
    return isinstance(x, (buffered, ndarray, stand_in, vertex))


__all__ = ["Unread", "line_of_picking"]
