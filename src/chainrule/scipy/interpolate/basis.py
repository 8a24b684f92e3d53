"""B-splines as functions of knots, coefficients and points: de Boor's recursion.

In the interval from t[i] to t[i + 1] a spline of degree k is made of c[i - k], ...,
c[i] alone, in k steps of means (de Boor, A Practical Guide to Splines, chapter X). Its
derivative there is made of their differences, so no interval of length zero is divided
by. Which interval a point lies in is locally constant.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.scipy.interpolate.pieces import Extrapolate, lane, moved_to
from chainrule.values.types import Array

_np: Any = np


def evaluated(
    t: Array,
    c: Array,
    k: int,
    at: Array,
    nu: int = 0,
    *,
    extrapolate: Extrapolate,
    axis: int = 0,
) -> Any:
    """Return the ``nu``-th derivative of a spline at points."""
    shape, flat = at.shape, _np.reshape(at, (-1,))
    n = t.shape[0] - k - 1
    first, last = _np.take(t, k), _np.take(t, n)
    if extrapolate == "periodic":
        flat = first + _np.mod(flat - first, last - first)
    interval = interval_of(t, k, flat)
    parts = [_np.take(c, interval + (j - k), axis=0) for j in range(k + 1)]
    found = _recursion(t, parts, k, flat, interval, nu)
    if extrapolate is False:
        outside = (flat < first) | (flat > last)
        found = _np.where(lane(outside, found.ndim), np.nan, found)
    return moved_to(_np.reshape(found, (*shape, *c.shape[1:])), len(shape), axis)


def interval_of(t: Array, k: int, at: Array) -> Any:
    """Return the number of the first knot of the interval that each point is in."""
    return k + _np.searchsorted(t[k + 1 : t.shape[0] - k - 1], at, side="right")


def local(t: Array, k: int, at: Array, nu: int = 0) -> tuple[Any, Any]:
    """Return the intervals of points, and the k + 1 basis functions there."""
    interval = interval_of(t, k, at)
    each = np.eye(k + 1)
    parts = [_np.broadcast_to(one, (*at.shape, k + 1)) for one in each]
    return interval, _recursion(t, parts, k, at, interval, nu)


def _recursion(
    t: Array, parts: Sequence[Array], k: int, x: Array, interval: Array, nu: int
) -> Any:
    """Return values at points, of the coefficients that count in their intervals."""

    def knot(j: int) -> Any:
        return _np.take(t, interval + j)

    rank = parts[0].ndim
    if nu > k:
        return 0.0 * parts[0]
    for degree in range(k, k - nu, -1):
        parts = [
            (after - before) * lane(degree / (knot(j + 1) - knot(j + 1 - degree)), rank)
            for j, (before, after) in enumerate(itertools.pairwise(parts))
        ]
    for degree in range(k - nu, 0, -1):
        parts = [
            before + (after - before) * lane(_share(x, knot, j + 1, degree), rank)
            for j, (before, after) in enumerate(itertools.pairwise(parts))
        ]
    return parts[0] + 0.0 * lane(x, rank) if k == nu else parts[0]


def _share(x: Array, knot: Callable[[int], Any], j: int, degree: int) -> Any:
    low = knot(j - degree)
    return (x - low) / (knot(j) - low)


def derivative(t: Array, c: Array, k: int) -> tuple[Any, Any, int]:
    """Return knots, coefficients and degree of the derivative."""
    n = t.shape[0] - k - 1
    width = t[k + 1 : n + k] - t[1:n]
    some = lane(_np.where(width == 0, 1.0, width), c.ndim)
    rise = (c[1:n] - c[: n - 1]) * (k / some)
    none = np.zeros((k, *c.shape[1:]))
    return t[1:-1], _np.concatenate([rise, none]), k - 1


def antiderivative(t: Array, c: Array, k: int) -> tuple[Any, Any, int]:
    """Return knots, coefficients and degree of the antiderivative, 0 at first."""
    n = t.shape[0] - k - 1
    width = lane(t[k + 1 :] - t[:n], c.ndim)
    sums = _np.cumsum(c[:n] * width, axis=0) / (k + 1)
    none = np.zeros((1, *c.shape[1:]))
    ends = [_np.take(t, i) for i in (0, -1)]
    knots = _np.concatenate([ends[0][None], t, ends[1][None]])
    last = _np.broadcast_to(sums[-1:], (k + 2, *c.shape[1:]))
    return knots, _np.concatenate([none, sums, last]), k + 1


def integral(
    t: Array, c: Array, k: int, a: Array, b: Array, *, extrapolate: Extrapolate
) -> Any:
    """Return the integral from ``a`` to ``b``."""
    n = t.shape[0] - k - 1
    first, last = _np.take(t, k), _np.take(t, n)
    knots, sums, degree = antiderivative(t, c, k)

    def up_to(x: Array) -> Any:
        return evaluated(knots, sums, degree, x, extrapolate=True)

    if extrapolate is False:
        a, b = (_np.clip(x, first, last) for x in (a, b))
    if extrapolate != "periodic":
        return up_to(b) - up_to(a)
    period = last - first
    whole = up_to(last) - up_to(first)

    def over(x: Array) -> Any:
        count = _np.floor_divide(x - first, period)
        return count * whole + up_to(x - count * period)

    return over(b) - over(a)


def design(x: Array, t: Array, k: int, nu: int = 0) -> Any:
    """Return the values of all basis functions at points, one row for each point."""
    each: Any = np.eye(t.shape[0] - k - 1)
    return evaluated(t, each, k, x, nu, extrapolate=True)


def bands(interval: Array, values: Array, k: int) -> Any:
    """Return the rows that ``local`` says of a square matrix, by its diagonals.

    They are those of ``scipy.linalg.solve_banded`` for k diagonals on either side.
    """
    n = interval.shape[0]
    column = np.arange(n)
    row = column + np.arange(-k, k + 1)[:, None]
    inside = (row >= 0) & (row < n)
    row = np.clip(row, 0, n - 1)
    place = column - _np.take(interval, row) + k
    known = inside & (place >= 0) & (place <= k)
    entries = row * (k + 1) + _np.clip(place, 0, k)
    return _np.where(known, _np.take(_np.reshape(values, (-1,)), entries), 0.0)
