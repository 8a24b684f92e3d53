"""Writes, made ready to be done in place.

An array is changed where it is if nobody reads it afterwards. So what is read of it is
read before, and what a sweep adds at an index, zeros but for some entries, is added
there: ``x + unindex(y, index)`` is ``added_at(x, y, index)``.
"""

from __future__ import annotations

import collections
import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.scatters import SEVERAL
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import (
    added_at,
    setitem,
    unindex,
)
from chainrule.values.indices import as_tuple, is_basic
from chainrule.values.shapes import ndarray
from chainrule.values.types import Index

_LISTS: Any = (Row, ndarray)

LARGE = 1 << 8
"""Entries from which on native code has loops over arrays."""


def prepare_writes(program: Program) -> None:
    """Have arrays changed where they are, as far as that goes."""
    if any(row.function is unindex and _adds_few(row) for row in program.rows):
        _add_in_place(program)
    if any(map(_is_write, program.rows)):
        _read_before_writes(program)


def _add_in_place(program: Program) -> None:
    """Let sums with zeros around few entries be additions to these."""
    uses = program.uses()
    for row in program.rows:
        if row.function is not np.add or row.given or not row.shape:
            continue
        whole, part = row.args
        if not _is_part(part, row, uses):
            whole, part = part, whole
        if not _is_part(part, row, uses) or not _is_like(whole, row):
            continue
        row.function, row.args = added_at, (whole, part.args[0])
        row.given = {"index": part.given["index"]}
        row.operands = rows_in((row.args, row.given))
    eliminate_dead_code(program)


def _is_part(x: Any, total: Row, uses: collections.Counter[Row]) -> bool:
    """Tell whether this is zeros but at a computed index, and read only here."""
    return (
        type(x) is Row
        and x.function is unindex
        and uses[x] == 1
        and _is_like(x, total)
        and isinstance(x.args[0], Row)
        and x.args[0].dtype == total.dtype
        and _adds_few(x)
    )


def _is_like(x: Any, total: Row) -> bool:
    """Tell whether this is an array of a sum's shape and dtype."""
    return isinstance(x, Row) and (x.shape, x.dtype) == (total.shape, total.dtype)


def _adds_few(row: Row) -> bool:
    """Tell whether zeros are around few entries, at a computed index or a constant one.

    Large arrays with constant ones have loops that compute only what is not zero.
    """
    if rows_in(row.given["index"]):
        return _is_computed(row)
    size = math.prod(row.shape)
    few = SEVERAL * math.prod(row.operands[0].shape) <= size if row.operands else False
    return few and size < LARGE and is_basic(row.given["index"])


def _is_computed(row: Row) -> bool:
    """Tell whether a row's index holds rows, and surely picks no entry twice.

    It is of slices and integers, or of arrays of integers of which one has all
    different.
    """
    index: Index = row.given["index"]
    parts = as_tuple(index)
    rows = [part for part in parts if isinstance(part, Row)]
    arrays = [part for part in parts if isinstance(part, ndarray)]
    others = [x for x in parts if not isinstance(x, _LISTS)]
    if (
        not rows
        or not is_basic(tuple(others))
        or any(x.dtype == np.bool_ for x in rows)
    ):
        return False
    if any(x.shape != () for x in rows) or arrays:
        return any(x.ndim == 1 and len(np.unique(x)) == len(x) for x in arrays)
    return True


def _is_write(row: Row) -> bool:
    return row.function in (setitem, added_at) and bool(rows_in(row.given["index"]))


def _read_before_writes(program: Program) -> None:
    """Put what is read of an array before the first write into it."""
    written: dict[Row, int] = {}
    for i, row in enumerate(program.rows):
        if _is_write(row) and isinstance(row.args[0], Row):
            written.setdefault(row.args[0], i)
    order: dict[Row, float] = {}
    for i, row in enumerate(program.rows):
        order[row] = i
        source = row.args[0] if row.function is operator.getitem else None
        if not isinstance(source, Row) or source not in written:
            continue
        before = written[source] - 0.5
        if before < i and all(order.get(x, -1) <= before for x in row.operands):
            order[row] = before
    program.rows.sort(key=order.__getitem__)


__all__ = ["prepare_writes"]
