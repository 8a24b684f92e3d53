"""Distributions of functions of normal variables, and of their waiting times."""

from __future__ import annotations

from chainrule.scipy.stats.continuous import HALF_LINE, UNIT, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.normal_family import (
    LOG_2,
    LOG_ROOT_2_PI,
    ROOT_2,
    ROOT_2_PI,
    log_normal_density,
)
from chainrule.values.types import Value


@continuous
class johnsonsu:
    """pdf(x) = b / sqrt(x**2 + 1) phi(a + b arcsinh(x))"""

    sample: tuple[float, ...] = (0.7, 1.6)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        normal = log_normal_density(a + b * np.arcsinh(x))
        return np.log(b) - 0.5 * np.log1p(x * x) + normal

    @staticmethod
    def cdf(x: Value, a: Value, b: Value) -> Value:
        return sc.ndtr(a + b * np.arcsinh(x))

    @staticmethod
    def sf(x: Value, a: Value, b: Value) -> Value:
        return sc.ndtr(-a - b * np.arcsinh(x))

    @staticmethod
    def logcdf(x: Value, a: Value, b: Value) -> Value:
        return sc.log_ndtr(a + b * np.arcsinh(x))

    @staticmethod
    def logsf(x: Value, a: Value, b: Value) -> Value:
        return sc.log_ndtr(-a - b * np.arcsinh(x))

    @staticmethod
    def ppf(q: Value, a: Value, b: Value) -> Value:
        return np.sinh((sc.ndtri(q) - a) / b)

    @staticmethod
    def isf(q: Value, a: Value, b: Value) -> Value:
        return np.sinh((-sc.ndtri(q) - a) / b)

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        return -np.exp(0.5 / (b * b)) * np.sinh(a / b)

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        square = 1.0 / (b * b)
        spread = np.exp(square) * np.cosh(2.0 * a / b) + 1.0
        return 0.5 * np.expm1(square) * spread


@continuous
class johnsonsb:
    """pdf(x) = b / (x (1 - x)) phi(a + b log(x / (1 - x))) for 0 < x < 1"""

    support = UNIT
    open_at = (True, True)
    sample: tuple[float, ...] = (0.6, 1.4)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        normal = log_normal_density(a + b * (np.log(x) - np.log1p(-x)))
        return np.log(b) - np.log(x) - np.log1p(-x) + normal

    @staticmethod
    def logcdf(x: Value, a: Value, b: Value) -> Value:
        return sc.log_ndtr(a + b * (np.log(x) - np.log1p(-x)))

    @staticmethod
    def logsf(x: Value, a: Value, b: Value) -> Value:
        return sc.log_ndtr(-a - b * (np.log(x) - np.log1p(-x)))

    @staticmethod
    def ppf(q: Value, a: Value, b: Value) -> Value:
        return sc.expit((sc.ndtri(q) - a) / b)

    @staticmethod
    def isf(q: Value, a: Value, b: Value) -> Value:
        return sc.expit((-sc.ndtri(q) - a) / b)


@continuous
class exponnorm:
    """pdf(x) = exp(1 / (2 K**2) - x / K) Phi(x - 1 / K) / K"""

    sample: tuple[float, ...] = (1.5,)

    @staticmethod
    def logpdf(x: Value, K: Value) -> Value:
        return _log_exponential_part(x, K) - np.log(K)

    @staticmethod
    def cdf(x: Value, K: Value) -> Value:
        return sc.ndtr(x) - np.exp(_log_exponential_part(x, K))

    @staticmethod
    def sf(x: Value, K: Value) -> Value:
        return sc.ndtr(-x) + np.exp(_log_exponential_part(x, K))

    @staticmethod
    def logsf(x: Value, K: Value) -> Value:
        return np.logaddexp(sc.log_ndtr(-x), _log_exponential_part(x, K))

    @staticmethod
    def mean(K: Value) -> Value:
        return K

    @staticmethod
    def var(K: Value) -> Value:
        return 1.0 + K * K


def _log_exponential_part(x: Value, K: Value) -> Value:
    inverse = 1.0 / K
    return inverse * (0.5 * inverse - x) + sc.log_ndtr(x - inverse)


@continuous
class moyal:
    """pdf(x) = exp(-(x + exp(-x)) / 2) / sqrt(2 pi)"""

    @staticmethod
    def logpdf(x: Value) -> Value:
        return -0.5 * (x + np.exp(-x)) - LOG_ROOT_2_PI

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.erfc(np.exp(-0.5 * x) / ROOT_2)

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.erf(np.exp(-0.5 * x) / ROOT_2)

    @staticmethod
    def logcdf(x: Value) -> Value:
        return LOG_2 + sc.log_ndtr(-np.exp(-0.5 * x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return -2.0 * np.log(-sc.ndtri(0.5 * q))

    @staticmethod
    def isf(q: Value) -> Value:
        return -2.0 * np.log(ROOT_2 * sc.erfinv(q))


@continuous
class fatiguelife:
    """pdf(x) = (x + 1) phi((sqrt(x) - 1 / sqrt(x)) / c) / (2 c x**(3/2)) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (0.9,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        normal = log_normal_density((x - 1.0) / (np.sqrt(x) * c))
        return np.log1p(x) + normal - LOG_2 - np.log(c) - 1.5 * np.log(x)

    @staticmethod
    def logcdf(x: Value, c: Value) -> Value:
        return sc.log_ndtr((np.sqrt(x) - 1.0 / np.sqrt(x)) / c)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return sc.log_ndtr(-(np.sqrt(x) - 1.0 / np.sqrt(x)) / c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        t = c * sc.ndtri(q)
        return 0.25 * (t + np.sqrt(t * t + 4.0)) ** 2

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        t = -c * sc.ndtri(q)
        return 0.25 * (t + np.sqrt(t * t + 4.0)) ** 2

    @staticmethod
    def mean(c: Value) -> Value:
        return 0.5 * c * c + 1.0

    @staticmethod
    def var(c: Value) -> Value:
        return 0.25 * c * c * (5.0 * c * c + 4.0)


@continuous
class crystalball:
    """pdf(x) = N exp(-x**2 / 2) for x > -beta, N A (B - x)**-m below

    ``A = (m / beta)**m exp(-beta**2 / 2)``, ``B = m / beta - beta``.
    """

    sample: tuple[float, ...] = (1.4, 2.6)

    @staticmethod
    def logpdf(x: Value, beta: Value, m: Value) -> Value:
        normal = x > -beta
        tail = np.where(normal, -beta, x)
        ratio = 1.0 - (beta / m) * (beta + tail)
        power = -0.5 * beta * beta - m * np.log(ratio)
        body = np.where(normal, x, 0.0)
        whole = np.where(normal, -0.5 * body * body, power)
        return whole - np.log(_tail_weight(beta, m) + ROOT_2_PI * sc.ndtr(beta))

    @staticmethod
    def cdf(x: Value, beta: Value, m: Value) -> Value:
        normal = x > -beta
        weight = _tail_weight(beta, m)
        tail = np.where(normal, -beta, x)
        ratio = 1.0 - (beta / m) * (beta + tail)
        power = weight * np.exp((1.0 - m) * np.log(ratio))
        body = np.where(normal, x, 0.0)
        bell = weight + ROOT_2_PI * (sc.ndtr(body) - sc.ndtr(-beta))
        whole = np.where(normal, bell, power)
        return whole / (weight + ROOT_2_PI * sc.ndtr(beta))

    @staticmethod
    def sf(x: Value, beta: Value, m: Value) -> Value:
        normal = x > -beta
        weight = _tail_weight(beta, m)
        mass = weight + ROOT_2_PI * sc.ndtr(beta)
        bell = ROOT_2_PI * sc.ndtr(-np.where(normal, x, 0.0)) / mass
        ratio = 1.0 - (beta / m) * (beta + np.where(normal, -beta, x))
        power = weight * np.exp((1.0 - m) * np.log(ratio)) / mass
        return np.where(normal, bell, 1.0 - power)


def _tail_weight(beta: Value, m: Value) -> Value:
    """Return the integral of the tail: ``m exp(-beta**2 / 2) / (beta (m - 1))``."""
    return m / beta / (m - 1.0) * np.exp(-0.5 * beta * beta)
