"""Struve functions, and the integrals of these and of Bessel functions of order 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive
from chainrule.scipy.special.cylinder_functions import in_argument, width_of
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.partial_derivatives import Orders, computes, of_two
from chainrule.scipy.special.several import several_of_one
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_where: Any = np.where
_NEAR = 4.0
"""Up to where power series are summed: their terms hardly cancel there."""
_TERMS = 40


def _series(sign: float, order: int, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative of H_v or L_v by its power series (DLMF 11.2.1, 11.2.2)."""
    total: Any = 0.0
    for k in range(_TERMS):
        degree = 2.0 * k + v + 1.0
        falling: Any = math.prod(
            (degree - i for i in range(order)), start=1.0 + 0.0 * v
        )
        scale = scipy.special.rgamma(k + 1.5) * scipy.special.rgamma(k + v + 1.5)
        power = _where(falling == 0, 0.0, (x / 2.0) ** (degree - order))
        total = total + sign**k * falling * scale * power
    return total / 2.0**order


def _recurrence(name: str, order: int, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative from those of lower orders: H'_v = H_(v-1) - v/x H_v.

    The same holds of L (DLMF 11.4.27, 11.4.29). ``shares[j, a]`` is what is taken of
    ``H_(v-j) / x**a``.
    """
    function: Any = getattr(scipy.special, name)
    shares: dict[tuple[int, int], Any] = {(0, 0): 1.0}
    for _ in range(order):
        following: dict[tuple[int, int], Any] = {}
        for (j, a), share in shares.items():
            below, same = (j + 1, a), (j, a + 1)
            following[below] = following.get(below, 0.0) + share
            following[same] = following.get(same, 0.0) - (a + v - j) * share
        shares = following
    total: Any = 0.0
    for (j, a), share in shares.items():
        total = total + share * function(v - j, x) / x**a
    return total


@computes("struve", "modstruve")
def of_struve(name: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a partial derivative of H_v or L_v at x."""
    order = orders[1]
    sign = -1.0 if name == "struve" else 1.0

    def in_x(v: NDArray[Any], x: NDArray[Any]) -> Any:
        if not order:
            return getattr(scipy.special, name)(v, x)
        near: Any = np.abs(x) < _NEAR
        close = _series(sign, order, v, _where(near, x, 1.0))
        return _where(near, close, _recurrence(name, order, v, _where(near, 1.0, x)))

    return in_parameters(in_x, (v, x), (orders[0], 0), (width_of(v, x), x))


class struve_grad(of_two):
    """z = H_v(x), Struve's function (DLMF 11.2.1)"""

    forward = "scipy.special:struve"
    domain: Domain = {"v": (0.2, 3.0), "x": (0.5, 6.0)}
    dtypes: Dtypes = REAL


class modstruve_grad(of_two):
    """z = L_v(x), the modified Struve function (DLMF 11.2.2)"""

    forward = "scipy.special:modstruve"
    domain: Domain = {"v": (0.2, 3.0), "x": (0.5, 6.0)}
    dtypes: Dtypes = REAL


# -------------------------------------------------------------------------- integrals


_QUOTIENTS = {
    "(1 - j0) / x": (2.0, 1, 1.0, -1.0),
    "(i0 - 1) / x": (2.0, 1, 1.0, 1.0),
    "struve0 / x": (1.5, 0, 1.0, -1.0),
}
"""Power series: half of ``(x / 2)**(2 j + least)`` by the square of Gamma(j + first),
the sign of all terms, and that of a term to the one before."""


@computes(*_QUOTIENTS)
def of_quotient(name: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative in x of an integrand that is smooth at 0; v is not read.

    For small x by the power series, else by the rule of products.
    """
    k = orders[1]
    near: Any = np.abs(x) < _NEAR
    small, large = _where(near, x, 1.0), _where(near, 1.0, x)
    first, least, sign, turn = _QUOTIENTS[name]
    total: Any = 0.0
    for j in range(_TERMS):
        degree = 2 * j + least
        falling = math.prod(degree - i for i in range(k))
        if falling:
            scale = scipy.special.rgamma(j + first) ** 2 * sign * turn**j
            total = total + scale * falling * (small / 2.0) ** (degree - k)
    close = total / 2.0 ** (k + 1)
    far: Any = 0.0
    for j in range(k + 1):
        share = math.comb(k, j) * (-1.0) ** (k - j) * math.factorial(k - j)
        far = far + share * _numerator(name, j, large) / large ** (k - j + 1)
    return _where(near, close, far)


def _numerator(name: str, order: int, x: NDArray[Any]) -> Any:
    """Return a derivative of what an integrand is x times."""
    zero = np.zeros(())
    if name == "struve0 / x":
        return of_struve("struve", (0, order), zero, x)
    one = 0.0 if order else 1.0
    if name == "(1 - j0) / x":
        return one - in_argument("jv", order, zero, x)
    return in_argument("iv", order, zero, x) - one


class itstruve0_grad(elementwise):
    """z = the integral of H_0 from 0 to x"""

    forward = "scipy.special:itstruve0"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = H_0(x)"""
        return xp.struve(0.0, x)


class itmodstruve0_grad(elementwise):
    """z = the integral of L_0 from 0 to x"""

    forward = "scipy.special:itmodstruve0"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = L_0(x)"""
        return xp.modstruve(0.0, x)


class it2struve0_grad(elementwise):
    """z = the integral of H_0(t) / t from x to infinity"""

    forward = "scipy.special:it2struve0"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -H_0(x) / x"""
        return -xp.partial_of_2(0.0, x, name="struve0 / x", orders=(0, 0))


_RIGHT: Cases = (case(positive(2, 3)), case(positive()))


class itj0y0_grad(several_of_one):
    """z = the integrals of J_0 and Y_0 from 0 to x"""

    forward = "scipy.special:itj0y0"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _RIGHT

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """The integrands at x"""
        return xp.j0(x), xp.y0(x)


class iti0k0_grad(several_of_one):
    """z = the integrals of I_0 and K_0 from 0 to x"""

    forward = "scipy.special:iti0k0"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _RIGHT

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """The integrands at x"""
        return xp.partial_of_2(0.0, x, name="iv", orders=(0, 0)), xp.k0(x)


class it2j0y0_grad(several_of_one):
    """z = the integrals of (1 - J_0(t)) / t from 0 to x, of Y_0(t) / t from x on"""

    forward = "scipy.special:it2j0y0"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _RIGHT

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """The integrand at x, and less the other"""
        first = xp.partial_of_2(0.0, x, name="(1 - j0) / x", orders=(0, 0))
        return first, -xp.y0(x) / x


class it2i0k0_grad(several_of_one):
    """z = the integrals of (I_0(t) - 1) / t from 0 to x, of K_0(t) / t from x on"""

    forward = "scipy.special:it2i0k0"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _RIGHT

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """The integrand at x, and less the other"""
        first = xp.partial_of_2(0.0, x, name="(i0 - 1) / x", orders=(0, 0))
        return first, -xp.k0(x) / x


struve: Operation = operation(struve_grad)
modstruve: Operation = operation(modstruve_grad)
itstruve0: Operation = operation(itstruve0_grad)
itmodstruve0: Operation = operation(itmodstruve0_grad)
it2struve0: Operation = operation(it2struve0_grad)
itj0y0: Operation = operation(itj0y0_grad)
iti0k0: Operation = operation(iti0k0_grad)
it2j0y0: Operation = operation(it2j0y0_grad)
it2i0k0: Operation = operation(it2i0k0_grad)
