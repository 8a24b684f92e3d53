"""Rearranging the elements of one array: axes, tiles, turns, padding, grids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ShapeError
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
    ndarray,
    normalize_axes,
    own_axes,
    shape_of,
)
from chainrule.values.types import Order, Shape, Value
from chainrule.values.versions import array_of, memory_of
from chainrule.values.vertices import raw, stand_in
from chainrule.wrapping import implements

_np: Any = np

# -------------------------------------------------------------------------------- axes


@implements(np.reshape)
def reshape(
    a: ArrayLike, /, shape: int | Shape, order: str = "C", *, copy: bool | None = None
) -> Any:
    """Return a with its elements in another shape, in the order 'C', 'F' or 'A'."""
    if order == "A":
        x, order = _in_memory(a, order)
        return _np.reshape(x, shape, order, copy=copy)
    return ops.reshape(a, shape, order=order, copy=copy)


def _in_memory(a: ArrayLike, order: str) -> tuple[Any, str]:
    """Return what the order 'A' or 'K' means for an array as it lies in memory.

    That is the array, perhaps with its axes exchanged, and 'C' or 'F'.
    """
    x: Any = a if isinstance(a, node | stand_in) else ops.asarray(a)
    value = raw(x)
    known: Any = value.layout if isinstance(value, stand_in) else array_of(value)
    if not isinstance(known, ndarray) or known.flags.c_contiguous:
        return x, "C"
    if known.flags.f_contiguous:
        return x, "F"
    if order == "K":
        steps = np.empty_like(known, subok=False).strides
        axes = sorted(range(known.ndim), key=lambda i: -steps[i])
        x = _np.transpose(x, tuple(axes))
    return x, "C"


@implements(
    np.ravel,
    method="ravel",
    moves=True,
    in_order=True,
    views=True,
    of_memory=("order", ("A", "K")),
)
def ravel(a: ArrayLike, order: str = "C") -> Any:
    """Return a with one axis, in an order; as NumPy a view or a copy."""
    if order in ("A", "K"):
        x, order = _in_memory(a, order)
        return _np.ravel(x, order)
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
