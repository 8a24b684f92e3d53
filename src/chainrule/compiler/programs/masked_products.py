"""Masked products of arrays that are zero wherever the mask leaves something out.

A sweep multiplies by a partial only where a cotangent is not zero by structure. The
cotangent of ``y[:-1]`` is zero in its last entry, as ``unindex`` made it, and stays so
under a product with a positive number: no mask need be read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import become
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Row, rows_in
from chainrule.operations_grad.indexing import unindex
from chainrule.rules.supports import masked_result
from chainrule.values.shapes import ndarray

_DEEPEST = 8
"""How many products, one of the other, are looked through."""


def unmask(row: Row) -> None:
    """Have a product be taken everywhere, if it is the same."""
    mask = row.given.get("where")
    if row.given.get("forward") is not np.multiply or len(row.given) != 2:
        return
    if not isinstance(mask, ndarray) or mask.shape != row.shape:
        return
    x = _scaled(row)
    if x is None or x.shape != row.shape or x.dtype != row.dtype:
        return
    if _is_zero_outside(x, mask, _DEEPEST):
        become(row, np.multiply, row.args)
        row.given = NO_KEYWORDS


def _scaled(row: Row) -> Row | None:
    """Return what a row multiplies by a positive number."""
    x, y = row.args
    if not isinstance(x, Row):
        x, y = y, x
    is_number = type(y) in (int, float) and 0 < y < math.inf
    return x if isinstance(x, Row) and is_number else None


def _is_zero_outside(x: Row, mask: Any, deepest: int) -> bool:
    """Tell whether all entries that a mask leaves out are zero by structure."""
    if x.function is unindex:
        index = x.given["index"]
        if rows_in(index):
            return False
        kept = np.zeros(mask.shape, dtype=bool)
        kept[index] = True
        return not np.any(kept & ~mask)
    if x.function is masked_result:
        where = x.given.get("where")
        if isinstance(where, ndarray) and not np.any(where & ~mask):
            return True
    elif x.function is not np.multiply or x.given:
        return False
    inner = _scaled(x) if deepest and len(x.args) == 2 else None
    if inner is None or inner.shape != mask.shape:
        return False
    return _is_zero_outside(inner, mask, deepest - 1)


__all__ = ["unmask"]
