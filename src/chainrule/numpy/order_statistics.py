"""Medians and quantiles: entries in sorted order, and lines between two of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.numpy.in_place import own
from chainrule.operations import namespace as ops
from chainrule.operations_grad.indexing import along_axis
from chainrule.values.shapes import (
    describe,
    is_complex,
    kept_shape,
    normalize_axes,
    own_axes,
    shape_of,
)
from chainrule.values.types import Array, Axis, Shape
from chainrule.values.versions import order_of
from chainrule.values.vertices import (
    as_array,
    is_refused,
    is_stand_in,
    may_hold,
    raw,
    surely_holds,
)
from chainrule.wrapping import implements


@implements(np.partition, primitive=True, axes=("axis",), flattens=True)
def partition(
    a: ArrayLike,
    kth: ArrayLike,
    axis: int | None = -1,
    kind: str = "introselect",
    order: str | None = None,
) -> Any:
    """Return a with its kth entry where sorting puts it, smaller ones before it."""
    if order is not None:
        raise ArgumentError(
            f"np.partition on nodes has no order={order!r}: that is for records."
        )
    x = ops.asarray(a)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    own_axes(axis, x.ndim)
    options: Any = {} if kind == "introselect" else {"kind": kind}
    places = np.argpartition(plain_operand(x), kth, axis=axis, **options)  # type: ignore
    z = ops.getitem(x, index=along_axis(places, axis, x.shape))
    return own(z, order=order_of(raw(x)))


# --------------------------------------------------------------- medians and quantiles


def _lanes(x: Array, axis: Axis) -> Array:
    """Return ``x`` with the reduced axes flat and first."""
    axes = own_axes(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(x.shape[i] for i in rest)
    count = int(np.prod([x.shape[i] for i in axes], dtype=int))
    if axes != (0,):
        x = ops.reshape(ops.transpose(x, (*axes, *rest)), (count, *shape))
    return x


def _restored(z: Array, a: Array, axis: Axis, keepdims: bool) -> Array:
    """Return a result with its reduced axes put back, if ``keepdims``."""
    if not keepdims:
        return z
    shape = shape_of(a)
    extra = z.ndim + len(normalize_axes(axis, len(shape))) - len(shape)
    return ops.reshape(z, (*z.shape[:extra], *kept_shape(shape, axis)))


def _with_nan(z: Array, x: Array) -> Array:
    """Return z, as nan where a lane (along the first axis of x) holds a nan."""
    spoilt = np.any(np.isnan(x), axis=0)
    return ops.where(spoilt, np.nan, z) if may_hold(spoilt) else z


def _grid(shape: Shape) -> tuple[Any, ...]:
    """Return the indices of every lane, to be broadcast."""
    return tuple(np.indices(shape, sparse=True))


def _around(
    ordered: Array, position: Array, *, by_lane: bool
) -> tuple[Array, Array, Array]:
    """Return the entries below and above a position, and how far it is between them.

    ``position`` has the axes of q and, if ``by_lane``, those of the lanes after them.
    """
    place = as_array(plain_operand(position))
    if is_stand_in(place):
        place = np.where(np.isnan(place), 0.0, place)
    below = np.floor(place)
    between = position - below
    lanes: tuple[Any, ...] = ()
    if by_lane:
        lanes = _grid(ordered.shape[1:])
    elif ordered.ndim > 1:
        between = ops.reshape(between, (*place.shape, *(1,) * (ordered.ndim - 1)))
    low = ops.getitem(ordered, index=(below.astype(np.intp), *lanes))
    high = ops.getitem(ordered, index=(np.ceil(place).astype(np.intp), *lanes))
    return low, high, between


def _on_the_line(low: Array, high: Array, between: Array) -> Array:
    """Return low + (high - low) between, from the nearer end, as NumPy does."""
    rise = high - low
    return ops.where(between >= 0.5, high - rise * (1 - between), low + rise * between)


_clip: Any = np.clip

_LINES = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
"""Methods that join entries by a line, with their alpha and beta."""
_STEPS = (
    "lower higher nearest midpoint inverted_cdf averaged_inverted_cdf "
    "closest_observation"
).split()
"""Methods that do not change with small changes of q."""


def _position(q: Array, n: int | NDArray[Any], method: str) -> Any:
    """Return where in n sorted entries the quantile is, from 0 to n - 1.

    Source: R. Hyndman and Y. Fan, "Sample quantiles in statistical packages" (1996).
    """
    if not isinstance(n, int):
        n = n.astype(q.dtype)
    last: Any = max(n - 1, 0) if isinstance(n, int) else _clip(n - 1, 0, None)
    if method == "linear":
        return q * last
    if method in _LINES:
        alpha, beta = _LINES[method]
        return ops.clip(n * q + (alpha + q * (1 - alpha - beta)) - 1, 0, last)
    fraction: Any = plain_operand(q)
    between, before = fraction * last, fraction * n - 1
    below = np.floor(before - 0.5)
    # A tie goes to what is the even one of entries that are counted from 1.
    is_tie = (below == before - 0.5) & (below % 2 == 1)
    steps: dict[str, Any] = {
        "lower": np.floor(between),
        "higher": np.ceil(between),
        "nearest": np.rint(between),
        "midpoint": (np.floor(between) + np.ceil(between)) / 2,
        "inverted_cdf": np.ceil(before),
        "averaged_inverted_cdf": (np.ceil(before) + np.floor(before + 1)) / 2,
        "closest_observation": np.where(is_tie, below, below + 1),
    }
    return _clip(steps[method], 0, last)


def _checked(
    name: str, a: ArrayLike, q: ArrayLike, scale: int, **options: Any
) -> tuple[Array, Array]:
    """Return ``a`` and ``q`` as a fraction, both nodes or arrays of real numbers."""
    if options["weights"] is not None:
        raise ArgumentError(
            f"np.{name} on nodes does not support weights; received weights="
            f"{describe(options['weights'])}. Leave them away."
        )
    if options["method"] not in _LINES and options["method"] not in _STEPS:
        raise ValueError(
            f"{options['method']!r} is not a valid method. Use one of: "
            f"{', '.join([*_LINES, *_STEPS])}"
        )
    x = ops.asarray(a)
    if isinstance(q, int | float) or as_array(plain_operand(q)).dtype.kind in "iub":
        q = _in_float(q, x.dtype if scale == 1 or np.ndim(q) == 0 else None)
    q = ops.asarray(q)
    if is_complex(x):
        raise ArgumentError(f"np.{name} needs real numbers; received {describe(x)}.")
    within = as_array(plain_operand(q))
    if is_refused(np.logical_not((within >= 0) & (within <= scale))):
        what = "Percentiles" if scale == 100 else "Quantiles"
        raise ValueError(f"{what} must be in the range [0, {scale}]; received {q}.")
    if is_stand_in(within):
        q = ops.where((within >= 0) & (within <= scale), q, np.nan)
    if x.size == 0:
        raise ShapeError(f"np.{name} needs at least one entry; received {describe(x)}.")
    return x, q / scale if scale != 1 else q


def _in_float(q: Any, dtype: DTypeLike | None) -> Any:
    if is_stand_in(q):
        return q.astype(np.float64 if dtype is None else dtype)
    return np.asarray(q, dtype)


@implements(np.median, primitive=True, axes=("axis",))
def median(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Any:
    """Return the middle entry in sorted order, or the mean of the two middle ones."""
    x = ops.asarray(a)
    lanes = _lanes(x, axis)
    n = lanes.shape[0]
    if n == 0:
        return ops.mean(x, axis=axis, keepdims=bool(keepdims))
    middle = slice((n - 1) // 2, n // 2 + 1)
    z = ops.mean(ops.getitem(ops.sort(lanes, axis=0), index=middle), axis=0)
    return _restored(_with_nan(z, lanes), x, axis, keepdims)


@implements(np.quantile, primitive=True)
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Any:
    """Return the entries around position q (n - 1) in sorted order, joined by a line.

    Differentiable in ``a`` and in ``q``.
    """
    x, fraction = _checked("quantile", a, q, 1, method=method, weights=weights)
    return _quantile(x, fraction, axis, method, keepdims=keepdims)


@implements(np.percentile, primitive=True)
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Any:
    """Return quantile(a, q / 100)."""
    x, fraction = _checked("percentile", a, q, 100, method=method, weights=weights)
    return _quantile(x, fraction, axis, method, keepdims=keepdims)


def _quantile(x: Array, q: Array, axis: Axis, method: str, *, keepdims: bool) -> Array:
    lanes = _lanes(x, axis)
    position = _position(q, lanes.shape[0], method)
    around = _around(ops.sort(lanes, axis=0), position, by_lane=False)
    return _restored(_with_nan(_on_the_line(*around), lanes), x, axis, keepdims)


# --------------------------------------------------------------------- leaving nan out


@implements(np.nanquantile, primitive=True)
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Any:
    """Return quantile of the entries that are not nan."""
    x, fraction = _checked("nanquantile", a, q, 1, method=method, weights=weights)
    return _nan_quantile(x, fraction, axis, method, keepdims=keepdims)


@implements(np.nanpercentile, primitive=True)
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Any:
    """Return percentile of the entries that are not nan."""
    x, fraction = _checked("nanpercentile", a, q, 100, method=method, weights=weights)
    return _nan_quantile(x, fraction, axis, method, keepdims=keepdims)


def _nan_quantile(
    x: Array, q: Array, axis: Axis, method: str, *, keepdims: bool
) -> Array:
    lanes, count = _present(x, axis)
    q = ops.reshape(q, (*q.shape, *(1,) * count.ndim))
    around = _around(lanes, _position(q, count, method), by_lane=True)
    return _restored(_all_missing(_on_the_line(*around), count), x, axis, keepdims)


@implements(np.nanmedian, primitive=True, axes=("axis",))
def nanmedian(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Any:
    """Return median of the entries that are not nan."""
    x = ops.asarray(a)
    lanes, count = _present(x, axis)
    low, high, _ = _around(lanes, np.maximum(count - 1, 0) / 2, by_lane=True)
    return _restored(_all_missing((low + high) / 2, count), x, axis, keepdims)


def _present(x: Array, axis: Axis) -> tuple[Any, Any]:
    """Return lanes sorted with nan last, and how many entries of each are not nan."""
    lanes = _lanes(x, axis)
    there = ~np.isnan(lanes)
    ordered = ops.sort(ops.where(there, lanes, np.inf), axis=0)
    return ordered, np.sum(there, axis=0)


def _all_missing(z: Array, count: NDArray[Any]) -> Array:
    """Return z, as nan where a lane held nothing else."""
    missing = count == 0
    if surely_holds(missing):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=4)
    return ops.where(missing, np.nan, z) if may_hold(missing) else z
