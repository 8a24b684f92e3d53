"""Distances between vectors, along the last axis of arrays that broadcast.

A distance that is a root has no derivative at 0; it is 0 there, as that of
``np.linalg.norm``, and second derivatives are nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.scipy.moving import divided, root
from chainrule.values.types import Array
from chainrule.values.vertices import raw

_np: Any = np
Metric = Callable[..., Any]
"""A distance of two arrays, and of its parameters."""


def minkowski(u: Array, v: Array, *, p: float = 2, w: Array | None = None) -> Any:
    """Return (sum of w abs(u - v)**p)**(1/p)"""
    difference = u - v
    if w is not None:
        if p == 2:
            difference = root(w) * difference
        elif p == np.inf:
            difference = _np.where(w != 0, difference, 0.0)
        else:
            difference = w ** (1 / p) * difference
    if p == np.inf:
        return _np.max(_np.abs(difference), axis=-1)
    return _np.linalg.norm(difference, ord=p, axis=-1)


def euclidean(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the root of the sum of w (u - v)**2"""
    return minkowski(u, v, p=2, w=w)


def sqeuclidean(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the sum of w (u - v)**2"""
    return _summed((u - v) ** 2, w)


def seuclidean(u: Array, v: Array, *, V: Array) -> Any:
    """Return the root of the sum of (u - v)**2 / V"""
    return minkowski(u, v, p=2, w=1 / V)


def cityblock(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the sum of w abs(u - v)"""
    return _summed(_np.abs(u - v), w)


def chebyshev(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the largest abs(u - v), of those with a weight"""
    return minkowski(
        u, v, p=np.inf, w=None if w is None else _np.where(w > 0, 1.0, 0.0)
    )


def cosine(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return 1 - u v / (norm(u) norm(v)), the products weighted by w"""
    over = _summed(u * v, w)
    under = _np.sqrt(_summed(u * u, w) * _summed(v * v, w))
    z = 1.0 - over / under
    return z + (_np.clip(raw(z), 0.0, 2.0) - raw(z))  # SciPy's clip of rounding errors


def correlation(
    u: Array, v: Array, *, w: Array | None = None, centered: bool = True
) -> Any:
    """Return the cosine distance of vectors less their (weighted) means"""
    if not centered:
        return cosine(u, v, w=w)
    if w is None:
        u, v = (x - _np.mean(x, axis=-1, keepdims=True) for x in (u, v))
        return cosine(u, v)
    share: Any = w / _np.sum(w)
    u, v = (x - _np.sum(x * share, axis=-1, keepdims=True) for x in (u, v))
    return cosine(u, v, w=share)


def canberra(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the sum of w abs(u - v) / (abs(u) + abs(v)), 0 where both are 0"""
    return _summed(divided(_np.abs(u - v), _np.abs(u) + _np.abs(v)), w)


def braycurtis(u: Array, v: Array, *, w: Array | None = None) -> Any:
    """Return the sum of w abs(u - v), over that of w abs(u + v)"""
    return _summed(_np.abs(u - v), w) / _summed(_np.abs(u + v), w)


def mahalanobis(u: Array, v: Array, *, VI: Array) -> Any:
    """Return the root of (u - v) VI (u - v)"""
    difference = u - v
    square = _np.sum(_np.matmul(difference, VI) * difference, axis=-1)
    return root(square) + 0.0 * _np.linalg.norm(difference, axis=-1)


def jensenshannon(u: Array, v: Array, *, base: float | None = None) -> Any:
    """Return the root of the mean relative entropy of u and v to their mean"""
    u, v = (x / _np.sum(x, axis=-1, keepdims=True) for x in (u, v))
    middle = (u + v) / 2.0
    total = _np.sum(_entropy(u, middle) + _entropy(v, middle), axis=-1)
    if base is not None:
        total = total / np.log(base)
    total = _np.where(total > 0, total, 0.0)
    return root(total / 2.0) + 0.0 * _np.linalg.norm(u - v, axis=-1)


def _entropy(x: Array, y: Array) -> Any:
    """Return x log(x / y), and 0 where x is."""
    none = x == 0
    return x * _np.log(_np.where(none, 1.0, x) / _np.where(none, 1.0, y))


def _summed(x: Array, w: Array | None) -> Any:
    return _np.sum(x if w is None else w * x, axis=-1)
