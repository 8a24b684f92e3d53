"""Sums of what is left of an array and what belongs into the gap.

The derivative of ``y[i] += v`` takes a cotangent apart, into what is left of it beside
``i`` and what stood there, and adds the two. Here the array is written once, or not at
all. A zero may lose its sign.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import alike
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import (
    setitem,
    unindex,
)
from chainrule.values.indices import as_tuple, is_basic, same_index
from chainrule.values.types import Index

LARGEST = 1 << 16
"""Entries of an array up to which it is looked at whether all are overwritten."""


def put_back(row: Row) -> Row | None:
    """Return the row that a sum is, if one of the operands fills a gap of the other.

    The sum may become a write, in its place; then ``None`` is returned.
    """
    if not row.shape:
        return None
    for whole, part in (row.args, row.args[::-1]):
        if not isinstance(part, Row) or not alike(part, row):
            continue
        if not isinstance(whole, Row) or not alike(whole, row):
            continue
        if _is_zero(whole):
            return part
        if part.function is not unindex or not _has_gap(whole, part.given["index"]):
            continue
        array, entries, index = whole.args[0], part.args[0], part.given["index"]
        if entries.dtype != row.dtype or not alike(array, row):
            continue
        if _is_part(entries, array, index):
            return array
        row.function, row.args = setitem, (array, entries)
        row.given = {"index": index}
        row.operands = rows_in((row.args, row.given))
        return None
    return None


def _has_gap(whole: Row, index: Index) -> bool:
    """Tell whether a row is an array with zeros written at an index."""
    if whole.function is not setitem or not isinstance(whole.args[0], Row):
        return False
    return (
        _is_number(whole.args[1], 0.0)
        and _picks_once(index)
        and same_index(whole.given["index"], index)
    )


def _is_part(entries: Any, array: Row, index: Index) -> bool:
    """Tell whether some entries are those of an array at an index."""
    return (
        isinstance(entries, Row)
        and entries.function is operator.getitem
        and entries.args[0] is array
        and same_index(entries.args[1], index)
    )


def _picks_once(index: Index) -> bool:
    """Tell whether an index is of slices and integers, some of which rows hold."""
    parts = as_tuple(index)
    rows = [part for part in parts if isinstance(part, Row)]
    others = tuple(part for part in parts if not isinstance(part, Row))
    return is_basic(others) and all(x.shape == () for x in rows)


def _is_number(x: Any, value: float) -> bool:
    return isinstance(x, float | int) and x == value


def _is_zero(x: Row) -> bool:
    """Tell whether zeros were written over all of an array."""
    written = list(_zeroed(x))
    if not written or not x.shape or math.prod(x.shape) > LARGEST:
        return False
    left = np.ones(x.shape, dtype=bool)
    for index in written:
        left[index] = False
    return not left.any()


def _zeroed(x: Any) -> Iterator[Any]:
    """Yield where zeros were written, the last first."""
    while isinstance(x, Row) and x.function is setitem:
        index = x.given["index"]
        if not _is_number(x.args[1], 0.0) or rows_in(index) or not is_basic(index):
            return
        yield index
        x = x.args[0]


__all__ = ["put_back"]
