"""Piecewise polynomials as functions of coefficients, breakpoints and points.

Coefficients have the shape (k, m, ...): c[j, i] is that of (x - x[i])**(k - 1 - j) on
the interval from x[i] to x[i + 1]. Which interval a point lies in is locally constant;
all else is arithmetic of NumPy, so nodes and traced values may be anywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.values.types import Array

_np: Any = np
Extrapolate = bool | str | None
"""Whether there are values outside of the breakpoints; or ``"periodic"``."""


def lane(x: Array, rank: int) -> Any:
    """Return an array of one axis with ``rank - 1`` axes of length one after it."""
    return _np.reshape(x, (-1, *(1,) * (rank - 1)))


def evaluated(
    c: Array,
    x: Array,
    at: Array,
    nu: int = 0,
    *,
    extrapolate: Extrapolate,
    axis: int = 0,
) -> Any:
    """Return the ``nu``-th derivative of a piecewise polynomial at points."""
    shape, flat = at.shape, _np.reshape(at, (-1,))
    first, last = _np.take(x, 0), _np.take(x, -1)
    if extrapolate == "periodic":
        flat = first + _np.mod(flat - first, last - first)
    interval = interval_of(x, flat)
    s = flat - _np.take(x, interval)
    found = _horner(_np.take(c, interval, axis=1), s, nu)
    if extrapolate is False or extrapolate == "periodic":
        sign = _sign(x)
        outside = (flat * sign < first * sign) | (flat * sign > last * sign)
        found = _np.where(lane(outside, found.ndim), np.nan, found)
    return moved_to(_np.reshape(found, (*shape, *c.shape[2:])), len(shape), axis)


def interval_of(x: Array, at: Array) -> Any:
    """Return the number of the interval that each point is in, or next to."""
    sign = _sign(x)
    return _np.searchsorted(x[1:-1] * sign, at * sign, side="right")


def _sign(x: Array) -> Any:
    """Return -1 where breakpoints decrease, and 1 where they increase."""
    return _np.where(_np.take(x, -1) < _np.take(x, 0), -1.0, 1.0)


def moved_to(z: Array, rank: int, axis: int) -> Any:
    """Return values with the ``rank`` axes of the points in the place of an axis."""
    if axis == 0:
        return z
    order = list(range(z.ndim))
    order = order[rank : rank + axis] + order[:rank] + order[rank + axis :]
    return _np.transpose(z, order)


def _horner(c: Array, s: Array, nu: int) -> Any:
    """Return the ``nu``-th derivatives of the polynomials with coefficients ``c``."""
    degree = c.shape[0] - 1
    s = lane(s, c.ndim - 1)
    if nu > degree:
        return 0.0 * c[0]
    z: Any = None
    for j in range(degree - nu + 1):
        power = degree - j
        term = c[j] * float(math.perm(power, nu))
        z = term + 0.0 * s if z is None else z * s + term
    return z


def derivative(c: Array, nu: int) -> Any:
    """Return the coefficients of the ``nu``-th derivative."""
    degree = c.shape[0] - 1
    if nu > degree:
        return 0.0 * c[:1]
    powers = range(degree, nu - 1, -1)
    factors = _np.array([float(math.perm(p, nu)) for p in powers])
    return c[: degree - nu + 1] * lane(factors, c.ndim)


def antiderivative(c: Array, x: Array) -> Any:
    """Return the coefficients of the antiderivative that is 0 at the first point."""
    divisors = _np.arange(c.shape[0], 0, -1.0)
    above = c / lane(divisors, c.ndim)
    steps = _np.diff(x)
    none = 0.0 * above[:1]
    ends = _horner(_np.concatenate([above, none]), steps, 0)
    sums = _np.cumsum(ends, axis=0)[:-1]
    start = 0.0 * ends[:1]
    return _np.concatenate([above, _np.concatenate([start, sums])[None]])


def integral(
    c: Array, x: Array, a: Array, b: Array, *, extrapolate: Extrapolate
) -> Any:
    """Return the integral from ``a`` to ``b``, over whole periods where it has one."""
    above = antiderivative(c, x)
    if extrapolate != "periodic":
        ends = (evaluated(above, x, t, extrapolate=extrapolate) for t in (a, b))
        low, high = ends
        return high - low
    first, last = _np.take(x, 0), _np.take(x, -1)
    period = last - first
    whole = evaluated(above, x, last, extrapolate=True)

    def up_to(t: Array) -> Any:
        count = _np.floor_divide(t - first, period)
        inside = t - count * period
        return count * whole + evaluated(above, x, inside, extrapolate=True)

    return up_to(b) - up_to(a)


def from_slopes(x: Array, y: Array, slopes: Any) -> Any:
    """Return the coefficients of the cubics with values ``y`` and given slopes."""
    h = lane(_np.diff(x), y.ndim)
    secant = _np.diff(y, axis=0) / h
    t = (slopes[:-1] + slopes[1:] - 2 * secant) / h
    pieces = [t / h, (secant - slopes[:-1]) / h - t, slopes[:-1], y[:-1]]
    return _np.stack(pieces)
