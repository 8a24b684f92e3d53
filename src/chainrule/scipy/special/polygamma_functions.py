"""Derivatives of psi, the logarithmic derivative of gamma, real and complex.

``psi_difference`` is ``psi(x + y) - psi(x)`` with all its digits, which the derivatives
of binomial coefficients and of beta functions are made of.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.gamma_arithmetic import digamma_of, trigamma_of
from chainrule.scipy.special.precision import Reals, dtype_for, in_double
from chainrule.scipy.special.refused import refuse_nodes
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special
_where: Any = np.where
_BERNOULLI: Any = _scipy.bernoulli(30)
_SHIFT, _TERMS = 14, 12
_ENOUGH = 0.125
"""A difference that is no smaller, beside its two terms, is taken as it is."""
_BLOCK = 1 << 14


@opaque
def polygamma_of(x: Value, *, order: Any) -> Value:
    """Return the ``order``-th derivative of psi at ``x``: SciPy's ``polygamma``.

    Complex numbers, of which SciPy has no more than psi: by recurrence and asymptotic
    series (DLMF 5.15.5, 5.15.8), in the left half plane by reflection (DLMF 5.15.6).
    """
    t: Any = np.asarray(x)
    if t.dtype.kind != "c":
        return _scipy.polygamma(order, t)[()]
    if order == 0:
        return _scipy.digamma(t)[()]
    is_left = t.real < 0.5
    z = _right_half(_where(is_left, 1 - t, t), order)
    turned = (-1) ** order * (z + _cotangent(_where(is_left, 1 - t, 0.5), order))
    return _where(is_left, turned, z)[()]


def _right_half(z: Reals, order: int) -> Any:
    """Return the polygamma function of complex numbers in the right half plane."""
    total: Any = 0.0
    for k in range(_SHIFT):
        total = total + math.factorial(order) / (z + k) ** (order + 1)
    z = z + _SHIFT
    total = total + math.factorial(order - 1) / z**order
    total = total + math.factorial(order) / 2 / z ** (order + 1)
    for k in range(1, _TERMS):
        growth = math.factorial(2 * k + order - 1) / math.factorial(2 * k)
        total = total + _BERNOULLI[2 * k] * growth / z ** (2 * k + order)
    return (-1) ** (order + 1) * total


def _cotangent(z: Any, order: int) -> Any:
    """Return pi cot(pi z), differentiated: a polynomial of the cotangent."""
    polynomial: Any = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        polynomial = -polynomial.deriv() * np.polynomial.Polynomial([1.0, 0.0, 1.0])
    turns: Any = np.exp(-2j * np.pi * z * np.where(z.imag > 0, -1.0, 1.0))
    cotangent = 1j * np.where(z.imag > 0, 1.0, -1.0) * (turns + 1) / (turns - 1)
    return np.pi ** (order + 1) * polynomial(cotangent)


@opaque
def trigamma(x: Value) -> Value:
    """Return the derivative of psi at ``x``."""
    return polygamma_of(x, order=1)


EXTRA["polygamma_of"] = polygamma_of
EXTRA["trigamma"] = trigamma


class digamma_grad(elementwise):
    """z = psi(x), the derivative of log gamma(x) (DLMF 5.2.2)"""

    forward = "scipy.special:digamma"
    also: tuple[Any, ...] = ("scipy.special:psi",)
    domain: Domain = {"x": (0.5, 4.0)}

    @staticmethod
    def native(x: float) -> float:
        """Return psi(x)."""
        return digamma_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi'(x) (DLMF 5.15.1)"""
        return xp.trigamma(x)


class trigamma_grad(elementwise):
    """z = psi'(x), the derivative of psi (DLMF 5.15.1)"""

    forward = trigamma
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = ("float64", "complex128")

    @staticmethod
    def native(x: float) -> float:
        """Return psi'(x)."""
        return trigamma_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi''(x)"""
        return xp.polygamma_of(x, order=2)


class polygamma_of_grad(elementwise):
    """z = the ``order``-th derivative of psi at x (DLMF 5.15.1)"""

    forward = polygamma_of
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = ("float64", "complex128")
    cases: Cases = (case(positive(5), order=1), case(positive(2, 3), order=2))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: Any) -> Value:
        """dz/dx = the next derivative"""
        return xp.polygamma_of(x, order=order + 1)


@opaque
def psi_difference(x: Value, y: Value, *, order: int) -> Value:
    """Return ``psi(x + y) - psi(x)``, differentiated ``order`` times in ``x``.

    For positive ``x`` and ``x + y`` of which the difference would lose digits, each
    term of the recurrence (DLMF 5.15.5) and of the asymptotic series (DLMF 5.11.2) is a
    difference of powers, ``(x + y)**-n - x**-n = x**-n expm1(-n log1p(y / x))``, in
    which nothing cancels.
    """
    s, t = in_double(x), in_double(y)
    psi = functools.partial(_scipy.polygamma, order) if order else _scipy.digamma
    last, first = psi(s + t), psi(s)
    z: Any = np.asarray(last - first)
    keeps = np.abs(z) >= _ENOUGH * (np.abs(last) + np.abs(first))
    cancels = (s > 0) & (s + t > 0) & ~keeps
    if cancels.any():
        s, t = np.broadcast_arrays(s, t)
        z[cancels] = _by_series(s[cancels], t[cancels], order)
    return z.astype(dtype_for(x, y))[()]


def _by_series(a: Reals, m: Reals, order: int) -> Reals:
    """Return the difference for positive entries, a block of them at a time."""
    if a.size > _BLOCK:
        places = range(0, a.size, _BLOCK)
        blocks = [(a[i : i + _BLOCK], m[i : i + _BLOCK]) for i in places]
        return np.concatenate([_by_series(*block, order) for block in blocks])
    steps = a + np.arange(_SHIFT)[:, None]
    total: Any = math.factorial(order) * _power_difference(steps, m, order + 1).sum(0)
    a = a + _SHIFT
    if order:
        power = _power_difference(a, m, order)
        total = total + math.factorial(order - 1) * power
    else:
        total = total - np.log1p(m / a)
    power = _power_difference(a, m, order + 1)
    total = total + math.factorial(order) / 2 * power
    degrees = range(2, 2 * _TERMS, 2)
    growth = [math.factorial(n + order - 1) / math.factorial(n) for n in degrees]
    exponents = np.array(degrees)[:, None] + order
    powers = _power_difference(a, m, exponents)
    total = total + (_BERNOULLI[2 : 2 * _TERMS : 2] * np.array(growth)) @ powers
    return (-1) ** (order + 1) * total


def _power_difference(x: Reals, y: Reals, n: Any) -> Any:
    """Return ``(x + y)**-n - x**-n``."""
    return np.expm1(-n * np.log1p(y / x)) / x**n


EXTRA["psi_difference"] = psi_difference


class psi_difference_grad(elementwise):
    """z = psi(x + y) - psi(x), differentiated ``order`` times in x"""

    forward = psi_difference
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(5), positive(5), order=0),
        case(positive(2, 3), within(-0.3, 3.0, 3), order=1),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value, *, order: int) -> Value:
        """dz/dx = the next one"""
        return xp.psi_difference(x, y, order=order + 1)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value, *, order: int) -> Value:
        """dz/dy = a derivative of psi at x + y"""
        return xp.polygamma_of(x + y, order=order + 1)


digamma: Operation = operation(digamma_grad)
of_trigamma: Operation = operation(trigamma_grad)
of_psi: Operation = operation(polygamma_of_grad)
differences: Operation = operation(psi_difference_grad)


@implements(_scipy.polygamma)
def polygamma(n: Any, x: Value) -> Value:
    """Return the ``n``-th derivative of psi at ``x``.

    Parameters
    ----------
    n
        Whole numbers from 0 on, plain.
    x
        Real numbers.

    Raises
    ------
    MissingRuleError
        Where ``n`` is a node: there is no derivative in the order.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy import special
    >>> round(gd.grad(lambda x: special.polygamma(0, x))(1.0), 12)
    1.644934066848
    """
    refuse_nodes("scipy.special.polygamma", n=n)
    return of_trigamma(x) if type(n) is int and n == 1 else of_psi(x, order=n)
