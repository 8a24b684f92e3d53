"""The exponential distribution, those of its powers and differences, and lifetimes."""

from __future__ import annotations

import math

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value

EULER = 0.5772156649015329
"""Euler's constant."""
LOG_2 = math.log(2.0)


@continuous
class expon:
    """pdf(x) = exp(-x) for x >= 0"""

    support = HALF_LINE

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -x

    @staticmethod
    def cdf(x: Value) -> Value:
        return -np.expm1(-x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return -x

    @staticmethod
    def ppf(q: Value) -> Value:
        return -np.log1p(-q)

    @staticmethod
    def isf(q: Value) -> Value:
        return -np.log(q)


@continuous
class laplace:
    """pdf(x) = exp(-|x|) / 2"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -np.abs(x) - LOG_2

    @staticmethod
    def cdf(x: Value) -> Value:
        return _two_sided(x, 0.5, 0.5)

    @staticmethod
    def sf(x: Value) -> Value:
        return _two_sided(-x, 0.5, 0.5)

    @staticmethod
    def logcdf(x: Value) -> Value:
        right = x > 0
        upper = np.log1p(-0.5 * np.exp(-np.where(right, x, 0.0)))
        return np.where(right, upper, np.where(right, 0.0, x) - LOG_2)

    @staticmethod
    def logsf(x: Value) -> Value:
        return laplace.formulas.logcdf(-x)

    @staticmethod
    def ppf(q: Value) -> Value:
        right = q > 0.5
        tail = np.log(2.0 * np.where(right, 1.0 - q, q))
        return np.where(right, -tail, tail)

    @staticmethod
    def isf(q: Value) -> Value:
        return -laplace.formulas.ppf(q)


def _two_sided(x: Value, left: Value, right: Value) -> Value:
    """Return ``left exp(x)`` up to 0 and ``1 - right exp(-x)`` above."""
    above = x > 0
    upper = 1.0 - right * np.exp(-np.where(above, x, 0.0))
    return np.where(above, upper, left * np.exp(np.where(above, 0.0, x)))


@continuous
class laplace_asymmetric:
    """pdf(x) = exp(-x kappa) / (kappa + 1 / kappa) for x >= 0, exp(x / kappa) below"""

    sample: tuple[float, ...] = (1.6,)

    @staticmethod
    def logpdf(x: Value, kappa: Value) -> Value:
        slope = np.where(x >= 0, -kappa, 1.0 / kappa)
        return x * slope - np.log(kappa + 1.0 / kappa)

    @staticmethod
    def cdf(x: Value, kappa: Value) -> Value:
        above = x >= 0
        square = kappa * kappa
        upper = 1.0 - np.exp(-kappa * np.where(above, x, 0.0)) / (1.0 + square)
        lower = np.exp(np.where(above, 0.0, x) / kappa) * square / (1.0 + square)
        return np.where(above, upper, lower)

    @staticmethod
    def sf(x: Value, kappa: Value) -> Value:
        above = x >= 0
        square = kappa * kappa
        upper = np.exp(-kappa * np.where(above, x, 0.0)) / (1.0 + square)
        lower = np.exp(np.where(above, 0.0, x) / kappa) * square / (1.0 + square)
        return np.where(above, upper, 1.0 - lower)

    @staticmethod
    def ppf(q: Value, kappa: Value) -> Value:
        square = kappa * kappa
        above = q >= square / (1.0 + square)
        upper = np.where(above, (1.0 - q) * (1.0 + square), 1.0)
        lower = np.where(above, 1.0, q * (1.0 + square) / square)
        return np.where(above, -np.log(upper) / kappa, np.log(lower) * kappa)

    @staticmethod
    def mean(kappa: Value) -> Value:
        return 1.0 / kappa - kappa

    @staticmethod
    def var(kappa: Value) -> Value:
        return 1.0 / (kappa * kappa) + kappa * kappa

    @staticmethod
    def entropy(kappa: Value) -> Value:
        return 1.0 + np.log(kappa + 1.0 / kappa)


@continuous
class loglaplace:
    """pdf(x) = c / 2 x**(c - 1) for 0 <= x < 1, c / 2 x**(-c - 1) above"""

    support = HALF_LINE
    sample: tuple[float, ...] = (3.2,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        return 0.5 * c * np.power(x, np.where(x < 1.0, c, -c) - 1.0)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(0.5 * c) + sc.xlogy(np.where(x < 1.0, c, -c) - 1.0, x)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        low = x < 1.0
        tail = 0.5 * np.power(x, np.where(low, c, -c))
        return np.where(low, tail, 1.0 - tail)

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        low = x < 1.0
        tail = 0.5 * np.power(x, np.where(low, c, -c))
        return np.where(low, 1.0 - tail, tail)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        low = q < 0.5
        tail = 2.0 * np.where(low, q, 1.0 - q)
        return np.power(tail, np.where(low, 1.0 / c, -1.0 / c))

    @staticmethod
    def mean(c: Value) -> Value:
        finite = c > 1.0
        square = np.where(finite, c, 2.0) ** 2
        return np.where(finite, square / (square - 1.0), math.inf)

    @staticmethod
    def entropy(c: Value) -> Value:
        return np.log(2.0 / c) + 1.0


@continuous
class genexpon:
    """pdf(x) = (a + b e) exp(-(a + b) x + b e / c), e = 1 - exp(-c x), for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (0.9, 1.6, 0.7)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value, c: Value) -> Value:
        rate = np.log(a - b * np.expm1(-c * x))
        return rate + genexpon.formulas.logsf(x, a, b, c)

    @staticmethod
    def logsf(x: Value, a: Value, b: Value, c: Value) -> Value:
        return -(a + b) * x - b * np.expm1(-c * x) / c


@continuous
class gompertz:
    """pdf(x) = c exp(x) exp(-c (exp(x) - 1)) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (0.8,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) + x - c * np.expm1(x)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return -c * np.expm1(x)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.log1p(-np.log1p(-q) / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return np.log1p(-np.log(q) / c)
