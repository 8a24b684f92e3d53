"""The periodogram of samples at any times (Lomb, Scargle)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.signal.filtering import floating
from chainrule.values.types import Array
from chainrule.wrapping import implements


def _moments(w: Array, c: Array, s: Array, floating_mean: bool) -> Any:
    """Return the weighted moments of cosines and sines: of squares, of the product."""
    cc, cs = w @ (c * c), w @ (c * s)
    ss = 1.0 - cc
    if not floating_mean:
        return cc, ss, cs
    mean_c, mean_s = w @ c, w @ s
    return cc - mean_c**2, ss - mean_s**2, cs - mean_c * mean_s


@implements(scipy.signal.lombscargle)
def lombscargle(
    x: ArrayLike,
    y: ArrayLike,
    freqs: ArrayLike,
    *,
    normalize: bool | str = False,
    weights: ArrayLike | None = None,
    floating_mean: bool = False,
) -> Any:
    """Return the power of the sine of each frequency fitted to samples at any times.

    Times, samples, frequencies and weights may be nodes.
    """
    x, y, freqs = floating(x), floating(y), floating(freqs)
    w = floating(np.ones(y.shape) if weights is None else weights)
    if not x.ndim == 1 == freqs.ndim or not x.shape == y.shape == w.shape:
        raise ArgumentError("x, y and weights are lines of equal length, freqs a line.")
    if normalize not in (False, True, "power", "normalize", "amplitude"):
        raise ArgumentError(f"normalize={normalize!r} is none of power, amplitude.")
    w = w / ops.sum(w)
    phase = x[:, None] * freqs[None, :]
    cc, ss, cs = _moments(w, ops.cos(phase), ops.sin(phase), floating_mean)
    tau = 0.5 * np.arctan2(2.0 * cs, cc - ss)
    c, s = ops.cos(phase - tau), ops.sin(phase - tau)
    mean = w @ y if floating_mean else 0.0
    yc, ys = (w * y) @ c, (w * y) @ s
    if floating_mean:
        yc, ys = yc - mean * (w @ c), ys - mean * (w @ s)
    cc, ss, _ = _moments(w, c, s, floating_mean)
    least = float(np.finfo(np.float64).epsneg)
    cc, ss = (ops.where(v < least, least, v) for v in (cc, ss))
    a, b = yc / cc, ys / ss
    if normalize == "amplitude":
        return (a + 1j * b) * ops.exp(1j * tau)
    power = 2.0 * (a * yc + b * ys)
    if normalize in (False, "power"):
        return power * (x.shape[0] / 4.0)
    return power * (0.5 / (w @ (y * y) - mean**2))
