"""Rules of the operators: + - * / ** % @, unary - and +, abs."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.rules import elementwise


class addition_grad(elementwise):
    """z = x + y"""

    forward = np.add

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = 1"""
        return 1


class subtraction_grad(elementwise):
    """z = x - y"""

    forward = np.subtract

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = -1"""
        return -1


class multiplication_grad(elementwise):
    """z = x * y"""

    forward = np.multiply

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = y"""
        return y

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = x"""
        return x


class division_grad(elementwise):
    """z = x / y"""

    forward = np.divide
    domain = {"y": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1 / y"""
        return 1 / y

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = -x / y**2 = -z / y"""
        return -z / y


class power_grad(elementwise):
    """z = x ** y

    At ``x = 0`` with ``y = 0`` the derivative in ``x`` is ``y * x**(y-1) = 0`` (the
    power is the constant 1 there), and the derivative in ``y`` is 0 for ``x = 0`` and
    ``y > 0`` (the limit of ``x**y log x``), as DLMF 4.2 continues ``0**0 = 1``.
    """

    forward = np.power
    domain = {"x": (0.5, 2.0)}
    conventions = (((0.0, 0.0), (0.0, None)), ((0.0, 2.0), (0.0, 0.0)))

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = y x**(y-1), and 0 where y = 0"""
        return y * xp.power(x, xp.where(y == 0, 1.0, y - 1))

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = z log(x), and 0 where x = 0 and y > 0"""
        return z * xp.log(xp.where(x == 0, xp.where(y > 0, 1.0, x), x))


class remainder_grad(elementwise):
    """z = x mod y = x - floor(x / y) y"""

    forward = np.remainder
    domain = {"x": (2.1, 2.9), "y": (1.5, 1.9)}
    dtypes = ("float32", "float64")
    untested = "x / y an integer: the remainder jumps there"

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = -floor(x / y)"""
        return -xp.floor(x / y)


class negative_grad(elementwise):
    """z = -x"""

    forward = np.negative

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = -1"""
        return -1


class positive_grad(elementwise):
    """z = +x"""

    forward = np.positive

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1"""
        return 1


class absolute_grad(elementwise):
    """z = |x|

    At 0 the derivative is 0, the midpoint of the subdifferential [-1, 1]. For complex
    ``x`` it is ``conj(x) / |x|``, of which the tangent takes the real part.
    """

    forward = np.absolute
    domain = {"x": (0.5, 2.0)}
    conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = sign(x), conjugated for complex x"""
        return xp.sign(x)


__all__ = [
    "absolute_grad",
    "addition_grad",
    "division_grad",
    "multiplication_grad",
    "negative_grad",
    "positive_grad",
    "power_grad",
    "remainder_grad",
    "subtraction_grad",
]
