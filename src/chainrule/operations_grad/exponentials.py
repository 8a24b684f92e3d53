"""Rules of exponential functions and logarithms.

Complex partials use the principal branches of NumPy (DLMF 4.2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.values.types import Namespace, Value

LN_2, LN_10 = math.log(2.0), math.log(10.0)


class exp_grad(elementwise):
    """z = exp(x)"""

    forward = np.exp
    expression = "math.exp(x)"
    latex = "e^{{{}}}"
    undoes = np.log
    remedy = "exp overflows beyond 709: subtract the maximum first, or use logaddexp."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x) = z"""
        return z


class exp2_grad(elementwise):
    """z = 2**x"""

    forward = np.exp2
    also: tuple[Any, ...] = ("scipy.special:exp2",)
    expression = "math.exp2(x)"
    latex = "2^{{{}}}"
    undoes = np.log2

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = z log(2)"""
        return z * LN_2


class expm1_grad(elementwise):
    """z = exp(x) - 1"""

    forward = np.expm1
    also: tuple[Any, ...] = ("scipy.special:expm1",)
    expression = "math.expm1(x)"
    formula = "math.exp(x) - 1"
    undoes = np.log1p

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x); z + 1 would lose its digits where x is far below 0"""
        return xp.exp(x)


class log_grad(elementwise):
    """z = log(x)"""

    forward = np.log
    expression = "math.log(x)"
    latex = r"\log"
    undoes = np.exp
    of_branches = True
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (np.inf,)),)
    remedy = "log needs a positive argument: np.log(np.where(x > 0, x, 1.0)), or log1p."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / x"""
        return 1 / x


class log2_grad(elementwise):
    """z = log(x) / log(2)"""

    forward = np.log2
    expression = "math.log2(x)"
    latex = r"\log_{2}"
    undoes = np.exp2
    of_branches = True
    domain: Domain = {"x": (0.5, 2.0)}
    remedy = "log2 needs a positive argument: np.log2(np.where(x > 0, x, 1.0))."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (x log(2))"""
        return 1 / (x * LN_2)


class log10_grad(elementwise):
    """z = log(x) / log(10)"""

    forward = np.log10
    expression = "math.log10(x)"
    latex = r"\log_{10}"
    domain: Domain = {"x": (0.5, 2.0)}
    remedy = "log10 needs a positive argument: np.log10(np.where(x > 0, x, 1.0))."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (x log(10))"""
        return 1 / (x * LN_10)


class log1p_grad(elementwise):
    """z = log(1 + x)"""

    forward = np.log1p
    also: tuple[Any, ...] = ("scipy.special:log1p",)
    expression = "math.log1p(x)"
    formula = "math.log(1 + x)"
    undoes = np.expm1
    of_branches = True
    domain: Domain = {"x": (-0.5, 2.0)}
    remedy = "log1p needs an argument above -1: guard it with np.where."

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (1 + x)"""
        return 1 / (1 + x)


class logaddexp_grad(elementwise):
    """z = log(exp(x) + exp(y))

    The partials are shares that add up to 1 and never overflow. Where both operands are
    the same infinity each share is 1/2, the limit along x = y; where only one is, the
    larger has all.
    """

    forward = np.logaddexp
    expression = (
        "x + math.log(2.0) if x == y else x + math.log1p(math.exp(y - x)) if x > y"
        " else y + math.log1p(math.exp(x - y))"
    )
    dtypes: Dtypes = REAL
    conventions: Conventions = (
        ((-np.inf, -np.inf), (0.5, 0.5)),
        ((np.inf, np.inf), (0.5, 0.5)),
        ((-np.inf, 1.0), (0.0, 1.0)),
        ((np.inf, 1.0), (1.0, 0.0)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 / (1 + exp(y - x))"""
        if xp.recorded:
            return xp.share(x, y)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp(y - x)))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 / (1 + exp(x - y))"""
        if xp.recorded:
            return xp.share(y, x)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp(x - y)))


class logaddexp2_grad(elementwise):
    """z = log2(2**x + 2**y); infinite operands as in logaddexp"""

    forward = np.logaddexp2
    expression = (
        "x + 1.0 if x == y"
        " else x + math.log1p(math.exp2(y - x)) / math.log(2.0) if x > y"
        " else y + math.log1p(math.exp2(x - y)) / math.log(2.0)"
    )
    dtypes: Dtypes = REAL
    conventions: Conventions = (
        ((-np.inf, -np.inf), (0.5, 0.5)),
        ((-np.inf, 1.0), (0.0, 1.0)),
        ((np.inf, 1.0), (1.0, 0.0)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = 1 / (1 + 2**(y - x))"""
        if xp.recorded:
            return xp.share2(x, y)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp2(y - x)))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = 1 / (1 + 2**(x - y))"""
        if xp.recorded:
            return xp.share2(y, x)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp2(x - y)))
