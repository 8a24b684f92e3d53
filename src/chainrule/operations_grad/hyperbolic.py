"""Rules of hyperbolic functions and their inverses.

Complex partials use the principal branches of NumPy (DLMF 4.37).
"""

from __future__ import annotations

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import Domain
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Value


class sinh_grad(elementwise):
    """z = sinh(x)"""

    forward = np.sinh
    expression = "math.sinh(x)"
    latex = r"\sinh"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = cosh(x)"""
        return xp.cosh(x)


class cosh_grad(elementwise):
    """z = cosh(x)"""

    forward = np.cosh
    expression = "math.cosh(x)"
    latex = r"\cosh"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sinh(x)"""
        return xp.sinh(x)


class tanh_grad(elementwise):
    """z = tanh(x)"""

    forward = np.tanh
    expression = "math.tanh(x)"
    latex = r"\tanh"
    inline = False

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / cosh(x)**2; 1 - z**2 would lose its digits where z is near 1"""
        if xp.recorded or is_complex(x):
            return xp.sech_square(x)
        c = xp.cosh(x)
        return 1 / (c * c)


class arcsinh_grad(elementwise):
    """z = arcsinh(x)"""

    forward = np.arcsinh
    expression = "math.asinh(x)"
    inline = False

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / sqrt(1 + x**2), for real x without overflow"""
        if xp.recorded or is_complex(x):
            return xp.one_over_root(x)
        return 1 / xp.hypot(x, 1.0)


class arccosh_grad(elementwise):
    """z = arccosh(x)"""

    forward = np.arccosh
    expression = "math.acosh(x)"
    domain: Domain = {"x": (1.2, 3.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (sqrt(x - 1) sqrt(x + 1)), on the principal branch"""
        return 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1))


class arctanh_grad(elementwise):
    """z = arctanh(x)"""

    forward = np.arctanh
    expression = "math.atanh(x)"
    domain: Domain = {"x": (-0.8, 0.8)}
    remedy = "It needs an argument between -1 and 1, and is steep at the ends: np.clip."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / ((1 - x) (1 + x))"""
        if xp.recorded:
            return 1 / xp.one_minus_square(x)
        return 1 / ((1 - x) * (1 + x))
