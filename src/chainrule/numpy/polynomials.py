"""Polynomials as arrays of coefficients, the highest power first: products, fits."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.numpy.matrices import any_imaginary, lstsq
from chainrule.operations import namespace as ops
from chainrule.values.foreign import is_foreign
from chainrule.values.types import Array
from chainrule.values.vertices import is_stand_in, raw
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
    if is_foreign(value) or (is_stand_in(value) and not value.may_decide):
        return p
    taken = np.flatnonzero(value)
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


@implements(np.roots, primitive=True, may_raise=True)
def roots(p: ArrayLike) -> Any:
    """Return the roots of a polynomial, real where all are; see ``roots_grad``."""
    p = _coefficients(p)
    z = ops.complex_roots(p)
    is_complex = p.dtype.kind == "c" or any_imaginary(raw(z), "np.roots")
    return z if is_complex else ops.real(z)


@implements(np.poly, primitive=True, may_raise=True)
def poly(seq_of_zeros: ArrayLike) -> Any:
    """Return the polynomial with these zeros, or the characteristic one of a matrix.

    See ``characteristic_polynomial_grad``.
    """
    zeros = ops.asarray(seq_of_zeros)
    zeros = ops.reshape(zeros, (1,)) if zeros.ndim == 0 else zeros
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        return ops.characteristic_polynomial(zeros)
    if zeros.ndim != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    one = np.ones(1, zeros.dtype)
    z: Any = one
    for i in range(zeros.shape[0]):
        z = ops.convolve(z, ops.concatenate([one, -zeros[i : i + 1]]))
    values: Any = raw(zeros)
    if zeros.dtype.kind == "c" and np.all(np.sort(values) == np.sort(values.conj())):
        return ops.real(z)
    return z


@implements(np.polydiv, primitive=True)
def polydiv(u: ArrayLike, v: ArrayLike) -> Any:
    """Return the quotient and the remainder of two polynomials.

    Leading coefficients of the remainder that vanish are left out, as NumPy does.
    """
    u, v = _coefficients(u), _coefficients(v)
    m, n = u.shape[0], v.shape[0]
    rest = u * np.ones(1, np.result_type(u.dtype, v.dtype, np.float32))
    if m < n:
        return np.zeros(1, rest.dtype), _without_vanishing(rest)
    parts: list[Any] = []
    for k in range(m - n + 1):
        parts.append(rest[k : k + 1] / v[0])
        taken = [np.zeros(k), parts[-1] * v, np.zeros(m - n - k)]
        rest = rest - ops.concatenate(taken)
    left = rest[min(m - n + 1, m - 1) :]  # the others have been taken away
    return ops.concatenate(parts), _without_vanishing(left)


def _without_vanishing(rest: Array) -> Array:
    """Return a remainder without its vanishing leading coefficients but the last.

    A body that is traced once keeps those that vanish by chance.
    """
    values: Any = raw(rest)
    if is_stand_in(values) and not values.may_decide:
        return rest
    start = 0
    while start + 1 < rest.shape[0] and np.abs(values[start]) <= 1e-8:
        start += 1
    return rest[start:] if start else rest


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
    x = x if x.dtype.kind in "fc" else ops.astype(x, np.float64)
    left = vander(x, index(deg) + 1)
    if w is not None:
        w = ops.asarray(w)
        left = left * ops.expand_dims(w, -1)
        y = y * (w if y.ndim == 1 else ops.expand_dims(w, -1))
    scale = ops.sqrt(ops.sum(left * left, axis=0))
    cutoff = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    c = lstsq(left / scale, y, cutoff)[0]
    return c / (scale if c.ndim == 1 else ops.expand_dims(scale, -1))
