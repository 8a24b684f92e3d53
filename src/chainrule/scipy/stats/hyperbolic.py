"""Distributions with Bessel functions of the third kind, and hypergeometric ones."""

from __future__ import annotations

import math

from chainrule.scipy.stats.continuous import HALF_LINE, UNIT, continuous
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.normal_family import LOG_2, LOG_ROOT_2_PI
from chainrule.values.types import Value


@continuous
class norminvgauss:
    """pdf(x) = a K1(a r) exp(sqrt(a**2 - b**2) + b x) / (pi r), r = sqrt(1 + x**2)"""

    sample: tuple[float, ...] = (1.6, 0.5)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        r, gamma = np.hypot(1.0, x), np.sqrt((a - b) * (a + b))
        bessel = np.log(sc.k1e(a * r)) - a * r
        return np.log(a / math.pi) + bessel + b * x + gamma - np.log(r)

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        return b / np.sqrt((a - b) * (a + b))

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        return a * a / ((a - b) * (a + b)) ** 1.5


@continuous
class geninvgauss:
    """pdf(x) = x**(p - 1) exp(-b (x + 1 / x) / 2) / (2 K_p(b)) for x > 0"""

    support = HALF_LINE
    open_at = (True, True)
    sample: tuple[float, ...] = (1.3, 1.7)

    @staticmethod
    def logpdf(x: Value, p: Value, b: Value) -> Value:
        power = (p - 1.0) * np.log(x) - 0.5 * b * (x - 1.0) ** 2 / x
        return power - LOG_2 - np.log(sc.kve(p, b))

    @staticmethod
    def mean(p: Value, b: Value) -> Value:
        return sc.kve(p + 1.0, b) / sc.kve(p, b)

    @staticmethod
    def var(p: Value, b: Value) -> Value:
        first = sc.kve(p + 1.0, b) / sc.kve(p, b)
        return sc.kve(p + 2.0, b) / sc.kve(p, b) - first * first


@continuous
class genhyperbolic:
    """pdf(x) = N exp(b x) K_(p - 1/2)(a r) r**(p - 1/2), r = sqrt(1 + x**2)

    ``N = g**p / (sqrt(2 pi) a**(p - 1/2) K_p(g))`` with ``g = sqrt(a**2 - b**2)``.
    """

    sample: tuple[float, ...] = (0.8, 1.6, 0.4)

    @staticmethod
    def logpdf(x: Value, p: Value, a: Value, b: Value) -> Value:
        r, g, k = np.hypot(1.0, x), np.sqrt((a - b) * (a + b)), p - 0.5
        constant = p * np.log(g) - k * np.log(a) - np.log(sc.kve(p, g)) + g
        bessel = np.log(sc.kve(k, a * r)) - a * r
        return constant - LOG_ROOT_2_PI + b * x + bessel + k * np.log(r)


@continuous
class gausshyper:
    """pdf(x) = N x**(a - 1) (1 - x)**(b - 1) (1 + z x)**-c for 0 <= x <= 1

    ``1 / N = B(a, b) 2F1(c, a; a + b; -z)``.
    """

    support = UNIT
    sample: tuple[float, ...] = (2.3, 1.9, 0.8, 0.6)

    @staticmethod
    def pdf(x: Value, a: Value, b: Value, c: Value, z: Value) -> Value:
        powers = np.power(x, a - 1.0) * np.power(1.0 - x, b - 1.0)
        constant = np.exp(sc.betaln(a, b)) * sc.hyp2f1(c, a, a + b, -z)
        return powers * np.power(1.0 + z * x, -c) / constant

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value, c: Value, z: Value) -> Value:
        powers = sc.xlogy(a - 1.0, x) + sc.xlog1py(b - 1.0, -x)
        constant = sc.betaln(a, b) + np.log(sc.hyp2f1(c, a, a + b, -z))
        return powers - c * np.log1p(z * x) - constant

    @staticmethod
    def mean(a: Value, b: Value, c: Value, z: Value) -> Value:
        ratio = sc.hyp2f1(c, a + 1.0, a + b + 1.0, -z) / sc.hyp2f1(c, a, a + b, -z)
        return a / (a + b) * ratio


@continuous
class jf_skew_t:
    """pdf(x) = (1 + x / r)**(a + 1/2) (1 - x / r)**(b + 1/2) / N

    ``r = sqrt(a + b + x**2)``, ``N = 2**(a + b - 1) B(a, b) sqrt(a + b)``.
    """

    sample: tuple[float, ...] = (2.1, 1.4)

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        powers = (a + 0.5) * np.log(_part(x, a + b)) + (b + 0.5) * np.log(
            _part(-x, a + b)
        )
        return powers + 2.0 * LOG_2 - sc.betaln(a, b) - 0.5 * np.log(a + b)

    @staticmethod
    def cdf(x: Value, a: Value, b: Value) -> Value:
        return sc.betainc(a, b, _part(x, a + b))

    @staticmethod
    def sf(x: Value, a: Value, b: Value) -> Value:
        return sc.betainc(b, a, _part(-x, a + b))


def _part(x: Value, total: Value) -> Value:
    """Return ``(1 + x / r) / 2``, with all digits far to the left."""
    r = np.sqrt(total + x * x)
    left = x < 0
    near = 0.5 * total / (r * (r - np.where(left, x, 0.0)))
    return np.where(left, near, 0.5 * (1.0 + np.where(left, 0.0, x) / r))
