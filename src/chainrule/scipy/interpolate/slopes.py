"""Slopes at the breakpoints of cubic interpolants: splines, PCHIP and Akima's."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.scipy import linalg
from chainrule.scipy.interpolate.pieces import lane
from chainrule.scipy.moving import array_of, divided
from chainrule.values.types import Array

_np: Any = np
Condition = Any


def spline_slopes(x: Array, y: Array, start: Condition, end: Condition) -> Any:
    """Return the slopes of the cubic spline through y, from a tridiagonal system.

    A condition is ``"not-a-knot"``, or a pair of an order, 1 or 2, and the value of
    that derivative (de Boor, A Practical Guide to Splines, chapter IV).
    """
    n = x.shape[0]
    dx = _np.diff(x)
    h = lane(dx, y.ndim)
    secant = _np.diff(y, axis=0) / h
    if n == 2:
        start = (1, secant[0]) if start == "not-a-knot" else start
        end = (1, secant[0]) if end == "not-a-knot" else end
    if n == 3 and start == end == "not-a-knot":
        return _parabola(dx, h, secant)
    inner = 3 * (h[1:] * secant[:-1] + h[:-1] * secant[1:])
    above, diagonal, below = dx[:-1], 2 * (dx[:-1] + dx[1:]), dx[1:]
    first = _end(start, dx, h, secant, y, 1)
    last = _end(end, dx[::-1], h[::-1], secant[::-1], y[::-1], -1)
    none = np.zeros(1)
    rows = [
        _joined(none, first[1], above),
        _joined(first[0], diagonal, last[0]),
        _joined(below, last[1], none),
    ]
    right = _np.concatenate([first[2][None], inner, last[2][None]])
    return banded((1, 1), _np.stack(rows), right)


def _joined(*parts: Any) -> Any:
    """Return numbers and arrays in one."""
    return _np.concatenate([_np.reshape(array_of(p), (-1,)) for p in parts])


def _end(
    condition: Condition, dx: Array, h: Array, secant: Array, y: Array, sign: int
) -> tuple[Any, Any, Any]:
    """Return a row at an end: on the diagonal, beside it, and the right side."""
    if isinstance(condition, str):
        d = dx[0] + dx[1]
        wide = h[0] + h[1]
        right = (h[0] + 2 * wide) * h[1] * secant[0] + h[0] ** 2 * secant[1]
        return dx[1], d, right / wide
    order, value = condition
    value = array_of(value) + 0.0 * y[0]
    if order == 1:
        return 1.0, 0.0, value
    rise = 3 * sign * (y[1] - y[0])
    return 2 * dx[0], dx[0], rise - 0.5 * sign * value * h[0] ** 2


def _parabola(dx: Array, h: Array, secant: Array) -> Any:
    """Return the slopes of the parabola through three points."""
    middle = (h[1] * secant[0] + h[0] * secant[1]) / (h[0] + h[1])
    return _np.stack([2 * secant[0] - middle, middle, 2 * secant[1] - middle])


def periodic_slopes(x: Array, y: Array) -> Any:
    """Return the slopes of the periodic cubic spline, from a cyclic system."""
    n = x.shape[0]
    dx = _np.diff(x)
    h = lane(dx, y.ndim)
    secant = _np.diff(y, axis=0) / h
    if n == 2:
        return _np.concatenate([secant, secant])
    before = _np.roll(dx, 1)
    right = 3 * (_np.roll(h, 1, axis=0) * secant + h * _np.roll(secant, 1, axis=0))
    if n == 3:
        slope = _np.sum(secant / h, axis=0) / _np.sum(1.0 / h, axis=0)
        return _np.stack([slope] * 3)
    cycle = np.eye(n - 1)
    matrix = (
        lane(2 * (before + dx), 2) * cycle
        + lane(before, 2) * np.roll(cycle, 1, axis=1)
        + lane(dx, 2) * np.roll(cycle, -1, axis=1)
    )
    found = solved(matrix, right)
    return _np.concatenate([found, found[:1]])


def solved(matrix: Array, right: Array) -> Any:
    """Return the solution of a linear system, for right sides of any shape."""
    flat = _np.reshape(right, (right.shape[0], -1))
    return _np.reshape(_np.linalg.solve(matrix, flat), right.shape)


def banded(widths: tuple[int, int], rows: Array, right: Array) -> Any:
    """Return the solution of a banded system, given as ``scipy.linalg`` takes it."""
    flat = _np.reshape(right, (right.shape[0], -1))
    return _np.reshape(linalg.solve_banded(widths, rows, flat), right.shape)


def pchip_slopes(x: Array, y: Array) -> Any:
    """Return the slopes of the monotone interpolant: weighted harmonic means.

    Source: Fritsch & Butland, SIAM J. Sci. Comput. 5, 300-304 (1984).
    """
    h = lane(_np.diff(x), y.ndim)
    m = _np.diff(y, axis=0) / h
    if y.shape[0] == 2:
        return _np.concatenate([m, m])
    left, right = m[:-1], m[1:]
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    turns = (_np.sign(left) != _np.sign(right)) | (left == 0) | (right == 0)
    safe = (_np.where(turns, 1.0, v) for v in (left, right))
    low, high = safe
    mean = (w1 + w2) / (w1 / low + w2 / high)
    inner = _np.where(turns, 0.0, mean)
    ends = [_pchip_end(h[i], h[j], m[i], m[j]) for i, j in ((0, 1), (-1, -2))]
    return _np.concatenate([ends[0][None], inner, ends[1][None]])


def _pchip_end(h0: Array, h1: Array, m0: Array, m1: Array) -> Any:
    """Return the slope at an end, by a parabola, that keeps the shape (Moler)."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    turns = _np.sign(d) != _np.sign(m0)
    steep = (_np.sign(m0) != _np.sign(m1)) & (_np.abs(d) > 3.0 * _np.abs(m0))
    return _np.where(turns, 0.0, _np.where(steep, 3.0 * m0, d))


def akima_slopes(x: Array, y: Array, method: str) -> Any:
    """Return Akima's slopes: means of secants, weighted by how these change.

    Source: Akima, J. ACM 17, 589-602 (1970); "makima" is MATLAB's modification. Where
    the weights vanish the slope is the plain mean.
    """
    h = lane(_np.diff(x), y.ndim)
    m = _np.diff(y, axis=0) / h
    if y.shape[0] == 2:
        return _np.concatenate([m, m])
    first, last = 2.0 * m[0] - m[1], 2.0 * m[-1] - m[-2]
    ends = [2.0 * first - m[0], first], [last, 2.0 * last - m[-1]]
    before, after = (_np.stack(pair) for pair in ends)
    m = _np.concatenate([before, m, after])
    change = _np.abs(_np.diff(m, axis=0))
    if method == "makima":
        change = change + 0.5 * _np.abs(m[1:] + m[:-1])
    f1, f2 = change[2:], change[:-2]
    both = f1 + f2
    known = both > 1e-9 * _np.max(both) if both.size else both > 0
    inner, outer = m[1:-2], m[2:-1]
    weighted = inner + divided(f2, _np.where(known, both, 0.0)) * (outer - inner)
    return _np.where(known, weighted, 0.5 * (m[3:] + m[:-3]))
