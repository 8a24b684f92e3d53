"""Fragments: entries of Jacobians, one for each entry of an array or fewer.

In: the fragments of what an operation was called on. Out: those of its result, where it
moves entries or adds them up; by which numbers, its rule is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.sparsity.calls import FIRST
from chainrule.rules.linear_rule import zeroed_in
from chainrule.rules.namespace import plain
from chainrule.values.shapes import dtype_of, shape_of, size_of
from chainrule.values.types import Array, Shape, Value
from chainrule.values.vertices import likeness, vertex

_np: Any = np


class CarryError(Exception):
    """The entries are not carried: a rule is of another kind, or it does not pay."""


class Fragment(NamedTuple):
    """Entries of the Jacobian of an array, at most one for each entry of it.

    ``rows`` are the numbers of the array's entries, in which several may be one; by
    ``None`` each is itself. ``columns`` are the inputs, -1 where there is none.
    ``values`` are of the shape of the array, or as ``rows``; a number is all of them.
    """

    rows: Any
    columns: Any
    values: Any


Fragments = Sequence[Fragment]


def is_number(x: Value | None) -> bool:
    """Tell whether this is a Python number, which no trace stands for."""
    return type(x) in (float, int)


def same(a: Array | None, b: Array | None) -> bool:
    """Tell whether two arrays of numbers are one, or equal; ``None`` is itself."""
    if a is b:
        return True
    if a is None or b is None or a.size != b.size or a[-1] != b[-1]:
        return False
    return bool(_np.array_equal(a, b))


def without_zeros(f: Fragment, factor: Value, shape: Shape) -> Fragment:
    """Return a fragment without what a constant makes zero."""
    zeros = _np.broadcast_to(factor == 0, shape if f.rows is None else f.rows.shape)
    if not zeros.any():
        return f
    return f._replace(columns=_np.where(_np.ravel(zeros), -1, f.columns))


def broadcast(fragments: Fragments, own: Shape, shape: Shape) -> list[Fragment]:
    """Return the fragments of an array that is broadcast."""
    if own == shape:
        return list(fragments)
    numbers = _np.broadcast_to(_np.arange(math.prod(own)).reshape(own), shape).ravel()
    found: list[Fragment] = []
    for f in fragments:
        if f.rows is not None:
            found.append(picked(f, numbers, 0))
            continue
        values = f.values
        if not is_number(values):
            values = _np.broadcast_to(values, shape)
        found.append(Fragment(None, f.columns[numbers], values))
    return found


def as_operand(f: Fragment | None, x: Value) -> Any:
    """Return the values of a fragment in the place of an operand."""
    value = 0.0 if f is None else f.values
    like = likeness(x)
    if not is_number(value) or not shape_of(like):
        return value
    return _np.full(shape_of(like), value, dtype_of(like))


def picked(f: Fragment, places: Array, start: int) -> Fragment:
    """Return scattered entries of an operand where a result takes its entries."""
    order = _np.argsort(places, kind="stable")
    taken: Any = f.rows + start
    size = 2 + int(_np.maximum(_np.max(places, initial=0), _np.max(taken, initial=0)))
    before = _np.cumsum(_np.bincount(places + 1, minlength=size))  # each of the places
    first = before[taken]
    counts = before[taken + 1] - first
    source = _np.repeat(_np.arange(counts.size), counts)
    turn = _np.arange(source.size) - _np.repeat(_np.cumsum(counts) - counts, counts)
    rows = order[first[source] + turn]
    if same(source, _np.arange(f.columns.size)):
        return f._replace(rows=rows)
    values = f.values if is_number(f.values) else f.values[source]
    return Fragment(rows, f.columns[source], values)


def added_up(
    z: vertex, operands: Sequence[Any], tangents: Sequence[Fragments]
) -> list[Fragment]:
    """Say which rows entries are added to, and with which weight."""
    found: list[Fragment] = []
    for i, fragments in enumerate(tangents):
        if not fragments or not size_of(likeness(z)):
            continue
        rows, weight = _sums(z, operands, i)
        for f in fragments:
            own = rows if f.rows is None else rows[f.rows]
            values = f.values if is_number(f.values) else _np.reshape(f.values, (-1,))
            columns = f.columns
            if weight is not None:
                factor = weight if f.rows is None else weight[f.rows]
                columns = _np.where(factor == 0, -1, columns)
                values = values * factor.astype(dtype_of(likeness(z)))
            found.append(Fragment(own, columns, values))
    return found


def _sums(z: vertex, operands: Sequence[Any], i: int) -> tuple[Any, Any]:
    """Return which sum each entry of an operand is in, and its weight: ``None`` is 1.

    The transpose hands numbers of sums to the entries that they are made of, times the
    weights. Others, at random, tell numbers from what it computes of several.
    """
    shape, given = shape_of(likeness(z)), zeroed_in(z.rule, z.parameters)
    count = math.prod(shape)

    def transposed(g: Array) -> Any:
        return _np.ravel(z.rule.apply_transpose(plain, i, g, operands, given))

    weights: Any = transposed(_np.ones(shape))
    if weights.size != size_of(operands[i]):
        raise CarryError
    if (weights == 1).all():
        weights = None
    numbers = _np.arange(FIRST, FIRST + count).reshape(shape)
    if weights is None:
        rows = transposed(numbers) - FIRST
    else:
        start = _np.full(weights.size, FIRST)
        rows = _np.divide(transposed(numbers), weights, out=start, where=weights != 0)
        rows = _np.rint(rows - FIRST)
    del numbers
    rows = _np.clip(rows, 0, count - 1, out=rows).astype(_np.int32)
    others = _np.random.default_rng(0).random(shape)
    expected = _np.ravel(others)[rows]
    if weights is not None:
        expected *= weights
    expected -= transposed(others)
    if max(-expected.min(initial=0.0), expected.max(initial=0.0)) > 1e-12:
        raise CarryError
    return rows, weights


__all__ = [
    "CarryError",
    "Fragment",
    "Fragments",
    "added_up",
    "as_operand",
    "broadcast",
    "is_number",
    "picked",
    "same",
    "without_zeros",
]
