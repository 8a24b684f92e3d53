"""Shapes: undoing broadcasting, normalising axes, describing values in messages."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.values.types import Axis, Namespace, Order, Shape, Value

# Classes to test values of any origin for. As Any, so that a type checker does not take
# a passed test to mean an array of unknown elements.
ARRAYS: Any = (np.ndarray, np.generic)
SEQUENCES: Any = (list, tuple)
TUPLE: Any = tuple
DICT: Any = dict
ndarray: Any = np.ndarray
generic: Any = np.generic
kind_of: Any = type
_np: Any = np


class NoLengthError(TypeError, AttributeError):
    """A number has no ``len``: ``len(x)`` fails, and ``hasattr`` finds none."""


class Length:
    """``__len__`` of what may stand for an array or a number, which has none."""

    def __get__(self, x: Any, kind: type | None = None) -> Callable[[], int]:
        """Return the function that returns the length of the first axis."""
        if x is None or not x.shape:
            raise NoLengthError("What holds a number has no len().")
        return functools.partial(operator.getitem, x.shape, 0)


def shape_of(x: Any) -> Shape:
    """Return the shape of a number, an array or a node."""
    if x.__class__ is float:
        return ()
    try:
        return x.shape
    except AttributeError:
        return np.shape(x)


def size_of(x: Any) -> int:
    """Return how many entries a number, an array or a node has."""
    return x.size if x.__class__ is ndarray else math.prod(shape_of(x))


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of a number, an array or a node (float64 for ``float``)."""
    try:
        return x.dtype
    except AttributeError:
        return np.asarray(x).dtype


def laid_out(value: ArrayLike, like: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an array's entries that lies in memory as another array does.

    Each has a place of its own, where entries of the other one share theirs.
    """
    strides = like.strides
    if like.flags.forc or shares_places(like):
        out = np.empty_like(like, subok=False)
    else:
        reach = [s * (n - 1) for s, n in zip(strides, like.shape, strict=True)]
        before = -sum(s for s in reach if s < 0)
        size = before + sum(s for s in reach if s > 0) + like.itemsize
        buffer = np.empty(size, np.uint8)
        out = np.ndarray(like.shape, like.dtype, buffer, before, strides)
    out[...] = value
    return out


def is_read_only(x: NDArray[Any]) -> bool:
    """Tell it as NumPy will: ``flags`` of ``np.broadcast_arrays`` warn when asked."""
    return bool(x.__array_interface__["data"][1])


def shares_places(x: NDArray[Any]) -> bool:
    """Tell whether entries of an array may lie in one place: windows, a broadcast."""
    reach = x.itemsize
    if not x.size:
        return False
    for step, n in sorted(zip(map(abs, x.strides), x.shape, strict=True)):
        if n > 1 and step < reach:
            return True
        reach += step * (n - 1)
    return False


def in_order(value: NDArray[Any], order: Order) -> NDArray[Any]:
    """Return an array without gaps: by rows, by columns, or in its own order."""
    if order != "K":
        return np.asarray(value, order=order)
    return value if value.flags.forc else np.copy(value, order="K")


def lies_in(value: Value | None, order: str | None) -> bool:
    """Tell whether a value is no array, or one that lies in memory in an order."""
    if not isinstance(value, np.ndarray) or order not in ("C", "F"):
        return True
    return value.flags.c_contiguous if order == "C" else value.flags.f_contiguous


def index_of_view(view: NDArray[Any], base: NDArray[Any]) -> Any:
    """Find by address which entries of an array a view shows, as an index."""
    at: Any = _addresses(base).ravel()
    order: Any = _np.argsort(at)
    positions = _np.searchsorted(at[order], _addresses(view))
    return _np.unravel_index(order[positions], base.shape)


def _addresses(x: NDArray[Any]) -> Any:
    """Return the address of each entry of an array."""
    addresses: Any = np.full(x.shape, x.__array_interface__["data"][0])
    for step, places in zip(x.strides, np.indices(x.shape), strict=True):
        addresses = addresses + step * places
    return addresses


def is_complex(x: Any) -> bool:
    """Tell whether a number, an array or a node is complex."""
    return type(x) is not float and dtype_of(x).kind == "c"


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return ``axis`` as a tuple of non-negative axes; ``None`` means all of them.

    A number has no axes, but NumPy's reductions take its axis 0 and -1: they are none.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim and (ndim or a not in (0, -1)):
            raise np.exceptions.AxisError(a, ndim)
    return tuple(int(a) % ndim for a in axes) if ndim else ()


def own_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return ``axis`` as ``normalize_axes`` does; a number has not even axis 0.

    This is what NumPy's functions other than its reductions make of an axis.
    """
    if not ndim and axis not in (None, ()):
        first: Any = axis[0] if isinstance(axis, tuple) else axis
        raise np.exceptions.AxisError(first, ndim)
    return normalize_axes(axis, ndim)


def kept_shape(shape: Shape, axis: Axis) -> Shape:
    """Return ``shape`` with the axes in ``axis`` set to one (``keepdims=True``)."""
    axes = normalize_axes(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def reduced_axes(shape: Shape, target: Shape) -> tuple[int, ...]:
    """Return the axes of ``shape`` along which ``target`` was broadcast to it.

    >>> reduced_axes((4, 2, 3), (1, 3))
    (0, 1)
    """
    added = len(shape) - len(target)
    stretched = (
        i + added for i, n in enumerate(target) if n == 1 and shape[i + added] != 1
    )
    return (*range(added), *stretched)


def unbroadcast(xp: Namespace, x: Value, target: Shape) -> Any:
    """Sum ``x`` over the axes along which ``target`` was broadcast: its transpose."""
    shape = shape_of(x)
    if shape == target:
        return x
    axes = _summed_axes(shape, target)
    if axes is None:
        return xp.broadcast_to(x, target)
    if axes:
        x = xp.sum(x, axis=axes)
    return x if shape_of(x) == target else xp.reshape(x, target)


@functools.lru_cache(maxsize=4096)
def _summed_axes(shape: Shape, target: Shape) -> tuple[int, ...] | None:
    """Return the axes to sum; ``None`` where ``target`` is the larger shape."""
    if len(shape) < len(target) or any(
        n not in (1, m) for n, m in zip(target[::-1], shape[::-1], strict=False)
    ):
        return None
    return reduced_axes(shape, target)


def describe(x: Any) -> str:
    """Describe a value for an error message: its type, and shape and dtype if any."""
    if isinstance(x, str | bytes):
        return f"{type(x).__name__} {x!r}"
    if isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic):
        return f"{type(x).__name__} {x!r}"
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{type(x).__name__} of shape {shape} and dtype {dtype}"
    return type(x).__name__
