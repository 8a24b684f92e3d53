"""Waveforms: chirps, pulses and sawtooths, in time and in their parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.signal.filtering import floating
from chainrule.values.types import Array, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements


@implements(scipy.signal.chirp)
def chirp(
    t: ArrayLike,
    f0: Value,
    t1: Value,
    f1: Value,
    method: str = "linear",
    phi: Value = 0,
    vertex_zero: bool = True,
    *,
    complex: bool = False,
) -> Any:
    """Return a cosine whose frequency runs from f0 at time 0 to f1 at t1.

    Times, frequencies and the phase in degrees may be nodes.
    """
    t = ops.asarray(t)
    phase = _phase(t, f0, t1, f1, method, vertex_zero) + ops.deg2rad(phi)
    return ops.exp(1j * phase) if complex else ops.cos(phase)


def _phase(t: Array, f0: Any, t1: Any, f1: Any, method: str, vertex_zero: bool) -> Any:
    """Return the integral of the frequency, in radians."""
    if method in ("linear", "lin", "li"):
        return 2 * math.pi * (f0 * t + 0.5 * ((f1 - f0) / t1) * t * t)
    if method in ("quadratic", "quad", "q"):
        beta = (f1 - f0) / t1**2
        if vertex_zero:
            return 2 * math.pi * (f0 * t + beta * t**3 / 3)
        return 2 * math.pi * (f1 * t + beta * ((t1 - t) ** 3 - t1**3) / 3)
    if method not in ("logarithmic", "log", "lo", "hyperbolic", "hyp"):
        raise ArgumentError(f"method={method!r} is no method of chirp.")
    if raw(f0) * raw(f1) == 0 or (method[0] == "l" and raw(f0) * raw(f1) < 0):
        raise ArgumentError(f"For method={method!r} f0 and f1 have one sign, and no 0.")
    if raw(f0) == raw(f1):
        raise ArgumentError(
            "The formula of this chirp divides by f1 - f0, which is 0. Write "
            "method='linear', which is the same where they are equal."
        )
    if method[0] == "l":
        beta = t1 / ops.log(f1 / f0)
        return 2 * math.pi * beta * f0 * ((f1 / f0) ** (t / t1) - 1.0)
    pole = -f1 * t1 / (f0 - f1)
    return 2 * math.pi * (-pole * f0) * ops.log(ops.abs(1 - t / pole))


@implements(scipy.signal.gausspulse)
def gausspulse(
    t: ArrayLike,
    fc: Value = 1000,
    bw: Value = 0.5,
    bwr: Value = -6,
    tpr: Value = -60,
    retquad: bool = False,
    retenv: bool = False,
) -> Any:
    """Return a sine with a Gaussian envelope; times and parameters may be nodes."""
    if not raw(fc) >= 0 or not raw(bw) > 0 or not raw(bwr) < 0:
        raise ArgumentError("gausspulse needs fc >= 0, bw > 0 and bwr < 0.")
    reference = 10.0 ** (bwr / 20.0)
    a = -((math.pi * fc * bw) ** 2) / (4.0 * ops.log(reference))
    if isinstance(t, str):
        if t != "cutoff" or not raw(tpr) < 0:
            raise ArgumentError("t is a time, or 'cutoff' with tpr < 0.")
        return ops.sqrt(-ops.log(10.0 ** (tpr / 20.0)) / a)
    t = ops.asarray(t)
    envelope = ops.exp(-a * t * t)
    found = [envelope * ops.cos(2 * math.pi * fc * t)]
    if retquad:
        found.append(envelope * ops.sin(2 * math.pi * fc * t))
    if retenv:
        found.append(envelope)
    return tuple(found) if len(found) > 1 else found[0]


@implements(scipy.signal.sweep_poly)
def sweep_poly(t: ArrayLike, poly: ArrayLike, phi: Value = 0) -> Any:
    """Return a cosine whose frequency is a polynomial in time."""
    t = ops.asarray(t)
    c = floating(poly.coeffs if isinstance(poly, np.poly1d) else poly)
    n = c.shape[0]
    total: Any = 0.0
    for k in range(n):
        total = total * t + c[k] / (n - k)
    return ops.cos(2 * math.pi * total * t + ops.deg2rad(phi))


@implements(scipy.signal.sawtooth)
def sawtooth(t: ArrayLike, width: ArrayLike = 1) -> Any:
    """Return a wave that rises from -1 to 1 and falls back, with period 2 pi.

    ``width`` is how much of the period it rises. At its corners the derivative in time
    is that to the right.
    """
    t, w = floating(t), floating(width)
    shape = np.broadcast_shapes(t.shape, w.shape)
    t, w = ops.broadcast_to(t, shape), ops.broadcast_to(w, shape)
    place = ops.remainder(t, 2 * math.pi)
    rises = place < w * 2 * math.pi
    up = place / (math.pi * ops.where(rises, w, 1.0)) - 1
    down = (math.pi * (w + 1) - place) / (math.pi * (1 - ops.where(rises, 0.0, w)))
    y = ops.where(rises, up, down)
    return ops.where((w > 1) | (w < 0), np.nan, y)
