"""Signals at another rate: in the frequency domain, and by filters."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.numpy.shape_functions import moveaxis
from chainrule.operations import namespace as ops
from chainrule.rules import multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.boundaries import at, extend, widths_of
from chainrule.scipy.fft.transforms import (
    complex_transform,
    half_transform,
    whole_of_half,
)
from chainrule.scipy.signal.filtering import (
    coefficients,
    floating,
    sosfilt,
    sosfiltfilt,
)
from chainrule.scipy.signal.windows.with_parameters import named_window
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, ArrayValue, Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_theirs: Any = scipy.signal
_np: Any = np

# ------------------------------------------------------------------ the rule of upfirdn


@opaque
def rated(h: Value, x: Value, *, up: int, down: int, axis: int) -> Value:
    """Return SciPy's ``upfirdn``, with zeros beyond the ends."""
    return _theirs.upfirdn(h, x, up, down, axis)


EXTRA["rated"] = rated


class rated_grad(multilinear):
    """z[m] = sum over i of h[m down - i up] x[i]"""

    forward = rated

    @staticmethod
    def depends(
        z: Numbers, h: Numbers, x: Numbers, *, up: int, down: int, axis: int
    ) -> Depends:
        """Return which entry meets each tap: h[j] meets i where j + i up = m down."""
        ends: Any = _np.arange(z.shape[axis]) * down - h[:, None]
        i: Any = ends // up
        met: Any = (ends % up == 0) & (i >= 0) & (i < x.shape[axis])
        lines: Any = _np.moveaxis(x, axis, -1)
        entries: Any = _np.where(met, lines[..., _np.where(met, i, 0)], -1)
        results: Any = _np.moveaxis(z, axis, -1)[..., None, :]
        taps: Any = _np.where(met, h[:, None], -1)
        return (results, taps), (results, entries)

    cases: Cases = (
        case((5,), (4,), up=3, down=2, axis=0),
        case((2,), (3, 5), up=1, down=3, axis=1),
        case((4,), (3, 2), up=2, down=1, axis=0),
        case((1,), (5,), up=1, down=2, axis=0),
    )

    @staticmethod
    def transpose_h(
        xp: Namespace,
        z_grad: Value,
        h: Value,
        x: Value,
        *,
        up: int,
        down: int,
        axis: int,
    ) -> Value:
        """h_grad[j] = the sum of z_grad[m] x[i] where m down - i up = j"""
        one, count = np.ones(1, dtype_of(z_grad)), shape_of(h)[0]
        # upfirdn with a single 1 stuffs a signal with zeros.
        stuffed = xp.rated(one, x, up=up, down=1, axis=axis)
        seeds = xp.rated(one, z_grad, up=down, down=1, axis=axis)
        n = shape_of(stuffed)[axis] + count - 1
        more = max(0, n - shape_of(seeds)[axis])
        room = widths_of(len(shape_of(x)), (axis,), [(0, more)])
        longer = xp.extended(seeds, widths=room, mode="constant")
        return xp.lagged(stuffed, longer[at(axis, slice(n))], axes=(axis,))

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        h: Value,
        x: Value,
        *,
        up: int,
        down: int,
        axis: int,
    ) -> Value:
        """x_grad[i] = sum over m of z_grad[m] h[m down - i up]"""
        count, n = shape_of(h)[0], shape_of(x)[axis]
        before = -(count - 1) % up
        turned = xp.concatenate([np.zeros(before, dtype_of(h)), xp.flip(h)])
        whole = xp.rated(turned, z_grad, up=down, down=up, axis=axis)
        start = (count - 1 + before) // up
        more = max(0, start + n - shape_of(whole)[axis])
        room = widths_of(len(shape_of(x)), (axis,), [(0, more)])
        longer = xp.extended(whole, widths=room, mode="constant")
        return longer[at(axis, slice(start, start + n))]


rate_changed: Operation = operation(rated_grad)
_ENDS = {
    "constant": "constant",
    "wrap": "wrap",
    "edge": "nearest",
    "symmetric": "reflect",
    "reflect": "mirror",
}
"""The modes of upfirdn that are extensions, by the names of ``scipy.ndimage``."""


_LINES = ("line", "smooth")
"""The modes that go on along a line: through both ends, or through the last two."""


def _along_lines(x: Array, before: int, after: int, axis: int, mode: str) -> Array:
    """Return a signal that goes on along lines on both sides."""
    n = x.shape[axis]
    apart = n - 1 if mode == "line" else 1

    def side(end: int, other: int, steps: Any) -> Any:
        first, second = (x[at(axis, slice(i, i + 1))] for i in (end, other))
        shape = [1] * x.ndim
        shape[axis] = -1
        return first + (second - first) * (steps.reshape(shape) / apart).astype(x.dtype)

    left = side(0, apart, -np.arange(before, 0, -1.0))
    right = side(n - 1, n - 1 - apart, -np.arange(1.0, after + 1.0))
    return ops.concatenate([left, x, right], axis=axis)


@implements(scipy.signal.upfirdn)
def upfirdn(
    h: ArrayLike,
    x: ArrayLike,
    up: int = 1,
    down: int = 1,
    axis: int = -1,
    mode: str = "constant",
    cval: float = 0,
) -> Any:
    """Return a signal stuffed with zeros, filtered by h, of which some are kept."""
    h, x = coefficients(h, "h"), floating(x)
    up, down, axis = operator.index(up), operator.index(down), axis % x.ndim
    if mode not in (*_ENDS, *_LINES):
        known = ", ".join((*_ENDS, *_LINES))
        raise ArgumentError(
            f"mode={mode!r} has no derivative here. Write one of {known}."
        )
    if mode == "constant" and cval == 0:
        return rate_changed(h, x, up=up, down=down, axis=axis)
    # As many samples as the filter reads, a whole number of steps of the result.
    count = -(-h.size // up)
    before = -(-count // down) * down
    room = widths_of(x.ndim, (axis,), [(before, count)])
    if mode in _LINES:
        longer = _along_lines(x, before, count, axis, mode)
    else:
        longer = extend(x, widths=room, mode=_ENDS[mode], cval=cval)
    start = before * up // down
    whole = rate_changed(h, longer, up=up, down=down, axis=axis)
    n = -(-((x.shape[axis] - 1) * up + h.size) // down)
    return whole[at(axis, slice(start, start + n))]


# --------------------------------------------------------------------------- by filters

_LEVELS = ("mean", "median", "minimum", "maximum")
"""What is taken from a signal before it is filtered, and added again."""


def _design(x: Array, up: int, down: int, window: Any) -> tuple[Any, int]:
    """Return the filter of ``resample_poly`` and half its length."""
    if not (isinstance(window, str | tuple) or shape_of(window) == ()):
        h = coefficients(window, "window")
        return h * up, (h.size - 1) // 2
    rate = max(up, down)
    h = _theirs.firwin(20 * rate + 1, 1.0 / rate, window=window)
    return h.astype(x.dtype) * up, 10 * rate


@implements(scipy.signal.resample_poly)
def resample_poly(
    x: ArrayLike,
    up: int,
    down: int,
    axis: int = 0,
    window: Any = ("kaiser", 5.0),
    padtype: str = "constant",
    cval: float | None = None,
) -> Any:
    """Return a signal at ``up / down`` times its rate, by a filter.

    The signal, and a window that is an array, may be nodes.
    """
    x = floating(x)
    axis = axis % x.ndim
    shared = math.gcd(operator.index(up), operator.index(down))
    up, down = up // shared, down // shared
    if up == down == 1:
        return ops.positive(x)
    n = -(-x.shape[axis] * up // down)
    h, half = _design(x, up, down, window)
    before = down - half % down
    start, after = (half + before) // down, 0
    while -(-((x.shape[axis] - 1) * up + h.size + before + after) // down) < n + start:
        after += 1
    zeros = (np.zeros(k, h.dtype) for k in (before, after))
    h = ops.concatenate([next(zeros), h, next(zeros)])
    level: Any = 0.0
    if padtype in _LEVELS:
        take = getattr(np, padtype.removesuffix("imum"))
        level = take(x, axis=axis, keepdims=True)
        padtype = "constant"
    y = upfirdn(h, x - level, up, down, axis, padtype, 0 if cval is None else cval)
    return y[at(axis, slice(start, start + n))] + level


@implements(scipy.signal.decimate)
def decimate(
    x: ArrayLike,
    q: int,
    n: int | None = None,
    ftype: str = "iir",
    axis: int = -1,
    zero_phase: bool = True,
) -> Any:
    """Return every q-th sample of a signal after a filter against aliases."""
    x, q = floating(x), operator.index(q)
    axis = axis % x.ndim
    if ftype == "fir":
        h = _theirs.firwin((20 * q if n is None else n) + 1, 1.0 / q, window="hamming")
        h = h.astype(x.dtype)
        if zero_phase:
            return resample_poly(x, 1, q, axis, h)
        y = upfirdn(h, x, 1, q, axis)
        return y[at(axis, slice(-(-x.shape[axis] // q)))]
    if ftype != "iir":
        raise ArgumentError(
            f"ftype={ftype!r} has no derivative here. Write 'iir' or 'fir', or filter "
            "with sosfiltfilt and take every q-th sample."
        )
    sos = _theirs.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos")
    y = (sosfiltfilt if zero_phase else sosfilt)(sos.astype(x.dtype), x, axis)
    return y[at(axis, slice(None, None, q))]


# ----------------------------------------------------------------------- by frequencies


def _weights(window: Any, n: int) -> Any:
    """Return the weight of each frequency; ``None`` without a window."""
    if window is None:
        return None
    if callable(window):
        return window(scipy.fft.fftfreq(n))
    if isinstance(window, str | tuple | float):
        return _np.fft.fftshift(named_window(window, n))
    w = ops.asarray(window)
    if w.shape != (n,):
        raise ArgumentError(f"A window of shape {w.shape} has no weight for {n} each.")
    return w


@implements(scipy.signal.resample)
def resample(
    x: ArrayLike,
    num: int,
    t: ArrayLike | None = None,
    axis: int = 0,
    window: str | tuple[Any, ...] | Callable[..., Any] | ArrayValue | None = None,
    domain: str = "time",
) -> Any:
    """Return ``num`` samples of the trigonometric polynomial through a signal."""
    signal = floating(x)
    if domain not in ("time", "freq"):
        raise ArgumentError(f"domain={domain!r} is none of time, freq.")
    lines: Array = moveaxis(signal, axis, -1) if signal.ndim > 1 else signal
    n, last = lines.shape[-1], (lines.ndim - 1,)
    w = _weights(window, n)
    if domain == "time" and lines.dtype.kind != "c":
        z = _of_half(half_transform(lines, s=None, axes=last), w, n, num)
        z = whole_of_half(z * (num / n), s=(num,), axes=last)
    else:
        spectrum: Any = lines
        if domain == "time":
            spectrum = complex_transform(lines, s=None, axes=last)
        spectrum = spectrum if w is None else spectrum * w
        z = _of_whole(spectrum, n, num) * (num / n)
        z = complex_transform(z, s=None, axes=last, inverse=True)
    z = moveaxis(z, -1, axis) if z.ndim > 1 else z
    if t is None:
        return z
    t = ops.asarray(t)
    return z, t[0] + (t[1] - t[0]) * (n / num) * np.arange(num)


def _of_half(spectrum: Array, w: Any, n: int, num: int) -> Any:
    """Return the half spectrum of num samples from that of n, times weights."""
    if w is not None:
        count = spectrum.shape[-1]
        folded = (w[1:count] + ops.flip(w[-count + 1 :])) / 2
        weights = ops.concatenate([w[:1], folded])
        spectrum = spectrum * weights.astype(np.finfo(spectrum.dtype).dtype)
    m = min(num, n)
    spectrum = spectrum[..., : m // 2 + 1]
    if m % 2 == 0 and num != n:  # a frequency that stands for itself and its negative
        scale = np.ones(m // 2 + 1, np.finfo(spectrum.dtype).dtype)
        scale[-1] = 2.0 if num < n else 0.5
        spectrum = spectrum * scale
    return spectrum


def _of_whole(spectrum: Array, n: int, num: int) -> Any:
    """Return the spectrum of num samples from that of n."""
    m = min(num, n)
    half = m // 2 + 1
    positive, negative = (
        spectrum[..., :half],
        spectrum[..., spectrum.shape[-1] - (m - half) :],
    )
    if m % 2 == 0 and num != n:
        pair = positive[..., -1:]
        if num < n:
            pair = pair + spectrum[..., -m // 2, None]
        else:
            pair = pair / 2
            negative = ops.concatenate([pair, negative], axis=-1)
        positive = ops.concatenate([positive[..., :-1], pair], axis=-1)
    empty = num - positive.shape[-1] - negative.shape[-1]
    zeros = np.zeros((*spectrum.shape[:-1], empty), spectrum.dtype)
    return ops.concatenate([positive, zeros, negative], axis=-1)
