"""Products with vectors, as loops over entries.

In: a program. Out: the same, in which products of some size of a matrix and a vector
are products of entries that are summed: so loops read the matrix where it is, together
with others that read it. Larger ones are left to BLAS, which goes through memory as
fast. Products of a column and a row are those of their entries, which need not be
stored where a loop reads them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.meanings import matrix_and_vector
from chainrule.compiler.native.narrow_products import NarrowProducts
from chainrule.compiler.native.outer_products import multiply_together
from chainrule.compiler.native.summed_products import share_products, sum_first
from chainrule.compiler.programs.program import Program, become
from chainrule.compiler.tracing.rows import Row
from chainrule.values.types import Shape

LEAST, MOST = 1 << 12, 1 << 17
"""Entries of a matrix from which on, and up to which, loops are as fast as BLAS."""
LONG = 32
"""Entries of a row of a matrix, in memory, that make a loop worth while."""


def write_products(program: Program, *, floats: bool) -> None:
    """Write products by what takes less: their sums first, and those with vectors."""
    sum_first(program)
    share_products(program)
    multiply_together(program)
    multiply_vectors(program, floats=floats)


def multiply_vectors(program: Program, *, floats: bool) -> None:
    """Write products with vectors by entries; with ``floats`` those that are summed."""
    rows: list[Row] = []
    narrow = NarrowProducts()
    for row in program.rows:
        factors = matrix_and_vector(row) if floats else None
        if factors is not None and narrow.write(row, rows, *factors):
            pass
        elif factors is not None and _is_wanted(factors[0].shape):
            _write(row, rows, *factors)
        elif _is_outer(row):
            rows.append(row.with_call(np.multiply, row.args))
            become(row, np.add, (rows[-1], 0.0))  # as a sum of one product is
        rows.append(row)
    program.rows = rows


def _is_outer(row: Row) -> bool:
    """Tell whether a row multiplies columns and rows, and not few of their entries."""
    if row.function is not np.matmul or row.given or row.dtype != np.float64:
        return False
    if math.prod(row.shape or ()) < LARGE:
        return False
    lengths = [x.shape[-1:] for x in row.args if x.dtype == row.dtype]
    return len(lengths) == 2 and lengths[0] == (1,) and len(row.args[1].shape) > 1


def _is_wanted(shape: Shape) -> bool:
    """Tell whether a matrix is of some size, and its rows and columns are long."""
    return LEAST <= math.prod(shape) <= MOST and min(shape) >= LONG


def _write(row: Row, rows: list[Row], matrix: Any, vector: Any, axis: int) -> None:
    """Add the products of entries, and make the row their sums."""
    if axis == 0:
        shape = (*vector.shape, 1)
        if isinstance(vector, Row):
            column = row.with_call(np.reshape, (vector, shape))
            column.shape = shape
            rows.append(column)
            vector = column
        else:
            vector = np.reshape(vector, shape)
    product = row.with_call(np.multiply, (matrix, vector))
    product.shape = matrix.shape
    rows.append(product)
    row.function, row.args, row.given = np.sum, (product,), {"axis": axis}
    row.operands = [product]


__all__ = ["multiply_vectors", "write_products"]
