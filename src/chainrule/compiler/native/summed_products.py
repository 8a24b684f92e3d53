"""Sums of products of matrices, as products of sums.

In: a program. Out: the same, in which the rows of a product that are only added up are
added before: ``sum(x @ y, axis=0)`` is ``sum(x, axis=0) @ y``, and of columns likewise.
Gradients of what was broadcast along the rows of a factor ask for this: a mean that is
subtracted, a scale. The bound of the error is the same: the products of entries are
added up in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError, reduction_of
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import ARRAYS


def sum_first(program: Program) -> None:
    """Add up rows and columns of factors where those of their product are added up."""
    uses = program.uses()
    rows: dict[Row, None] = {}
    for row in program.rows:
        inside = _summed(row)
        if inside is not None and all(uses[x] == 1 for x in inside):
            for x in inside:
                del rows[x]
            rows |= dict.fromkeys(_written(row, inside))
        rows[row] = None
    program.rows = list(rows)


def _summed(row: Row) -> list[Row] | None:
    """Return the product whose rows or columns a row adds up, and what negates it."""
    if traits_of(row.function).reduces is not np.add or not row.reads_first:
        return None
    inside: list[Any] = [row.args[0]]
    if inside[0].function is np.negative:
        inside.insert(0, inside[0].args[0])
    product = inside[0]
    is_product = isinstance(product, Row) and product.function is np.matmul
    if not is_product or product.given or product.dtype != row.dtype:
        return None
    if product.dtype.kind not in "fc":
        return None
    if any(not isinstance(x, (Row, *ARRAYS)) or len(x.shape) < 2 for x in product.args):
        return None
    return inside if _last_axes(row) else None


def _last_axes(row: Row) -> list[int]:
    """Return which of the last two axes a row adds up."""
    try:
        _, axes, _ = reduction_of(row)
    except CannotLowerError:
        return []
    count = len(row.args[0].shape)
    return [i for i in (-2, -1) if count + i in axes]


def _written(row: Row, inside: Sequence[Row]) -> list[Row]:
    """Return the rows that come before a sum, which then is of fewer numbers."""
    product = inside[0]
    factors: list[Any] = list(product.args)
    shape: list[int] = list(product.shape or ())
    found: list[Row] = []
    for axis in _last_axes(row):
        x = factors[axis + 2]
        given: dict[str, Any] = {"axis": axis, "keepdims": True}
        shape[axis] = 1
        if not isinstance(x, Row):
            factors[axis + 2] = np.sum(x, **given)
            continue
        total = product.with_call(np.sum, (x,), given)
        lengths: list[int] = list(x.shape or ())
        lengths[axis] = 1
        total.shape = tuple(lengths)
        factors[axis + 2] = total
        found.append(total)
    args: tuple[Any, ...] = tuple(factors)
    for x in inside:
        smaller = x.with_call(x.function, args)
        smaller.shape, args = tuple(shape), (smaller,)
        found.append(smaller)
    row.args = (*args, *row.args[1:])
    row.operands = rows_in((row.args, row.given))
    return found


__all__ = ["sum_first"]
