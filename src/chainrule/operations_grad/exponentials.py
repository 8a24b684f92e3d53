"""Rules of exponential functions and logarithms.

Complex partials use the principal branches of NumPy (DLMF 4.2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.operations_grad.plain_arithmetic import (
    ROUND,
    bits_of,
    of_bits,
    poly7,
    poly11,
    power_of_two,
    u,
)
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.values.types import Namespace, Value

LN_2, LN_10 = math.log(2.0), math.log(10.0)

# (exp(r) - 1 - r) / r**2 for abs(r) <= log(2)/2, ascending powers of r.
EXP = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136,
    0.0013888888888883748, 0.00019841269874820627, 2.4801587325547743e-05,
    2.7557255400206422e-06, 2.75572736431103e-07, 2.5105217004720745e-08,
    2.0914686968086876e-09,
)  # fmt: skip
# (2*atanh(s) - 2*s) / s**3 for abs(s) <= (sqrt(2)-1)/(sqrt(2)+1), in s**2.
LOG = (
    0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496,
    0.1818289243253687, 0.15331611722055008, 0.14617807153417325,
)  # fmt: skip
PER_LN2 = 1.4426950408889634
LN2_HIGH = 0.6931471805601177  # 41 bits; times an exponent it is exact
LN2_LOW = -1.7239444525614835e-13
FARTHEST = 354.0  # exp(-2 * 354) is a normal number
SMALLEST_NORMAL = 2.2250738585072014e-308
ROOT_HALF_BITS = u(0x3FE6A09E667F3BCD)  # sqrt(1/2)
ROOT_SHIFT = u(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
FRACTION = u(0x000FFFFFFFFFFFFF)
TWO_52_BITS = u(0x4330000000000000)


def exp_scaled(x: float, shift: float) -> float:
    """Return exp(x) * 2**shift for x in -746..711."""
    k = (x * PER_LN2 + ROUND) - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 1.0 + (r + r * r * poly11(EXP, r))
    # In two factors, for 2**k may be beyond the floats where the result is not.
    k = k + shift
    half = k * 0.5 + ROUND
    rest = (k - (half - ROUND)) + ROUND
    return p * power_of_two(half) * power_of_two(rest)


def log_less(v: float, bias: float, less: float, rest: float) -> float:
    """Return log(v) - (bias - 1023) log(2) - less - rest, for v of normal size.

    ``less`` is a small whole number, of which nothing is lost; ``rest`` is tiny beside
    the result.
    """
    bits = bits_of(v) + ROOT_SHIFT
    f = of_bits((bits & FRACTION) + ROOT_HALF_BITS) - 1.0
    k = of_bits((bits >> u(52)) | TWO_52_BITS) - 4503599627370496.0  # 2**52
    k = k - bias
    s = f / (2.0 + f)
    t = s * s
    low = k * LN2_LOW - rest
    return (k * LN2_HIGH - less) + (f - (s * (f - t * poly7(LOG, t)) - low))


def decaying(x: float, less: float) -> float:
    """Return exp(-2 abs(x)) - less, where that is 0 or 1, for x to ``FARTHEST``.

    tanh and its derivative are made of it, and share all of it but the last difference.
    """
    a = abs(x)
    y = -2.0 * (FARTHEST if a > FARTHEST else a)
    k = (y * PER_LN2 + ROUND) - ROUND
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    s = power_of_two(k + ROUND)
    return (s - less) + s * (r + r * r * poly11(EXP, r))


class exp_grad(elementwise):
    """z = exp(x)"""

    forward = np.exp
    vector_loop = True
    expression = "math.exp(x)"
    latex = "e^{{{}}}"
    undoes = np.log
    remedy = "exp overflows beyond 709: subtract the maximum first, or use logaddexp."

    @staticmethod
    def native(x: float) -> float:
        """Return e**x."""
        y = 710.0 if x > 710.0 else x
        return exp_scaled(-746.0 if y < -746.0 else y, 0.0)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x) = z"""
        return z


class exp2_grad(elementwise):
    """z = 2**x"""

    forward = np.exp2
    vector_loop = True
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
    vector_loop = True
    also: tuple[Any, ...] = ("scipy.special:expm1",)
    expression = "math.expm1(x)"
    formula = "math.exp(x) - 1"
    undoes = np.log1p

    @staticmethod
    def native(x: float) -> float:
        """Return e**x - 1, accurate near 0."""
        y = 710.0 if x > 710.0 else x
        y = -50.0 if y < -50.0 else y
        k = (y * PER_LN2 + ROUND) - ROUND
        head = y - k * LN2_HIGH
        r = head - k * LN2_LOW
        tail = (head - r) - k * LN2_LOW
        # Half of (2**k - 1) + 2**k * (e**r - 1), the first sum exact: 2**1024 is no
        # float.
        s = power_of_two((k - 1.0) + ROUND)
        g = s - 0.5
        h = g + s * r
        low = (g - h) + s * r
        result = 2.0 * (h + (low + s * (r * r * poly11(EXP, r) + tail)))
        return x if abs(x) < 1e-17 else result

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x); z + 1 would lose its digits where x is far below 0"""
        return xp.exp(x)


class log_grad(elementwise):
    """z = log(x)"""

    forward = np.log
    vector_loop = True
    expression = "math.log(x)"
    latex = r"\log"
    undoes = np.exp
    of_branches = True
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (np.inf,)),)
    remedy = (
        "log needs a positive argument: write np.where({x} > 0, np.log({x}), 0.0), "
        "with the value of your choice for 0.0."
    )

    @staticmethod
    def native(x: float) -> float:
        """Return the natural logarithm: -inf at 0, nan below."""
        tiny = x < SMALLEST_NORMAL
        y = x * 18014398509481984.0 if tiny else x  # 2**54
        result = log_less(y, 1077.0 if tiny else 1023.0, 0.0, 0.0)
        result = result if x < math.inf else x
        result = -math.inf if x == 0.0 else result
        return math.nan if x < 0.0 else result

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / x"""
        return 1 / x


class log2_grad(elementwise):
    """z = log(x) / log(2)"""

    forward = np.log2
    vector_loop = True
    expression = "math.log2(x)"
    latex = r"\log_{2}"
    undoes = np.exp2
    of_branches = True
    domain: Domain = {"x": (0.5, 2.0)}
    remedy = (
        "log2 needs a positive argument: write np.where({x} > 0, np.log2({x}), 0.0), "
        "with the value of your choice for 0.0."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (x log(2))"""
        return 1 / (x * LN_2)


class log10_grad(elementwise):
    """z = log(x) / log(10)"""

    forward = np.log10
    vector_loop = True
    expression = "math.log10(x)"
    latex = r"\log_{10}"
    domain: Domain = {"x": (0.5, 2.0)}
    remedy = (
        "log10 needs a positive argument: write np.where({x} > 0, np.log10({x}), 0.0), "
        "with the value of your choice for 0.0."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (x log(10))"""
        return 1 / (x * LN_10)


class log1p_grad(elementwise):
    """z = log(1 + x)"""

    forward = np.log1p
    vector_loop = True
    also: tuple[Any, ...] = ("scipy.special:log1p",)
    expression = "math.log1p(x)"
    formula = "math.log(1 + x)"
    undoes = np.expm1
    of_branches = True
    domain: Domain = {"x": (-0.5, 2.0)}
    remedy = (
        "log1p needs an argument above -1: write np.where({x} > -1, np.log1p({x}), "
        "0.0), with the value of your choice for 0.0."
    )

    @staticmethod
    def native(x: float) -> float:
        """Return log(1 + x), accurate near 0: -inf at -1, nan below."""
        v = 1.0 + x
        lost = 1.0 - (v - x) if x >= 1.0 else x - (v - 1.0)
        result = log_less(v, 1023.0, 0.0, -lost / v)
        result = result if x < math.inf else x
        result = x if x == 0.0 else result
        result = -math.inf if x == -1.0 else result
        return math.nan if x < -1.0 else result

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
    def native(x: float, y: float) -> float:
        """Return log(e**x + e**y), within 2 units of the largest of x, y and itself."""
        largest = x if x > y or x != x else y
        apart = 0.0 if x == y else abs(x - y)  # inf - inf is nan
        return largest + log1p_grad.native(exp_grad.native(-apart))

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
