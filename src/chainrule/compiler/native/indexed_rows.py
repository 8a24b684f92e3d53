"""Rows that index by arrays of integers which are no constants, made into loops.

In: a program. Out: the same, in which native code reads, adds or writes what arguments
and computed arrays pick, after one look at each of them (``indexed``). So it writes at
constant places of large arrays, one write after the other in one copy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.indexed import Indexed, Layout
from chainrule.compiler.native.views import Shown, Views
from chainrule.compiler.native.whole_numbers import (
    Axis,
    Flag,
    Integers,
    Within,
    joined_axes,
)
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Row, rows_in
from chainrule.operations_grad.extremes_at import maximum_at, minimum_at
from chainrule.operations_grad.indexing import (
    added_at,
    are_together,
    setitem,
    unindex,
)
from chainrule.values.indices import as_tuple
from chainrule.values.shapes import ARRAYS, ndarray
from chainrule.values.types import ArrayValue, Index, Shape

_np: Any = np
FEWEST = 1 << 8
"""Entries that are picked from which on they are worth code of their own."""
LARGE = 1 << 12
"""Entries of an array from which on a write at a constant place has a loop."""
_EXTREMES: Any = (maximum_at, minimum_at)
_WHOLE: Any = np.dtype(np.int64)
_ARRAY: Any = (Row, ndarray)
_LIST: Any = list
_NUMBER: Any = (int, np.integer)
_SLICE: Any = slice


class CannotIndexError(Exception):
    """An index, or an array, that these loops do not read."""


class _Picking(NamedTuple):
    """A row that picks: its array, what is added or written there, and the index."""

    array: Any
    part: Any
    index: Any


def index_natively(program: Program, views: Views, *, top: bool) -> bool:
    """Let native code pick entries by arrays of integers; tell whether it will.

    What is written at constant places goes by other names where this is no ``top`` one,
    and NumPy writes where there is no tape.
    """
    indexing, found = _Indexing(views), False
    for row in program.rows:
        picking = _picking(row, on_tape=views.floats)
        if picking is not None and (_is_computed(picking) or top):
            with suppress(CannotIndexError):
                indexing.make(row, picking)
                found = True
        indexing.rows.append(row)
    program.rows = indexing.rows
    return found


def _picking(row: Row, *, on_tape: bool) -> _Picking | None:
    """Return what a row picks, if native code is to do it."""
    f, args, given = row.function, row.args, row.given
    kinds = "d" if on_tape else "fdFD"
    if row.shape is None or row.dtype is None or row.dtype.char not in kinds:
        return None
    if f is setitem and not on_tape:
        return None
    if f is operator.getitem:
        found = _Picking(args[0], None, args[1])
    elif f is _np.take:
        if len(args) != 2 or given.keys() - {"axis"}:
            return None
        axis = given.get("axis")
        if axis is None and len(np.shape(args[0])) != 1:
            return None
        before = (slice(None),) * ((axis or 0) % len(np.shape(args[0])))
        found = _Picking(args[0], None, (*before, args[1]))
    elif f is unindex:
        found = _Picking(None, args[0], given["index"])
    elif f in (added_at, setitem) or (f in _EXTREMES and row.dtype.kind == "f"):
        x, y = args
        found = _Picking(x, y, given["index"])
    else:
        return None
    large = f is setitem and math.prod(row.shape) >= LARGE
    return found if large or _is_computed(found) else None


def _is_computed(picking: _Picking) -> bool:
    """Tell whether there is an array of integers in the index that is no constant."""
    return any(isinstance(x, Row) and x.shape for x in as_tuple(picking.index))


class _Indexing:
    """Makes rows calls of loops, after rows that look at arrays of integers.

    Attributes
    ----------
    rows
        The program's rows up to now, with those that were added.
    """

    def __init__(self, views: Views) -> None:
        self.rows: list[Row] = []
        self._views = views
        self._known: dict[tuple[Row, str], Row] = {}

    def make(self, row: Row, picking: _Picking) -> None:
        """Make the call of a row one of loops; ``CannotIndexError`` if none does it."""
        reads = row.function in (operator.getitem, _np.take)
        shape = picking.array.shape if reads else row.shape
        parts = _parts(picking.index, shape)
        wide = _picked_shape(parts, shape)
        few = math.prod(wide) < FEWEST and _is_computed(picking)
        if few or (reads and wide != row.shape):
            raise CannotIndexError
        name = "getitem" if reads else row.function.__name__
        if reads:
            array, part = self._shown(picking.array, row), _contiguous(wide)
            args = [array.base]
        else:
            array, part = _contiguous(shape), self._shown(picking.part, row)
            before = [] if name == "unindex" else [_whole(picking.array, row)]
            args = [*before, part.base]
        spread = _steps(_broadcast(part.view, wide))
        lists = [p for p in parts if isinstance(p, _ARRAY)]
        seen = [self._views.of(p) if isinstance(p, Row) else _alone(p) for p in lists]
        layout = _layout(parts, array, (_start(part), spread), seen)
        integers = [x.base for x in seen]
        looked = [self._looked(*x) for x in zip(layout.integers, seen, strict=True)]
        flags: list[Row] = []
        if self._views.floats:
            flags = list(dict.fromkeys(x for x in looked if isinstance(x, Row)))
        else:
            integers = looked
        if row.dtype.kind == "c":
            layout = _of_two(layout)
        row.function = Indexed(name, (row.shape, row.dtype), layout, len(flags))
        row.args = (*args, *integers, *flags)
        row.given = NO_KEYWORDS
        row.operands = rows_in(row.args)

    def _looked(self, of: Integers, shown: Shown) -> Any:
        """Return the row that looks at integers, made once; constants as they are.

        On a tape it is a flag, else the integers.
        """
        base, steps = shown.base, _steps(shown.view)
        if not isinstance(base, Row):
            return base
        pairs = zip(shown.view.shape, steps, strict=True)
        axes = joined_axes([Axis(n, 0, 0, (s,)) for n, s in pairs if s or not n])
        floats = self._views.floats
        called: Any = (Flag if floats else Within)(of.length, of.start, axes)
        key = base, called.described
        if key not in self._known:
            row = Row(called, (base,), {}, [base], _np.zeros(())[()], base.serial)
            if not floats:
                row.shape, row.dtype = base.shape, _WHOLE
            self._known[key] = row
            self.rows.append(row)
        return self._known[key]

    def _shown(self, x: Any, row: Row) -> Shown:
        """Return how an array like a row, or one number, is read."""
        if isinstance(x, Row) and x.shape is not None:
            return self._views.of(x if x.dtype == row.dtype else self._cast(x, row))
        if isinstance(x, Row) or not isinstance(x, (float, int, *ARRAYS)):
            raise CannotIndexError
        array = np.asarray(x)
        if not np.can_cast(array.dtype, row.dtype, "same_kind"):
            raise CannotIndexError
        return self._views.of(_np.array(array, row.dtype, order="C"))

    def _cast(self, x: Row, row: Row) -> Row:
        """Return an array in the dtype of a row; a tape has that of another."""
        narrow = x.dtype is not None and x.dtype.kind in "fc"
        if self._views.floats or not narrow or not _np.can_cast(x.dtype, row.dtype):
            raise CannotIndexError
        cast = row.with_call(np.astype, (x, row.dtype))
        cast.shape = x.shape
        self.rows.append(cast)
        return cast


def _layout(
    parts: Sequence[Any],
    array: Shown,
    part: tuple[int, tuple[int, ...]],
    seen: Sequence[Shown],
) -> Layout:
    """Return where entries are; of the ``part`` start and steps are given."""
    among = np.broadcast_shapes(*(x.view.shape for x in seen))
    moves = [_steps(_np.broadcast_to(x.view, among)) for x in seen]
    nothing = (0,) * len(seen)
    start: int = _start(array)
    steps = _steps(array.view)
    axes: list[tuple[int, int, tuple[int, ...]]] = []
    integers: list[Integers] = []
    for p, n, step in zip(parts, array.view.shape, steps, strict=True):
        if isinstance(p, _SLICE):
            first, stop, by = _ends(p, n)
            axes.append((len(range(first, stop, by)), step * by, nothing))
            start += step * first
        elif isinstance(p, _ARRAY):
            integers.append(Integers(n, step, _start(seen[len(integers)])))
        else:
            start += step * (int(p) % n)
    at = _axis_of_lists(parts)
    by_axis = zip(among, zip(*moves, strict=True), strict=True)
    axes[at:at] = [(n, 0, m) for n, m in by_axis]
    pairs = zip(axes, part[1], strict=True)
    joined = joined_axes([Axis(n, a, p, m) for (n, a, m), p in pairs])
    return Layout(start, part[0], joined, tuple(integers))


def _of_two(layout: Layout) -> Layout:
    """Return the same places of complex numbers, of two numbers each."""
    axes = [a._replace(array=2 * a.array, part=2 * a.part) for a in layout.axes]
    last = Axis(2, 1, 1, (0,) * len(layout.integers))
    integers = [x._replace(step=2 * x.step) for x in layout.integers]
    start, part = 2 * layout.array, 2 * layout.part
    return Layout(start, part, joined_axes([*axes, last]), tuple(integers))


def _parts(index: Index, shape: Shape) -> list[Any]:
    """Return an index with one part per axis."""
    parts: list[Any] = list(as_tuple(index))
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    for at in dots:
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) > len(shape):
        raise CannotIndexError  # it adds axes
    return [_part(p, n) for p, n in zip(parts, shape, strict=True)]


def _part(part: Any, n: int) -> Any:
    """Return one part of an index: an array of integers, a slice, or an integer."""
    if isinstance(part, _LIST) and not rows_in(part):
        part = np.asarray(part)
    if isinstance(part, _ARRAY):
        if part.dtype is None or part.dtype.kind not in "iu" or not part.shape:
            raise CannotIndexError
        return part if isinstance(part, Row) else _constant(part, n)
    if isinstance(part, _SLICE) and not rows_in(part):
        return part
    whole = isinstance(part, _NUMBER) and not isinstance(part, bool)
    if not (whole and -n <= part < n):
        raise CannotIndexError
    return int(part)


def _ends(part: Any, n: int) -> tuple[int, int, int]:
    return part.indices(n)


def _picked_shape(parts: Sequence[Any], shape: Shape) -> Shape:
    """Return the shape of what an index picks."""
    pairs = zip(parts, shape, strict=True)
    wide = [len(range(*p.indices(n))) for p, n in pairs if isinstance(p, _SLICE)]
    at = _axis_of_lists(parts)
    wide[at:at] = np.broadcast_shapes(
        *(p.shape for p in parts if isinstance(p, _ARRAY))
    )
    return tuple(wide)


def _axis_of_lists(parts: Sequence[Any]) -> int:
    """Return which axis of the entries arrays of indices have, as NumPy lays it."""
    picking = [not isinstance(part, _SLICE) for part in parts]
    return picking.index(True) if any(picking) and are_together(picking) else 0


def _whole(x: Any, row: Row) -> Any:
    """Return an array that is copied before it is changed."""
    if isinstance(x, Row):
        if x.dtype != row.dtype or x.shape != row.shape:
            raise CannotIndexError
        return x
    return _np.ascontiguousarray(_np.broadcast_to(x, row.shape), row.dtype)


def _contiguous(shape: Shape) -> Shown:
    return _alone(np.empty(shape))


def _alone(array: ArrayValue) -> Shown:
    return Shown(array, array, array)


def _constant(part: Any, n: int) -> Any:
    """Return an array of constant integers, none of which is negative."""
    try:
        return _np.ascontiguousarray(_np.arange(n, dtype=_WHOLE)[part])
    except IndexError:
        raise CannotIndexError from None


def _broadcast(view: Any, shape: Shape) -> Any:
    """Return a view of what is written, for each entry that is picked."""
    while view.ndim > len(shape) and view.shape[0] == 1:
        view = view[0]
    try:
        return _np.broadcast_to(view, shape)
    except ValueError:
        raise CannotIndexError from None


def _steps(view: Any) -> tuple[int, ...]:
    """Return how far apart entries are along each axis."""
    return tuple(s // view.itemsize for s in view.strides)


def _start(shown: Shown) -> int:
    """Return where in its array a view starts, in entries."""
    here, there = (x.__array_interface__["data"][0] for x in (shown.view, shown.array))
    return (here - there) // shown.view.itemsize


__all__ = ["index_natively"]
