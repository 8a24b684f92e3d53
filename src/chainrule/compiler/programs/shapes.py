"""Shapes: which rows have the same shape for all entries of their operands."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.tracing.plain_operators import UFUNCS, power
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import setitem, unindex
from chainrule.rules import REGISTRY
from chainrule.rules.supports import masked_result
from chainrule.values.shapes import SEQUENCES, TUPLE, kind_of


def keeps_shape(row: Row) -> bool:
    """Tell whether a row has the same shape for all entries of its operands.

    Ufuncs and the library's own operations have; an index that holds a mask, and NumPy
    functions that are not among them, are looked at in every call.
    """
    f = row.function
    if row.shape is None or type(f) is np.ufunc or f in UFUNCS or f is power:
        return True  # of several results, the items are looked at
    if f is operator.getitem:
        source = row.args[0]
        if isinstance(source, Row) and source.shape is None:
            return _keeps_shape_of_all(source)
        parts: Any = row.args[1] if isinstance(row.args[1], TUPLE) else row.args[1:]
        return not any(map(_may_reshape, parts))
    return _keeps_shape_of_all(row)


def _may_reshape(part: Any) -> bool:
    """Tell whether a part of an index may pick another number of entries."""
    if kind_of(part) is slice:
        return _is_moving(part)
    return isinstance(part, Row) and part.dtype == np.bool_


def _is_moving(x: Any) -> bool:
    return any(isinstance(v, Row) for v in (x.start, x.stop, x.step))


def _keeps_shape_of_all(row: Row) -> bool:
    f = row.function
    if isinstance(f, np.ufunc) or (f is np.where and len(row.args) == 3):
        return True
    if f is unindex or f is setitem or getattr(f, "keeps_shape", False):
        return True  # its shape is a constant; loops and maps say so of themselves
    if any(_may_be_count(x, row) for x in row.operands):
        return False
    if isinstance(getattr(f, "__self__", None), np.ufunc):
        return True
    if not _known_forwards:
        _known_forwards.update(id(r.forward) for r in REGISTRY if hasattr(r, "forward"))
    return id(f) in _known_forwards or f in _SHAPED


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


_SHAPED: set[Any] = {
    float, round, math.floor, math.ceil, math.trunc, masked_result,
    np.all, np.any, np.argmax, np.argmin, np.argsort, np.asarray,
    np.astype, np.broadcast_to, np.concatenate, np.copy, np.diagonal, np.einsum,
    np.linalg.cholesky, np.linalg.eigh, np.linalg.svd, np.moveaxis, np.ravel,
    np.reshape, np.stack, np.std,
}  # fmt: skip
"""Functions that are no rule's forward, and whose shape entries do not change."""

_known_forwards: set[int] = set()
