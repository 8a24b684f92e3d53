"""Weibull's distributions and others of powers of an exponential variable."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.exponential_family import EULER, LOG_2
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value


def _below_overflow(power: Value) -> Value:
    """Return an exponent no larger than that of the largest number, about."""
    return np.minimum(power, 700.0)


@continuous
class exponpow:
    """pdf(x) = b x**(b - 1) exp(1 + x**b - exp(x**b)) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.9,)

    @staticmethod
    def pdf(x: Value, b: Value) -> Value:
        power = _below_overflow(np.power(x, b))
        density = np.exp(1.0 + power - np.exp(power))
        return b * np.power(x, b - 1.0) * density

    @staticmethod
    def cdf(x: Value, b: Value) -> Value:
        return -np.expm1(-np.expm1(_below_overflow(np.power(x, b))))

    @staticmethod
    def sf(x: Value, b: Value) -> Value:
        return np.exp(-np.expm1(_below_overflow(np.power(x, b))))

    @staticmethod
    def logpdf(x: Value, b: Value) -> Value:
        power = np.power(x, b)
        return 1.0 + np.log(b) + sc.xlogy(b - 1.0, x) + power - np.exp(power)

    @staticmethod
    def logsf(x: Value, b: Value) -> Value:
        return -np.expm1(np.power(x, b))

    @staticmethod
    def ppf(q: Value, b: Value) -> Value:
        return np.power(np.log1p(-np.log1p(-q)), 1.0 / b)

    @staticmethod
    def isf(q: Value, b: Value) -> Value:
        return np.power(np.log1p(-np.log(q)), 1.0 / b)


@continuous
class exponweib:
    """pdf(x) = a c (1 - exp(-x**c))**(a - 1) exp(-x**c) x**(c - 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.3, 1.6)

    @staticmethod
    def pdf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c)
        ratio = sc.exprel(-power)  # of 1 - exp(-x**c) to x**c
        inner = np.power(ratio, a - 1.0) * np.exp(-power)
        return a * c * inner * np.power(x, a * c - 1.0)

    @staticmethod
    def logpdf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c)
        inner = (a - 1.0) * np.log(sc.exprel(-power)) - power
        return np.log(a) + np.log(c) + inner + sc.xlogy(a * c - 1.0, x)

    @staticmethod
    def cdf(x: Value, a: Value, c: Value) -> Value:
        return np.power(-np.expm1(-np.power(x, c)), a)

    @staticmethod
    def logcdf(x: Value, a: Value, c: Value) -> Value:
        return a * np.log(-np.expm1(-np.power(x, c)))

    @staticmethod
    def sf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c)
        far = power > LOG_2
        tail = a * np.log1p(-np.exp(-np.where(far, power, 1.0)))
        return np.where(far, -np.expm1(tail), 1.0 - np.power(-np.expm1(-power), a))

    @staticmethod
    def ppf(q: Value, a: Value, c: Value) -> Value:
        return np.power(-np.log1p(-np.power(q, 1.0 / a)), 1.0 / c)

    @staticmethod
    def isf(q: Value, a: Value, c: Value) -> Value:
        tail = -np.expm1(np.log1p(-q) / a)
        return np.power(-np.log(tail), 1.0 / c)


@continuous
class weibull_min:
    """pdf(x) = c x**(c - 1) exp(-x**c) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        return c * np.power(x, c - 1.0) * np.exp(-np.power(x, c))

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) + sc.xlogy(c - 1.0, x) - np.power(x, c)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return -np.power(x, c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.power(-np.log1p(-q), 1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return np.power(-np.log(q), 1.0 / c)

    @staticmethod
    def mean(c: Value) -> Value:
        return np.exp(sc.gammaln(1.0 + 1.0 / c))

    @staticmethod
    def var(c: Value) -> Value:
        first = np.exp(sc.gammaln(1.0 + 1.0 / c))
        return np.exp(sc.gammaln(1.0 + 2.0 / c)) - first * first

    @staticmethod
    def entropy(c: Value) -> Value:
        return -EULER / c - np.log(c) + EULER + 1.0


@continuous
class weibull_max:
    """pdf(x) = c (-x)**(c - 1) exp(-(-x)**c) for x <= 0"""

    support: tuple[Any, Any] = (-math.inf, 0.0)
    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        return weibull_min.formulas.pdf(-x, c)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return weibull_min.formulas.logpdf(-x, c)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return -np.power(-x, c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return -np.power(-np.log(q), 1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return -np.power(-np.log1p(-q), 1.0 / c)

    @staticmethod
    def mean(c: Value) -> Value:
        return -np.exp(sc.gammaln(1.0 + 1.0 / c))

    var = weibull_min.formulas.var
    entropy = weibull_min.formulas.entropy


@continuous
class dweibull:
    """pdf(x) = c / 2 |x|**(c - 1) exp(-|x|**c)"""

    sample: tuple[float, ...] = (1.8,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        size = np.abs(x)
        return np.log(0.5 * c) + sc.xlogy(c - 1.0, size) - np.power(size, c)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        tail = 0.5 * np.exp(-np.power(np.abs(x), c))
        return np.where(x > 0, 1.0 - tail, tail)

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        tail = 0.5 * np.exp(-np.power(np.abs(x), c))
        return np.where(x > 0, tail, 1.0 - tail)

    @staticmethod
    def mean(c: Value) -> Value:
        return 0.0 * c

    @staticmethod
    def var(c: Value) -> Value:
        return np.exp(sc.gammaln(1.0 + 2.0 / c))

    @staticmethod
    def entropy(c: Value) -> Value:
        return weibull_min.formulas.entropy(c) + LOG_2
