"""Differences, numerical gradients and integrals, covariance and correlation."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.numpy.picking import diagonal
from chainrule.numpy.statistics import average, cast
from chainrule.operations import namespace as ops
from chainrule.values.shapes import describe, is_complex, normalize_axes, own_axes
from chainrule.values.types import Array, Axis
from chainrule.values.vertices import is_refused, may_hold
from chainrule.wrapping import implements


def part(x: Array, axis: int, start: int | None, stop: int | None = None) -> Any:
    """Return the entries from ``start`` to ``stop`` along an axis."""
    return ops.getitem(x, index=(*(slice(None),) * axis, slice(start, stop)))


# ------------------------------------------------------------------------ differences


@implements(np.diff, axes=("axis",), views=True)
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Any:
    """Return z[i] = a[i + 1] - a[i] along ``axis``, ``n`` times over."""
    x = ops.asarray(a)
    if x.ndim == 0:
        raise ShapeError(f"np.diff needs at least one axis; received {describe(x)}.")
    if n < 0:
        raise ValueError(f"np.diff needs an order n >= 0; received n={n}.")
    axis = normalize_axes(axis, x.ndim)[0]
    if n == 0:
        return x
    ends = [None if e is None else _end(e, x, axis) for e in (prepend, append)]
    pieces = [p for p in (ends[0], x, ends[1]) if p is not None]
    z = ops.concatenate(pieces, axis=axis) if len(pieces) > 1 else x
    for _ in range(n):
        z = part(z, axis, 1) - part(z, axis, None, -1)
    return z


def _end(e: ArrayLike, x: Array, axis: int) -> Array:
    """Return what is put at an end, a number repeated to one entry per lane."""
    e = ops.asarray(e)
    if e.ndim:
        return e
    shape = list(x.shape)
    shape[axis] = 1
    return ops.broadcast_to(e, tuple(shape))


@implements(np.ediff1d)
def ediff1d(
    ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None
) -> Any:
    """Return differences of the flat array, between ``to_begin`` and ``to_end``."""
    x = diff(ops.reshape(ops.asarray(ary), (-1,)))
    pieces = [x]
    if to_begin is not None:
        pieces.insert(0, ops.reshape(cast(to_begin, x.dtype), (-1,)))
    if to_end is not None:
        pieces.append(ops.reshape(cast(to_end, x.dtype), (-1,)))
    return ops.concatenate(pieces) if len(pieces) > 1 else x


@implements(np.gradient)
def gradient(
    f: ArrayLike, *varargs: ArrayLike, axis: Axis = None, edge_order: int = 1
) -> Any:
    """Return z[i] = slope of f at i, by second-order differences on any spacing.

    Differentiable in ``f`` and in the spacings or coordinates ``varargs``.
    """
    f = ops.asarray(f)
    axes = own_axes(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient has edge_order 1 or 2; received {edge_order}.")
    slopes = [
        _slope(f, h, i, edge_order)
        for i, h in zip(axes, _spacings(f, axes, varargs), strict=True)
    ]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _spacings(f: Array, axes: tuple[int, ...], varargs: tuple[Any, ...]) -> list[Any]:
    """Return the spacing along each axis: a number, or one per interval."""
    if not varargs:
        return [1.0] * len(axes)
    given = [ops.asarray(h) for h in varargs]
    if len(given) == 1 and given[0].ndim == 0:
        given *= len(axes)
    if len(given) != len(axes):
        raise ArgumentError(
            f"np.gradient needs one spacing, or one for each of the {len(axes)} axes; "
            f"received {len(varargs)}."
        )
    spacings: list[Any] = []
    for i, h in zip(axes, given, strict=True):
        if h.ndim and h.shape != (f.shape[i],):
            raise ShapeError(
                f"np.gradient needs {f.shape[i]} coordinates along axis {i}; received "
                f"an array of shape {h.shape}."
            )
        steps = h if h.ndim == 0 else diff(h)
        if h.ndim and not isinstance(h, node) and not may_hold(steps != steps[0]):
            steps = steps[0]
        spacings.append(steps)
    return spacings


def _slope(f: Array, h: Any, axis: int, edge_order: int) -> Array:
    """Return the derivative of f along an axis, its ends by one-sided differences."""
    count = f.shape[axis]
    if count < edge_order + 1:
        raise ShapeError(
            f"np.gradient with edge_order={edge_order} needs at least {edge_order + 1} "
            f"entries along axis {axis}; received {count}."
        )
    lane = [1] * f.ndim
    lane[axis] = -1
    even = np.ndim(plain_operand(h)) == 0
    left = h if even else ops.reshape(h[:-1], lane)
    right = h if even else ops.reshape(h[1:], lane)
    low, mid, high = part(f, axis, None, -2), part(f, axis, 1, -1), part(f, axis, 2)
    if even:
        inner = (high - low) / (2.0 * h)
    else:
        inner = (
            -right / (left * (left + right)) * low
            + (right - left) / (left * right) * mid
            + left / (right * (left + right)) * high
        )
    first = part(f, axis, 0, edge_order + 1)
    last = part(f, axis, count - edge_order - 1, count)
    start, end = [h, h], [h, h]
    if not even:
        start, end = [h[0], h[edge_order - 1]], [h[-1], h[-edge_order]]
    falling = _edge(ops.flip(last, axis=axis), end, axis, last=True)
    z = [_edge(first, start, axis), inner, falling]
    return cast(ops.concatenate(z, axis=axis), f.dtype)


def _edge(f: Array, h: list[Any], axis: int, *, last: bool = False) -> Array:
    """Return the slope at the first of two or three entries, spaced by h[0], h[1].

    ``last`` says that they are in reverse.
    """
    values = [part(f, axis, i, i + 1) for i in range(f.shape[axis])]
    if len(values) == 2:
        before, after = reversed(values) if last else values
        return (after - before) / h[0]
    near, far = h
    z: Any = (
        -(2.0 * near + far) / (near * (near + far)) * values[0]
        + (near + far) / (near * far) * values[1]
        - near / (far * (near + far)) * values[2]
    )
    return -z if last else z


@implements(np.trapezoid, axes=("axis",))
def trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1
) -> Any:
    """Return the sum of (x[i+1] - x[i]) (y[i+1] + y[i]) / 2."""
    y = ops.asarray(y)
    axis = own_axes(operator.index(axis), y.ndim)[0]
    width = dx
    if x is not None:
        x = ops.asarray(x)
        if x.ndim == 1:
            lane = [1] * y.ndim
            lane[axis] = -1
            width = ops.reshape(diff(x), lane)
        else:
            width = diff(x, axis=axis)
    heights = part(y, axis, 1) + part(y, axis, None, -1)
    return ops.sum(width * heights / 2.0, axis=axis)


# -------------------------------------------------------------------------- convolution


@implements(np.convolve)
def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Any:
    """Return z[k] = sum over i of a[i] v[k - i]."""
    return ops.convolve(*_sequences("convolve", a, v), mode=mode)


@implements(np.correlate)
def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Any:
    """Return z[k] = sum over i of a[i + k] conj(v[i])."""
    a, v = _sequences("correlate", a, v)
    turned = ops.flip(ops.conjugate(v) if is_complex(v) else v)
    if a.shape[0] >= v.shape[0]:
        return ops.convolve(a, turned, mode=mode)
    z = ops.convolve(ops.flip(a), ops.flip(turned), mode=mode)
    return ops.flip(z)


def _sequences(name: str, a: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    sequences = [ops.asarray(x) for x in (a, v)]
    sequences = [ops.reshape(x, (1,)) if x.ndim == 0 else x for x in sequences]
    for x in sequences:
        if x.ndim != 1 or x.size == 0:
            raise ShapeError(
                f"np.{name} needs two sequences of at least one entry; received "
                f"{describe(a)} and {describe(v)}."
            )
    return sequences[0], sequences[1]


# -------------------------------------------------------------- covariance, correlation


@implements(np.cov)
def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Any:
    """Return (X - mean) W (X - mean)^H / norm, X the variables in rows."""
    x = _variables(m, rowvar)
    if y is not None:
        x = ops.concatenate([x, _variables(y, rowvar)], axis=0)
    x = cast(x, np.result_type(x.dtype, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if int(ddof) != ddof:
        raise ValueError(f"np.cov needs an integer ddof; received {ddof}.")
    w = _observation_weights(x, fweights, aweights)
    if w is None:
        centred = x - ops.mean(x, axis=1, keepdims=True)
        norm: Any = x.shape[1] - ddof
        weighted = centred
    else:
        centred = x - ops.reshape(average(x, axis=1, weights=w), (-1, 1))
        total = ops.sum(w)
        norm = total - ddof
        if ddof and aweights is not None:
            norm = total - ddof * ops.sum(w * ops.asarray(aweights)) / total
        weighted = centred * w
    weighted = ops.conjugate(weighted) if is_complex(weighted) else weighted
    z = ops.matmul(centred, ops.transpose(weighted))
    return ops.squeeze(z / (norm if isinstance(norm, node) else max(norm, 0)))


def _variables(m: ArrayLike, rowvar: bool) -> Array:
    """Return observations as a matrix with one variable per row."""
    x = ops.asarray(m)
    if x.ndim > 2:
        raise ShapeError(f"np.cov needs at most two axes; received {describe(x)}.")
    if x.ndim < 2:
        x = ops.reshape(x, (1, -1))
    elif not rowvar and x.shape[0] != 1:
        x = ops.transpose(x)
    return x


def _observation_weights(
    x: Array, fweights: ArrayLike | None, aweights: ArrayLike | None
) -> Array | None:
    w: Array | None = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        weights = ops.asarray(given)
        if weights.shape != x.shape[1:]:
            raise ShapeError(
                f"np.cov needs {name} of shape {x.shape[1:]}, one per observation; "
                f"received shape {weights.shape}."
            )
        whole = name == "fweights"
        if is_refused(weights < 0) or (whole and is_refused(weights % 1 != 0)):
            raise ValueError(
                f"np.cov needs {name} that are not negative"
                f"{', and whole numbers' if whole else ''}."
            )
        w = weights if w is None else w * weights
    return w


@implements(np.corrcoef)
def corrcoef(
    x: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    *,
    dtype: DTypeLike | None = None,
) -> Any:
    """Return c[i, j] / sqrt(c[i, i] c[j, j]), c = cov(x).

    NumPy clips rounding errors to [-1, 1]; that would cut derivatives off, so it is
    not done here.
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    variances = diagonal(c)
    spread = ops.sqrt(ops.real(variances) if is_complex(c) else variances)
    return c / ops.reshape(spread, (-1, 1)) / spread
