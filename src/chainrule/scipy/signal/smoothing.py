"""Smoothing, trends, analytic signals, medians."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.numpy.shape_functions import moveaxis
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import at
from chainrule.scipy.fft.transforms import complex_transform
from chainrule.scipy.ndimage.filters import convolve1d
from chainrule.scipy.ndimage.order_filters import rank_filter
from chainrule.scipy.signal.filtering import floating
from chainrule.values.types import Array
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
_MODES = ("mirror", "constant", "nearest", "wrap", "interp")


@implements(scipy.signal.savgol_filter)
def savgol_filter(
    x: ArrayLike,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Any:
    """Return the values, or derivatives, of polynomials fitted to each window."""
    x = floating(x)
    if mode not in _MODES or x.dtype.kind == "c":
        raise ArgumentError(f"mode={mode!r} is one of {', '.join(_MODES)}, x real.")
    axis = axis % x.ndim
    weights = _theirs.savgol_coeffs(window_length, polyorder, deriv=deriv, delta=delta)
    if mode != "interp":
        return convolve1d(x, weights, axis, None, mode, cval)
    n, half = x.shape[axis], window_length // 2
    if window_length > n:
        raise ArgumentError(
            f"window_length={window_length} is more than the {n} samples. Give another "
            "mode, or a shorter window."
        )
    y = convolve1d(x, weights, axis, None, "constant")
    # At the ends the polynomial of the last whole window is read.
    fit = np.stack(
        [
            _theirs.savgol_coeffs(
                window_length, polyorder, deriv, delta, pos=float(p), use="dot"
            )
            for p in range(window_length)
        ]
    ).astype(x.dtype)
    first = _matrix(fit[:half], x[at(axis, slice(window_length))], axis)
    last = _matrix(
        fit[window_length - half :], x[at(axis, slice(n - window_length, n))], axis
    )
    inside = y[at(axis, slice(half, n - half))]
    return ops.concatenate([first, inside, last], axis=axis)


def _matrix(m: Any, x: Array, axis: int) -> Any:
    """Return a matrix times each line of a signal."""
    return moveaxis(moveaxis(x, axis, -1) @ m.T, -1, axis)


@implements(scipy.signal.detrend)
def detrend(
    data: ArrayLike,
    axis: int = -1,
    type: str = "linear",
    bp: ArrayLike | int = 0,
    overwrite_data: bool = False,
) -> Any:
    """Return a signal without its mean, or without the line fitted to each piece."""
    x = floating(data)
    if type in ("constant", "c"):
        return x - ops.mean(x, axis=axis, keepdims=True)
    if type not in ("linear", "l"):
        raise ArgumentError(f"type={type!r} is none of linear, constant.")
    n = x.shape[axis]
    breaks = np.unique(np.concatenate([[0], np.atleast_1d(bp), [n]])).astype(int)
    if np.any(breaks > n):
        raise ArgumentError(f"bp={bp!r} lies beyond the {n} samples.")
    lines = moveaxis(x, axis, -1)
    pieces: list[Any] = []
    for start, stop in itertools.pairwise(breaks):
        count = int(stop - start)
        line = np.stack([np.arange(1.0, count + 1) / count, np.ones(count)])
        line = line.astype(np.finfo(x.dtype).dtype)
        piece = lines[..., start:stop]
        pieces.append(piece - (piece @ np.linalg.pinv(line)) @ line)
    return moveaxis(ops.concatenate(pieces, axis=-1), -1, axis)


def _doubled(n: int) -> Any:
    """Return the weights of frequencies that make a real signal analytic."""
    weights = np.zeros(n)
    weights[0] = 1.0
    weights[1 : (n + 1) // 2] = 2.0
    return weights


@implements(scipy.signal.hilbert)
def hilbert(x: ArrayLike, N: int | None = None, axis: int = -1) -> Any:
    """Return the analytic signal, whose imaginary part is the Hilbert transform."""
    x = _real(x)
    axis = axis % x.ndim
    n = x.shape[axis] if N is None else N
    if n <= 0:
        raise ArgumentError(f"N={N} must be positive.")
    weights = _doubled(n)
    if n % 2 == 0:
        weights[n // 2] = 1.0
    spectrum = complex_transform(x, s=(n,), axes=(axis,))
    weights = weights.reshape(-1, *(1,) * (x.ndim - 1 - axis)).astype(x.dtype)
    return complex_transform(spectrum * weights, s=None, axes=(axis,), inverse=True)


@implements(scipy.signal.hilbert2)
def hilbert2(
    x: ArrayLike, N: int | tuple[int, int] | None = None, axes: Sequence[int] = (-2, -1)
) -> Any:
    """Return the analytic signal of images."""
    x = _real(x)
    x = ops.reshape(x, (1, -1)) if x.ndim < 2 else x
    first, second = (a % x.ndim for a in axes)
    shape = (x.shape[first], x.shape[second]) if N is None else N
    shape = (shape, shape) if isinstance(shape, int) else tuple(shape)
    spectrum = complex_transform(x, s=shape, axes=(first, second))
    for a, n in zip((first, second), shape, strict=True):
        weights = _doubled(n).reshape(-1, *(1,) * (x.ndim - 1 - a)).astype(x.dtype)
        spectrum = spectrum * weights
    return complex_transform(spectrum, s=None, axes=(first, second), inverse=True)


def _real(x: ArrayLike) -> Array:
    x = floating(x)
    if x.dtype.kind == "c":
        raise ArgumentError("x must be real.")
    return x


# ------------------------------------------------------------------------------ medians


@implements(scipy.signal.order_filter)
def order_filter(a: ArrayLike, domain: ArrayLike, rank: int) -> Any:
    """Return the entry of a rank in each window, with zeros beyond the ends."""
    inside = np.asarray(domain)
    if any(n % 2 == 0 for n in inside.shape):
        raise ArgumentError("Each axis of domain should have an odd number of entries.")
    return rank_filter(a, rank, footprint=inside, mode="constant")


@implements(scipy.signal.medfilt, scipy.signal.medfilt2d)
def medfilt(volume: ArrayLike, kernel_size: int | Sequence[int] | None = None) -> Any:
    """Return the median of each window, with zeros beyond the ends."""
    x = _real(volume)
    x = ops.reshape(x, (1,)) if x.ndim == 0 else x
    size = 3 if kernel_size is None else kernel_size
    shape = tuple(np.broadcast_to(size, (x.ndim,)).tolist())
    if any(n % 2 == 0 for n in shape):
        raise ArgumentError("Each element of kernel_size should be odd.")
    return rank_filter(x, math.prod(shape) // 2, shape, mode="constant")


# ------------------------------------------------------------------- chirp z transforms


def _chirped(transform: Any, x: Array, axis: int) -> Any:
    """Return the transform of an object of SciPy's, which knows its chirps."""
    lines = moveaxis(x, axis, -1)
    last, n = (lines.ndim - 1,), transform._nfft
    spectrum = complex_transform(lines * transform._Awk2, s=(n,), axes=last)
    z = complex_transform(spectrum * transform._Fwk2, s=None, axes=last, inverse=True)
    return moveaxis(z[..., transform._yidx] * transform._wk2, -1, axis)


@implements(scipy.signal.czt)
def czt(
    x: ArrayLike,
    m: int | None = None,
    w: complex | None = None,
    a: complex = 1 + 0j,
    *,
    axis: int = -1,
) -> Any:
    """Return the z transform at points of a spiral."""
    x = floating(x)
    return _chirped(_theirs.CZT(x.shape[axis], m=m, w=w, a=a), x, axis)


@implements(scipy.signal.zoom_fft)
def zoom_fft(
    x: ArrayLike,
    fn: float | Sequence[float],
    m: int | None = None,
    *,
    fs: float = 2,
    endpoint: bool = False,
    axis: int = -1,
) -> Any:
    """Return the Fourier transform at frequencies of a range."""
    x = floating(x)
    given = {"m": m, "fs": fs, "endpoint": endpoint}
    return _chirped(_theirs.ZoomFFT(x.shape[axis], fn, **given), x, axis)
