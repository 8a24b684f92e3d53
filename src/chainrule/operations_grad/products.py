"""Rules of products: prod and cumprod, exact where entries are zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.reductions import backwards_along, put_back
from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.rules.supports import full_is_none, supported
from chainrule.values.shapes import normalize_axes, shape_of
from chainrule.values.types import (
    Array,
    Axis,
    Mask,
    Namespace,
    Parameters,
    Result,
    Value,
)
from chainrule.values.vertices import constant_full, raw, stand_in


class prod_grad(general):
    """z = product of x over the axes in ``axis``

    The partial in one entry is the product of the others, as a running product from the
    left times one from the right. Nothing is divided, so it is exact where entries are
    zero, at every order (Griewank & Walther, Evaluating Derivatives, 2nd ed., 3.3).
    Where a product is known to be a usual number it is z / x: no entry is zero then.
    """

    forward = np.prod
    remedy = (
        "np.sum(np.log({x})) is its logarithm, which neither overflows nor underflows."
    )
    axes: tuple[str, ...] = ("axis",)
    reduces = np.multiply
    cases: Cases = (
        case((3, 4)),
        case((3, 4), axis=0),
        case((2, 3, 4), axis=(0, -1)),
        case((2, 3), axis=1, keepdims=True),
        case(np.array([2.0, 0.0, 3.0])),
        case(np.array([[2.0, 0.0, 0.0], [1.0, 4.0, 0.0]]), axis=1),
        case(np.zeros(2)),
        case(()),
        case((1,)),
        case((0, 3), axis=0),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Array,
        *,
        axis: Axis = None,
        keepdims: bool = False,
    ) -> tuple[Value]:
        """x_grad[i] = z_grad * product of the x[j], j != i"""
        z_grad = put_back(xp, z_grad, shape_of(x), axis)
        return (z_grad * _product_of_others(xp, z, x, axis),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Array],
        z: Value,
        x: Array,
        *,
        axis: Axis = None,
        keepdims: bool = False,
    ) -> Value:
        """z_dot = sum over i of x_dot[i] times the product of the x[j], j != i"""
        terms = tangents[0] * _product_of_others(xp, z, x, axis)
        return xp.sum(terms, axis=axis, keepdims=keepdims)


_LEAST, _MOST = np.finfo(float).smallest_normal, np.finfo(float).max


def _is_usual(z: Any) -> bool:
    """Tell whether products of doubles are known, finite and of full precision."""
    value = raw(z)
    if value.__class__ is float or value.__class__ is np.float64:
        return _LEAST <= abs(value) <= _MOST
    if value.__class__ is not np.ndarray or value.dtype != np.float64:
        return False
    size = np.abs(value)
    return bool(((size >= _LEAST) & (size <= _MOST)).all())


def _product_of_others(xp: Namespace, z: Value, x: Array, axis: Axis) -> Value:
    """Return, for each entry, the product of the other entries along the axes."""
    shape = shape_of(x)
    if _is_usual(z):
        return put_back(xp, z, shape, axis) / x
    axes = normalize_axes(axis, len(shape))
    if len(axes) == 1:
        return _others(xp, x, axes[0])
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    order = (*rest, *axes)
    moved = xp.transpose(x, order)
    lanes = tuple(shape[i] for i in rest)
    count = int(np.prod([shape[i] for i in axes], dtype=int))
    others = _others(xp, xp.reshape(moved, (*lanes, count)), -1)
    others = xp.reshape(others, tuple(shape[i] for i in order))
    return xp.transpose(others, tuple(int(i) for i in np.argsort(order)))


def _others(xp: Namespace, x: Array, axis: int) -> Value:
    backwards = backwards_along(axis, len(shape_of(x)))
    left = xp.cumprod(_delayed(xp, x, axis), axis=axis)
    right = xp.cumprod(_delayed(xp, x[backwards], axis), axis=axis)
    return left * right[backwards]


def _delayed(xp: Namespace, x: Array, axis: int) -> Array:
    """Return x moved on by one entry along an axis, with a one in front."""
    shape = shape_of(x)
    if shape[axis] == 0:
        return x
    first, last = list(shape), _split_at(axis, len(shape), shape[axis] - 1)[0]
    first[axis] = 1
    return xp.concatenate([constant_full(first, 1, x), x[last]], axis=axis)


class cumprod_grad(general):
    """z[k] = product of x[i] for i <= k along ``axis`` (of the flat array if ``None``)

    Both sweeps solve the linear recurrence that the running product satisfies, without
    a division, so they are exact where entries are zero, at every order.
    """

    forward = np.cumprod
    axes: tuple[str, ...] = ("axis",)
    accumulates = np.multiply
    flattens = True
    cases: Cases = (
        case((4,)),
        case((2, 3)),
        case((2, 5), axis=-1),
        case((3, 2), axis=0),
        case(np.array([2.0, 0.0, 3.0, 0.0, 5.0])),
        case(()),
        case((1,)),
        case((0, 3), axis=0),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Array, z: Value, x: Array, *, axis: int | None = None
    ) -> tuple[Value]:
        """x_grad[i] = s[i] product of x[j], j < i; s[i] = z_grad[i] + x[i+1] s[i+1]"""
        shape = shape_of(x)
        x, axis = _on_axis(xp, x, axis)
        backwards = backwards_along(axis, len(shape_of(x)))
        factors = _delayed(xp, x[backwards], axis)
        s = _recurrence(xp, factors, z_grad[backwards], axis)[0][backwards]
        before = xp.cumprod(_delayed(xp, x, axis), axis=axis)
        return (xp.reshape(before * s, shape),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Array],
        z: Value,
        x: Array,
        *,
        axis: int | None = None,
    ) -> Value:
        """z_dot[k] = x[k] z_dot[k-1] + x_dot[k] times the product of x[j], j < k"""
        x_dot, (x, axis) = _on_axis(xp, tangents[0], axis)[0], _on_axis(xp, x, axis)
        before = xp.cumprod(_delayed(xp, x, axis), axis=axis)
        return _recurrence(xp, x, before * x_dot, axis)[0]

    @classmethod
    def pull(
        cls,
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield what ``pullback`` returns; what no supported result reads is 0."""
        z_grad, support = z_bar
        if _is_full(support):
            yield from super().pull(xp, z_bar, z, operands, wanted, parameters)
            return
        shape = shape_of(operands[0])
        x, axis = _on_axis(xp, operands[0], parameters.get("axis"))
        backwards = backwards_along(axis, len(shape_of(x)))
        factors = _delayed(xp, x[backwards], axis)
        live = np.broadcast_to(support, shape_of(z))[backwards]
        s, live = _recurrence(xp, factors, z_grad[backwards], axis, live)
        before = xp.cumprod(_delayed(xp, x, axis), axis=axis)
        x_grad = xp.supported_product(before, s[backwards], live[backwards])
        taken = full_is_none(np.reshape(live[backwards], shape))
        yield 0, supported(xp.reshape(x_grad, shape), taken)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return what ``pushforward`` returns; 0 before the first supported entry."""
        (x,), (tangent,) = operands, tangents
        if tangent is None or _is_full(tangent.support):
            return super().push(xp, tangents, z, operands, parameters)
        axis = parameters.get("axis")
        live = np.broadcast_to(tangent.support, shape_of(x))
        live, x_dot = _on_axis(xp, live, axis)[0], _on_axis(xp, tangent.value, axis)[0]
        x, axis = _on_axis(xp, x, axis)
        before = xp.cumprod(_delayed(xp, x, axis), axis=axis)
        terms = xp.supported_product(before, x_dot, live)
        z_dot, live = _recurrence(xp, x, terms, axis, live)
        return supported(z_dot, full_is_none(live))


def _on_axis(xp: Namespace, x: Any, axis: int | None) -> tuple[Array, int]:
    """Return x and an axis of it; ``None`` is the axis of the flat array."""
    return (xp.reshape(x, (-1,)), 0) if axis is None or not shape_of(x) else (x, axis)


def _recurrence(
    xp: Namespace, a: Array, b: Array, axis: int, live: Any = None
) -> tuple[Any, Any]:
    """Solve s[k] = a[k] s[k-1] + b[k] with s[-1] = 0 along an axis.

    ``live`` is the support of ``b``, ``None`` all of it; that of s comes with s.

    Pairs (a, b) compose associatively, so strides of 1, 2, 4, ... reach all entries in
    log2(n) array operations (Hillis & Steele, Data parallel algorithms, 1986).
    """
    shape = shape_of(a)
    n, stride = shape[axis], 1
    while stride < n:
        early, late = _split_at(axis, len(shape), stride)
        past = _split_at(axis, len(shape), n - stride)[0]
        if live is None:
            moved = a[late] * b[past]
        else:
            moved = xp.supported_product(a[late], b[past], live[past])
            live = np.concatenate([live[early], live[late] | live[past]], axis=axis)
        b = xp.concatenate([b[early], b[late] + moved], axis=axis)
        a = xp.concatenate([a[early], a[late] * a[past]], axis=axis)
        stride *= 2
    return b, live


def _is_full(support: Mask | None) -> bool:
    """Tell whether a support leaves nothing out that is known."""
    return support is None or isinstance(support, stand_in)


def _split_at(axis: int, ndim: int, k: int) -> tuple[Any, Any]:
    """Return the indices of the first ``k`` entries along an axis, and of the rest."""
    lead = (slice(None),) * (axis % ndim)
    return (*lead, slice(0, k)), (*lead, slice(k, None))
