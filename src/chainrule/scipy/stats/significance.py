"""Tests of samples: their statistics, and how probable larger ones are."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import scipy.stats

from chainrule.scipy.moving import refused
from chainrule.scipy.stats.beta_family import t
from chainrule.scipy.stats.descriptive import (
    counted,
    kurtosis,
    of_alternative,
    sample_of,
    skew,
)
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.spreads import kept
from chainrule.values.types import Axis, Value
from chainrule.wrapping import implements


class Result(NamedTuple):
    """The statistic of a test, and how probable a larger one is."""

    statistic: Any
    pvalue: Any


class TtestResult(Result):
    """A result that knows the degrees of freedom; ``df`` is no item of the tuple."""

    df: Any


def _by_t(
    apart: Any, error: Any, df: Any, alternative: str, like: Any, axis: Axis, keep: bool
) -> TtestResult:
    """Return the result of a statistic with Student's distribution."""
    z = apart / error
    p = of_alternative(t.cdf(z, df), t.sf(z, df), alternative)
    found = TtestResult(kept(z, like, axis, keep), kept(p, like, axis, keep))
    found.df = df
    return found


@implements(scipy.stats.ttest_1samp)
def ttest_1samp(
    a: Value,
    popmean: Value,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    *,
    keepdims: bool = False,
) -> TtestResult:
    """Return the test that the mean is ``popmean``."""
    x, along = sample_of(a, axis, nan_policy, "ttest_1samp")
    n = counted(x, along)
    apart = np.mean(x, axis=along) - popmean
    error = np.sqrt(np.var(x, axis=along, ddof=1) / n)
    return _by_t(apart, error, n - 1.0, alternative, a, axis, keepdims)


@implements(scipy.stats.ttest_rel)
def ttest_rel(
    a: Value,
    b: Value,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    *,
    keepdims: bool = False,
) -> TtestResult:
    """Return the test that two related samples have one mean."""
    x, _ = sample_of(a, axis, nan_policy, "ttest_rel")
    y, along = sample_of(b, axis, nan_policy, "ttest_rel")
    n = counted(x, along)
    error = np.sqrt(np.var(x - y, axis=along, ddof=1) / n)
    apart = np.mean(x - y, axis=along)
    return _by_t(apart, error, n - 1.0, alternative, a, axis, keepdims)


@implements(scipy.stats.ttest_ind)
def ttest_ind(
    a: Value,
    b: Value,
    *,
    axis: Axis = 0,
    equal_var: bool = True,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    trim: float = 0,
    method: Any = None,
    keepdims: bool = False,
) -> TtestResult:
    """Return the test that two samples have one mean, Welch's unless ``equal_var``."""
    if trim != 0 or method is not None:
        raise refused("scipy.stats.ttest_ind with trim= or method=", "Leave them away.")
    (x, along), (y, _) = (sample_of(v, axis, nan_policy, "ttest_ind") for v in (a, b))
    n, m = counted(x, along), counted(y, along)
    u, v = (np.var(s, axis=along, ddof=1) for s in (x, y))
    if equal_var:
        df: Any = n + m - 2.0
        error = np.sqrt(((n - 1) * u + (m - 1) * v) / df * (1.0 / n + 1.0 / m))
    else:
        u, v = u / n, v / m
        df = (u + v) ** 2 / (u**2 / (n - 1) + v**2 / (m - 1))
        error = np.sqrt(u + v)
    apart = np.mean(x, axis=along) - np.mean(y, axis=along)
    return _by_t(apart, error, df, alternative, a, axis, keepdims)


@implements(scipy.stats.f_oneway)
def f_oneway(
    *samples: Value,
    axis: int | None = 0,
    equal_var: bool = True,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Result:
    """Return the test that several samples have one mean, Welch's unless equal_var."""
    whole = [sample_of(v, axis, nan_policy, "f_oneway") for v in samples]
    groups, along = [x for x, _ in whole], whole[0][1]
    if len(samples) < 2:
        raise TypeError(f"f_oneway needs two samples or more; received {len(samples)}.")
    k, sizes = len(groups), [counted(x, along) for x in groups]
    means = [np.mean(x, axis=along) for x in groups]
    if equal_var:
        n, mean = sum(sizes), np.mean(np.concatenate(groups, axis=along), axis=along)
        parts = zip(sizes, means, strict=True)
        between = sum(size * (m - mean) ** 2 for size, m in parts) / (k - 1.0)
        within = sum(
            np.var(x, axis=along) * s for x, s in zip(groups, sizes, strict=True)
        )
        low, high, z = k - 1.0, n - k * 1.0, between / (within / (n - k))
    else:
        z, low, high = _welch(groups, sizes, means, along)
    p = sc.fdtrc(low, high, z)
    return Result(*(kept(v, samples[0], axis, keepdims) for v in (z, p)))


def _welch(
    groups: list[Any], sizes: list[int], means: list[Any], axis: Any
) -> tuple[Any, float, Any]:
    """Return the statistic of samples of several variances, and two degrees."""
    k = len(groups)
    both = zip(groups, sizes, strict=True)
    w = np.stack([n / np.var(x, axis=axis, ddof=1) for x, n in both])
    y = np.stack(means)
    total = np.sum(w, axis=0)
    mean = np.sum(w * y, axis=0) / total
    shares = [(1 - w[i] / total) ** 2 / (n - 1) for i, n in enumerate(sizes)]
    loose = np.sum(np.stack(shares), axis=0)
    numerator = np.sum(w * (y - mean) ** 2, axis=0) / (k - 1)
    z = numerator / (1 + 2 * (k - 2) / (k**2 - 1) * loose)
    return z, k - 1.0, (k**2 - 1) / (3 * loose)


# --------------------------------------------------------------------- of normal ones


def _by_normal(z: Any, alternative: str) -> Result:
    return Result(z, of_alternative(sc.ndtr(z), sc.ndtr(-z), alternative))


def _skew_score(x: Value, axis: Axis) -> Any:
    """Return the skewness as a number that is normal (D'Agostino 1970)."""
    n = counted(x, axis)
    if n < 8:
        raise ValueError(f"skewtest needs 8 numbers or more; received {n}.")
    y = skew(x, axis) * math.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    beta = 3.0 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3)
    beta = beta / ((n - 2.0) * (n + 5) * (n + 7) * (n + 9))
    w = -1 + math.sqrt(2 * (beta - 1))
    return np.arcsinh(y / math.sqrt(2.0 / (w - 1))) / math.sqrt(0.5 * math.log(w))


def _kurtosis_score(x: Value, axis: Axis) -> Any:
    """Return the kurtosis as a number that is normal (Anscombe, Glynn 1983)."""
    n = counted(x, axis)
    if n < 5:
        raise ValueError(f"kurtosistest needs 5 numbers or more; received {n}.")
    mean = 3.0 * (n - 1) / (n + 1)
    var = 24.0 * n * (n - 2) * (n - 3) / ((n + 1) * (n + 1.0) * (n + 3) * (n + 5))
    y = (kurtosis(x, axis, False) - mean) / math.sqrt(var)
    root = 6.0 * (n * n - 5 * n + 2) / ((n + 7) * (n + 9))
    root *= math.sqrt(6.0 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6.0 + 8.0 / root * (2.0 / root + math.sqrt(1 + 4.0 / root**2))
    ratio = (1 - 2.0 / a) / (1 + y * math.sqrt(2 / (a - 4.0)))
    return (1 - 2 / (9.0 * a) - np.cbrt(ratio)) / math.sqrt(2 / (9.0 * a))


@implements(scipy.stats.skewtest)
def skewtest(
    a: Value,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    *,
    keepdims: bool = False,
) -> Result:
    """Return the test that the skewness is that of normal numbers."""
    x, along = sample_of(a, axis, nan_policy, "skewtest")
    found = _by_normal(_skew_score(x, along), alternative)
    return Result(*(kept(v, a, axis, keepdims) for v in found))


@implements(scipy.stats.kurtosistest)
def kurtosistest(
    a: Value,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    *,
    keepdims: bool = False,
) -> Result:
    """Return the test that the kurtosis is that of normal numbers."""
    x, along = sample_of(a, axis, nan_policy, "kurtosistest")
    found = _by_normal(_kurtosis_score(x, along), alternative)
    return Result(*(kept(v, a, axis, keepdims) for v in found))


@implements(scipy.stats.normaltest)
def normaltest(
    a: Value, axis: Axis = 0, nan_policy: str = "propagate", *, keepdims: bool = False
) -> Result:
    """Return the test that skewness and kurtosis are those of normal numbers."""
    x, along = sample_of(a, axis, nan_policy, "normaltest")
    z = _skew_score(x, along) ** 2 + _kurtosis_score(x, along) ** 2
    return Result(*(kept(v, a, axis, keepdims) for v in (z, np.exp(-0.5 * z))))


@implements(scipy.stats.jarque_bera)
def jarque_bera(
    x: Value,
    *,
    axis: Axis = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Result:
    """Return the test that skewness and kurtosis are 0, by their squares."""
    a, along = sample_of(x, axis, nan_policy, "jarque_bera")
    z = skew(a, along) ** 2 + kurtosis(a, along) ** 2 / 4.0
    z = counted(a, along) / 6.0 * z
    return Result(*(kept(v, x, axis, keepdims) for v in (z, np.exp(-0.5 * z))))
