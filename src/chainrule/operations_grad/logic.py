"""Comparisons and logic: locally constant."""

from __future__ import annotations

import numpy as np

from chainrule.rules import locally_constant


class less(locally_constant):
    """z = x < y"""

    forward = np.less
    operator = "lt"
    of_integers = True


class less_equal(locally_constant):
    """z = x <= y"""

    forward = np.less_equal
    operator = "le"
    of_integers = True


class greater(locally_constant):
    """z = x > y"""

    forward = np.greater
    operator = "gt"
    of_integers = True


class greater_equal(locally_constant):
    """z = x >= y"""

    forward = np.greater_equal
    operator = "ge"
    of_integers = True


class equal(locally_constant):
    """z = x == y"""

    forward = np.equal
    operator = "eq"
    of_integers = True


class not_equal(locally_constant):
    """z = x != y"""

    forward = np.not_equal
    operator = "ne"
    of_integers = True


class logical_and(locally_constant):
    """z = x and y, as truth values"""

    forward = np.logical_and
    of_integers = True


class logical_or(locally_constant):
    """z = x or y, as truth values"""

    forward = np.logical_or
    of_integers = True


class logical_not(locally_constant):
    """z = not x, as a truth value"""

    forward = np.logical_not
    of_integers = True


class isnan(locally_constant):
    """z = whether x is nan"""

    forward = np.isnan


class isinf(locally_constant):
    """z = whether x is infinite"""

    forward = np.isinf
