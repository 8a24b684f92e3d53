"""Batched reads and writes: an index of one example as one of all examples.

An index that the examples share has a slice of all examples before it. Where each
example has its own, the examples are counted beside it: ``x[i]`` is
``x[np.arange(count), i]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Many,
    Moved,
    as_row,
    holds_examples,
    plain_of,
)
from chainrule.compiler.control.bodies import example_of
from chainrule.operations_grad.indexing import are_together, as_tuple, unindex
from chainrule.values.shapes import TUPLE, shape_of
from chainrule.values.types import Index

_np: Any = np


def getitem(moved: Moved) -> Any:
    """Batch a read."""
    x, index = moved.args
    if isinstance(x, Many) and isinstance(x.value, TUPLE):
        return x.value[index]  # one of several results
    parts = as_tuple(index)
    if isinstance(x, Many):
        return x.value[_of_examples(moved, index)]
    if not holds_examples(parts):
        raise CannotBatchError
    _, *own = _of_examples(moved, index)
    picked, axis = x[tuple(own)], _axis_of_integers(parts, moved.rank(x))
    return _np.moveaxis(picked, axis, 0) if axis else picked


def unindexed(moved: Moved) -> Any:
    """Batch the transpose of a read."""
    (x, *_), shape = moved.args, moved.given.get("shape")
    if shape is None:
        raise CannotBatchError
    index = _of_examples(moved, moved.given["index"])
    given = {"index": index, "shape": (moved.count, *shape)}
    return as_row(unindex, (moved.filled(x),), given)


def overwritten(moved: Moved) -> Any:
    """Batch a write, or an addition."""
    x, y = moved.args
    index = moved.given["index"]
    rank = _rank_of(moved.shape, index)
    if moved.rank(y) > rank:
        raise CannotBatchError
    given = {"index": _of_examples(moved, index)}
    operands = moved.filled(x), moved.aligned(y, rank)
    return as_row(moved.row.function, operands, given)


def _rank_of(shape: tuple[int, ...], index: Index) -> int:
    """Return how many axes the entries of one example have that an index picks."""
    parts = [_like(part) for part in as_tuple(index)]
    empty: Any = np.broadcast_to(np.zeros(()), shape)
    return empty[tuple(parts)].ndim


def _like(part: Any) -> Any:
    """Return a part of an index that picks as much: 0 for an integer."""
    if _is_other(part):
        return part
    value = example_of(plain_of(part))
    if _is_mask(value):
        if isinstance(part, Many):
            raise CannotBatchError
        return value
    shape = part.shape if isinstance(part, Many) else shape_of(value)
    return np.zeros(shape, dtype=np.intp) if shape else 0


def _of_examples(moved: Moved, index: Index) -> tuple[Any, ...]:
    """Return an index of one example as one of all.

    Where NumPy would not have the axis of the examples as the first, there is none.
    """
    parts = as_tuple(index)
    if not holds_examples(parts):
        if any(map(_is_array, parts)) and not _are_together(parts):
            raise CannotBatchError
        return (slice(None), *parts)
    own = [x for x in parts if isinstance(x, Many)]
    if any(x.shape or _is_mask(x.value) for x in own) or any(map(_is_array, parts)):
        raise CannotBatchError
    return (np.arange(moved.count), *map(plain_of, parts))


def _is_mask(x: Any) -> bool:
    return np.asarray(example_of(x)).dtype == np.bool_


def _axis_of_integers(parts: tuple[Any, ...], rank: int) -> int:
    """Return which axis of the picked entries arrays in the place of integers have."""
    if not _are_together(parts):
        return 0
    before: list[Any] = []
    for part in parts:
        if not _is_other(part):
            break
        before.append(part)
    axes = [part for part in before if part is not Ellipsis]
    if len(axes) == len(before):
        return len(axes)
    named = [part for part in parts if part is not None and part is not Ellipsis]
    return len(axes) + rank - len(named)


def _is_array(part: Any) -> bool:
    """Tell whether a part of an index is an array that all examples share."""
    if _is_other(part) or isinstance(part, Many):
        return False
    return isinstance(part, list) or shape_of(part) != ()


def _is_other(part: Any) -> bool:
    return isinstance(part, slice) or part is None or part is Ellipsis


def _are_together(parts: tuple[Any, ...]) -> bool:
    """Tell whether arrays and integers follow each other in an index."""
    return are_together([not _is_other(part) for part in parts])


__all__ = ["getitem", "overwritten", "unindexed"]
