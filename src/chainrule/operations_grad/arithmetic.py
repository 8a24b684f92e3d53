"""Rules of the operators: + - * / ** % @, unary - and +, abs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.operations_grad.partials import chosen
from chainrule.rules import elementwise
from chainrule.rules.cases import (
    REAL,
    Cases,
    Conventions,
    Domain,
    Dtypes,
    case,
    positive,
)
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import constant, raw


class addition_grad(elementwise):
    """z = x + y"""

    forward = np.add
    expression = "x + y"
    operator = "add"
    of_integers = True

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1"""
        return 1


class subtraction_grad(elementwise):
    """z = x - y"""

    forward = np.subtract
    expression = "x - y"
    operator = "sub"
    of_integers = True
    remedy = "Infinity minus infinity: guard what is infinite with np.where."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -1"""
        return -1


class multiplication_grad(elementwise):
    """z = x * y"""

    forward = np.multiply
    expression = "x * y"
    operator = "mul"
    of_integers = vanishes = True
    remedy = "0 times infinity: guard the factor that is infinite with np.where."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = y"""
        return y

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = x"""
        return x


class division_grad(elementwise):
    """z = x / y"""

    forward = np.divide
    expression = "x / y"
    operator = "truediv"
    domain: Domain = {"y": (0.5, 2.0)}
    remedy = (
        "The denominator is zero: divide by np.where({y} != 0, {y}, 1.0), and choose "
        "with np.where what the quotient is there."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 / y"""
        return 1 / y

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -x / y**2 = -z / y"""
        return -z / y


class power_grad(elementwise):
    """z = x ** y

    At ``x = 0`` with ``y = 0`` the derivative in ``x`` is ``y * x**(y-1) = 0`` (the
    power is the constant 1 there), and the derivative in ``y`` is 0 for ``x = 0`` and
    ``y > 0`` (the limit of ``x**y log x``), as DLMF 4.2 continues ``0**0 = 1``.
    A constant exponent, a Python number, takes a shorter formula where there is one.
    """

    forward = np.power
    expression = "x ** y"
    operator = "pow"
    inline = False
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0, 0.0), (0.0, None)), ((0.0, 2.0), (0.0, 0.0)))
    cases: Cases = tuple(
        case(positive(3), y) for y in (0, 1, 2.0, 3, 0.5, -1, -0.5, -2, 2.5)
    )
    remedy = (
        "A power needs a positive base where the exponent is no whole number. At 0 it "
        "is infinite for negative exponents, and its slope for those below 1: keep {x} "
        "away from 0, or choose with np.where what it is there."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = y x**(y-1), and 0 where x = y = 0"""
        if type(y) is int or type(y) is float:
            return _constant_power(xp, z, x, y)
        value = raw(x)
        if type(value) is float and value > 0.0:
            return y * xp.power(x, y - 1)
        at_zero = xp.where(y == 0, 1.0, y - 1)
        factor = chosen(xp, y, (x == 0) * (y == 0))
        return factor * xp.power(x, xp.where(x == 0, at_zero, y - 1))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = z log(x), and 0 where x = 0 and y > 0"""
        if (type(x) is int or type(x) is float) and x > 0:
            return z * math.log(x)
        if xp.recorded:
            return xp.power_log(x, y, order=1)
        positive = constant(y > 0, x)  # pyright: ignore[reportOperatorIssue]
        return z * xp.log(xp.where(x == 0, xp.where(positive, 1.0, x), x))


def _constant_power(xp: Namespace, z: Value, x: Value, y: float) -> Value:
    """Return ``y x**(y-1)`` for a Python number, without a power where that is easy."""
    if y == 2:
        return x + x
    if y == 1:
        return 1
    if y == 0:
        return 0.0
    if y == 3:
        return y * (x * x)
    if y == 0.5:
        return 0.5 / z
    if y == -1:
        return -(z * z)
    return y * xp.power(x, y - 1)


class float_power_grad(power_grad):
    """z = x ** y, in double precision at least"""

    forward: Any = np.float_power
    expression = "x ** y"
    operator = ""
    dtypes: Dtypes = ("float64", "complex128")


class remainder_grad(elementwise):
    """z = x mod y = x - floor(x / y) y"""

    forward = np.remainder
    expression = "x % y"
    operator = "mod"
    domain: Domain = {"x": (2.1, 2.9), "y": (1.5, 1.9)}
    dtypes: Dtypes = REAL
    untested = "x / y an integer: the remainder jumps there"

    @staticmethod
    def native(x: float, y: float) -> float:
        """Return x - y*floor(x/y), with the sign of y, as NumPy's ``remainder``."""
        rest = math.fmod(x, y)
        if rest == 0.0:
            return math.copysign(0.0, y)
        return rest + y if (y < 0.0) != (rest < 0.0) else rest

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -floor(x / y)"""
        return -xp.floor_divide(x, y)


class negative_grad(elementwise):
    """z = -x"""

    forward = np.negative
    expression = "-x"
    operator = "neg"
    of_integers = bounded = True

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -1"""
        return -1


class positive_grad(elementwise):
    """z = +x"""

    forward = np.positive
    expression = "x"
    operator = "pos"
    of_integers = in_order = True

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1"""
        return 1


class absolute_grad(elementwise):
    """z = |x|

    At 0 the derivative is 0, the midpoint of the subdifferential [-1, 1], and so is the
    second one, as of every piecewise linear function. For complex ``x`` the derivative
    is ``conj(x) / |x|``, of which the tangent takes the real part; it is 0 at 0, where
    second derivatives are nan.
    """

    forward = np.absolute
    expression = "abs(x)"
    latex = r"\left|{}\right|"
    operator = "abs"
    of_integers = bounded = True
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sign(x), conjugated for complex x"""
        if is_complex(x):
            if xp.recorded:
                return xp.unit(x)
            safe = xp.where(z == 0, 1.0 + z, z)
            return chosen(xp, xp.conjugate(x) / safe, z == 0)
        return xp.sign(x)


class fabs_grad(elementwise):
    """z = |x|, for real x; at 0 the derivative is 0 as for ``absolute``"""

    forward = np.fabs
    expression = "abs(x)"
    latex = r"\left|{}\right|"
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sign(x)"""
        return xp.sign(x)
