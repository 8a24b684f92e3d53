"""Comparisons and logic: locally constant."""

from __future__ import annotations

import numpy as np

from chainrule.rules import locally_constant


class less(locally_constant):
    """z = x < y"""

    forward = np.less
    expression = "x < y"
    operator = "lt"
    of_integers = True


class less_equal(locally_constant):
    """z = x <= y"""

    forward = np.less_equal
    expression = "x <= y"
    operator = "le"
    of_integers = True


class greater(locally_constant):
    """z = x > y"""

    forward = np.greater
    expression = "x > y"
    operator = "gt"
    of_integers = True


class greater_equal(locally_constant):
    """z = x >= y"""

    forward = np.greater_equal
    expression = "x >= y"
    operator = "ge"
    of_integers = True


class equal(locally_constant):
    """z = x == y"""

    forward = np.equal
    expression = "x == y"
    operator = "eq"
    of_integers = True


class not_equal(locally_constant):
    """z = x != y"""

    forward = np.not_equal
    expression = "x != y"
    operator = "ne"
    of_integers = True


class logical_and(locally_constant):
    """z = x and y, as truth values"""

    forward = np.logical_and
    expression = "x != 0.0 and y != 0.0"
    formula = "x and y"
    of_integers = True


class logical_or(locally_constant):
    """z = x or y, as truth values"""

    forward = np.logical_or
    expression = "x != 0.0 or y != 0.0"
    formula = "x or y"
    of_integers = True


class logical_not(locally_constant):
    """z = not x, as a truth value"""

    forward = np.logical_not
    expression = "x == 0.0"
    of_integers = True


class isnan(locally_constant):
    """z = whether x is nan"""

    forward = np.isnan
    expression = "x != x"
    latex = r"\operatorname{isnan}"


class isinf(locally_constant):
    """z = whether x is infinite"""

    forward = np.isinf
    expression = "abs(x) == math.inf"


class isposinf(locally_constant):
    """z = whether x is infinity"""

    forward = np.isposinf
    entrywise = True
    expression = "x == math.inf"


class isneginf(locally_constant):
    """z = whether x is -infinity"""

    forward = np.isneginf
    entrywise = True
    expression = "x == -math.inf"


class isfinite(locally_constant):
    """z = whether x is neither infinite nor nan"""

    forward = np.isfinite
    expression = "abs(x) < math.inf"


class signbit(locally_constant):
    """z = whether x has a minus sign, which 0 and nan may have too"""

    forward = np.signbit
    expression = "math.copysign(1.0, x) < 0.0"
