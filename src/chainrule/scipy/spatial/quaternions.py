"""Rotations as unit quaternions (x, y, z, w) in the last axis of arrays.

What has a square root of the angle in its formula is an even function of the angle, so
a smooth one of its square; near 0 that is taken by its series. So all of it is smooth
at the rotation by 0, at every order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linalg import funm_symmetric
from chainrule.values.types import Array
from chainrule.values.vertices import raw

_np: Any = np


def _smooth(
    square: Array, series: Sequence[float], limit: float, f: Callable[[Any], Any]
) -> Any:
    """Return ``f`` of a number, by its series where the number is below a limit."""
    small = raw(square) < limit
    inside = _np.where(small, square, 0.0)
    z: Any = 0.0
    for c in reversed(series):
        z = z * inside + c
    return _np.where(small, z, f(_np.where(small, limit, square)))


_SIN = [(-1) ** k / (math.factorial(2 * k + 1) * 2.0 ** (2 * k + 1)) for k in range(11)]
_COS = [(-1) ** k / (math.factorial(2 * k) * 4.0**k) for k in range(11)]
_ASIN = [2.0 * math.comb(2 * k, k) / (4.0**k * (2 * k + 1)) for k in range(14)]


def _half_sine(square: Any) -> Any:
    angle = _np.sqrt(square)
    return _np.sin(angle / 2) / angle


def _half_cosine(square: Any) -> Any:
    return _np.cos(_np.sqrt(square) / 2)


def _dot(x: Array, y: Array) -> Any:
    return _np.sum(x * y, axis=-1, keepdims=True)


def normalized(q: Array) -> Any:
    """Return quaternions of length one."""
    return q / _np.linalg.norm(q, axis=-1, keepdims=True)


def canonical(q: Array) -> Any:
    """Return that of q and -q whose w is not negative."""
    return q * _np.where(raw(q)[..., 3:] < 0, -1.0, 1.0)


def of_vector(v: Array) -> Any:
    """Return the rotations by the angles norm(v) about v: sin(a/2) v / a, cos(a/2)"""
    square = _dot(v, v)
    sine = _smooth(square, _SIN, 1.0, _half_sine)
    cosine = _smooth(square, _COS, 1.0, _half_cosine)
    return _np.concatenate([sine * v, cosine], axis=-1)


def vector_of(q: Array) -> Any:
    """Return the angle times the axis, the angle not above pi."""
    q = canonical(q)
    v, w = q[..., :3], q[..., 3:]

    def angle(square: Any) -> Any:
        sine = _np.sqrt(square)
        return 2.0 * _np.arctan2(sine, w) / sine

    return _smooth(_dot(v, v), _ASIN, 0.03, angle) * v


def matrix_of(q: Array) -> Any:
    """Return the matrices of rotations."""
    x, y, z, w = (q[..., i] for i in range(4))
    rows = [
        [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w],
    ]
    return _np.stack([_np.stack(row, axis=-1) for row in rows], axis=-2)


def of_matrix(m: Array, *, project: bool) -> Any:
    """Return the rotations of matrices, brought to the nearest rotation if asked.

    That is m (m.T m)**(-1/2). Of the components of a quaternion the largest is found
    first (F. L. Markley, J. Guid. Control Dyn. 31, 440-442 (2008)).
    """
    if project:
        turned = _np.swapaxes(m, -1, -2)
        m = _np.matmul(m, funm_symmetric(_np.matmul(turned, m), _inverse_root))
    a = [[m[..., i, j] for j in range(3)] for i in range(3)]
    trace = a[0][0] + a[1][1] + a[2][2]
    skew = [a[2][1] - a[1][2], a[0][2] - a[2][0], a[1][0] - a[0][1]]
    choices: list[Any] = []
    for i in range(3):
        parts = [
            1.0 - trace + 2.0 * a[i][i] if j == i else a[j][i] + a[i][j]
            for j in range(3)
        ]
        choices.append(_np.stack([*parts, skew[i]], axis=-1))
    choices.append(_np.stack([*skew, 1.0 + trace], axis=-1))
    sizes = _np.stack([raw(v) for v in (a[0][0], a[1][1], a[2][2], trace)], axis=-1)
    largest = _np.argmax(sizes, axis=-1)[..., None]
    q: Any = choices[3]
    for i in range(3):
        q = _np.where(largest == i, choices[i], q)
    return normalized(q)


def _inverse_root(w: Any) -> Any:
    return w**-0.5


def product(p: Array, q: Array) -> Any:
    """Return the rotations by q and then by p."""
    a, b = p[..., :3], q[..., :3]
    v = p[..., 3:] * b + q[..., 3:] * a + _np.cross(a, b)
    return _np.concatenate([v, p[..., 3:] * q[..., 3:] - _dot(a, b)], axis=-1)


def inverse(q: Array) -> Any:
    """Return the rotations back."""
    return q * np.array([-1.0, -1.0, -1.0, 1.0])


def magnitude(q: Array) -> Any:
    """Return the angles, which have a kink at 0."""
    return 2.0 * _np.arctan2(_np.linalg.norm(q[..., :3], axis=-1), _np.abs(q[..., 3]))


def of_angles(seq: str, angles: Array) -> Any:
    """Return rotations about axes one after the other; capitals turn with the body."""
    q: Any = None
    for i, name in enumerate(seq.lower()):
        axis = "xyz".index(name)
        half = angles[..., i : i + 1] / 2
        direction = np.eye(3)[axis]
        one = _np.concatenate([_np.sin(half) * direction, _np.cos(half)], axis=-1)
        if q is not None:
            one = product(q, one) if seq.isupper() else product(one, q)
        q = one
    return q


def angles_of(q: Array, seq: str) -> Any:
    """Return the angles about three axes.

    Source: E. Bernardes & S. Viollet, PLoS ONE 17, e0276302 (2022). Where the middle
    angle is at an end (gimbal lock) the third is 0, and there is no derivative.
    """
    extrinsic = seq.islower()
    i, j, k = ("xyz".index(c) for c in (seq if extrinsic else seq.lower()[::-1]))
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2
    x = [q[..., n] for n in range(4)]
    if symmetric:
        a, b, c, d = x[3], x[i], x[j], x[k] * sign
    else:
        a, b, c, d = x[3] - x[j], x[i] + x[k] * sign, x[j] + x[3], x[k] * sign - x[i]
    middle = 2.0 * _np.arctan2(_np.hypot(c, d), _np.hypot(a, b))
    total, rest = _np.arctan2(b, a), _np.arctan2(d, c)
    low, high = _np.abs(raw(middle)) <= 1e-7, _np.abs(raw(middle) - np.pi) <= 1e-7
    locked = low | high
    one = _np.where(low, 2 * total, (-2 if extrinsic else 2) * rest)
    both = [total - rest, total + rest]
    first, third = (
        _np.where(locked, alone, free)
        for alone, free in zip(
            [one, 0.0] if extrinsic else [0.0, one], both, strict=True
        )
    )
    if not symmetric:
        third, middle = third * sign, middle - np.pi / 2
    ends = [first, third] if extrinsic else [third, first]
    found = _np.stack([ends[0], middle, ends[1]], axis=-1)
    low, high = raw(found) < -np.pi, raw(found) > np.pi
    turns = _np.where(low, 1.0, _np.where(high, -1.0, 0.0))
    undefined = _np.where(locked, _np.sqrt(0.0 * (a + b)), 0.0)  # its derivative is nan
    return found + 2 * np.pi * turns + undefined[..., None]
