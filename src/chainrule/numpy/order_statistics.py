"""Sorting, medians and quantiles: entries taken in order, and lines between two of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from chainrule import operations as ops
from chainrule.errors import ArgumentError
from chainrule.nodes import node, plain_operand, refuse_out
from chainrule.operations_grad.indexing import along_axis
from chainrule.shapes import Axis, kept_shape, normalize_axes
from chainrule.wrapping import implements


@implements(np.partition)
def partition(
    a: Any,
    kth: Any,
    axis: int | None = -1,
    kind: str = "introselect",
    order: Any = None,
) -> Any:
    """z = a with its kth entry where sorting would put it, smaller ones before it"""
    if order is not None:
        raise ArgumentError(
            f"np.partition on nodes has no order={order!r}: it is for structured arrays."
        )
    x = ops.asarray(a)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    places = np.argpartition(plain_operand(x), kth, axis=axis, kind=kind)  # type: ignore
    return ops.getitem(x, index=along_axis(places, axis, x.shape))


# --------------------------------------------------------------- medians and quantiles


def _lanes(a: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """Return ``a`` with the reduced axes flat and first, and the shape of a result."""
    x = ops.asarray(a)
    axes = normalize_axes(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(x.shape[i] for i in rest)
    count = int(np.prod([x.shape[i] for i in axes], dtype=int))
    if axes != (0,):
        x = ops.reshape(ops.transpose(x, (*axes, *rest)), (count, *shape))
    return x, shape


def _restored(z: Any, a: Any, axis: Axis, keepdims: Any) -> Any:
    """Return a result with its reduced axes put back, if ``keepdims``."""
    if not keepdims:
        return z
    lanes = kept_shape(np.shape(plain_operand(a)), axis)
    extra = z.ndim - sum(n is not None for n in lanes) + len(normalize_axes(axis, len(lanes)))
    return ops.reshape(z, (*z.shape[:extra], *lanes))


@implements(np.median)
def median(
    a: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    keepdims: Any = False,
) -> Any:
    """z = middle entry in sorted order, or the mean of the two middle ones"""
    refuse_out({"out": out})
    x, _ = _lanes(a, axis)
    n = x.shape[0]
    if n == 0:
        return ops.mean(a, axis=axis, keepdims=bool(keepdims))
    ordered = ops.sort(x, axis=0)
    z = ops.mean(ops.getitem(ordered, index=slice((n - 1) // 2, n // 2 + 1)), axis=0)
    return _restored(_with_nan(z, x), a, axis, keepdims)


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """z = the entries around position q (n - 1) in sorted order, joined by a line.

    Differentiable in ``a`` and in ``q``; only ``method="linear"``.
    """
    _check("quantile", out, method, weights)
    x, _ = _lanes(a, axis)
    position = _position(x, q, 1, x.shape[0] - 1, "Quantiles must be in the range [0, 1]")
    z = _with_nan(_between(ops.sort(x, axis=0), position), x)
    return _restored(z, a, axis, keepdims)


@implements(np.percentile)
def percentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """z = quantile(a, q / 100)"""
    _check("percentile", out, method, weights)
    return quantile(a, _hundredth(a, q), axis, keepdims=keepdims)


@implements(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """z = quantile of the entries that are not nan"""
    _check("nanquantile", out, method, weights)
    x, _ = _lanes(a, axis)
    there = ~np.isnan(x)
    count = np.sum(there, axis=0)
    position = _position(x, q, np.ndim(count), np.maximum(count - 1, 0),
                         "Quantiles must be in the range [0, 1]")  # fmt: skip
    z = _between(ops.sort(ops.where(there, x, np.inf), axis=0), position)
    if np.any(count == 0):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=3)
        z = ops.where(count == 0, np.nan, z)
    return _restored(z, a, axis, keepdims)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """z = percentile of the entries that are not nan"""
    _check("nanpercentile", out, method, weights)
    return nanquantile(a, _hundredth(a, q), axis, keepdims=keepdims)


@implements(np.nanmedian)
def nanmedian(
    a: Any,
    axis: Axis = None,
    out: Any = None,
    overwrite_input: Any = False,
    keepdims: Any = False,
) -> Any:
    """z = median of the entries that are not nan"""
    refuse_out({"out": out})
    return nanquantile(a, 0.5, axis, keepdims=keepdims)
