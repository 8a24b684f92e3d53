"""Products of a vector and a matrix of few columns, or few rows, as loops over these.

In: a program. Out: the same, in which ``x @ b`` of many rows and a few columns is
``x[:, 0] * b[0] + x[:, 1] * b[1] + ...``, and ``v @ x`` is the sums of ``x[:, 0] * v``
and so on. A model of few parameters and columns of data is then one pass over the data:
the loop that computes with ``x @ b`` reads each row once, for the gradient too, where
BLAS goes over the matrix twice, and takes longer over short rows.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import contracted_axes
from chainrule.compiler.programs.program import Program, become, rewrite, transposed
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Row
from chainrule.values.shapes import ARRAYS

MOST = 12
"""So many columns at most: what is read by steps takes longer with each."""
LONG = 1 << 10
"""Entries of a column from which on."""

Line = tuple[int, int, int]
"""A matrix by its ``id``, an axis, and the place along it."""


class NarrowProducts:
    """Writes the products; a column that several read is one row."""

    def __init__(self) -> None:
        """Know no columns yet."""
        self._lines: dict[Line, Any] = {}
        self._alive: list[Any] = []

    def __call__(self, row: Row, rows: list[Row]) -> Row:
        """Write a product, if it is one of these, after the rows of its parts."""
        found = _factors(row)
        if found is None:
            rows.append(row)
            return row
        matrix, vector, short, sums = found
        lines = [
            self._line(row, rows, matrix, short, i) for i in range(matrix.shape[short])
        ]
        if sums:
            numbers = [_part(row, rows, vector, i) for i in range(len(lines))]
            self._add_up(row, rows, lines, numbers)
        else:
            products = [_made(row, rows, np.multiply, (x, vector)) for x in lines]
            totals = [_made(row, rows, np.sum, (x,), ()) for x in products]
            become(row, np.stack, (totals,))
            row.operands = totals
        row.given = NO_KEYWORDS
        rows.append(row)
        return row

    def _line(self, row: Row, rows: list[Row], matrix: Any, axis: int, i: int) -> Any:
        """Return a column of a matrix, or a row."""
        key = id(matrix), axis, i
        if key not in self._lines:
            index = (slice(None), i) if axis else i
            shape = (matrix.shape[1 - axis],)
            self._alive.append(matrix)
            self._lines[key] = (
                _made(row, rows, operator.getitem, (matrix, index), shape)
                if isinstance(matrix, Row)
                else np.ascontiguousarray(matrix[index])
            )
        return self._lines[key]

    def _add_up(self, row: Row, rows: list[Row], lines: Any, numbers: Any) -> None:
        """Make a row the sum of lines times numbers."""
        total: Any = None
        for x, number in zip(lines, numbers, strict=True):
            part = _made(row, rows, np.multiply, (x, number))
            total = part if total is None else _made(row, rows, np.add, (total, part))
        rows.remove(total)
        become(row, total.function, total.args)


def write_narrow_products(program: Program) -> None:
    """Write products with vectors, of matrices that have few columns, by columns."""
    if any(_factors(row) is not None for row in program.rows):
        rewrite(program, NarrowProducts(), "narrow products")


def _factors(row: Row) -> tuple[Any, Any, int, bool] | None:
    """Return matrix, vector, the short axis, and whether that is summed over."""
    if row.dtype != np.float64 or len(row.args) < 2 or len(row.shape or ()) != 1:
        return None
    x, y = row.args[:2]
    if not all(isinstance(v, (Row, *ARRAYS)) and v.dtype == row.dtype for v in (x, y)):
        return None
    if sorted((len(x.shape), len(y.shape))) != [1, 2] or not contracted_axes(row):
        return None
    (first,), (second,) = contracted_axes(row)
    matrix, vector, axis = (x, y, first) if len(x.shape) == 2 else (y, x, second)
    before = transposed(matrix)
    if before is not None and isinstance(before, Row):
        matrix, axis = before, 1 - axis
    short = 0 if matrix.shape[0] < matrix.shape[1] else 1
    if not 1 < matrix.shape[short] <= MOST or matrix.shape[1 - short] < LONG:
        return None
    return matrix, vector, short, axis == short


def _part(row: Row, rows: list[Row], vector: Any, i: int) -> Any:
    if not isinstance(vector, Row):
        return vector[i]
    return _made(row, rows, operator.getitem, (vector, i), ())


def _made(row: Row, rows: list[Row], f: Any, args: Any, shape: Any = None) -> Row:
    """Add a row of floats, of the shape of its first argument if none is given."""
    made = row.with_call(f, args)
    made.shape = args[0].shape if shape is None else shape
    rows.append(made)
    return made


__all__ = ["write_narrow_products"]
