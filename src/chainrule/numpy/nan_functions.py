"""Reductions that leave nan out: their derivative at a nan is structurally zero."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.nodes.admission import plain_operand
from chainrule.numpy.statistics import (
    cast,
    count_of,
    delta,
    deviation,
    out_of_range,
    prod,
    scaled_deviation,
    var,
)
from chainrule.operations import namespace as ops
from chainrule.values.types import Array, Axis, Value
from chainrule.values.vertices import is_stand_in, may_hold, surely_holds
from chainrule.wrapping import implements


def _filled(
    a: ArrayLike, fill: float, dtype: DTypeLike | None = None
) -> tuple[Any, Any]:
    """Return ``a`` with nan replaced, and where it was not nan."""
    x = cast(a, dtype)
    missing = np.isnan(x)
    return ops.where(missing, fill, x), ~missing


@implements(np.nansum, axes=("axis",))
def nansum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Value | None = 0,
    where: ArrayLike = True,
) -> Any:
    """Return sum of the entries that are not nan."""
    x, _ = _filled(a, 0.0, dtype)
    options = _options(initial or None, where)
    return ops.sum(x, axis=axis, keepdims=bool(keepdims), **options)


@implements(np.nanprod, axes=("axis",))
def nanprod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Value | None = 1,
    where: ArrayLike = True,
) -> Any:
    """Return product of the entries that are not nan."""
    x, _ = _filled(a, 1.0, dtype)
    return prod(x, axis, None, out, keepdims, initial, where)


@implements(np.nancumsum, axes=("axis",), flattens=True)
def nancumsum(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
) -> Any:
    """Return z[k] = sum of the entries up to k that are not nan."""
    return ops.cumsum(_filled(a, 0.0, dtype)[0], axis=axis)


@implements(np.nancumprod, axes=("axis",), flattens=True)
def nancumprod(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
) -> Any:
    """Return z[k] = product of the entries up to k that are not nan."""
    return ops.cumprod(_filled(a, 1.0, dtype)[0], axis=axis)


@implements(np.nanmean, axes=("axis",))
def nanmean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Any:
    """Return mean of the entries that are not nan."""
    x, there = _filled(a, 0.0, dtype)
    there = there & plain_operand(where)
    if where is not True:
        x = ops.where(there, x, 0.0)
    total = ops.sum(x, axis=axis, keepdims=bool(keepdims))
    return ops.divide(total, count_of(x, axis, there, keepdims).astype(total.dtype))


@implements(np.nanvar, axes=("axis",))
def nanvar(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Any:
    """Return variance of the entries that are not nan."""
    x, there = _filled(a, 0.0, dtype)
    there = there & plain_operand(where)
    kinds = {"where": there, "mean": mean, "correction": correction}
    z = var(x, axis, None, out, ddof, keepdims, **kinds)
    left = count_of(x, axis, there, keepdims) - delta(ddof, correction)
    # A product and not a choice: where there are too few entries, neither the value
    # nor the derivative exists.
    return z * np.where(left <= 0, np.nan, 1.0).astype(z.dtype)


@implements(np.nanstd, axes=("axis",))
def nanstd(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Any:
    """Return sqrt(nanvar(a)), with the derivative 0 where that is 0, as in std."""
    kinds = {"where": where, "mean": mean, "correction": correction}
    z = nanvar(a, axis, dtype, out, ddof, keepdims, **kinds)
    if mean is not None:
        return ops.root(z)
    there = ~np.isnan(plain_operand(ops.asarray(a))) & plain_operand(where)
    if not is_stand_in(z) and may_hold(out_of_range(z)):
        x, ddof = _filled(a, 0.0, dtype)[0], delta(ddof, correction)
        left = count_of(x, axis, there, keepdims) - ddof
        missing = np.where(left <= 0, np.nan, 1.0).astype(z.dtype)
        return scaled_deviation(x, z, axis, ddof, there) * missing
    return deviation(z, count_of(a, axis, there, keepdims))


@implements(np.nanmax, axes=("axis",))
def nanmax(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Value | None = None,
    where: ArrayLike = True,
) -> Any:
    """Return largest entry that is not nan."""
    x, there = _filled(a, -np.inf)
    keepdims, mask = bool(keepdims), plain_operand(where)
    z = ops.max(x, axis=axis, keepdims=keepdims, **_options(initial, mask))
    return _all_missing(z, there & mask, axis, keepdims, initial)


@implements(np.nanmin, axes=("axis",))
def nanmin(
    a: ArrayLike,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Value | None = None,
    where: ArrayLike = True,
) -> Any:
    """Return smallest entry that is not nan."""
    x, there = _filled(a, np.inf)
    keepdims, mask = bool(keepdims), plain_operand(where)
    z = ops.min(x, axis=axis, keepdims=keepdims, **_options(initial, mask))
    return _all_missing(z, there & mask, axis, keepdims, initial)


def _options(initial: Value | None, mask: Any) -> dict[str, Any]:
    """Return the options that are given: other libraries do not know them."""
    given = {} if initial is None else {"initial": initial}
    return given if mask is True else {**given, "where": mask}


def _all_missing(
    z: Array, chosen: Any, axis: Axis, keepdims: bool, initial: Value | None
) -> Array:
    """Return z, as nan where a lane held nothing else."""
    empty = ~np.any(chosen, axis=axis, keepdims=keepdims)
    if initial is not None or not may_hold(empty):
        return z
    if surely_holds(empty):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=4)
    return ops.where(empty, np.nan, z)
