"""Means, moments, scores and correlations of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import scipy.stats

from chainrule.scipy.moving import floats_of, refused
from chainrule.scipy.stats.beta_family import beta, t
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.shapes import shape_of
from chainrule.values.types import Axis, Value
from chainrule.wrapping import implements


def sample_of(
    a: Value, axis: Axis, policy: str, function: str, dtype: object = None
) -> tuple[Any, Axis]:
    """Return a sample in floats and the axis that counts; refuse to leave nans out."""
    if dtype is not None:
        raise refused(f"scipy.stats.{function} with dtype=", "Write a.astype(dtype).")
    if policy != "propagate":
        raise refused(
            f"scipy.stats.{function} with nan_policy={policy!r}",
            "Leave nan_policy away, and take the nans out first: x[~np.isnan(x)].",
        )
    a = floats_of(a)  # pyright: ignore[reportArgumentType]
    if axis is None:
        return np.reshape(a, (-1,)), 0
    return a, axis


def counted(a: Value, axis: Axis) -> int:
    """Return how many numbers of a sample lie along axes."""
    axes = axis if isinstance(axis, tuple) else (axis or 0,)
    return math.prod(shape_of(a)[k] for k in axes)


def _mean(a: Value, axis: Axis, weights: Value | None, keepdims: bool) -> Any:
    """Return a mean, weighted if there are weights."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = weights + 0.0 * a
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


# ------------------------------------------------------------------------------ means


@implements(scipy.stats.gmean)
def gmean(
    a: Value,
    axis: Axis = 0,
    dtype: object = None,
    weights: Value | None = None,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the geometric mean, ``exp(mean(log(a)))``."""
    a, axis = sample_of(a, axis, nan_policy, "gmean", dtype)
    return np.exp(_mean(np.log(a), axis, weights, keepdims))


@implements(scipy.stats.hmean)
def hmean(
    a: Value,
    axis: Axis = 0,
    dtype: object = None,
    *,
    weights: Value | None = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the harmonic mean, ``1 / mean(1 / a)``."""
    a, axis = sample_of(a, axis, nan_policy, "hmean", dtype)
    return 1.0 / _mean(1.0 / a, axis, weights, keepdims)


@implements(scipy.stats.pmean)
def pmean(
    a: Value,
    p: Value,
    *,
    axis: Axis = 0,
    dtype: object = None,
    weights: Value | None = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the power mean, ``mean(a**p)**(1 / p)``; ``p`` is not 0."""
    a, axis = sample_of(a, axis, nan_policy, "pmean", dtype)
    return np.power(_mean(np.power(a, p), axis, weights, keepdims), 1.0 / p)


@implements(scipy.stats.trim_mean)
def trim_mean(
    a: Value,
    proportiontocut: float,
    axis: Axis = 0,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the mean without a share of the smallest and of the largest numbers."""
    a, axis = sample_of(a, axis, nan_policy, "trim_mean")
    count = counted(a, axis)
    cut = int(proportiontocut * count)
    if cut > count - cut:
        raise ValueError("Proportion too big.")
    middle = np.moveaxis(np.sort(a, axis=axis), axis, 0)[cut : count - cut]
    z = np.mean(middle, axis=0)
    return np.expand_dims(z, axis) if keepdims else z


# ---------------------------------------------------------------------------- moments


@implements(scipy.stats.moment)
def moment(
    a: Value,
    order: int | Sequence[int] = 1,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    *,
    center: Value | None = None,
    keepdims: bool = False,
) -> Any:
    """Return ``mean((a - center)**order)``, about the mean by default."""
    a, axis = sample_of(a, axis, nan_policy, "moment")
    if not isinstance(order, int | float):
        given = {"center": center, "keepdims": keepdims}
        return np.stack([moment(a, int(k), axis, **given) for k in order])
    if center is None:
        center = np.mean(a, axis=axis, keepdims=True)
    return np.mean((a - center) ** order, axis=axis, keepdims=keepdims)


def _standardised(
    a: Value, order: int, axis: Axis, keepdims: bool
) -> tuple[Any, Any, Any]:
    """Return a moment in units of the spread; nan where there is none, and the count.

    The second result tells where there is a spread.
    """
    mean = np.mean(a, axis=axis, keepdims=True)
    apart = a - mean
    second = np.mean(apart * apart, axis=axis, keepdims=True)
    spread = second > (2.0**-52 * mean) ** 2
    safe = np.where(spread, second, 1.0)
    z = np.mean(apart**order, axis=axis, keepdims=True) / safe ** (0.5 * order)
    z = np.where(spread, z, math.nan)
    return (z if keepdims else np.squeeze(z, axis=axis)), spread, counted(a, axis)


@implements(scipy.stats.skew)
def skew(
    a: Value,
    axis: Axis = 0,
    bias: bool = True,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """Return the skewness, ``m3 / m2**1.5``; nan where all numbers are equal."""
    a, axis = sample_of(a, axis, nan_policy, "skew")
    z, _, n = _standardised(a, 3, axis, keepdims)
    return z if bias or n < 3 else z * (math.sqrt((n - 1.0) * n) / (n - 2.0))


@implements(scipy.stats.kurtosis)
def kurtosis(
    a: Value,
    axis: Axis = 0,
    fisher: bool = True,
    bias: bool = True,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """Return the kurtosis, ``m4 / m2**2``, less 3 by Fisher's definition."""
    a, axis = sample_of(a, axis, nan_policy, "kurtosis")
    z, _, n = _standardised(a, 4, axis, keepdims)
    if not bias and n > 3:
        factor = 1.0 / ((n - 2.0) * (n - 3.0))
        z = factor * ((n**2 - 1.0) * z - 3.0 * (n - 1.0) ** 2) + 3.0
    return z - 3.0 if fisher else z


@implements(scipy.stats.sem)
def sem(
    a: Value,
    axis: Axis = 0,
    ddof: int = 1,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """Return the standard error of the mean, ``std(a) / sqrt(n)``."""
    a, axis = sample_of(a, axis, nan_policy, "sem")
    spread = np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return spread / math.sqrt(counted(a, axis))


@implements(scipy.stats.variation)
def variation(
    a: Value,
    axis: Axis = 0,
    nan_policy: str = "propagate",
    ddof: int = 0,
    *,
    keepdims: bool = False,
) -> Any:
    """Return the coefficient of variation, ``std(a) / mean(a)``."""
    a, axis = sample_of(a, axis, nan_policy, "variation")
    spread = np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return spread / np.mean(a, axis=axis, keepdims=keepdims)


@implements(scipy.stats.gstd)
def gstd(
    a: Value,
    axis: Axis = 0,
    ddof: int = 1,
    *,
    keepdims: bool = False,
    nan_policy: str = "propagate",
) -> Any:
    """Return the geometric standard deviation, ``exp(std(log(a)))``."""
    a, axis = sample_of(a, axis, nan_policy, "gstd")
    return np.exp(np.std(np.log(a), axis=axis, ddof=ddof, keepdims=keepdims))


# ----------------------------------------------------------------------------- scores


@implements(scipy.stats.zmap)
def zmap(
    scores: Value,
    compare: Value,
    axis: Axis = 0,
    ddof: int = 0,
    nan_policy: str = "propagate",
) -> Any:
    """Return ``(scores - mean(compare)) / std(compare)``."""
    compare, axis = sample_of(compare, axis, nan_policy, "zmap")
    mean = np.mean(compare, axis=axis, keepdims=True)
    return (scores - mean) / np.std(compare, axis=axis, ddof=ddof, keepdims=True)


@implements(scipy.stats.zscore)
def zscore(
    a: Value, axis: Axis = 0, ddof: int = 0, nan_policy: str = "propagate"
) -> Any:
    """Return ``(a - mean(a)) / std(a)``; nan where all numbers are equal."""
    whole = axis is None
    sample, along = sample_of(a, axis, nan_policy, "zscore")
    z = zmap(sample, sample, along, ddof)
    return np.reshape(z, shape_of(a)) if whole else z


@implements(scipy.stats.gzscore)
def gzscore(
    a: Value, *, axis: Axis = 0, ddof: int = 0, nan_policy: str = "propagate"
) -> Any:
    """Return the scores of the logarithms."""
    return zscore(np.log(a), axis, ddof, nan_policy)


@implements(scipy.stats.entropy)
def entropy(
    pk: Value,
    qk: Value | None = None,
    base: float | None = None,
    axis: int | None = 0,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return ``-sum(p log(p))``, or ``sum(p log(p / q))``, of shares that are scaled.

    The shares are divided by their sum first.
    """
    if base is not None and base <= 0:
        raise ValueError("`base` must be a positive number or `None`.")
    if qk is not None:
        pk, qk = np.broadcast_arrays(pk, qk)
    pk, along = sample_of(pk, axis, nan_policy, "entropy")
    share = pk / np.sum(pk, axis=along, keepdims=True)
    if qk is None:
        parts = sc.entr(share)
    else:
        other, _ = sample_of(qk, axis, nan_policy, "entropy")
        parts = sc.rel_entr(share, other / np.sum(other, axis=along, keepdims=True))
    z = np.sum(parts, axis=along, keepdims=keepdims)
    return z if base is None else z / math.log(base)


# ----------------------------------------------------------------------- correlations


class PearsonRResult(NamedTuple):
    """A correlation, and how probable a larger one is without any."""

    statistic: Any
    pvalue: Any


class _Line(NamedTuple):
    slope: Any
    intercept: Any
    rvalue: Any
    pvalue: Any
    stderr: Any


class LinregressResult(_Line):
    """A line through points, its correlation and standard errors.

    ``intercept_stderr`` is no item of the tuple, as of SciPy's.
    """

    intercept_stderr: Any


def of_alternative(less: Value, greater: Value, alternative: str) -> Any:
    """Return a probability for one alternative or both."""
    if alternative == "less":
        return less
    if alternative == "greater":
        return greater
    if alternative != "two-sided":
        raise ValueError("`alternative` must be 'less', 'greater', or 'two-sided'.")
    return 2.0 * np.minimum(less, greater)


@implements(scipy.stats.pearsonr)
def pearsonr(
    x: Value,
    y: Value,
    *,
    alternative: str = "two-sided",
    method: object = None,
    axis: int | None = 0,
) -> PearsonRResult:
    """Return the correlation of samples, and its probability.

    For normal samples without correlation r has a beta distribution on -1 to 1.
    """
    if method is not None:
        raise refused("scipy.stats.pearsonr with method=", "Leave method away.")
    (x, along), (y, _) = (sample_of(v, axis, "propagate", "pearsonr") for v in (x, y))
    n = counted(x, along)
    x = x - np.mean(x, axis=along, keepdims=True)
    y = y - np.mean(y, axis=along, keepdims=True)
    sizes = np.sum(x * x, axis=along) * np.sum(y * y, axis=along)
    r = np.sum(x * y, axis=along) / np.sqrt(sizes)
    half = 0.5 * n - 1.0
    less = beta.cdf(r, half, half, loc=-1, scale=2)
    greater = beta.sf(r, half, half, loc=-1, scale=2)
    return PearsonRResult(r, of_alternative(less, greater, alternative))


@implements(scipy.stats.linregress)
def linregress(
    x: Value,
    y: Value,
    alternative: str = "two-sided",
    *,
    axis: int | None = 0,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> LinregressResult:
    """Return the line of least squares through points, and what is known of it."""
    if keepdims:
        raise refused("scipy.stats.linregress with keepdims=", "Leave keepdims away.")
    (x, along), (y, _) = (sample_of(v, axis, nan_policy, "linregress") for v in (x, y))
    n = counted(x, along)
    x_mean, y_mean = np.mean(x, axis=along), np.mean(y, axis=along)
    x = x - np.mean(x, axis=along, keepdims=True)
    y = y - np.mean(y, axis=along, keepdims=True)
    xx, yy = np.mean(x * x, axis=along), np.mean(y * y, axis=along)
    xy = np.mean(x * y, axis=along)
    r = xy / np.sqrt(xx * yy)
    slope = xy / xx
    df = n - 2.0
    statistic = r * np.sqrt(df / ((1.0 - r) * (1.0 + r)))
    stderr = np.sqrt((1.0 - r) * (1.0 + r) * yy / xx / df)
    pvalue = of_alternative(t.cdf(statistic, df), t.sf(statistic, df), alternative)
    of_intercept = stderr * np.sqrt(xx + x_mean * x_mean)
    intercept = y_mean - slope * x_mean
    line = LinregressResult(slope, intercept, r, pvalue, stderr)
    line.intercept_stderr = of_intercept
    return line
