"""Reads and writes at computed places, on a tape: calls of machine code.

In: a row that indexes with integers which other rows hold. Out: the places of its
result. A write makes a copy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.computed_places import Box, Computed, PlaceFunction
from chainrule.compiler.native.meanings import CannotLowerError, check_kind
from chainrule.compiler.native.movements import Places
from chainrule.compiler.tape.flags import raise_where
from chainrule.compiler.tape.parts import Outside
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import (
    added_at,
    as_tuple,
    setitem,
    unindex,
    unindex_all,
)

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

_CONSTANTS: Any = (int, slice, np.integer)
_NAMES: dict[Any, str] = {
    added_at: "added_at",
    operator.getitem: "getitem",
    setitem: "setitem",
    unindex: "unindex",
    unindex_all: "unindex",
}


def has_computed_places(row: Row) -> bool:
    """Tell whether a row indexes with integers that rows hold."""
    is_read = row.function is operator.getitem
    index = row.args[1] if is_read else [row.given.get(k) for k in ("index", "indices")]
    return row.function in _NAMES and bool(rows_in(index))


def at_computed_places(b: Builder, row: Row) -> Places:
    """Return the places of such a row; ``CannotLowerError`` for any other."""
    if not has_computed_places(row):
        raise CannotLowerError("an index of constants")
    name = _NAMES[row.function]
    if name == "getitem":
        x, index = row.args
        return _called(b, name, b.places(x), index, None)
    if row.function is unindex_all:
        return _all_added(b, row)
    index = row.given["index"]
    if name == "unindex":
        y: Any = b.places(row.args[0])
        return _called(b, name, None, index, y, row.given["shape"])
    x, y = map(b.places, row.args)
    if _kind(row.args[1]) > _kind(row):
        raise CannotLowerError("numbers that NumPy casts")
    return _called(b, name, x, index, y)


def _kind(x: Any) -> int:
    dtype = x.dtype if isinstance(x, Row) else np.asarray(x).dtype
    return "biuf".find(dtype.kind)


def _all_added(b: Builder, row: Row) -> Places:
    """Add what goes to each index into one array."""
    found, shape = None, row.given["shape"]
    for part, index in zip(row.args, row.given["indices"], strict=True):
        y = b.places(part)
        name = "unindex" if found is None else "added_at"
        found = _called(b, name, found, index, y, shape)
    if found is None:
        raise CannotLowerError
    return found


def _called(
    b: Builder, name: str, x: Any, index: Any, y: Any, shape: Any = None
) -> Places:
    """Add a call; ``x`` and ``y`` are the places of the array and of what comes."""
    shape = np.shape(x) if x is not None else shape
    parts, computed = _parts(index, len(shape))
    if not computed:
        raise CannotLowerError("an index that is no box")
    box, integers = _box(parts, shape)
    given = [] if x is None else [b.in_one_piece(x)]
    steps: tuple[int, ...] = ()
    if y is not None:
        y = b.in_one_piece(y)
        steps = _steps(np.shape(y), box.picked)
        given.append(y)
    given += [b.in_one_piece(b.places(v)) for v in integers]
    function = PlaceFunction(name, box, steps)
    results = [b.new(shape) for shape, _ in function.likes]
    _call(b, function, given, results)
    raise_where(b, results[1], b.flag)
    return results[0]


def _call(
    b: Builder, function: PlaceFunction, given: Sequence[Places], results: list[Places]
) -> None:
    """Add the call of a row that stands for it."""
    dtype = np.dtype(np.float64)
    reads = [Row(None, (), {}, [], np.empty(np.shape(p), dtype), -1) for p in given]
    called: Any = function
    row = Row(called, tuple(reads), {}, reads, (), 0)
    slot = b.slot() if b.depth else 0
    b.called.append((len(b.code), Outside(row, list(given), results, slot)))


def _parts(index: Any, ndim: int) -> tuple[list[Any], bool]:
    """Return an index with one part per axis, and whether rows are among them."""
    parts = list(as_tuple(index))
    if any(part is None for part in parts):
        raise CannotLowerError("an index that adds axes")
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    for at in dots:
        parts[at : at + 1] = [slice(None)] * (ndim - len(parts) + 1)
    parts += [slice(None)] * (ndim - len(parts))
    rows = [part for part in parts if isinstance(part, Row)]
    for part in parts:
        if isinstance(part, Row):
            check_kind(part)
            if part.dtype.kind not in "iu" or len(part.shape or ()) > 1:
                raise CannotLowerError("an index of several axes, or a mask")
        elif not isinstance(part, _CONSTANTS) or rows_in(part) or type(part) is bool:
            raise CannotLowerError("an index of arrays")
    lists = [x for x in rows if x.shape]
    if lists and len(parts) - sum(type(p) is slice for p in parts) > 1:
        raise CannotLowerError("several arrays of indices")
    return parts, bool(rows)


def _box(parts: Sequence[Any], shape: Sequence[int]) -> tuple[Box, list[Row]]:
    """Return the entries that an index picks, and the rows of its integers."""
    start: int = 0
    axes: list[tuple[int | None, int]] = []
    computed: list[Computed] = []
    integers: list[Row] = []
    for k, (part, n) in enumerate(zip(parts, shape, strict=True)):
        step = math.prod(shape[k + 1 :])
        if isinstance(part, Row):
            many = part.shape[0] if part.shape else None
            computed.append(Computed(n, step, many))
            integers.append(part)
            if many is not None:
                axes.append((None, 0))
        elif isinstance(part, slice):
            first, stop, by = part.indices(n)
            count = len(range(first, stop, by))
            start += step * first if count else 0
            axes.append((count, step * by))
        else:
            place: int = range(n)[int(part)]
            start += step * place
    return Box(tuple(shape), start, tuple(axes), tuple(computed)), integers


def _steps(shape: Sequence[int], picked: Sequence[int]) -> tuple[int, ...]:
    """Return the steps of what is written, broadcast to the entries that are picked."""
    places = np.arange(math.prod(shape)).reshape(shape)
    while places.ndim > len(picked) and places.shape[0] == 1:
        places = places[0]
    spread = np.broadcast_to(places, picked)
    return tuple(s // places.itemsize for s in spread.strides)


__all__ = ["at_computed_places", "has_computed_places"]
