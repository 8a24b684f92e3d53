"""Rules of products that contract axes: matmul, dot, inner, outer, tensordot.

Each transpose is such a product again, so that both sweeps run in BLAS wherever the
operation itself does.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.rules import general, multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.traits import Pairs
from chainrule.values.shapes import SEQUENCES, shape_of
from chainrule.values.types import Axis, Namespace, Value
from chainrule.values.vertices import as_array, constant, first_stand_in


def _last_and_first(n: int, m: int) -> Pairs:
    """Return the axes of a product of matrices and vectors; none of numbers."""
    return ([n - 1], [max(m - 2, 0)]) if n and m else ([], [])


class matmul_grad(multilinear):
    """z = x @ y, over stacks of matrices, with vectors as NumPy's matmul reads them"""

    forward = np.matmul
    formula = "x * y"
    operator = "matmul"
    signature = np.matmul.signature
    cases: Cases = (
        case((3, 4), (4, 5)),
        case((4,), (4,)),
        case((4,), (4, 5)),
        case((3, 4), (4,)),
        case((2, 3, 4), (4,)),
        case((2, 3, 4), (4, 5)),
        case((3, 4), (2, 4, 5)),
        case((2, 1, 3, 4), (5, 4, 2)),
        case((4,), (2, 4, 3)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    )

    @staticmethod
    def contracts(n: int, m: int, **asked: object) -> Pairs | None:
        """The last axis of x and the one before the last of y.

        Not of stacks, nor where keywords of the ufunc ask for more (``axes``).
        """
        return None if asked or max(n, m) > 2 else _last_and_first(n, m)

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """x_grad = z_grad @ y.T, summed over the stacks x was repeated for"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == m == 2:
            return xp.matmul(z_grad, xp.transpose(y))
        if m == 1:
            return (xp.expand_dims(z_grad, -1) if n > 1 else z_grad) * y
        if n == 1 and m == 2:
            return xp.matmul(y, z_grad)
        if n == 1:
            columns = xp.matmul(y, xp.expand_dims(z_grad, -1))
            return xp.reshape(columns, shape_of(columns)[:-1])
        if n == 2 and m > 2:
            summed = (*range(m - 2), m - 1)
            return xp.tensordot(z_grad, y, axes=(summed, summed))
        return xp.matmul(z_grad, xp.swapaxes(y, -1, -2))

    @staticmethod
    def transpose_y(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """y_grad = x.T @ z_grad, summed over the stacks y was repeated for"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == 2 and m <= 2:
            return xp.matmul(xp.transpose(x), z_grad)
        if n == 1:
            if m == 1:
                return z_grad * x
            return xp.expand_dims(x, -1) * xp.expand_dims(z_grad, -2)
        if m > 2:
            return xp.matmul(xp.swapaxes(x, -1, -2), z_grad)
        count = math.prod(shape_of(x)[:-1])
        rows = xp.reshape(x, (count, shape_of(x)[-1]))
        rows_grad = xp.reshape(z_grad, (count, *shape_of(y)[1:]))
        return xp.matmul(xp.transpose(rows), rows_grad)


class dot_grad(multilinear):
    """z = sum over k of x[..., k] y[..., k, :]; of vectors the sum, of numbers x y"""

    forward = np.dot
    cases: Cases = (
        case((4,), (4,)),
        case((3, 4), (4, 2)),
        case((3, 4), (4,)),
        case((4,), (4, 2)),
        case((2, 3, 4), (4,)),
        case((2, 3, 4), (5, 4, 2)),
        case((), (2, 3)),
        case((2, 3), ()),
        case((), ()),
        case((2, 0), (0, 3)),
    )

    @staticmethod
    def contracts(n: int, m: int) -> Pairs:
        """The last axis of x and the one before the last of y"""
        return _last_and_first(n, m)

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """x_grad = z_grad contracted with y over y's other axes"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == 0 or m == 0 or n == m == 1:
            return z_grad * y
        if n == m == 2:
            return xp.matmul(z_grad, xp.transpose(y))
        return contracted_x(xp, z_grad, x, y, _last_and_first(n, m))

    @staticmethod
    def transpose_y(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """y_grad = x contracted with z_grad over x's other axes"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == 0 or m == 0 or n == m == 1:
            return z_grad * x
        if n == m == 2:
            return xp.matmul(xp.transpose(x), z_grad)
        return contracted_y(xp, z_grad, x, y, _last_and_first(n, m))


class inner_grad(multilinear):
    """z = sum over k of x[..., k] y[..., k]; of numbers x y"""

    forward = np.inner
    cases: Cases = (
        case((4,), (4,)),
        case((3, 4), (2, 4)),
        case((2, 3, 4), (4,)),
        case((4,), (2, 3, 4)),
        case((), (2, 3)),
        case((2, 3), ()),
    )

    @staticmethod
    def contracts(n: int, m: int) -> Pairs:
        """The last axes"""
        return ([n - 1], [m - 1]) if n and m else ([], [])

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """x_grad = z_grad contracted with y over y's other axes"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == 0 or m == 0 or n == m == 1:
            return z_grad * y
        return contracted_x(xp, z_grad, x, y, ([n - 1], [m - 1]))

    @staticmethod
    def transpose_y(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """y_grad = x contracted with z_grad over x's other axes"""
        n, m = len(shape_of(x)), len(shape_of(y))
        if n == 0 or m == 0 or n == m == 1:
            return z_grad * x
        return contracted_y(xp, z_grad, x, y, ([n - 1], [m - 1]))


class outer_grad(multilinear):
    """z[i, j] = x[i] y[j], of the flattened operands"""

    forward = np.outer
    flattens = True
    cases: Cases = (
        case((3,), (4,)),
        case((2, 3), (2,)),
        case((), (3,)),
        case((0,), (2,)),
    )

    @staticmethod
    def contracts(n: int, m: int) -> Pairs:
        """No axes"""
        return [], []

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """x_grad = z_grad @ y"""
        if not shape_of(y):
            return xp.reshape(z_grad * y, shape_of(x))
        flat = xp.reshape(constant(y, z_grad), (shape_of(z_grad)[1],))
        return xp.reshape(xp.matmul(z_grad, flat), shape_of(x))

    @staticmethod
    def transpose_y(xp: Namespace, z_grad: Value, x: Value, y: Value) -> Value:
        """y_grad = x @ z_grad"""
        if not shape_of(x):
            return xp.reshape(z_grad * x, shape_of(y))
        flat = xp.reshape(constant(x, z_grad), (shape_of(z_grad)[0],))
        return xp.reshape(xp.matmul(flat, z_grad), shape_of(y))


class tensordot_grad(multilinear):
    """z = sum of x y over the pairs of axes in ``axes``"""

    forward = np.tensordot
    cases: Cases = (
        case((2, 3, 4), (3, 4, 5)),
        case((2, 3), (4, 5), axes=0),
        case((3, 4), (4, 2), axes=1),
        case((2, 3, 4), (4, 5, 2), axes=([0, 2], [2, 0])),
        case((2, 3, 4), (5, 3), axes=(1, -1)),
        case((2, 3, 4), (2, 3, 4), axes=3),
        case((3, 2, 4), (4, 3), axes=((-1, 0), (0, 1))),
    )

    @staticmethod
    def contracts(n: int, m: int, *, axes: Any = 2) -> Pairs:
        """``axes`` as two lists of non-negative axes of equal length"""
        if not isinstance(axes, SEQUENCES) and np.ndim(axes) == 0:
            count = int(axes)
            return list(range(n - count, n)), list(range(count))
        x_axes, y_axes = map(_several, axes)
        return [int(a) % n for a in x_axes], [int(a) % m for a in y_axes]

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, axes: Axis = 2
    ) -> Value:
        """x_grad = z_grad contracted with y over y's other axes"""
        return contracted_x(xp, z_grad, x, y, _paired_axes(x, y, axes))

    @staticmethod
    def transpose_y(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, axes: Axis = 2
    ) -> Value:
        """y_grad = x contracted with z_grad over x's other axes"""
        return contracted_y(xp, z_grad, x, y, _paired_axes(x, y, axes))


Axes = tuple[int, ...]


def _several(axes: Any) -> Any:
    """Return one axis, or several, as several."""
    return axes if isinstance(axes, SEQUENCES) else np.atleast_1d(axes).tolist()


def _paired_axes(x: Value, y: Value, axes: Any) -> Pairs:
    n, m = len(shape_of(x)), len(shape_of(y))
    if axes.__class__ is int:
        return _counted_axes(n, m, axes)
    return tensordot_grad.contracts(n, m, axes=axes)


@functools.lru_cache(maxsize=256)
def _counted_axes(n: int, m: int, axes: int) -> Pairs:
    return tensordot_grad.contracts(n, m, axes=axes)


def _tensordot(xp: Namespace, x: Value, y: Value, axes: tuple[Axes, Axes]) -> Any:
    """Return a product; a recorded one at once, whose parameters need no look."""
    if xp.recorded:
        return xp.apply(tensordot_grad, (x, y), {"axes": axes})
    return xp.tensordot(x, y, axes=axes)


def contracted_x(
    xp: Namespace, z_grad: Value, x: Value, y: Value, axes: Pairs
) -> Value:
    """Return the cotangent of ``x`` in ``tensordot(x, y, axes)``."""
    n, m = len(shape_of(x)), len(shape_of(y))
    summed, order = _arranged_x(n, m, *map(tuple, axes))
    out = _tensordot(xp, z_grad, y, summed)
    return out if order is None else xp.transpose(out, axes=order)


def contracted_y(
    xp: Namespace, z_grad: Value, x: Value, y: Value, axes: Pairs
) -> Value:
    """Return the cotangent of ``y`` in ``tensordot(x, y, axes)``."""
    n, m = len(shape_of(x)), len(shape_of(y))
    summed, order = _arranged_y(n, m, *map(tuple, axes))
    out = _tensordot(xp, x, z_grad, summed)
    return out if order is None else xp.transpose(out, axes=order)


@functools.lru_cache(maxsize=256)
def _arranged_x(
    n: int, m: int, x_axes: Axes, y_axes: Axes
) -> tuple[tuple[Axes, Axes], Axes | None]:
    """Return the axes of z_grad and y to sum, and the order of those of the result."""
    x_free = [a for a in range(n) if a not in x_axes]
    y_free = [a for a in range(m) if a not in y_axes]
    last = range(len(x_free), len(x_free) + len(y_free))
    order = _order_of(x_free + [x_axes[i] for i in _sorting(y_axes)])
    return (tuple(last), tuple(y_free)), order


@functools.lru_cache(maxsize=256)
def _arranged_y(
    n: int, m: int, x_axes: Axes, y_axes: Axes
) -> tuple[tuple[Axes, Axes], Axes | None]:
    """Return the axes of x and z_grad to sum, and the order of those of the result."""
    x_free = [a for a in range(n) if a not in x_axes]
    y_free = [a for a in range(m) if a not in y_axes]
    order = _order_of([y_axes[i] for i in _sorting(x_axes)] + y_free)
    return (tuple(x_free), tuple(range(len(x_free)))), order


def _order_of(axes: Sequence[int]) -> Axes | None:
    """Return the order that sorts an array's axes; ``None`` where they are sorted."""
    return None if list(axes) == sorted(axes) else _sorting(axes)


def _sorting(axes: Sequence[int]) -> Axes:
    """Return the positions that sort ``axes``."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


class cross_grad(general):
    """z = x cross y, of vectors with three components along the last axis

    It is linear in both, but with terms of both signs, which could cancel in the
    supports that a linear rule hands on; so they end here.
    """

    cases: Cases = (case((3,), (3,)), case((4, 3), (3,)), case((2, 1, 3), (4, 3)))

    @staticmethod
    def forward(x: Value, y: Value) -> Value:
        """Call NumPy's cross on the last axes; in a trace, take its steps one by one.

        It is given vectors of three components.
        """
        if first_stand_in(x, y) is None:
            return np.cross(x, y)
        a, b = ([v[..., i] for i in range(3)] for v in (as_array(x), as_array(y)))
        parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
        return np.stack(parts, axis=-1)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, y: Value
    ) -> tuple[Value, Value]:
        """x_grad = y cross z_grad, y_grad = z_grad cross x"""
        return xp.cross(y, z_grad), xp.cross(z_grad, x)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value, y: Value
    ) -> Value | None:
        """z_dot = x_dot cross y + x cross y_dot"""
        x_dot, y_dot = tangents
        first = None if x_dot is None else xp.cross(x_dot, y)
        if y_dot is None:
            return first
        last = xp.cross(x, y_dot)
        return last if first is None else first + last
