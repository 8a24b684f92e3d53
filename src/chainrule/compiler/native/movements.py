"""Movements: where the entries of a result were in the operands.

In: a row whose function moves entries, and integers that stand for the entries of its
operands. Out: those of its result: NumPy's own function is applied to the integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.tracing.calls import operand_count
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import picks_once, setitem, unindex
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import SEQUENCES
from chainrule.values.types import Shape

_np: Any = np
Places = Any
"""An integer array: which entry each entry of a value is; 0 is none: the value is 0."""


def is_movement(row: Row) -> bool:
    """Tell whether each entry of a row is one of its operands' entries, or 0."""
    known = traits_of(row.function)
    of_ours = row.function is unindex or row.function is setitem
    return of_ours or (known.moves and not known.entrywise)


def moved(row: Row, places: Callable[[Any], Places]) -> Places:
    """Return the places of a movement's result; ``places`` gives those of an argument.

    They may be a view of these.
    ``CannotLowerError`` where they depend on values, or several entries are added.
    """
    if row.function is unindex:
        return _placed(row, places)
    if row.function is setitem:
        return _overwritten(row, places)
    n = operand_count(row.function, row.args)
    if len(row.operands) > sum(map(_rows_in, row.args[:n])):
        raise CannotLowerError  # where to move them depends on values
    args = [np.asarray(p) if type(p) is int else p for p in map(places, row.args[:n])]
    return np.asarray(row.function(*args, *row.args[n:], **row.given))


def _rows_in(x: Any) -> int:
    return sum(map(_rows_in, x)) if isinstance(x, SEQUENCES) else isinstance(x, Row)


def _placed(row: Row, places: Callable[[Any], Places]) -> Places:
    index, shape = row.given.get("index"), row.given.get("shape")
    if not row.reads_first:
        raise CannotLowerError
    if not picks_once(index) and picks_some_twice(index, shape):
        raise CannotLowerError
    given = np.asarray(places(row.args[0]))
    found: Any = _np.zeros(shape, given.dtype)
    found[index] = given
    return found


def _overwritten(row: Row, places: Callable[[Any], Places]) -> Places:
    """Put the places of what is written among those of the array."""
    (x, y), index = row.args, row.given["index"]
    rows = [v for v in row.args if isinstance(v, Row)]
    kinds = "biuf"
    kind = y.dtype.kind if isinstance(y, Row) else np.asarray(y).dtype.kind
    narrowing = kind not in kinds or kinds.index(kind) > kinds.index(row.dtype.kind)
    if len(row.operands) != len(rows) or narrowing:
        raise CannotLowerError  # where to write depends on values, or NumPy casts
    found = np.array(np.broadcast_to(places(x), row.shape))
    found[index] = places(y)
    return found


def picked(index: Any, shape: Shape) -> Any:
    """Return the flat places in an array that a constant index picks."""
    return _np.arange(math.prod(shape)).reshape(shape)[index]


def picks_some_twice(index: Any, shape: Shape) -> bool:
    """Tell whether a constant index of integers picks an entry twice."""
    places: list[int] = picked(index, shape).ravel().tolist()
    return len(set(places)) < len(places)


__all__ = ["Places", "is_movement", "moved", "picked", "picks_some_twice"]
