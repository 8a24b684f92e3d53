"""Hurwitz' and Riemann's zeta functions, with derivatives in the exponent too.

They are sums by the formula of Euler and Maclaurin (DLMF 25.2.9, 25.11.5), computed for
``s + t`` as a polynomial in ``t``, whose coefficients are the derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special

from chainrule.errors import ArgumentError
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.polygamma_functions import polygamma_of
from chainrule.scipy.special.precision import dtype_for, in_double
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special
_where: Any = np.where
_BERNOULLI: Sequence[float] = _scipy.bernoulli(44)
_LARGEST = 80.0
"""Where an imaginary part is beyond it, complex results are nan."""

Series = list[Any]
"""The coefficients of a polynomial in ``t``, cut off behind a power."""


def product(x: Series, y: Series) -> Series:
    """Return the product of two polynomials, cut off where they are."""
    return [sum(x[i] * y[k - i] for i in range(k + 1)) for k in range(len(x))]


def times_linear(x: Series, c: Any) -> Series:
    """Return the product with ``c + t``."""
    return [c * x[k] + (x[k - 1] if k else 0.0) for k in range(len(x))]


def over_linear(x: Series, c: Any) -> Series:
    """Return the quotient by ``c + t``."""
    z: Series = []
    for k in range(len(x)):
        z.append((x[k] - (z[k - 1] if k else 0.0)) / c)
    return z


def exponential(x: Any, count: int) -> Series:
    """Return ``exp(x t)``."""
    return [x**k / math.factorial(k) for k in range(count)]


def zeta_series(s: Any, q: Any, count: int) -> Series:
    """Return ``zeta(s + t, q)``: s > 1, or q = 1 and the real part of s above -4."""
    is_real = np.asarray(s).dtype.kind != "c"
    terms, corrections = (20, 14) if is_real else (45, 22)
    total: Series = [0.0] * count
    for n in range(terms):
        log = np.log(q + n)
        power = np.exp(-s * log)
        total = [
            a + power * e for a, e in zip(total, exponential(-log, count), strict=True)
        ]
    x = q + terms
    one: Series = [1.0 + 0.0 * s, *[0.0 * s] * (count - 1)]
    rest = [x * c for c in over_linear(one, s - 1)]
    rest[0] = rest[0] + 0.5
    growing = times_linear(one, s)
    for j in range(1, corrections):
        scale = _BERNOULLI[2 * j] / math.factorial(2 * j) / x ** (2 * j - 1)
        rest = [a + scale * c for a, c in zip(rest, growing, strict=True)]
        growing = times_linear(times_linear(growing, s + 2 * j - 1), s + 2 * j)
    tail = product(rest, exponential(-np.log(x), count))
    power = np.exp(-s * np.log(x))
    return [a + power * c for a, c in zip(total, tail, strict=True)]


def reflected_series(s: Any, count: int) -> Series:
    """Return Riemann's ``zeta(s + t)``, the real part of s negative (DLMF 25.4.1)."""
    size = 2.0**s * np.pi ** (s - 1)
    powers = [size * c for c in exponential(math.log(math.tau), count)]
    turn = np.pi / 2
    half: Any = np.rint(np.real(s) / 2)
    rest = np.pi / 2 * (s - 2 * half)
    sign = 1 - 2 * (half % 2)
    waves = (np.sin(rest), np.cos(rest), -np.sin(rest), -np.cos(rest))
    sine = [sign * waves[k % 4] * turn**k / math.factorial(k) for k in range(count)]
    # of log gamma(1 - s - t)
    logs = [
        (-1) ** k * polygamma_of(1 - s, order=k - 1) / math.factorial(k)
        for k in range(1, count)
    ]
    gammas: Series = [_scipy.gamma(1 - s)]
    for k in range(1, count):
        gammas.append(sum(j * logs[j - 1] * gammas[k - j] for j in range(1, k + 1)) / k)
    zetas = [(-1) ** k * c for k, c in enumerate(zeta_series(1 - s, 1.0, count))]
    return product(product(powers, sine), product(gammas, zetas))


@opaque
def hurwitz_zeta(s: Value, q: Value, *, order: int) -> Value:
    """Return ``zeta(s, q)``, s > 1 and q > 0, differentiated ``order`` times in s."""
    x, y = in_double(s), in_double(q)
    good = (x > 1) & (y > 0)
    series = zeta_series(np.where(good, x, 2.0), np.where(good, y, 1.0), order + 1)
    z: Any = np.where(good, series[order] * math.factorial(order), np.nan)
    return z.astype(dtype_for(s, q))[()]


@opaque
def riemann_zeta(s: Value, *, order: int) -> Value:
    """Return ``zeta(s)`` differentiated ``order`` times; complex up to 80 i."""
    x = in_double(s)
    complex_s = x.dtype.kind == "c"
    good = np.abs(x.imag) <= _LARGEST
    is_left = good & (x.real < (0.0 if complex_s else -1.0)) & (np.abs(x) > 1.0)
    z: Any = _where(
        is_left,
        reflected_series(np.where(is_left, x, -2.0), order + 1)[order],
        zeta_series(np.where(is_left | ~good, 2.0, x), 1.0, order + 1)[order],
    )
    z = np.where(good, z, np.nan) * math.factorial(order)
    return z.astype(dtype_for(s))[()]


EXTRA["hurwitz_zeta"] = hurwitz_zeta
EXTRA["riemann_zeta"] = riemann_zeta


class hurwitz_grad(elementwise):
    """z = zeta(x, q) = sum((n + q)**-x for n = 0, 1, ...), Hurwitz' zeta function

    Differentiated for x > 1 and q > 0; the derivatives are nan elsewhere.
    """

    forward: Operation = opaque(_scipy.zeta)
    domain: Domain = {"x": (1.5, 4.0), "q": (0.5, 3.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, q: Value) -> Value:
        """dz/dx = -sum((n + q)**-x log(n + q)) (DLMF 25.11.18)"""
        return xp.hurwitz_zeta(x, q, order=1)

    @staticmethod
    def d_q(xp: Namespace, z: Value, x: Value, q: Value) -> Value:
        """dz/dq = -x zeta(x + 1, q) (DLMF 25.11.17)"""
        return -x * xp.hurwitz_zeta(x + 1, q, order=0)


class hurwitz_zeta_grad(elementwise):
    """z = zeta(s, q) differentiated ``order`` times in s"""

    forward = hurwitz_zeta
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(within(1.5, 4.0, 5), within(0.5, 3.0, 5), order=0),
        case(within(1.5, 4.0, 2, 3), within(0.5, 3.0), order=2),
    )

    @staticmethod
    def d_s(xp: Namespace, z: Value, s: Value, q: Value, *, order: int) -> Value:
        """dz/ds = the next derivative"""
        return xp.hurwitz_zeta(s, q, order=order + 1)

    @staticmethod
    def d_q(xp: Namespace, z: Value, s: Value, q: Value, *, order: int) -> Value:
        """dz/dq = -s zeta(s + 1, q), differentiated ``order`` times in s"""
        first = -s * xp.hurwitz_zeta(s + 1, q, order=order)
        if not order:
            return first
        return first - order * xp.hurwitz_zeta(s + 1, q, order=order - 1)


class riemann_grad(elementwise):
    """z = zeta(x), Riemann's zeta function; complex x up to an imaginary part of 80"""

    forward: Operation = opaque(_scipy.zeta)
    domain: Domain = {"x": (1.5, 4.0)}
    dtypes: Dtypes = ("float32", "float64", "complex128")

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = the derivative of the series (DLMF 25.2.6), continued"""
        return xp.riemann_zeta(x, order=1)


class zetac_grad(elementwise):
    """z = zeta(x) - 1"""

    forward = "scipy.special:zetac"
    domain: Domain = {"x": (1.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = that of zeta(x)"""
        return xp.riemann_zeta(x, order=1)


class riemann_zeta_grad(elementwise):
    """z = Riemann's zeta function, differentiated ``order`` times"""

    forward = riemann_zeta
    cases: Cases = (
        case(within(1.5, 4.0, 5), order=1),
        case(within(-2.8, -2.2), order=1),
        case(within(0.1, 0.8, 2), order=2),
    )

    @staticmethod
    def d_s(xp: Namespace, z: Value, s: Value, *, order: int) -> Value:
        """dz/ds = the next derivative"""
        return xp.riemann_zeta(s, order=order + 1)


hurwitz: Operation = operation(hurwitz_grad)
riemann: Operation = operation(riemann_grad)
zetac: Operation = operation(zetac_grad)
of_hurwitz: Operation = operation(hurwitz_zeta_grad)
of_riemann: Operation = operation(riemann_zeta_grad)


@implements(_scipy.zeta)
def zeta(x: Value, q: Value | None = None, out: None = None) -> Value:
    """Return ``zeta(x, q)`` of Hurwitz, or Riemann's ``zeta(x)`` without ``q``.

    Both arguments may be nodes; complex ``x`` only without ``q``.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy import special
    >>> round(gd.grad(special.zeta)(2.0), 12)
    -0.937548254316
    """
    if q is None:
        return riemann(x)
    if is_complex(x):
        raise ArgumentError(
            "zeta(x, q) on nodes needs real x, as SciPy's does; received complex "
            "numbers. Leave q away for Riemann's zeta function."
        )
    return hurwitz(x, q)
