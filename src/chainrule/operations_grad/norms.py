"""Rules of vector norms, at every scale of their entries."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.matrix_parts import conjugate
from chainrule.operations_grad.partials import chosen
from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, positive
from chainrule.rules.namespace import EXTRA, plain
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import (
    dtype_of,
    is_complex,
    kept_shape,
    ndarray,
    normalize_axes,
    shape_of,
)
from chainrule.values.types import ArrayValue, Axis, Namespace, Value
from chainrule.values.vertices import first_stand_in, stand_in

_add: Any = np.add
_linalg: Any = np.linalg
_where: Any = np.where


class vector_norm_grad(general):
    """z = (sum of abs(x)**ord over ``axis``)**(1/ord)

    Where the norm is 0 its derivative is 0, the subgradient of least norm: the
    subdifferential there is the dual norm's unit ball (Rockafellar, Convex Analysis,
    section 23).
    For ``ord`` not an even integer the derivative in an element that is 0 is 0 too.
    Where one of these was a choice and not a limit, second derivatives are nan. NumPy's
    norm squares its entries; where it overflows or underflows so, the derivative is
    still that of the norm.
    """

    cases: Cases = (
        case((4,)),
        case((3, 4), axis=1),
        case((2, 3, 4), axis=(0, 2), keepdims=True),
        case(()),
        case(positive(3, 4), ord=3, axis=0),
        case((5,), ord=4),
        case(positive(5), ord=1),
        case(positive(2, 3), ord=1.5, axis=-1),
        case(positive(3), ord=-2),
        case((0, 3), axis=0),
    )

    @staticmethod
    def forward(
        x: Value, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
    ) -> Value:
        """Call NumPy's norm; in a trace, take its steps one by one.

        The Euclidean norm of everything is the fastest.
        """
        axes = normalize_axes(axis, len(shape_of(x)))
        lines = ord == 2 if axis is None else len(axes) == 1
        by_steps = isinstance(x, stand_in) or (
            axis is not None and ord == 2 and type(x) is ndarray
        )
        if by_steps and dtype_of(x).char in "fd" and lines:
            only = None if axis is None else axes[0]
            return _by_steps(x, only, ord, keepdims=keepdims)
        if is_foreign(x):
            return _foreign_norm(x, axes, ord, keepdims=keepdims)
        if ord == 2 and axis is None:
            return _linalg.norm(x, keepdims=keepdims)
        return _linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        ord: float = 2,
    ) -> tuple[Value]:
        """x_grad = z_grad conj(x) abs(x)**(ord-2) / z**(ord-1)"""
        usual = xp is plain and ord == 2 and _is_usual(z, x)
        if usual and axis is None:
            return (z_grad * (x / z),)
        kept = kept_shape(shape_of(x), axis)
        z, z_grad = xp.reshape(z, kept), xp.reshape(z_grad, kept)
        if usual:
            return (z_grad * (x / z),)
        z = xp.norm_in_range(z, x, ord=ord)
        return (z_grad * _norm_partial(xp, z, x, ord),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        ord: float = 2,
    ) -> Value | None:
        """z_dot = sum of x_dot conj(x) abs(x)**(ord-2) / z**(ord-1)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        kept = xp.reshape(z, kept_shape(shape_of(x), axis))
        kept = xp.norm_in_range(kept, x, ord=ord)
        partial = _norm_partial(xp, kept, x, ord)
        return xp.sum(x_dot * partial, axis=axis, keepdims=keepdims)


def _is_usual(z: Any, x: Any) -> bool:
    """Tell whether norms of a real array are neither 0 nor out of their range."""
    if type(x) is not ndarray or x.dtype.kind != "f":
        return False
    low, high = _range_of(x.dtype, 2.0)
    if type(z) is np.float64:
        return low < z < high
    return type(z) is ndarray and bool(((low < z) & (z < high)).all())


def _foreign_norm(x: Any, axes: Any, ord: float, *, keepdims: bool) -> Any:
    """Return the norm of a foreign array by functions that every library has."""
    size: Any = np.abs(x)
    if ord == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    total: Any = np.sum(size**ord, axis=axes, keepdims=keepdims)
    return np.sqrt(total) if ord == 2 else total ** (1 / ord)


def _by_steps(x: Any, axis: int | None, ord: float, *, keepdims: bool) -> Any:
    """Return the norm of real numbers, of all or along one axis, as NumPy computes it.

    >>> x = np.array([3.0, 4.0])
    >>> _by_steps(x, None, 2, keepdims=True), _by_steps(x, 0, 1, keepdims=False)
    (array([5.]), np.float64(7.0))
    """
    options = {"axis": axis, "keepdims": keepdims}
    if axis is None:
        flat = x if x.ndim == 1 else np.reshape(x, (-1,))
        z: Any = np.sqrt(np.dot(flat, flat))
        return np.reshape(z, (1,) * x.ndim) if keepdims else z
    if ord == 2:
        return np.sqrt(_add.reduce(x * x, **options))
    size: Any = np.abs(x)
    if ord == 1:
        return _add.reduce(size, **options)
    total = _add.reduce(size**ord, **options)
    return total ** np.reciprocal(ord, dtype=total.dtype)


def _norm_partial(xp: Namespace, z: Value, x: Value, ord: float) -> Value:
    """Return conj(x) abs(x)**(ord-2) / z**(ord-1), and 0 where z is 0, by choice."""
    even = ord > 0 and ord % 2 == 0
    zero: Any = None if even else x == 0
    # Where z is 0 the denominator still depends on it: nan then reaches all of x.
    safe = xp.where(z == 0, 1.0 + z, z)
    ratio = (x if even else xp.where(zero, 1.0, x)) / safe
    partial = conjugate(xp, ratio)
    if ord != 2:
        square = xp.real(ratio * partial) if is_complex(x) else ratio * ratio
        partial = partial * xp.power(square, (ord - 2) / 2)
    if even:
        return chosen(xp, partial, z == 0)
    kink = zero if ord < 2 and ord != 1 else (z == 0) & zero
    return xp.where(zero, chosen(xp, 0.0 * x, kink), partial)


def norm_in_range(norm: ArrayValue, x: Value, *, ord: float) -> Value:
    """Return norms, computed again by scaled entries where NumPy's left their range.

    ``norm`` are NumPy's norms of ``x``, with their axes kept as axes of length one. In
    a trace those that left it become nan, so that the function itself is run instead.
    """
    empty = 0 in shape_of(x)
    if is_foreign(norm):
        if empty:
            return norm
    elif first_stand_in(norm, x) is None:
        return _in_range(norm, x, ord=ord)
    low, high = _range_of(np.dtype(norm.dtype), float(ord))
    axes = tuple(i for i, n in enumerate(norm.shape) if n == 1)
    options: Any = {"initial": 0.0} if empty else {}  # a reduction from it has no form
    largest: Any = np.max(np.abs(x), axis=axes, keepdims=True, **options)
    inside = (low < norm) & (norm < high)
    outside = (largest > 0) & (largest < np.inf) & ~inside
    return np.where(outside, np.nan, norm)


def _in_range(z: Any, x: Value, *, ord: float) -> Value:
    low, high = _range_of(np.dtype(z.dtype), float(ord))
    if z.size == 1:
        if low < z.item() < high:
            return z
    elif np.all((low < z) & (z < high)):
        return z
    return _scaled_norm(z, x, ord, (low < z) & (z < high))


@functools.lru_cache
def _range_of(dtype: np.dtype[Any], ord: float) -> tuple[float, float]:
    """Return between which norms no power of an entry that matters is out of range."""
    limits: Any = np.finfo(dtype)
    powers = np.array([limits.tiny / limits.eps, limits.max], np.float64)
    with np.errstate(all="ignore"):
        ends: Any = powers ** (1 / ord)
    return float(ends.min()), float(ends.max())


def _scaled_norm(z: ArrayValue, x: Any, ord: float, kept: Any) -> Value:
    """Return the norms of ``x`` by its entries over the largest (or smallest) one."""
    size: Any = np.abs(x)
    axes = tuple(i for i, n in enumerate(z.shape) if n == 1)
    with np.errstate(all="ignore"):
        extreme: Any = np.max if ord > 0 else np.min
        scale: Any = extreme(size, axis=axes, keepdims=True) if x.size else z
        known: Any = np.isfinite(scale) & (scale > 0)
        scale = np.where(known, scale, 1)
        powers: Any = np.sum((size / scale) ** ord, axis=axes, keepdims=True)
        again: Any = (scale * powers ** (1 / ord)).astype(z.dtype)
        again[np.isinf(again)] = np.nan  # no derivative, instead of x / inf = 0
    return _where(kept | ~known, z, again)


EXTRA["norm_in_range"] = norm_in_range


class norm_in_range_grad(general):
    """z = norm, that of ``x``, computed again where it left its range

    It is the same norm with other digits, and so has the derivative 1 in ``norm``.
    """

    forward = norm_in_range
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(1), positive(3), ord=2),
        case(positive(2, 1), positive(2, 3), ord=3),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        norm: ArrayValue,
        x: Value,
        *,
        ord: float,
    ) -> tuple[Any, None]:
        """norm_grad = z_grad"""
        return z_grad, None

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        norm: ArrayValue,
        x: Value,
        *,
        ord: float,
    ) -> Value | None:
        """z_dot = norm_dot"""
        return tangents[0]
