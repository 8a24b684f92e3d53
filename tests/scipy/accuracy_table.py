"""Which functions are measured, where, and what mpmath calls them."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import scipy.special

from tests.scipy.accuracy import Entry, lin, log, plane
from tests.scipy.accuracy_table_of_bessel import ENTRIES as OF_BESSEL
from tests.scipy.accuracy_table_of_numpy import ENTRIES as OF_NUMPY
from tests.scipy.accuracy_table_of_stats import ENTRIES as OF_STATS

ROOT_2 = mp.sqrt(2)


def _fraction(p: Any) -> Any:
    """Return the place where the normal distribution function is ``p``."""
    return mp.findroot(lambda z: mp.ncdf(z) - p, _start(float(p)))


def _start(p: float) -> float:
    return float(scipy.special.ndtri(p))


def _faddeeva(z: Any) -> Any:
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def _voigt(x: Any, sigma: Any, gamma: Any) -> Any:
    z = (x + 1j * gamma) / (sigma * mp.sqrt(2))
    return mp.re(_faddeeva(z)) / (sigma * mp.sqrt(2 * mp.pi))


def _lower_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def _upper_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _upper_beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(b, a, 0, 1 - x, regularized=True)


def _student(v: Any, t: Any) -> Any:
    w = v / (v + t * t)
    tail = mp.betainc(v / 2, mp.mpf(1) / 2, 0, w, regularized=True) / 2
    return tail if t < 0 else 1 - tail


def _fisher(m: Any, n: Any, x: Any) -> Any:
    w = m * x / (n + m * x)
    return mp.betainc(m / 2, n / 2, 0, w, regularized=True)


def _inverse(f: Any, start: float, *rest: Any) -> Any:
    return mp.findroot(f, start, *rest)


def _gamma_inverse(a: Any, y: Any) -> Any:
    start = float(scipy.special.gammaincinv(float(a), float(y)))
    return _inverse(lambda x: _lower_gamma(a, x) - y, start)


def _beta_inverse(a: Any, b: Any, y: Any) -> Any:
    start = float(scipy.special.betaincinv(float(a), float(b), float(y)))
    return _inverse(lambda x: _beta(a, b, x) - y, start)


def _kolmogorov(x: Any) -> Any:
    return 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * (k * x) ** 2),
                       [1, 40])  # fmt: skip


def _first(name: str, x: Any) -> Any:
    return getattr(scipy.special, name)(x)[0]


def _tukey(x: Any, k: Any) -> Any:
    start = float(scipy.special.tklmbda(float(x), float(k)))
    return mp.findroot(lambda p: (p**k - (1 - p) ** k) / k - x, start)


def _student_inverse(v: Any, p: Any) -> Any:
    start = float(scipy.special.stdtrit(float(v), float(p)))
    return mp.findroot(lambda t: _student(v, t) - p, start)


def _noncentral(x: Any, nc: Any) -> Any:
    weight, total = mp.exp(-nc / 2), mp.mpf(0)
    for k in range(100):
        total += weight * _lower_gamma(mp.mpf(3) / 2 + k, x / 2)
        weight = weight * nc / 2 / (k + 1)
    return total


SHAPE = log(1e-2, 1e3)
ENTRIES = [
    Entry("erfc", mp.erfc, (lin(-3, 20),)),
    Entry("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), (log(1e-3, 1e5),)),
    Entry("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), (lin(-5, 2),)),
    Entry("erfi", mp.erfi, (lin(-5, 5),)),
    Entry("wofz", _faddeeva, (plane(-9, 9, 2.0),)),
    Entry("dawsn", lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
          (log(1e-3, 1e3),)),
    Entry("erfinv", mp.erfinv, (lin(-0.999, 0.999),)),
    Entry("erfcinv", lambda x: mp.erfinv(1 - x), (log(1e-12, 1.9),)),
    Entry("voigt_profile", _voigt, (lin(-9, 9), log(0.1, 5), log(0.1, 5))),
    Entry("fresnel", mp.fresnels, (lin(-4, 4),), call=lambda x: _first("fresnel", x)),
    Entry("ndtr", mp.ncdf, (lin(-20, 5),)),
    Entry("log_ndtr", lambda x: mp.log(mp.erfc(-x / ROOT_2) / 2), (lin(-1e3, 9),)),
    Entry("ndtri", _fraction, (log(1e-12, 0.99),)),
    Entry("ndtri_exp", lambda y: _fraction(mp.exp(y)), (lin(-30, -0.02),)),
    Entry("owens_t", lambda h, a: mp.quad(
        lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]
    ) / (2 * mp.pi), (lin(-3, 3), lin(-2, 2)), operands="h a"),
    Entry("gamma", mp.gamma, (lin(0.1, 100),)),
    Entry("gamma", mp.gamma, (plane(-5, 5, 5.0),)),
    Entry("gammaln", lambda x: mp.re(mp.loggamma(x)), (log(1e-3, 1e6),)),
    Entry("loggamma", mp.loggamma, (plane(-5, 20, 9.0),)),
    Entry("rgamma", mp.rgamma, (lin(-5, 50),)),
    Entry("digamma", mp.digamma, (log(1e-3, 1e6),)),
    Entry("digamma", mp.digamma, (plane(-5, 20, 9.0),)),
    Entry("poch", mp.rf, (log(1e-2, 100), log(1e-2, 10))),
    Entry("binom", mp.binomial, (lin(50, 90), lin(1, 49))),
    Entry("beta", mp.beta, (log(1e-2, 50), log(1e-2, 50))),
    Entry("betaln", lambda a, b: mp.log(mp.beta(a, b)), (log(1e-2, 1e6),) * 2,
          (1e-8, 1e-10, 1e-10)),
    Entry("zeta", mp.zeta, (lin(1.1, 9), log(1e-2, 1e2)), operands="x q"),
    Entry("zeta", mp.zeta, (lin(-9, 9),), operands="x"),
    Entry("zeta", mp.zeta, (plane(-5, 9, 30.0),), operands="x"),
    Entry("zetac", lambda x: mp.zeta(x) - 1, (lin(1.1, 30),)),
    Entry("gammainc", _lower_gamma, (SHAPE, log(1e-2, 1e3))),
    Entry("gammaincc", _upper_gamma, (log(1e-2, 10), log(0.1, 3e2))),
    Entry("gammaincinv", _gamma_inverse, (log(0.1, 1e2), lin(0.01, 0.99))),
    Entry("betainc", _beta, (log(1e-2, 100), log(1e-2, 100), lin(0.01, 0.99))),
    Entry("betaincc", _upper_beta, (log(0.1, 100), log(0.1, 100), lin(0.01, 0.99))),
    Entry("betaincinv", _beta_inverse, (log(0.5, 50), log(0.5, 50), lin(0.05, 0.95))),
    Entry("chdtr", lambda v, x: _lower_gamma(v / 2, x / 2),
          (log(0.1, 100), log(0.1, 100))),
    Entry("gdtr", lambda a, b, x: _lower_gamma(b, a * x), (log(0.1, 10),) * 3),
    Entry("stdtr", _student, (log(0.5, 1e3), lin(-5, 5))),
    Entry("stdtr", _student, (log(1e3, 1e8), lin(-5, 5)), (1e-12, 1e-9, 1e-9)),
    Entry("stdtrit", _student_inverse, (log(0.5, 100), lin(0.05, 0.95))),
    Entry("chndtr", _noncentral, (log(0.5, 20), log(0.1, 9)),
          call=lambda x, nc: scipy.special.chndtr(x, 3.0, nc), operands="x nc"),
    Entry("fdtr", _fisher, (log(0.5, 100), log(0.5, 100), log(0.1, 10))),
    Entry("kolmogorov", _kolmogorov, (lin(0.3, 3),)),
    Entry("expit", lambda x: 1 / (1 + mp.exp(-x)), (lin(-50, 50),)),
    Entry("log_expit", lambda x: -mp.log1p(mp.exp(-x)), (lin(-50, 50),)),
    Entry("logit", lambda x: mp.log(x / (1 - x)), (lin(0.01, 0.99),)),
    Entry("xlog1py", lambda x, y: x * mp.log1p(y), (lin(0.1, 9), log(1e-9, 9))),
    Entry("rel_entr", lambda x, y: x * mp.log(x / y), (lin(0.1, 9),) * 2),
    Entry("kl_div", lambda x, y: x * mp.log(x / y) - x + y, (lin(0.1, 9),) * 2),
    Entry("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
          (log(0.1, 9), log(1e-3, 9))),
    Entry("boxcox", lambda x, k: mp.expm1(k * mp.log(x)) / k,
          (log(1e-2, 1e2), lin(-2, 2))),
    Entry("boxcox1p", lambda x, k: mp.expm1(k * mp.log1p(x)) / k,
          (log(1e-6, 1e2), lin(-2, 2))),
    Entry("inv_boxcox", lambda y, k: mp.exp(mp.log1p(k * y) / k),
          (lin(0.1, 9), log(1e-6, 2))),
    Entry("inv_boxcox1p", lambda y, k: mp.expm1(mp.log1p(k * y) / k),
          (lin(0.1, 9), log(1e-6, 2))),
    Entry("exprel", lambda x: mp.expm1(x) / x, (lin(-50, 50),)),
    Entry("cosm1", lambda x: -2 * mp.sin(x / 2) ** 2, (log(1e-6, 1.0),)),
    Entry("powm1", lambda x, y: mp.expm1(y * mp.log(x)), (lin(0.5, 2), lin(0.5, 2))),
    Entry("agm", mp.agm, (log(1e-3, 1e3), log(1e-3, 1e3)), operands="a b"),
    Entry("lambertw", mp.lambertw, (log(1e-3, 1e6),), operands="z"),
    Entry("wrightomega", lambda x: mp.lambertw(mp.exp(x)), (lin(-9, 99),)),
    Entry("tklmbda", _tukey, (lin(-0.6, 0.6), lin(0.2, 1.4))),
    *OF_BESSEL,
    *OF_NUMPY,
    *OF_STATS,
]  # fmt: skip
