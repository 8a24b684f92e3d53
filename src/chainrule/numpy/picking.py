"""Picking entries of an array: by index, by condition, on a diagonal, by value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import ArgumentError, MissingRuleError, ShapeError
from chainrule.nodes.admission import plain_index, plain_operand
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import record
from chainrule.numpy.in_place import own
from chainrule.numpy.shape_functions import moveaxis
from chainrule.numpy.statistics import cast
from chainrule.operations import namespace as ops
from chainrule.operations_grad.indexing import along_axis, getitem_grad
from chainrule.operations_grad.reductions import trace_grad
from chainrule.values.foreign import changes_memory, is_foreign, library_of
from chainrule.values.shapes import describe, is_complex, normalize_axes, own_axes
from chainrule.values.types import Array, Axis, Order, Value
from chainrule.values.versions import note, order_of
from chainrule.values.vertices import as_array, constant, is_refused, is_stand_in, raw
from chainrule.wrapping import implements


def _flat_or_axis(a: ArrayLike, axis: int | None) -> tuple[Array, int]:
    """Return an array and an axis of it; ``None`` is the axis of the flat array."""
    x = ops.asarray(a)
    if axis is None:
        # A loop over np.take(x, i) then reads entries of x itself, as x[i] does.
        return x if x.ndim == 1 else ops.reshape(x, (-1,)), 0
    return x, own_axes(operator.index(axis), x.ndim)[0]


def _row_or_axis(a: ArrayLike, axis: int | None) -> tuple[Array, int]:
    """Return the same for a function to which a number is a row of one entry."""
    x = ops.asarray(a)
    if axis is None or x.ndim:
        return _flat_or_axis(x, axis)
    return _flat_or_axis(ops.reshape(x, (1,)), axis)


def _places(n: int) -> NDArray[Any]:
    """Return 0, 1, ..., n - 1."""
    return np.arange(n)


def pick(x: Array, places: ArrayLike, axis: int, order: Order = "C") -> Any:
    """Return the entries at some places along an axis, in an order in memory."""
    z = ops.getitem(x, index=(*(slice(None),) * axis, places))
    return own(z, order=order)


# ----------------------------------------------------------------------- by index


@implements(
    np.take, method="take", may_raise=True, moves=True, axes=("axis",), flattens=True
)
def take(
    a: ArrayLike,
    indices: ArrayLike,
    axis: int | None = None,
    out: None = None,
    mode: str = "raise",
) -> Any:
    """Return entries of a at some indices along ``axis``, or of the flat array."""
    x, axis = _row_or_axis(a, axis)
    places = as_array(plain_index(indices))
    if places.dtype == np.bool_ or not places.size:
        places = places.astype(np.intp)
    if mode == "wrap":
        places = places % x.shape[axis]
    elif mode == "clip":
        places = np.clip(places, 0, x.shape[axis] - 1)
    elif mode != "raise":
        raise ValueError(f"np.take has mode raise, wrap or clip; received {mode!r}.")
    one = not (places.ndim or is_stand_in(places) or is_foreign(places))
    return pick(x, int(places) if one else places, axis)


@implements(np.take_along_axis, may_raise=True)
def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Any:
    """Return z[i, j] = arr[i, indices[i, j]], and so along any axis."""
    x, axis = _flat_or_axis(arr, axis)
    places = as_array(plain_index(indices))
    if places.ndim != x.ndim:
        raise ShapeError(
            "np.take_along_axis needs indices with as many axes as the array; received "
            f"shapes {places.shape} and {x.shape}."
        )
    return ops.getitem(x, index=along_axis(places, axis, x.shape))


@implements(np.compress)
def compress(
    condition: ArrayLike, a: ArrayLike, axis: int | None = None, out: None = None
) -> Any:
    """Return entries of a along ``axis`` where the condition holds."""
    x, axis = _row_or_axis(a, axis)
    return pick(x, np.flatnonzero(plain_operand(condition)), axis)


@implements(np.extract)
def extract(condition: ArrayLike, arr: ArrayLike) -> Any:
    """Return entries of the flat array where the condition holds."""
    return compress(np.ravel(plain_operand(condition)), arr)


@implements(np.delete)
def delete(arr: ArrayLike, obj: ArrayLike, axis: int | None = None) -> Any:
    """Return arr without the entries at ``obj`` along ``axis``."""
    x, axis = _flat_or_axis(arr, axis)
    kept = np.delete(_places(x.shape[axis]), _seen("np.delete", obj))
    return pick(x, kept, axis, order_of(raw(x)))


@implements(np.insert)
def insert(
    arr: ArrayLike, obj: ArrayLike, values: ArrayLike, axis: int | None = None
) -> Any:
    """Return arr with ``values`` put in before its entries at ``obj``."""
    x, axis = _flat_or_axis(arr, axis)
    count = x.shape[axis]
    places, single = _insertions(_seen("np.insert", obj), count)
    new = cast(values, x.dtype)
    if len(places) == 1:
        new = ops.reshape(new, (*(1,) * (x.ndim - new.ndim), *new.shape))
        new = moveaxis(new, 0, axis) if single else new
        places = np.repeat(places, new.shape[axis])
    shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    both = ops.concatenate([x, ops.broadcast_to(new, shape)], axis=axis)
    source = np.insert(_places(count), places, count + _places(len(places)))
    return pick(both, source, axis, order_of(raw(x)))


def _insertions(obj: Any, count: int) -> tuple[Any, bool]:
    """Return where to insert, as non-negative indices, and whether that is a number."""
    if isinstance(obj, slice):
        return np.arange(*obj.indices(count)), False
    places = as_array(obj)
    if places.dtype == np.bool_:
        places = np.flatnonzero(places)
    if places.ndim > 1:
        raise ShapeError(
            "np.insert needs a number, a slice or one row of indices; received "
            f"indices of shape {places.shape}."
        )
    single = places.ndim == 0
    places = np.atleast_1d(places.astype(np.intp) if not places.size else places)
    if is_refused((places < -count) | (places > count)):
        raise IndexError(f"An index in {obj} is out of bounds for {count} entries.")
    return np.where(places < 0, places + count, places), single


# ----------------------------------------------------------------- diagonals, triangles


def _on_diagonal(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    """Return the row and column indices of a diagonal."""
    start = max(0, -offset)
    i = np.arange(start, max(start, min(rows, columns - offset)))
    return i, i + offset


@implements(
    np.diagonal, method="diagonal", moves=True, views=True, axes=("axis1", "axis2")
)
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the diagonal of two axes, as a new last axis."""
    x = ops.asarray(a)
    if x.ndim < 2:
        raise ShapeError(f"np.diagonal needs two axes or more; received {describe(x)}.")
    first, second = normalize_axes((axis1, axis2), x.ndim)
    if first == second:
        raise ValueError(f"np.diagonal needs two axes; received {axis1} twice.")
    if (first, second) != (x.ndim - 2, x.ndim - 1):
        x = moveaxis(x, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    places = _on_diagonal(rows, columns, offset)
    z = record(getitem_grad, (x,), {"index": (..., *places)})
    if isinstance(z, node) and (changes_memory(z._value) or not is_foreign(z._value)):
        note(z, locked=True)  # NumPy's is a view that nobody may write into
    return z


@implements(np.trace, method="trace", axes=("axis1", "axis2"))
def trace(
    a: ArrayLike,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: DTypeLike | None = None,
    out: None = None,
) -> Any:
    """Return sum of the diagonal."""
    x = raw(a)
    is_matrix = x.__class__ is np.ndarray and x.ndim == 2 and x.dtype.kind in "fc"
    if is_matrix and dtype is None and (axis1, axis2) == (0, 1):
        return record(trace_grad, (a,), {"offset": offset})
    return ops.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.diagonal, signature="(m,n)->(k)", views=True)
def matrix_diagonal(x: ArrayLike, /, *, offset: int = 0) -> Any:
    """Return the diagonals of a stack of matrices."""
    return diagonal(x, offset, -2, -1)


@implements(np.linalg.trace, signature="(m,n)->()")
def matrix_trace(
    x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike | None = None
) -> Any:
    """Return the traces of a stack of matrices."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.diag, moves=True, views=True)
def diag(v: ArrayLike, k: int = 0) -> Any:
    """Return the diagonal of a matrix, or a matrix with a vector on its diagonal."""
    x = ops.asarray(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"np.diag needs one or two axes; received {describe(x)}.")
    n = x.shape[0] + abs(k)
    return ops.unindex(x, index=_on_diagonal(n, n, k), shape=(n, n))


@implements(np.diagflat, moves=True)
def diagflat(v: ArrayLike, k: int = 0) -> Any:
    """Return a matrix with the flat array on its diagonal."""
    return diag(ops.reshape(ops.asarray(v), (-1,)), k)


@implements(np.tril, signature="(m,n)->(m,n)", moves=True)
def tril(m: ArrayLike, k: int = 0) -> Any:
    """Return m on and below the k-th diagonal; the rest is structurally zero."""
    x = ops.asarray(m)
    below = constant(np.tri(*x.shape[-2:], k=k, dtype=bool), x)
    return ops.where(below, x, 0.0)


@implements(np.triu, signature="(m,n)->(m,n)", moves=True)
def triu(m: ArrayLike, k: int = 0) -> Any:
    """Return m on and above the k-th diagonal; the rest is structurally zero."""
    x = ops.asarray(m)
    below = constant(np.tri(*x.shape[-2:], k=k - 1, dtype=bool), x)
    return ops.where(below, 0.0, x)


# ------------------------------------------------------------------- by their values


_numpy_unique: Callable[..., Any] = np.unique


@implements(np.unique)
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **options: Any,
) -> Any:
    """Return each value once, in order; each is taken where it first occurs."""
    x = ops.asarray(ar)
    value = plain_operand(x)
    library = library_of(value)
    if library is not None and library.undecided is not None:
        raise _unseen("np.unique", value, "np.unique(gd.value(x).compute())")
    _, first, *rest = _numpy_unique(
        value, True, return_inverse, return_counts, axis, **options
    )
    flat, axis = _flat_or_axis(x, axis)
    values = pick(flat, first, axis)
    others: list[Any] = [first, *rest] if return_index else rest
    return (values, *others) if others else values


def _seen(name: str, obj: Any) -> Any:
    """Return places that a shape depends on; refuse those of a foreign array."""
    places = plain_index(obj)
    if is_foreign(places):
        raise _unseen(name, places, f"{name}(x, np.asarray(places), ...)")
    return places


def _unseen(name: str, x: Value, instead: str) -> MissingRuleError:
    """Return the error where a result has a shape that only foreign entries tell."""
    return MissingRuleError(
        f"{name} looks at the entries of {describe(x)}, which are not asked for. "
        f"Write {instead}."
    )


@implements(np.unique_values)
def unique_values(x: ArrayLike) -> Any:
    """Return each value once; each is taken where it first occurs."""
    return unique(x, equal_nan=False)


def _first_of_each(function: Callable[..., Any]) -> None:
    def found(x: Array) -> Any:
        """Return NumPy's results, with the values as entries of x."""
        results = function(plain_operand(x))
        return results._replace(values=unique(x, equal_nan=False))

    found.__name__ = function.__name__
    implements(function)(found)


_first_of_each(np.unique_all)
_first_of_each(np.unique_counts)
_first_of_each(np.unique_inverse)


@implements(np.trim_zeros)
def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: Axis = None) -> Any:
    """Return filt without the zeros at its front ('f') and its back ('b')."""
    x = ops.asarray(filt)
    value = plain_operand(x)
    if is_foreign(value):
        raise _unseen("np.trim_zeros", value, "x[start:stop]")
    held = np.nonzero(value)
    index: list[Any] = [slice(None)] * x.ndim
    for i in normalize_axes(axis, x.ndim):
        start, stop = (held[i].min(), held[i].max() + 1) if held[i].size else (0, 0)
        front, back = "f" in trim.lower(), "b" in trim.lower()
        if not held[i].size and not back:
            start = x.shape[i]
        index[i] = slice(int(start) if front else 0, int(stop) if back else None)
    return ops.getitem(x, index=tuple(index))


@implements(np.bincount)
def bincount(
    x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0
) -> Any:
    """Return z[k] = sum of the weights where x is k, differentiable in the weights."""
    if isinstance(x, node):
        raise ArgumentError(
            "np.bincount counts whole numbers, and a node is a float. Pass plain "
            "integers, and the node as weights."
        )
    if weights is None:
        return np.bincount(x, minlength=minlength)
    places, w = as_array(x), ops.asarray(weights)
    if is_complex(w):
        received = f"np.bincount needs real weights; received {describe(weights)}."
        raise ArgumentError(f"{received} Count w.real and w.imag by themselves.")
    if is_foreign(places) and not minlength:
        raise _unseen("np.bincount", places, "np.bincount(x, weights, minlength=n)")
    undecided = is_foreign(places) or (is_stand_in(places) and not places.may_decide)
    count = minlength  # greater places raise
    if not (undecided and minlength):
        count = max(minlength, int(places.max(initial=-1)) + 1)
    if not is_stand_in(places):
        places = places.astype(np.intp, casting="safe")
    return ops.unindex(cast(w, np.float64), index=places, shape=(count,))


# --------------------------------------------------------------------- over an axis


@implements(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Any:
    """Return func1d of each lane along an axis, joined."""
    x = ops.asarray(arr)
    (axis,) = own_axes(axis, x.ndim)
    x = moveaxis(x, axis, -1)
    lead = x.shape[:-1]
    if 0 in lead:
        raise ShapeError(
            f"np.apply_along_axis needs at least one lane; received {describe(arr)}."
        )
    lanes = [func1d(ops.getitem(x, index=i), *args, **kwargs) for i in np.ndindex(lead)]
    z = ops.stack([ops.asarray(lane) for lane in lanes])
    own = z.ndim - 1
    z = ops.reshape(z, (*lead, *z.shape[1:]))
    return moveaxis(z, tuple(range(-own, 0)), tuple(range(axis, axis + own)))


@implements(np.apply_over_axes)
def apply_over_axes(
    func: Callable[..., Any], a: ArrayLike, axes: int | Sequence[int]
) -> Any:
    """Return func applied over one axis after another, each kept with length one."""
    x = ops.asarray(a)
    for axis in normalize_axes(tuple(np.atleast_1d(axes).tolist()), x.ndim):
        z = func(x, axis)
        x = z if z.ndim == x.ndim else ops.expand_dims(z, axis)
    return x
