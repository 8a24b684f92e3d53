"""Filters designed from parameters: their edges, ripples and widths may be nodes.

A recursive filter is a prototype with edge 1, given by zeros, poles and a gain, which
is mapped to its band and then to the unit circle, as ``scipy.signal.iirfilter`` does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.scipy.moving import array_of, example, moves, refused
from chainrule.values.types import Array, Value
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
_np: Any = np
Roots = tuple[Any, Any, Any]
"""Zeros, poles and the gain."""
_KINDS = {
    **dict.fromkeys(("band", "bandpass", "pass", "bp"), "bp"),
    **dict.fromkeys(("bandstop", "stop", "bands", "bs"), "bs"),
    **dict.fromkeys(("low", "lowpass", "lp", "l"), "lp"),
    **dict.fromkeys(("high", "highpass", "hp", "h"), "hp"),
}
_BESSEL = {"bessel": "phase", "bessel_phase": "phase", "bessel_delay": "delay"}
_BESSEL["bessel_mag"] = "mag"

# ------------------------------------------------------------------------- prototypes


@implements(scipy.signal.cheb1ap)
def cheb1ap(N: int, rp: Value) -> Roots:
    """Return the prototype of Chebyshev's first kind with ``rp`` decibels of ripple."""
    ripple = _np.sqrt(10 ** (0.1 * rp) - 1)
    mu = _np.arcsinh(1 / ripple) / N
    angles = math.pi * np.arange(-N + 1, N, 2) / (2 * N)
    p = -_np.sinh(mu + 1j * angles)
    k = _np.real(_np.prod(-p))
    return np.array([]), p, k / _np.sqrt(1 + ripple**2) if N % 2 == 0 else k


@implements(scipy.signal.cheb2ap)
def cheb2ap(N: int, rs: Value) -> Roots:
    """Return the prototype of Chebyshev's second kind with ``rs`` decibels less."""
    mu = _np.arcsinh(_np.sqrt(10 ** (0.1 * rs) - 1)) / N
    z = _theirs.cheb2ap(N, example(rs))[0]
    circle = -_np.exp(1j * math.pi * np.arange(-N + 1, N, 2) / (2 * N))
    p: Any = 1 / (_np.sinh(mu) * circle.real + 1j * _np.cosh(mu) * circle.imag)
    return z, p, _np.real(_np.prod(-p) / np.prod(-z))


def _prototype(kind: str, N: int, rp: Value | None, rs: Value | None) -> Roots:
    if kind in ("cheby1", "cheb1", "chebyshev1", "chebyshevi"):
        return (
            cheb1ap(N, rp) if rp is not None and moves(rp) else _theirs.cheb1ap(N, rp)
        )
    if kind in ("cheby2", "cheb2", "chebyshev2", "chebyshevii"):
        return (
            cheb2ap(N, rs) if rs is not None and moves(rs) else _theirs.cheb2ap(N, rs)
        )
    if kind in ("ellip", "elliptic", "cauer"):
        if moves(rp, rs):
            raise refused(
                "An elliptic filter in its ripples rp and rs",
                "Pass gd.value(rp) and gd.value(rs), or take cheby1 or cheby2.",
            )
        return _theirs.ellipap(N, rp, rs)
    if kind in _BESSEL:
        return _theirs.besselap(N, norm=_BESSEL[kind])
    return _theirs.buttap(N)


# ------------------------------------------------------------------------------- maps


def _real_of_product(x: Array) -> Any:
    return _np.real(_np.prod(x)) if np.size(x) else 1.0


def _grown(z: Array, count: int, at: complex | Value = 0.0) -> Any:
    """Return zeros with ``count`` more."""
    return _np.concatenate([z + 0j, at * _np.ones(count) + 0j])


@implements(scipy.signal.lp2lp_zpk)
def lp2lp_zpk(z: ArrayLike, p: ArrayLike, k: Value, wo: Value = 1.0) -> Roots:
    """Return a lowpass filter with the edge ``wo``."""
    zeros, poles = _roots(z), _roots(p)
    return wo * zeros, wo * poles, k * wo ** (poles.size - zeros.size)


@implements(scipy.signal.lp2hp_zpk)
def lp2hp_zpk(z: ArrayLike, p: ArrayLike, k: Value, wo: Value = 1.0) -> Roots:
    """Return a highpass filter with the edge ``wo``."""
    zeros, poles = _roots(z), _roots(p)
    gain = k * (_real_of_product(-zeros) / _real_of_product(-poles))
    return _grown(wo / zeros, poles.size - zeros.size), wo / poles, gain


def _pairs(x: Array, wo: Value) -> Any:
    """Return the two roots in the band of each of the prototype."""
    half = _np.sqrt(x**2 - wo**2 + 0j)
    return _np.concatenate([x + half, x - half])


@implements(scipy.signal.lp2bp_zpk)
def lp2bp_zpk(
    z: ArrayLike, p: ArrayLike, k: Value, wo: Value = 1.0, bw: Value = 1.0
) -> Roots:
    """Return a bandpass filter with the centre ``wo`` and the width ``bw``."""
    zeros, poles = _roots(z), _roots(p)
    more = poles.size - zeros.size
    low, high = _pairs(zeros * bw / 2, wo), _pairs(poles * bw / 2, wo)
    return _grown(low, more), high, k * bw**more


@implements(scipy.signal.lp2bs_zpk)
def lp2bs_zpk(
    z: ArrayLike, p: ArrayLike, k: Value, wo: Value = 1.0, bw: Value = 1.0
) -> Roots:
    """Return a bandstop filter with the centre ``wo`` and the width ``bw``."""
    zeros, poles = _roots(z), _roots(p)
    more = poles.size - zeros.size
    low, high = _pairs(bw / 2 / zeros, wo), _pairs(bw / 2 / poles, wo)
    low = _grown(_grown(low, more, 1j * wo), more, -1j * wo)
    return low, high, k * (_real_of_product(-zeros) / _real_of_product(-poles))


@implements(scipy.signal.bilinear_zpk)
def bilinear_zpk(z: ArrayLike, p: ArrayLike, k: Value, fs: float) -> Roots:
    """Return the digital filter of an analogue one, by the bilinear transform."""
    zeros, poles = _roots(z), _roots(p)
    twice = 2.0 * fs
    gain = k * (_real_of_product(twice - zeros) / _real_of_product(twice - poles))
    low, high = (twice + zeros) / (twice - zeros), (twice + poles) / (twice - poles)
    return _grown(low, poles.size - zeros.size, -1.0), high, gain


def _roots(x: ArrayLike) -> Any:
    return _np.reshape(array_of(x), (-1,))


def polynomial_of(roots: Array) -> Any:
    """Return the coefficients of a polynomial; roots are real or in pairs."""
    c: Any = _np.ones(1)
    for i in range(roots.size):
        c = _np.concatenate([c, np.zeros(1)]) - roots[i] * _np.concatenate(
            [np.zeros(1), c]
        )
    return _np.real(c)


# ---------------------------------------------------------------------------- designs


@implements(scipy.signal.iirfilter)
def iirfilter(
    N: int,
    Wn: ArrayLike,
    rp: Value | None = None,
    rs: Value | None = None,
    btype: str = "band",
    analog: bool = False,
    ftype: str = "butter",
    output: str = "ba",
    fs: float | None = None,
) -> Any:
    """Return a recursive filter; edges and ripples may be nodes."""
    plain = {"btype": btype, "analog": analog, "ftype": ftype, "fs": fs}
    ripples = (None if r is None else example(r) for r in (rp, rs))
    _theirs.iirfilter(N, example(Wn), *ripples, output=output, **plain)
    kind, w = _KINDS[btype.lower()], array_of(Wn)
    if not analog:
        w = 4.0 * _np.tan(math.pi * (w if fs is None else 2 * w / fs) / 2.0)
    z, p, k = _prototype(ftype.lower(), N, rp, rs)
    if kind in ("lp", "hp"):
        to_band: Any = lp2lp_zpk if kind == "lp" else lp2hp_zpk
        z, p, k = to_band(z, p, k, _np.reshape(w, ()))
    else:
        to_band = lp2bp_zpk if kind == "bp" else lp2bs_zpk
        z, p, k = to_band(z, p, k, _np.sqrt(w[0] * w[1]), w[1] - w[0])
    if not analog:
        z, p, k = bilinear_zpk(z, p, k, 2.0)
    if output in ("zpk", "ba"):
        return (z, p, k) if output == "zpk" else _ratio(z, p, k)
    return _sections(z, p, k, analog=analog)


def _ratio(z: Array, p: Array, k: Value) -> tuple[Any, Any]:
    return k * polynomial_of(z), polynomial_of(p)


def _sections(z: Array, p: Array, k: Value, *, analog: bool) -> Any:
    """Return second-order sections: of the roots that are together in SciPy's."""
    if analog:
        raise refused("output='sos' of an analogue filter", "Take output='zpk'.")
    plain = _theirs.zpk2sos(example(z), example(p), example(k))
    if p.size % 2:
        z, p = _grown(z, 1), _grown(p, 1)
    lines: list[Any] = []
    left = list(range(z.size)), list(range(p.size))
    for i, section in enumerate(plain):
        b = polynomial_of(z[_taken(section[:3], z, left[0])])
        a = polynomial_of(p[_taken(section[3:], p, left[1])])
        lines.append(_np.concatenate([k * b if i == 0 else b, a]))
    return _np.stack(lines)


def _taken(coefficients: Array, roots: Array, left: list[int]) -> list[int]:
    """Return which roots a section has, and take them from those that are left."""
    own = _np.roots(coefficients)
    own = _np.concatenate([own, np.zeros(2 - own.size)])
    values, found = example(roots), list[int]()
    for r in own:
        nearest = left[int(_np.argmin(_np.abs(values[left] - r)))]
        left.remove(nearest)
        found.append(nearest)
    return found


@implements(scipy.signal.butter)
def butter(
    N: int,
    Wn: ArrayLike,
    btype: str = "low",
    analog: bool = False,
    output: str = "ba",
    fs: float | None = None,
) -> Any:
    """Return Butterworth's filter; its edges may be nodes."""
    return iirfilter(N, Wn, None, None, btype, analog, "butter", output, fs)


@implements(scipy.signal.cheby1)
def cheby1(
    N: int,
    rp: Value,
    Wn: ArrayLike,
    btype: str = "low",
    analog: bool = False,
    output: str = "ba",
    fs: float | None = None,
) -> Any:
    """Return Chebyshev's filter of the first kind; edges and ripple may be nodes."""
    return iirfilter(N, Wn, rp, None, btype, analog, "cheby1", output, fs)


@implements(scipy.signal.cheby2)
def cheby2(
    N: int,
    rs: Value,
    Wn: ArrayLike,
    btype: str = "low",
    analog: bool = False,
    output: str = "ba",
    fs: float | None = None,
) -> Any:
    """Return Chebyshev's filter of the second kind; edges and ripple may be nodes."""
    return iirfilter(N, Wn, None, rs, btype, analog, "cheby2", output, fs)


@implements(scipy.signal.ellip)
def ellip(
    N: int,
    rp: float,
    rs: float,
    Wn: ArrayLike,
    btype: str = "low",
    analog: bool = False,
    output: str = "ba",
    fs: float | None = None,
) -> Any:
    """Return an elliptic filter; its edges may be nodes, and its ripples not."""
    return iirfilter(N, Wn, rp, rs, btype, analog, "ellip", output, fs)


@implements(scipy.signal.bessel)
def bessel(
    N: int,
    Wn: ArrayLike,
    btype: str = "low",
    analog: bool = False,
    output: str = "ba",
    norm: str = "phase",
    fs: float | None = None,
) -> Any:
    """Return Bessel's filter; its edges may be nodes."""
    return iirfilter(N, Wn, None, None, btype, analog, f"bessel_{norm}", output, fs)


def _resonance(w0: Value, Q: Value, fs: float) -> tuple[Any, Any]:
    """Return the cosine of the frequency, and the gain, of a notch."""
    w = 2.0 * w0 / fs
    return _np.cos(math.pi * w), 1.0 / (1.0 + _np.tan(math.pi * w / Q / 2.0))


@implements(scipy.signal.iirnotch)
def iirnotch(w0: Value, Q: Value, fs: float = 2.0) -> tuple[Any, Any]:
    """Return the filter that takes out one frequency, of quality ``Q``."""
    _theirs.iirnotch(example(w0), example(Q), fs)
    cosine, gain = _resonance(w0, Q, fs)
    b = gain * _np.stack([1.0 + 0.0 * cosine, -2.0 * cosine, 1.0 + 0.0 * cosine])
    return b, _np.stack([1.0 + 0.0 * gain, -2.0 * gain * cosine, 2.0 * gain - 1.0])


@implements(scipy.signal.iirpeak)
def iirpeak(w0: Value, Q: Value, fs: float = 2.0) -> tuple[Any, Any]:
    """Return the filter that leaves one frequency, of quality ``Q``."""
    _theirs.iirpeak(example(w0), example(Q), fs)
    cosine, gain = _resonance(w0, Q, fs)
    b = (1.0 - gain) * np.array([1.0, 0.0, -1.0])
    return b, _np.stack([1.0 + 0.0 * gain, -2.0 * gain * cosine, 2.0 * gain - 1.0])
