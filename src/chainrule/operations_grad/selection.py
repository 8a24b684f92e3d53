"""Rules that choose between values, or take them apart: where, maximum, clip, modf.

Where an operand is not chosen its derivative is structurally zero. Partials of choices
are boolean arrays: they keep float32 as it is, and multiply faster than ``where``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.rules import elementwise, linear
from chainrule.rules.cases import REAL, Cases, Conventions, Domain, Dtypes, case
from chainrule.values.foreign import is_foreign
from chainrule.values.types import Namespace, Value


class where_grad(elementwise):
    """z = x where condition, else y"""

    expression = "x if condition else y"
    of_integers = bounded = primitive = chooses = returns_arrays = True
    structural = True
    constant_in: tuple[str, ...] = ("condition",)
    cases: Cases = (
        case(np.array([True, False, True]), (3,), (3,)),
        case(np.array([[True], [False]]), (3,), ()),
        case(True, (2,), (2,)),
        case(np.array([0, 2]), (2,), (3, 2)),
    )

    @staticmethod
    def forward(condition: Value, x: Any, y: Any) -> Value:
        """Return NumPy's where; a number where all three are numbers."""
        numbers = (type(x), type(y)) in _NUMBERS and not is_foreign(condition)
        if numbers and np.ndim(condition) == 0:
            return float(x if condition else y)
        return _where(condition, x, y)[()]

    @staticmethod
    def d_x(xp: Namespace, z: Value, condition: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 where the condition holds, else structurally 0"""
        return condition != 0

    @staticmethod
    def d_y(xp: Namespace, z: Value, condition: Value, x: Value, y: Value) -> Value:
        """dz/dy = structurally 0 where the condition holds, else 1"""
        return condition == 0


_where: Any = np.where
_NUMBERS = ((float, float), (float, int), (int, float))


class maximum_grad(elementwise):
    """z = max(x, y)

    Ties share: both partials are 1/2, the midpoint of the subdifferential (Griewank &
    Walther, Evaluating Derivatives, 2nd ed., ch. 14). A nan passes to both.
    """

    forward = np.maximum
    expression = "x if x > y or x != x else y"
    latex = r"\max"
    of_integers = bounded = True
    structural = True
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 1.0), (0.5, 0.5)), ((2.0, 1.0), (1.0, 0.0)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 where x > y, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, y != z)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 where y > x, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, x != z)


class minimum_grad(elementwise):
    """z = min(x, y); ties and nan as in maximum"""

    forward = np.minimum
    expression = "x if x < y or x != x else y"
    latex = r"\min"
    of_integers = bounded = True
    structural = True
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 1.0), (0.5, 0.5)), ((2.0, 1.0), (0.0, 1.0)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 where x < y, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, y != z)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 where y < x, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, x != z)


class fmax_grad(elementwise):
    """z = max(x, y), or the other operand where one is nan; ties share"""

    forward = np.fmax
    expression = "x if x > y or y != y else y"
    structural = True
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 1.0), (0.5, 0.5)), ((np.nan, 1.0), (0.0, 1.0)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 where x is chosen, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, x == z)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 where y is chosen, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, y == z)


class fmin_grad(fmax_grad):
    """z = min(x, y), or the other operand where one is nan; ties share"""

    forward: Any = np.fmin
    expression = "x if x < y or y != y else y"


class clip_grad(elementwise):
    """z = min(max(x, low), high)

    The derivative is 1 inside and at the bounds, as PyTorch documents it for ``clamp``.
    Where ``low > high`` NumPy returns ``high``, and the derivative is in ``high``.
    """

    forward = np.clip
    expression = (
        "x if x != x else low if low != low"
        " else high if high < x or high < low or high != high"
        " else low if x < low else x"
    )
    structural = True
    dtypes: Dtypes = REAL
    domain: Domain = {"low": (-1.5, -0.5), "high": (0.5, 1.5)}
    conventions: Conventions = (
        ((1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
        ((2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
        ((0.5, 1.0, 0.0), (0.0, 0.0, 1.0)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, low: Value, high: Value) -> Value:
        """dz/dx = 1 where low <= x <= high, else structurally 0"""
        return xp.logical_and(low <= x, x <= high)

    @staticmethod
    def d_low(xp: Namespace, z: Value, x: Value, low: Value, high: Value) -> Value:
        """dz/dlow = 1 where x < low <= high, else structurally 0"""
        return xp.logical_and(x < low, low <= high)

    @staticmethod
    def d_high(xp: Namespace, z: Value, x: Value, low: Value, high: Value) -> Value:
        """dz/dhigh = 1 where x > high or low > high, else structurally 0"""
        return xp.logical_or(x > high, low > high)


# ----------------------------------------------------- signs, and the parts of a number


class copysign_grad(elementwise):
    """z = |x| with the sign of y

    At ``x = 0`` the derivative is 0, as for the absolute value. Locally constant in y.
    """

    forward = np.copysign
    expression = "math.copysign(x, y)"
    constant_in: tuple[str, ...] = ("y",)
    dtypes: Dtypes = REAL
    domain: Domain = {"x": (0.5, 2.0), "y": (-2.0, -0.5)}
    conventions: Conventions = (((0.0, -1.0), (0.0, 0.0)), ((-2.0, -1.0), (1.0, 0.0)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = sign(x) sign(y)"""
        return xp.sign(x) * xp.copysign(1.0, y)


class heaviside_grad(elementwise):
    """z = 0 where x < 0, y where x = 0, 1 where x > 0; locally constant in x"""

    forward = np.heaviside
    expression = "0.0 if x < 0.0 else 1.0 if x > 0.0 else y if x == 0.0 else x"
    structural = True
    constant_in: tuple[str, ...] = ("x",)
    dtypes: Dtypes = REAL
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0, 0.3), (0.0, 1.0)), ((1.0, 0.3), (0.0, 0.0)))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 where x = 0, else structurally 0"""
        return x == 0


class fmod_grad(elementwise):
    """z = x - trunc(x / y) y, with the sign of x"""

    forward = np.fmod
    expression = "math.fmod(x, y)"
    dtypes: Dtypes = REAL
    domain: Domain = {"x": (-2.9, -2.1), "y": (1.5, 1.9)}
    untested = "x / y an integer: the remainder jumps there"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1"""
        return 1

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -trunc(x / y)"""
        return -xp.trunc(x / y)


class fraction_grad(elementwise):
    """z = x - trunc(x), the first result of modf"""

    expression = "math.copysign(x - math.trunc(x) if abs(x) != math.inf else 0.0, x)"
    dtypes: Dtypes = REAL
    domain: Domain = {"x": (1.1, 1.9)}
    untested = "x an integer: the fraction jumps there"

    @staticmethod
    def forward(x: Value) -> Value:
        """Return the fractional part."""
        return np.modf(x)[0]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1"""
        return 1


class mantissa_grad(elementwise):
    """z = x / 2**n with 1/2 <= |z| < 1, the first result of frexp"""

    dtypes: Dtypes = REAL
    domain: Domain = {"x": (1.1, 1.9)}
    untested = "|x| a power of two: the mantissa jumps there"
    conventions: Conventions = (((0.0,), (1.0,)),)

    @staticmethod
    def forward(x: Value) -> Value:
        """Return the mantissa."""
        return np.frexp(x)[0]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 2**-n = z / x, and 1 at 0, where n = 0"""
        return xp.where(x == 0, 1.0, z / xp.where(x == 0, 1.0, x))


class ldexp_grad(linear):
    """z = x 2**n, n an integer"""

    forward = np.ldexp
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = {"n": "It is an integer."}
    cases: Cases = (
        case((3,), np.array([1, -2, 3])),
        case((), np.array([[1], [0]])),
        case((2, 3), 4),
    )

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, n: Any) -> Value:
        """x_grad = z_grad 2**n"""
        return xp.ldexp(z_grad, n)


class nextafter_grad(elementwise):
    """z = the float after x on the way to y: x and a rounding unit"""

    forward = np.nextafter
    expression = "math.nextafter(x, y)"
    javascript = "x"  # which has no such function
    constant_in: tuple[str, ...] = ("y",)
    dtypes: Dtypes = REAL
    domain: Domain = {"y": (3.0, 4.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1"""
        return 1
