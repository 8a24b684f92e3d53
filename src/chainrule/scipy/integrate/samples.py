"""Integrals of samples: sums of them, differentiable in values and in positions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.numpy.differences import diff, part
from chainrule.numpy.differences import trapezoid as _trapezoid
from chainrule.operations import namespace as ops
from chainrule.values.shapes import own_axes
from chainrule.values.types import Array
from chainrule.wrapping import implements

_scipy: Any = scipy.integrate


def _samples(y: ArrayLike, axis: int) -> tuple[Any, int]:
    values = ops.asarray(y)
    return values, own_axes(operator.index(axis), values.ndim)[0]


def _spacings(name: str, y: Array, x: ArrayLike, axis: int) -> Any:
    """Return the differences of positions, in an array that broadcasts with ``y``."""
    at: Any = ops.asarray(x)
    if at.ndim == 1:
        lane = [1] * y.ndim
        lane[axis] = -1
        at = ops.reshape(at, lane)
    elif at.ndim != y.ndim:
        raise ValueError(f"{name} needs x with one axis, or with those of y.")
    if at.shape[axis] != y.shape[axis]:
        raise ValueError(f"{name} needs as many x as y along the axis.")
    return diff(at, axis=axis)


@implements(_scipy.trapezoid, axes=("axis",))
def trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1
) -> Any:
    """Return the sum of (x[i+1] - x[i]) (y[i+1] + y[i]) / 2."""
    return _trapezoid(y, x, dx, axis)


@implements(_scipy.cumulative_trapezoid)
def cumulative_trapezoid(
    y: ArrayLike,
    x: ArrayLike | None = None,
    dx: ArrayLike = 1.0,
    axis: int = -1,
    initial: float | None = None,
) -> Any:
    """Return the cumulative sums of (x[i+1] - x[i]) (y[i+1] + y[i]) / 2."""
    values, axis = _samples(y, axis)
    width: Any = dx if x is None else _spacings("cumulative_trapezoid", values, x, axis)
    if initial is not None and (not np.isscalar(initial) or initial != 0):
        raise ValueError("`initial` must be `None` or `0`.")
    z = ops.cumsum(
        width * (part(values, axis, 1) + part(values, axis, None, -1)) / 2.0, axis
    )
    return z if initial is None else _after_zero(z, axis)


def _after_zero(z: Array, axis: int) -> Any:
    shape = list(z.shape)
    shape[axis] = 1
    return ops.concatenate([np.zeros(shape, z.dtype), z], axis=axis)


@implements(_scipy.simpson)
def simpson(
    y: ArrayLike, x: ArrayLike | None = None, *, dx: ArrayLike = 1.0, axis: int = -1
) -> Any:
    """Return the integral of parabolas through three samples each.

    An even number of samples has one interval left: its integral is that of the
    parabola through the last three (Cartwright, J. Math. Sci. Math. Educ. 12 (2)).
    """
    values, axis = _samples(y, axis)
    n = values.shape[axis]
    shape = [1] * values.ndim
    shape[axis] = n - 1
    h: Any = _spacings("simpson", values, x, axis) if x is not None else None
    if h is None:
        h = ops.broadcast_to(ops.asarray(dx), tuple(shape))
    if n == 2:
        return ops.sum(
            0.5 * h * (part(values, axis, 1) + part(values, axis, 0, 1)), axis=axis
        )
    odd = n - (n % 2 == 0)
    left, middle, right = (_every_other(values, axis, i, odd - 2 + i) for i in range(3))
    h0, h1 = (_every_other(h, axis, i, odd - 2 + i) for i in range(2))
    both = h0 + h1
    pieces: Any = (
        left * (2.0 - _ratio(h1, h0))
        + middle * both * _ratio(both, h0 * h1)
        + right * (2.0 - _ratio(h0, h1))
    )
    z = ops.sum(both / 6.0 * pieces, axis=axis)
    if odd == n:
        return z
    return z + ops.sum(_last_interval(values, h, axis), axis=axis)


def _every_other(x: Array, axis: int, start: int, stop: int) -> Any:
    return ops.getitem(x, index=(*(slice(None),) * axis, slice(start, stop, 2)))


def _ratio(x: Array, y: Array) -> Any:
    """Return x / y, and 0 where y is."""
    none = y == 0
    return np.where(none, 0.0, x / np.where(none, 1.0, y))


def _last_interval(y: Array, h: Array, axis: int) -> Any:
    """Return the integral over the last interval, with the axis of length one."""
    h0, h1 = part(h, axis, -2, -1), part(h, axis, -1)
    left, middle = part(y, axis, -3, -2), part(y, axis, -2, -1)
    return (
        _ratio(2 * h1**2 + 3 * h0 * h1, 6 * (h1 + h0)) * part(y, axis, -1)
        + _ratio(h1**2 + 3.0 * h0 * h1, 6 * h0) * middle
        - _ratio(h1**3, 6 * h0 * (h0 + h1)) * left
    )


@implements(_scipy.cumulative_simpson)
def cumulative_simpson(
    y: ArrayLike,
    *,
    x: ArrayLike | None = None,
    dx: ArrayLike = 1.0,
    axis: int = -1,
    initial: ArrayLike | None = None,
) -> Any:
    """Return the cumulative integrals of parabolas through three samples each."""
    values, axis = _samples(y, axis)
    n = values.shape[axis]
    if n < 3:
        z = cumulative_trapezoid(values, x, dx=dx, axis=axis)
    else:
        shape = list(values.shape)
        shape[axis] = n - 1
        if x is None:
            h: Any = ops.broadcast_to(ops.asarray(dx), tuple(shape))
        else:
            h = ops.broadcast_to(
                _spacings("cumulative_simpson", values, x, axis), tuple(shape)
            )
        z = ops.cumsum(_intervals(values, h, axis), axis=axis)
    if initial is None:
        return z
    first = list(values.shape)
    first[axis] = 1
    start = ops.broadcast_to(ops.asarray(initial), tuple(first))
    return ops.concatenate([start, z + start], axis=axis)


def _intervals(y: Array, h: Array, axis: int) -> Any:
    """Return the integral over each interval, by a parabola that it is part of."""
    ahead = _first_of_three(y, h, axis)
    y, h = ops.flip(y, axis=axis), ops.flip(h, axis=axis)
    behind = ops.flip(_first_of_three(y, h, axis), axis=axis)
    last = part(behind, axis, -1)
    count = h.shape[axis]
    lane = [1] * y.ndim
    lane[axis] = -1
    even = (np.arange(count - 1) % 2 == 0).reshape(lane)
    shifted = [part(behind, axis, 0, 1), part(behind, axis, None, -1)]
    first = ops.where(even, ahead, ops.concatenate(shifted, axis=axis))
    return ops.concatenate([first, last], axis=axis)


def _first_of_three(y: Array, h: Array, axis: int) -> Any:
    """Return the integral of each parabola over the first of its two intervals."""
    h0, h1 = part(h, axis, None, -1), part(h, axis, 1)
    f0, f1, f2 = (part(y, axis, i, y.shape[axis] - 2 + i) for i in range(3))
    share, ratio = h0 / (h0 + h1), h0 / h1
    both = share * ratio
    return h0 / 6 * ((3 - share) * f0 + (3 + both + share) * f1 - both * f2)


@implements(_scipy.romb)
def romb(y: ArrayLike, dx: ArrayLike = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Return Romberg's integral of 2**k + 1 samples: trapezoids, extrapolated."""
    values, axis = _samples(y, axis)
    count = values.shape[axis] - 1
    if count < 1 or count & (count - 1):
        raise ValueError(
            "Number of samples must be one plus a non-negative power of 2."
        )
    if show:
        raise ArgumentError("romb on nodes prints no table. Leave show= away.")
    rows: list[list[Any]] = []
    for i in range(count.bit_length()):
        step = count >> i
        index = (*(slice(None),) * axis, slice(None, None, step))
        some = ops.getitem(values, index=index)
        row = [_trapezoid(some, dx=ops.multiply(dx, step), axis=axis)]
        for j in range(1, i + 1):
            before = rows[-1][j - 1]
            row.append(row[-1] + (row[-1] - before) / (4**j - 1))
        rows.append(row)
    return rows[-1][-1]
