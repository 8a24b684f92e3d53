"""Rounding and signs: locally constant."""

from __future__ import annotations

import math

import numpy as np

from chainrule.rules import locally_constant


class sign(locally_constant):
    """z = -1, 0 or 1, with the sign of x"""

    forward = np.sign
    bounded = True


class floor(locally_constant):
    """z = the largest integer that is not above x"""

    forward = np.floor


class trunc(locally_constant):
    """z = x rounded towards 0"""

    forward = np.trunc


class floor_divide(locally_constant):
    """z = floor(x / y)"""

    forward = np.floor_divide
    operator = "floordiv"


class whole_number(locally_constant):
    """z = an integer of Python's, which nan is none of"""

    forward = round
    also = (math.floor, math.ceil, math.trunc)
    may_raise = True
