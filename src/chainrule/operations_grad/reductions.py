"""Rules of reductions and running sums: sum, mean, var, cumsum, max, sort."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from chainrule.operations_grad.indexing import along_axis
from chainrule.rules import general, linear
from chainrule.rules.cases import Cases, case, distinct
from chainrule.values.foreign import layout_of
from chainrule.values.shapes import (
    dtype_of,
    kept_shape,
    normalize_axes,
    shape_of,
)
from chainrule.values.types import Array, Axis, Mask, Namespace, Value
from chainrule.values.vertices import raw

_MASK = np.array([[True, False, True], [False, False, True]])


def put_back(xp: Namespace, z: Value, shape: tuple[int, ...], axis: Axis) -> Value:
    """Return a reduced array with its reduced axes put back, of length one."""
    return z if axis is None else xp.reshape(z, kept_shape(shape, axis))


class sum_grad(linear):
    """z = sum(x) over the axes in ``axis``, plus ``initial``"""

    nonnegative = True
    forward = np.sum
    axes: tuple[str, ...] = ("axis",)
    reduces = np.add
    zeroed: ClassVar[Mapping[str, Any]] = {"initial": 0.0}
    cases: Cases = (
        case((3, 4)),
        case((3, 4), axis=0),
        case((2, 3, 4), axis=(0, -1)),
        case((2, 3), axis=1, keepdims=True),
        case((2, 3), axis=1, initial=10.0),
        case((2, 3), where=_MASK),
        case((2, 3), axis=1, where=_MASK, initial=2.0),
        case((2, 3), axis=1, dtype=np.complex128),
        case(()),
        case((0, 3), axis=0),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        where: Mask = True,
        initial: Value | None = 0.0,
        dtype: DTypeLike | None = None,
    ) -> Value:
        """x_grad = z_grad, repeated along the summed axes (a view)"""
        shape = shape_of(x)
        z_grad = put_back(xp, z_grad, shape, axis)
        if where is not True:
            z_grad = xp.where(where, z_grad, 0.0)
        return xp.broadcast_to(z_grad, shape, **layout_of(raw(x)))


class trace_grad(linear):
    """z = sum over i of x[i, i + offset]"""

    nonnegative = True
    cases: Cases = (case((3, 3)), case((2, 4), offset=1), case((4, 2), offset=-2))

    @staticmethod
    def forward(x: Array, *, offset: int = 0) -> Value:
        """Return NumPy's trace of a matrix."""
        return np.trace(x, offset)

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, offset: int = 0
    ) -> Value:
        """x_grad[i, i + offset] = z_grad"""
        rows, columns = shape_of(x)
        first = offset if offset > 0 else -offset * columns
        count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
        place = slice(first, first + count * (columns + 1), columns + 1)
        entries = xp.broadcast_to(z_grad, (count,))
        flat = xp.unindex(entries, index=place, shape=(rows * columns,))
        return xp.reshape(flat, (rows, columns))


class mean_grad(linear):
    """z = mean(x) over the axes in ``axis``"""

    nonnegative = True
    forward = np.mean
    axes: tuple[str, ...] = ("axis",)
    reduces = np.add
    averages = True
    cases: Cases = (
        case((3, 4)),
        case((3, 4), axis=0),
        case((2, 3, 4), axis=(0, -1), keepdims=True),
        case((2, 3), axis=1, where=_MASK),
        case((2, 3), axis=1, dtype=np.complex128),
        case(()),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        where: Mask = True,
        dtype: DTypeLike | None = None,
    ) -> Value:
        """x_grad = z_grad / n, repeated along the averaged axes (a view)"""
        shape = shape_of(x)
        z_grad = put_back(xp, z_grad, shape, axis)
        if where is not True:
            chosen = np.broadcast_to(where, shape)
            count = np.sum(chosen, axis=axis, keepdims=True)
            z_grad = xp.where(where, z_grad / np.maximum(count, 1), 0.0)
            return xp.broadcast_to(z_grad, shape)
        count = math.prod(shape[i] for i in normalize_axes(axis, len(shape)))
        return xp.broadcast_to(z_grad / max(count, 1), shape, **layout_of(raw(x)))


class cumsum_grad(linear):
    """z[k] = sum of x[i] for i <= k along ``axis`` (of the flat array if ``None``)"""

    nonnegative = True
    forward = np.cumsum
    axes: tuple[str, ...] = ("axis",)
    accumulates = np.add
    flattens = True
    cases: Cases = (
        case((4,)),
        case((2, 3)),
        case((2, 3), axis=0),
        case((2, 3), axis=-1, dtype=np.complex128),
        case(()),
        case((0, 3), axis=0),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Array,
        x: Value,
        *,
        axis: int | None = None,
        dtype: DTypeLike | None = None,
    ) -> Value:
        """x_grad[i] = sum of z_grad[k] for k >= i"""
        backwards = backwards_along(0 if axis is None else axis, len(shape_of(z_grad)))
        x_grad = xp.cumsum(z_grad[backwards], axis=0 if axis is None else axis)
        return xp.reshape(x_grad[backwards], shape_of(x))


def backwards_along(axis: int, ndim: int) -> tuple[slice, ...]:
    """Return the index that reverses an axis."""
    return (*(slice(None),) * (axis % ndim), slice(None, None, -1))


# ------------------------------------------------------------- largest and smallest


def _shares(
    xp: Namespace, z: Value, x: Value, axis: Axis, where: Mask, initial: Value | None
) -> tuple[Any, Any]:
    """Return where x attains its extreme z, and the number of entries that do.

    ``initial`` counts as an entry; where z is nan, all entries share it.
    """
    z = put_back(xp, z, shape_of(x), axis)
    nan: Any = xp.isnan(z)
    same: Any = (x == z) | nan
    if where is not True:
        same = same & where
    count = xp.sum(same, axis=axis, keepdims=True)
    if initial is not None:
        count = count + (z == initial)
    count = xp.maximum(count, 1)
    if dtype_of(z).itemsize < 8:  # beside an int64, float32 would become float64
        count = xp.astype(count, np.float32)
    return same, count


class max_grad(general):
    """z = max(x) over the axes in ``axis``

    Ties share equally: each of n entries that attain the maximum has the partial 1/n,
    the mean of the one-sided choices (as ``jax.numpy.max``); ``initial`` is one of the
    entries. All other zeros are structural.
    """

    forward = np.max
    axes: tuple[str, ...] = ("axis",)
    reduces = np.maximum
    structural = True
    cases: Cases = (
        case(distinct(3, 4)),
        case(distinct(3, 4), axis=0),
        case(distinct(2, 3, 4), axis=(0, -1)),
        case(distinct(2, 3), axis=1, keepdims=True),
        case(distinct(2, 3), axis=1, where=_MASK, initial=-9.0),
        case(distinct(2, 3), axis=1, initial=0.1),
        case(distinct()),
        case((0, 3), axis=0, initial=0.0),
    )
    untested = "ties: the maximum has a kink there"

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        initial: Value | None = None,
        where: Mask = True,
    ) -> tuple[Value]:
        """x_grad[i] = z_grad / n where x[i] attains the maximum, else structurally 0"""
        same, count = _shares(xp, z, x, axis, where, initial)
        z_grad = put_back(xp, z_grad, shape_of(x), axis)
        return (xp.where(same, z_grad / count, 0.0),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        initial: Value | None = None,
        where: Mask = True,
    ) -> Value:
        """z_dot = mean of x_dot[i] over the entries that attain the maximum"""
        same, count = _shares(xp, z, x, axis, where, initial)
        total = xp.sum(xp.where(same, tangents[0], 0.0), axis=axis, keepdims=True)
        return xp.reshape(total / count, shape_of(z))


class min_grad(max_grad):
    """z = min(x) over the axes in ``axis``; ties share equally, as in max"""

    forward: Any = np.min
    reduces: Any = np.minimum
    cases: Cases = (
        case(distinct(3, 4)),
        case(distinct(2, 3, 4), axis=(0, -1)),
        case(distinct(2, 3), axis=1, where=_MASK, initial=9.0),
        case(distinct(2, 3), axis=0, keepdims=True, initial=0.1),
    )
    untested = "ties: the minimum has a kink there"


# ----------------------------------------------------------------------- order


class sort_grad(general):
    """z = x sorted along ``axis`` (the flat array if ``None``)

    Each cotangent returns to the entry it came from. Among equal entries that is the
    order of ``np.argsort``; they keep theirs with ``stable=True`` or ``kind="stable"``.
    """

    forward = np.sort
    axes: tuple[str, ...] = ("axis",)
    flattens = True
    structural = True
    cases: Cases = (
        case(distinct(5)),
        case(distinct(3, 4)),
        case(distinct(3, 4), axis=0),
        case(distinct(2, 3), axis=None),
        case(distinct(2, 3), axis=1, kind="stable"),
        case(distinct(2, 3), axis=1, stable=True),
        case((0, 3)),
    )
    untested = "ties: sorting has a kink there"

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        axis: int | None = -1,
        kind: str | None = None,
        stable: bool | None = None,
    ) -> tuple[Value]:
        """x_grad[order] = z_grad"""
        flat, index = _order(xp, x, axis, "stable" if stable else kind)
        x_grad = xp.unindex(z_grad, index=index, shape=shape_of(flat))
        return (xp.reshape(x_grad, shape_of(x)),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        axis: int | None = -1,
        kind: str | None = None,
        stable: bool | None = None,
    ) -> Value:
        """z_dot = x_dot[order]"""
        flat, index = _order(xp, x, axis, "stable" if stable else kind)
        return xp.getitem(xp.reshape(tangents[0], shape_of(flat)), index=index)


def _order(
    xp: Namespace, x: Value, axis: int | None, kind: str | None
) -> tuple[Any, tuple[Any, ...]]:
    """Return x (flat if ``axis`` is ``None``) and the index that sorts it."""
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    given: Any = {} if kind is None else {"kind": kind}
    order = xp.argsort(x, axis=axis, **given)
    return x, along_axis(order, axis, shape_of(x))
