"""Rearranging the elements of one array: axes, tiles, turns, padding, grids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.numpy.buffers import taking_nodes
from chainrule.numpy.in_place import own
from chainrule.numpy.statistics import cast
from chainrule.operations import namespace as ops
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import (
    describe,
    dtype_of,
    lies_in,
    normalize_axes,
    own_axes,
    shape_of,
)
from chainrule.values.types import Array, Order, Shape, Value
from chainrule.values.versions import array_of, memory_of
from chainrule.values.vertices import as_array, may_hold, raw, stand_in
from chainrule.wrapping import implements

_np: Any = np

# -------------------------------------------------------------------------------- axes


@implements(np.ravel, method="ravel", moves=True, in_order=True, views=True)
def ravel(a: ArrayLike, order: str = "C") -> Any:
    """Return a with one axis, in the order 'C' or 'F'; as NumPy a view or a copy."""
    x = ops.asarray(a)
    z = ops.reshape(x, (-1,), order=order)
    is_view = lies_in(array_of(raw(x)), order)
    if isinstance(x, node) and x.ndim and memory_of(x).locked:
        is_view = x.size < 2  # NumPy's diagonal lies in memory with gaps
    return z if is_view else own(z)


@implements(np.copy, moves=True, in_order=True)
def copy(a: ArrayLike, order: Order = "K", subok: bool = False) -> Any:
    """Return a; a node of its own, so that it can be told from ``a``."""
    return array_copy(a, order) if isinstance(a, node) else np.copy(a, order)


def array_copy(x: Value, order: Order = "K") -> Any:
    """Return a copy of a node or a traced value: an array, also of a number."""
    if isinstance(x, stand_in):
        return x.laid_out(None, order)
    value = raw(x)
    is_array = is_foreign(value) or array_of(value) is not None
    return own(x, x, order=order) if is_array else own(ops.broadcast_to(x, ()))


@implements(
    np.matrix_transpose,
    np.linalg.matrix_transpose,
    signature="(m,n)->(n,m)",
    views=True,
)
def matrix_transpose(x: ArrayLike, /) -> Any:
    """Return x with its last two axes exchanged."""
    x = ops.asarray(x)
    if x.ndim < 2:
        raise ShapeError(
            f"np.matrix_transpose needs at least two axes; received {describe(x)}."
        )
    return ops.swapaxes(x, -1, -2)


@implements(np.moveaxis, moves=True, views=True, axes=("source", "destination"))
def moveaxis(
    a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]
) -> Any:
    """Return a with some axes at other places, the rest in order."""
    x = ops.asarray(a)
    come = own_axes(_axes(source), x.ndim)
    go = own_axes(_axes(destination), x.ndim)
    if len(come) != len(go) or len(set(come)) < len(come) or len(set(go)) < len(go):
        raise ValueError(
            "np.moveaxis needs as many different axes to move to as to move; received "
            f"source={source} and destination={destination}."
        )
    order = [i for i in range(x.ndim) if i not in come]
    for place, axis in sorted(zip(go, come, strict=True)):
        order.insert(place, axis)
    return ops.transpose(x, tuple(order))


def _axes(axes: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.atleast_1d(axes))


@implements(np.rollaxis)
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Any:
    """Return a with ``axis`` moved to stand before ``start``."""
    x = ops.asarray(a)
    (axis,) = own_axes(axis, x.ndim)
    if not -x.ndim <= start <= x.ndim:
        raise np.exceptions.AxisError(start, x.ndim)
    start = start + x.ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if start > axis else start)


def at_least(x: ArrayLike, count: int) -> Any:
    """Return an array with axes put in front until it has ``count``."""
    x = ops.asarray(x)
    if x.ndim >= count:
        return x
    return ops.reshape(x, (*(1,) * (count - x.ndim), *x.shape))


def _each(results: list[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.atleast_1d)
def atleast_1d(*arys: ArrayLike) -> Any:
    """Return each array, with one axis if it had none."""
    return _each([at_least(x, 1) for x in arys])


@implements(np.atleast_2d)
def atleast_2d(*arys: ArrayLike) -> Any:
    """Return each array, with axes in front until it has two."""
    return _each([at_least(x, 2) for x in arys])


@implements(np.atleast_3d)
def atleast_3d(*arys: ArrayLike) -> Any:
    """Return each array, with axes around it until it has three."""
    return _each([three_axes(x) for x in arys])


def three_axes(x: ArrayLike) -> Any:
    """Return an array as rows, columns and a last axis of depth one."""
    x = ops.asarray(x)
    if x.ndim >= 3:
        return x
    shape = x.shape if x.ndim == 2 else (1, *(x.shape or (1,)))
    return ops.reshape(x, (*shape, 1))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: ArrayLike, subok: bool = False) -> tuple[Any, ...]:
    """Return each array, repeated to the shape they have in common."""
    arrays = [ops.asarray(x) for x in args]
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return tuple(x if x.shape == shape else ops.broadcast_to(x, shape) for x in arrays)


@implements(np.meshgrid)
def meshgrid(
    *xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    """Return the coordinate arrays of a grid, one per vector."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid indexes 'xy' or 'ij'; received {indexing!r}.")
    arrays = [ops.asarray(x) for x in xi]
    places = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        places[:2] = 1, 0
    grids: list[Any] = []
    for place, x in zip(places, arrays, strict=True):
        lane = [1] * len(arrays)
        lane[place] = -1
        grids.append(ops.reshape(x, tuple(lane)))
    arrays = tuple(grids) if sparse else broadcast_arrays(*grids)
    return tuple(map(own, arrays)) if copy else arrays


# ------------------------------------------------------------------------- turns, tiles


@implements(np.fliplr, moves=True, views=True)
def fliplr(m: ArrayLike) -> Any:
    """Return m with its columns in reverse order."""
    return ops.flip(ops.asarray(m), axis=1)


@implements(np.flipud, moves=True, views=True)
def flipud(m: ArrayLike) -> Any:
    """Return m with its rows in reverse order."""
    return ops.flip(ops.asarray(m), axis=0)


@implements(np.rot90, moves=True, views=True)
def rot90(m: ArrayLike, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Return m turned k times by 90 degrees, from one axis towards another."""
    x = ops.asarray(m)
    first, second = normalize_axes(tuple(axes), x.ndim)
    if first == second:
        raise ValueError(f"np.rot90 turns in two different axes; received {axes}.")
    if k % 4 == 0:
        return x
    if k % 4 == 2:
        return ops.flip(x, axis=(first, second))
    if k % 4 == 1:
        return ops.swapaxes(ops.flip(x, axis=second), first, second)
    return ops.flip(ops.swapaxes(x, first, second), axis=second)


@implements(np.tile, moves=True)
def tile(A: ArrayLike, reps: int | Sequence[int]) -> Any:
    """Return copies of A side by side, ``reps`` of them along each axis."""
    counts = tuple(int(r) for r in np.atleast_1d(reps))
    x = at_least(A, len(counts))
    counts = (*(1,) * (x.ndim - len(counts)), *counts)
    single = tuple(chain.from_iterable((1, n) for n in x.shape))
    copies = tuple(chain.from_iterable(zip(counts, x.shape, strict=True)))
    whole = tuple(r * n for r, n in zip(counts, x.shape, strict=True))
    return own(ops.reshape(ops.broadcast_to(ops.reshape(x, single), copies), whole))


@implements(np.resize)
def resize(a: ArrayLike, new_shape: int | Shape) -> Any:
    """Return the elements of a, over and over, until ``new_shape`` is full."""
    x = ops.reshape(ops.asarray(a), (-1,))
    shape = tuple(int(n) for n in np.atleast_1d(new_shape))
    if any(n < 0 for n in shape):
        raise ValueError(
            f"np.resize needs a shape without negatives; received {shape}."
        )
    size = int(np.prod(shape, dtype=int))
    if not x.size:
        return np.zeros(shape, x.dtype)
    return ops.reshape(ops.getitem(x, index=np.arange(size) % x.size), shape)


@implements(np.full_like)
def full_like(
    a: ArrayLike,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: int | Shape | None = None,
    *,
    device: str | None = None,
) -> Any:
    """Return fill_value, which may be a node, in the shape and dtype of ``a``."""
    given, a = a, plain_operand(a)
    dtype = dtype_of(a) if dtype is None else dtype
    if not isinstance(fill_value, node):
        like = np.empty(shape_of(a)) if isinstance(a, stand_in) else a
        made = np.full_like(like, plain_operand(fill_value), dtype=dtype, shape=shape)
        return taking_nodes(made, given)
    wanted = shape_of(a) if shape is None else np.empty(shape).shape
    return own(cast(ops.broadcast_to(fill_value, wanted), dtype))


# ----------------------------------------------------------------------------- padding

_FOLDED = ("edge", "wrap", "reflect", "symmetric")
"""Modes whose new entries are entries of the array."""
_OF_ENDS = "maximum minimum mean median".split()
"""Modes whose new entries are a statistic of what is at an end."""
_OPTIONS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(_OF_ENDS, "stat_length"),
}


@implements(np.pad)
def pad(array: ArrayLike, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """Return array with entries added at its ends, along each axis.

    All of NumPy's modes but ``empty`` and functions; differentiable in
    ``constant_values`` and ``end_values`` too.
    """
    x = ops.asarray(array)
    widths = _pairs(pad_width, x.ndim)
    option = kwargs.pop(_OPTIONS.get(mode, ""), None)
    odd = _OPTIONS.get(mode) == "reflect_type" and option not in (None, "even")
    if kwargs or mode not in (*_OPTIONS, *_FOLDED) or (odd and option != "odd"):
        given = {"reflect_type": option, **kwargs} if odd else kwargs
        options = ", ".join(f"{k}={v!r}" for k, v in given.items())
        raise ArgumentError(
            f"np.pad on nodes has the modes edge, wrap, {', '.join(_OPTIONS)}; "
            f"received mode={mode!r}{', ' if options else ''}{options}. Build the "
            "borders and join them with np.concatenate."
        )
    if mode in _OF_ENDS:
        return own(
            _with_statistics(x, widths, getattr(np, mode.removesuffix("imum")), option),
            x,
        )
    if odd or mode == "linear_ramp":
        return own(_with_lines(x, widths, mode, option), x)
    if mode != "constant":
        return own(_folded(x, widths, mode), x)
    constants: Any = 0 if option is None else option
    if not isinstance(constants, node) and not may_hold(as_array(constants)):
        index = tuple(
            slice(b, b + n) for (b, _), n in zip(widths, x.shape, strict=True)
        )
        shape = tuple(b + n + e for (b, e), n in zip(widths, x.shape, strict=True))
        return ops.unindex(x, index=index, shape=shape)
    return _framed(x, widths, cast(constants, x.dtype))


def _pairs(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return how many entries go before and after, for each axis."""
    if isinstance(pad_width, dict):
        pairs: dict[int, tuple[int, int]] = dict.fromkeys(range(ndim), (0, 0))
        for axis in pad_width:  # pyright: ignore[reportUnknownVariableType]
            (place,) = own_axes(axis, ndim)  # pyright: ignore
            pairs[place] = _pairs(pad_width[axis], 1)[0]
        return list(pairs.values())
    widths = np.asarray(plain_operand(pad_width))
    if widths.dtype.kind not in "iu" or np.any(widths < 0):
        raise ArgumentError(
            f"np.pad needs pad_width in whole numbers >= 0; received {pad_width!r}."
        )
    return [(int(b), int(e)) for b, e in np.broadcast_to(widths, (ndim, 2))]


def _folded(x: Array, widths: list[tuple[int, int]], mode: str) -> Array:
    """Take the new entries from the array: NumPy pads the indices instead of it."""
    for axis, (before, after) in enumerate(widths):
        if before or after:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)  # type: ignore
            x = ops.getitem(x, index=(*(slice(None),) * axis, places))
    return x


def _framed(x: Array, widths: list[tuple[int, int]], constants: ArrayLike) -> Array:
    """Join constants to both ends, axis by axis."""
    if x.ndim == 0:
        return x
    constants = ops.broadcast_to(constants, (x.ndim, 2))
    for axis, ends in enumerate(widths):
        frame: list[Any] = []
        for side, count in enumerate(ends):
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            frame.append(ops.broadcast_to(constants[axis, side], shape))
        x = ops.concatenate([frame[0], x, frame[1]], axis=axis)
    return x


def _with_statistics(
    x: Array, widths: list[tuple[int, int]], statistic: Any, lengths: Any
) -> Array:
    """Join a statistic of the first entries before them, and of the last behind."""
    if lengths is not None and np.min(lengths) < 1:
        raise ArgumentError(f"np.pad needs stat_length above 0; received {lengths!r}.")
    for axis, ends in enumerate(widths):
        count = x.shape[axis]
        counts = np.broadcast_to(count if lengths is None else lengths, (x.ndim, 2))
        parts: list[Any] = []
        for side, n in enumerate(np.minimum(counts[axis], count).tolist()):
            kept = slice(count - n, None) if side else slice(n)
            part = ops.getitem(x, index=(*(slice(None),) * axis, kept))
            shape = (*x.shape[:axis], ends[side], *x.shape[axis + 1 :])
            known = statistic(part, axis=axis, keepdims=True)
            parts.append(ops.broadcast_to(known, shape))
        x = ops.concatenate([parts[0], x, parts[1]], axis=axis)
    return x


def _with_lines(x: Array, widths: list[tuple[int, int]], mode: str, ends: Any) -> Array:
    """Join what is linear in the array and in end values: NumPy pads the identity."""
    odd = {"reflect_type": "odd"} if mode != "linear_ramp" else {}
    values = ops.broadcast_to(0.0 if odd or ends is None else ends, (x.ndim, 2))
    values = cast(values, x.dtype)
    real = np.finfo(x.dtype).dtype
    for axis, (before, after) in enumerate(widths):
        count = x.shape[axis]
        sides = (before, after)
        rows = _np.pad(np.eye(count, dtype=real), (sides, (0, 0)), mode, **odd)
        rest = np.zeros(count + before + after, real)
        if not odd:
            rest = _np.pad(np.zeros(count, real), sides, mode, end_values=1.0)
        along = moveaxis(x, axis, -1)
        first = ops.matmul(along, rows[:before].T) + values[axis, 0] * rest[:before]
        last = before + count
        second = ops.matmul(along, rows[last:].T) + values[axis, 1] * rest[last:]
        whole = ops.concatenate([first, along, second], axis=-1)
        x = moveaxis(whole, -1, axis)
    return x
