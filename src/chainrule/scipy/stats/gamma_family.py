"""The gamma distribution, and those of its powers, logarithms and inverses."""

from __future__ import annotations

import math
from typing import Any

from chainrule.scipy.special import polygamma
from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value
from chainrule.values.vertices import may_hold

LOG_2 = math.log(2.0)
TINY = 5e-324
"""The smallest positive number: a support that begins there leaves 0 out."""


def log_upper_gamma(a: Value, x: Value) -> Value:
    """Return ``log(Q(a, x))``, Q the upper incomplete gamma function over gamma(a).

    Where Q underflows it is ``x**a exp(-x) / gamma(a)`` times a continued fraction
    (DLMF 8.9.2), which has converged there after a few steps.
    """
    tail = sc.gammaincc(a, x)
    far = tail < 1e-280
    near = np.log(np.where(far, 1.0, tail))
    if not may_hold(far):
        return near
    y, b = np.where(far, x, 700.0), np.where(far, a, 1.0)
    below = y - b + (2.0 * _STEPS + 1.0)
    for k in range(_STEPS, 0, -1):
        below = y - b + (2.0 * k - 1.0) - k * (k - b) / below
    fraction = b * np.log(y) - y - sc.gammaln(b) - np.log(below)
    return np.where(far, fraction, near)


_STEPS = 12


@continuous
class gamma:
    """pdf(x) = x**(a - 1) exp(-x) / gamma(a) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.3,)

    @staticmethod
    def pdf(x: Value, a: Value) -> Value:
        return np.power(x, a - 1.0) * np.exp(-x - sc.gammaln(a))

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        return sc.xlogy(a - 1.0, x) - x - sc.gammaln(a)

    @staticmethod
    def cdf(x: Value, a: Value) -> Value:
        return sc.gammainc(a, x)

    @staticmethod
    def sf(x: Value, a: Value) -> Value:
        return sc.gammaincc(a, x)

    @staticmethod
    def logsf(x: Value, a: Value) -> Value:
        return log_upper_gamma(a, x)

    @staticmethod
    def mean(a: Value) -> Value:
        return a

    var = mean

    @staticmethod
    def entropy(a: Value) -> Value:
        return sc.psi(a) * (1.0 - a) + a + sc.gammaln(a)


erlang: Any = continuous(gamma.formulas, "erlang")


@continuous
class chi2:
    """pdf(x) = (x / 2)**(df / 2 - 1) exp(-x / 2) / (2 gamma(df / 2)) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (3.4,)

    @staticmethod
    def pdf(x: Value, df: Value) -> Value:
        half = 0.5 * df
        power = np.power(0.5 * x, half - 1.0)
        return 0.5 * power * np.exp(-0.5 * x - sc.gammaln(half))

    @staticmethod
    def logpdf(x: Value, df: Value) -> Value:
        half = 0.5 * df
        return sc.xlogy(half - 1.0, x) - 0.5 * x - sc.gammaln(half) - LOG_2 * half

    @staticmethod
    def cdf(x: Value, df: Value) -> Value:
        return sc.gammainc(0.5 * df, 0.5 * x)

    @staticmethod
    def sf(x: Value, df: Value) -> Value:
        return sc.gammaincc(0.5 * df, 0.5 * x)

    @staticmethod
    def logsf(x: Value, df: Value) -> Value:
        return log_upper_gamma(0.5 * df, 0.5 * x)

    @staticmethod
    def mean(df: Value) -> Value:
        return df

    @staticmethod
    def var(df: Value) -> Value:
        return 2.0 * df

    @staticmethod
    def entropy(df: Value) -> Value:
        half = 0.5 * df
        return half + LOG_2 + sc.gammaln(half) + (1.0 - half) * sc.psi(half)


@continuous
class chi:
    """pdf(x) = x**(df - 1) exp(-x**2 / 2) / (2**(df / 2 - 1) gamma(df / 2)), x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.7,)

    @staticmethod
    def pdf(x: Value, df: Value) -> Value:
        power = np.power(x, df - 1.0)
        half = 0.5 * df
        return power * np.exp(LOG_2 * (1.0 - half) - sc.gammaln(half) - 0.5 * x * x)

    @staticmethod
    def logpdf(x: Value, df: Value) -> Value:
        half = 0.5 * df
        constant = LOG_2 * (1.0 - half) - sc.gammaln(half)
        return constant + sc.xlogy(df - 1.0, x) - 0.5 * x * x

    @staticmethod
    def cdf(x: Value, df: Value) -> Value:
        return sc.gammainc(0.5 * df, 0.5 * x * x)

    @staticmethod
    def sf(x: Value, df: Value) -> Value:
        return sc.gammaincc(0.5 * df, 0.5 * x * x)

    @staticmethod
    def mean(df: Value) -> Value:
        half = 0.5 * df
        return math.sqrt(2.0) * np.exp(sc.gammaln(half + 0.5) - sc.gammaln(half))

    @staticmethod
    def var(df: Value) -> Value:
        half = 0.5 * df
        return df - 2.0 * np.exp(2.0 * (sc.gammaln(half + 0.5) - sc.gammaln(half)))

    @staticmethod
    def entropy(df: Value) -> Value:
        half = 0.5 * df
        return sc.gammaln(half) + 0.5 * (df - LOG_2 - (df - 1.0) * sc.psi(half))


@continuous
class invgamma:
    """pdf(x) = x**(-a - 1) exp(-1 / x) / gamma(a) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (3.3,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        return -(a + 1.0) * np.log(x) - sc.gammaln(a) - 1.0 / x

    @staticmethod
    def cdf(x: Value, a: Value) -> Value:
        return sc.gammaincc(a, 1.0 / x)

    @staticmethod
    def sf(x: Value, a: Value) -> Value:
        return sc.gammainc(a, 1.0 / x)

    @staticmethod
    def mean(a: Value) -> Value:
        finite = a > 1.0
        return np.where(finite, 1.0 / np.where(finite, a - 1.0, 1.0), math.inf)

    @staticmethod
    def var(a: Value) -> Value:
        finite = a > 2.0
        b = np.where(finite, a, 3.0)
        return np.where(finite, 1.0 / ((b - 1.0) ** 2 * (b - 2.0)), math.inf)

    @staticmethod
    def entropy(a: Value) -> Value:
        return a - (a + 1.0) * sc.psi(a) + sc.gammaln(a)


@continuous
class gengamma:
    """pdf(x) = |c| x**(c a - 1) exp(-x**c) / gamma(a) for x >= 0"""

    sample: tuple[float, ...] = (2.1, 1.4)

    @staticmethod
    def support(a: Value, c: Value) -> tuple[Value, Value]:
        return np.where(c > 0, 0.0, TINY), math.inf

    @staticmethod
    def pdf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c * a - 1.0)
        return np.abs(c) * power * np.exp(-np.power(x, c) - sc.gammaln(a))

    @staticmethod
    def logpdf(x: Value, a: Value, c: Value) -> Value:
        power = sc.xlogy(c * a - 1.0, x)
        return np.log(np.abs(c)) + power - np.power(x, c) - sc.gammaln(a)

    @staticmethod
    def cdf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c)
        return np.where(c > 0, sc.gammainc(a, power), sc.gammaincc(a, power))

    @staticmethod
    def sf(x: Value, a: Value, c: Value) -> Value:
        power = np.power(x, c)
        return np.where(c > 0, sc.gammaincc(a, power), sc.gammainc(a, power))

    @staticmethod
    def mean(a: Value, c: Value) -> Value:
        return np.exp(sc.gammaln(a + 1.0 / c) - sc.gammaln(a))

    @staticmethod
    def var(a: Value, c: Value) -> Value:
        first = np.exp(sc.gammaln(a + 1.0 / c) - sc.gammaln(a))
        second = np.exp(sc.gammaln(a + 2.0 / c) - sc.gammaln(a))
        return second - first * first

    @staticmethod
    def entropy(a: Value, c: Value) -> Value:
        psi = sc.psi(a)
        return a * (1.0 - psi) + psi / c + sc.gammaln(a) - np.log(np.abs(c))


@continuous
class loggamma:
    """pdf(x) = exp(c x - exp(x)) / gamma(c)"""

    sample: tuple[float, ...] = (1.8,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return c * x - np.exp(x) - sc.gammaln(c)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return np.exp(loggamma.formulas.logcdf(x, c))

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        return sc.gammaincc(c, np.exp(x))

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        far = x < -40.0  # where the first term of the power series is all of it
        near = np.log(sc.gammainc(c, np.exp(np.where(far, 0.0, x))))
        return np.where(far, c * x - sc.gammaln(c + 1.0), near)

    @staticmethod
    def mean(c: Value) -> Value:
        return sc.psi(c)

    @staticmethod
    def var(c: Value) -> Value:
        return polygamma(1, c)

    @staticmethod
    def entropy(c: Value) -> Value:
        return sc.gammaln(c) - c * sc.psi(c) + c


@continuous
class nakagami:
    """pdf(x) = 2 nu**nu x**(2 nu - 1) exp(-nu x**2) / gamma(nu) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.9,)

    @staticmethod
    def pdf(x: Value, nu: Value) -> Value:
        power = np.power(x, 2.0 * nu - 1.0)
        constant = LOG_2 + sc.xlogy(nu, nu) - sc.gammaln(nu)
        return power * np.exp(constant - nu * x * x)

    @staticmethod
    def logpdf(x: Value, nu: Value) -> Value:
        constant = LOG_2 + sc.xlogy(nu, nu) - sc.gammaln(nu)
        return constant + sc.xlogy(2.0 * nu - 1.0, x) - nu * x * x

    @staticmethod
    def cdf(x: Value, nu: Value) -> Value:
        return sc.gammainc(nu, nu * x * x)

    @staticmethod
    def sf(x: Value, nu: Value) -> Value:
        return sc.gammaincc(nu, nu * x * x)

    @staticmethod
    def mean(nu: Value) -> Value:
        return np.exp(sc.gammaln(nu + 0.5) - sc.gammaln(nu)) / np.sqrt(nu)

    @staticmethod
    def var(nu: Value) -> Value:
        return 1.0 - np.exp(2.0 * (sc.gammaln(nu + 0.5) - sc.gammaln(nu))) / nu

    @staticmethod
    def entropy(nu: Value) -> Value:
        spread = nu - (nu - 0.5) * sc.psi(nu) - 0.5 * np.log(nu)
        return sc.gammaln(nu) + spread - LOG_2


@continuous
class maxwell:
    """pdf(x) = sqrt(2 / pi) x**2 exp(-x**2 / 2) for x >= 0"""

    support = HALF_LINE

    @staticmethod
    def pdf(x: Value) -> Value:
        return math.sqrt(2.0 / math.pi) * x * x * np.exp(-0.5 * x * x)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return 0.5 * math.log(2.0 / math.pi) + 2.0 * np.log(x) - 0.5 * x * x

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.gammainc(1.5, 0.5 * x * x)

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.gammaincc(1.5, 0.5 * x * x)


@continuous
class rayleigh:
    """pdf(x) = x exp(-x**2 / 2) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)

    @staticmethod
    def logpdf(x: Value) -> Value:
        return np.log(x) - 0.5 * x * x

    @staticmethod
    def logsf(x: Value) -> Value:
        return -0.5 * x * x

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.sqrt(-2.0 * np.log1p(-q))

    @staticmethod
    def isf(q: Value) -> Value:
        return np.sqrt(-2.0 * np.log(q))
