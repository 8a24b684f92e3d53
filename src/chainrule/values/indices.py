"""What an index picks: how often, and in what kind of way."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.values.foreign import first_foreign, is_foreign
from chainrule.values.shapes import shape_of
from chainrule.values.types import Index, Shape
from chainrule.values.vertices import raw, stand_in

_np: Any = np


def as_tuple(index: Index) -> tuple[Any, ...]:
    """Return an index as a tuple with one part or more."""
    if isinstance(index, tuple):
        return index  # pyright: ignore[reportUnknownVariableType]
    return (index,)


def foreign_part(index: Index) -> Any:
    """Return the first foreign array in an index; ``None`` if there is none."""
    return None if type(index) in _SINGLE else first_foreign(as_tuple(index))


_SINGLE = frozenset((int, slice))


def is_basic(index: Index) -> bool:
    """Tell whether an index consists of integers, slices, ``None`` and an ellipsis."""
    return all(
        part is None or part is Ellipsis or isinstance(part, int | slice | np.integer)
        for part in as_tuple(index)
    )


def picks_once(index: Index) -> bool:
    """Tell whether an index surely picks no element twice: slices, integers, masks."""
    if type(index) is int or type(index) is slice:
        return True
    for part in as_tuple(index):
        if type(part) is int or type(part) is slice or part is None:
            continue
        if part is Ellipsis or isinstance(part, bool | np.bool_ | np.integer):
            continue
        is_mask = type(part) is np.ndarray and part.dtype == bool
        if not is_mask and not _is_computed(part):
            return False
    return True


def picks_apart(index: Index, shape: Shape) -> bool:
    """Tell whether an index, of numbers too, picks no element of an array twice.

    Those of a foreign array are not asked: they may.
    """
    if picks_once(index):
        return True
    parts = [part for part in as_tuple(index) if part is not None]
    if any(map(is_foreign, parts)):
        return False
    axis, places = 0, np.zeros((), int)
    for part in parts:
        if part is Ellipsis:
            axis += len(shape) - sum(_axes_of(p) for p in parts if p is not Ellipsis)
        elif isinstance(part, slice):
            axis += 1
        else:
            given = np.asarray(part)
            for numbers in given.nonzero() if given.dtype == bool else (given,):
                places = places * shape[axis] + numbers % shape[axis]
                axis += 1
    return _np.unique(places).size == places.size


def example_of(index: Index) -> Index:
    """Return an index with zeros for foreign arrays: it picks as many entries."""
    return tuple(
        np.zeros(part.shape, np.intp) if is_foreign(part) else part
        for part in as_tuple(index)
    )


def _axes_of(part: Any) -> int:
    """Return how many axes of an array a part of an index takes up."""
    given: Any = np.asarray(part)
    return given.ndim if given.dtype == bool else 1


def same_index(x: Index, y: Index) -> bool:
    """Tell whether two indices are the same numbers and slices."""
    if type(x) is not type(y):
        return False
    if isinstance(x, tuple):
        return len(x) == len(y) and all(map(same_index, x, y))  # pyright: ignore
    return x is y or (isinstance(x, int | slice | np.integer) and bool(x == y))


def plain_slice(index: slice) -> slice:
    """Return a slice with integers for traced ends: guards, which decide on shapes."""
    ends = index.start, index.stop, index.step
    if not any(isinstance(x, stand_in) for x in ends):
        return index
    return slice(*(x if x is None else operator.index(x) for x in ends))


def written_where(xp: Any, y: Any, index: Index, value: Any) -> Any:
    """Return ``y`` with a value where a computed mask holds; else ``None``.

    It is a choice: the number of entries that the mask picks has no part in it.
    """
    masked = _computed_mask(index, y.shape, len(shape_of(raw(value))))
    if masked is None:
        return None
    mask, ones = masked
    z = xp.where(xp.reshape(mask, mask.shape + ones), value, y)
    return z if z.dtype == y.dtype else xp.astype(z, y.dtype)


def _computed_mask(index: Index, shape: Shape, rank: int) -> Any:
    """Return a traced or lazy mask, and axes to add to it; ``None`` if it is none.

    What is written where it holds has so many axes at most that none counts the
    entries it picks: their number is another for other values. Beside the mask there
    are whole slices only.
    """
    parts = as_tuple(index)
    masks = [i for i, part in enumerate(parts) if _is_computed(part)]
    others = [part for i, part in enumerate(parts) if i not in masks]
    whole = all(is_whole(part) for part in others)
    if len(masks) != 1 or not whole or others.count(Ellipsis) > 1:
        return None
    mask = parts[masks[0]]
    axis = masks[0]
    if Ellipsis in parts[:axis]:
        axis = len(shape) - mask.ndim - (len(parts) - 1 - axis)
    end = axis + mask.ndim
    if shape[axis:end] != mask.shape or rank > len(shape) - end:
        return None
    return mask, (1,) * (len(shape) - end)


def is_whole(part: Any) -> bool:
    """Tell whether a part of an index is all of an axis, or of several."""
    return part is Ellipsis or (type(part) is slice and part == slice(None))


def _is_computed(part: Any) -> bool:
    if not (isinstance(part, stand_in) or is_foreign(part)):
        return False
    return part.dtype == np.bool_
