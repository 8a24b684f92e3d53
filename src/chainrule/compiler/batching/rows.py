"""Batched rows: elementwise functions, reductions, shapes and indices.

Each form runs one row on all examples at once: it moves the axes by one.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Many,
    Moved,
    as_row,
    plain_of,
    shifted,
)
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    Entrywise,
    is_of_numbers,
    is_of_whole,
    power,
)
from chainrule.operations_grad.indexing import as_tuple, setitem, unindex
from chainrule.values.shapes import SEQUENCES, ndarray, normalize_axes
from chainrule.values.vertices import stand_in

_np: Any = np
_of: Any = operator


def elementwise(moved: Moved) -> Any:
    """Batch by broadcasting."""
    if moved.row.function is np.where and len(moved.args) != 3:
        raise CannotBatchError  # where a condition holds: another number of places
    rank = max(moved.rank(x) for x in (*moved.args, moved.given.get("where")))
    args = [moved.aligned(x, rank) for x in moved.args]
    given = {k: moved.aligned(x, rank) for k, x in moved.given.items()}
    return moved.row.function(*args, **given)  # type: ignore[misc]


def plain(moved: Moved) -> Any:
    """Batch one of Python's operators, entry by entry where its numbers are whole."""
    row = moved.row
    rank = max(map(moved.rank, moved.args))
    args = [moved.aligned(x, rank) for x in moved.args]
    if row.dtype is not None and row.dtype.kind == "c":
        return UFUNCS[row.function](*args)
    return as_row(Entrywise(row.function, row.dtype), args, {})


def powers(moved: Moved) -> Any:
    """Batch a power: of numbers it is C's, and not the root that arrays have."""
    row = moved.row
    if row.function is _of.pow and is_of_whole(row):
        return plain(moved)
    made = elementwise if row.given else _power
    return made(moved)


def _power(moved: Moved) -> Any:
    rank = max(map(moved.rank, moved.args))
    base, exponent = (moved.aligned(x, rank) for x in moved.args)
    of_numbers = is_of_numbers(moved.row)
    fixed = not isinstance(moved.args[1], Many)
    if of_numbers and fixed and (isinstance(exponent, stand_in) or exponent == 0.5):
        return as_row(power, (base, exponent), {})
    if moved.row.shape and moved.row.function is _of.pow:
        return base**exponent
    return _np.power(base, exponent)


def broadcast(moved: Moved) -> Any:
    """Batch a function of the library that takes stacks of matrices."""
    rank = max(map(moved.rank, moved.args))
    args = [moved.aligned(x, rank) for x in moved.args]
    return as_row(moved.row.function, args, moved.given)


def reduced(moved: Moved) -> Any:
    """Batch a reduction: its axes are one further on."""
    x = moved.args[0]
    if not isinstance(x, Many) or len(moved.args) > 2:
        raise CannotBatchError
    default = 0 if moved.row.function is not None and hasattr(
        moved.row.function, "__self__"
    ) else None  # fmt: skip
    axis = shifted(moved.option("axis", 1, default), moved.rank(x))
    rest = moved.rest("axis")
    return moved.row.function(x.value, axis=axis, **rest)  # type: ignore[misc]


def along(moved: Moved) -> Any:
    """Batch a function along one axis, whose ``None`` means the flattened array."""
    default = -1 if moved.row.function in (np.sort, np.argsort) else None
    x, axis = moved.args[0], moved.option("axis", 1, default)
    if not isinstance(x, Many) or axis is None or len(moved.args) > 2:
        raise CannotBatchError
    axis = shifted(axis, moved.rank(x))
    rest = moved.rest("axis")
    return moved.row.function(x.value, axis=axis, **rest)  # type: ignore[misc]


def rolled(moved: Moved) -> Any:
    """Batch ``np.roll`` along axes."""
    x, axis = moved.args[0], moved.option("axis", 2)
    if not isinstance(x, Many) or axis is None:
        raise CannotBatchError
    shift = moved.option("shift", 1)
    parts: Any = shift if isinstance(shift, SEQUENCES) else [shift]
    if any(isinstance(s, Many) for s in parts):
        raise CannotBatchError
    return _np.roll(x.value, shift, axis=shifted(axis, moved.rank(x)))


def getitem(moved: Moved) -> Any:
    """Batch an index that is the same for all examples."""
    x, index = moved.args
    if not isinstance(x, Many):
        raise CannotBatchError
    if moved.row.args[0].shape is None:
        return x.value[index]  # one of several results
    parts = as_tuple(index)
    _check_adjacent(parts)
    return x.value[(slice(None), *parts)]


def _check_adjacent(parts: Sequence[Any]) -> None:
    """Refuse indices of which NumPy would move the result's axes to the front."""
    fancy = [isinstance(p, (ndarray, list)) for p in parts]
    if any(isinstance(p, Many) for p in parts):
        raise CannotBatchError
    if not any(fancy):
        return
    advanced = [f or isinstance(p, (int, np.integer))
                for f, p in zip(fancy, parts, strict=True)]  # fmt: skip
    inside = advanced[advanced.index(True) : len(advanced) - advanced[::-1].index(True)]
    if not all(inside):
        raise CannotBatchError


def unindexed(moved: Moved) -> Any:
    """Batch the transpose of such an index."""
    x = moved.args[0]
    index, shape = moved.given.get("index"), moved.given.get("shape")
    if not isinstance(x, Many) or shape is None:
        raise CannotBatchError
    parts = as_tuple(index)
    _check_adjacent(parts)
    given = {"index": (slice(None), *parts), "shape": (moved.count, *shape)}
    return as_row(unindex, (x.value,), given)


def overwritten(moved: Moved) -> Any:
    """Batch a write at an index that is the same for all examples."""
    x, y = moved.args
    index = moved.given["index"]
    parts = as_tuple(index)
    _check_adjacent(parts)
    shape = moved.row.shape or ()
    rank = _np.empty(shape)[index].ndim
    if moved.rank(y) > rank:
        raise CannotBatchError
    whole = x.value if isinstance(x, Many) else _np.broadcast_to(
        x, (moved.count, *shape)
    )  # fmt: skip
    given = {"index": (slice(None), *parts)}
    return as_row(setitem, (whole, moved.aligned(y, rank)), given)


def reshaped(moved: Moved) -> Any:
    """Batch a function that keeps the order of the entries."""
    x = moved.args[0]
    if moved.given.get("order", "C") != "C" or not isinstance(x, Many):
        raise CannotBatchError
    return _np.reshape(x.value, (moved.count, *(moved.row.shape or ())))


def transposed(moved: Moved) -> Any:
    """Batch ``np.transpose``."""
    x, rank = moved.args[0], moved.rank(moved.args[0])
    axes = moved.option("axes", 1)
    axes = tuple(range(rank))[::-1] if axes is None else normalize_axes(axes, rank)
    return _np.transpose(x.value, (0, *(a + 1 for a in axes)))


def moved_axes(moved: Moved) -> Any:
    """Batch ``np.moveaxis``."""
    x, *axes = moved.args
    first, second = ([shifted(a, moved.rank(x))] if isinstance(a, int) else
                     shifted(tuple(a), moved.rank(x)) for a in axes)  # fmt: skip
    return _np.moveaxis(x.value, first, second)


def swapped(moved: Moved) -> Any:
    """Batch ``np.swapaxes``."""
    x, *axes = moved.args
    axes = [*axes, *moved.rest().values()]
    first, second = (shifted(a, moved.rank(x)) for a in axes)
    return _np.swapaxes(x.value, first, second)


def repeated_shape(moved: Moved) -> Any:
    """Batch a broadcast to a shape."""
    shape = moved.row.shape or ()
    x = moved.aligned(moved.args[0], len(shape))
    return _np.broadcast_to(x, (moved.count, *shape))


def same_call(moved: Moved) -> Any:
    """Batch a function that takes any number of leading axes."""
    x, *rest = moved.args
    return as_row(moved.row.function, (x.value, *rest), moved.rest())


def stacked_call(moved: Moved) -> Any:
    """Batch a function whose operands may each have more leading axes."""
    values = [plain_of(x) for x in moved.args]
    return as_row(moved.row.function, tuple(values), moved.given)


def number(moved: Moved) -> Any:
    """Batch ``float``: all are numbers."""
    return moved.args[0].value


def joined(moved: Moved) -> Any:
    """Batch ``np.stack`` and ``np.concatenate``."""
    parts = moved.args[0]
    if not isinstance(parts, SEQUENCES):
        raise CannotBatchError
    axis = moved.option("axis", 1, 0)
    if axis is None:
        raise CannotBatchError
    filled = [
        x.value if isinstance(x, Many)
        else _np.broadcast_to(x, (moved.count, *np.shape(x))) for x in parts
    ]  # fmt: skip
    axis = shifted(axis, len(moved.row.shape or ()))
    return moved.row.function(filled, axis=axis, **moved.rest("axis"))  # type: ignore


def made_of(moved: Moved) -> Any:
    """Batch ``np.asarray`` of nested lists."""
    if len(moved.args) != 1:
        raise CannotBatchError
    return _nested(moved.args[0], moved.count)


def _nested(x: Any, count: int) -> Any:
    if isinstance(x, Many):
        return x.value
    if isinstance(x, SEQUENCES):
        return _np.stack([_nested(v, count) for v in x], axis=1)
    return _np.broadcast_to(x, (count, *np.shape(x)))
