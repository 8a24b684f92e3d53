"""Frequency responses of filters, in their coefficients and in the frequencies."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.operations import namespace as ops
from chainrule.scipy.signal.filtering import coefficients, floating
from chainrule.values.types import Array
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
Frequencies = int | ArrayLike | None
"""Frequencies, or how many there are to be."""


def _is_count(w: Frequencies) -> bool:
    return w is None or isinstance(w, int | np.integer)


def _angles(
    w: Frequencies, whole: bool, fs: float, usual: int, nyquist: bool = False
) -> tuple[Any, Any]:
    """Return frequencies in the caller's unit, and in radians per sample."""
    if not _is_count(w):
        f = floating(w)  # pyright: ignore[reportArgumentType]
        f = ops.reshape(f, (1,)) if f.ndim == 0 else f
        return f, f * (2 * math.pi / fs)
    count = usual if w is None else operator.index(w)  # pyright: ignore
    last = 2 * math.pi if whole else math.pi
    angles = np.linspace(0, last, count, endpoint=nyquist and not whole)
    return angles * (fs / (2 * math.pi)), angles


def polynomial(c: Array, x: Array, *, rising: bool = False) -> Any:
    """Return a polynomial at points, its coefficients falling, or rising, in power.

    Axes of the coefficients after the first are those of several polynomials.
    """
    listed = [c[k] for k in range(c.shape[0])]
    total: Any = 0.0
    for one in reversed(listed) if rising else listed:
        total = total * x + one
    return total + 0.0 * x


def _no_plot(plot: object) -> None:
    if plot is not None:
        raise ArgumentError("plot= is not supported with nodes: plot the results.")


@implements(scipy.signal.freqz)
def freqz(
    b: ArrayLike,
    a: ArrayLike = 1,
    worN: Frequencies = 512,
    whole: bool = False,
    plot: Callable[..., Any] | None = None,
    fs: float = 2 * math.pi,
    include_nyquist: bool = False,
) -> Any:
    """Return frequencies and the response of a digital filter at them.

    Coefficients and frequencies may be nodes.
    """
    _no_plot(plot)
    f, angles = _angles(worN, whole, fs, 512, include_nyquist)
    z = ops.exp(-1j * angles)
    num, den = (floating(v) for v in (b, a))
    num, den = (ops.reshape(v, (1,)) if v.ndim == 0 else v for v in (num, den))
    h = polynomial(num, z, rising=True) / polynomial(den, z, rising=True)
    return f, h


@implements(scipy.signal.freqs)
def freqs(
    b: ArrayLike,
    a: ArrayLike,
    worN: Frequencies = 200,
    plot: Callable[..., Any] | None = None,
) -> Any:
    """Return angular frequencies and the response of an analogue filter at them.

    Where they are only counted they are chosen by the values, and constant.
    """
    _no_plot(plot)
    b, a = coefficients(b, "b"), coefficients(a, "a")
    if _is_count(worN):
        count = 200 if worN is None else worN
        w = _theirs.findfreqs(plain_operand(b), plain_operand(a), count)
    else:
        w, _ = _angles(worN, False, 2 * math.pi, 200)
    return w, polynomial(b, 1j * w) / polynomial(a, 1j * w)


def _from_roots(x: Array, roots: Array) -> Any:
    return ops.prod(x[:, None] - roots[None, :], axis=1)


@implements(scipy.signal.freqz_zpk)
def freqz_zpk(
    z: ArrayLike,
    p: ArrayLike,
    k: ArrayLike,
    worN: Frequencies = 512,
    whole: bool = False,
    fs: float = 2 * math.pi,
) -> Any:
    """Return frequencies and the response of a digital filter with zeros and poles."""
    f, angles = _angles(worN, whole, fs, 512)
    x = ops.exp(1j * angles)
    zeros, poles = coefficients_or_none(z), coefficients_or_none(p)
    return f, ops.asarray(k) * _from_roots(x, zeros) / _from_roots(x, poles)


@implements(scipy.signal.freqs_zpk)
def freqs_zpk(z: ArrayLike, p: ArrayLike, k: ArrayLike, worN: Frequencies = 200) -> Any:
    """Return angular frequencies and the response of an analogue filter with roots."""
    zeros, poles = coefficients_or_none(z), coefficients_or_none(p)
    if _is_count(worN):
        count = 200 if worN is None else worN
        plain = plain_operand(zeros), plain_operand(poles)
        w = _theirs.findfreqs(*plain, count, kind="zp")
    else:
        w, _ = _angles(worN, False, 2 * math.pi, 200)
    x = 1j * w
    return w, ops.asarray(k) * _from_roots(x, zeros) / _from_roots(x, poles)


def coefficients_or_none(roots: ArrayLike) -> Array:
    """Return roots as a line, which may be empty."""
    r = floating(roots)
    return ops.reshape(r, (1,)) if r.ndim == 0 else r


@implements(scipy.signal.freqz_sos, scipy.signal.sosfreqz)
def freqz_sos(
    sos: ArrayLike,
    worN: Frequencies = 512,
    whole: bool = False,
    fs: float = 2 * math.pi,
) -> Any:
    """Return frequencies and the response of a digital filter in sections."""
    s = floating(sos)
    s = ops.reshape(s, (1, -1)) if s.ndim == 1 else s
    if s.shape[0] == 0 or s.shape[1] != 6:
        raise ArgumentError(f"sos has the shape {s.shape}; it is (n_sections, 6).")
    f, angles = _angles(worN, whole, fs, 512)
    z = ops.exp(-1j * angles)
    h: Any = 1.0
    for k in range(s.shape[0]):
        b, a = s[k, :3], s[k, 3:]
        h = h * (polynomial(b, z, rising=True) / polynomial(a, z, rising=True))
    return f, h


@implements(scipy.signal.group_delay)
def group_delay(
    system: Sequence[ArrayLike],
    w: Frequencies = 512,
    whole: bool = False,
    fs: float = 2 * math.pi,
) -> Any:
    """Return frequencies and the delay of a digital filter (b, a), in samples.

    Where the delay is singular it is 0, and so is its derivative.
    """
    b, a = coefficients(system[0], "b"), coefficients(system[1], "a")
    f, angles = _angles(w, whole, fs, 512)
    c = ops.convolve(b, ops.conjugate(ops.flip(a)))
    z = ops.exp(-1j * angles)
    num = polynomial(c * np.arange(c.size), z, rising=True)
    den = polynomial(c, z, rising=True)
    singular = den == 0
    delay = ops.real(num / ops.where(singular, 1.0, den)) - a.size + 1
    return f, ops.where(singular, 0.0, delay)
