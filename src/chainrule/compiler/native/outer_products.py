"""Sums of outer products, which go through memory once.

In: a program. Out: the same, in which outer products of one size that are only added
up, ``u[:, None] * v + ...``, are one row. By itself, each of them goes through memory.
Gradients by a matrix that is multiplied with one vector after the other ask for this.
They are added one after the other, as they were, but in the order of the program's
terms, and before those that are no products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.outer_sums import OuterSum
from chainrule.compiler.programs.program import Program, become, transposed
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ARRAYS, Shape

LEAST = 1 << 12
"""Entries of a matrix from which on its way through memory takes longest."""
FEWEST = 4
"""Outer products from which on one row for all of them is quicker."""


def factors_of(x: Any) -> tuple[Any, Any] | None:
    """Return the vectors whose outer product a matrix of some size is, flat or not."""
    if not isinstance(x, Row) or x.dtype != np.float64 or x.given:
        return None
    shape: Shape = x.shape or ()
    if len(shape) != 2 or math.prod(shape) < LEAST or min(shape) == 1:
        return None
    if (before := transposed(x)) is not None:
        turned = factors_of(before)
        return None if turned is None else turned[::-1]
    by_entries = x.function is np.multiply
    if not by_entries and x.function is not np.matmul:
        return None
    first, second = x.args
    if _are_factors(first, second, x):
        return first, second
    if by_entries and _are_factors(second, first, x):
        return second, first
    return None


def _are_factors(column: Any, row: Any, x: Row) -> bool:
    """Tell whether these are a column and a row, each as long as the product's."""
    if not all(isinstance(v, (Row, *ARRAYS)) for v in (column, row)):
        return False
    if not column.dtype == row.dtype == x.dtype:
        return False
    n, m = x.shape
    rows = [(1, m)] if x.function is np.matmul else [(1, m), (m,)]
    return column.shape == (n, 1) and row.shape in rows


def is_sum(x: Any) -> bool:
    """Tell whether a row adds two matrices of some size."""
    return (
        isinstance(x, Row)
        and x.function is np.add
        and not x.given
        and x.dtype == np.float64
        and len(x.shape or ()) == 2
        and math.prod(x.shape or ()) >= LEAST
    )


def added_up(row: Row, uses: Mapping[Row, int]) -> tuple[list[Any], list[Row]]:
    """Return what a sum adds up, and the sums in it, which nobody else reads."""
    terms: list[Any] = []
    sums: list[Row] = []
    waiting: list[Any] = [*row.args[::-1]]
    while waiting:
        x = waiting.pop()
        if is_sum(x) and x.shape == row.shape and uses[x] == 1:
            sums.append(x)
            waiting += x.args[::-1]
        else:
            terms.append(x)
    return terms, sums


def multiply_together(program: Program) -> None:
    """Make one row of outer products that are added up."""
    if sum(factors_of(row) is not None for row in program.rows) < FEWEST:
        return
    uses = program.uses()
    inside: set[Row] = set()
    gone: set[Row] = set()
    rows: list[Row] = []
    for row in reversed(program.rows):
        if row in gone:
            continue
        rows.append(row)
        if row in inside or not is_sum(row):
            continue
        terms, sums = added_up(row, uses)
        inside.update(sums)
        chains = [_chain(x) for x in terms]
        outer = [c for c in chains if c and all(uses[x] == 1 for x in c)]
        if len(outer) >= FEWEST:
            gone.update(sums, *outer)
            rows += _multiplied(row, terms, [c[0] for c in outer])[::-1]
    program.rows = rows[::-1]


def _chain(x: Any) -> list[Row]:
    """Return an outer product, and what it is the transpose of; else nothing."""
    if factors_of(x) is None:
        return []
    before = transposed(x)
    return [x, *(() if before is None else _chain(before))]


def _multiplied(row: Row, terms: Sequence[Any], outer: Sequence[Row]) -> list[Row]:
    """Make a sum that of other terms and of one row; return what comes before."""
    before: list[Row] = []
    known = set(outer)

    def added(function: Any, args: tuple[Any, ...]) -> Row:
        before.append(row.with_call(function, args))
        return before[-1]

    total: Any = None
    for x in terms:
        if x not in known:
            total = x if total is None else added(np.add, (total, x))
    vectors: list[Any] = []
    for x in outer:
        vectors += factors_of(x) or ()
    product = OuterSum(row.shape, len(outer)), tuple(map(_contiguous, vectors))
    if total is None:
        become(row, *product)
    else:
        become(row, np.add, (total, added(*product)))
    return before


def _contiguous(x: Any) -> Any:
    return x if isinstance(x, Row) else np.ascontiguousarray(x)


__all__ = ["added_up", "factors_of", "is_sum", "multiply_together"]
