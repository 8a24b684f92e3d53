"""Rules of indexing: getitem, and its transpose unindex."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad import foreign_entries
from chainrule.rules import declare, linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, served
from chainrule.values.foreign import (
    PLAIN,
    first_foreign,
    is_foreign,
    library_of,
    made_like,
)
from chainrule.values.indices import as_tuple, foreign_part, picks_once
from chainrule.values.shapes import generic, laid_out, shape_of, unbroadcast
from chainrule.values.types import (
    ArrayValue,
    Index,
    Namespace,
    Parameters,
    Shape,
    Value,
)
from chainrule.values.vertices import first_stand_in, raw, stand_in

_add_at: Any = np.add.at


def getitem(x: Any, *, index: Index) -> Value:
    """Return ``x[index]``."""
    if x.__class__ not in PLAIN:
        library = library_of(x)
        if library is not None and library.getitem is not None:
            return library.getitem(x, index)
    elif x.__class__ is np.ndarray and type(index) not in _CONSTANT:
        trace = first_stand_in(index)
        if trace is not None:
            return trace.whole(getitem, (x,), {"index": index})
        other = foreign_part(index)
        if other is not None:
            return served(getitem, (made_like(x, other),), {"index": index}, other)
    return np.asarray(x)[index] if isinstance(x, (float, generic)) else x[index]


_CONSTANT: Any = frozenset((int, slice))


def unindex(x: Value, *, index: Index, shape: Shape) -> Value:
    """Return zeros of ``shape`` with ``x`` added at ``index``; repeats add up."""
    if isinstance(x, stand_in):
        return x.whole(unindex, (x,), {"index": index, "shape": shape})
    if is_foreign(x) or foreign_part(index) is not None:
        return foreign_entries.unindexed(x, index, shape)
    x = np.asarray(x)
    out = np.zeros(shape, dtype=x.dtype)
    if picks_once(index):
        out[index] = x
    else:
        _add_at(out, index, x)
    return out


def unindex_all(*parts: Value, indices: Sequence[Any], shape: Shape) -> Value:
    """Return zeros of ``shape`` with each part added at its index."""
    if first_foreign(parts) is not None or any(
        foreign_part(index) is not None for index in indices
    ):
        pairs = zip(parts, indices, strict=True)
        whole: list[Any] = [unindex(p, index=i, shape=shape) for p, i in pairs]
        return sum(whole[1:], whole[0])
    arrays = list(map(np.asarray, parts))
    out = np.zeros(shape, dtype=np.result_type(*arrays))
    for part, index in zip(arrays, indices, strict=True):
        add_at(out, index, part)
    return out


def add_at(buffer: NDArray[Any], index: Index, part: Value) -> None:
    """Add to an array in place, at an index; repeats add up."""
    if picks_once(index):
        buffer[index] += part
    else:
        _add_at(buffer, index, part)


def added_at(x: Value, y: Value, *, index: Index) -> Value:
    """Return a copy of ``x`` after ``np.add.at(x, index, y)``: repeats add in turn."""
    trace = first_stand_in(x, y, index)
    if trace is not None:
        return trace.whole(added_at, (x, y), {"index": index})
    if first_foreign((x, y)) is not None or foreign_part(index) is not None:
        return foreign_entries.added(x, index, y)
    x = np.asarray(x)
    z = laid_out(x, x)
    _add_at(z, index, y)
    return z


def _unindex_all(
    parts: Sequence[Any], *, indices: Sequence[Any], shape: Shape
) -> Value:
    return unindex_all(*parts, indices=indices, shape=shape)


def setitem(x: Value, y: Value, *, index: Index) -> Value:
    """Return a copy of ``x`` after ``x[index] = y``, in the same memory layout."""
    trace = first_stand_in(x, y, index)
    if trace is not None:
        return trace.whole(setitem, (x, y), {"index": index})
    if first_foreign((x, y)) is not None or foreign_part(index) is not None:
        return foreign_entries.assigned(x, index, y)
    x = np.asarray(x)
    z = laid_out(x, x)
    z[index] = y
    return z


def written_last(index: Index, *, shape: Shape) -> Value:
    """Return which entries of ``x[index] = y`` stay, where an index picks twice."""
    trace = first_stand_in(index)
    if trace is not None:
        return trace.whole(written_last, (index,), {"shape": shape})
    last = np.zeros(shape, np.intp)
    numbers = np.arange(last[index].size).reshape(last[index].shape)
    last[index] = numbers
    return last[index] == numbers


declare(written_last, may_raise=True)
EXTRA["added_at"] = added_at
EXTRA["getitem"] = getitem
EXTRA["setitem"] = setitem
EXTRA["unindex"] = unindex
EXTRA["unindex_all"] = _unindex_all


def are_together(parts: Sequence[bool]) -> bool:
    """Tell whether parts follow each other in an index: arrays, and integers with them.

    If they do not, the axes of the arrays come first in what is picked.
    """
    first, last = parts.index(True), len(parts) - parts[::-1].index(True)
    return all(parts[first:last])


def _is_of_numbers(index: Index) -> bool:
    """Tell whether the parts of an index that a trace computes are single integers."""
    parts = as_tuple(index)
    known = tuple(part for part in parts if not isinstance(part, stand_in))
    return picks_once(known) and all(
        part.shape == () and part.dtype.kind in "iu"
        for part in parts
        if isinstance(part, stand_in)
    )


def along_axis(indices: ArrayValue, axis: int, shape: Shape) -> tuple[Any, ...]:
    """Return the index that picks ``indices`` along an axis, lane by lane.

    ``x[along_axis(indices, axis, x.shape)]`` is ``take_along_axis(x, indices, axis)``.
    """
    axis = axis % len(shape)
    index: list[Any] = []
    for i, n in enumerate(shape):
        lane = [1] * len(shape)
        lane[i] = n
        index.append(indices if i == axis else np.arange(n).reshape(lane))
    return tuple(index)


class getitem_grad(linear):
    """z = x[index]"""

    views = True
    forward = getitem
    also: tuple[Any, ...] = (operator.getitem,)
    moves = may_raise = True
    structural = True
    nonnegative = True
    cases: Cases = (
        case((3,), index=1),
        case((3, 4), index=(slice(None), 1)),
        case((3, 4), index=(Ellipsis, None, slice(None, None, -2))),
        case((4,), index=np.array([0, 2, 2, -1])),
        case((3, 4), index=(np.array([[0], [2]]), np.array([1, 1, 3]))),
        case((2, 3), index=np.array([[True, False, True], [False, True, False]])),
        case((2, 3, 4), index=(slice(None), np.array([0, 2]), 1)),
        case((2, 3), index=(np.array([True, False]), slice(None, 2))),
        case((3,), index=[2, 2, 0]),
        case((), index=()),
        case((), index=None),
        case((0, 3), index=(slice(None), 1)),
    )

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, *, index: Index) -> Value:
        """x_grad = zeros with z_grad added at index"""
        return xp.unindex(z_grad, index=index, shape=shape_of(x))

    @classmethod
    def put(cls, xp: Namespace, z: Value, x: Value, parameters: Parameters) -> Any:
        """Return ``x`` after ``x[index] = z``"""
        return xp.setitem(x, z, **parameters)

    @staticmethod
    def accumulate_x(buffer: NDArray[Any], z_grad: Value, *, index: Index) -> None:
        """x_grad[index] += z_grad; a loop over x[i] then costs no array per element"""
        if not picks_once(index) and first_stand_in(index) is not None:
            raise TypeError("A trace changes no array at places that it computes.")
        add_at(buffer, index, z_grad)


class unindex_grad(linear):
    """z = zeros(shape); z[index] += x"""

    forward = unindex
    may_raise = True
    scatters = True
    nonnegative = True
    cases: Cases = (
        case((), index=1, shape=(3,)),
        case((4,), index=np.array([0, 2, 2, 1]), shape=(3,)),
        case((2, 2), index=(slice(None), slice(0, 2)), shape=(2, 3)),
        case((2,), index=np.array([[True, False], [False, True]]), shape=(2, 2)),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, index: Index, shape: Shape
    ) -> Value:
        """x_grad = z_grad[index]"""
        return xp.getitem(z_grad, index=index)


class unindex_all_grad(linear):
    """z = zeros(shape); z[indices[k]] += x[k] for every operand x[k]

    What the sweeps make of all cotangents of ``x[index]`` in a loop.
    """

    forward = unindex_all
    may_raise = True
    scatters = True
    nonnegative = True
    cases: Cases = (
        case((), (), indices=(1, -2), shape=(3,)),
        case((4,), (2,), indices=(np.array([0, 2, 2, 1]), slice(0, 2)), shape=(3,)),
        case((3,), (), indices=(0, (1, 2)), shape=(2, 3)),
    )

    @staticmethod
    def transposes(
        xp: Namespace,
        z_grad: Value,
        *parts: Value,
        indices: Sequence[Any],
        shape: Shape,
    ) -> list[Value]:
        """x_grad[k] = z_grad[indices[k]]"""
        return [xp.getitem(z_grad, index=index) for index in indices]


class setitem_grad(linear):
    """z = x, but z[index] = y"""

    forward = setitem
    moves = may_raise = True
    structural = True
    nonnegative = True
    cases: Cases = (
        case((3,), (), index=1),
        case((3, 4), (3,), index=(slice(None), 1)),
        case((3, 4), (2, 1), index=(slice(None, None, 2), slice(1, None))),
        case((3,), (1, 2), index=slice(1, None)),
        case((2, 3), (3,), index=(Ellipsis, None, slice(None))),
        case((4,), (3,), index=np.array([0, 2, -1])),
        case((4,), (4,), index=np.array([0, 2, 2, -2])),
        case((4,), (), index=[3, 3]),
        case((3, 4), (2, 3), index=(np.array([[0], [2]]), np.array([1, 1, 3]))),
        case((2, 3), (3,), index=np.array([[True, False, True], [False, True, False]])),
        case((2, 3), (), index=(np.array([True, False]), slice(None, 2))),
        case((0, 3), (), index=(slice(None), 1)),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, index: Index
    ) -> Value:
        """x_grad = z_grad, zero at index"""
        return xp.setitem(z_grad, 0.0, index=index)

    @staticmethod
    def transpose_y(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, index: Index
    ) -> Value:
        """y_grad = z_grad[index], where no later entry of y went"""
        y_grad = xp.getitem(z_grad, index=index)
        repeats = not picks_once(index) and not _is_of_numbers(index)
        if repeats and not is_foreign(raw(y_grad)):
            stays = written_last(index, shape=shape_of(x))
            y_grad = xp.where(stays, y_grad, 0.0)
        shape = shape_of(y)
        extra = max(len(shape) - len(shape_of(y_grad)), 0)
        y_grad = unbroadcast(xp, y_grad, shape[extra:])
        return xp.reshape(y_grad, shape) if extra else y_grad

    @staticmethod
    def overwrite_x(
        buffer: NDArray[Any], part: NDArray[Any] | float, *, index: Index
    ) -> None:
        """Z = x in the memory of x, or x_grad in that of z_grad with a part of zero"""
        buffer[index] = part


class added_at_grad(linear):
    """z = x, and z[index] += y for each entry of y: a repeated index adds up"""

    forward = added_at
    may_raise = True
    nonnegative = True
    cases: Cases = (
        case((3,), (), index=np.array([1, 1])),
        case((4,), (4,), index=np.array([0, 2, 2, -2])),
        case((3, 4), (2, 3), index=(np.array([[0], [2]]), np.array([1, 1, 3]))),
        case((3, 2), (2,), index=[2, 0, 2]),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, index: Index
    ) -> Value:
        """x_grad = z_grad"""
        return z_grad

    @staticmethod
    def transpose_y(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, index: Index
    ) -> Value:
        """y_grad = z_grad[index], summed over what was broadcast"""
        return unbroadcast(xp, xp.getitem(z_grad, index=index), shape_of(y))
