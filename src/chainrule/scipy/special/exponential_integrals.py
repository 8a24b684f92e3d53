"""Exponential, sine, cosine and logarithmic integrals: their slopes are elementary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.operations_grad.special import sinc_derivative
from chainrule.rules import elementwise
from chainrule.rules.cases import Cases, Domain, Dtypes, case, positive
from chainrule.scipy.special.partial_derivatives import Orders, computes
from chainrule.scipy.special.several import several_of_one
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_RIGHT: Domain = {"x": (0.5, 3.0)}
_where: Any = np.where


class exp1_grad(elementwise):
    """z = E_1(x), the exponential integral (DLMF 6.2.1)"""

    forward = "scipy.special:exp1"
    domain: Domain = _RIGHT

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -exp(-x) / x"""
        return -xp.exp(-x) / x


class expi_grad(elementwise):
    """z = Ei(x), the exponential integral (DLMF 6.2.5)"""

    forward = "scipy.special:expi"
    domain: Domain = _RIGHT

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x) / x"""
        return xp.exp(x) / x


@computes("expn")
def of_expn(name: str, orders: Orders, n: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative of E_n at x, n a whole number (DLMF 8.19.13).

    It is plus or minus ``E_(n - k)``; where that order is -j < 0 it is the finite sum
    of ``j! / i! x**(i - j - 1) exp(-x)``, i from 0 to j (DLMF 8.19.7).
    """
    k = orders[1]
    order: Any = n - k
    found: Any = scipy.special.expn(np.maximum(order, 0).astype(int), x)
    for j in range(1, k + 1):
        terms: Any = sum(x ** (i - j - 1.0) / math.factorial(i) for i in range(j + 1))
        found = _where(order == -j, math.factorial(j) * np.exp(-x) * terms, found)
    return (-1.0) ** k * _where(x < 0, np.nan, found)


class expn_grad(elementwise):
    """z = E_n(x), the generalised exponential integral (DLMF 8.19.1)"""

    forward = "scipy.special:expn"
    refused: Mapping[str, str] = {
        "n": "It is a whole number. Of real order it is "
        "x**(n - 1) * gamma(1 - n) * gammaincc(1 - n, x), n < 1."
    }
    dtypes: Dtypes = ("float64",)
    cases: Cases = (case(np.array([[0], [1], [4]]), positive(3)), case(2, positive()))

    @staticmethod
    def d_x(xp: Namespace, z: Value, n: Value, x: Value) -> Value:
        """dz/dx = -E_(n - 1)(x) (DLMF 8.19.13); SciPy cuts n to a whole number"""
        return xp.partial_of_2(xp.trunc(n), x, name="expn", orders=(0, 1))


class sici_grad(several_of_one):
    """z = Si(x) and Ci(x), the sine and cosine integrals (DLMF 6.2.9, 6.2.11)"""

    forward = "scipy.special:sici"
    outputs = 2
    cases: Cases = (case(positive(2, 3)), case(positive()))

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """sin(x) / x, smooth at 0, and cos(x) / x"""
        return xp.sinc(x / math.pi), xp.cos(x) / x


@computes("sinh(x) / x")
def of_hyperbolic_sinc(name: str, orders: Orders, x: NDArray[Any]) -> Any:
    """Return a derivative of ``sinh(x) / x``, which is sinc on the imaginary axis."""
    (k,) = orders
    found: Any = sinc_derivative(1j * x / math.pi, order=k)
    found = (1j / math.pi) ** k * found
    return found if np.iscomplexobj(x) else found.real


class shichi_grad(several_of_one):
    """z = Shi(x) and Chi(x), the hyperbolic integrals (DLMF 6.2.15, 6.2.16)"""

    forward = "scipy.special:shichi"
    outputs = 2
    cases: Cases = (case(positive(2, 3)), case(positive()))

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """sinh(x) / x, smooth at 0, and cosh(x) / x"""
        first = xp.partial_of_1(x, name="sinh(x) / x", orders=(0,))
        return first, xp.cosh(x) / x


@computes("log(x) / (1 - x)")
def of_logarithm(name: str, orders: Orders, x: NDArray[Any]) -> Any:
    """Return a derivative of ``log(x) / (1 - x)``, smooth at 1.

    Near 1 it is minus the sum of ``(1 - x)**j / (j + 1)``; elsewhere that of a product.
    """
    (k,) = orders
    near: Any = np.abs(x - 1.0) < 0.5
    t = _where(near, 1.0 - x, 0.0)
    close: Any = 0.0
    for j in range(60, -1, -1):
        close = close * t - math.perm(j + k, k) / (j + k + 1.0)
    far = _where(near, 2.0, x)
    total: Any = 0.0
    for i in range(k + 1):
        own: Any = np.log(far) if not i else -math.factorial(i - 1) / (-far) ** i
        other = math.factorial(k - i) / (1.0 - far) ** (k - i + 1)
        total = total + math.comb(k, i) * own * other
    return _where(near, (-1.0) ** k * close, total)


class spence_grad(elementwise):
    """z = Li_2(1 - x), the dilogarithm (DLMF 25.12.1)"""

    forward = "scipy.special:spence"
    domain: Domain = {"x": (0.3, 3.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = log(x) / (1 - x), and -1 at 1"""
        return xp.partial_of_1(x, name="log(x) / (1 - x)", orders=(0,))


exp1: Operation = operation(exp1_grad)
expi: Operation = operation(expi_grad)
expn: Operation = operation(expn_grad)
sici: Operation = operation(sici_grad)
shichi: Operation = operation(shichi_grad)
spence: Operation = operation(spence_grad)
