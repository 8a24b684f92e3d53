"""The normal distribution, its parts, powers and mixtures."""

from __future__ import annotations

import math

from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.derived import log1mexp
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value

LOG_2 = math.log(2.0)
LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
ROOT_2 = math.sqrt(2.0)
ROOT_2_PI = math.sqrt(2.0 * math.pi)


def log_normal_density(x: Value) -> Value:
    """Return the logarithm of the standard normal density."""
    return -0.5 * (x * x) - LOG_ROOT_2_PI


def normal_density(x: Value) -> Value:
    """Return the standard normal density."""
    return np.exp(-0.5 * (x * x)) / ROOT_2_PI


@continuous
class norm:
    """pdf(x) = exp(-x**2 / 2) / sqrt(2 pi)"""

    logpdf = staticmethod(log_normal_density)
    cdf = staticmethod(sc.ndtr)
    logcdf = staticmethod(sc.log_ndtr)
    ppf = staticmethod(sc.ndtri)

    @staticmethod
    def sf(x: Value) -> Value:
        return sc.ndtr(-x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return sc.log_ndtr(-x)

    @staticmethod
    def isf(q: Value) -> Value:
        return -sc.ndtri(q)


@continuous
class halfnorm:
    """pdf(x) = sqrt(2 / pi) exp(-x**2 / 2) for x >= 0"""

    support = HALF_LINE

    @staticmethod
    def logpdf(x: Value) -> Value:
        return LOG_2 + log_normal_density(x)

    @staticmethod
    def cdf(x: Value) -> Value:
        return sc.erf(x / ROOT_2)

    @staticmethod
    def sf(x: Value) -> Value:
        return 2.0 * sc.ndtr(-x)

    @staticmethod
    def logsf(x: Value) -> Value:
        return LOG_2 + sc.log_ndtr(-x)

    @staticmethod
    def ppf(q: Value) -> Value:
        return sc.ndtri((1.0 + q) / 2.0)

    @staticmethod
    def isf(q: Value) -> Value:
        return -sc.ndtri(q / 2.0)


@continuous
class foldnorm:
    """pdf(x) = phi(x - c) + phi(x + c) for x >= 0, phi the normal density"""

    support = HALF_LINE
    sample: tuple[float, ...] = (1.3,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.logaddexp(log_normal_density(x - c), log_normal_density(x + c))

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return 0.5 * (sc.erf((x - c) / ROOT_2) + sc.erf((x + c) / ROOT_2))

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        return sc.ndtr(c - x) + sc.ndtr(-x - c)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return np.logaddexp(sc.log_ndtr(c - x), sc.log_ndtr(-x - c))

    @staticmethod
    def mean(c: Value) -> Value:
        return 2.0 * normal_density(c) + c * sc.erf(c / ROOT_2)

    @staticmethod
    def var(c: Value) -> Value:
        mean = 2.0 * normal_density(c) + c * sc.erf(c / ROOT_2)
        return c * c + 1.0 - mean * mean


@continuous
class powernorm:
    """pdf(x) = c phi(x) Phi(-x)**(c - 1)"""

    sample: tuple[float, ...] = (2.4,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c) + log_normal_density(x) + (c - 1.0) * sc.log_ndtr(-x)

    @staticmethod
    def logsf(x: Value, c: Value) -> Value:
        return c * sc.log_ndtr(-x)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return -sc.ndtri(np.exp(np.log1p(-q) / c))

    @staticmethod
    def isf(q: Value, c: Value) -> Value:
        return -sc.ndtri(np.exp(np.log(q) / c))


@continuous
class skewnorm:
    """pdf(x) = 2 phi(x) Phi(a x)"""

    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def logpdf(x: Value, a: Value) -> Value:
        return LOG_2 + log_normal_density(x) + sc.log_ndtr(a * x)

    @staticmethod
    def cdf_slopes(x: Value, a: Value) -> tuple[Value]:
        """dF/da = -exp(-x**2 (1 + a**2) / 2) / (pi (1 + a**2)) (Owen 1956)"""
        square = 1.0 + a * a
        return (-np.exp(-0.5 * x * x * square) / (math.pi * square),)

    @staticmethod
    def mean(a: Value) -> Value:
        return math.sqrt(2.0 / math.pi) * a / np.sqrt(1.0 + a * a)

    @staticmethod
    def var(a: Value) -> Value:
        return 1.0 - 2.0 / math.pi * a * a / (1.0 + a * a)


def log_mass(a: Value, b: Value) -> Value:
    """Return ``log(Phi(b) - Phi(a))``, from the tail that both are nearer to."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    log_high = sc.log_ndtr(high)
    return log_high + log1mexp(sc.log_ndtr(low) - log_high)


def _edge_moment(x: Value, log_of_mass: Value) -> Value:
    """Return ``x phi(x)`` over the mass; 0 at infinity."""
    finite = np.isfinite(x)
    safe = np.where(finite, x, 0.0)
    return safe * np.exp(log_normal_density(safe) - log_of_mass)


@continuous
class truncnorm:
    """pdf(x) = phi(x) / (Phi(b) - Phi(a)) for a <= x <= b"""

    sample: tuple[float, ...] = (-1.2, 2.3)

    @staticmethod
    def support(a: Value, b: Value) -> tuple[Value, Value]:
        return a, b

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        return log_normal_density(x) - log_mass(a, b)

    @staticmethod
    def logcdf(x: Value, a: Value, b: Value) -> Value:
        return _log_part(log_mass(a, x) - log_mass(a, b), x, a, b, rest="sf")

    @staticmethod
    def logsf(x: Value, a: Value, b: Value) -> Value:
        return _log_part(log_mass(x, b) - log_mass(a, b), x, a, b, rest="cdf")

    @staticmethod
    def cdf_of_shapes(x: Value, a: Value, b: Value) -> Value:
        return np.exp(log_mass(a, x) - log_mass(a, b))

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        mass = log_mass(a, b)
        return np.exp(log_normal_density(a) - mass) - np.exp(
            log_normal_density(b) - mass
        )

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        mass = log_mass(a, b)
        mean = np.exp(log_normal_density(a) - mass) - np.exp(
            log_normal_density(b) - mass
        )
        return 1.0 + _edge_moment(a, mass) - _edge_moment(b, mass) - mean * mean

    @staticmethod
    def entropy(a: Value, b: Value) -> Value:
        mass = log_mass(a, b)
        edges = _edge_moment(a, mass) - _edge_moment(b, mass)
        return LOG_ROOT_2_PI + 0.5 + mass + 0.5 * edges


def _log_part(log_part: Value, *operands: Value, rest: str) -> Value:
    """Return the logarithm of a part, by the rest where that is small."""
    large = log_part > -0.1
    near = np.where(large, truncnorm.formula(rest)(*operands), 0.5)
    return np.where(large, np.log1p(-near), np.where(large, -1.0, log_part))


@continuous
class lognorm:
    """pdf(x) = phi(log(x) / s) / (s x) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (0.8,)

    @staticmethod
    def logpdf(x: Value, s: Value) -> Value:
        log_x = np.log(x)
        return log_normal_density(log_x / s) - np.log(s) - log_x

    @staticmethod
    def cdf(x: Value, s: Value) -> Value:
        return sc.ndtr(np.log(x) / s)

    @staticmethod
    def sf(x: Value, s: Value) -> Value:
        return sc.ndtr(-np.log(x) / s)

    @staticmethod
    def logcdf(x: Value, s: Value) -> Value:
        return sc.log_ndtr(np.log(x) / s)

    @staticmethod
    def logsf(x: Value, s: Value) -> Value:
        return sc.log_ndtr(-np.log(x) / s)

    @staticmethod
    def ppf(q: Value, s: Value) -> Value:
        return np.exp(s * sc.ndtri(q))

    @staticmethod
    def isf(q: Value, s: Value) -> Value:
        return np.exp(-s * sc.ndtri(q))

    @staticmethod
    def mean(s: Value) -> Value:
        return np.exp(0.5 * s * s)

    @staticmethod
    def var(s: Value) -> Value:
        return np.exp(s * s) * np.expm1(s * s)

    @staticmethod
    def entropy(s: Value) -> Value:
        return LOG_ROOT_2_PI + 0.5 + np.log(s)


@continuous
class gibrat:
    """pdf(x) = phi(log(x)) / x for x > 0"""

    support = HALF_LINE
    open_at = (True, True)

    @staticmethod
    def logpdf(x: Value) -> Value:
        log_x = np.log(x)
        return log_normal_density(log_x) - log_x

    @staticmethod
    def logcdf(x: Value) -> Value:
        return sc.log_ndtr(np.log(x))

    @staticmethod
    def logsf(x: Value) -> Value:
        return sc.log_ndtr(-np.log(x))

    @staticmethod
    def ppf(q: Value) -> Value:
        return np.exp(sc.ndtri(q))

    @staticmethod
    def isf(q: Value) -> Value:
        return np.exp(-sc.ndtri(q))


@continuous
class powerlognorm:
    """pdf(x) = c / (x s) phi(log(x) / s) Phi(-log(x) / s)**(c - 1) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (2.1, 0.5)

    @staticmethod
    def logpdf(x: Value, c: Value, s: Value) -> Value:
        log_x = np.log(x)
        density = np.log(c) - log_x - np.log(s) + log_normal_density(log_x / s)
        return density + (c - 1.0) * sc.log_ndtr(-log_x / s)

    @staticmethod
    def logsf(x: Value, c: Value, s: Value) -> Value:
        return c * sc.log_ndtr(-np.log(x) / s)

    @staticmethod
    def ppf(q: Value, c: Value, s: Value) -> Value:
        return np.exp(-s * sc.ndtri(np.exp(np.log1p(-q) / c)))

    @staticmethod
    def isf(q: Value, c: Value, s: Value) -> Value:
        return np.exp(-s * sc.ndtri(np.exp(np.log(q) / c)))
