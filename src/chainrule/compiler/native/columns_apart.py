"""Sums of columns: what is added to columns of an array, put into zeros one by one.

In: a program. Out: the same, in which ``unindex_all`` of a few columns of a large
array, ``x[:, 0, 1]`` and others, is a sum of ``unindex``. One loop nest makes the array
of what the columns are computed of, where NumPy goes through it once for each of them.
Rows of an array lie next to each other, and stay as they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.programs.common_subexpressions import argument_key
from chainrule.compiler.programs.program import Program, rewrite
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import unindex, unindex_all
from chainrule.values.indices import as_tuple, is_whole

MOST = 24
"""So many columns are written by one nest: its text grows with them."""


def unindex_columns(program: Program) -> None:
    """Let few columns of large arrays be added up by the loops that compute them."""

    def replacement(row: Row, rows: list[Row]) -> Row:
        columns = _columns(row) if _adds_to(row) else {}
        rows += _one_by_one(row, columns) if columns else [row]
        return rows[-1]

    if any(row.function is unindex_all for row in program.rows):
        rewrite(program, replacement, "columns")


def _adds_to(row: Row) -> bool:
    """Tell whether a row adds arrays of its dtype at constant places."""
    return (
        row.function is unindex_all
        and row.dtype.kind == "f"
        and math.prod(row.shape) >= LARGE
        and not rows_in(row.given["indices"])
        and all(isinstance(x, Row) and x.dtype == row.dtype for x in row.args)
    )


def _columns(row: Row) -> dict[Any, list[int]]:
    """Return the parts of each index; none where these are many, or no columns."""
    indices = row.given["indices"]
    found: dict[Any, list[int]] = {}
    for number, (x, index) in enumerate(zip(row.args, indices, strict=True)):
        found.setdefault((argument_key(index), x.shape), []).append(number)
    columns = sum(_is_column(indices[numbers[0]]) for numbers in found.values())
    return found if 2 * columns > len(found) <= MOST else {}


def _is_column(index: Any) -> bool:
    """Tell whether an index takes whole axes, and then one entry of a later one."""
    parts = as_tuple(index)
    whole = [i for i, part in enumerate(parts) if is_whole(part)]
    numbers = [i for i, part in enumerate(parts) if type(part) is int]
    return len(whole) + len(numbers) == len(parts) > len(whole) > 0 and min(
        whole
    ) < max(numbers)


def _one_by_one(row: Row, columns: dict[Any, list[int]]) -> list[Row]:
    """Return the rows of the sum: those of a column are added up first."""
    found: list[Row] = []
    total: Row | None = None
    for first, *others in columns.values():
        part = row.args[first]
        for number in others:
            part = part.with_call(np.add, (part, row.args[number]))
            found.append(part)
        index = row.given["indices"][first]
        if index is not Ellipsis:
            part = row.with_call(unindex, (part,), {"index": index, "shape": row.shape})
            found.append(part)
        if total is not None:
            part = row.with_call(np.add, (total, part))
            found.append(part)
        total = part
    return found


__all__ = ["unindex_columns"]
