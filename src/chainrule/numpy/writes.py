"""NumPy's functions that write into an array: ``np.put``, ``np.copyto``, ``np.add.at``.

Each computes the new entries with recorded operations and assigns them, so that nodes
and traced arrays are written alike. What NumPy refuses is asked of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import EscapeError, MissingRuleError
from chainrule.nodes import remedies
from chainrule.nodes.admission import plain_index, plain_operand
from chainrule.nodes.out import may_write, shown, shown_index, write
from chainrule.nodes.recorder import next_serial, record
from chainrule.operations_grad.extremes_at import maximum_at_grad, minimum_at_grad
from chainrule.operations_grad.indexing import added_at_grad
from chainrule.values.foreign import first_foreign, is_foreign
from chainrule.values.indices import example_of, foreign_part, picks_once
from chainrule.values.shapes import describe, dtype_of, shape_of, size_of
from chainrule.values.types import Index, Operation
from chainrule.values.vertices import first_stand_in, raw
from chainrule.wrapping import implements

_np: Any = np


def writes(function: Operation) -> Callable[[Operation], Operation]:
    """Decorate what stands for a function of NumPy's that writes into an array."""
    return implements(function, writes=True)


def _written(target: ArrayLike, name: str) -> Any:
    """Return an array that may take nodes, or raise."""
    if not may_write(target):
        raise EscapeError(
            f"{name} would write a node into a plain array, which cannot remember how "
            f"it was computed. {remedies.ASSIGNED}"
        )
    return target


def _refuse(
    write: Callable[..., Any], target: Any, *given: Any, **options: Any
) -> None:
    """Raise what NumPy raises for a write, if it does, without writing.

    No foreign array is asked: its library refuses what is computed and assigned.
    """
    if not is_foreign(raw(target)):
        options = {k: shown(x) for k, x in options.items()}
        write(np.empty_like(shown(target)), *map(shown_index, given), **options)


def _plain_places(index: Index | ArrayLike, name: str) -> Any:
    """Return an index that says where numbers go; a foreign one is not asked."""
    parts: Any = index if isinstance(index, tuple) else (index,)
    foreign = first_foreign(parts)
    if foreign is not None:
        raise MissingRuleError(
            f"{name} at places in {describe(foreign)} would have to know them. Give "
            "them as an array of NumPy's, or write np.where(mask, v, x)."
        )
    return index


@writes(np.copyto)
def copyto(
    dst: Any, src: ArrayLike, casting: str = "same_kind", where: ArrayLike = True
) -> None:
    """Write ``src`` into an array, where ``where`` holds."""
    _written(dst, "np.copyto")
    _refuse(_np.copyto, dst, src, casting=casting, where=where)
    dst[...] = src if where is True else _np.where(plain_operand(where), src, dst)


@writes(np.put)
def put(a: Any, ind: ArrayLike, v: ArrayLike, mode: str = "raise") -> None:
    """Write ``v`` into entries of the flat array, repeated as often as it takes."""
    _written(a, "np.put")
    _refuse(_np.put, a, _plain_places(ind, "np.put"), v, mode=mode)
    places = _np.ravel(_np.take(_np.arange(a.size), ind, mode=mode))
    if places.size and size_of(v):
        values = v if not np.ndim(raw(v)) else _np.resize(v, places.shape)
        if not a.ndim:
            a[...] = _np.ravel(values)[-1]
            return
        a[_np.unravel_index(places, a.shape)] = values


@writes(np.place)
def place(arr: Any, mask: ArrayLike, vals: ArrayLike) -> None:
    """Write ``vals`` in turn into the entries where a mask holds."""
    _written(arr, "np.place")
    _refuse(_np.place, arr, mask, vals)
    holds: Any = _np.reshape(plain_operand(mask), arr.shape) != 0
    values: Any = _np.ravel(vals)
    if values.size:
        turn: Any = _np.reshape(_np.cumsum(holds) - 1, arr.shape) % values.size
        arr[...] = _np.where(holds, values[turn], arr)


@writes(np.putmask)
def putmask(a: Any, /, mask: ArrayLike, values: ArrayLike) -> None:
    """Write each entry of ``values``, repeated, where a mask holds at its place."""
    _written(a, "np.putmask")
    _refuse(_np.putmask, a, mask, values)
    if size_of(values):
        mask = _np.reshape(plain_operand(mask), a.shape) != 0
        a[...] = _np.where(mask, _np.resize(values, a.shape), a)


@writes(np.put_along_axis)
def put_along_axis(
    arr: Any, indices: ArrayLike, values: ArrayLike, axis: int | None
) -> None:
    """Write along an axis, at indices lane by lane."""
    _written(arr, "np.put_along_axis")
    if axis is not None:
        _np.put_along_axis._implementation(arr, indices, values, axis)
        return
    _refuse(_np.put_along_axis, arr, indices, values, None)
    arr[_np.unravel_index(_np.arange(arr.size)[indices], arr.shape)] = values


@writes(np.fill_diagonal)
def fill_diagonal(a: Any, val: ArrayLike, wrap: bool = False) -> None:
    """Write into the main diagonal, repeating the values."""
    _written(a, "np.fill_diagonal")
    _np.fill_diagonal._implementation(a, val, wrap)


# -------------------------------------------------------------------------- methods


def fill(x: Any, value: ArrayLike) -> None:
    """Write one number into all entries: ``x.fill(value)``."""
    if not is_foreign(value):
        _refuse(np.ndarray.fill, x, value)
    x[...] = value


def sort(x: Any, axis: int = -1, kind: str | None = None, order: None = None) -> None:
    """Sort the entries in place: ``x.sort()``."""
    x[...] = _np.sort(x, axis=axis, kind=kind, order=order)


def partition(
    x: Any,
    kth: int | Sequence[int],
    axis: int = -1,
    kind: str = "introselect",
    order: None = None,
) -> None:
    """Bring the k-th smallest entry into its place, in place: ``x.partition(k)``."""
    x[...] = _np.partition(x, kth, axis=axis, kind=kind, order=order)


METHODS: dict[str, Operation] = {
    "fill": fill,
    "partition": partition,
    "put": put,
    "sort": sort,
}
"""The methods of arrays that write into them."""


# ---------------------------------------------------------------------------- ufunc.at


@writes(np.ufunc.at)
def write_at(ufunc: np.ufunc, y: Any, index: Index, *values: Any) -> None:
    """Run a ufunc on entries of an array, in place; repeated ones take their turns."""
    _written(y, f"np.{ufunc.__name__}.at")
    if dtype_of(raw(y)) != np.result_type(y.dtype, *map(dtype_of, shown(values))):
        _refuse(ufunc.at, y, index, *values)
    _refuse(_broadcast_at, y, index, *values)
    if picks_once(index):
        y[index] = ufunc(y[index], *values)
    elif ufunc is np.add or ufunc is np.subtract:
        since = next_serial()
        value = values[0] if ufunc is np.add else ufunc(0, values[0])
        index = plain_index(index)
        write(y, record(added_at_grad, (y, value), {"index": index}), since)
    elif _is_extreme(ufunc) and first_foreign((raw(y), foreign_part(index))) is None:
        since = next_serial()
        of_ufunc = maximum_at_grad if ufunc is np.maximum else minimum_at_grad
        given = {"index": plain_index(index)}
        write(y, record(of_ufunc, (y, *values), given), since)
    else:
        index = _concrete(_plain_places(index, f"np.{ufunc.__name__}.at"))
        _write_in_turns(ufunc, y, index, values)


def _is_extreme(ufunc: np.ufunc) -> bool:
    return ufunc is np.maximum or ufunc is np.minimum


def _broadcast_at(empty: NDArray[Any], index: Index, *values: Any) -> None:
    known = index if foreign_part(index) is None else example_of(index)
    shape = np.shape(empty[known])
    for value in values:
        np.broadcast_to(np.empty(shape_of(value)), shape)


def _concrete(index: Index) -> Any:
    """Return an index with the numbers of the example: a guard, in a trace."""
    if isinstance(index, tuple):
        return tuple(map(_concrete, index))  # pyright: ignore[reportUnknownArgumentType]
    index = plain_index(index)
    return np.asarray(index) if first_stand_in(index) is not None else index


def _write_in_turns(
    ufunc: np.ufunc, y: Any, index: Index, values: Sequence[Any]
) -> None:
    """Write at each place once, then at those that come again, and so on."""
    places: Any = _np.arange(y.size).reshape(y.shape)[index]
    lanes = [
        _np.ravel(_np.broadcast_to(v, places.shape)) if shape_of(raw(v)) else v
        for v in values
    ]
    places = places.ravel()
    order: Any = _np.argsort(places, kind="stable")
    ordered = places[order]
    starts: Any = _np.searchsorted(ordered, ordered)
    turns: Any = _np.arange(places.size) - starts
    by_turn = order[_np.argsort(turns, kind="stable")]
    ends: Any = _np.cumsum(_np.bincount(turns))
    for chosen in _np.split(by_turn, ends)[:-1]:
        where = _np.unravel_index(places[chosen], y.shape)
        given = [v[chosen] if shape_of(raw(v)) else v for v in lanes]
        y[where] = ufunc(y[where], *given)
