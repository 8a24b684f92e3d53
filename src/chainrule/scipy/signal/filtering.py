"""Digital filters with a state, forward and backward, in sections."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import at
from chainrule.scipy.signal.convolutions import convolve
from chainrule.scipy.signal.extensions import extended_by
from chainrule.scipy.signal.gustafsson import without_transients
from chainrule.scipy.signal.recursive import backwards, filter_at_rest
from chainrule.values.types import Array, Shape
from chainrule.values.vertices import raw, stand_in
from chainrule.wrapping import implements

State = ArrayLike | None


def floating(x: ArrayLike) -> Array:
    """Return an array of floating-point numbers."""
    x = ops.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def coefficients(given: ArrayLike, name: str) -> Array:
    """Return the coefficients of a polynomial, checked."""
    c = floating(given)
    c = ops.reshape(c, (1,)) if c.ndim == 0 else c
    if c.ndim != 1 or not c.size:
        raise ArgumentError(f"{name} has the shape {c.shape}; it is a line of numbers.")
    return c


def _signal(x: ArrayLike, axis: int) -> tuple[Array, int]:
    x = floating(x)
    if not -x.ndim <= axis < x.ndim:
        raise ArgumentError(f"A signal of shape {x.shape} has no axis {axis}.")
    return x, axis % x.ndim


def zeros_like_line(x: Array, axis: int, count: int) -> Any:
    """Return zeros of a signal's dtype, so many along the axis."""
    return np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)


@implements(scipy.signal.lfilter)
def lfilter(
    b: ArrayLike, a: ArrayLike, x: ArrayLike, axis: int = -1, zi: State = None
) -> Any:
    """Return a signal filtered, and the state that is left if one was given.

    ``b``, ``a``, ``x`` and ``zi`` may be nodes.
    """
    b, a = coefficients(b, "b"), coefficients(a, "a")
    x, axis = _signal(x, axis)
    if zi is None:
        return filter_at_rest(b, a, x, axis=axis)
    count, n = max(b.size, a.size) - 1, x.shape[axis]
    state = _state(zi, x, axis, count)
    one = np.ones(1, np.result_type(b.dtype, a.dtype, x.dtype))
    first = state[at(axis, slice(n))] * a[0]
    rest = zeros_like_line(x, axis, max(n - count, 0))
    source = filter_at_rest(b, one, x, axis=axis)
    y = filter_at_rest(
        one, a, source + ops.concatenate([first, rest], axis=axis), axis=axis
    )
    zf = (_left(b, x, axis, count) - _left(a, y, axis, count)) / a[0]
    if n < count:
        gone = zeros_like_line(x, axis, n)
        zf = zf + ops.concatenate([state[at(axis, slice(n, None))], gone], axis=axis)
    return y, zf


def _state(zi: ArrayLike, x: Array, axis: int, count: int) -> Any:
    """Return the state for each line of a signal."""
    state = floating(zi)
    wanted: Shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    fits = state.ndim == x.ndim and state.shape[axis] == count
    if not fits or any(
        n not in (1, m) for n, m in zip(state.shape, wanted, strict=True)
    ):
        raise ArgumentError(f"zi has the shape {state.shape}; it needs {wanted}.")
    return ops.broadcast_to(state, wanted)


def _left(c: Array, x: Array, axis: int, count: int) -> Any:
    """Return what a filter of finite length still gives when its input has ended."""
    last = x[at(axis, slice(max(x.shape[axis] - count, 0), None))]
    before = zeros_like_line(x, axis, count - last.shape[axis])
    after = zeros_like_line(x, axis, count)
    ended = ops.concatenate([before, last, after], axis=axis)
    one = np.ones(1, np.result_type(c.dtype, x.dtype))
    return filter_at_rest(c, one, ended, axis=axis)[at(axis, slice(count, None))]


def _of_length(c: Array, n: int) -> Any:
    """Return coefficients, filled up with zeros."""
    more = np.zeros(n - c.size, c.dtype)
    return ops.concatenate([c, more]) if more.size else c


def lagged_sums(c: Array, past: Array, count: int) -> Any:
    """Return sum over j > m of c[j] past[j - m - 1], for 0 <= m < count."""
    n = c.size - 1
    past = _of_length(past, n) if past.size < n else past
    sums = [ops.sum(c[m + 1 :] * past[: n - m]) for m in range(n)]
    zeros = [np.zeros((), np.result_type(c.dtype, past.dtype))] * (count - n)
    return ops.stack([*sums, *zeros]) if count else np.zeros(0)


@implements(scipy.signal.lfiltic)
def lfiltic(b: ArrayLike, a: ArrayLike, y: ArrayLike, x: State = None) -> Any:
    """Return the state of a filter after outputs ``y`` and inputs ``x``, last first."""
    b, a = coefficients(b, "b"), coefficients(a, "a")
    count = max(a.size, b.size) - 1
    inputs = np.zeros(b.size - 1) if x is None else coefficients(x, "x")
    outputs = coefficients(y, "y")
    left = lagged_sums(b, ops.asarray(inputs), count)
    return (left - lagged_sums(a, outputs, count)) / a[0]


@implements(scipy.signal.deconvolve)
def deconvolve(signal: ArrayLike, divisor: ArrayLike) -> Any:
    """Return quotient and remainder of a signal by a divisor, as polynomials."""
    num, den = coefficients(signal, "signal"), coefficients(divisor, "divisor")
    if den.size > num.size:
        return [], num
    impulse = np.zeros(num.size - den.size + 1)
    impulse[0] = 1.0
    quotient = lfilter(num, den, impulse)
    return quotient, num - convolve(den, quotient, "full")


# ----------------------------------------------------------------- forward and backward


@implements(scipy.signal.lfilter_zi)
def lfilter_zi(b: ArrayLike, a: ArrayLike) -> Any:
    """Return the state of a filter after a long input of ones."""
    b, a = coefficients(b, "b"), coefficients(a, "a")
    while a.size > 1 and not isinstance(raw(a), stand_in) and raw(a)[0] == 0.0:
        a = a[1:]
    n = max(a.size, b.size)
    num: Array = _of_length(b / a[0], n)
    den: Array = _of_length(a / a[0], n)
    if n == 1:
        return np.zeros(0)
    shift = (np.eye(n - 1) - np.eye(n - 1, k=1)).astype(den.dtype)
    matrix = den[1:, None] * np.eye(1, n - 1, dtype=den.dtype) + shift
    return ops.linalg.solve(matrix, num[1:] - den[1:] * num[0])


@implements(scipy.signal.filtfilt)
def filtfilt(
    b: ArrayLike,
    a: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
    method: str = "pad",
    irlen: int | None = None,
) -> Any:
    """Return a signal filtered forward and backward, so that no phase is shifted."""
    b, a = coefficients(b, "b"), coefficients(a, "a")
    x, axis = _signal(x, axis)
    if method == "gust":
        return without_transients(b, a, x, axis, irlen)
    if method != "pad":
        raise ArgumentError(f"method={method!r} is none of pad, gust.")
    edge, longer = _padded(padtype, padlen, x, axis, 3 * max(a.size, b.size))
    shape = (-1, *(1,) * (x.ndim - 1 - axis))
    zi = ops.reshape(lfilter_zi(b, a), (*(1,) * axis, *shape))
    y = longer
    for _ in range(2):
        y, _ = lfilter(b, a, y, axis, zi=zi * y[at(axis, slice(1))])
        y = backwards(y, axis)
    return y[at(axis, slice(edge, -edge))] if edge else y


def _padded(
    padtype: str | None, padlen: int | None, x: Array, axis: int, usual: int
) -> tuple[int, Any]:
    """Return how far a signal is extended at both ends, and the longer signal."""
    edge = 0 if padtype is None else usual if padlen is None else padlen
    if x.shape[axis] <= edge:
        raise ArgumentError(
            f"A signal of {x.shape[axis]} samples is too short for padlen={edge}. Give "
            "a smaller padlen."
        )
    if padtype is None or edge <= 0:
        return edge, x
    return edge, extended_by(padtype, x, edge, axis)


# ------------------------------------------------------------------------- in sections


def _sections(sos: ArrayLike) -> Array:
    s = floating(sos)
    s = ops.reshape(s, (1, -1)) if s.ndim == 1 else s
    if s.ndim != 2 or s.shape[1] != 6:
        raise ArgumentError(f"sos has the shape {s.shape}; it is (n_sections, 6).")
    if not isinstance(raw(s), stand_in) and not np.all(raw(s)[:, 3] == 1):
        raise ArgumentError("sos[:, 3] should be all ones.")
    return s


@implements(scipy.signal.sosfilt)
def sosfilt(sos: ArrayLike, x: ArrayLike, axis: int = -1, zi: State = None) -> Any:
    """Return a signal filtered by sections, and the states if some were given."""
    s = _sections(sos)
    x, axis = _signal(x, axis)
    if zi is None:
        for k in range(s.shape[0]):
            x = filter_at_rest(s[k, :3], s[k, 3:], x, axis=axis)
        return x
    states = ops.asarray(zi)
    left: list[Any] = []
    wanted = (s.shape[0], *x.shape[:axis], 2, *x.shape[axis + 1 :])
    if states.shape != wanted:
        raise ArgumentError(f"zi has the shape {states.shape}; it needs {wanted}.")
    for k in range(s.shape[0]):
        x, zf = lfilter(s[k, :3], s[k, 3:], x, axis, states[k])
        left.append(zf)
    return x, ops.stack(left)


@implements(scipy.signal.sosfilt_zi)
def sosfilt_zi(sos: ArrayLike) -> Any:
    """Return the states of sections after a long input of ones."""
    s = _sections(sos)
    states: list[Any] = []
    scale: Any = 1.0
    for k in range(s.shape[0]):
        b, a = s[k, :3], s[k, 3:]
        states.append(scale * lfilter_zi(b, a))
        scale = scale * (ops.sum(b) / ops.sum(a))
    return ops.stack(states)


@implements(scipy.signal.sosfiltfilt)
def sosfiltfilt(
    sos: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
) -> Any:
    """Return a signal filtered by sections forward and backward."""
    s = _sections(sos)
    x, axis = _signal(x, axis)
    n = s.shape[0]
    value: Any = raw(s)
    none = 0
    if not isinstance(value, stand_in):
        none = min((value[:, 2] == 0).sum(), (value[:, 5] == 0).sum())
    edge, y = _padded(padtype, padlen, x, axis, 3 * int(2 * n + 1 - none))
    shape = (n, *(1,) * axis, 2, *(1,) * (x.ndim - 1 - axis))
    zi = ops.reshape(sosfilt_zi(s), shape)
    for _ in range(2):
        y, _ = sosfilt(s, y, axis, zi * y[at(axis, slice(1))])
        y = backwards(y, axis)
    return y[at(axis, slice(edge, -edge))] if edge else y
