"""Rounding and signs: locally constant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import locally_constant


class sign(locally_constant):
    """z = -1, 0 or 1, with the sign of x"""

    forward = np.sign
    expression = "1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else x"
    latex = r"\operatorname{sgn}"
    bounded = True


class floor(locally_constant):
    """z = the largest integer that is not above x"""

    forward = np.floor
    expression = "math.floor(x)"
    latex = r"\left\lfloor {}\right\rfloor"


class ceil(locally_constant):
    """z = the smallest integer that is not below x"""

    forward = np.ceil
    expression = "math.ceil(x)"
    latex = r"\left\lceil {}\right\rceil"


class rint(locally_constant):
    """z = the integer nearest to x, of two the even one"""

    forward = np.rint
    expression = "round(x)"


class trunc(locally_constant):
    """z = x rounded towards 0"""

    forward = np.trunc
    expression = "math.trunc(x)"


class floor_divide(locally_constant):
    """z = floor(x / y)"""

    forward = np.floor_divide
    expression = "x // y"
    operator = "floordiv"

    @staticmethod
    def native(x: float, y: float) -> float:
        """Return floor(x/y) as NumPy's ``floor_divide``: from the remainder."""
        if y == 0.0:
            return x / y
        rest = math.fmod(x, y)
        quotient = (x - rest) / y
        if rest != 0.0 and (y < 0.0) != (rest < 0.0):
            quotient -= 1.0
        if quotient == 0.0:
            return math.copysign(0.0, x / y)
        whole = math.floor(quotient)
        return whole + 1.0 if quotient - whole > 0.5 else whole


class whole_number(locally_constant):
    """z = an integer of Python's, which nan is none of"""

    forward = round
    also: tuple[Any, ...] = (math.floor, math.ceil, math.trunc)
    may_raise = True
