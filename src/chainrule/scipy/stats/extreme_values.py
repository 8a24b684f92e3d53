"""Distributions of extremes, and the logistic ones."""

from __future__ import annotations

import math

from chainrule.scipy.special import polygamma
from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.exponential_family import EULER, LOG_2
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.ratios import log1p_ratio
from chainrule.values.types import Value


@continuous
class gumbel_r:
    """pdf(x) = exp(-x - exp(-x))"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -x - np.exp(-x)

    @staticmethod
    def logcdf(x: Value) -> Value:
        return -np.exp(-x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return -np.log(-np.log(q))

    @staticmethod
    def isf(q: Value) -> Value:
        return -np.log(-np.log1p(-q))


@continuous
class gumbel_l:
    """pdf(x) = exp(x - exp(x))"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return x - np.exp(x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return -np.exp(x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.log(-np.log1p(-q))

    @staticmethod
    def isf(q: Value) -> Value:
        return np.log(-np.log(q))


@continuous
class genextreme:
    """pdf(x) = exp(-y) y**(1 - c), y = (1 - c x)**(1 / c), or exp(-x) for c = 0"""

    open_at = (True, True)
    sample: tuple[float, ...] = (0.3,)

    @staticmethod
    def support(c: Value) -> tuple[Value, Value]:
        edge = 1.0 / np.where(c == 0, 1.0, c)
        return np.where(c < 0, edge, -math.inf), np.where(c > 0, edge, math.inf)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        log_y = -x * log1p_ratio(-c * x)
        return (1.0 - c) * log_y - np.exp(log_y)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return -np.exp(-x * log1p_ratio(-c * x))

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        x = -np.log(-np.log(q))
        return x * sc.exprel(-c * x)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        x = -np.log(-np.log1p(-q))
        return x * sc.exprel(-c * x)

    @staticmethod
    def entropy(c: Value) -> Value:
        return EULER * (1.0 - c) + 1.0


@continuous
class genpareto:
    """pdf(x) = (1 + c x)**(-1 - 1 / c) for x >= 0, and exp(-x) for c = 0"""

    open_at = (False, True)
    sample: tuple[float, ...] = (0.2,)

    @staticmethod
    def support(c: Value) -> tuple[Value, Value]:
        edge = -1.0 / np.where(c < 0, c, -1.0)
        return np.where(c < 0, 0.0, 0.0), np.where(c < 0, edge, math.inf)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return -(1.0 + c) * x * log1p_ratio(c * x)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return -x * log1p_ratio(c * x)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        x = -np.log1p(-q)
        return x * sc.exprel(c * x)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        x = -np.log(q)
        return x * sc.exprel(c * x)

    @staticmethod
    def mean(c: Value) -> Value:
        finite = c < 1.0
        return np.where(finite, 1.0 / np.where(finite, 1.0 - c, 1.0), math.inf)

    @staticmethod
    def var(c: Value) -> Value:
        finite = c < 0.5
        d = np.where(finite, c, 0.0)
        return np.where(finite, 1.0 / ((1.0 - d) ** 2 * (1.0 - 2.0 * d)), math.nan)

    @staticmethod
    def entropy(c: Value) -> Value:
        return 1.0 + c


@continuous
class invweibull:
    """pdf(x) = c x**(-c - 1) exp(-x**-c) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (2.6,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) - (c + 1.0) * np.log(x) - np.power(x, -c)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return -np.power(x, -c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.power(-np.log(q), -1.0 / c)

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return np.power(-np.log1p(-q), -1.0 / c)

    @staticmethod
    def mean(c: Value) -> Value:
        return sc.gamma(1.0 - 1.0 / c)

    @staticmethod
    def var(c: Value) -> Value:
        return sc.gamma(1.0 - 2.0 / c) - sc.gamma(1.0 - 1.0 / c) ** 2

    @staticmethod
    def entropy(c: Value) -> Value:
        return 1.0 + EULER + EULER / c - np.log(c)


@continuous
class logistic:
    """pdf(x) = exp(-x) / (1 + exp(-x))**2"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -x - 2.0 * np.logaddexp(0.0, -x)

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.expit(x)

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.expit(-x)

    @staticmethod
    def logcdf(x: Value) -> Value:
        return -np.logaddexp(0.0, -x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return -np.logaddexp(0.0, x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.log(q) - np.log1p(-q)

    @staticmethod
    def isf(q: Value) -> Value:
        return np.log1p(-q) - np.log(q)


@continuous
class genlogistic:
    """pdf(x) = c exp(-x) / (1 + exp(-x))**(c + 1)"""

    sample: tuple[float, ...] = (1.9,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) - x - (c + 1.0) * np.logaddexp(0.0, -x)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return -c * np.logaddexp(0.0, -x)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return -np.log(np.expm1(-np.log(q) / c))

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return -np.log(np.expm1(-np.log1p(-q) / c))

    @staticmethod
    def mean(c: Value) -> Value:
        return EULER + sc.psi(c)

    @staticmethod
    def var(c: Value) -> Value:
        return math.pi**2 / 6.0 + polygamma(1, c)

    @staticmethod
    def entropy(c: Value) -> Value:
        return -np.log(c) + sc.psi(c + 1.0) + EULER + 1.0


@continuous
class halflogistic:
    """pdf(x) = 2 exp(-x) / (1 + exp(-x))**2 for x >= 0"""

    support = HALF_LINE

    @staticmethod
    def logpdf(x: Value) -> Value:
        return LOG_2 - x - 2.0 * np.log1p(np.exp(-x))

    @staticmethod
    def cdf(x: Value) -> Value:
        return np.tanh(0.5 * x)

    @staticmethod
    def sf(x: Value) -> Value:
        return 2.0 * sc.expit(-x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return LOG_2 - np.logaddexp(0.0, x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return 2.0 * np.arctanh(q)

    @staticmethod
    def isf(q: Value) -> Value:
        return np.log1p(1.0 - q) - np.log(q)


@continuous
class genhalflogistic:
    """pdf(x) = 2 y**(1 - c) / (1 + y)**2, y = (1 - c x)**(1 / c), 0 <= x <= 1 / c"""

    sample: tuple[float, ...] = (0.6,)

    @staticmethod
    def support(c: Value) -> tuple[Value, Value]:
        return 0.0, 1.0 / c

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        rest = 1.0 - c * x
        y = np.power(rest, 1.0 / c)
        return 2.0 * np.power(rest, 1.0 / c - 1.0) / (1.0 + y) ** 2

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        rest = 1.0 - c * x
        power = sc.xlogy(1.0 / c - 1.0, rest)
        return LOG_2 + power - 2.0 * np.log1p(np.power(rest, 1.0 / c))

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        y = np.power(1.0 - c * x, 1.0 / c)
        return (1.0 - y) / (1.0 + y)

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        y = np.power(1.0 - c * x, 1.0 / c)
        return 2.0 * y / (1.0 + y)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return -np.expm1(c * (np.log1p(-q) - np.log1p(q))) / c

    @staticmethod
    def entropy(c: Value) -> Value:
        return 2.0 - (2.0 * c + 1.0) * LOG_2


@continuous
class hypsecant:
    """pdf(x) = 1 / (pi cosh(x))"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return math.log(2.0 / math.pi) - np.logaddexp(x, -x)

    @staticmethod
    def cdf(x: Value) -> Value:
        return 2.0 / math.pi * np.arctan(np.exp(x))

    @staticmethod
    def sf(x: Value) -> Value:
        return 2.0 / math.pi * np.arctan(np.exp(-x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.log(np.tan(0.5 * math.pi * q))

    @staticmethod
    def isf(q: Value) -> Value:
        return -np.log(np.tan(0.5 * math.pi * q))
