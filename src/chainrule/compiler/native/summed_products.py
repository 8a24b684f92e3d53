"""Sums of products of matrices, as products of sums.

In: a program. Out: the same, in which the rows of a product that are only added up are
added before: ``sum(x @ y, axis=0)`` is ``sum(x, axis=0) @ y``, and of columns likewise.
Gradients of what was broadcast along the rows of a factor ask for this: a mean that is
subtracted, a scale. The bound of the error is the same: the products of entries are
added up in another order.

And ``sum((x @ y) * z)`` is ``sum(y * (x.T @ z))``, or ``sum(x * (z @ y.T))``: where a
gradient computes one of these products, the value takes it instead of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError, reduction_of
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, transposed
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


def share_products(program: Program) -> None:
    """Sum products of three matrices by that of two which others read, too."""
    uses = program.uses()
    sums = {row: found for row in program.rows if (found := _three(row, uses))}
    if not sums:
        return
    products = [row for row in program.rows if _is_matrix(row)]
    turned = [[transposed(x) for x in row.args] for row in products]
    left = {(a, row.args[1]): row for row, (a, _) in zip(products, turned, strict=True)}
    right = {
        (row.args[0], b): row for row, (_, b) in zip(products, turned, strict=True)
    }
    rows: dict[Row, None] = {}
    for row in program.rows:
        if row in sums:
            x, y, z = sums[row]
            for other, product in (y, left.get((x, z))), (x, right.get((z, y))):
                if product is not None and _comes_first(product, rows):
                    _add_up(row, other, product, rows)
                    break
        rows[row] = None
    program.rows = list(rows)
    eliminate_dead_code(program)


def _three(row: Row, uses: Any) -> tuple[Row, Row, Row] | None:
    """Return x, y, z of a row ``sum((x @ y) * z)``, if nothing else reads its parts."""
    if traits_of(row.function).reduces is not np.add or row.shape != ():
        return None
    whole = row.args[0]
    if not row.reads_first or whole.function is not np.multiply or uses[whole] != 1:
        return None
    if whole.given or len(whole.operands) != 2 or _last_axes(row) != [-2, -1]:
        return None
    for product, z in (whole.args, whole.args[::-1]):
        alike = z.shape == product.shape and z.dtype == product.dtype == row.dtype
        if alike and _is_matrix(product) and uses[product] == 1:
            return *product.args, z
    return None


def _is_matrix(row: Row) -> bool:
    """Tell whether a row is a product of two rows that are matrices of floats."""
    return (
        row.function is np.matmul
        and not row.given
        and row.dtype.kind in "fc"
        and len(row.operands) == 2
        and all(len(x.shape) == 2 and x.dtype == row.dtype for x in row.operands)
    )


def _comes_first(product: Row, rows: dict[Row, None]) -> bool:
    """Put a product, and what turns its factors, after these rows, if that can be."""
    turning = [x for x in product.operands if x.function is not None and x not in rows]
    needed = [y for x in turning for y in x.operands]
    if any(x.function is not np.transpose for x in turning):
        return False  # other factors are computed later
    if any(y.function is not None and y not in rows for y in needed):
        return False
    rows |= dict.fromkeys([*turning, product])
    return True


def _add_up(row: Row, x: Any, product: Row, rows: dict[Row, None]) -> None:
    """Make a row the sum of the entries of a matrix times those of a product."""
    whole = row.args[0].with_call(np.multiply, (x, product))
    whole.shape = product.shape
    rows[whole] = None
    row.args, row.operands = (whole, *row.args[1:]), [whole]


__all__ = ["share_products", "sum_first"]
