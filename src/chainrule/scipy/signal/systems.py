"""Linear systems as polynomials, states and sections, and maps between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.scipy import linalg
from chainrule.scipy.moving import array_of, example, floats_of
from chainrule.scipy.signal.design import polynomial_of
from chainrule.values.types import Array, Value
from chainrule.values.vertices import is_refused, raw
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
_np: Any = np
Polynomials = tuple[Any, Any]
"""Numerator and denominator."""
States = tuple[Any, Any, Any, Any]
"""The matrices A, B, C and D."""


def _line(x: ArrayLike) -> Any:
    return _np.reshape(floats_of(x), (-1,))


def _filled(x: Array, before: int, after: int = 0) -> Any:
    """Return coefficients with zeros before and after."""
    parts = [np.zeros(before), x, np.zeros(after)]
    return _np.concatenate(parts) if before or after else x


def _listed(x: Any) -> list[Any]:
    return list(x)


@implements(scipy.signal.normalize)
def normalize(b: ArrayLike, a: ArrayLike) -> Polynomials:
    """Return polynomials with the leading coefficient 1 of the denominator.

    Which of the leading coefficients are zeros is read from the values.
    """
    den = _line(a)
    num = _rows(b)
    num = _np.reshape(num, (1, -1)) if num.ndim < 2 else num
    plain = _theirs.normalize(example(num), example(den))
    kept, count = np.shape(plain[0])[-1], plain[1].shape[0]
    _as_in_the_example(den, den.shape[0] - count, 0.0)
    den = den[den.shape[0] - count :]
    num = num / den[0]
    _as_in_the_example(_np.moveaxis(num, 1, 0), num.shape[1] - kept, 1e-14)
    num = num[:, num.shape[1] - kept :]
    return num[0] if num.shape[0] == 1 else num, den / den[0]


def _as_in_the_example(x: Array, zeros: int, size: float) -> None:
    """Have a compiled function ask the plain one where other coefficients lead."""
    far = _np.abs(raw(x)) > size
    if is_refused(_np.any(far[:zeros])) or is_refused(~_np.any(far[: zeros + 1])):
        raise ArgumentError("A polynomial has no coefficient but zeros.")


def _rows(b: Any) -> Any:
    """Return a polynomial, or several of several degrees as the rows of a matrix."""
    rows = _listed(b) if type(b) in (list, tuple) else []
    if not rows or not np.ndim(example(rows[0])):
        return floats_of(b)
    lines = [_line(row) for row in rows]
    width = max(row.shape[0] for row in lines)
    return _np.stack([_filled(row, width - row.shape[0]) for row in lines])


@implements(scipy.signal.tf2ss)
def tf2ss(num: ArrayLike, den: ArrayLike) -> States:
    """Return the controllable canonical form of a system."""
    b, a = normalize(num, den)
    b = _np.reshape(b, (1, -1)) if b.ndim == 1 else b
    rows, width, order = b.shape[0], b.shape[1], a.shape[0] - 1
    if width > order + 1:
        raise ArgumentError("The numerator is longer than the denominator.")
    if width <= order:
        b = _np.concatenate([np.zeros((rows, order + 1 - width)), b], axis=1)
    d = b[:, :1]
    if order == 0:
        return np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((rows, 1)), d
    companion = _np.concatenate([-a[None, 1:], np.eye(order - 1, order)])
    return companion, np.eye(order, 1), b[:, 1:] - d * a[1:], d


@implements(scipy.signal.zpk2ss)
def zpk2ss(z: ArrayLike, p: ArrayLike, k: Value) -> States:
    """Return the controllable canonical form of a system with zeros and poles."""
    zeros, poles = (_np.reshape(array_of(x), (-1,)) for x in (z, p))
    return tf2ss(array_of(k) * polynomial_of(zeros), polynomial_of(poles))


@implements(scipy.signal.tf2zpk)
def tf2zpk(b: ArrayLike, a: ArrayLike) -> tuple[Any, Any, Any]:
    """Return the zeros, the poles and the gain of polynomials."""
    num, den = normalize(b, a)
    return _np.roots(num / num[0]), _np.roots(den), num[0]


@implements(scipy.signal.ss2zpk)
def ss2zpk(
    A: ArrayLike, B: ArrayLike, C: ArrayLike, D: ArrayLike, input: int = 0
) -> tuple[Any, Any, Any]:
    """Return the zeros, the poles and the gain of a system of states."""
    return tf2zpk(*ss2tf(A, B, C, D, input))


@implements(scipy.signal.sos2zpk)
def sos2zpk(sos: ArrayLike) -> tuple[Any, Any, Any]:
    """Return the zeros, the poles and the gain of a filter in sections."""
    sections = floats_of(sos)
    zeros: list[Any] = []
    poles: list[Any] = []
    gain: Any = 1.0
    for k in range(sections.shape[0]):
        z, p, own = tf2zpk(sections[k, :3], sections[k, 3:])
        for found, roots in ((zeros, z), (poles, p)):
            found.append(_filled(roots + 0j, 0, 2 - roots.shape[0]))
        gain = gain * own
    return _np.concatenate(zeros), _np.concatenate(poles), gain


@implements(scipy.signal.abcd_normalize)
def abcd_normalize(
    A: ArrayLike | None = None,
    B: ArrayLike | None = None,
    C: ArrayLike | None = None,
    D: ArrayLike | None = None,
) -> States:
    """Return the four matrices of a system, zeros for those that are missing."""
    given: list[Any] = [None if M is None else floats_of(M) for M in (A, B, C, D)]
    plain = _theirs.abcd_normalize(*(None if M is None else example(M) for M in given))
    whole = [
        like if M is None or not M.size else _np.reshape(M, like.shape)
        for M, like in zip(given, plain, strict=True)
    ]
    return whole[0], whole[1], whole[2], whole[3]


@implements(scipy.signal.ss2tf)
def ss2tf(
    A: ArrayLike, B: ArrayLike, C: ArrayLike, D: ArrayLike, input: int = 0
) -> Polynomials:
    """Return the polynomials of a system of states, from one of its inputs."""
    a, b, c, d = abcd_normalize(A, B, C, D)
    if input >= d.shape[1]:
        raise ArgumentError(f"The system has {d.shape[1]} inputs; none is {input}.")
    b, d = b[:, input : input + 1], d[:, input]
    den = _np.poly(a)
    many = range(int(d.shape[0]))
    rows = [_np.poly(a - b * c[k]) + (d[k] - 1.0) * den for k in many]
    return _np.stack(rows), den


@implements(scipy.signal.sos2tf)
def sos2tf(sos: ArrayLike) -> Polynomials:
    """Return the polynomials of a filter in sections."""
    sections = floats_of(sos)
    b: Any = np.ones(1)
    a: Any = np.ones(1)
    for k in range(sections.shape[0]):
        b = _np.convolve(b, sections[k, :3])
        a = _np.convolve(a, sections[k, 3:])
    return b, a


# ------------------------------------------------------------------------------- maps


@implements(scipy.signal.bilinear)
def bilinear(b: ArrayLike, a: ArrayLike, fs: Value = 1.0) -> Polynomials:
    """Return the digital filter of an analogue one: s = 2 fs (z - 1) / (z + 1)."""
    num, den = _line(b), _line(a)
    top = max(num.shape[0], den.shape[0]) - 1

    def mapped(c: Any) -> Any:
        n = c.shape[0] - 1
        rows = [
            np.poly(np.repeat([1.0, -1.0], [n - k, top - n + k])) for k in range(n + 1)
        ]
        powers = [(2.0 * fs) ** (n - k - 0.5 * top) for k in range(n + 1)]
        return sum(c[k] * powers[k] * rows[k] for k in range(n + 1))

    return normalize(mapped(num), mapped(den))


@implements(scipy.signal.lp2lp)
def lp2lp(b: ArrayLike, a: ArrayLike, wo: Value = 1.0) -> Polynomials:
    """Return a lowpass filter with the edge ``wo``: s becomes s / wo."""
    edge = _np.reshape(array_of(wo), (-1,))[0]

    def mapped(c: Any) -> Any:
        return c * edge ** np.arange(-(c.shape[0] - 1.0), 1.0)

    return normalize(mapped(_line(b)), mapped(_line(a)))


@implements(scipy.signal.lp2hp)
def lp2hp(b: ArrayLike, a: ArrayLike, wo: Value = 1.0) -> Polynomials:
    """Return a highpass filter with the edge ``wo``: s becomes wo / s."""
    edge = _np.reshape(array_of(wo), (-1,))[0]
    num, den = _line(b), _line(a)
    top = max(num.shape[0], den.shape[0])

    def mapped(c: Any) -> Any:
        n = int(c.shape[0])
        powers: Any = edge ** np.arange(1.0 * n)
        return _filled(_np.flip(c) * powers, 0, top - n)

    return normalize(mapped(num), mapped(den))


def _of_band(c: Any, top: int, upper: Any, lower: Any) -> Any:
    """Return the numerator of a polynomial in upper / lower, times lower**top."""
    total: Any = np.zeros(1)
    n = c.shape[0] - 1
    for k in range(n + 1):
        term: Any = c[n - k] * np.ones(1)
        for _ in range(k):
            term = _np.convolve(term, upper)
        for _ in range(top - k):
            term = _np.convolve(term, lower)
        width = max(term.shape[0], total.shape[0])
        total = _filled(total, width - total.shape[0])
        total = total + _filled(term, width - term.shape[0])
    return total


@implements(scipy.signal.lp2bp)
def lp2bp(b: ArrayLike, a: ArrayLike, wo: Value = 1.0, bw: Value = 1.0) -> Polynomials:
    """Return a bandpass filter: s becomes (s**2 + wo**2) / (bw s)."""
    num, den = _line(b), _line(a)
    top = max(num.shape[0], den.shape[0]) - 1
    upper = _np.stack([1.0, 0.0, 1.0 * wo * wo])
    lower = _np.stack([1.0 * bw, 0.0])
    return normalize(_of_band(num, top, upper, lower), _of_band(den, top, upper, lower))


@implements(scipy.signal.lp2bs)
def lp2bs(b: ArrayLike, a: ArrayLike, wo: Value = 1.0, bw: Value = 1.0) -> Polynomials:
    """Return a bandstop filter: s becomes bw s / (s**2 + wo**2)."""
    num, den = _line(b), _line(a)
    top = max(num.shape[0], den.shape[0]) - 1
    upper = _np.stack([1.0 * bw, 0.0])
    lower = _np.stack([1.0, 0.0, 1.0 * wo * wo])
    return normalize(_of_band(num, top, upper, lower), _of_band(den, top, upper, lower))


@implements(scipy.signal.cont2discrete)
def cont2discrete(
    system: Sequence[ArrayLike],
    dt: Value,
    method: str = "zoh",
    alpha: Value | None = None,
) -> tuple[Any, ...]:
    """Return a system in steps of time ``dt``; matrices and ``dt`` may be nodes."""
    if len(system) == 2:
        return *ss2tf(*cont2discrete(tf2ss(*system), dt, method, alpha)[:4]), dt
    if len(system) == 3:
        return *ss2zpk(*cont2discrete(zpk2ss(*system), dt, method, alpha)[:4]), dt
    if len(system) != 4:
        raise ArgumentError("A system is a tuple of 2 (tf), 3 (zpk) or 4 (ss) arrays.")
    a, b, c, d = map(floats_of, system)
    alpha = _ALPHAS.get(method, alpha)
    if method in ("gbt", *_ALPHAS):
        if alpha is None:
            raise ArgumentError("method='gbt' needs alpha, from 0 to 1.")
        return *_by_trapezia(a, b, c, d, dt, alpha), dt
    n, m = b.shape
    if method == "impulse":
        ad = linalg.expm(a * dt)
        return ad, ad @ b * dt, c, c @ b * dt, dt
    if method not in ("zoh", "foh"):
        raise ArgumentError(f"method={method!r} is no transform of a system.")
    first = _held(a, b, dt, ramp=method == "foh")
    ad, bd = first[:n, :n], first[:n, n : n + m]
    if method == "zoh":
        return ad, bd, c, d, dt
    ramp = first[:n, n + m :]
    return ad, bd - ramp + ad @ ramp, c, d + c @ ramp, dt


_ALPHAS = {
    **dict.fromkeys(("bilinear", "tustin"), 0.5),
    **dict.fromkeys(("euler", "forward_diff"), 0.0),
    "backward_diff": 1.0,
}


def _by_trapezia(
    a: Array, b: Array, c: Any, d: Array, dt: Value, alpha: Value
) -> States:
    one = np.eye(a.shape[0])
    left = one - alpha * dt * a
    ad = _np.linalg.solve(left, one + (1.0 - alpha) * dt * a)
    bd = _np.linalg.solve(left, dt * b)
    cd = _np.transpose(_np.linalg.solve(_np.transpose(left), _np.transpose(c)))
    return ad, bd, cd, d + alpha * (c @ bd)


def _held(a: Array, b: Array, dt: Value, *, ramp: bool) -> Any:
    """Return what a step makes of the state, the input, and its rise if ``ramp``."""
    n, m = b.shape
    rows = [_np.concatenate([a * dt, b * dt], axis=1), np.zeros((m, n + m))]
    whole: Any = _np.concatenate(rows)
    if ramp:
        rise = np.concatenate([np.zeros((n, m)), np.eye(m)])
        whole = _np.concatenate([whole, rise], axis=1)
        whole = _np.concatenate([whole, np.zeros((m, n + 2 * m))])
    return linalg.expm(whole)


def states_of(system: Any) -> States:
    """Return the matrices of a system of 2, 3 or 4 parts, or of SciPy's own."""
    if isinstance(system, _theirs.lti | _theirs.dlti):
        states = system.to_ss()
        return states.A, states.B, states.C, states.D
    parts = _listed(system)
    if len(parts) == 2:
        return tf2ss(*parts)
    return zpk2ss(*parts) if len(parts) == 3 else abcd_normalize(*parts)
