"""How large a signal is in a band, and how closely events follow a period."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.scipy.moving import array_of, example, floats_of
from chainrule.scipy.signal.resampling import resample
from chainrule.values.shapes import normalize_axes
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
_np: Any = np


def _mask(n: int, chosen: slice) -> Any:
    """Return which of n frequencies a slice chooses, by negative numbers too."""
    mask = np.zeros(n)
    mask[np.arange(chosen.start, chosen.stop) % n] = 1.0
    return mask


@implements(scipy.signal.envelope)
def envelope(
    z: ArrayLike,
    bp_in: tuple[int | None, int | None] = (1, None),
    *,
    n_out: int | None = None,
    squared: bool = False,
    residual: str | None = "lowpass",
    axis: int = -1,
) -> Any:
    """Return the size of a signal in a band of frequencies, and what is left of it."""
    given: Any = {"n_out": n_out, "squared": squared, "residual": residual}
    _theirs.envelope(np.asarray(example(z)), bp_in, axis=axis, **given)
    x = array_of(z)
    axis = normalize_axes(axis, x.ndim)[0]
    x = _np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    count = n if n_out is None else n_out
    scale = count / n
    low = -(n // 2) if bp_in[0] is None else bp_in[0]
    high = (n + 1) // 2 if bp_in[1] is None else bp_in[1]
    number = _np.arange(n)
    is_real = x.dtype.kind != "c"
    spectrum: Any = _np.fft.fft(x)
    band = slice(low, high)
    weights = _np.ones(n)
    if is_real:
        half = _np.where(number <= n // 2, 1.0, 0.0)
        doubled = band if low > 0 else slice(1, high) if high > 0 else slice(0, 0)
        weights = half * (1.0 + _mask(n, doubled))
    parts = spectrum * weights
    places = np.arange(low, high) % n
    mixed = _np.fft.ifft(_np.take(parts, places, axis=-1), n=count) * scale
    size = _np.real(mixed) ** 2 + _np.imag(mixed) ** 2
    found = size if squared else _np.abs(mixed)
    found = _np.moveaxis(found, -1, axis)
    if residual is None:
        return found
    left = _left(parts, low, high, count, residual, is_real=is_real)
    return _np.stack([found, _np.moveaxis(left, -1, axis)])


def _left(
    parts: Any, low: int, high: int, count: int, residual: str, *, is_real: bool
) -> Any:
    """Return the signal of the frequencies that are not in a band, or below it."""
    n: int = parts.shape[-1]
    kept = 1.0 - _mask(n, slice(low, high))
    if low == 0 < high:  # of a band from 0 on SciPy leaves nothing
        kept = 0.0 * kept
    if residual == "lowpass":
        kept = kept * (1.0 - _above(n, low, high))
    rest = parts * kept
    if not is_real:
        return resample(rest, count, axis=-1, domain="freq")
    m = min(n, count)
    if count != n and m % 2 == 0:
        even = np.arange(n) == m // 2
        rest = rest * np.where(even, 2.0 if count < n else 0.5, 1.0)
    return count / n * _np.fft.irfft(rest[..., : n // 2 + 1], n=count)


def _above(n: int, low: int, high: int) -> Any:
    """Return which frequencies lie beyond a band."""
    if high > 0:
        return _mask(n, slice(high, (n + 1) // 2))
    return np.maximum(_mask(n, slice(low, 0)), _mask(n, slice(0, (n + 1) // 2)))


@implements(scipy.signal.vectorstrength)
def vectorstrength(events: ArrayLike, period: ArrayLike) -> tuple[Any, Any]:
    """Return how closely events follow periods, from 0 to 1, and at which phase."""
    _theirs.vectorstrength(example(events), example(period))
    at, times = floats_of(events), floats_of(period)
    rates = (2.0 * math.pi) / _np.reshape(times, (-1, 1))
    mean = _np.mean(_np.exp(1j * (rates * _np.reshape(at, (1, -1)))), axis=1)
    mean = mean if times.ndim else mean[0]
    return _np.abs(mean), _np.angle(mean)
