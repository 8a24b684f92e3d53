"""Rules of products: prod and cumprod, exact where entries are zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.recurrences import BACKWARDS, is_full, solved
from chainrule.operations_grad.reductions import backwards_along, put_back
from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import plain
from chainrule.rules.supports import full_is_none, supported
from chainrule.values.shapes import normalize_axes, shape_of
from chainrule.values.types import (
    Array,
    Axis,
    Namespace,
    Parameters,
    Result,
    Shape,
    Support,
    Value,
)
from chainrule.values.vertices import constant_full, raw


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
        x_grad = _pulled(xp, z_grad, z, _on_last(xp, x, axis), axis)[0]
        return (_back(xp, x_grad, shape_of(x), axis),)

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
        z_dot = _pushed(xp, tangents[0], z, _on_last(xp, x, axis), axis)[0]
        return _back(xp, z_dot, shape_of(z), axis)

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
        if is_full(support):
            yield from super().pull(xp, z_bar, z, operands, wanted, parameters)
            return
        (x,), axis = operands, parameters.get("axis")
        live = np.broadcast_to(support, shape_of(z))
        x_grad, live = _pulled(xp, z_grad, z, _on_last(xp, x, axis), axis, live)
        taken = full_is_none(_back(plain, live, shape_of(x), axis))
        yield 0, supported(_back(xp, x_grad, shape_of(x), axis), taken)

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
        if tangent is None or is_full(tangent.support):
            return super().push(xp, tangents, z, operands, parameters)
        axis = parameters.get("axis")
        live = np.broadcast_to(tangent.support, shape_of(x))
        x = _on_last(xp, x, axis)
        z_dot, live = _pushed(xp, tangent.value, z, x, axis, live)
        taken = full_is_none(_back(plain, live, shape_of(z), axis))
        return supported(_back(xp, z_dot, shape_of(z), axis), taken)


def _pulled(
    xp: Namespace,
    z_grad: Array,
    z: Result,
    x: Array,
    axis: int | None,
    live: Support = None,
) -> tuple[Any, Any]:
    """Return the cotangent of ``x``, whose last axis is the one, and its support."""
    z_grad, before = _on_last(xp, z_grad, axis), _before(xp, z, axis)
    if live is not None:
        live = _on_last(plain, live, axis)[BACKWARDS]
    s, live = solved(xp, x[..., :0:-1], z_grad[BACKWARDS], live)
    if live is None:
        return before * s[BACKWARDS], None
    live = live[BACKWARDS]
    return xp.supported_product(before, s[BACKWARDS], live), live


def _pushed(
    xp: Namespace,
    x_dot: Array,
    z: Result,
    x: Array,
    axis: int | None,
    live: Support = None,
) -> tuple[Any, Any]:
    """Return the tangent of ``z``, along the last axis, and its support."""
    x_dot, before = _on_last(xp, x_dot, axis), _before(xp, z, axis)
    if live is None:
        return solved(xp, x[..., 1:], before * x_dot)
    live = _on_last(plain, live, axis)
    terms = xp.supported_product(before, x_dot, live)
    return solved(xp, x[..., 1:], terms, live)


def _before(xp: Namespace, z: Result, axis: int | None) -> Array:
    """Return for each entry the product of those before it."""
    return _delayed(xp, _on_last(xp, z, axis), -1)


def _on_last(xp: Namespace, x: Result, axis: int | None) -> Any:
    """Return x with the axis as its last one; ``None`` is that of the flat array."""
    ndim = len(shape_of(x))
    if axis is None or not ndim:
        return x if ndim == 1 else xp.reshape(x, (-1,))
    return x if axis in (-1, ndim - 1) else xp.swapaxes(x, axis, -1)


def _back(xp: Namespace, x: Value, shape: Shape, axis: int | None) -> Any:
    """Return what is along the last axis in the shape that it had."""
    if axis is None or len(shape) < 2:
        return x if shape_of(x) == shape else xp.reshape(x, shape)
    return x if axis in (-1, len(shape) - 1) else xp.swapaxes(x, axis, -1)


def _delayed(xp: Namespace, x: Array, axis: int) -> Array:
    """Return x moved on by one entry along an axis, with a one in front."""
    shape = shape_of(x)
    if shape[axis] == 0:
        return x
    first = list(shape)
    first[axis] = 1
    last = (*(slice(None),) * (axis % len(shape)), slice(-1))
    return xp.concatenate([constant_full(first, 1, x), x[last]], axis=axis)
