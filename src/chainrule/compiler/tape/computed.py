"""Reads and writes at computed places, on a tape: calls of machine code.

In: a row that indexes with integers which other rows hold. Out: the places of its
result. A write changes the array where it is, if nobody reads that afterwards
(``liveness``); if somebody does, it changes a copy.
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
from chainrule.compiler.native.operations import single_of
from chainrule.compiler.tape.flags import raise_where
from chainrule.compiler.tape.held import FLOAT, HELD
from chainrule.compiler.tape.native_values import UNROLLED
from chainrule.compiler.tape.parts import Outside, Region
from chainrule.compiler.tape.places import overlap, span
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import (
    added_at,
    are_together,
    setitem,
    unindex,
    unindex_all,
)
from chainrule.values.indices import as_tuple, is_basic
from chainrule.values.shapes import ndarray

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder
    from chainrule.compiler.tape.native_instructions import Instructions
    from chainrule.compiler.tape.native_tape import Writers

ZEROS = 1 << 16
"""Entries of an array up to which it is cleared in each call, where few are added."""

_CONSTANTS: Any = (int, slice, np.integer)
_FUNCTIONS: Any = (added_at, operator.getitem, setitem, unindex, unindex_all)
Placed = tuple[Box, list[Places]]
"""The entries that an index picks, and the places of its integers."""

_LISTS: Any = (Row, ndarray)
_SEQUENCE: Any = (list, ndarray)


def changes_part(row: Row) -> bool:
    """Tell whether a row is a large array after a part of it was written, or added."""
    return (
        row.function in (setitem, added_at)
        and math.prod(row.shape or ()) > UNROLLED
        and isinstance(row.args[0], Row)
        and row.dtype == np.float64
        and is_basic(row.given["index"])
    )


def changed_in_region(b: Builder, row: Row) -> Places | None:
    """Write into an array where it is, in a loop or a branch, if that may be done.

    Elsewhere its places are those of the old array and of what is written: nothing is
    moved before somebody wants it in one piece. In a loop that is in every step.
    """
    x, y = map(b.places, row.args)
    if not (b.depth and changes_part(row) and b.may_change(x)):
        return None
    try:
        box = _box(b, row.given["index"], np.shape(x))
    except CannotLowerError:
        return None
    return _changed(b, row.function.__name__, x, box, y)


def has_computed_places(row: Row) -> bool:
    """Tell whether a row indexes with integers that rows hold."""
    if row.function not in _FUNCTIONS:
        return False
    is_read = row.function is operator.getitem
    index = row.args[1] if is_read else [row.given.get(k) for k in ("index", "indices")]
    return bool(rows_in(index))


def adds_few(row: Row) -> bool:
    """Tell whether few entries are added at computed places, among zeros."""
    if row.function is not unindex or not has_computed_places(row):
        return False
    x: Any = row.args[0]
    return math.prod(x.shape) < HELD and math.prod(row.shape or ()) <= ZEROS


def at_computed_places(b: Builder, row: Row) -> Places:
    """Return the places of such a row; ``CannotLowerError`` for any other."""
    if not has_computed_places(row):
        raise CannotLowerError("an index of constants")
    if row.function is operator.getitem:
        x, index = row.args
        return _read(b, b.places(x), index)
    if row.function is unindex_all:
        return _all_added(b, row)
    index = row.given["index"]
    if row.function is unindex:
        box = _box(b, index, row.given["shape"])
        return _changed(b, "added_at", _zeros(b, box), box, b.places(row.args[0]))
    x, y = row.args
    wider = row.function is added_at and _dtype(y) == FLOAT != row.dtype
    if _kind(y) > _kind(row) or wider:
        raise CannotLowerError("numbers that NumPy casts")
    x, y = map(b.places, row.args)
    box = _box(b, index, np.shape(x))
    return _changed(b, row.function.__name__, b.to_change(x), box, y)


def _kind(x: Any) -> int:
    return "biuf".find(_dtype(x).kind)


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Row) else np.asarray(x).dtype


def _zeros(b: Builder, box: Placed) -> Places:
    return b.elementwise("copy", box[0].shape, b.absent)


def _all_added(b: Builder, row: Row) -> Places:
    """Add what goes to each index into one array."""
    parts, indices = list(row.args), list(row.given["indices"])
    boxes = [_box(b, i, row.given["shape"]) for i in indices]
    values = list(map(b.places, parts))
    if indices[0] is Ellipsis and np.shape(values[0]) == row.shape:
        found = b.to_change(values.pop(0))
        del boxes[0]
    else:
        found = _zeros(b, boxes[0])
    for box, y in zip(boxes, values, strict=True):
        _changed(b, "added_at", found, box, y)
    return found


def _read(b: Builder, x: Places, index: Any) -> Places:
    """Add the call that reads an array at an index."""
    box, integers = _box(b, index, np.shape(x))
    result = b.new(box.picked)
    given = [b.in_one_piece(x), *integers]
    _call(b, PlaceFunction("getitem", box, ()), given, result)
    return result


def _changed(b: Builder, name: str, x: Places, box: Placed, y: Places) -> Places:
    """Add the call that writes into an array, or adds; return the array's places.

    It is in one piece, and nobody else's.
    """
    places = (_beside(b, x, p) for p in (b.in_one_piece(y), *box[1]))
    function = PlaceFunction(name, box[0], _steps(np.shape(y), box[0].picked))
    _call(b, function, [x, *places], x)
    if b.single and name == "added_at":
        start, n = span(x)
        b.code.add(single_of("copy"), start, [(start, 1)], n)
    return x


def _beside(b: Builder, x: Places, y: Places) -> Places:
    """Return the places of what is read, copied if they are among those of an array."""
    if not overlap(x, y):
        return y
    return b.elementwise("copy", np.shape(y), y)


def _call(
    b: Builder, function: PlaceFunction, given: Sequence[Places], result: Places
) -> None:
    """Add the call of a row that stands for it; in a region it is written out."""
    failed = b.new(())
    if b.depth:
        b.called.append((len(b.code), AtPlaces(function, given, result, int(failed))))
    else:
        dtype = np.dtype(np.float64)
        reads = [Row(None, (), {}, [], np.empty(np.shape(p), dtype), -1) for p in given]
        called: Any = function
        row = Row(called, tuple(reads), {}, reads, (), 0)
        b.called.append((len(b.code), Outside(row, list(given), [result, failed])))
    if function.box.computed:
        raise_where(b, failed, b.flag)


class AtPlaces(Region):
    """A read or a write at computed places, in the function of the region around it."""

    is_inside = True

    def __init__(
        self,
        function: PlaceFunction,
        given: Sequence[Places],
        result: Places,
        failed: int,
    ) -> None:
        """Keep where it finds its array, what is written and the integers."""
        super().__init__(function.__name__, [], list(given), [result, failed])
        self.function = function

    def write(self, writer: Instructions, to: Writers) -> None:
        """Write it into a function."""
        function, (result, failed) = self.function, self.results
        array, *integers = self.operands
        part = result if function.reads else integers.pop(0)

        def integer(i: int, turn: str) -> str:
            if function.box.computed[i].many is None:
                return writer.number(span(integers[i])[0])
            return writer.load(writer.moved(address(integers[i]), turn))

        def address(places: Places) -> str:
            writer.read[places] = True
            return writer.pointer(span(places)[0])

        at = address(array)
        if function.reads and not function.box.picked:
            x, outside = function.entry(writer, at, integer)
            writer.put(int(part), x)
        elif function.repeats:
            x = writer.number(span(part)[0])
            outside = function.write(writer, at, x, integer)
            writer.forget(*span(result))
        else:
            outside = function.write(writer, at, address(part), integer)
            writer.forget(*span(result))
        writer.put(int(failed), outside)


def _parts(index: Any, ndim: int) -> list[Any]:
    """Return an index with one part per axis."""
    parts = list(as_tuple(index))
    if any(part is None for part in parts):
        raise CannotLowerError("an index that adds axes")
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    for at in dots:
        parts[at : at + 1] = [slice(None)] * (ndim - len(parts) + 1)
    parts += [slice(None)] * (ndim - len(parts))
    for i, part in enumerate(parts):
        if isinstance(part, _SEQUENCE) and not rows_in(part):
            parts[i] = part = np.asarray(part)
        if isinstance(part, Row):
            check_kind(part)
        if isinstance(part, _LISTS):
            if part.dtype.kind not in "iu" or len(part.shape or ()) > 1:  # type: ignore
                raise CannotLowerError("an index of several axes, or a mask")
        elif not isinstance(part, _CONSTANTS) or rows_in(part) or type(part) is bool:
            raise CannotLowerError("an index of arrays")
    if len({_many_of(x) for x in parts} - {None}) > 1:
        raise CannotLowerError("arrays of indices of several lengths")
    return parts


def _many_of(part: Any) -> int | None:
    """Return how many integers an array of indices has; ``None`` for other parts."""
    is_array = isinstance(part, _LISTS) and part.shape
    return part.shape[0] if is_array else None


def _box(b: Builder, index: Any, shape: Sequence[int]) -> Placed:
    """Return the entries that an index picks, and the places of its integers."""
    parts = _parts(index, len(shape))
    start, each = 0, 0
    axes: list[tuple[int | None, int]] = []
    computed: list[Computed] = []
    integers: list[Places] = []
    for k, (part, n) in enumerate(zip(parts, shape, strict=True)):
        step = math.prod(shape[k + 1 :])
        if isinstance(part, slice):
            first, stop, by = part.indices(n)
            count = len(range(first, stop, by))
            start += step * first if count else 0
            axes.append((count, step * by))
        elif isinstance(part, Row):
            computed.append(Computed(n, step, _many_of(part)))
            integers.append(b.in_one_piece(b.unrounded(part)))
        else:
            first, by = _even(part, n)
            start += step * first
            each += step * by
    many = next((n for n in map(_many_of, parts) if n is not None), None)
    if many is not None:
        axes.insert(_axis_of_lists(parts), (None, each))
    return Box(tuple(shape), start, tuple(axes), tuple(computed), many), integers


def _even(part: Any, n: int) -> tuple[int, int]:
    """Return the first of constant integers, and how far apart they are."""
    try:
        places = [range(n)[int(x)] for x in np.ravel(part)]
    except IndexError:
        raise CannotLowerError("a place outside") from None
    steps = set(np.diff(places).tolist()) if len(places) > 1 else {0}
    if len(steps) > 1 or not places:
        raise CannotLowerError("constant places at uneven distances")
    return places[0], steps.pop()


def _axis_of_lists(parts: Sequence[Any]) -> int:
    """Return which axis of the entries arrays of indices have, as NumPy lays it."""
    picking = [not isinstance(part, slice) for part in parts]
    return picking.index(True) if are_together(picking) else 0


def _steps(shape: Sequence[int], picked: Sequence[int]) -> tuple[int, ...]:
    """Return the steps of what is written, broadcast to the entries that are picked."""
    places = np.arange(math.prod(shape)).reshape(shape)
    while places.ndim > len(picked) and places.shape[0] == 1:
        places = places[0]
    spread = np.broadcast_to(places, picked)
    return tuple(s // places.itemsize for s in spread.strides)


__all__ = [
    "AtPlaces",
    "adds_few",
    "at_computed_places",
    "changed_in_region",
    "changes_part",
    "has_computed_places",
]
