"""Rules of squares, reciprocals, roots and the length of a vector of two."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.operations_grad.partials import chosen
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.values.types import Namespace, Value


class square_grad(elementwise):
    """z = x**2"""

    forward = np.square
    expression = "x * x"
    formula = "x ** 2"
    undoes = np.sqrt

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 2 x"""
        return 2 * x


class reciprocal_grad(elementwise):
    """z = 1 / x"""

    forward = np.reciprocal
    expression = "1.0 / x"
    formula = "x ** -1"
    domain: Domain = {"x": (0.5, 2.0)}
    remedy = (
        "The denominator is zero: take that of np.where({x} != 0, {x}, 1.0), and "
        "choose with np.where what the quotient is there."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -1 / x**2 = -z**2"""
        return -(z * z)


class sqrt_grad(elementwise):
    """z = sqrt(x)

    At 0 the derivative is the one-sided limit, +inf.
    """

    forward = np.sqrt
    expression = "math.sqrt(x)"
    latex = r"\sqrt{{{}}}"
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (np.inf,)),)
    remedy = (
        "sqrt has no finite derivative at 0: write "
        "np.where({x} > 0, np.sqrt({x}), 0.0), which is 0 there, and flat."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (2 sqrt(x)) = 1 / (2 z)"""
        return 0.5 / z


class root_grad(elementwise):
    """z = sqrt(x) of a square sum x, as in a standard deviation

    At 0 the derivative is 0: z has its minimum there, and 0 is its subgradient of least
    norm (Rockafellar, Convex Analysis, section 23); second derivatives are nan there.
    """

    forward = np.sqrt
    expression = "math.sqrt(x)"
    latex = r"\sqrt{{{}}}"
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (2 z), and 0 where z = 0"""
        steep = 0.5 / xp.where(z == 0, 1.0, z)
        return xp.where(z == 0, chosen(xp, z, z == 0), steep)


class cbrt_grad(elementwise):
    """z = cbrt(x), the real cube root

    At 0 the derivative is its limit from both sides, +inf.
    """

    forward = np.cbrt
    vector_loop = True
    also: tuple[Any, ...] = ("scipy.special:cbrt",)
    expression = "math.cbrt(x)"
    latex = r"\sqrt[3]{{{}}}"
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (np.inf,)),)

    @staticmethod
    def native(x: float) -> float:
        """Return the C library's cube root, which may be 4 units off, corrected."""
        y = math.cbrt(x)
        nearer = y - (y - x / (y * y)) / 3.0
        return y if y == 0.0 or not abs(y) < math.inf else nearer

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (3 z**2)"""
        return 1 / (3 * (z * z))


class hypot_grad(elementwise):
    """z = hypot(x, y) = sqrt(x**2 + y**2)

    At (0, 0) both partials are 0, the smallest element of the subdifferential of a norm
    (the unit ball; Rockafellar, Convex Analysis, section 23); second derivatives are
    nan there.
    """

    forward = np.hypot
    expression = "math.hypot(x, y)"
    formula = "math.sqrt(x ** 2 + y ** 2)"
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0, 0.0), (0.0, 0.0)), ((0.0, -2.0), (0.0, -1.0)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = x / z, and 0 where z = 0"""
        if xp.recorded:
            return xp.direction(x, y)
        return chosen(xp, x / xp.where(z == 0, 1.0 + z, z), z == 0)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = y / z, and 0 where z = 0"""
        if xp.recorded:
            return xp.direction(y, x)
        return chosen(xp, y / xp.where(z == 0, 1.0 + z, z), z == 0)
