"""Spectra of signals: of segments, averaged or one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.numpy.shape_functions import moveaxis
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import at
from chainrule.scipy.fft.transforms import (
    complex_transform,
    half_transform,
    whole_of_half,
)
from chainrule.scipy.signal.extensions import extended_by
from chainrule.scipy.signal.filtering import floating
from chainrule.scipy.signal.smoothing import detrend as detrended
from chainrule.scipy.signal.windows.with_parameters import named_window
from chainrule.values.types import Array, ArrayValue, Shape
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
Window = str | tuple[Any, ...] | ArrayValue
"""A name of SciPy's, a name and its parameters, or the weights themselves."""
Trend = str | bool | Callable[[Any], Any]
_USUAL = "hann_periodic"


class Segments(NamedTuple):
    """How a signal is cut: weights, samples from one to the next, their transform."""

    window: Any
    step: int
    nfft: int
    one_sided: bool


def _cut(
    window: Window,
    nperseg: int | None,
    noverlap: int | None,
    nfft: int | None,
    n: int,
    one_sided: bool,
) -> Segments:
    """Return how a signal of n samples is cut."""
    if isinstance(window, str | tuple):
        nperseg = 256 if nperseg is None else int(nperseg)
        if nperseg > n:
            warnings.warn(f"{nperseg=} is more than the {n} samples.", stacklevel=4)
        w: Any = named_window(window, min(nperseg, n))
    else:
        w = ops.asarray(window)
        if w.ndim != 1 or (nperseg is not None and nperseg != w.size) or w.size > n:
            raise ArgumentError(f"A window of shape {w.shape} is no window of {n}.")
    count = w.shape[0]
    overlap = count // 2 if noverlap is None else int(noverlap)
    length = count if nfft is None else int(nfft)
    if not 0 <= overlap < count or length < count:
        raise ArgumentError(
            f"Segments of {count} samples overlap in less than {count}, and nfft is at "
            f"least {count}; received noverlap={noverlap}, nfft={nfft}."
        )
    return Segments(w, count - overlap, length, one_sided)


def _how_many(x: Array, cut: Segments) -> int:
    """Return how many whole segments a signal has."""
    return max(0, (x.shape[-1] - cut.window.shape[0]) // cut.step + 1)


def _segments(x: Array, cut: Segments) -> Any:
    """Return the segments of a signal, in the axis before the last.

    Those that start at multiples of a part of their length are joined of these parts.
    """
    count, many = cut.window.shape[0], _how_many(x, cut)
    parts = count // cut.step
    if count % cut.step or parts > 8:
        starts = cut.step * np.arange(many)
        return x[..., starts[:, None] + np.arange(count)]
    total = many + parts - 1
    blocks = ops.reshape(x[..., : total * cut.step], (*x.shape[:-1], total, cut.step))
    found = [blocks[..., j : j + many, :] for j in range(parts)]
    return ops.concatenate(found, axis=-1)


def _transforms(x: Array, cut: Segments, detrend: Trend) -> Any:
    """Return the transform of each segment, in the last axis: segments before it."""
    pieces = _segments(x, cut)
    if callable(detrend):
        pieces = detrend(pieces)
    elif detrend:
        pieces = detrended(pieces, -1, "linear" if detrend is True else detrend)
    pieces = pieces * cut.window.astype(np.result_type(cut.window.dtype, np.float16))
    given: Any = {"s": (cut.nfft,), "axes": (pieces.ndim - 1,)}
    transform = half_transform if cut.one_sided else complex_transform
    return transform(pieces, **given)


def _frequencies(cut: Segments, fs: float) -> NDArray[np.float64]:
    found = scipy.fft.rfftfreq if cut.one_sided else scipy.fft.fftfreq
    return found(cut.nfft, 1 / fs)


def _scale(cut: Segments, fs: float, scaling: str) -> Any:
    """Return by what squares of transforms are multiplied."""
    if scaling == "density":
        return 1.0 / (fs * ops.sum(cut.window * cut.window))
    if scaling == "spectrum":
        return 1.0 / ops.sum(cut.window) ** 2
    raise ArgumentError(f"scaling={scaling!r} is none of density, spectrum.")


def _twice(cut: Segments) -> Any:
    """Return how often each frequency counts: twice where its negative is left out."""
    if not cut.one_sided:
        return 1.0
    times = np.full(cut.nfft // 2 + 1, 2.0)
    times[0] = 1.0
    if cut.nfft % 2 == 0:
        times[-1] = 1.0
    return times


def _last(x: Array, axis: int) -> Any:
    return moveaxis(x, axis, -1) if x.ndim > 1 else x


def _lengthened(x: Array, n: int) -> Any:
    """Return a signal with zeros behind it."""
    if x.shape[-1] == n:
        return x
    zeros = np.zeros((*x.shape[:-1], n - x.shape[-1]), x.dtype)
    return ops.concatenate([x, zeros], axis=-1)


# --------------------------------------------------------------------- averaged spectra


@implements(scipy.signal.csd)
def csd(
    x: ArrayLike,
    y: ArrayLike,
    fs: float = 1.0,
    window: Window = _USUAL,
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Trend = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> Any:
    """Return frequencies and the cross spectral density of two signals (Welch)."""
    same = y is x
    both = (floating(x), floating(x if same else y))
    dtype = np.result_type(both[0].dtype, both[1].dtype, np.complex64)
    one_sided = return_onesided and both[0].dtype.kind != "c"
    if one_sided and both[1].dtype.kind == "c":
        raise ArgumentError("A complex y has no one-sided spectrum.")
    lines: list[Array] = [_last(v, axis) for v in both]
    n = max(v.shape[-1] for v in lines)
    cut = _cut(window, nperseg, noverlap, nfft, n, one_sided)
    first = _transforms(_lengthened(lines[0], n), cut, detrend)
    second = first if same else _transforms(_lengthened(lines[1], n), cut, detrend)
    p = ops.conjugate(first) * second * (_scale(cut, fs, scaling) * _twice(cut))
    p = _averaged(p, average).astype(dtype)
    p = ops.real(p) if same else p
    return _frequencies(cut, fs), moveaxis(p, -1, axis)


def _averaged(p: Array, average: str) -> Any:
    """Return the average over segments, the last axis but one."""
    count = p.shape[-2]
    if count == 1:
        return p[..., 0, :]
    if average == "mean":
        return ops.mean(p, axis=-2)
    if average != "median":
        raise ArgumentError(f"average={average!r} is none of mean, median.")
    even = 2 * np.arange(1.0, (count - 1) // 2 + 1)
    bias = 1 + np.sum(1.0 / (even + 1) - 1.0 / even)
    parts = [np.median(part, axis=-2) for part in (ops.real(p), ops.imag(p))]
    return (parts[0] + 1j * parts[1]) / bias


@implements(scipy.signal.welch)
def welch(
    x: ArrayLike,
    fs: float = 1.0,
    window: Window = _USUAL,
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Trend = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> Any:
    """Return frequencies and the power spectral density of a signal (Welch)."""
    cut = (window, nperseg, noverlap, nfft, detrend, return_onesided)
    f, p = csd(x, x, fs, *cut, scaling, axis, average)
    return f, ops.real(p)


@implements(scipy.signal.periodogram)
def periodogram(
    x: ArrayLike,
    fs: float = 1.0,
    window: Window | None = "boxcar",
    nfft: int | None = None,
    detrend: Trend = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> Any:
    """Return frequencies and the power spectral density of a whole signal."""
    x = floating(x)
    if nfft is not None and nfft < x.shape[axis]:
        x, nfft = x[at(axis % x.ndim, slice(nfft))], None
    n = x.shape[axis]
    window = "boxcar" if window is None else window
    cut = (window, n, 0, nfft, detrend, return_onesided)
    return welch(x, fs, *cut, scaling, axis)


@implements(scipy.signal.coherence)
def coherence(
    x: ArrayLike,
    y: ArrayLike,
    fs: float = 1.0,
    window: Window = _USUAL,
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Trend = "constant",
    axis: int = -1,
) -> Any:
    """Return frequencies and the squared coherence of two signals."""
    cut = (fs, window, nperseg, noverlap, nfft, detrend)
    f, first = welch(x, *cut, axis=axis)
    _, second = welch(y, *cut, axis=axis)
    _, both = csd(x, y, *cut, axis=axis)
    return f, ops.abs(both) ** 2 / first / second


# ------------------------------------------------------------------ one after the other


def _one_by_one(
    x: Array,
    cut: Segments,
    fs: float,
    detrend: Trend,
    axis: int,
    scale: Any,
    *,
    power: bool,
    boundary: str | None = None,
    padded: bool = False,
) -> Any:
    """Return frequencies, times, and the transform or power of each segment."""
    dtype = np.result_type(x.dtype, np.complex64)
    count, lines = cut.window.shape[0], _last(x, axis)
    if boundary is not None:
        lines = extended_by(boundary, lines, count // 2, lines.ndim - 1)
    if padded:
        n = lines.shape[-1]
        lines = _lengthened(lines, n + (-(n - count) % cut.step) % count)
    middle = count / 2 if boundary is None else 0.0
    time = (middle + cut.step * np.arange(_how_many(lines, cut))) / float(fs)
    z = _transforms(lines, cut, detrend)
    z = ops.conjugate(z) * z * scale * _twice(cut) if power else z * scale
    z = ops.real(z.astype(dtype)) if power else z.astype(dtype)
    z = moveaxis(z, -1, axis - 1 if axis < 0 else axis)
    return _frequencies(cut, fs), time, z


@implements(scipy.signal.spectrogram)
def spectrogram(
    x: ArrayLike,
    fs: float = 1.0,
    window: Window = ("tukey_periodic", 0.25),
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Trend = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    mode: str = "psd",
) -> Any:
    """Return frequencies, times, and the spectrum of each segment of a signal."""
    x = floating(x)
    one_sided = return_onesided and x.dtype.kind != "c"
    cut = _cut(window, nperseg, 0, nfft, x.shape[axis], one_sided)
    count = cut.window.shape[0]
    overlap = count // 8 if noverlap is None else noverlap
    cut = cut._replace(step=count - overlap)
    if mode not in ("psd", "complex", "magnitude", "angle", "phase"):
        raise ArgumentError(f"mode={mode!r} is no mode of spectrogram.")
    scale = _scale(cut, fs, scaling)
    power = mode == "psd"
    scale = scale if power else ops.sqrt(scale)
    f, time, z = _one_by_one(x, cut, fs, detrend, axis, scale, power=power)
    if mode == "magnitude":
        z = ops.abs(z)
    elif mode in ("angle", "phase"):
        z = np.angle(z)
        z = np.unwrap(z, axis=axis - 1 if axis < 0 else axis) if mode == "phase" else z
    return f, time, z


@implements(scipy.signal.stft)
def stft(
    x: ArrayLike,
    fs: float = 1.0,
    window: Window = _USUAL,
    nperseg: int = 256,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Trend = False,
    return_onesided: bool = True,
    boundary: str | None = "zeros",
    padded: bool = True,
    axis: int = -1,
    scaling: str = "spectrum",
) -> Any:
    """Return frequencies, times, and the transform of each segment of a signal."""
    x = floating(x)
    one_sided = return_onesided and x.dtype.kind != "c"
    size = nperseg if isinstance(window, str | tuple) else None
    cut = _cut(window, size, noverlap, nfft, x.shape[axis], one_sided)
    scale = ops.sqrt(_scale(cut, fs, "density" if scaling == "psd" else scaling))
    return _one_by_one(
        x, cut, fs, detrend, axis, scale, power=False, boundary=boundary, padded=padded
    )


@implements(scipy.signal.istft)
def istft(
    Zxx: ArrayLike,
    fs: float = 1.0,
    window: Window = _USUAL,
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    input_onesided: bool = True,
    boundary: bool = True,
    time_axis: int = -1,
    freq_axis: int = -2,
    scaling: str = "spectrum",
) -> Any:
    """Return times and the signal whose short-time transform is the given one."""
    z = ops.asarray(Zxx)
    time_axis, freq_axis = time_axis % z.ndim, freq_axis % z.ndim
    z = moveaxis(z, (freq_axis, time_axis), (-1, -2))
    usual = 2 * (z.shape[-1] - 1) if input_onesided else z.shape[-1]
    count = usual if nperseg is None else int(nperseg)
    odd = input_onesided and count == usual + 1
    length = (count if odd else usual) if nfft is None else int(nfft)
    cut = _cut(window, count, noverlap, length, count, input_onesided)
    given: Any = {"s": (length,), "axes": (z.ndim - 1,)}
    if input_onesided:
        pieces = whole_of_half(z, **given)[..., :count]
    else:
        pieces = complex_transform(z, **given, inverse=True)[..., :count]
    w = cut.window.astype(np.finfo(pieces.dtype).dtype)
    if scaling not in ("spectrum", "psd"):
        raise ArgumentError(f"scaling={scaling!r} is none of spectrum, psd.")
    scale = ops.sum(w) if scaling == "spectrum" else ops.sqrt(fs * ops.sum(w**2))
    x = _overlapped(pieces * scale * w, cut.step)
    norm = _overlapped(ops.broadcast_to(w**2, pieces.shape[-2:]), cut.step)
    if boundary:
        inside = slice(count // 2, -(count // 2))
        x, norm = x[..., inside], norm[..., inside]
    x = x / ops.where(norm > 1e-10, norm, 1.0)
    if x.ndim > 1:
        x = moveaxis(x, -1, time_axis - (freq_axis < time_axis))
    return np.arange(x.shape[0]) / float(fs), x


def _overlapped(pieces: Array, step: int) -> Any:
    """Return the sum of pieces that begin a step after each other."""
    count, n = pieces.shape[-2:]
    shape: Shape = (*pieces.shape[:-2], n + (count - 1) * step)
    places = np.arange(count)[:, None] * step + np.arange(n)
    return ops.unindex(pieces, index=(..., places), shape=shape)
