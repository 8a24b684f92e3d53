"""Rows that native code computes by themselves: products of matrices, and indices.

In: a row. Out: whether it got a function of native code.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.native.accumulated import accumulate
from chainrule.compiler.native.collected import (
    AddedAt,
    Gathered,
    Scattered,
    scattered_at,
)
from chainrule.compiler.native.indexed_rows import index_natively
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.meanings import CannotLowerError, contracted_axes
from chainrule.compiler.native.movements import (
    is_movement,
    moved,
    picked,
    picks_some_twice,
)
from chainrule.compiler.native.nest_plan import Access, access
from chainrule.compiler.native.recurrences import as_recurrence
from chainrule.compiler.native.searched import as_searched
from chainrule.compiler.native.transforms import as_transformed
from chainrule.compiler.native.views import Shown, Views, only_shows
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import (
    added_at,
    picks_once,
    setitem,
    unindex,
)
from chainrule.values.shapes import ARRAYS

_np: Any = np
WORTH = 1 << 8
"""Multiplications from which on a product of matrices is worth a function of its own:
it is faster than a call of NumPy, and than instructions of a tape."""


def compute_by_themselves(
    program: Program, views: Views, threads: int | str, *, top: bool
) -> bool:
    """Let native code compute products, and undo indices; tell whether it will."""
    found = [
        as_product(row, views, threads)
        or as_scattered(row, on_tape=views.floats)
        or as_searched(row)
        or as_recurrence(row, views, MOVED_ON_TAPE)
        or (top and as_remainder(row))
        or (not views.floats and as_transformed(row))
        for row in program.rows
    ]
    found.append(index_natively(program, views, top=top))
    accumulated = views.floats and accumulate(program, views, MOVED_ON_TAPE)
    return accumulated or any(found)


def gather(program: Program, *, on_tape: bool) -> None:
    """Let native code collect entries that are in no order, for rows that are left."""
    for row in program.rows if on_tape else ():
        as_gathered(row)


class Remainder:
    """The remainder of integers by a constant, by what NumPy has vectors for."""

    __name__ = "remainder"
    keeps_shape = True

    def __init__(self, n: int) -> None:
        """Keep the constant, which is positive."""
        self.n = n

    def __call__(self, x: Any) -> Any:
        """Return it: of a power of two, the last bits."""
        if self.n & (self.n - 1) == 0:
            return np.bitwise_and(x, self.n - 1)
        whole = np.asarray(np.floor_divide(x, self.n))
        return np.subtract(x, np.multiply(whole, self.n, out=whole), out=whole)


def as_remainder(row: Row) -> bool:
    """Let the remainders of a large array of integers be computed faster."""
    if row.function is not np.remainder or row.given or not row.shape:
        return False
    x, n = row.args
    of_integers = isinstance(x, Row) and x.dtype == row.dtype and row.dtype.kind in "iu"
    if not of_integers or type(n) is not int or n < 1 or math.prod(row.shape) < MOVED:
        return False
    row.function, row.args = Remainder(n), (x,)
    return True


def as_product(row: Row, views: Views, threads: int | str) -> bool:
    """Let native code compute a product of matrices; tell whether it will."""
    shape = row.shape
    stacked = row.function is np.matmul
    if row.given or row.dtype != np.float64 or len(row.args) != 2:
        return False
    if not stacked and contracted_axes(row) != ([1], [0]):
        return False
    if len(shape or ()) < 2 or (not stacked and len(shape) > 2):
        return False
    if shape[-2] == 1 and len(shape) == 2:
        return False  # a vector, and a matrix that BLAS reads
    x, y = (_in_place(v, views, last=i == 1) for i, v in enumerate(row.args))
    if x is None or y is None:
        return False
    inner = x.view.shape[-1]
    if math.prod(shape) * inner < WORTH:
        return False
    found: list[Access] = []
    for seen in (x, y):
        wide = (*shape[:-2], *seen.view.shape[-2:])
        read = access(seen.array, seen.view, wide)
        assert read is not None  # noqa: S101
        found.append(read)
    row.function = Product(shape, inner, *found, threads=threads)
    row.args = (x.base, y.base)
    row.operands = [v for v in row.args if isinstance(v, Row)]
    return True


def _in_place(x: Any, views: Views, *, last: bool) -> Shown | None:
    """Return how a product reads a matrix; the last axis in one piece if asked."""
    if not isinstance(x, (Row, ARRAYS)) or x.dtype != np.float64:
        return None
    shown = views.of(x)
    if last and shown.view.strides[-1:] != (8,):
        own = np.empty(shown.view.shape)  # it will be copied
        shown = Shown(x, own, own)
    return shown if shown.view.ndim > 1 else None


MOVED, MOVED_ON_TAPE = 1 << 12, 1 << 8
"""Entries of a result up to which an index that picks none twice only moves them."""
RUNS = 16
"""Places where entries change their step, up to which they are read as they are."""


def as_scattered(row: Row, *, on_tape: bool) -> bool:
    """Let one pass over entries undo an index that may pick some twice."""
    index, shape = row.given.get("index"), row.given.get("shape")
    if row.dtype != np.float64 or picks_once(index):
        return False
    if row.function is added_at:
        return _as_added(row, index)
    if row.function is not unindex or len(row.args) != 1 or not row.reads_first:
        return False
    found = scattered_at(index, shape)
    few = found.size < (MOVED_ON_TAPE if on_tape else MOVED)
    if (few or _is_in_order(found.places)) and not picks_some_twice(index, shape):
        return False  # entries are moved, and need no code
    row.function, row.given = found, {}
    return True


def _as_added(row: Row, index: Any) -> bool:
    """Let one pass over entries add them at places that are known."""
    x, y = row.args
    if rows_in(index) or math.prod(row.shape) < MOVED:
        return False
    if any(getattr(v, "dtype", None) != np.float64 for v in (x, y)):
        return False
    places = picked(index, row.shape)
    if x.shape != row.shape or places.shape != y.shape:
        return False
    args = [v if isinstance(v, Row) else _np.array(v, order="C") for v in (x, y)]
    if isinstance(x, ARRAYS) and not _np.any(x):  # gd.zeros(n), which is filled
        row.function, row.args = Scattered(row.shape, places), (args[1],)
    else:
        row.function, row.args = AddedAt(row.shape, places), tuple(args)
    row.given = {}
    row.operands = [v for v in row.args if isinstance(v, Row)]
    return True


def as_gathered(row: Row) -> bool:
    """Let one pass collect entries that are in no order."""
    if row.dtype != np.float64 or not row.reads_first or not is_movement(row):
        return False
    if math.prod(row.shape or ()) < MOVED_ON_TAPE or only_shows(row):
        return False
    (x,) = row.operands
    if row.function in (unindex, setitem) or x.dtype != row.dtype or x.shape is None:
        return False
    numbers: Any = _np.arange(math.prod(x.shape)).reshape(x.shape)
    try:
        places = moved(row, lambda _: numbers).astype(np.int64)
    except CannotLowerError:
        return False
    if places.shape != row.shape or _is_in_order(places):
        return False
    row.function, row.args, row.given = Gathered(row.shape, places), (x,), {}
    return True


def _is_in_order(places: Any) -> bool:
    """Tell whether places go by a few steps."""
    return bool(np.count_nonzero(np.diff(np.ravel(places), 2)) <= 2 * RUNS)
