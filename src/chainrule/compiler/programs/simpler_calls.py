"""Calls that are written by others which do exactly the same, and have more forms.

``inner``, ``dot`` and ``tensordot`` of matrices become ``matmul``, ``outer`` becomes a
product by broadcasting, a maximum from an initial value that of both, a mean a sum that
is divided, a sum of truth values one of integers, and many entries of one axis are
taken along it. What the derivatives of ``x[::2]`` and ``x[1::2]`` add up to are entries
side by side. Constant places are integers as NumPy reads them: it would copy others in
each call.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import become, transposed
from chainrule.compiler.tracing.calls import parameters
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Row, rows_in
from chainrule.operations_grad.indexing import (
    added_at,
    as_tuple,
    setitem,
    unindex,
    unindex_all,
)
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import TUPLE, ndarray

TAKEN = 1024
"""Entries from which on ``take``, which looks at more, is faster than an index."""


_Axes = tuple[tuple[int, int], ...]
"""Axes, each with a step."""
_Starts = tuple[int, ...]
_Parts = tuple[_Axes, dict[_Starts, Row]]

WIDEST = 8
"""The longest step of entries that are written side by side."""
MOST_PARTS = 16
"""Parts of which an array may be put together."""

_SUMMED = tuple(map(np.dtype, "fdFD"))
"""Kinds of numbers whose means NumPy takes by sums in them."""

_WHOLE = np.dtype(np.intp)
"""What NumPy adds truth values up in."""

_INDEXED = (operator.getitem, np.take, setitem, added_at, unindex, unindex_all)
"""Functions of places: those of the first two may be their second argument."""


class SimplerCalls:
    """Writes calls by others; which functions these are is remembered."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._writers: dict[Function, Any] = {}
        self._wide: dict[int, tuple[Any, Any]] = {}
        """Places, and the same as NumPy reads them, by the ``id`` of the former."""

    def __call__(self, row: Row, rows: list[Row]) -> None:
        """Make another call of a row, after rows that are added for it."""
        f = row.function
        try:
            writer = self._writers[f]
        except KeyError:
            writer = self._writers[f] = _writer_of(f)
        if f in _INDEXED:
            self._widen(row)
        if writer is not None:
            writer(row, rows)

    def _widen(self, row: Row) -> None:
        """Have NumPy's own integers as the constant places of a row."""
        if row.function in _INDEXED[:2]:
            row.args = (row.args[0], *map(self._widened, row.args[1:]))
        if row.given:
            row.given = {k: self._widened(x) for k, x in row.given.items()}

    def _widened(self, x: Any) -> Any:
        if isinstance(x, TUPLE):
            return tuple(map(self._widened, x))
        if isinstance(x, Row) or not _holds_places(x) or x.dtype == np.intp:
            return x
        if id(x) not in self._wide:
            self._wide[id(x)] = x, x.astype(np.intp)
            self._wide[id(x)][1].flags.writeable = False
        return self._wide[id(x)][1]


def _writer_of(f: Function) -> Any:
    """Return what writes the calls of a function by others."""
    if f is operator.getitem:
        return _write_take
    if f is np.add or f is operator.add:
        return _write_interleaved
    if f is np.count_nonzero:
        return _write_nonzero
    if f in UFUNCS or f is np.matmul:
        return None
    known = traits_of(f)
    if known.contracts is not None:
        return _write_product
    if known.averages:
        return _write_mean
    if known.reduces is np.add:
        return _write_count
    extreme = known.reduces is np.maximum or known.reduces is np.minimum
    return _write_extreme if extreme else None


def _write_product(row: Row, rows: list[Row]) -> None:
    """Write a product of vectors and matrices; that of two vectors is ``dot``."""
    if row.dtype is None or len(row.args) < 2:
        return
    x, y = row.args[:2]
    if any(not isinstance(v, (Row, ndarray)) or v.dtype != row.dtype for v in (x, y)):
        return
    n, m = len(x.shape), len(y.shape)
    others = parameters(row.function, row.args, row.given, 2)
    pairs = traits_of(row.function).contracts(n, m, **others)
    if pairs is None or row.dtype.kind not in "fc":
        return
    first, second = pairs
    if not first and n == m == 1:
        column = _added(row, rows, np.reshape, (x, (x.shape[0], 1)), (x.shape[0], 1))
        become(row, np.multiply, (column, y))
    elif len(first) == 1 and 2 < n + m <= 4 and max(n, m) == 2:
        if n == 2 and first != [1]:
            x = _turned(row, rows, x)
        if m == 2 and second != [0]:
            y = _turned(row, rows, y)
        become(row, np.matmul, (x, y))
    else:
        return
    row.given = NO_KEYWORDS


def _turned(row: Row, rows: list[Row], x: Any) -> Any:
    """Return a matrix transposed; of one that is transposed, what it was."""
    before = transposed(x)
    if before is not None:
        return before
    return _added(row, rows, np.transpose, (x,), x.shape[::-1])


def _added(row: Row, rows: list[Row], f: Function, args: Any, shape: Any) -> Any:
    """Add a row of another shape; of a constant, return the result."""
    if not isinstance(args[0], Row):
        return f(*args)
    added = row.with_call(f, args)
    added.shape = shape
    rows.append(added)
    return added


def _write_mean(row: Row, rows: list[Row]) -> None:
    """Write a mean as the sum, divided by how many entries it is of."""
    x = row.args[0]
    if not isinstance(x, Row) or row.dtype not in _SUMMED:
        return
    counts = x.dtype == np.bool_ and row.dtype == np.float64
    given = parameters(row.function, row.args, row.given, 1)
    if not {"axis", "keepdims"} >= given.keys() or 0 in (x.shape or ()):
        return
    if row.dtype != x.dtype and not counts:
        return
    total = row.with_call(np.sum, (x,), given)
    if counts:
        total.dtype = _WHOLE
    rows.append(total)
    count = math.prod(x.shape or ()) // math.prod(row.shape or ())
    become(row, np.divide, (total, count))
    row.given = NO_KEYWORDS


def _write_count(row: Row, rows: list[Row]) -> None:
    """Write a sum of truth values in floats as that in integers, which is exact."""
    x = row.args[0]
    if not isinstance(x, Row) or x.dtype != np.bool_ or row.dtype != np.float64:
        return
    given = parameters(row.function, row.args, row.given, 1)
    if not {"axis", "keepdims", "dtype"} >= given.keys():
        return
    given.pop("dtype", None)
    total = row.with_call(np.sum, (x,), given)
    total.dtype = _WHOLE
    rows.append(total)
    become(row, np.divide, (total, 1))
    row.given = NO_KEYWORDS


def _write_nonzero(row: Row, rows: list[Row]) -> None:
    """Write the number of entries that are not 0 as the sum of what tells that."""
    given = parameters(row.function, row.args, row.given, 1)
    x = row.args[0]
    if not isinstance(x, Row) or x.dtype.kind not in "bif" or row.dtype != _WHOLE:
        return
    if x.dtype != np.bool_:
        x = x.with_call(np.not_equal, (x, 0))
        x.dtype = np.dtype(bool)
        rows.append(x)
    become(row, np.sum, (x,))
    row.given = given


def _write_extreme(row: Row, rows: list[Row]) -> None:
    """Write an extreme of entries and an initial value as that of two."""
    x, initial = row.args[0], row.given.get("initial")
    if type(initial) is not float or not isinstance(x, Row) or 0 in (x.shape or ()):
        return
    given = {k: v for k, v in row.given.items() if k != "initial"}
    if given.get("where", True) is not True or row.dtype != x.dtype:
        return
    if row.dtype.kind != "f":
        return  # of whole numbers, the initial value becomes one first
    alone = row.with_call(row.function, row.args, given)
    rows.append(alone)
    become(row, traits_of(row.function).reduces, (alone, initial))
    row.given = NO_KEYWORDS


def _write_take(row: Row, _: list[Row]) -> None:
    """Write an index along one axis, and all of the others, as ``take`` along it.

    An index moves number by number, and leaves its result in another order in memory.
    """
    x, index = row.args
    if not isinstance(x, Row) or row.shape is None or math.prod(row.shape) < TAKEN:
        return
    parts = index if isinstance(index, TUPLE) else (index,)
    picked = [i for i, part in enumerate(parts) if not _is_whole(part)]
    if len(picked) != 1 or not _holds_places(parts[picked[0]]):
        return
    become(row, np.take, (x, parts[picked[0]]))
    row.operands = rows_in(row.args)
    row.given = {"axis": picked[0]}


def _write_interleaved(row: Row, rows: list[Row]) -> None:
    """Write a sum of arrays that are 0 but for each second entry as these entries.

    So it is with each third, and so on, along one axis or several, where there is one
    for every place.
    """
    if not row.shape or row.given or not any(map(_is_unindex, row.args)):
        return
    found = _parts_of(row, MOST_PARTS)
    if found is None:
        return
    axes, parts = found
    shapes = {x.shape for x in parts.values()}
    every = math.prod(step for _, step in axes)
    if len(parts) != every or len(shapes) != 1 or row.dtype.kind not in "fc":
        return
    *before, whole = _interleaved(row, axes, parts)
    rows += before
    become(row, np.reshape, whole.args)


def _interleaved(row: Row, axes: _Axes, parts: dict[_Starts, Row]) -> list[Row]:
    """Return the rows that put parts together, the last of which is the whole."""
    (axis, step), *others = axes
    made: list[Row] = []
    lines: list[Row] = []
    for i in range(step):
        own = {starts[1:]: x for starts, x in parts.items() if starts[0] == i}
        if others:
            made += _interleaved(row, tuple(others), own)
        lines.append(made[-1] if others else own[()])
    shape = list(lines[0].shape or ())
    stacked = row.with_call(np.stack, (lines, axis + 1))
    stacked.shape = (*shape[: axis + 1], step, *shape[axis + 1 :])
    shape[axis] *= step
    stacked.number = None
    whole = row.with_call(np.reshape, (stacked, tuple(shape)))
    whole.shape = tuple(shape)
    return [*made, stacked, whole]


def _parts_of(x: Any, most: int) -> _Parts | None:
    """Return axis and step, and the entries from each start, that add up to this."""
    if not isinstance(x, Row) or not most:
        return None
    if _is_unindex(x):
        return _strided(x)
    if (x.function is not np.add and x.function is not operator.add) or x.given:
        return None
    short, long = sorted(x.args, key=_is_unindex, reverse=True)
    first = _parts_of(short, most - 1)
    second = first and _parts_of(long, most - 1)
    if first is None or second is None or first[0] != second[0]:
        return None
    if first[1].keys() & second[1].keys():
        return None
    return first[0], first[1] | second[1]


def _strided(x: Row) -> _Parts | None:
    """Return the entries that are put into an array from some starts on, by steps."""
    (z,) = x.operands
    index = as_tuple(x.given["index"])
    if len(index) > len(x.shape) or len(z.shape or ()) != len(x.shape):
        return None
    if z.dtype != x.dtype:
        return None
    axes: list[tuple[int, int]] = []
    starts: list[int] = []
    for axis, part in enumerate(index):
        if not isinstance(part, slice) or rows_in(part):
            return None
        start, _, step = part.indices(x.shape[axis])
        if _is_whole(part) or (step == 1 and z.shape[axis] == x.shape[axis]):
            continue
        if not 2 <= step <= WIDEST or start >= step:
            return None
        if z.shape[axis] * step != x.shape[axis]:
            return None
        axes.append((axis, step))
        starts.append(start)
    return (tuple(axes), {tuple(starts): z}) if axes else None


def _is_unindex(x: Any) -> bool:
    return isinstance(x, Row) and x.function is unindex and x.reads_first


def _is_whole(part: Any) -> bool:
    """Tell whether a part of an index is all of an axis."""
    return isinstance(part, slice) and part == slice(None)


def _holds_places(part: Any) -> bool:
    """Tell whether a part of an index is an array of integers."""
    if not isinstance(part, (Row, ndarray)) or not part.shape:
        return False
    return part.dtype.kind in "iu" and np.can_cast(part.dtype, np.intp)


__all__ = ["SimplerCalls"]
