"""What linear systems make of inputs, in time and by frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy import linalg
from chainrule.scipy.interpolate import make_interp_spline
from chainrule.scipy.moving import array_of, floats_of, moves, refused
from chainrule.scipy.signal.responses import freqs, freqs_zpk, freqz, freqz_zpk
from chainrule.scipy.signal.systems import (
    cont2discrete,
    ss2tf,
    states_of,
)
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, Namespace, Operation, Value
from chainrule.values.vertices import is_refused, raw
from chainrule.wrapping import implements, operation

_theirs: Any = scipy.signal
_np: Any = np

# ----------------------------------------------------------------------- the recurrence


@opaque
def states_in_turn(a: Value, f: Value) -> Any:
    """Return rows of which each is the one before times a, and a row of f."""
    a, z = np.asarray(a), np.array(f, np.result_type(a, f))
    for i in range(1, z.shape[0]):
        z[i] += z[i - 1] @ a
    return z


EXTRA["states_in_turn"] = states_in_turn


class states_in_turn_grad(general):
    """z[i] = z[i - 1] a + f[i], z[0] = f[0]; the transpose runs backwards in time"""

    forward = states_in_turn
    cases: Cases = (
        case(within(-0.6, 0.6, 3, 3), (5, 3)),
        case(within(-0.6, 0.6, 1, 1), (4, 1)),
        case(within(-0.6, 0.6, 2, 2), (1, 2)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Array, z: Array, a: Value, f: Value
    ) -> tuple[Value, Value]:
        """f_grad[i] = z_grad[i] + f_grad[i + 1] a.T; a_grad = sum z[i] f_grad[i + 1]"""
        back = xp.flip(xp.states_in_turn(xp.transpose(a), xp.flip(z_grad, 0)), 0)
        return xp.matmul(xp.transpose(z[:-1]), back[1:]), back

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Array,
        a: Value,
        f: Value,
    ) -> Value:
        """z_dot[i] = z_dot[i - 1] a + z[i - 1] a_dot + f_dot[i]"""
        a_dot, f_dot = tangents
        total: Any = f_dot
        if a_dot is not None:
            moved = xp.matmul(z[:-1], a_dot)
            first = np.zeros((1, shape_of(z)[1]), dtype_of(z))
            moved = xp.concatenate([first, moved], axis=0)
            total = moved if total is None else total + moved
        return xp.states_in_turn(a, total)


in_turn: Operation = operation(states_in_turn_grad)

# ------------------------------------------------------------------------------ in time


@implements(scipy.signal.lsim)
def lsim(
    system: Any,
    U: ArrayLike | None,
    T: ArrayLike,
    X0: ArrayLike | None = None,
    interp: bool = True,
) -> tuple[Any, Any, Any]:
    """Return times, outputs and states of a continuous system with an input.

    The system, the input, the first state and the times may be nodes.
    """
    A, B, C, D = map(array_of, states_of(system))
    times = _np.reshape(array_of(T), (-1,))
    n, m, count = A.shape[0], B.shape[1], times.shape[0]
    apart = _np.diff(raw(times))
    uneven = _np.any(_np.abs(apart - apart[:1]) > 1e-8 + 1e-5 * _np.abs(apart[:1]))
    if is_refused(uneven) or is_refused(raw(times)[0] < 0):
        raise ValueError("The times of lsim begin at 0 or later, in equal steps.")
    x0: Any = np.zeros((1, n)) if X0 is None else _np.reshape(floats_of(X0), (1, n))
    if moves(times) or times[0] != 0:
        x0 = x0 @ linalg.expm(_np.transpose(A) * times[0])
    u: Any = np.zeros(1) if U is None else floats_of(U)
    silent = not moves(u) and not np.any(u)
    if count == 1:
        return _results(times, x0, C, D, None if silent else u, m)
    dt = times[1] - times[0]
    if silent:
        at = linalg.expm(_np.transpose(A) * dt)
        rest = np.zeros((count - 1, n))
        return _results(times, in_turn(at, _np.concatenate([x0, rest])), C, D, None, m)
    u = _np.reshape(u, (-1, 1)) if u.ndim < 2 else u
    if u.shape != (count, m):
        raise ArgumentError(f"An input of {count} times {m} needs this shape.")
    if interp:
        rows = [_np.concatenate([A * dt, B * dt, np.zeros((n, m))], axis=1)]
        rows += [np.eye(m, n + 2 * m, n + m), np.zeros((m, n + 2 * m))]
        step = _np.transpose(linalg.expm(_np.concatenate(rows)))
        rise = step[n + m :, :n]
        moved = u[:-1] @ (step[n : n + m, :n] - rise) + u[1:] @ rise
        at = step[:n, :n]
    else:
        ad, bd = cont2discrete((A, B, C, D), dt)[:2]
        at, moved = _np.transpose(ad), u[:-1] @ _np.transpose(bd)
    return _results(times, in_turn(at, _np.concatenate([x0, moved])), C, D, u, m)


def _results(
    times: Array, x: Array, C: Array, D: Array, u: Array | None, m: int
) -> tuple[Any, Any, Any]:
    y = _np.squeeze(x @ _np.transpose(C))
    if u is not None:
        u = _np.reshape(u, (-1, m)) if u.ndim < 2 else u
        y = y + _np.squeeze(u @ _np.transpose(D))
    return times, y, _np.squeeze(x)


def _times(system: Any, T: ArrayLike | None, N: int | None) -> Any:
    if T is not None:
        return array_of(T)
    A = states_of(system)[0]
    if moves(A):
        raise refused("A response at times that SciPy chooses by the system", "Give T.")
    rates: Any = _np.linalg.eigvals(A)
    slowest = float(np.min(np.abs(rates.real)))
    return np.linspace(0.0, 7.0 / (slowest or 1.0), 100 if N is None else N)


@implements(scipy.signal.impulse)
def impulse(
    system: Any,
    X0: ArrayLike | None = None,
    T: ArrayLike | None = None,
    N: int | None = None,
) -> tuple[Any, Any]:
    """Return times and the response of a continuous system to an impulse."""
    times = _times(system, T, N)
    A, B, C, D = states_of(system)
    first = _np.squeeze(B) if X0 is None else _np.squeeze(B + array_of(X0))
    return times, lsim((A, B, C, D), 0.0, times, first, interp=False)[1]


@implements(scipy.signal.step)
def step(
    system: Any,
    X0: ArrayLike | None = None,
    T: ArrayLike | None = None,
    N: int | None = None,
) -> tuple[Any, Any]:
    """Return times and the response of a continuous system to a step."""
    times = _times(system, T, N)
    return lsim(system, np.ones(times.shape), times, X0, interp=False)[:2]


def _discrete(system: Any) -> tuple[Any, Value]:
    """Return the matrices and the time step of a discrete system."""
    if isinstance(system, _theirs.dlti):
        return states_of(system), system.dt
    parts = _parts(system)
    return states_of(parts[:-1]), parts[-1]


def _parts(system: Any) -> tuple[Any, ...]:
    return tuple(system)


@implements(scipy.signal.dlsim)
def dlsim(
    system: Any,
    u: ArrayLike,
    t: ArrayLike | None = None,
    x0: ArrayLike | None = None,
) -> tuple[Any, ...]:
    """Return times, outputs (and states of a system of states) of a discrete system."""
    (A, B, C, D), dt = _discrete(system)
    inputs = floats_of(u)
    inputs = _np.reshape(inputs, (-1, 1)) if inputs.ndim < 2 else inputs
    count = inputs.shape[0]
    if t is not None:
        if moves(t, dt):
            raise refused("dlsim in t=, and in dt where t= is given,", _PLAIN)
        count = int(np.floor(np.asarray(t)[-1] / dt)) + 1
    last = (count - 1) * dt if t is None else np.asarray(t)[-1]
    times = _np.linspace(0.0, last, num=count)
    if t is not None:
        inputs = make_interp_spline(t, inputs, k=1)(times)
    n = A.shape[0]
    first = np.zeros((1, n)) if x0 is None else _np.reshape(floats_of(x0), (1, n))
    moved = inputs[: count - 1] @ _np.transpose(B)
    x = in_turn(_np.transpose(array_of(A)), _np.concatenate([first, moved]))
    y = x @ _np.transpose(C) + inputs @ _np.transpose(D)
    of_states = isinstance(system, _theirs.StateSpace) or (
        not isinstance(system, _theirs.dlti) and len(system) == 5
    )
    return (times, y, x) if of_states else (times, y)


_PLAIN = "Pass gd.value of them."


def _responses(
    system: Any, x0: Any, t: Any, n: int | None, *, whole: bool
) -> tuple[Any, Any]:
    """Return the responses to an impulse, or to a step, at each input in turn."""
    (A, B, C, D), dt = _discrete(system)
    if moves(dt, t):
        raise refused("A response in the times at which it is taken", _PLAIN)
    count = 100 if n is None else n
    times = np.linspace(0, count * dt, count, endpoint=False)
    times = times if t is None else np.asarray(t)
    found: list[Any] = []
    tout: Any = times
    for i in range(B.shape[1]):
        u = np.zeros((times.shape[0], B.shape[1]))
        u[:, i] = 1.0 if whole else np.arange(times.shape[0]) == 0
        tout, y = dlsim((A, B, C, D, dt), u, times, x0)[:2]
        found.append(y)
    return tout, tuple(found)


@implements(scipy.signal.dimpulse)
def dimpulse(
    system: Any,
    x0: ArrayLike | None = None,
    t: ArrayLike | None = None,
    n: int | None = None,
) -> tuple[Any, Any]:
    """Return times and the responses of a discrete system to impulses."""
    return _responses(system, x0, t, n, whole=False)


@implements(scipy.signal.dstep)
def dstep(
    system: Any,
    x0: ArrayLike | None = None,
    t: ArrayLike | None = None,
    n: int | None = None,
) -> tuple[Any, Any]:
    """Return times and the responses of a discrete system to steps."""
    return _responses(system, x0, t, n, whole=True)


# ------------------------------------------------------------------------- by frequency


@implements(scipy.signal.freqresp)
def freqresp(
    system: Any, w: ArrayLike | None = None, n: int = 10000
) -> tuple[Any, Any]:
    """Return angular frequencies and the response of a continuous system."""
    at = n if w is None else w
    if len(system) == 3:
        return freqs_zpk(*system, worN=at)
    b, a = system if len(system) == 2 else ss2tf(*system)
    return freqs(_np.reshape(array_of(b), (-1,)), a, worN=at)


@implements(scipy.signal.bode)
def bode(system: Any, w: ArrayLike | None = None, n: int = 100) -> tuple[Any, Any, Any]:
    """Return frequencies, decibels and degrees of a continuous system's response."""
    at, response = freqresp(system, w, n)
    return at, *_decibels_and_degrees(response)


def _decibels_and_degrees(response: Array) -> tuple[Any, Any]:
    degrees = _np.unwrap(_np.angle(response)) * (180.0 / math.pi)
    return 20.0 * _np.log10(_np.abs(response)), degrees


@implements(scipy.signal.dfreqresp)
def dfreqresp(
    system: Any, w: ArrayLike | None = None, n: int = 10000, whole: bool = False
) -> tuple[Any, Any]:
    """Return frequencies and the response of a discrete system."""
    parts = tuple(system[:-1])
    at = n if w is None else w
    if len(parts) == 3:
        return freqz_zpk(*parts, worN=at, whole=whole)
    b, a = parts if len(parts) == 2 else ss2tf(*parts)
    b, a = (_np.reshape(array_of(c), (-1,)) for c in (b, a))
    short = b.shape[0] - a.shape[0]
    b = b if short >= 0 else _np.concatenate([np.zeros(-short), b])
    a = a if short <= 0 else _np.concatenate([np.zeros(short), a])
    return freqz(b, a, worN=at, whole=whole)


@implements(scipy.signal.dbode)
def dbode(
    system: Any, w: ArrayLike | None = None, n: int = 100
) -> tuple[Any, Any, Any]:
    """Return frequencies, decibels and degrees of a discrete system's response."""
    at, response = dfreqresp(system, w, n)
    return at / system[-1], *_decibels_and_degrees(response)
