"""The beta distribution, those of ratios made of it, and others on an interval."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.stats.continuous import HALF_LINE, UNIT, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value

LOG_2 = math.log(2.0)


def log_beta_density(x: Value, a: Value, b: Value) -> Value:
    """Return the logarithm of the beta density."""
    powers = sc.xlogy(a - 1.0, x) + sc.xlog1py(b - 1.0, -x)
    return powers - sc.betaln(a, b)


@continuous
class beta:
    """pdf(x) = x**(a - 1) (1 - x)**(b - 1) / B(a, b) for 0 <= x <= 1"""

    support = UNIT
    sample: tuple[float, ...] = (2.2, 1.6)
    logpdf = staticmethod(log_beta_density)

    @staticmethod
    def pdf(x: Value, a: Value, b: Value) -> Value:
        powers = np.power(x, a - 1.0) * np.power(1.0 - x, b - 1.0)
        return powers * np.exp(-sc.betaln(a, b))

    @staticmethod
    def cdf(x: Value, a: Value, b: Value) -> Value:
        return sc.betainc(a, b, x)

    @staticmethod
    def sf(x: Value, a: Value, b: Value) -> Value:
        return sc.betaincc(a, b, x)

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        return a / (a + b)

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        whole = a + b
        return a * b / (whole * whole * (whole + 1.0))

    @staticmethod
    def entropy(a: Value, b: Value) -> Value:
        whole = a + b
        parts = (a - 1.0) * sc.psi(a) + (b - 1.0) * sc.psi(b)
        return sc.betaln(a, b) - parts + (whole - 2.0) * sc.psi(whole)


@continuous
class betaprime:
    """pdf(x) = x**(a - 1) (1 + x)**(-a - b) / B(a, b) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (2.1, 3.2)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        return sc.xlogy(a - 1.0, x) - (a + b) * np.log1p(x) - sc.betaln(a, b)

    @staticmethod
    def cdf(x: Value, a: Value, b: Value) -> Value:
        return sc.betainc(a, b, x / (1.0 + x))

    @staticmethod
    def sf(x: Value, a: Value, b: Value) -> Value:
        return sc.betainc(b, a, 1.0 / (1.0 + x))

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        finite = b > 1.0
        return np.where(finite, a / np.where(finite, b - 1.0, 1.0), math.inf)

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        finite = b > 2.0
        c = np.where(finite, b, 3.0)
        value = a * (a + c - 1.0) / ((c - 2.0) * (c - 1.0) ** 2)
        return np.where(finite, value, math.inf)


@continuous
class f:
    """pdf(x) = m**(m/2) n**(n/2) x**(n/2 - 1) (m + n x)**(-(n + m)/2) / B(n/2, m/2)

    With ``n = dfn`` and ``m = dfd``, for ``x >= 0``.
    """

    support = HALF_LINE
    sample: tuple[float, ...] = (3.1, 5.3)

    @staticmethod
    def pdf(x: Value, dfn: Value, dfd: Value) -> Value:
        n, m = 0.5 * dfn, 0.5 * dfd
        ratio = dfn / dfd
        power = np.power(ratio * x, n - 1.0)
        rest = -(n + m) * np.log1p(ratio * x) - sc.betaln(n, m)
        return ratio * power * np.exp(rest)

    @staticmethod
    def logpdf(x: Value, dfn: Value, dfd: Value) -> Value:
        n, m = 0.5 * dfn, 0.5 * dfd
        ratio = dfn / dfd
        powers = sc.xlogy(n - 1.0, ratio * x) - (n + m) * np.log1p(ratio * x)
        return np.log(ratio) + powers - sc.betaln(n, m)

    @staticmethod
    def cdf(x: Value, dfn: Value, dfd: Value) -> Value:
        return sc.betainc(0.5 * dfn, 0.5 * dfd, dfn * x / (dfd + dfn * x))

    @staticmethod
    def sf(x: Value, dfn: Value, dfd: Value) -> Value:
        return sc.betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x))

    @staticmethod
    def mean(dfn: Value, dfd: Value) -> Value:
        finite = dfd > 2.0
        return np.where(finite, dfd / np.where(finite, dfd - 2.0, 1.0), math.inf)

    @staticmethod
    def var(dfn: Value, dfd: Value) -> Value:
        finite = dfd > 4.0
        m = np.where(finite, dfd, 5.0)
        value = 2.0 * m * m * (dfn + m - 2.0) / (dfn * (m - 2.0) ** 2 * (m - 4.0))
        return np.where(finite, value, math.inf)

    @staticmethod
    def entropy(dfn: Value, dfd: Value) -> Value:
        n, m = 0.5 * dfn, 0.5 * dfd
        parts = (1.0 - n) * sc.psi(n) - (1.0 + m) * sc.psi(m)
        whole = (n + m) * sc.psi(n + m)
        return np.log(dfd / dfn) + sc.betaln(n, m) + parts + whole


@continuous
class t:
    """pdf(x) = (1 + x**2 / df)**(-(df + 1) / 2) / (sqrt(df) B(df / 2, 1 / 2))

    With ``df = inf`` it is the normal distribution.
    """

    sample: tuple[float, ...] = (4.3,)

    @staticmethod
    def logpdf(x: Value, df: Value) -> Value:
        normal = np.isinf(df)
        n = np.where(normal, 1.0, df)
        constant = -sc.betaln(0.5 * n, 0.5) - 0.5 * np.log(n)
        density = constant - 0.5 * (n + 1.0) * np.log1p(x * x / n)
        bell = -0.5 * x * x - 0.5 * math.log(2.0 * math.pi)
        return np.where(normal, bell, density)

    @staticmethod
    def cdf(x: Value, df: Value) -> Value:
        return sc.stdtr(df, x)

    @staticmethod
    def sf(x: Value, df: Value) -> Value:
        return sc.stdtr(df, -x)

    @staticmethod
    def ppf(q: Value, df: Value) -> Value:
        return sc.stdtrit(df, q)

    @staticmethod
    def isf(q: Value, df: Value) -> Value:
        return -sc.stdtrit(df, q)

    @staticmethod
    def mean(df: Value) -> Value:
        return np.where(df > 1.0, 0.0 * df, math.inf)

    @staticmethod
    def var(df: Value) -> Value:
        finite = df > 2.0
        value = df / np.where(finite, df - 2.0, 1.0)
        return np.where(finite, value, np.where(df > 1.0, math.inf, math.nan))

    @staticmethod
    def entropy(df: Value) -> Value:
        half, more = 0.5 * df, 0.5 * (df + 1.0)
        digammas = more * (sc.psi(more) - sc.psi(half))
        return digammas + 0.5 * np.log(df) + sc.betaln(half, 0.5)


@continuous
class arcsine:
    """pdf(x) = 1 / (pi sqrt(x (1 - x))) for 0 <= x <= 1"""

    support = UNIT

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -math.log(math.pi) - 0.5 * (np.log(x) + np.log1p(-x))

    @staticmethod
    def cdf(x: Value) -> Value:
        return 2.0 / math.pi * np.arcsin(np.sqrt(x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.sin(0.5 * math.pi * q) ** 2


@continuous
class rdist:
    """pdf(x) = (1 - x**2)**(c / 2 - 1) / B(1 / 2, c / 2) for -1 <= x <= 1"""

    support: tuple[Any, Any] = (-1.0, 1.0)
    sample: tuple[float, ...] = (2.6,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        power = 0.5 * c - 1.0
        powers = np.power(1.0 - x, power) * np.power(1.0 + x, power)
        return powers * np.exp(-sc.betaln(0.5, 0.5 * c))

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return -LOG_2 + log_beta_density(0.5 * (x + 1.0), 0.5 * c, 0.5 * c)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return sc.betainc(0.5 * c, 0.5 * c, 0.5 * (x + 1.0))

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        return sc.betainc(0.5 * c, 0.5 * c, 0.5 * (1.0 - x))

    @staticmethod
    def mean(c: Value) -> Value:
        return 0.0 * c

    @staticmethod
    def var(c: Value) -> Value:
        return 1.0 / (c + 1.0)


@continuous
class semicircular:
    """pdf(x) = 2 / pi sqrt(1 - x**2) for -1 <= x <= 1"""

    support: tuple[Any, Any] = (-1.0, 1.0)

    @staticmethod
    def pdf(x: Value) -> Value:
        return 2.0 / math.pi * np.sqrt(1.0 - x) * np.sqrt(1.0 + x)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return math.log(2.0 / math.pi) + 0.5 * (np.log1p(-x) + np.log1p(x))


@continuous
class powerlaw:
    """pdf(x) = a x**(a - 1) for 0 <= x <= 1"""

    sample: tuple[float, ...] = (1.8,)

    @staticmethod
    def support(a: Value) -> tuple[Value, Value]:
        return np.where(a >= 1.0, 0.0, 5e-324), 1.0

    @staticmethod
    def pdf(x: Value, a: Value) -> Value:
        return a * np.power(x, a - 1.0)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        return np.log(a) + sc.xlogy(a - 1.0, x)

    @staticmethod
    def cdf(x: Value, a: Value) -> Value:
        return np.power(x, a)

    @staticmethod
    def logcdf(x: Value, a: Value) -> Value:
        return a * np.log(x)

    @staticmethod
    def sf(x: Value, a: Value) -> Value:
        low = x < 0.5
        near = -np.expm1(a * np.log(np.where(low, 0.5, x)))
        return np.where(low, 1.0 - np.power(x, a), near)

    @staticmethod
    def ppf(q: Value, a: Value) -> Value:
        return np.power(q, 1.0 / a)

    @staticmethod
    def isf(q: Value, a: Value) -> Value:
        return np.exp(np.log1p(-q) / a)

    @staticmethod
    def mean(a: Value) -> Value:
        return a / (a + 1.0)

    @staticmethod
    def var(a: Value) -> Value:
        return a / ((a + 2.0) * (a + 1.0) ** 2)

    @staticmethod
    def entropy(a: Value) -> Value:
        return 1.0 - 1.0 / a - np.log(a)
