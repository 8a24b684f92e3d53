"""Distributions, with their functions in mpmath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp

from tests.scipy.accuracy import Entry, Range, lin, log


def of(
    name: str,
    density: Callable[..., Any],
    cdf: Callable[..., Any] | None,
    ranges: Sequence[Range],
    operands: str,
) -> list[Entry]:
    """Return the entries of ``logpdf`` and ``cdf`` from the density and the cdf."""

    def log_density(*x: Any) -> Any:
        return mp.log(density(*x))

    title = "logpmf" if name in ("poisson", "binom", "nbinom", "geom") else "logpdf"
    own, rest = tuple(ranges), {"home": "scipy.stats", "operands": operands}
    found = [Entry(f"{name}.{title}", log_density, own, **rest)]  # type: ignore[arg-type]
    if cdf is not None:
        found.append(Entry(f"{name}.cdf", cdf, own, **rest))  # type: ignore[arg-type]
    return found


def _normal(x: Any, m: Any, s: Any) -> Any:
    return mp.npdf((x - m) / s) / s


def _gamma(x: Any, a: Any) -> Any:
    return x ** (a - 1) * mp.exp(-x) / mp.gamma(a)


def _beta(x: Any, a: Any, b: Any) -> Any:
    return x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b)


def _beta_cdf(x: Any, a: Any, b: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _student(x: Any, v: Any) -> Any:
    scale = mp.sqrt(v) * mp.beta(v / 2, mp.mpf(1) / 2)
    return (1 + x * x / v) ** (-(v + 1) / 2) / scale


def _student_cdf(x: Any, v: Any) -> Any:
    tail = mp.betainc(v / 2, mp.mpf(1) / 2, 0, v / (v + x * x), regularized=True) / 2
    return tail if x < 0 else 1 - tail


def _weibull(x: Any, c: Any) -> Any:
    return c * x ** (c - 1) * mp.exp(-(x**c))


def _lognormal(x: Any, s: Any) -> Any:
    return mp.npdf(mp.log(x) / s) / (s * x)


def _lower(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


SHAPE = log(0.5, 20)
ENTRIES = [
    *of(
        "norm",
        _normal,
        lambda x, m, s: mp.ncdf((x - m) / s),
        (lin(-5, 5), lin(-1, 1), log(0.5, 2)),
        "x loc scale",
    ),
    *of("gamma", _gamma, lambda x, a: _lower(a, x), (log(0.1, 9), SHAPE), "x a"),
    *of("beta", _beta, _beta_cdf, (lin(0.01, 0.99), SHAPE, SHAPE), "x a b"),
    *of("t", _student, _student_cdf, (lin(-5, 5), SHAPE), "x df"),
    *of(
        "chi2",
        lambda x, v: _gamma(x / 2, v / 2) / 2,
        lambda x, v: _lower(v / 2, x / 2),
        (log(0.1, 20), SHAPE),
        "x df",
    ),
    *of("expon", lambda x: mp.exp(-x), lambda x: -mp.expm1(-x), (log(0.01, 20),), "x"),
    *of(
        "weibull_min",
        _weibull,
        lambda x, c: -mp.expm1(-(x**c)),
        (log(0.1, 5), log(0.5, 5)),
        "x c",
    ),
    *of(
        "lognorm",
        _lognormal,
        lambda x, s: mp.ncdf(mp.log(x) / s),
        (log(0.1, 9), log(0.2, 2)),
        "x s",
    ),
    *of(
        "logistic",
        lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2,
        lambda x: 1 / (1 + mp.exp(-x)),
        (lin(-9, 9),),
        "x",
    ),
    *of(
        "cauchy",
        lambda x: 1 / (mp.pi * (1 + x * x)),
        lambda x: mp.mpf(1) / 2 + mp.atan(x) / mp.pi,
        (lin(-9, 9),),
        "x",
    ),
    *of(
        "laplace",
        lambda x: mp.exp(-x) / 2,
        lambda x: 1 - mp.exp(-x) / 2,
        (lin(0.1, 9),),
        "x",
    ),
    *of(
        "gumbel_r",
        lambda x: mp.exp(-x - mp.exp(-x)),
        lambda x: mp.exp(-mp.exp(-x)),
        (lin(-2, 9),),
        "x",
    ),
    *of(
        "pareto",
        lambda x, b: b * x ** (-b - 1),
        lambda x, b: 1 - x ** (-b),
        (lin(1.1, 9), SHAPE),
        "x b",
    ),
    *of(
        "invgamma",
        lambda x, a: x ** (-a - 1) * mp.exp(-1 / x) / mp.gamma(a),
        lambda x, a: mp.gammainc(a, 1 / x, regularized=True),
        (log(0.1, 9), SHAPE),
        "x a",
    ),
]
