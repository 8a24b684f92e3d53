"""Sums, products, means, variances and extremes, composed of recorded operations.

What each is made of stands in its docstring; its derivative follows from the rules of
the parts. Signatures are NumPy's; ``implements`` sees to ``out=``.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.numpy.in_place import own
from chainrule.operations import namespace as ops
from chainrule.operations_grad.indexing import along_axis
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import (
    dtype_of,
    is_complex,
    normalize_axes,
    shape_of,
    size_of,
)
from chainrule.values.types import Array, Axis, Value
from chainrule.values.vertices import as_array, is_refused, is_stand_in, may_hold
from chainrule.wrapping import implements


def cast(x: ArrayLike, dtype: DTypeLike | None) -> Array:
    """Return an array or a node of an array, in ``dtype`` unless that is ``None``."""
    x = ops.asarray(x)
    return x if dtype is None or x.dtype == dtype else ops.astype(x, dtype)


def count_of(x: ArrayLike, axis: Axis, where: ArrayLike, keepdims: bool) -> Any:
    """Return how many entries a reduction takes: a number, or an array per result."""
    shape = shape_of(x)
    if where is not True:
        chosen = np.broadcast_to(where, shape)
        return np.sum(chosen, axis=axis, keepdims=bool(keepdims))
    count = 1
    for i in normalize_axes(axis, len(shape)):
        count *= shape[i]
    return count


# -------------------------------------------------------------------------- products


@implements(np.prod, (np.multiply, "reduce"), method="prod")
def prod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Value | None = 1,
    where: ArrayLike = True,
) -> Any:
    """Return ``initial`` times the product of the entries where ``where`` holds."""
    x = cast(a, dtype)
    if where is not True:
        x = ops.where(np.broadcast_to(plain_operand(where), x.shape), x, 1.0)
    z = ops.prod(x, axis=axis, keepdims=bool(keepdims))
    if initial is None or (type(initial) is int and initial == 1):
        return z
    return z * initial


@implements(np.cumprod, (np.multiply, "accumulate"), method="cumprod")
def cumprod(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
) -> Any:
    """Return z[k] = product of the entries up to k."""
    return ops.cumprod(cast(a, dtype), axis=axis)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    include_initial: bool = False,
) -> Any:
    """Return the sums of the entries up to each, with a 0 before them if asked."""
    x = cast(x, dtype)
    axis = _only_axis(x, axis, "cumulative_sum")
    return _with_initial(ops.cumsum(x, axis=axis), x, axis, 0.0, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    include_initial: bool = False,
) -> Any:
    """Return the products of the entries up to each, with a 1 before them if asked."""
    x = cast(x, dtype)
    axis = _only_axis(x, axis, "cumulative_prod")
    return _with_initial(ops.cumprod(x, axis=axis), x, axis, 1.0, include_initial)


def _only_axis(x: Array, axis: int | None, name: str) -> int:
    if axis is None and x.ndim > 1:
        raise ValueError(
            f"{name}() of an array of shape {x.shape} needs to know along which axis. "
            "Pass axis=0, or np.ravel(x) for the flat array."
        )
    return 0 if axis is None else axis


def _with_initial(
    z: Array, x: Array, axis: int, initial: float, included: bool
) -> Array:
    if not included:
        return z
    shape = list(z.shape)
    shape[axis] = 1
    return ops.concatenate([np.full(shape, initial, dtype_of(z)), z], axis=axis)


@implements((np.maximum, "accumulate"))
def maximum_accumulate(
    a: ArrayLike, axis: int = 0, dtype: DTypeLike | None = None, out: None = None
) -> Any:
    """Return the largest entry up to each; of equal ones the latest is taken."""
    return _running(np.maximum, cast(a, dtype), axis)


@implements((np.minimum, "accumulate"))
def minimum_accumulate(
    a: ArrayLike, axis: int = 0, dtype: DTypeLike | None = None, out: None = None
) -> Any:
    """Return the smallest entry up to each; of equal ones the latest is taken."""
    return _running(np.minimum, cast(a, dtype), axis)


def _running(ufunc: np.ufunc, x: Array, axis: int) -> Array:
    """Return the running extreme: each entry is taken from where it was last met."""
    values = as_array(plain_operand(x))
    best = ufunc.accumulate(values, axis=axis)
    met = (values == best) | np.isnan(values)
    sparse: Any = np.indices
    order = sparse(values.shape, sparse=True)[axis]
    places = np.where(met, order, 0)
    latest = np.maximum.accumulate(places, axis=axis)
    return ops.getitem(x, index=along_axis(latest, axis, values.shape))


# ------------------------------------------------------------------ means and spreads


@implements(np.average)
def average(
    a: ArrayLike,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Return sum(weights * a) / sum(weights), differentiable in both."""
    a = ops.asarray(a)
    if weights is None:
        z = ops.mean(a, axis=axis, keepdims=bool(keepdims))
        total: Any = dtype_of(z).type(count_of(a, axis, True, keepdims))
    else:
        w = _lined_up(ops.asarray(weights), a, axis)
        whole = [np.float64] if dtype_of(a).kind in "biu" else []
        dtype = np.result_type(dtype_of(a), dtype_of(w), *whole)
        a, w = cast(a, dtype), cast(w, dtype)
        total = ops.sum(w, axis=axis, keepdims=bool(keepdims))
        if is_refused(total == 0.0):
            raise ZeroDivisionError(
                "The weights of np.average sum to zero, so they cannot be normalised."
            )
        z = ops.sum(a * w, axis=axis, keepdims=bool(keepdims)) / total
    if not returned:
        return z
    return z, own(ops.broadcast_to(total, z.shape))


def _lined_up(w: Array, a: Array, axis: Axis) -> Array:
    """Return weights in the shape of ``a``, or along its averaged axes."""
    if w.shape == a.shape:
        return w
    axes = normalize_axes(axis, a.ndim)
    if axis is None or w.shape != tuple(a.shape[i] for i in axes):
        raise ArgumentError(
            f"np.average needs weights of shape {a.shape}, or of the length of the "
            f"averaged axes with axis=...; received weights of shape {w.shape} and "
            f"axis={axis}."
        )
    order = tuple(int(i) for i in np.argsort(axes))
    shape = tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
    w = ops.reshape(ops.transpose(w, order), shape)
    return ops.broadcast_to(w, a.shape)


@implements(np.var, method="var")
def var(
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
    """Return sum(abs(a - mean(a))**2) / (n - ddof), real also for complex ``a``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> x = gd.node([1.0, 2.0, 6.0])
    >>> z = np.var(x)
    >>> z.backward()
    >>> x.grad
    array([-1.33333333, -0.66666667,  2.        ])
    """
    x, where = cast(a, dtype), plain_operand(where)
    ddof, keepdims = delta(ddof, correction), bool(keepdims)
    if where is not True:
        where = np.broadcast_to(where, x.shape)
        x = ops.where(where, x, 0.0)
    masked = where is not True and is_foreign(plain_operand(x))
    if masked and mean is None:  # few libraries have where= in their reductions
        count = count_of(x, axis, where, True).astype(dtype_of(x))
        mean = ops.sum(x, axis=axis, keepdims=True) / count
    if mean is None:
        z = ops.var(x, axis=axis, ddof=ddof, keepdims=keepdims, where=where)
        return z if dtype is None else cast(z, dtype)
    d = x - ops.asarray(mean)
    squares = ops.square(d)
    if is_complex(d):
        squares = ops.square(ops.real(d)) + ops.square(ops.imag(d))
    left = np.maximum(count_of(x, axis, where, keepdims) - ddof, 0)
    if masked:
        squares = ops.where(where, squares, 0.0)
    options: Any = {} if masked else {"where": where}
    total = ops.sum(squares, axis=axis, keepdims=keepdims, **options)
    z = total / left.astype(dtype_of(total))
    return z if dtype is None else cast(z, dtype)


def delta(ddof: float, correction: float | None) -> Any:
    """Return the degrees of freedom to leave out, under either of its names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction are two names of one thing: give one.")
    return correction


@implements(np.std, method="std", axes=("axis",))
def std(
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
    """Return sqrt(var(a)).

    Where all entries are equal z is 0 and its derivative is 0: z is convex with its
    minimum there, and 0 is its subgradient of least norm; see ``root_grad``.
    """
    kinds = {"where": where, "mean": mean, "correction": correction}
    z = var(a, axis, dtype, out, ddof, keepdims, **kinds)
    if mean is not None:
        return ops.root(z)
    where = plain_operand(where)
    if not is_stand_in(z) and may_hold(out_of_range(z)):
        x, ddof = cast(a, dtype), delta(ddof, correction)
        return scaled_deviation(x, z, axis, ddof, where)
    return deviation(z, count_of(a, axis, where, keepdims))


def out_of_range(z: Array) -> Any:
    """Return which variances are squares that may have overflowed or underflowed."""
    (low, high), values = _range_of(np.dtype(z.dtype)), plain_operand(z)
    return ~((values > low) & (values < high))


@functools.cache
def _range_of(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return between which variances no square of an entry is out of range."""
    limits: Any = np.finfo(dtype)
    return limits.tiny / limits.eps, limits.max


def scaled_deviation(
    x: Array, z: Array, axis: Axis, ddof: float, where: ArrayLike
) -> Any:
    """Return the square root of the variances z, from entries over a power of two."""
    size: Any = np.abs(plain_operand(x))
    if where is not True:
        size = np.where(where, size, 0.0)
    largest: Any = np.max(size, axis=axis, keepdims=True, **least_of(size, 0.0))
    usual = (largest > 0) & np.isfinite(largest)
    scale = np.exp2(np.floor(np.log2(np.where(usual, largest, 1.0))))
    scale = scale.astype(z.dtype)
    again = var(x / scale, axis, ddof=ddof, keepdims=True, where=where)
    count = count_of(x, axis, where, keepdims=True)
    return ops.reshape(deviation(again, count) * scale, shape_of(z))


def least_of(x: Any, least: float) -> Any:
    """Return the keyword by which a maximum of no entries is the least value.

    Where there are entries it is left away: other libraries do not know it.
    """
    return {"initial": least} if is_stand_in(x) or not size_of(x) else {}


def deviation(z: Array, count: int | NDArray[Any]) -> Array:
    """Return sqrt(z) of variances; that of a single entry is 0 wherever the entry is.

    There it has all its derivatives, where ``root`` has the first one only.
    """
    if type(count) is int:
        return ops.root(z) if count > 1 else z
    return ops.where(count > 1, ops.root(z), z)


@implements(np.ptp, axes=("axis",))
def ptp(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False
) -> Any:
    """Return max(a) - min(a)."""
    a, keepdims = ops.asarray(a), bool(keepdims)
    return ops.max(a, axis=axis, keepdims=keepdims) - ops.min(
        a, axis=axis, keepdims=keepdims
    )
