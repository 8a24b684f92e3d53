"""Products of a vector and a matrix of few columns, or few rows, as loops over these.

In: the rows of products. Out: rows by which ``x @ b`` of many rows and a few columns is
``x[:, 0] * b[0] + x[:, 1] * b[1] + ...``, and ``v @ x`` is the sums of ``x[:, 0] * v``
and so on. A model of few parameters and columns of data is then one pass over the data:
the loop that computes with ``x @ b`` reads each row once, for the gradient too, where
BLAS goes over the matrix twice, and takes longer over short rows.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import become, transposed
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Row

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

    def write(
        self, row: Row, rows: list[Row], matrix: Any, vector: Any, axis: int
    ) -> bool:
        """Write a product over an axis, after rows of its parts, if it is narrow."""
        before = transposed(matrix)
        if isinstance(before, Row):
            matrix, axis = before, 1 - axis
        short = 0 if matrix.shape[0] < matrix.shape[1] else 1
        count = matrix.shape[short]
        if not 1 < count <= MOST or matrix.shape[1 - short] < LONG:
            return False
        lines = [self._line(row, rows, matrix, short, i) for i in range(count)]
        if axis == short:
            numbers = [_part(row, rows, vector, i) for i in range(count)]
            _add_up(row, rows, lines, numbers)
        else:
            products = [_made(row, rows, np.multiply, (x, vector)) for x in lines]
            totals = [_made(row, rows, np.sum, (x,), ()) for x in products]
            become(row, np.stack, (totals,))
            row.operands = totals
        row.given = NO_KEYWORDS
        return True

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


def _add_up(row: Row, rows: list[Row], lines: Any, numbers: Any) -> None:
    """Make a row the sum of lines times numbers."""
    total: Any = None
    for x, number in zip(lines, numbers, strict=True):
        part = _made(row, rows, np.multiply, (x, number))
        total = part if total is None else _made(row, rows, np.add, (total, part))
    rows.pop()
    become(row, total.function, total.args)


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


__all__ = ["NarrowProducts"]
