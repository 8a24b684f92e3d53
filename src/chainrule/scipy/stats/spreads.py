"""Functions of samples: trimmed and ordered ones, directions, distances, transforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy
import scipy.special
import scipy.stats

from chainrule.scipy.moving import refused
from chainrule.scipy.stats.descriptive import counted, kurtosis, sample_of, skew
from chainrule.scipy.stats.namespaces import np
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Axis, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements

Limits = tuple[float | None, float | None] | None


def kept(z: Any, a: Value, axis: Axis, keepdims: bool) -> Any:
    """Return a result with the axes of a sample that it has lost, if ``keepdims``."""
    if not keepdims:
        return z
    every = tuple(range(len(shape_of(a))))
    return np.expand_dims(z, every if axis is None else axis)


# --------------------------------------------------------------------------- in limits


def _moments_inside(
    a: Value, limits: Limits, inclusive: tuple[bool, bool], axis: Axis
) -> tuple[Any, Any, Any]:
    """Return how many numbers are in limits, their mean, and their squares about it."""
    low, high = (None, None) if limits is None else limits
    value: Any = raw(a)
    inside = np.ones(shape_of(a), dtype=bool)
    if low is not None:
        inside = inside & (value >= low if inclusive[0] else value > low)
    if high is not None:
        inside = inside & (value <= high if inclusive[1] else value < high)
    counted = np.where(inside, 1.0, 0.0).astype(dtype_of(a))
    n = np.sum(counted, axis=axis, keepdims=True)
    mean = np.sum(np.where(inside, a, 0.0), axis=axis, keepdims=True) / n
    squares = np.where(inside, a - mean, 0.0) ** 2
    total = np.sum(squares, axis=axis)
    return np.squeeze(n, axis=axis), np.squeeze(mean, axis=axis), total


@implements(scipy.stats.tmean)
def tmean(
    a: Value,
    limits: Limits = None,
    inclusive: tuple[bool, bool] = (True, True),
    axis: Axis = None,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the mean of the numbers in limits."""
    x, along = sample_of(a, axis, nan_policy, "tmean")
    return kept(_moments_inside(x, limits, inclusive, along)[1], a, axis, keepdims)


@implements(scipy.stats.tvar)
def tvar(
    a: Value,
    limits: Limits = None,
    inclusive: tuple[bool, bool] = (True, True),
    axis: Axis = 0,
    ddof: int = 1,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the variance of the numbers in limits."""
    x, along = sample_of(a, axis, nan_policy, "tvar")
    n, _, squares = _moments_inside(x, limits, inclusive, along)
    return kept(squares / (n - ddof), a, axis, keepdims)


@implements(scipy.stats.tstd)
def tstd(
    a: Value,
    limits: Limits = None,
    inclusive: tuple[bool, bool] = (True, True),
    axis: Axis = 0,
    ddof: int = 1,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the standard deviation of the numbers in limits."""
    given: Any = {"nan_policy": nan_policy, "keepdims": keepdims}
    return np.sqrt(tvar(a, limits, inclusive, axis, ddof, **given))


@implements(scipy.stats.tsem)
def tsem(
    a: Value,
    limits: Limits = None,
    inclusive: tuple[bool, bool] = (True, True),
    axis: Axis = 0,
    ddof: int = 1,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the standard error of the mean of the numbers in limits."""
    x, along = sample_of(a, axis, nan_policy, "tsem")
    n, _, squares = _moments_inside(x, limits, inclusive, along)
    return kept(np.sqrt(squares / (n - ddof) / n), a, axis, keepdims)


class DescribeResult(NamedTuple):
    """How many numbers there are, and what describes them."""

    nobs: int
    minmax: tuple[Any, Any]
    mean: Any
    variance: Any
    skewness: Any
    kurtosis: Any


@implements(scipy.stats.describe)
def describe(
    a: Value,
    axis: Axis = 0,
    ddof: int = 1,
    bias: bool = True,
    nan_policy: str = "propagate",
) -> DescribeResult:
    """Return the count, the range and the first moments of a sample."""
    x, along = sample_of(a, axis, nan_policy, "describe")
    return DescribeResult(
        counted(x, along),
        (np.min(x, axis=along), np.max(x, axis=along)),
        np.mean(x, axis=along),
        np.var(x, axis=along, ddof=ddof),
        skew(x, along, bias),
        kurtosis(x, along, True, bias),
    )


# --------------------------------------------------------------------------- in order


def _unit(scale: str | float, of_normal: float) -> float:
    """Return what a spread is divided by, for ``"normal"`` that of a normal one."""
    if not isinstance(scale, str):
        return scale
    if scale.lower() != "normal":
        raise ValueError(f"scale={scale!r} is no number, and not 'normal'.")
    return of_normal


@implements(scipy.stats.iqr)
def iqr(
    x: Value,
    axis: Axis = None,
    rng: Sequence[float] = (25, 75),
    scale: str | float = 1.0,
    nan_policy: str = "propagate",
    interpolation: str = "linear",
    keepdims: bool = False,
) -> Any:
    """Return the difference of two percentiles."""
    a, along = sample_of(x, axis, nan_policy, "iqr")
    unit = _unit(scale, 2.0 * math.sqrt(2.0) * scipy.special.erfinv(0.5))
    low, high = np.percentile(a, sorted(rng), axis=along, method=interpolation)
    return kept((high - low) / unit, x, axis, keepdims)


@implements(scipy.stats.median_abs_deviation)
def median_abs_deviation(
    x: Value,
    axis: Axis = 0,
    center: Callable[..., Any] | None = None,
    scale: str | float = 1.0,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """Return the median of the distances from the median, or from another centre."""
    a, along = sample_of(x, axis, nan_policy, "median_abs_deviation")
    unit = _unit(scale, 0.6744897501960817)
    middle = np.median if center is None else center
    apart = np.abs(a - np.expand_dims(middle(a, axis=along), along))
    return kept(np.median(apart, axis=along) / unit, x, axis, keepdims)


@implements(scipy.stats.expectile)
def expectile(a: Value, alpha: Value = 0.5, *, weights: Value | None = None) -> Any:
    """Return t with ``sum(w |1(a <= t) - alpha| (t - a)) = 0``."""
    level: Any = raw(alpha)
    if not 0.0 < level < 1.0:
        raise refused("The expectile of 0 or 1", "Write np.min(a) or np.max(a).")
    value = scipy.stats.expectile(raw(a), level, weights=raw(weights))
    w = np.where(raw(a) <= value, 1.0 - alpha, alpha)
    w = w if weights is None else w * weights
    return np.sum(w * a) / np.sum(w)


@implements(scipy.stats.lmoment)
def lmoment(
    sample: Value,
    order: int | Sequence[int] | None = None,
    *,
    axis: int | None = 0,
    sorted: bool = False,
    standardize: bool = True,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return moments of the sample in order: sums of it, weighted by polynomials."""
    x, along = sample_of(sample, axis, nan_policy, "lmoment")
    orders = numpy.asarray([1, 2, 3, 4] if order is None else order)
    x = np.moveaxis(x if sorted else np.sort(x, axis=along), along, -1)
    n, top = int(shape_of(x)[-1]), max(int(orders.max()), 2)
    binom: Any = scipy.special.binom
    r, i = numpy.arange(1.0 * top), numpy.arange(1.0 * n)
    bases = binom(i, r[:, None]) / binom(n - 1.0, r[:, None]) / n
    mixed = binom(r[:, None], r) * binom(r[:, None] + r, r)
    mixed = mixed * (-1.0) ** (r[:, None] - r)
    moments = np.tensordot(mixed @ bases, x, axes=(1, -1))
    if standardize:
        moments = np.concatenate([moments[:2], moments[2:] / moments[1]])
    many = [moments[k - 1] if k <= n else math.nan * moments[0] for k in orders.flat]
    many = [kept(z, sample, axis, keepdims) for z in many]
    return np.stack(many) if orders.ndim else many[0]


@implements(scipy.stats.differential_entropy)
def differential_entropy(
    values: Value,
    *,
    window_length: int | None = None,
    base: float | None = None,
    axis: int | None = 0,
    method: str = "auto",
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return an estimate of the entropy of a density, by distances in order."""
    x, along = sample_of(values, axis, nan_policy, "differential_entropy")
    x = np.moveaxis(np.sort(x, axis=along), along, -1)
    n = int(shape_of(x)[-1])
    m = math.floor(math.sqrt(n) + 0.5) if window_length is None else window_length
    if not 2 <= 2 * m < n:
        raise ValueError(f"A window of {m} is none for {n} numbers.")
    if method == "auto":
        method = "van es" if n <= 10 else "ebrahimi" if n <= 1000 else "vasicek"
    if method == "van es":
        logs = np.log((n + 1) / m * (x[..., m:] - x[..., :-m]))
        harmonic = numpy.sum(1.0 / numpy.arange(m, n + 1))
        constant = float(harmonic) + math.log(m) - math.log(n + 1)
        z = np.mean(logs, axis=-1) + constant
    elif method in ("ebrahimi", "vasicek"):
        low, high = (np.repeat(v, m, axis=-1) for v in (x[..., :1], x[..., -1:]))
        x = np.concatenate([low, x, high], axis=-1)
        i = numpy.arange(1.0, n + 1.0)
        share = numpy.minimum(numpy.minimum(1 + (i - 1) / m, 1 + (n - i) / m), 2.0)
        share = share.astype(dtype_of(x))
        share = share if method == "ebrahimi" else 2.0
        z = np.mean(np.log(n * (x[..., 2 * m :] - x[..., : -2 * m]) / (share * m)), -1)
    else:
        raise refused(
            f"scipy.stats.differential_entropy with method={method!r}",
            "Write method='vasicek', 'van es' or 'ebrahimi'.",
        )
    z = z if base is None else z / math.log(base)
    return kept(z, values, axis, keepdims)


# ----------------------------------------------------------------------- on the circle


def _resultant(samples: Value, period: float, axis: Axis) -> Any:
    """Return the length of the mean direction."""
    angles = samples * (2.0 * math.pi / period)
    size = np.hypot(
        np.mean(np.sin(angles), axis=axis), np.mean(np.cos(angles), axis=axis)
    )
    return np.minimum(size, 1.0)


@implements(scipy.stats.circvar)
def circvar(
    samples: Value,
    high: float = 2.0 * math.pi,
    low: float = 0,
    axis: Axis = None,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """Return 1 less the length of the mean direction."""
    x, along = sample_of(samples, axis, nan_policy, "circvar")
    return kept(1.0 - _resultant(x, high - low, along), samples, axis, keepdims)


@implements(scipy.stats.circstd)
def circstd(
    samples: Value,
    high: float = 2.0 * math.pi,
    low: float = 0,
    axis: Axis = None,
    nan_policy: str = "propagate",
    *,
    normalize: bool = False,
    keepdims: bool = False,
) -> Any:
    """Return sqrt(-2 log r), r the length of the mean direction."""
    x, along = sample_of(samples, axis, nan_policy, "circstd")
    z = np.sqrt(-2.0 * np.log(_resultant(x, high - low, along)))
    scale = 1.0 if normalize else (high - low) / (2.0 * math.pi)
    return kept(z * scale, samples, axis, keepdims)


# --------------------------------------------------------------------------- distances


def _shares(weights: Any, x: Any) -> Any:
    if weights is None:
        return np.ones(shape_of(x)) / shape_of(x)[0]
    w = sample_of(weights, None, "propagate", "distance")[0]
    return w / np.sum(w)


def _gaps(u: Any, v: Any, wu: Any, wv: Any) -> tuple[Any, Any]:
    """Return distances between neighbours, and how far the two shares are apart."""
    both = [sample_of(x, None, "propagate", "distance")[0] for x in (u, v)]
    signed = [_shares(wu, both[0]), -_shares(wv, both[1])]
    whole = np.concatenate(both)
    order = np.argsort(raw(whole))
    shares = np.concatenate(signed) + 0.0 * whole  # to be read where a program sorts
    apart = np.cumsum(shares[order])[:-1]
    return np.diff(whole[order]), apart


@implements(scipy.stats.wasserstein_distance)
def wasserstein_distance(
    u_values: Value,
    v_values: Value,
    u_weights: Value | None = None,
    v_weights: Value | None = None,
) -> Any:
    """Return the integral of the distance of two distribution functions."""
    steps, apart = _gaps(u_values, v_values, u_weights, v_weights)
    return np.sum(np.abs(apart) * steps)


@implements(scipy.stats.energy_distance)
def energy_distance(
    u_values: Value,
    v_values: Value,
    u_weights: Value | None = None,
    v_weights: Value | None = None,
) -> Any:
    """Return the root of twice the integral of their squared distance."""
    steps, apart = _gaps(u_values, v_values, u_weights, v_weights)
    return np.sqrt(2.0 * np.sum(apart * apart * steps))
