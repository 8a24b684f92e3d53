"""Functions of NumPy's own Python that take longer than their work, with less of it."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import ndarray
from chainrule.values.types import Axis, Operation, Shape

_add: Any = np.add


def sum_of(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return ``np.sum(x, axis)`` without the layers around it."""
    if type(x) is not ndarray and is_foreign(x):
        return np.sum(x, axis=axis, keepdims=keepdims)
    return _add.reduce(x, axis, None, None, keepdims)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Return ``np.transpose(x, axes)`` without the layers around it."""
    return x.transpose(axes) if isinstance(x, ndarray) else np.transpose(x, axes)


def reshape(x: Any, shape: int | Shape, *, order: Any = "C") -> Any:
    """Return ``np.reshape(x, shape)`` without the layers around it."""
    if isinstance(x, ndarray):
        return x.reshape(shape, order=order)
    if order == "C":  # which other libraries need not be told
        return np.reshape(x, shape)
    return np.reshape(x, shape, order=order)


SHORTER: dict[Any, Any] = {}
"""Functions of NumPy's own Python that take longer than their work, and ours."""


def shorter(function: Operation) -> Callable[[Operation], Operation]:
    """Decorate what is called for a function of NumPy's, of which it has the result."""

    def decorate(ours: Operation) -> Operation:
        SHORTER[function] = ours
        return ours

    return decorate


@shorter(np.roll)
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Return ``np.roll(x, shift, axis)``; along one axis as two parts, joined."""
    kinds = x.__class__, shift.__class__, axis.__class__
    if kinds != _ROLLED_IN_PARTS or not -x.ndim <= axis < x.ndim or not x.size:
        return np.roll(x, shift, axis)
    start = -shift % x.shape[axis]
    before: Any = (slice(None),) * (axis % x.ndim)
    parts = x[(*before, slice(start, None))], x[(*before, slice(start))]
    return np.concatenate(parts, axis)


_ROLLED_IN_PARTS = ndarray, int, int


@shorter(np.tensordot)
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Return ``np.tensordot(x, y, axes)``, its arrangement of axes looked up."""
    if x.__class__ is not ndarray or y.__class__ is not ndarray:
        if {x.__class__, y.__class__} <= _MULTIPLIED and axes in _NONE:
            return np.asarray(x * y)
        return np.tensordot(x, y, axes)
    try:
        x_order, x_shape, y_order, y_shape, shape = _arranged(x.shape, y.shape, axes)
    except (TypeError, ValueError):  # lists, and what NumPy refuses
        return np.tensordot(x, y, axes)
    rows = x.transpose(x_order).reshape(x_shape)
    columns = y.transpose(y_order).reshape(y_shape)
    if x.dtype is not y.dtype or x.dtype.char not in "fdFD":
        return _dot(rows, columns).reshape(shape)
    out: Any = np.empty(shape, x.dtype)  # a view of the product would be copied
    _dot(rows, columns, out.reshape(x_shape[0], y_shape[1]))
    return out


_dot: Any = np.dot
_MULTIPLIED = frozenset((float, np.float64, ndarray))
_NONE = (0, ((), ()))
"""The axes of a product without a sum."""


@functools.lru_cache(maxsize=1024)
def _arranged(
    x: Shape, y: Shape, axes: Any
) -> tuple[Shape, Shape, Shape, Shape, Shape]:
    """Return how a contraction becomes a product of two matrices, by its shapes.

    The order of the axes of each operand, its shape as a matrix, and the shape of the
    result.
    """
    if isinstance(axes, int):
        axes = range(len(x) - axes, len(x)), range(axes)
    sides = zip(axes, (len(x), len(y)), strict=True)
    x_axes, y_axes = ([_place(a, n) for a in one] for one, n in sides)
    pairs = zip(x_axes, y_axes, strict=True)
    fits = len({*x_axes}) == len(x_axes) and len({*y_axes}) == len(y_axes)
    if not fits or any(x[i] != y[k] for i, k in pairs):
        raise ValueError(axes)
    x_free = [a for a in range(len(x)) if a not in x_axes]
    y_free = [a for a in range(len(y)) if a not in y_axes]
    summed = math.prod(x[a] for a in x_axes)
    rows, columns = [x[a] for a in x_free], [y[a] for a in y_free]
    return (
        (*x_free, *x_axes),
        (math.prod(rows), summed),
        (*y_axes, *y_free),
        (summed, math.prod(columns)),
        (*rows, *columns),
    )


def _place(axis: int, count: int) -> int:
    """Return an axis as a number from 0, or raise where there is none."""
    if not -count <= axis < count:
        raise ValueError(axis)
    return operator.index(axis) % count
