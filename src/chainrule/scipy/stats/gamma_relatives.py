"""Distributions whose distribution functions are incomplete gamma functions."""

from __future__ import annotations

import math

from chainrule.scipy.stats.continuous import HALF_LINE, UNIT, continuous
from chainrule.scipy.stats.gamma_family import LOG_2
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value


@continuous
class dgamma:
    """pdf(x) = |x|**(a - 1) exp(-|x|) / (2 gamma(a))"""

    sample: tuple[float, ...] = (1.6,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        size = np.abs(x)
        return sc.xlogy(a - 1.0, size) - size - LOG_2 - sc.gammaln(a)

    @staticmethod
    def cdf_of_shapes(x: Value, a: Value) -> Value:
        middle = x == 0
        tail = 0.5 * sc.gammaincc(a, np.where(middle, 1.0, np.abs(x)))
        return np.where(middle, 0.5, np.where(x > 0, 1.0 - tail, tail))

    @staticmethod
    def mean(a: Value) -> Value:
        return 0.0 * a

    @staticmethod
    def var(a: Value) -> Value:
        return a * (a + 1.0)

    @staticmethod
    def entropy(a: Value) -> Value:
        return sc.psi(a) * (1.0 - a) + a + sc.gammaln(a) + LOG_2


@continuous
class gennorm:
    """pdf(x) = beta exp(-|x|**beta) / (2 gamma(1 / beta))"""

    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def logpdf(x: Value, beta: Value) -> Value:
        power = np.power(np.abs(x), beta)
        return np.log(0.5 * beta) - sc.gammaln(1.0 / beta) - power

    @staticmethod
    def cdf_of_shapes(x: Value, beta: Value) -> Value:
        middle = x == 0
        power = np.power(np.where(middle, 1.0, np.abs(x)), beta)
        tail = 0.5 * sc.gammaincc(1.0 / beta, power)
        return np.where(middle, 0.5, np.where(x > 0, 1.0 - tail, tail))

    @staticmethod
    def mean(beta: Value) -> Value:
        return 0.0 * beta

    @staticmethod
    def var(beta: Value) -> Value:
        return np.exp(sc.gammaln(3.0 / beta) - sc.gammaln(1.0 / beta))

    @staticmethod
    def entropy(beta: Value) -> Value:
        return 1.0 / beta - np.log(0.5 * beta) + sc.gammaln(1.0 / beta)


@continuous
class halfgennorm:
    """pdf(x) = beta exp(-x**beta) / gamma(1 / beta) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.3,)

    @staticmethod
    def logpdf(x: Value, beta: Value) -> Value:
        return np.log(beta) - sc.gammaln(1.0 / beta) - np.power(x, beta)

    @staticmethod
    def cdf_of_shapes(x: Value, beta: Value) -> Value:
        return sc.gammainc(1.0 / beta, np.power(x, beta))

    @staticmethod
    def entropy(beta: Value) -> Value:
        return 1.0 / beta - np.log(beta) + sc.gammaln(1.0 / beta)


@continuous
class argus:
    """pdf(x) = N x sqrt(1 - x**2) exp(-chi**2 (1 - x**2) / 2) for 0 <= x <= 1

    ``N = 2 chi**3 / (sqrt(2 pi) P(3/2, chi**2 / 2))``, P the incomplete gamma function.
    """

    support = UNIT
    sample: tuple[float, ...] = (1.4,)

    @staticmethod
    def pdf(x: Value, chi: Value) -> Value:
        half = 0.5 * chi * chi
        rest = (1.0 - x) * (1.0 + x)
        constant = math.sqrt(2.0 / math.pi) * chi**3 / sc.gammainc(1.5, half)
        root = np.sqrt(1.0 - x) * np.sqrt(1.0 + x)
        return constant * x * root * np.exp(-half * rest)

    @staticmethod
    def logpdf(x: Value, chi: Value) -> Value:
        mass = np.log(0.5 * sc.gammainc(1.5, 0.5 * chi * chi))
        constant = 3.0 * np.log(chi) - 0.5 * math.log(2.0 * math.pi) - mass
        rest = (1.0 - x) * (1.0 + x)
        density = np.log(x) + 0.5 * (np.log1p(-x) + np.log1p(x))
        return constant + density - 0.5 * chi * chi * rest

    @staticmethod
    def sf(x: Value, chi: Value) -> Value:
        half = 0.5 * chi * chi
        rest = (1.0 - x) * (1.0 + x)
        return sc.gammainc(1.5, half * rest) / sc.gammainc(1.5, half)
