"""Buffers: which results of a program are written into arrays that are kept for it.

In: a ``Program``. Out: the number of a buffer for each row that has one, by liveness: a
buffer is free again after the last row that may look at it. Views (a reshape, a slice)
keep the buffer of what they show.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.transforms import Transformed
from chainrule.compiler.programs.pool import Pool
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import (
    picks_once,
    setitem,
    unindex,
    unindex_all,
)
from chainrule.rules import rule_of
from chainrule.values.shapes import TUPLE

BUFFERED = 1 << 13
"""Elementwise results from this many bytes on are written into buffers."""

FREED = 1 << 20
"""Other results from this many bytes on are given up after the last row that reads
them."""

Buffer = tuple[int, tuple[int, ...], np.dtype[Any]]
"""A piece of memory, by number, and the shape and dtype that it has."""


def viewed(row: Row) -> list[Row]:
    """Return the operands whose memory a result may look at."""
    return [] if _is_number(row) or is_fresh(row) else row.operands


def may_share(row: Row, seen: set[Row]) -> bool:
    """Tell whether a result may look at memory of an input, or at what is ``seen``.

    The rows whose memory it may look at are seen from then on.
    """
    shares, rest = False, [row]
    while rest:
        x = rest.pop()
        if x in seen or not x.operands:
            shares = True
        elif _is_number(x):
            continue  # a number holds no memory
        if x not in seen:
            seen.add(x)
            rest += viewed(x)
    return shares


def _is_number(row: Row) -> bool:
    """Tell whether a result is a number, and not an array without axes: a view."""
    if row.number is not None:
        return True
    if row.shape != () or row.dtype is None:
        return False
    if is_fresh(row):
        return True
    if row.function is not operator.getitem:
        return False
    source, index = row.args
    parts = index if isinstance(index, TUPLE) else (index,)
    return (
        isinstance(source, Row)
        and source.shape is not None
        and all(isinstance(x, (int, np.integer, Row)) for x in parts)
    )


def is_fresh(row: Row) -> bool:
    """Tell whether a result is surely in memory of its own."""
    f = row.function
    if f is operator.getitem:
        return is_native(row.args[0])  # one of several results
    if isinstance(f, np.ufunc) or is_native(row):
        return True
    known = rule_of(f)
    if known is None or type(f) in (type, FunctionType):
        return False  # NumPy's functions return arrays of their own, or say so
    return not known.views and not known.in_order


def is_native(row: Any) -> bool:
    """Tell whether a row is native code, which writes into arrays that it is given."""
    return isinstance(row, Row) and getattr(row.function, "fills", False)


def written_in_place(program: Program) -> set[Row]:
    """Return the writes that may change their array: nobody looks at it afterwards.

    It is surely the program's own, and so are the views of it.
    """
    found = set[Row]()
    if not any(map(_changes_part, program.rows)):
        return found
    until = program.last_uses()
    memory: dict[Row, list[_Memory]] = {}
    for i, row in enumerate(program.rows):
        is_own = row.function in _OWN or (
            isinstance(row.function, np.ufunc) and row.shape != () and not row.given
        )
        if _changes_part(row):
            before = memory.get(row.args[0], [])
            if len(before) == 1 and before[0].is_own and before[0].until <= i:
                found.add(row)
                memory[row] = before
        if row not in memory:
            shown = [] if is_own else viewed(row)
            others = (m for x in shown for m in memory.get(x, ()))
            memory[row] = [_Memory(is_own=is_own), *dict.fromkeys(others)]
        for each in memory[row]:
            each.until = max(each.until, until.get(row, -1))
    return found


def _changes_part(row: Row) -> bool:
    """Tell whether a row is an array after something was written into it, or added."""
    if (
        not row.shape
        or row.function not in _CHANGES
        or not isinstance(row.args[0], Row)
    ):
        return False
    if row.function is setitem:
        return True
    x, (whole, *others) = row.args[0], row.given["indices"]
    alike = (x.shape, x.dtype) == (row.shape, row.dtype)
    return whole is Ellipsis and alike and all(map(picks_once, others))


class _Memory:
    """Memory that rows show, and the number of the last row that reads it so far."""

    def __init__(self, *, is_own: bool) -> None:
        self.is_own = is_own
        self.until = -1


_CHANGES = (setitem, unindex_all)
_OWN = (*_CHANGES, unindex)
"""Functions of this library that return arrays of their own."""


class Assigned(NamedTuple):
    """The number of each buffered row's buffer, these, and the bytes of the pieces."""

    numbers: dict[Row, int]
    buffers: list[Buffer]
    sizes: list[int]

    def made(self) -> tuple[Any, ...]:
        """Return new buffers."""
        pieces = [np.empty(size, np.uint8) for size in self.sizes]
        return tuple(
            pieces[n][: math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
            for n, shape, dtype in self.buffers
        )


def assign_buffers(program: Program, *, results: bool = False) -> Assigned:
    """Assign buffers to rows, or to ``results`` too."""
    pool = Pool()
    if not any(map(_takes_buffer, program.rows)):
        return Assigned({}, [], pool.sizes)
    until, end = program.last_uses(), len(program.rows)
    returned = {x for x in program.outputs if isinstance(x, Row) and not results}
    for row in reversed(program.rows):
        for x in viewed(row):
            until[x] = max(until.get(x, -1), until.get(row, -1))
            if row in returned:
                returned.add(x)
    ending: dict[int, list[Row]] = {}
    pieces: dict[Row, int] = {}
    buffers: dict[Buffer, int] = {}
    numbers: dict[Row, int] = {}
    items = native_results(program)
    for i, row in enumerate(program.rows):
        for done in ending.pop(i - 1, []):
            pool.give(pieces[done])
        for result in items.get(row, {0: row}).values():
            if result in returned or result in numbers or not _takes_buffer(result):
                continue
            done = _overwritten(result, ending.get(i, []))
            if done is not None:
                ending[i].remove(done)
                pieces[result] = pieces[done]
            else:
                pieces[result] = pool.take(bytes_of(result))
            shape, dtype = result.shape, result.dtype
            buffer: Any = pieces[result], shape, dtype
            numbers[result] = buffers.setdefault(buffer, len(buffers))
            if until.get(result, -1) < end:
                ending.setdefault(until.get(result, -1), []).append(result)
    return Assigned(numbers, list(buffers), pool.sizes)


def _overwritten(row: Row, ending: Sequence[Row]) -> Row | None:
    """Return what an elementwise result may overwrite: what it reads last."""
    f = row.function
    if not isinstance(f, np.ufunc) or f.signature is not None:
        return None
    alike = (x for x in ending if x.shape == row.shape and x.dtype == row.dtype)
    return next(alike, None)


def native_results(program: Program) -> dict[Row, dict[int, Row]]:
    """Return the results of rows of native code that have several, by their numbers."""
    results: dict[Row, dict[int, Row]] = {}
    for row in program.rows:
        if row.function is operator.getitem and is_native(row.args[0]):
            results.setdefault(row.args[0], {})[row.args[1]] = row
    return results


def bytes_of(row: Row) -> int:
    """Return the bytes of a result's entries; 0 of several results, or a column."""
    return math.prod(row.shape) * row.dtype.itemsize if row.shape else 0


def _takes_buffer(row: Row) -> bool:
    """Tell whether a row's result can be written into a buffer, and should be."""
    if not row.shape:
        return False  # a number, or several results
    f = row.function
    takes = isinstance(f, np.ufunc) and f.nout == 1 and not row.given
    takes = takes or isinstance(f, (Product, Transformed))
    return (
        (takes or is_native(row) or (f is operator.getitem and is_native(row.args[0])))
        and row.dtype is not None
        and row.dtype.kind in "fcb"
        and bytes_of(row) >= BUFFERED
    )
