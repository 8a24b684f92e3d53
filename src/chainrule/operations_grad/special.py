"""Rules of special functions: NumPy's, with all their derivatives, and SciPy's."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from chainrule.operations_grad.exponentials import exp_scaled
from chainrule.operations_grad.partials import chosen
from chainrule.operations_grad.plain_arithmetic import (
    bits_of,
    of_bits,
    poly11,
    poly18,
    u,
)
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Conventions, Domain, Dtypes, case
from chainrule.rules.namespace import EXTRA
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import asked_array

_where: Any = np.where
FIRST_BITS = u(0xFFFFFFFFF8000000)

# erf(x) / x - 1 for abs(x) <= 1, in x**2 - 1/2: the first coefficient, and the others.
ERF_FIRST = -0.0345312613301327
ERF = (
    -0.2810721780454342,
    0.07940998675593687,
    -0.018283884489152684,
    0.003480274496570158,
    -0.0005611894221209664,
    7.829649688379886e-05,
    -9.614808641390195e-06,
    1.0536323840680666e-06,
    -1.0420387617195658e-07,
    9.432320191926508e-09,
    -7.795898827002142e-10,
)
# (x + 1/2) exp(x**2) erfc(x) for 1 <= x <= 27.5, in (x - 3) / (x + 3):
# the first coefficient, and the others.
ERFCX_FIRST = 0.6265040291348649
ERFCX = (
    -0.06781055306229095,
    -0.023781147176744934,
    0.06482257935144482,
    -0.05963683170623738,
    0.03415401366823402,
    -0.011885257497781286,
    0.001264696009592046,
    0.0009443456733208158,
    -0.000389917591774273,
    -5.258302047400512e-05,
    6.256132222230075e-05,
    2.4823326770617637e-06,
    -1.0101919189492774e-05,
    -3.5269487165365687e-07,
    1.8513372796944012e-06,
    7.330317840575188e-08,
    -3.9269258549227057e-07,
    8.87577270290513e-08,
)


def erf_less_x(x: float) -> float:
    """Return erf(x) / x - 1 for abs(x) <= 1."""
    t = x * x - 0.5
    return ERF_FIRST + t * poly11(ERF, t)


def far_erfc(y: float) -> float:
    """Return erfc(y) for y in 1..27.5.

    The square is that of the first 26 bits of y, which is exact, and what is left.
    """
    head = of_bits(bits_of(y) & FIRST_BITS)
    rest = (y - head) * (y + head)
    t = (y - 3.0) / (y + 3.0)
    scaled = (ERFCX_FIRST + t * poly18(ERFCX, t)) / (y + 0.5)
    p = exp_scaled(-(head * head), 0.0) * scaled
    return p - p * (rest - rest * rest * (0.5 - rest / 6.0))


def sinc_derivative(x: Value, *, order: int) -> Value:
    """Return a derivative of ``sin(pi x) / (pi x)``, accurate at and around 0.

    With ``u = pi x`` the derivatives of ``sin(u) / u`` follow from differentiating
    ``u s(u) = sin(u)``: ``u s_k + k s_(k-1) = sin(u + k pi / 2)``. Where ``|u| <= k``
    that recurrence loses digits, and the Taylor series is summed. Sines and cosines are
    those of what is left of ``x`` beside a whole number: ``pi x`` is rounded.
    """
    x = asked_array(x)
    u: Any = math.pi * x
    near: Any = np.abs(u) < order + 1
    t: Any = np.where(near, u, 0.0)
    far: Any = np.where(near, 1.0, u)
    square, series = t * t, 0.0
    for share in _sinc_series(order):
        series = series * square + share
    if order % 2:
        series = series * t
    real: Any = np.real(x)
    whole: Any = np.rint(real)
    sign: Any = 1 - 2 * (whole % 2)
    left: Any = math.pi * (x - whole)
    sine, cosine = sign * np.sin(left), sign * np.cos(left)
    s: Any = sine / far
    for k in range(1, order + 1):
        turned: Any = (cosine if k % 2 else sine) * (1, 1, -1, -1)[k % 4]
        s = (turned - k * s) / far
    return (_where(near, series, s) * math.pi**order)[()]


@functools.cache
def _sinc_series(order: int) -> list[float]:
    """Return the shares of the powers of ``u`` in a derivative of ``sin(u) / u``.

    Those that count where ``|u| <= order + 1``, the last one first.
    """
    shares: list[float] = []
    m, size = order % 2, 1.0
    while size > 1e-20 or m < 2 * order:
        sign = (-1) ** ((m + order + 1) // 2)
        shares.append(sign / (math.factorial(m) * (m + order + 1)))
        m += 2
        size = (order + 1.0) ** m / math.factorial(m)
    return shares[::-1]


def i0(x: Value) -> Value:
    """Return ``np.i0(x)``, a number for a number."""
    return np.i0(x)[()]


def i0_derivative(x: Value, *, order: int) -> Value:
    """Return a derivative of the modified Bessel function ``I0``; ``order`` is not 0.

    DLMF 10.32.1, differentiated ``order`` times: the mean of ``exp(x cos t) cos(t)**k``
    over a period, by the trapezoidal rule. The integrand is periodic, so 256 points
    give full precision wherever ``exp(x)`` is finite; those with cosines ``c`` and
    ``-c`` are taken together.
    """
    x = asked_array(x)
    total: Any = 0.0
    for j in range(64):
        c = math.cos(math.pi * j / 128.0)
        weight = c**order / (128.0 if j else 256.0)
        both = np.cosh(c * x) if order % 2 == 0 else np.sinh(c * x)
        total = total + 2 * weight * both
    return total[()]


EXTRA["sinc_derivative"] = sinc_derivative
EXTRA["i0_derivative"] = i0_derivative


class sinc_grad(elementwise):
    """z = sin(pi x) / (pi x), and 1 at 0

    The function is smooth: at 0 its derivative is 0, its second one -pi**2 / 3.
    """

    forward = np.sinc
    expression = "1.0 if x == 0.0 else math.sin(math.pi * x) / (math.pi * x)"
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = (cos(pi x) - z) / x"""
        return xp.sinc_derivative(x, order=1)


class sinc_derivative_grad(elementwise):
    """z = sinc differentiated ``order`` times at x"""

    forward = sinc_derivative
    cases: Cases = (case((5,), order=1), case((2, 3), order=4), case((), order=2))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.sinc_derivative(x, order=order + 1)


class i0_grad(elementwise):
    """z = I0(x), the modified Bessel function of the first kind, order 0"""

    forward = i0
    also: tuple[Any, ...] = ("scipy.special:i0",)
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = I1(x)"""
        return xp.i0_derivative(x, order=1)


class i0_derivative_grad(elementwise):
    """z = I0 differentiated ``order`` times at x"""

    forward = i0_derivative
    dtypes: Dtypes = REAL
    cases: Cases = (case((5,), order=1), case((2, 3), order=2), case((), order=3))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.i0_derivative(x, order=order + 1)


# ------------------------------------------------------------------- functions of SciPy

TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


class erf_grad(elementwise):
    """z = erf(x), the error function"""

    forward = "scipy.special:erf"
    expression = "math.erf(x)"

    @staticmethod
    def native(x: float) -> float:
        """Return erf(x): near 0 by itself, farther out 1 - erfc(abs(x))."""
        y = abs(x)
        far = math.copysign(1.0 - far_erfc(6.0 if y > 6.0 else y), x)
        return x + x * erf_less_x(x) if y <= 1.0 else far

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 2 / sqrt(pi) exp(-x**2)"""
        return TWO_OVER_ROOT_PI * xp.exp(-(x * x))


class xlogy_grad(elementwise):
    """z = x log(y), and 0 where x = 0

    At (0, 0) the derivative in ``y`` is 0, as z is constant there; second derivatives
    are nan.
    """

    forward = "scipy.special:xlogy"
    expression = "0.0 if x == 0.0 and y == y else x * math.log(y)"
    formula = "x * math.log(y)"
    domain: Domain = {"y": (0.5, 2.0)}
    conventions: Conventions = (
        ((0.0, 0.0), (-np.inf, 0.0)),
        ((0.0, 2.0), (math.log(2.0), 0.0)),
        ((1.0, 0.0), (-np.inf, np.inf)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = log(y)"""
        return xp.log(y)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = x / y, and 0 where x = y = 0"""
        both = (x == 0) * (y == 0)
        return chosen(xp, x / xp.where(both, 1.0, y), both)
