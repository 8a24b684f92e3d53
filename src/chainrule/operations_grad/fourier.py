"""Rules of the discrete Fourier transform: fft and ifft along one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import constant_full

# The transforms are linear, but their terms have all signs and cancel in the supports
# that a linear rule hands on. As general rules they end supports.


class fft_grad(general):
    """z[k] = sum of x[j] exp(-2 pi i j k / n), the discrete Fourier transform

    The matrix of the transform is symmetric, so it is its own transpose.
    """

    forward = np.fft.fft
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((5,)),
        case((2, 4), axis=0),
        case((4,), n=6, norm="ortho"),
        case((2, 5), n=3, norm="forward"),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
    ) -> tuple[Value]:
        """x_grad = fft(z_grad), cut or filled with zeros to the length of x"""
        x_grad = xp.fft.fft(z_grad, axis=axis, norm=norm)
        return (fitted(xp, x_grad, shape_of(x)[axis], axis),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
    ) -> Value | None:
        """z_dot = fft(x_dot)"""
        (x_dot,) = tangents
        return None if x_dot is None else xp.fft.fft(x_dot, n=n, axis=axis, norm=norm)


class ifft_grad(general):
    """x[j] = sum of z[k] exp(2 pi i j k / n) / n, the inverse transform

    The matrix of the transform is symmetric, so it is its own transpose.
    """

    forward = np.fft.ifft
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((5,)),
        case((2, 4), axis=0),
        case((4,), n=6, norm="ortho"),
        case((2, 5), n=3, norm="forward"),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
    ) -> tuple[Value]:
        """x_grad = ifft(z_grad), cut or filled with zeros to the length of x"""
        x_grad = xp.fft.ifft(z_grad, axis=axis, norm=norm)
        return (fitted(xp, x_grad, shape_of(x)[axis], axis),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
    ) -> Value | None:
        """z_dot = ifft(x_dot)"""
        (x_dot,) = tangents
        return None if x_dot is None else xp.fft.ifft(x_dot, n=n, axis=axis, norm=norm)


def fitted(xp: Namespace, x: Array, count: int, axis: int) -> Array:
    """Return ``x`` cut, or filled with zeros, to a length along an axis."""
    shape = shape_of(x)
    axis = axis % len(shape)
    if shape[axis] > count:
        return x[(*(slice(None),) * axis, slice(count))]
    if shape[axis] == count:
        return x
    rest = (*shape[:axis], count - shape[axis], *shape[axis + 1 :])
    return xp.concatenate([x, constant_full(rest, 0, x)], axis=axis)
