"""Distributions of angles, and those with Bessel functions."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.gamma_family import LOG_2
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value

LOG_2_PI = math.log(2.0 * math.pi)


@continuous
class anglit:
    """pdf(x) = cos(2 x) for -pi / 4 <= x <= pi / 4"""

    support: tuple[Any, Any] = (-0.25 * math.pi, 0.25 * math.pi)

    @staticmethod
    def pdf(x: Value) -> Value:
        return np.cos(2.0 * x)

    @staticmethod
    def cdf(x: Value) -> Value:
        return np.sin(x + 0.25 * math.pi) ** 2

    @staticmethod
    def sf(x: Value) -> Value:
        return np.cos(x + 0.25 * math.pi) ** 2

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.arcsin(np.sqrt(q)) - 0.25 * math.pi


@continuous
class cosine:
    """pdf(x) = (1 + cos(x)) / (2 pi) for -pi <= x <= pi"""

    support: tuple[Any, Any] = (-math.pi, math.pi)

    @staticmethod
    def pdf(x: Value) -> Value:
        return (1.0 + np.cos(x)) / (2.0 * math.pi)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return np.log1p(np.cos(x)) - LOG_2_PI


@continuous
class wrapcauchy:
    """pdf(x) = (1 - c**2) / (2 pi (1 + c**2 - 2 c cos(x))) for 0 <= x <= 2 pi"""

    support: tuple[Any, Any] = (0.0, 2.0 * math.pi)
    sample: tuple[float, ...] = (0.4,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        apart = (1.0 - c) ** 2 + 4.0 * c * np.sin(0.5 * x) ** 2
        return np.log((1.0 - c) * (1.0 + c)) - LOG_2_PI - np.log(apart)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        ratio = (1.0 + c) / (1.0 - c)
        low = x < math.pi
        near = np.where(low, x, 2.0 * math.pi - x)
        part = np.arctan(ratio * np.tan(0.5 * near)) / math.pi
        return np.where(low, part, 1.0 - part)

    @staticmethod
    def entropy(c: Value) -> Value:
        return LOG_2_PI + np.log((1.0 - c) * (1.0 + c))


class vonmises_formulas:
    """pdf(x) = exp(kappa cos(x)) / (2 pi I0(kappa))"""

    sample: tuple[float, ...] = (1.8,)

    @staticmethod
    def logpdf(x: Value, kappa: Value) -> Value:
        turned = -2.0 * kappa * np.sin(0.5 * x) ** 2
        return turned - LOG_2_PI - np.log(sc.i0e(kappa))

    @staticmethod
    def entropy(kappa: Value) -> Value:
        scaled = sc.i0e(kappa)
        return kappa - kappa * sc.i1e(kappa) / scaled + np.log(scaled) + LOG_2_PI


class vonmises_line_formulas(vonmises_formulas):
    """pdf(x) = exp(kappa cos(x)) / (2 pi I0(kappa)) for -pi <= x <= pi"""

    support: tuple[Any, Any] = (-math.pi, math.pi)


vonmises: Any = continuous(vonmises_formulas, "vonmises")
vonmises_line: Any = continuous(vonmises_line_formulas, "vonmises_line")


@continuous
class rice:
    """pdf(x) = x exp(-(x**2 + b**2) / 2) I0(x b) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.4,)

    @staticmethod
    def pdf(x: Value, b: Value) -> Value:
        return x * np.exp(-0.5 * (x - b) ** 2) * sc.i0e(x * b)

    @staticmethod
    def logpdf(x: Value, b: Value) -> Value:
        return np.log(x) - 0.5 * (x - b) ** 2 + np.log(sc.i0e(x * b))

    @staticmethod
    def cdf_slopes(x: Value, b: Value) -> tuple[Value]:
        """dF/db = -x exp(-(x**2 + b**2) / 2) I1(x b)"""
        return (-x * np.exp(-0.5 * (x - b) ** 2) * sc.i1e(x * b),)

    @staticmethod
    def mean(b: Value) -> Value:
        half = 0.5 * b * b
        scaled = (1.0 + half) * sc.i0e(0.5 * half) + half * sc.i1e(0.5 * half)
        return math.sqrt(0.5 * math.pi) * scaled

    @staticmethod
    def var(b: Value) -> Value:
        return 2.0 + b * b - rice.formulas.mean(b) ** 2


@continuous
class ncx2:
    """pdf(x) = exp(-(nc + x) / 2) (x / nc)**(k / 2) I_k(sqrt(nc x)) / 2, x >= 0

    With ``k = df / 2 - 1``; it is the chi-squared distribution for ``nc = 0``.
    """

    support = HALF_LINE
    sample: tuple[float, ...] = (3.2, 1.7)
    without_slope = ("df",)

    @staticmethod
    def pdf(x: Value, df: Value, nc: Value) -> Value:
        near = nc * x < 1.0
        power = np.power(0.5 * np.where(near, x, 1.0), 0.5 * df - 1.0)
        series = 0.5 * power * np.exp(_log_series(np.where(near, x, 0.0), df, nc))
        return np.where(near, series, np.exp(_log_bessel(x, df, nc, near)))

    @staticmethod
    def logpdf(x: Value, df: Value, nc: Value) -> Value:
        near = nc * x < 1.0
        power = sc.xlogy(0.5 * df - 1.0, 0.5 * np.where(near, x, 1.0))
        series = power + _log_series(np.where(near, x, 0.0), df, nc) - LOG_2
        return np.where(near, series, _log_bessel(x, df, nc, near))

    @staticmethod
    def cdf_slopes(x: Value, df: Value, nc: Value) -> tuple[None, Value]:
        """dF/dnc = -pdf(x) with two more degrees of freedom"""
        return None, -np.exp(ncx2.formulas.logpdf(x, df + 2.0, nc))

    @staticmethod
    def mean(df: Value, nc: Value) -> Value:
        return df + nc

    @staticmethod
    def var(df: Value, nc: Value) -> Value:
        return 2.0 * (df + 2.0 * nc)


def _log_series(x: Value, df: Value, nc: Value) -> Value:
    """Return the logarithm of the density over ``(x / 2)**k / 2`` (DLMF 10.39.9)."""
    half = 0.5 * df
    series = np.log(sc.hyp0f1(half, 0.25 * nc * x))
    return series - 0.5 * (x + nc) - sc.gammaln(half)


def _log_bessel(x: Value, df: Value, nc: Value, near: Value) -> Value:
    """Return the logarithm of the density by the Bessel function, away from 0."""
    n, y, k = np.where(near, 1.0, nc), np.where(near, 1.0, x), 0.5 * df - 1.0
    apart = np.sqrt(y) - np.sqrt(n)
    bessel = np.log(0.5 * sc.ive(k, np.sqrt(n * y)))
    return 0.5 * k * np.log(y / n) - 0.5 * apart * apart + bessel
