"""How derivatives of Bessel functions are computed, in the argument and the order.

In the argument they are sums of functions of neighbouring orders (DLMF 10.6.7 and
10.29.5), which do not cancel. Those of scaled functions do for large arguments, where
Hankel's expansion (DLMF 10.17, 10.40) is differentiated instead. In the order they are
interpolated from values at orders around it: the functions are entire in the order.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.scipy.special.interpolation import interpolated
from chainrule.scipy.special.partial_derivatives import Orders, computes


class cylinder(NamedTuple):
    """A kind: ``2 f'_v = below f_(v-1) + scale f_v + above f_(v+1)``.

    Those with a ``phase`` are, up to a factor, ``x**-0.5`` times the sum of
    ``a_j(v) (phase / x)**j`` for large arguments (DLMF 10.17.1).
    """

    function: Any
    below: complex
    above: complex
    scale: complex = 0.0
    phase: complex = 0.0


KINDS = {
    "jv": cylinder(scipy.special.jv, 1.0, -1.0),
    "yv": cylinder(scipy.special.yv, 1.0, -1.0),
    "iv": cylinder(scipy.special.iv, 1.0, 1.0),
    "kv": cylinder(scipy.special.kv, -1.0, -1.0),
    "hankel1": cylinder(scipy.special.hankel1, 1.0, -1.0),
    "hankel2": cylinder(scipy.special.hankel2, 1.0, -1.0),
    "ive": cylinder(scipy.special.ive, 1.0, 1.0, -2.0, -1.0),
    "kve": cylinder(scipy.special.kve, -1.0, -1.0, 2.0, 1.0),
    "hankel1e": cylinder(scipy.special.hankel1e, 1.0, -1.0, -2j, 1j),
    "hankel2e": cylinder(scipy.special.hankel2e, 1.0, -1.0, 2j, -1j),
}
_where: Any = np.where
_TERMS = 30
"""Terms of Hankel's expansion: enough for 16 digits where it is used."""


@functools.cache
def _shares(kind: str, order: int) -> tuple[complex, ...]:
    """Return what a derivative takes of the orders from ``v - order`` on."""
    known = KINDS[kind]
    once = np.array([known.below, known.scale, known.above])
    shares: Any = np.ones(1, once.dtype)
    for _ in range(order):
        shares = np.convolve(shares, once)
    halved: list[complex] = (shares / 2.0**order).tolist()
    return tuple(halved)


def in_argument(kind: str, order: int, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative in the argument."""
    function = KINDS[kind].function
    total: Any = 0.0
    for i, share in enumerate(_shares(kind, order)):
        if share:
            total = total + share * function(v + (i - order), x)
    if not order or not KINDS[kind].phase:
        return total
    far: Any = np.abs(x) > 25.0 + v * v / 2.0
    if not far.any():
        return total
    return _where(far, _far(kind, order, v, np.where(far, x, np.inf)), total)


def _far(kind: str, order: int, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative of a scaled function for large arguments.

    Left of the imaginary axis each of Hankel's functions holds both waves on one side
    of the real one. There it is a sum of both functions of ``-x`` (DLMF 10.11.4).
    """
    found = _expanded(kind, order, v, x)
    if not kind.startswith("hankel"):
        return found
    first = kind == "hankel1e"
    both = (np.real(x) < 0) & (np.imag(x) < 0 if first else np.imag(x) >= 0)
    if not np.any(both):
        return found
    w = -_where(both, x, -np.inf)
    turn = 1j if first else -1j
    wave: Any = np.exp(2.0 * turn * _where(both, w, 0.0))
    other = "hankel2e" if first else "hankel1e"
    total = np.exp(-turn * math.pi * v) * _expanded(other, order, v, w)
    for j in range(order + 1):
        share = 2.0 * math.comb(order, j) * (2.0 * turn) ** (order - j) * wave
        total = total + np.cos(math.pi * v) * share * _expanded(kind, j, v, w)
    return _where(both, (-1.0) ** order * total, found)


def _expanded(kind: str, order: int, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative of a scaled function by Hankel's expansion."""
    phase = KINDS[kind].phase
    term: Any = np.ones(np.shape(x), np.result_type(x, type(phase)))
    total: Any = 0.0
    for j in range(_TERMS):
        falling = math.prod(-0.5 - j - i for i in range(order))
        total = total + falling * term
        odd = 2 * j + 1
        term = term * (4.0 * v * v - odd * odd) * phase / (8.0 * (j + 1) * x)
    front: Any = np.sqrt(2.0 / math.pi)
    if kind == "ive":
        front = 1.0 / math.sqrt(2.0 * math.pi)
    elif kind == "kve":
        front = math.sqrt(math.pi / 2.0)
    else:
        front = front * np.exp(-phase * math.pi * (v / 2.0 + 0.25))
    return front * total / (np.sqrt(x) * x**order)


def width_of(v: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Return how far around ``v`` values are taken: less where they change faster.

    A Bessel function changes by a factor of ``exp(arcsinh(v / |x|))`` in an order.
    """
    return 1.5 / (1.0 + np.arcsinh((np.abs(v) + 1.0) / np.abs(x)))


@computes("jv", "yv", "iv", "kv", "hankel1", "hankel2", "kve", "hankel1e", "hankel2e")
def of_cylinder(kind: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a partial derivative of a Bessel function of order v at x."""
    of_v, of_x = orders
    if not of_v:
        return in_argument(kind, of_x, v, x)
    v, x = np.broadcast_arrays(v, x)
    found = _around(kind, orders, v, x)
    if kind in ("jv", "iv", "ive"):
        found = np.where((x == 0) & (v > of_x), 0.0, found)
    return (
        np.where(v == 0, _at_order_0(kind, orders, v, x), found) if of_v % 2 else found
    )


def _around(kind: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative in the order from values at orders around it."""

    def around(u: NDArray[Any]) -> Any:
        return in_argument(kind, orders[1], u, x)

    return interpolated(around, v, orders[0], width_of(v, x))


def _at_order_0(kind: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative of odd order in v at ``v = 0``.

    K is even in v, and I is so up to ``-sin(pi v) / pi K_v``, which is exponentially
    smaller and lost in values of I (DLMF 10.27.2, 10.27.3; for Y 10.4.5).
    """
    of_v, of_x = orders
    if kind in ("kv", "kve"):
        return 0.0 * x
    if kind not in ("iv", "ive", "yv"):
        return _around(kind, orders, v, x)

    def odd(u: NDArray[Any]) -> Any:
        if kind == "yv":
            sine = np.sin(math.pi * u) * in_argument("jv", of_x, u, x)
            flat = of_v == 1  # the other part has no slope
            rest = 0.0 if flat else 1.0 - np.cos(math.pi * u)
            return (rest * in_argument("yv", of_x, u, x) - sine) / 2.0
        if kind == "iv":
            return -np.sin(math.pi * u) / math.pi * in_argument("kv", of_x, u, x)
        total: Any = 0.0
        for j in range(of_x + 1):
            share = math.comb(of_x, j) * (-1.0) ** (of_x - j)
            total = total + share * in_argument("kv", j, u, x)
        return -np.sin(math.pi * u) / math.pi * np.exp(-x) * total

    return interpolated(odd, v, of_v, width_of(v, x))


@computes("ive")
def of_scaled_first_kind(
    kind: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of ``exp(-|x|) I_v(x)``, x real.

    At 0 it is the mean of the derivatives from both sides.
    """
    refuse_complex("ive", "iv(v, z) * np.exp(-np.abs(np.real(z)))", x)
    right: Any = of_cylinder(kind, orders, v, np.abs(x))
    if (x > 0).all():
        return right
    sign: Any = 1.0 - 2.0 * ((v + orders[1]) % 2)
    whole: Any = v == np.rint(v)
    left: Any = _where(whole, sign * right, np.nan)
    middle: Any = _where(whole, (right + left) / 2.0, right)
    return _where(x > 0, right, _where(x < 0, left, middle))


@computes("jve", "yve")
def of_scaled_by_imaginary_part(
    kind: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of J or Y, which the scaled ones are of real x."""
    own = kind.removesuffix("e")
    refuse_complex(kind, f"{own}(v, z) * np.exp(-np.abs(np.imag(z)))", x)
    return of_cylinder(own, orders, v, x)


def refuse_complex(name: str, instead: str, x: NDArray[Any]) -> None:
    """Raise for a complex argument of a function that is not analytic in it."""
    if np.iscomplexobj(x):
        raise ArgumentError(
            f"{name} of a complex number has no complex derivative: its scale is a "
            f"function of the real or the imaginary part. Write {instead}."
        )
