"""Distributions whose tails are powers, and those of Cauchy."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value


@continuous
class pareto:
    """pdf(x) = b x**(-b - 1) for x >= 1"""

    support: tuple[Any, Any] = (1.0, math.inf)
    sample: tuple[float, ...] = (3.2,)

    @staticmethod
    def logpdf(x: Value, b: Value) -> Value:
        return np.log(b) - (b + 1.0) * np.log(x)

    @staticmethod
    def logsf(x: Value, b: Value) -> Value:
        return -b * np.log(x)

    @staticmethod
    def ppf(q: Value, b: Value) -> Value:
        return np.exp(-np.log1p(-q) / b)

    @staticmethod
    def isf(q: Value, b: Value) -> Value:
        return np.power(q, -1.0 / b)

    @staticmethod
    def mean(b: Value) -> Value:
        finite = b > 1.0
        c = np.where(finite, b, 2.0)
        return np.where(finite, c / (c - 1.0), math.inf)

    @staticmethod
    def var(b: Value) -> Value:
        finite = b > 2.0
        c = np.where(finite, b, 3.0)
        return np.where(finite, c / ((c - 2.0) * (c - 1.0) ** 2), math.inf)

    @staticmethod
    def entropy(b: Value) -> Value:
        return 1.0 + 1.0 / b - np.log(b)


@continuous
class lomax:
    """pdf(x) = c / (1 + x)**(c + 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (3.1,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) - (c + 1.0) * np.log1p(x)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return -c * np.log1p(x)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.expm1(-np.log1p(-q) / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return np.expm1(-np.log(q) / c)

    @staticmethod
    def mean(c: Value) -> Value:
        return pareto.formulas.mean(c) - 1.0

    var = pareto.formulas.var
    entropy = pareto.formulas.entropy


def log1p_power(x: Value, c: Value) -> Value:
    """Return ``log(1 + x**c)`` for ``x >= 0``, without overflow."""
    low = x < 1.0
    inner, outer = np.where(low, x, 1.0), np.where(low, 1.0, x)
    upper = c * np.log(outer) + np.log1p(np.power(outer, -c))
    return np.where(low, np.log1p(np.power(inner, c)), upper)


@continuous
class burr:
    """pdf(x) = c d x**(c d - 1) / (1 + x**c)**(d + 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (3.4, 1.3)

    @staticmethod
    def pdf(x: Value, c: Value, d: Value) -> Value:
        power = np.power(x, c * d - 1.0)
        return c * d * power * np.exp(-(d + 1.0) * log1p_power(x, c))

    @staticmethod
    def logpdf(x: Value, c: Value, d: Value) -> Value:
        power = sc.xlogy(c * d - 1.0, x)
        return np.log(c) + np.log(d) + power - (d + 1.0) * log1p_power(x, c)

    @staticmethod
    def cdf(x: Value, c: Value, d: Value) -> Value:
        return np.power(x, c * d) * np.exp(-d * log1p_power(x, c))

    @staticmethod
    def logcdf(x: Value, c: Value, d: Value) -> Value:
        return -d * log1p_power(1.0 / x, c)

    @staticmethod
    def sf(x: Value, c: Value, d: Value) -> Value:
        low = x < 1.0
        far = np.where(low, 1.0, x)
        tail = -np.expm1(-d * np.log1p(np.power(far, -c)))
        return np.where(low, 1.0 - burr.formulas.cdf(x, c, d), tail)

    @staticmethod
    def ppf(q: Value, c: Value, d: Value) -> Value:
        return np.power(np.expm1(-np.log(q) / d), -1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value, d: Value) -> Value:
        return np.power(np.expm1(-np.log1p(-q) / d), -1.0 / c)

    @staticmethod
    def mean(c: Value, d: Value) -> Value:
        finite = c > 1.0
        e = np.where(finite, c, 2.0)
        value = d * np.exp(sc.betaln(d + 1.0 / e, 1.0 - 1.0 / e))
        return np.where(finite, value, math.nan)

    @staticmethod
    def var(c: Value, d: Value) -> Value:
        finite = c > 2.0
        e = np.where(finite, c, 3.0)
        first = d * np.exp(sc.betaln(d + 1.0 / e, 1.0 - 1.0 / e))
        second = d * np.exp(sc.betaln(d + 2.0 / e, 1.0 - 2.0 / e))
        return np.where(finite, second - first * first, math.nan)


@continuous
class fisk:
    """pdf(x) = c x**(c - 1) / (1 + x**c)**2 for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (3.3,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        return burr.formulas.pdf(x, c, 1.0)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return burr.formulas.logpdf(x, c, 1.0)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return burr.formulas.cdf(x, c, 1.0)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return -log1p_power(1.0 / x, c)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return -log1p_power(x, c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.power(1.0 / q - 1.0, -1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return np.power(1.0 / q - 1.0, 1.0 / c)

    @staticmethod
    def mean(c: Value) -> Value:
        return burr.formulas.mean(c, 1.0)

    @staticmethod
    def var(c: Value) -> Value:
        return burr.formulas.var(c, 1.0)

    @staticmethod
    def entropy(c: Value) -> Value:
        return 2.0 - np.log(c)


@continuous
class burr12:
    """pdf(x) = c d x**(c - 1) / (1 + x**c)**(d + 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.4, 1.5)

    @staticmethod
    def pdf(x: Value, c: Value, d: Value) -> Value:
        power = c * d * np.power(x, c - 1.0)
        return power * np.exp(-(d + 1.0) * log1p_power(x, c))

    @staticmethod
    def logpdf(x: Value, c: Value, d: Value) -> Value:
        power = np.log(c) + np.log(d) + sc.xlogy(c - 1.0, x)
        return power - (d + 1.0) * log1p_power(x, c)

    @staticmethod
    def logsf(x: Value, c: Value, d: Value) -> Value:
        return -d * log1p_power(x, c)

    @staticmethod
    def ppf(q: Value, c: Value, d: Value) -> Value:
        return np.power(np.expm1(-np.log1p(-q) / d), 1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value, d: Value) -> Value:
        return np.power(np.expm1(-np.log(q) / d), 1.0 / c)

    @staticmethod
    def mean(c: Value, d: Value) -> Value:
        finite = c * d > 1.0
        e = np.where(finite, c, 2.0 / d)
        value = d * np.exp(sc.betaln(1.0 + 1.0 / e, d - 1.0 / e))
        return np.where(finite, value, math.nan)


@continuous
class mielke:
    """pdf(x) = k x**(k - 1) / (1 + x**s)**(1 + k / s) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.3, 3.4)

    @staticmethod
    def pdf(x: Value, k: Value, s: Value) -> Value:
        power = k * np.power(x, k - 1.0)
        return power * np.exp(-(1.0 + k / s) * log1p_power(x, s))

    @staticmethod
    def logpdf(x: Value, k: Value, s: Value) -> Value:
        power = np.log(k) + sc.xlogy(k - 1.0, x)
        return power - (1.0 + k / s) * log1p_power(x, s)

    @staticmethod
    def cdf(x: Value, k: Value, s: Value) -> Value:
        return np.power(x, k) * np.exp(-(k / s) * log1p_power(x, s))

    @staticmethod
    def ppf(q: Value, k: Value, s: Value) -> Value:
        return np.power(np.expm1(-np.log(q) * s / k), -1.0 / s)


@continuous
class kappa3:
    """pdf(x) = a (a + x**a)**(-1 / a - 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        scaled = x * np.power(a, -1.0 / a)
        return -np.log(a) / a - (1.0 / a + 1.0) * log1p_power(scaled, a)

    @staticmethod
    def cdf(x: Value, a: Value) -> Value:
        scaled = x * np.power(a, -1.0 / a)
        return scaled * np.exp(-log1p_power(scaled, a) / a)

    @staticmethod
    def sf(x: Value, a: Value) -> Value:
        low = x < 1.0
        far = np.where(low, 1.0, x)
        tail = -np.expm1(-np.log1p(a * np.power(far, -a)) / a)
        return np.where(low, 1.0 - kappa3.formulas.cdf(x, a), tail)

    @staticmethod
    def ppf(q: Value, a: Value) -> Value:
        return np.power(a / np.expm1(-a * np.log(q)), 1.0 / a)

    @staticmethod
    def isf(q: Value, a: Value) -> Value:
        return np.power(a / np.expm1(-a * np.log1p(-q)), 1.0 / a)


# ----------------------------------------------------------------------------- Cauchy


@continuous
class cauchy:
    """pdf(x) = 1 / (pi (1 + x**2))"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -math.log(math.pi) - 2.0 * np.log(np.hypot(1.0, x))

    @staticmethod
    def cdf(x: Value) -> Value:
        return np.arctan2(1.0, -x) / math.pi

    @staticmethod
    def sf(x: Value) -> Value:
        return np.arctan2(1.0, x) / math.pi

    @staticmethod
    def ppf(q: Value) -> Value:
        return -1.0 / np.tan(math.pi * q)

    @staticmethod
    def isf(q: Value) -> Value:
        return 1.0 / np.tan(math.pi * q)


@continuous
class halfcauchy:
    """pdf(x) = 2 / (pi (1 + x**2)) for x >= 0"""

    support = HALF_LINE

    @staticmethod
    def logpdf(x: Value) -> Value:
        return math.log(2.0 / math.pi) - 2.0 * np.log(np.hypot(1.0, x))

    @staticmethod
    def cdf(x: Value) -> Value:
        return 2.0 / math.pi * np.arctan(x)

    @staticmethod
    def sf(x: Value) -> Value:
        return 2.0 / math.pi * np.arctan2(1.0, x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.tan(0.5 * math.pi * q)

    @staticmethod
    def isf(q: Value) -> Value:
        return 1.0 / np.tan(0.5 * math.pi * q)


@continuous
class foldcauchy:
    """pdf(x) = (1 / (1 + (x - c)**2) + 1 / (1 + (x + c)**2)) / pi for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.2,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        both = 1.0 / (1.0 + (x - c) ** 2) + 1.0 / (1.0 + (x + c) ** 2)
        return both / math.pi

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return (np.arctan(x - c) + np.arctan(x + c)) / math.pi

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        return (np.arctan2(1.0, x - c) + np.arctan2(1.0, x + c)) / math.pi


@continuous
class skewcauchy:
    """pdf(x) = 1 / (pi (1 + (x / (1 + a sign(x)))**2))"""

    sample: tuple[float, ...] = (0.4,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        width = 1.0 + a * np.sign(x)
        return -math.log(math.pi) - 2.0 * np.log(np.hypot(1.0, x / width))

    @staticmethod
    def cdf(x: Value, a: Value) -> Value:
        width = np.where(x <= 0, 1.0 - a, 1.0 + a)
        return 0.5 * (1.0 - a) + width / math.pi * np.arctan(x / width)

    @staticmethod
    def ppf(q: Value, a: Value) -> Value:
        middle = 0.5 * (1.0 - a)
        width = np.where(q < middle, 1.0 - a, 1.0 + a)
        return width * np.tan(math.pi / width * (q - middle))
