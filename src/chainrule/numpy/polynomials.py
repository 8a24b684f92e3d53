"""Polynomials as arrays of coefficients, the highest power first: products, fits."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.numpy.matrices import lstsq
from chainrule.operations import namespace as ops
from chainrule.values.types import Array
from chainrule.values.vertices import is_stand_in
from chainrule.wrapping import implements


def _coefficients(p: ArrayLike) -> Array:
    """Return coefficients with one axis."""
    p = ops.asarray(p)
    p = ops.reshape(p, (1,)) if p.ndim == 0 else p
    if p.ndim != 1:
        raise ShapeError(
            f"A polynomial is a vector of coefficients; received shape {p.shape}."
        )
    return p


def _longer(p: Array, count: int) -> Array:
    missing = count - p.shape[0]
    return ops.concatenate([np.zeros(missing, p.dtype), p]) if missing else p


def _trimmed(p: ArrayLike) -> Array:
    """Return coefficients without the leading zeros, as np.poly1d does.

    Where their number cannot be decided on they stay, and change no value.
    """
    p = _coefficients(p)
    value = plain_operand(p)
    if is_stand_in(value) and not value.may_decide:
        return p
    taken = np.flatnonzero(plain_operand(p))
    start = taken[0] if taken.size else p.shape[0] - 1
    return p[int(start) :] if start > 0 else p


@implements(np.polyadd)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Any:
    """Return the coefficients of the sum."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    count = max(a1.shape[0], a2.shape[0])
    return ops.add(_longer(a1, count), _longer(a2, count))


@implements(np.polysub)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Any:
    """Return the coefficients of the difference."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    count = max(a1.shape[0], a2.shape[0])
    return ops.subtract(_longer(a1, count), _longer(a2, count))


@implements(np.polymul)
def polymul(a1: ArrayLike, a2: ArrayLike) -> Any:
    """Return the coefficients of the product."""
    return np.convolve(_trimmed(a1), _trimmed(a2))


@implements(np.polyder)
def polyder(p: ArrayLike, m: int = 1) -> Any:
    """Return the coefficients of the m-th derivative."""
    p, m = _coefficients(p), index(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(m):
        p = ops.multiply(p[:-1], np.arange(p.shape[0] - 1, 0, -1))
    return p


@implements(np.polyint)
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike | None = None) -> Any:
    """Return the coefficients of the m-th antiderivative, with constants ``k``."""
    p, m = _coefficients(p), index(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = _coefficients(0.0 if k is None else k)
    if constants.shape[0] == 1 and m > 1:
        constants = ops.broadcast_to(constants, (m,))
    if constants.shape[0] < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        higher = ops.divide(p, np.arange(p.shape[0], 0, -1))
        p = ops.concatenate([higher, constants[i : i + 1]])
    return p


@implements(np.vander)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Any:
    """Return the matrix of powers of the elements of a vector, row by row."""
    x = ops.asarray(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    powers = np.arange(x.shape[0] if N is None else N)
    powers = powers if increasing else powers[::-1]
    return ops.power(ops.expand_dims(x, -1), powers)


@implements(np.polyfit, primitive=True)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike | None = None,
    cov: bool = False,
) -> Any:
    """Return the coefficients of the least-squares fit; see ``pinv_grad``."""
    if full or cov is not False:
        raise ArgumentError(
            "polyfit() on nodes does not support full= and cov=. Leave them away, or "
            "use np.linalg.lstsq(np.vander(x, deg + 1), y)."
        )
    x, y = ops.asarray(x), ops.asarray(y)
    left = vander(x, index(deg) + 1)
    if w is not None:
        w = ops.asarray(w)
        left = left * ops.expand_dims(w, -1)
        y = y * (w if y.ndim == 1 else ops.expand_dims(w, -1))
    scale = ops.sqrt(ops.sum(left * left, axis=0))
    cutoff = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    c = lstsq(left / scale, y, cutoff)[0]
    return c / (scale if c.ndim == 1 else ops.expand_dims(scale, -1))
