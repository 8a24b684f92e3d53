"""Fourier transforms composed of those along one axis: Hermitian, of several axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.operations_grad.fourier import swapped
from chainrule.values.shapes import normalize_axes
from chainrule.values.types import Array, Axis
from chainrule.wrapping import implements

# ------------------------------------------------ of real values, of Hermitian ones


@implements(np.fft.rfft)
def rfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the transform of real values: the first half of fft."""
    a = ops.asarray(a)
    if a.dtype.kind == "c":
        raise ArgumentError("rfft() needs real values; received complex ones. Use fft.")
    return ops.fft.rfft(a, n=n, axis=axis, norm=norm)


@implements(np.fft.hfft)
def hfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the real transform of values with Hermitian symmetry."""
    return ops.fft.irfft(ops.conj(a), n=n, axis=axis, norm=swapped(norm))


@implements(np.fft.ihfft)
def ihfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the inverse of ``hfft``."""
    return ops.conj(rfft(a, n, axis, swapped(norm)))


# -------------------------------------------------------------------- of several axes


Steps = list[tuple[int | None, int]]
"""The length, ``None`` for the array's own, and the axis of each step."""


def lengths_and_axes(
    a: Array, s: Sequence[int] | None, axes: Sequence[int] | None
) -> Steps:
    """Return the length, ``None`` for the array's own, and the axis of each step."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    axes = list(axes)
    lengths: list[int | None] = [None] * len(axes)
    if s is not None:
        lengths = [None if n == -1 else n for n in s]
    if len(lengths) != len(axes):
        raise ArgumentError(f"s={s!r} and axes={axes!r} must be of the same length.")
    return list(zip(lengths, axes, strict=True))


@implements(np.fft.fftn)
def fftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return fft along several axes."""
    z = ops.asarray(a)
    for n, axis in reversed(lengths_and_axes(z, s, axes)):
        z = ops.fft.fft(z, n=n, axis=axis, norm=norm)
    return z


@implements(np.fft.ifftn)
def ifftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along several axes."""
    z = ops.asarray(a)
    for n, axis in reversed(lengths_and_axes(z, s, axes)):
        z = ops.fft.ifft(z, n=n, axis=axis, norm=norm)
    return z


@implements(np.fft.rfftn)
def rfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return rfft along the last axis and fft along the others."""
    z = ops.asarray(a)
    *others, (n, axis) = lengths_and_axes(z, s, axes)
    z = rfft(z, n, axis, norm)
    for n, axis in reversed(others):
        z = ops.fft.fft(z, n=n, axis=axis, norm=norm)
    return z


@implements(np.fft.irfftn)
def irfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along all axes but the last and irfft along that."""
    z = ops.asarray(a)
    *others, last = lengths_and_axes(z, s, axes)
    for n, axis in others:
        z = ops.fft.ifft(z, n=n, axis=axis, norm=norm)
    n, axis = last
    return ops.fft.irfft(z, n=n, axis=axis, norm=norm)


@implements(np.fft.fft2)
def fft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return fft along two axes."""
    return fftn(a, s, axes, norm, out)


@implements(np.fft.ifft2)
def ifft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along two axes."""
    return ifftn(a, s, axes, norm, out)


@implements(np.fft.rfft2)
def rfft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return rfft along the second axis and fft along the first."""
    return rfftn(a, s, axes, norm, out)


@implements(np.fft.irfft2)
def irfft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along the first axis and irfft along the second."""
    return irfftn(a, s, axes, norm, out)


# ----------------------------------------------------------------------------- shifts


def _shifted(x: ArrayLike, axes: Any, *, back: bool) -> Array:
    x = ops.asarray(x)
    shifted = normalize_axes(axes if np.ndim(axes) == 0 else tuple(axes), x.ndim)
    half = tuple(x.shape[a] // 2 for a in shifted)
    return ops.roll(x, tuple(-h for h in half) if back else half, axis=shifted)


@implements(np.fft.fftshift, moves=True, axes=("axes",))
def fftshift(x: ArrayLike, axes: Axis = None) -> Any:
    """Return ``x`` with the frequency zero in the middle."""
    return _shifted(x, axes, back=False)


@implements(np.fft.ifftshift, moves=True, axes=("axes",))
def ifftshift(x: ArrayLike, axes: Axis = None) -> Any:
    """Return ``x`` with the frequency zero at the front again."""
    return _shifted(x, axes, back=True)
