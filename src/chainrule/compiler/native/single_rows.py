"""Rows that native code computes by themselves: products of matrices, and unindex.

In: a row. Out: whether it got a function of native code.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.meanings import contracted_axes
from chainrule.compiler.native.movements import picks_some_twice
from chainrule.compiler.native.nest_plan import Access, access
from chainrule.compiler.native.views import Shown, Views
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import picks_once, unindex
from chainrule.values.shapes import ARRAYS

WORTH, WORTH_ON_TAPE = 1 << 8, 1 << 14
"""Multiplications from which on a product of matrices is worth a function of its own:
instead of a call of NumPy, and of instructions of a tape."""

MANY = 32
"""Products in a stack from which on they would be too many instructions."""


class Scattered:
    """``unindex`` for one index, of which it is known where each entry goes."""

    __name__ = "unindex"
    keeps_shape = True

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        """Find the places of the entries."""
        self.shape = shape
        self.size: int = math.prod(shape)
        self.places: Any = np.arange(self.size).reshape(shape)[index].ravel()

    def __call__(self, x: Any) -> Any:
        """Return zeros with the entries added."""
        weights = np.ravel(x)
        found = np.bincount(self.places, weights=weights, minlength=self.size)
        return found.reshape(self.shape)


def as_product(row: Row, views: Views, threads: int | str) -> bool:
    """Let native code compute a product of matrices; tell whether it will."""
    shape = row.shape
    stacked = row.function is np.matmul
    if row.given or row.dtype != np.float64 or len(row.args) != 2:
        return False
    if not stacked and contracted_axes(row) != ([1], [0]):
        return False
    if len(shape or ()) < 2 or shape[-2] == 1 or (not stacked and len(shape) > 2):
        return False
    x, y = (_in_place(v, views, last=i == 1) for i, v in enumerate(row.args))
    if x is None or y is None:
        return False
    inner = x.view.shape[-1]
    many = math.prod(shape[:-2]) >= MANY
    if math.prod(shape) * inner < (
        WORTH_ON_TAPE if views.floats and not many else WORTH
    ):
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


MOVED = 1 << 12
"""Entries of a result up to which an index that picks none twice only moves them."""


def as_scattered(row: Row) -> bool:
    """Let one pass over entries undo an index that may pick some twice."""
    index, shape = row.given.get("index"), row.given.get("shape")
    if row.function is not unindex or row.dtype != np.float64 or picks_once(index):
        return False
    if len(row.args) != 1 or not row.reads_first:
        return False
    if math.prod(shape) < MOVED and not picks_some_twice(index, shape):
        return False  # entries are moved, and need no code
    row.function, row.given = Scattered(index, shape), {}
    return True
