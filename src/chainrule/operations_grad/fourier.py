"""Rules of the discrete Fourier transforms along one axis, of real values too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case
from chainrule.values.foreign import made_like
from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import constant_full, raw

# The transforms are linear, but their terms have all signs and cancel in the supports
# that a linear rule hands on. As general rules they end supports.


class fft_grad(general):
    """z[k] = sum of x[j] exp(-2 pi i j k / n), the discrete Fourier transform

    The matrix of the transform is symmetric, so it is its own transpose.
    """

    forward = np.fft.fft
    transform = "fft"
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
    transform = "ifft"
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


class rfft_grad(general):
    """z[k] = sum of x[j] exp(-2 pi i j k / n) for 0 <= k <= n / 2, for real x"""

    forward = np.fft.rfft
    transform = "rfft"
    axes: tuple[str, ...] = ("axis",)
    dtypes: Dtypes = REAL
    cases: Cases = (
        case((5,)),
        case((1,)),
        case((4, 2), axis=0),
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
        """x_grad[j] = Re sum of z_grad[k] exp(-2 pi i j k / n): the inverse of half"""
        count = shape_of(x)[axis] if n is None else n
        half = xp.conjugate(z_grad) * shares_of_half(count, axis, z)
        x_grad = xp.fft.irfft(half, n=count, axis=axis, norm=swapped(norm))
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
        """z_dot = rfft(x_dot)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        return xp.fft.rfft(_real(xp, x_dot), n=n, axis=axis, norm=norm)


class irfft_grad(general):
    """z[j] = the n real values whose transform begins with x: the inverse of rfft

    The imaginary parts of x[0] and, for an even n, of x[n / 2] have no influence.
    """

    forward = np.fft.irfft
    transform = "irfft"
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((4,)),
        case((4,), n=5),
        case((1,), n=1),
        case((3, 2), axis=0, norm="forward"),
        case((2, 4), n=10, norm="ortho"),
        case((2, 5), n=4),
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
        """x_grad = the conjugate of rfft(z_grad), inner frequencies twice"""
        half = xp.fft.rfft(_real(xp, z_grad), axis=axis, norm=swapped(norm))
        x_grad = xp.conjugate(half) * counts_of_half(shape_of(z)[axis], axis, z)
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
        """z_dot = irfft(x_dot)"""
        (x_dot,) = tangents
        return None if x_dot is None else xp.fft.irfft(x_dot, n=n, axis=axis, norm=norm)


_SWAPPED: Mapping[str | None, str] = {
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def swapped(norm: str | None) -> str:
    """Return the ``norm`` by which the inverse has the scale of the transform."""
    if norm not in _SWAPPED:
        raise ValueError(f"norm={norm!r} is none of backward, ortho, forward.")
    return _SWAPPED[norm]


def _real(xp: Namespace, x: Value) -> Value:
    return xp.real(x) if is_complex(x) else x


def counts_of_half(count: int, axis: int, z: Value) -> Value:
    """Return how often each frequency of a half stands in the whole of ``count``."""
    return _weights(count, axis, z)[0]


def shares_of_half(count: int, axis: int, z: Value) -> Value:
    """Return one over how often each frequency of a half stands in the whole."""
    return _weights(count, axis, z)[1]


def _weights(count: int, axis: int, z: Value) -> tuple[Value, Value]:
    axes = len(shape_of(z))
    real = np.finfo(dtype_of(z)).dtype
    times, shares = _counts(count, axes - 1 - axis % axes, real)
    return made_like(times, raw(z)), made_like(shares, raw(z))


@lru_cache(maxsize=64)
def _counts(count: int, behind: int, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return counts and shares: one array for all of the steps of a program."""
    times = np.full(count // 2 + 1, 2.0, dtype)
    times[0] = 1.0
    if count % 2 == 0:
        times[-1] = 1.0
    times = times.reshape(-1, *(1,) * behind)
    both = times, 1 / times
    for x in both:
        x.flags.writeable = False
    return both


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
