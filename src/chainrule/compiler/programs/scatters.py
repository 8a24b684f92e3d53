"""Scatters: what a sweep adds to one array, entry by entry, as one row.

The derivative of a loop over ``x[i]`` is a sum of ``unindex(z, index=i, ...)``, each an
array like ``x`` that is zero elsewhere: work that grows with the square of the loop.
``unindex_all`` adds all of them into one array, in the same order. So it does with what
is added to what writes left of a cotangent, in a loop that fills an array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.identities import become
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import setitem, unindex, unindex_all
from chainrule.values.shapes import ndarray

SEVERAL = 8
"""Sums of so many parts, or more, become one row."""


def gather_scatters(program: Program) -> None:
    """Make one row of each long sum of arrays that are zero but for an index."""
    if sum(row.function is unindex for row in program.rows) < SEVERAL - 1:
        return
    uses = program.uses()
    sums: dict[Row, list[tuple[Any, Any]]] = {}
    for row in program.rows:
        if row.function is not np.add or row.given:
            continue
        x, part = row.args if _is_part(row.args[1], row) else row.args[::-1]
        if not _is_part(part, row):
            continue
        if type(x) is Row and x in sums and uses[x] == 1:
            sums[row] = sums.pop(x)
        elif _is_part(x, row):
            sums[row] = [(x.args[0], x.given["index"])]
        elif _is_like(x, row):
            sums[row] = [(x, ...)]
        else:
            continue
        sums[row].append((part.args[0], part.given["index"]))
    for row, parts in sums.items():
        if len(parts) >= SEVERAL or _is_filled(parts[0][0], sums):
            become(row, unindex_all, tuple([x for x, _ in parts]))
            indices = tuple([index for _, index in parts])
            row.given = {"indices": indices, "shape": row.shape}
    eliminate_dead_code(program)


def _is_part(x: Any, total: Row) -> bool:
    """Tell whether this is mostly zeros, but at an index what is to be added there."""
    return (
        type(x) is Row
        and x.function is unindex
        and x.reads_first
        and _is_like(x, total)
        and x.operands[0].dtype == total.dtype
        and SEVERAL * math.prod(x.operands[0].shape) <= math.prod(total.shape)
    )


def _is_filled(x: Any, sums: dict[Row, Any]) -> bool:
    """Tell whether this is an array that is written into again and again."""
    if type(x) is not Row or x.function is not setitem:
        return False
    before = x.args[0]
    return type(before) is Row and (before in sums or before.function is setitem)


def _is_like(x: Any, total: Row) -> bool:
    """Tell whether this is an array of a sum's shape and dtype."""
    return isinstance(x, (Row, ndarray)) and (
        (x.shape, x.dtype) == (total.shape, total.dtype)
    )


__all__ = ["gather_scatters"]
