"""Distributions of times of first passage, and of reciprocals."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.normal_family import LOG_2, LOG_ROOT_2_PI, log_normal_density
from chainrule.values.types import Value


@continuous
class levy:
    """pdf(x) = exp(-1 / (2 x)) / sqrt(2 pi x**3) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -LOG_ROOT_2_PI - 1.5 * np.log(x) - 0.5 / x

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.erfc(np.sqrt(0.5 / x))

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.erf(np.sqrt(0.5 / x))

    @staticmethod
    def logcdf(x: Value) -> Value:
        return LOG_2 + sc.log_ndtr(-1.0 / np.sqrt(x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return 1.0 / sc.ndtri(0.5 * q) ** 2

    @staticmethod
    def isf(q: Value) -> Value:
        return 0.5 / sc.erfinv(q) ** 2


@continuous
class levy_l:
    """pdf(x) = exp(1 / (2 x)) / sqrt(-2 pi x**3) for x < 0"""

    support: tuple[Any, Any] = (-math.inf, 0.0)
    open_at = (True, True)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -LOG_ROOT_2_PI - 1.5 * np.log(-x) + 0.5 / x

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.erf(np.sqrt(-0.5 / x))

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.erfc(np.sqrt(-0.5 / x))

    @staticmethod
    def logsf(x: Value) -> Value:
        return LOG_2 + sc.log_ndtr(-1.0 / np.sqrt(-x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return -0.5 / sc.erfinv(q) ** 2

    @staticmethod
    def isf(q: Value) -> Value:
        return -1.0 / sc.ndtri(0.5 * q) ** 2


@continuous
class alpha:
    """pdf(x) = phi(a - 1 / x) / (x**2 Phi(a)) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (2.2,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        return -2.0 * np.log(x) + log_normal_density(a - 1.0 / x) - sc.log_ndtr(a)

    @staticmethod
    def logcdf(x: Value, a: Value) -> Value:
        return sc.log_ndtr(a - 1.0 / x) - sc.log_ndtr(a)

    @staticmethod
    def ppf(q: Value, a: Value) -> Value:
        return 1.0 / (a - sc.ndtri(q * sc.ndtr(a)))


@continuous
class invgauss:
    """pdf(x) = exp(-(x / mu - 1)**2 / (2 x)) / sqrt(2 pi x**3) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (0.8,)

    @staticmethod
    def logpdf(x: Value, mu: Value) -> Value:
        apart = x / mu - 1.0
        return -LOG_ROOT_2_PI - 1.5 * np.log(x) - apart * apart / (2.0 * x)

    @staticmethod
    def logcdf(x: Value, mu: Value) -> Value:
        root = np.sqrt(x)
        first = sc.log_ndtr((x / mu - 1.0) / root)
        return np.logaddexp(first, 2.0 / mu + sc.log_ndtr(-(x / mu + 1.0) / root))

    @staticmethod
    def logsf(x: Value, mu: Value) -> Value:
        root = np.sqrt(x)
        first = sc.log_ndtr(-(x / mu - 1.0) / root)
        second = 2.0 / mu + sc.log_ndtr(-(x / mu + 1.0) / root)
        return first + np.log1p(-np.exp(second - first))

    @staticmethod
    def mean(mu: Value) -> Value:
        return mu

    @staticmethod
    def var(mu: Value) -> Value:
        return mu**3


@continuous
class wald:
    """pdf(x) = exp(-(x - 1)**2 / (2 x)) / sqrt(2 pi x**3) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return invgauss.formulas.logpdf(x, 1.0)

    @staticmethod
    def logcdf(x: Value) -> Value:
        return invgauss.formulas.logcdf(x, 1.0)

    @staticmethod
    def logsf(x: Value) -> Value:
        return invgauss.formulas.logsf(x, 1.0)


@continuous
class recipinvgauss:
    """pdf(x) = exp(-(1 - mu x)**2 / (2 mu**2 x)) / sqrt(2 pi x) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (0.9,)

    @staticmethod
    def logpdf(x: Value, mu: Value) -> Value:
        apart = 1.0 / mu - x
        return -LOG_ROOT_2_PI - 0.5 * np.log(x) - apart * apart / (2.0 * x)

    @staticmethod
    def cdf(x: Value, mu: Value) -> Value:
        root = np.sqrt(x)
        second = 2.0 / mu + sc.log_ndtr(-(1.0 / mu + x) / root)
        return sc.ndtr(-(1.0 / mu - x) / root) - np.exp(second)

    @staticmethod
    def sf(x: Value, mu: Value) -> Value:
        root = np.sqrt(x)
        second = 2.0 / mu + sc.log_ndtr(-(1.0 / mu + x) / root)
        return sc.ndtr((1.0 / mu - x) / root) + np.exp(second)
