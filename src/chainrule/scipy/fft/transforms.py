"""Rules of the discrete Fourier transforms of several axes: complex, and of reals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from chainrule.operations_grad.fourier import (
    counts_of_half,
    fitted,
    shares_of_half,
    swapped,
)
from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, Namespace, Operation, Shape, Value
from chainrule.wrapping import operation

# The terms of a transform have all signs and cancel in the supports that a linear rule
# hands on. As general rules they end supports.

_theirs: Any = scipy.fft
Lengths = Sequence[int] | None
"""How many entries of each axis are transformed, ``None`` for those that are there."""
Axes = tuple[int, ...]


@opaque
def c2c(
    x: Value,
    *,
    s: Lengths,
    axes: Axes,
    norm: str | None = None,
    inverse: bool = False,
    workers: int | None = None,
) -> Value:
    """Return the transform of complex numbers: SciPy's ``fftn`` or ``ifftn``."""
    transform = _theirs.ifftn if inverse else _theirs.fftn
    return transform(x, s, axes, norm, workers=workers)


@opaque
def r2c(
    x: Value,
    *,
    s: Lengths,
    axes: Axes,
    norm: str | None = None,
    workers: int | None = None,
) -> Value:
    """Return the transform of real numbers: SciPy's ``rfftn``."""
    return _theirs.rfftn(x, s, axes, norm, workers=workers)


@opaque
def c2r(
    x: Value,
    *,
    s: Lengths,
    axes: Axes,
    norm: str | None = None,
    workers: int | None = None,
) -> Value:
    """Return the real numbers of a half transform: SciPy's ``irfftn``."""
    return _theirs.irfftn(x, s, axes, norm, workers=workers)


EXTRA.update(c2c=c2c, r2c=r2c, c2r=c2r)


def lengths(z: Value, axes: Axes) -> Shape:
    """Return the lengths of axes."""
    return tuple(shape_of(z)[a] for a in axes)


def fitted_to(xp: Namespace, x_grad: Array, x: Value, axes: Axes) -> Array:
    """Return a cotangent cut, or filled with zeros, to the lengths of an operand."""
    for axis in axes:
        x_grad = fitted(xp, x_grad, shape_of(x)[axis], axis)
    return x_grad


def real_dtype(x: Value) -> Any:
    """Return the dtype of the real part of numbers."""
    return np.finfo(dtype_of(x)).dtype


class c2c_grad(general):
    """z[k] = sum of x[j] exp(-2 pi i j k / n), or its inverse, along each axis

    The matrix of the transform is symmetric, so it is its own transpose.
    """

    forward = c2c
    axes: tuple[str, ...] = ("axes",)
    cases: Cases = (
        case((5,), s=None, axes=(0,)),
        case((2, 4), s=(3, 3), axes=(1, 0), norm="ortho"),
        case((2, 3), s=(5,), axes=(-1,), norm="forward", inverse=True),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        inverse: bool = False,
        workers: int | None = None,
    ) -> tuple[Value]:
        """x_grad = the transform of z_grad"""
        x_grad = xp.c2c(
            z_grad, s=None, axes=axes, norm=norm, inverse=inverse, workers=workers
        )
        return (fitted_to(xp, x_grad, x, axes),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        inverse: bool = False,
        workers: int | None = None,
    ) -> Value:
        """z_dot = the transform of x_dot"""
        return xp.c2c(
            tangents[0], s=s, axes=axes, norm=norm, inverse=inverse, workers=workers
        )


class r2c_grad(general):
    """z[k] = sum of x[j] exp(-2 pi i j k / n) for 0 <= k <= n / 2, for real x"""

    forward = r2c
    axes: tuple[str, ...] = ("axes",)
    dtypes: Dtypes = REAL
    cases: Cases = (
        case((5,), s=None, axes=(0,)),
        case((4,), s=(3,), axes=(0,)),
        case((2, 4), s=(3, 6), axes=(0, 1), norm="ortho"),
        case((2, 3, 2), s=None, axes=(2, 0), norm="forward"),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
    ) -> tuple[Value]:
        """x_grad[j] = Re sum of z_grad[k] exp(-2 pi i j k / n): the inverse of half"""
        n = shape_of(x)[axes[-1]] if s is None else s[-1]
        half = xp.conjugate(z_grad) * shares_of_half(n, axes[-1], z)
        all_lengths = (*lengths(z, axes[:-1]), n)
        x_grad = xp.c2r(
            half, s=all_lengths, axes=axes, norm=swapped(norm), workers=workers
        )
        return (fitted_to(xp, x_grad, x, axes),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
    ) -> Value:
        """z_dot = the transform of x_dot"""
        return xp.r2c(xp.real(tangents[0]), s=s, axes=axes, norm=norm, workers=workers)


class c2r_grad(general):
    """z[j] = the real numbers whose transform begins with x: the inverse of r2c"""

    forward = c2r
    axes: tuple[str, ...] = ("axes",)
    cases: Cases = (
        case((4,), s=None, axes=(0,)),
        case((4,), s=(5,), axes=(0,), norm="forward"),
        case((3, 4), s=(2, 10), axes=(0, 1), norm="ortho"),
        case((3, 2, 3), s=None, axes=(2, 0)),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
    ) -> tuple[Value]:
        """x_grad = the conjugate transform of z_grad, inner frequencies twice"""
        half = xp.r2c(
            xp.real(z_grad), s=None, axes=axes, norm=swapped(norm), workers=workers
        )
        n = shape_of(z)[axes[-1]]
        x_grad = xp.conjugate(half) * counts_of_half(n, axes[-1], z)
        return (fitted_to(xp, x_grad, x, axes),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        s: Lengths,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
    ) -> Value:
        """z_dot = the transform of x_dot"""
        return xp.c2r(tangents[0], s=s, axes=axes, norm=norm, workers=workers)


complex_transform: Operation = operation(c2c_grad)
half_transform: Operation = operation(r2c_grad)
whole_of_half: Operation = operation(c2r_grad)
