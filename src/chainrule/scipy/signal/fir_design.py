"""Filters of finite length, by windows of what they are to pass; of minimum phase."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.scipy.moving import array_of, example, moves, refused
from chainrule.scipy.signal.windows.with_parameters import named_window
from chainrule.values.types import Array
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
_np: Any = np


@implements(scipy.signal.firwin)
def firwin(
    numtaps: int,
    cutoff: ArrayLike,
    *,
    width: float | None = None,
    window: str | tuple[str | float, ...] = "hamming",
    pass_zero: bool | str = True,
    scale: bool = True,
    fs: float | None = None,
) -> Any:
    """Return a filter of ``numtaps`` weights by its window; the edges may be nodes."""
    given = {"width": width, "pass_zero": pass_zero, "scale": scale}
    if moves(width):
        raise refused(
            "firwin in the width of its transition",
            "Multiply firwin(..., window='boxcar', scale=False) by the window.",
        )
    rate = None if fs is None else example(fs)
    plain = "hamming" if moves(window) else window
    _theirs.firwin(numtaps, example(cutoff), window=plain, fs=rate, **given)
    edges = _np.reshape(array_of(cutoff), (-1,)) * (2.0 / (2.0 if fs is None else fs))
    if isinstance(pass_zero, str):
        pass_zero = pass_zero in ("bandstop", "lowpass")
    ends = [0.0] * bool(pass_zero), [1.0] * (bool(pass_zero) ^ (edges.size % 2 == 1))
    bands = _np.reshape(_np.concatenate([ends[0], edges, ends[1]]), (-1, 2))
    places = np.arange(numtaps) - 0.5 * (numtaps - 1)
    waves = bands[..., None] * _np.sinc(bands[..., None] * places)
    if width is not None:
        beta = _theirs.kaiser_beta(
            _theirs.kaiser_atten(numtaps, 2.0 * width / (2.0 if fs is None else fs))
        )
        window = ("kaiser", beta)
    h = _np.sum(waves[:, 1] - waves[:, 0], axis=0)
    h = h * named_window(window, numtaps, fftbins=False)
    if not scale:
        return h
    left, right = bands[0, 0], bands[0, 1]
    values = example(bands)[0]
    middle = 0.0 if values[0] == 0 else 1.0 if values[1] == 1 else 0.5 * (left + right)
    return h / _np.sum(h * _np.cos(math.pi * places * middle))


@implements(scipy.signal.firwin2)
def firwin2(
    numtaps: int,
    freq: ArrayLike,
    gain: ArrayLike,
    *,
    nfreqs: int | None = None,
    window: str | tuple[str | float, ...] | None = "hamming",
    antisymmetric: bool = False,
    fs: float | None = None,
) -> Any:
    """Return a filter whose response is that of lines from gain to gain.

    The gains and the frequencies may be nodes; a response that jumps, where a frequency
    is given twice, is differentiable in the gains alone.
    """
    plain = "hamming" if moves(window) else window
    given = {"nfreqs": nfreqs, "window": plain, "antisymmetric": antisymmetric}
    knots, rate = example(freq), None if fs is None else example(fs)
    _theirs.firwin2(numtaps, knots, example(gain), fs=rate, **given)
    if np.any(np.diff(knots) == 0):
        if moves(freq, fs):
            raise refused("firwin2 in a frequency that is given twice", _APART)
        edge = np.finfo(float).eps * 0.5 * (2.0 if rate is None else rate)
        twice = np.diff(knots) == 0
        knots = np.asarray(knots, float) - edge * np.append(twice, False)
        freq = knots + edge * np.insert(twice, 0, False)
    half = 0.5 * (2.0 if fs is None else fs)
    count = nfreqs or 1 + 2 ** math.ceil(math.log2(numtaps))
    places = np.linspace(0.0, 1.0, count)
    response = _np.interp(places, array_of(freq) / half, array_of(gain))
    shift = np.exp(-(numtaps - 1) / 2.0 * 1j * math.pi * places)
    h = _np.fft.irfft(response * (1j * shift if antisymmetric else shift))[:numtaps]
    if window is not None:
        h = h * named_window(window, numtaps, fftbins=False)
    if antisymmetric and numtaps % 2:
        h = h * (np.arange(numtaps) != numtaps // 2)
    return h


_APART = "Give two frequencies that are apart."


@implements(scipy.signal.minimum_phase)
def minimum_phase(
    h: ArrayLike,
    method: str = "homomorphic",
    n_fft: int | None = None,
    *,
    half: bool = True,
) -> Any:
    """Return the filter of minimum phase whose response has the size of that of h."""
    _theirs.minimum_phase(example(h), method, n_fft, half=half)
    taps = array_of(h)
    n = taps.shape[0]
    if n_fft is None:
        n_fft = 2 ** math.ceil(math.log2(2 * (n - 1) / 0.01))
    spectrum = _np.fft.fft(taps, n_fft)
    if method == "hilbert":
        raise refused(
            "minimum_phase by method='hilbert', which takes the root of a 0,",
            "Write method='homomorphic'.",
        )
    size = _np.abs(spectrum)
    size = size + 1e-7 * _np.min(_np.where(size > 0, size, np.inf))
    size = _np.sqrt(size) if half else size
    z = _of_minimum_phase(size)
    return z[: n // 2 + n % 2 if half else n]


def _of_minimum_phase(size: Array) -> Any:
    """Return what has a spectrum of these sizes and no phase that it can do without."""
    n = size.shape[0]
    cepstrum = _np.real(_np.fft.ifft(_np.log(size)))
    later = np.zeros(n)
    later[0] = 1.0
    later[1 : n // 2] = 2.0
    if n % 2:
        later[n // 2] = 1.0
    return _np.real(_np.fft.ifft(_np.exp(_np.fft.fft(cepstrum * later))))
