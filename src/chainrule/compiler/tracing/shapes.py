"""Shapes: which rows have the same shape for all entries of their operands."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.compiler.tracing.plain_operators import UFUNCS, power
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import added_at, setitem, unindex
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.rules.traits import traits
from chainrule.values.shapes import SEQUENCES, TUPLE, kind_of


def keeps_shape(row: Row) -> bool:
    """Tell whether a row has the same shape for all entries of its operands.

    Ufuncs and functions of which something is declared have; an index that holds a
    mask, and NumPy functions of which nothing is known, are looked at in every call.
    """
    f = row.function
    if row.shape is None or type(f) is np.ufunc or f in UFUNCS or f is power:
        return True  # of several results, the items are looked at
    if f is operator.getitem:
        source = row.args[0]
        if isinstance(source, Row) and source.shape is None:
            return keeps_shapes(source)
        parts: Any = row.args[1] if isinstance(row.args[1], TUPLE) else row.args[1:]
        return not any(map(_may_reshape, parts))
    return keeps_shapes(row)


def _may_reshape(part: Any) -> bool:
    """Tell whether a part of an index may pick another number of entries."""
    if kind_of(part) is slice:
        return any(isinstance(v, Row) for v in (part.start, part.stop, part.step))
    return isinstance(part, Row) and part.dtype == np.bool_


def keeps_shapes(row: Row) -> bool:
    """Tell whether each of several results has the same shape for all entries."""
    f = row.function
    if isinstance(f, np.ufunc) or f in _SHAPED or getattr(f, "keeps_shape", False):
        return True
    known = traits_of(f)
    if known.entrywise:  # np.where of a condition alone is another function
        given = len(row.args) + len(row.given)
        return given >= len(getattr(known, "operand_names", ()))
    return known is not traits and not any(_may_be_count(x, row) for x in row.operands)


_SHAPED = (unindex, setitem, added_at, masked_result)
"""Functions whose operands tell no shape: it is a constant."""


def _may_be_count(x: Row, row: Row) -> bool:
    """Tell whether an operand may be an axis, a count or a length."""
    if x.dtype is not None and x.dtype.kind not in "biu":
        return False
    return x is not row.args[0] and not _holds(row.args[0], x)


def _holds(tree: Any, x: Row) -> bool:
    """Tell whether nested lists hold a row."""
    if not isinstance(tree, SEQUENCES):
        return False
    return any(part is x or _holds(part, x) for part in tree)
