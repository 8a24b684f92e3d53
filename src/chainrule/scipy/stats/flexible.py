"""Distributions whose shapes reach from one family to another, and resonances."""

from __future__ import annotations

import math
from typing import Any

import numpy

from chainrule.scipy.special.noncentral_ratios import f_density, t_density
from chainrule.scipy.stats.continuous import HALF_LINE, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.normal_family import LOG_ROOT_2_PI
from chainrule.scipy.stats.ratios import log1p_ratio
from chainrule.values.types import Value
from chainrule.values.vertices import raw


@continuous
class kappa4:
    """pdf(x) = (1 - k x)**(1/k - 1) F(x)**(1 - h), F(x) = (1 - h y)**(1/h)

    With ``y = (1 - k x)**(1/k)``; for ``h = 0`` and ``k = 0`` the limits of these.
    """

    open_at = (True, True)
    sample: tuple[float, ...] = (-0.5, 0.25)

    @staticmethod
    def support(h: Value, k: Value) -> tuple[Value, Value]:
        divisor = np.where(k == 0, 1.0, k)
        log_h = np.log(np.where(h > 0, h, 1.0))
        lower = -log_h * sc.exprel(-k * log_h)
        low = np.where(k < 0, 1.0 / divisor, -math.inf)
        low = np.where(h > 0, -lower, low)
        return low, np.where(k > 0, 1.0 / divisor, math.inf)

    @staticmethod
    def valid(h: Value, k: Value) -> Value:
        return (h == h) & (k == k)

    @staticmethod
    def logpdf(x: Value, h: Value, k: Value) -> Value:
        log_y = -x * log1p_ratio(-k * x)
        log_f = -np.exp(log_y) * log1p_ratio(-h * np.exp(log_y))
        return (1.0 - k) * log_y + (1.0 - h) * log_f

    @staticmethod
    def logcdf(x: Value, h: Value, k: Value) -> Value:
        y = np.exp(-x * log1p_ratio(-k * x))
        return -y * log1p_ratio(-h * y)

    @staticmethod
    def ppf(q: Value, h: Value, k: Value) -> Value:
        log_q = np.log(q)
        log_y = np.log(-log_q * sc.exprel(h * log_q))
        return -log_y * sc.exprel(k * log_y)


@continuous
class tukeylambda:
    """pdf(x) = 1 / (p**(lam - 1) + (1 - p)**(lam - 1)) at the p with ppf(p) = x"""

    open_at = (True, True)
    sample: tuple[float, ...] = (0.4,)

    @staticmethod
    def support(lam: Value) -> tuple[Value, Value]:
        edge = np.where(lam > 0, 1.0 / np.where(lam > 0, lam, 1.0), math.inf)
        return -edge, edge

    @staticmethod
    def pdf(x: Value, lam: Value) -> Value:
        p, other = sc.tklmbda(x, lam), sc.tklmbda(-x, lam)
        return 1.0 / (np.power(p, lam - 1.0) + np.power(other, lam - 1.0))

    @staticmethod
    def cdf(x: Value, lam: Value) -> Value:
        return sc.tklmbda(x, lam)

    @staticmethod
    def sf(x: Value, lam: Value) -> Value:
        return sc.tklmbda(-x, lam)

    @staticmethod
    def ppf(q: Value, lam: Value) -> Value:
        return sc.boxcox(q, lam) - sc.boxcox1p(-q, lam)

    @staticmethod
    def isf(q: Value, lam: Value) -> Value:
        return sc.boxcox1p(-q, lam) - sc.boxcox(q, lam)

    @staticmethod
    def mean(lam: Value) -> Value:
        return 0.0 * lam


@continuous
class pearson3:
    """pdf(x) = |b| (b (x + b))**(a - 1) exp(-b (x + b)) / gamma(a), a = b**2

    ``b = 2 / skew``; for ``skew = 0`` it is the normal distribution. With ``s = x / b``
    and Stirling's rest ``r`` of ``log gamma(a)``, ``log pdf = a (log(1 + s) - s) -
    log(1 + s) - r - log(2 pi) / 2``, which is smooth where the skew is 0.
    """

    open_at = (True, True)
    sample: tuple[float, ...] = (0.6,)

    @staticmethod
    def support(skew: Value) -> tuple[Value, Value]:
        edge = -2.0 / np.where(skew == 0, 1.0, skew)
        return np.where(skew > 0, edge, -math.inf), np.where(skew < 0, edge, math.inf)

    @staticmethod
    def valid(skew: Value) -> Value:
        return np.isfinite(skew)

    @staticmethod
    def logpdf(x: Value, skew: Value) -> Value:
        s = 0.5 * skew * x
        power = -0.5 * x * x * sc.hyp2f1(1.0, 2.0, 3.0, -s)  # a (log(1 + s) - s)
        return power - np.log1p(s) - _rest_of_gamma(0.25 * skew * skew) - LOG_ROOT_2_PI

    @staticmethod
    def cdf_of_shapes(x: Value, skew: Value) -> Value:
        """Return the gamma distribution function; for small skews as an integral."""
        near = np.abs(skew) < _NEAR
        sign = np.where(skew < 0, -1.0, 1.0)
        small = _left_integral(sign * x, sign * np.where(near, skew, 0.0))
        k = np.where(near, 1.0, skew)
        a = 4.0 / (k * k)
        t = a * (1.0 + 0.5 * k * np.where(near, 0.0, x))
        large = np.where(k > 0, sc.gammainc(a, t), sc.gammaincc(a, t))
        return np.where(near, np.where(sign > 0, small, 1.0 - small), large)

    @staticmethod
    def mean(skew: Value) -> Value:
        return 0.0 * skew

    @staticmethod
    def var(skew: Value) -> Value:
        return 1.0 + 0.0 * skew


_NEAR = 0.5
"""Nearer to 0 the slope of ``gammainc`` in its shape cancels, as 1 / skew**2."""
_POINTS, _WEIGHTS = numpy.polynomial.legendre.leggauss(64)


def _left_integral(x: Value, skew: Value) -> Value:
    """Return the integral of the density up to ``x``, for a skew of 0 or above."""
    at: Any = raw(skew)
    low = np.maximum(-2.0 / np.where(at == 0, 1e-9, at), np.minimum(raw(x), 0.0) - 9.0)
    length = np.expand_dims(x - low, -1)
    points = np.expand_dims(low, -1) + 0.5 * length * (1.0 + _POINTS)
    densities = np.exp(pearson3.formulas.logpdf(points, np.expand_dims(skew, -1)))
    return np.sum(0.5 * _WEIGHTS * length * densities, axis=-1)


_STIRLING = (
    *(1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156),
    *(-3617 / 122400,),
)
"""B(2 k) / (2 k (2 k - 1)) for k = 1, 2, ... (DLMF 5.11.1)."""


def _rest_of_gamma(w: Value) -> Value:
    """Return ``log gamma(a) - (a - 1/2) log(a) + a - log(2 pi) / 2`` at a = 1 / w."""
    near = w < 0.1
    small, a = np.where(near, w, 0.0), 1.0 / np.where(near, 1.0, w)
    series = 0.0
    for factor in reversed(_STIRLING):
        series = series * (small * small) + factor
    far = sc.gammaln(a) - (a - 0.5) * np.log(a) + a - LOG_ROOT_2_PI
    return np.where(near, series * small, far)


@continuous
class dpareto_lognorm:
    """pdf(x) = a b phi(z) (R(a s - z) + R(b s + z)) / ((a + b) x) for x > 0

    ``z = (log(x) - u) / s``, and R is Mills' ratio.
    """

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (0.3, 0.8, 2.5, 1.5)

    @staticmethod
    def logpdf(x: Value, u: Value, s: Value, a: Value, b: Value) -> Value:
        z = (np.log(x) - u) / s
        tails = np.logaddexp(_log_mills(a * s - z), _log_mills(b * s + z))
        factor = np.log(a) + np.log(b) - np.log(a + b)
        return factor - np.log(x) - 0.5 * z * z - LOG_ROOT_2_PI + tails

    @staticmethod
    def cdf(x: Value, u: Value, s: Value, a: Value, b: Value) -> Value:
        z = (np.log(x) - u) / s
        return sc.ndtr(z) - _between(z, s, a, b)

    @staticmethod
    def sf(x: Value, u: Value, s: Value, a: Value, b: Value) -> Value:
        z = (np.log(x) - u) / s
        return sc.ndtr(-z) + _between(z, s, a, b)


def _log_mills(z: Value) -> Value:
    """Return the logarithm of Mills' ratio, (1 - Phi(z)) / phi(z)."""
    return sc.log_ndtr(-z) + 0.5 * z * z + LOG_ROOT_2_PI


def _between(z: Value, s: Value, a: Value, b: Value) -> Value:
    """Return the difference from the lognormal distribution function."""
    first = b * np.exp(_log_mills(a * s - z) - 0.5 * z * z)
    second = a * np.exp(_log_mills(b * s + z) - 0.5 * z * z)
    return (first - second) * math.exp(-LOG_ROOT_2_PI) / (a + b)


@continuous
class rel_breitwigner:
    """pdf(x) = C / (((x**2 - rho**2) / rho)**2 + 1) for x >= 0"""

    support = HALF_LINE
    sample: tuple[float, ...] = (2.5,)

    @staticmethod
    def pdf(x: Value, rho: Value) -> Value:
        square = 1.0 + 1.0 / (rho * rho)
        constant = np.sqrt(2.0 * square / (1.0 + np.sqrt(square))) * (2.0 / math.pi)
        return constant / (((x - rho) * (x + rho) / rho) ** 2 + 1.0)

    @staticmethod
    def cdf(x: Value, rho: Value) -> Value:
        square = 1.0 + 1.0 / (rho * rho)
        constant = np.sqrt(2.0 / (1.0 + np.sqrt(square))) * (2.0 / math.pi)
        root = np.sqrt(-1.0 + 1j / rho)
        angle = np.arctan(x / np.sqrt(-rho * (rho + 1j)))
        return constant * np.imag(root * angle)

    @staticmethod
    def mean(rho: Value) -> Value:
        square = 1.0 + 1.0 / (rho * rho)
        constant = np.sqrt(2.0 * square / (1.0 + np.sqrt(square))) * rho / math.pi
        return constant * (0.5 * math.pi + np.arctan(rho))


# ------------------------------------------------------------------------- noncentral


@continuous
class nct:
    """pdf(x) = E[sqrt(V / df) phi(x sqrt(V / df) - nc)], V chi-squared of df degrees"""

    sample: tuple[float, ...] = (3.5, 0.8)
    without_slope = ("df",)

    @staticmethod
    def valid(df: Value, nc: Value) -> Value:
        return (df > 0) & (nc == nc)

    @staticmethod
    def pdf(x: Value, df: Value, nc: Value) -> Value:
        return t_density(df, nc, x)

    @staticmethod
    def cdf(x: Value, df: Value, nc: Value) -> Value:
        return sc.nctdtr(df, nc, x)

    @staticmethod
    def ppf(q: Value, df: Value, nc: Value) -> Value:
        return sc.nctdtrit(df, nc, q)

    @staticmethod
    def mean(df: Value, nc: Value) -> Value:
        few = df <= 1.0
        v = np.where(few, 2.0, df)
        ratio = np.exp(sc.gammaln(0.5 * v - 0.5) - sc.gammaln(0.5 * v))
        return np.where(few, math.nan, nc * np.sqrt(0.5 * v) * ratio)


@continuous
class ncf:
    """pdf(x), the mixture of the densities of F with dfn + 2 k by Poisson's weights"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (4.0, 7.0, 1.2)
    without_slope = ("dfn", "dfd")

    @staticmethod
    def valid(dfn: Value, dfd: Value, nc: Value) -> Value:
        return (dfn > 0) & (dfd > 0) & (nc >= 0)

    @staticmethod
    def pdf(x: Value, dfn: Value, dfd: Value, nc: Value) -> Value:
        return f_density(dfn, dfd, nc, x)

    @staticmethod
    def cdf(x: Value, dfn: Value, dfd: Value, nc: Value) -> Value:
        return sc.ncfdtr(dfn, dfd, nc, x)

    @staticmethod
    def ppf(q: Value, dfn: Value, dfd: Value, nc: Value) -> Value:
        return sc.ncfdtri(dfn, dfd, nc, q)
