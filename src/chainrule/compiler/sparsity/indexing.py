"""Patterns of what is picked and written by an index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.sparsity.calls import Shared, is_array
from chainrule.compiler.sparsity.patterns import Pattern, joined, union
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import picks_once
from chainrule.values.shapes import SEQUENCES, shape_of

if TYPE_CHECKING:
    from chainrule.compiler.sparsity.detection import Detection

_np: Any = np


def getitem_pattern(d: Detection, row: Row) -> Pattern | None:
    """Return the pattern of ``x[index]``."""
    x, index = row.args
    if rows_in(index):
        return d.dense(row)
    p = d.patterns.get(x)
    if isinstance(p, list):
        results: list[Any] = p  # pyright: ignore[reportUnknownVariableType]
        return results[index]
    if isinstance(p, Shared):
        rest = len(row.shape) - len(p.shape)
        return p.pattern.to((*p.shape, *(1,) * rest), row.shape)
    if not isinstance(p, Pattern):
        return None
    return p.picked(x.shape, index)


def concatenated_pattern(d: Detection, row: Row) -> Pattern | None:
    """Return the pattern of arrays one after the other, along their first axis.

    ``None`` stands for another axis, and for lists, which may hold rows.
    """
    parts, *rest = row.args
    axis = rest[0] if rest else row.given.get("axis", 0)
    plain = isinstance(parts, SEQUENCES) and all(
        isinstance(x, Row) or is_array(x) for x in parts
    )
    if axis != 0 or not plain:
        return None
    found: list[Pattern] = []
    for x in parts:
        p = d.known(x)
        found.append(Pattern(math.prod(shape_of(x)), d.columns) if p is None else p)
    return joined(found)


def unindex_pattern(d: Detection, row: Row) -> Pattern:
    """Return the pattern of zeros with entries added at an index."""
    index, shape = row.given["index"], row.given["shape"]
    p = d.patterns[row.args[0]]
    if rows_in(index):
        return p.spread(math.prod(shape))
    if picks_once(index):
        return p.put(row.args[0].shape, shape, index)
    where = _np.arange(math.prod(shape)).reshape(shape)[index]
    return p.summed(_np.broadcast_to(where, row.args[0].shape), math.prod(shape))


def unindex_all_pattern(d: Detection, row: Row) -> Pattern:
    """Return the pattern of zeros with several parts added at indices."""
    parts, indices, shape = row.args, row.given["indices"], row.given["shape"]
    size = math.prod(shape)
    if rows_in(list(indices)):
        return d.dense(row)
    numbers = _np.arange(size).reshape(shape)
    patterns, places = list[Pattern](), list[Any]()
    for part, index in zip(parts, indices, strict=True):
        p = d.known(part)
        if p is not None:
            patterns.append(p)
            where = _np.broadcast_to(numbers[index], part.shape)
            places.append(_np.ravel(where))
    return joined(patterns).summed(_np.concatenate(places), size)


def setitem_pattern(d: Detection, row: Row) -> Pattern:
    """Return the pattern of ``x`` after ``x[index] = value``."""
    x, value = row.args
    index = row.given["index"]
    size = math.prod(row.shape)
    if rows_in(index):
        return d.dense(row)
    places = _np.arange(size).reshape(row.shape)
    old, new = d.known(x), d.known(value)
    kept, came = places.copy(), _np.full(row.shape, -1)
    kept[index] = -1
    shape = value.shape if isinstance(value, Row) else _np.shape(value)
    came[index] = _np.arange(math.prod(shape)).reshape(shape)
    found = Pattern(size, d.columns)
    for p, where in ((old, kept), (new, came)):
        if p is not None:
            found = union(found, p.moved(where))
    return found


def added_at_pattern(d: Detection, row: Row) -> Pattern:
    """Return the pattern of ``x`` after ``np.add.at(x, index, value)``."""
    x, value = row.args
    index = row.given["index"]
    size = math.prod(row.shape)
    if rows_in(index):
        return d.dense(row)
    where = _np.arange(size).reshape(row.shape)[index]
    found = Pattern(size, d.columns)
    old, new = d.known(x), d.known(value)
    if old is not None:
        found = union(found, old)
    if new is not None:
        stretched = new.to(value.shape, _np.shape(where))
        found = union(found, stretched.summed(where, size))
    return found


__all__ = [
    "added_at_pattern",
    "concatenated_pattern",
    "getitem_pattern",
    "setitem_pattern",
    "unindex_all_pattern",
    "unindex_pattern",
]
