"""Calls that are written by others which do exactly the same, and have more forms.

``inner``, ``dot`` and ``tensordot`` of matrices become ``matmul``, ``outer`` becomes a
product by broadcasting, a maximum from an initial value that of both, a mean a sum that
is divided, and many entries of one axis are taken along it.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import become
from chainrule.compiler.tracing.calls import parameters
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Row, rows_in
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import TUPLE, ndarray

TAKEN = 1024
"""Entries from which on ``take``, which looks at more, is faster than an index."""


_SUMMED = tuple(map(np.dtype, "fdFD"))
"""Kinds of numbers whose means NumPy takes by sums in them."""


class SimplerCalls:
    """Writes calls by others; which functions these are is remembered."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._writers: dict[Function, Any] = {}

    def __call__(self, row: Row, rows: list[Row]) -> None:
        """Make another call of a row, after rows that are added for it."""
        f = row.function
        try:
            writer = self._writers[f]
        except KeyError:
            writer = self._writers[f] = _writer_of(f)
        if writer is not None:
            writer(row, rows)


def _writer_of(f: Function) -> Any:
    """Return what writes the calls of a function by others."""
    if f is operator.getitem:
        return _write_take
    if f in UFUNCS or f is np.matmul:
        return None
    known = traits_of(f)
    if known.contracts is not None:
        return _write_product
    if known.averages:
        return _write_mean
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
    turned = isinstance(x, Row) and x.function is np.transpose and not x.given
    if turned and x.args[1:] in ((), (None,)):
        return x.args[0]
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
    if not isinstance(x, Row) or row.dtype != x.dtype or row.dtype not in _SUMMED:
        return
    given = parameters(row.function, row.args, row.given, 1)
    if not {"axis", "keepdims"} >= given.keys() or 0 in (x.shape or ()):
        return
    total = row.with_call(np.sum, (x,), given)
    rows.append(total)
    count = math.prod(x.shape or ()) // math.prod(row.shape or ())
    become(row, np.divide, (total, count))
    row.given = NO_KEYWORDS


def _write_extreme(row: Row, rows: list[Row]) -> None:
    """Write an extreme of entries and an initial value as that of two."""
    x, initial = row.args[0], row.given.get("initial")
    if type(initial) is not float or not isinstance(x, Row) or 0 in (x.shape or ()):
        return
    given = {k: v for k, v in row.given.items() if k != "initial"}
    if given.get("where", True) is not True or row.dtype != x.dtype:
        return
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


def _is_whole(part: Any) -> bool:
    """Tell whether a part of an index is all of an axis."""
    return isinstance(part, slice) and part == slice(None)


def _holds_places(part: Any) -> bool:
    """Tell whether a part of an index is an array of integers."""
    if not isinstance(part, (Row, ndarray)) or not part.shape:
        return False
    return part.dtype.kind in "iu" and np.can_cast(part.dtype, np.intp)


__all__ = ["SimplerCalls"]
