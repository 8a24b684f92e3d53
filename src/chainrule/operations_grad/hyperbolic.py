"""Rules of hyperbolic functions and their inverses.

Complex partials use the principal branches of NumPy (DLMF 4.37).
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.operations_grad.exponentials import decaying, exp_scaled
from chainrule.operations_grad.plain_arithmetic import poly7
from chainrule.rules import elementwise
from chainrule.rules.cases import Domain
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Value

# (sinh(x) - x) / x**3 for abs(x) <= 1, in x**2.
SINH = (
    0.16666666666666666, 0.008333333333333299, 0.00019841269841324198,
    2.7557319191381816e-06, 2.5052117695907823e-08, 1.6057679623801638e-10,
    7.746178593018827e-13,
)  # fmt: skip


class sinh_grad(elementwise):
    """z = sinh(x)"""

    forward = np.sinh
    vector_loop = True
    expression = "math.sinh(x)"
    latex = r"\sinh"

    @staticmethod
    def native(x: float) -> float:
        """Return (e**x - e**-x) / 2."""
        a = abs(x)
        t = x * x
        small = x + x * t * poly7(SINH, t)
        half = exp_scaled(711.0 if a > 711.0 else a, -1.0)
        large = math.copysign(half - 0.25 / half, x)
        return small if a < 1.0 else large

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = cosh(x)"""
        return xp.cosh(x)


class cosh_grad(elementwise):
    """z = cosh(x)"""

    forward = np.cosh
    vector_loop = True
    expression = "math.cosh(x)"
    latex = r"\cosh"

    @staticmethod
    def native(x: float) -> float:
        """Return (e**x + e**-x) / 2."""
        a = abs(x)
        half = exp_scaled(711.0 if a > 711.0 else a, -1.0)
        return half + 0.25 / half

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
    def native(x: float) -> float:
        """Return (1 - e) / (1 + e) with e = exp(-2 abs(x)), and the sign of x."""
        return math.copysign(decaying(x, 1.0) / (1.0 + decaying(x, 0.0)), x)

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
    vector_loop = True
    expression = "math.asinh(x)"
    inline = False

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / sqrt(1 + x**2), for real x without overflow"""
        if is_complex(x):
            return xp.one_over_root(x) * _side(xp, x)
        return xp.one_over_root(x) if xp.recorded else 1 / xp.hypot(x, 1.0)


def _side(xp: Namespace, x: Value) -> Value:
    """Return -1 where sqrt(1 + x**2) is taken on the other side of its cut, else 1.

    The cut is the imaginary axis beyond 1j and -1j. On which side of it a number is,
    the sign of its real part tells, a zero; the square has lost that.
    """
    across, along = xp.real(x), xp.imag(x)
    is_on_cut = (across == 0) & (abs(along) > 1)
    return xp.where(is_on_cut & (xp.copysign(along, across) != along), -1.0, 1.0)


class arccosh_grad(elementwise):
    """z = arccosh(x)"""

    forward = np.arccosh
    vector_loop = True
    expression = "math.acosh(x)"
    inline = False
    domain: Domain = {"x": (1.2, 3.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (sqrt(x - 1) sqrt(x + 1)), on the principal branch"""
        if is_complex(x):  # whose zeros say by their signs on which side of a cut it is
            return 1 / (xp.sqrt(x - 1) * xp.sqrt(-(-x - 1)))
        return 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1))


class arctanh_grad(elementwise):
    """z = arctanh(x)"""

    forward = np.arctanh
    vector_loop = True
    expression = "math.atanh(x)"
    domain: Domain = {"x": (-0.8, 0.8)}
    remedy = (
        "arctanh is infinite at -1 and 1, and not defined beyond: keep {x} between, "
        "such as np.clip({x}, -0.999999, 0.999999)."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / ((1 - x) (1 + x))"""
        if xp.recorded:
            return 1 / xp.one_minus_square(x)
        return 1 / ((1 - x) * (1 + x))
