"""Fourier transforms composed of fft and ifft along one axis: real, of several axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.operations_grad.fourier import fitted
from chainrule.values.shapes import normalize_axes
from chainrule.values.types import Array, Axis
from chainrule.wrapping import implements

_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": None}


def _part(x: Array, axis: int, chosen: slice) -> Array:
    axis = axis % x.ndim
    return ops.getitem(x, index=(*(slice(None),) * axis, chosen))


# -------------------------------------------------------------- real ones, of one axis


@implements(np.fft.rfft, primitive=True, axes=("axis",))
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
    z = ops.fft.fft(a, n=n, axis=axis, norm=norm)
    return _part(z, axis, slice(z.shape[axis] // 2 + 1))


@implements(np.fft.irfft, primitive=True, axes=("axis",))
def irfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the real values whose transform begins with ``a``."""
    a = ops.asarray(a)
    count = 2 * (int(a.shape[axis]) - 1) if n is None else n
    first = fitted(ops, a, count // 2 + 1, axis)
    mirror = _part(first, axis, slice((count - 1) // 2, 0, -1))
    whole = ops.concatenate([first, ops.conj(mirror)], axis=axis)
    return ops.real(ops.fft.ifft(whole, axis=axis, norm=norm))


@implements(np.fft.hfft, primitive=True, axes=("axis",))
def hfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the real transform of values with Hermitian symmetry."""
    return irfft(ops.conj(ops.asarray(a)), n, axis, _SWAPPED[norm], out)


@implements(np.fft.ihfft, primitive=True, axes=("axis",))
def ihfft(
    a: ArrayLike,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return the inverse of ``hfft``."""
    return ops.conj(rfft(a, n, axis, _SWAPPED[norm], out))


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


def _several(transform: Callable[..., Array]) -> Callable[..., Any]:
    def along(a: Array, steps: Steps, norm: str | None) -> Any:
        for n, axis in reversed(steps):
            a = transform(a, n=n, axis=axis, norm=norm)
        return a

    return along


_forward, _inverse = _several(ops.fft.fft), _several(ops.fft.ifft)


@implements(np.fft.fftn, primitive=True, axes=("axes",), views=True)
def fftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return fft along several axes."""
    a = ops.asarray(a)
    return _forward(a, lengths_and_axes(a, s, axes), norm)


@implements(np.fft.ifftn, primitive=True, axes=("axes",), views=True)
def ifftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along several axes."""
    a = ops.asarray(a)
    return _inverse(a, lengths_and_axes(a, s, axes), norm)


@implements(np.fft.rfftn, primitive=True, axes=("axes",))
def rfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return rfft along the last axis and fft along the others."""
    a = ops.asarray(a)
    *others, (n, axis) = lengths_and_axes(a, s, axes)
    return _forward(rfft(a, n, axis, norm, out), others, norm)


@implements(np.fft.irfftn, primitive=True, axes=("axes",))
def irfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along all axes but the last and irfft along that."""
    a = ops.asarray(a)
    *others, (n, axis) = lengths_and_axes(a, s, axes)
    return irfft(_inverse(a, others, norm), n, axis, norm, out)


@implements(np.fft.fft2, primitive=True, axes=("axes",), views=True)
def fft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return fft along two axes."""
    return fftn(a, s, axes, norm, out)


@implements(np.fft.ifft2, primitive=True, axes=("axes",), views=True)
def ifft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return ifft along two axes."""
    return ifftn(a, s, axes, norm, out)


@implements(np.fft.rfft2, primitive=True, axes=("axes",))
def rfft2(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    out: None = None,
) -> Any:
    """Return rfft along the second axis and fft along the first."""
    return rfftn(a, s, axes, norm, out)


@implements(np.fft.irfft2, primitive=True, axes=("axes",))
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
