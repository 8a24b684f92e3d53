"""Joining several arrays into one, and splitting one into several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.numpy.in_place import own
from chainrule.numpy.mirror import OWN
from chainrule.numpy.shape_functions import at_least, three_axes
from chainrule.operations import namespace as ops
from chainrule.values.shapes import describe, own_axes
from chainrule.values.types import Array
from chainrule.wrapping import implements

# ----------------------------------------------------------------------------- joining


def _joined(
    arrays: list[Any], axis: int, dtype: DTypeLike | None, casting: str
) -> Array:
    options = {} if dtype is None else {"dtype": dtype}
    return ops.concatenate(arrays, axis=axis, casting=casting, **options)


@implements(np.vstack, moves=True)
def vstack(
    tup: Sequence[ArrayLike],
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
) -> Any:
    """Return arrays joined as rows."""
    return _joined([at_least(x, 2) for x in tup], 0, dtype, casting)


@implements(np.hstack, moves=True)
def hstack(
    tup: Sequence[ArrayLike],
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
) -> Any:
    """Return arrays joined along their second axis, vectors along their only one."""
    arrays = [at_least(x, 1) for x in tup]
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return _joined(arrays, axis, dtype, casting)


@implements(np.dstack, moves=True)
def dstack(tup: Sequence[ArrayLike]) -> Any:
    """Return arrays joined along a third axis."""
    return ops.concatenate([three_axes(x) for x in tup], axis=2)


@implements(np.column_stack, moves=True)
def column_stack(tup: Sequence[ArrayLike]) -> Any:
    """Return arrays joined as columns."""
    arrays = [ops.asarray(x) for x in tup]
    columns = [x if x.ndim > 1 else ops.reshape(x, (-1, 1)) for x in arrays]
    return ops.concatenate(columns, axis=1)


@implements(np.append)
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Any:
    """Return arr with values after it, both flat if ``axis`` is ``None``."""
    return ops.concatenate([ops.asarray(arr), ops.asarray(values)], axis=axis)


@implements(np.block)
def block(arrays: ArrayLike) -> Any:
    """Return nested lists of blocks joined: the innermost along the last axis."""
    depth = _depth(arrays)
    leaves: list[Any] = []
    _collect(arrays, leaves)
    count = max(depth, *(x.ndim for x in leaves), 0)
    return own(_assembled(arrays, depth, count), *leaves)


def _depth(arrays: Any) -> int:
    """Return how deep the lists are nested; the same everywhere."""
    if isinstance(arrays, tuple):
        raise ArgumentError(
            "np.block joins lists; received a tuple. Write [a, b] where (a, b) stands."
        )
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(x) for x in arrays}  # pyright: ignore[reportUnknownVariableType]
    if len(depths) != 1:
        raise ShapeError(
            "np.block needs lists nested to one depth; received depths "
            f"{sorted(depths)}{'' if depths else ' (an empty list)'}."
        )
    return 1 + depths.pop()


def _collect(arrays: Any, leaves: list[Any]) -> None:
    if isinstance(arrays, list):
        for x in arrays:  # pyright: ignore[reportUnknownVariableType]
            _collect(x, leaves)
    else:
        leaves.append(ops.asarray(arrays))


def _assembled(arrays: Any, depth: int, count: int) -> Array:
    if not isinstance(arrays, list):
        return at_least(arrays, count)
    parts = [_assembled(x, depth - 1, count) for x in arrays]  # pyright: ignore
    return ops.concatenate(parts, axis=-depth)


# --------------------------------------------------------------------------- splitting


@implements(np.array_split)
def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return stretches of ary; a number of sections need not divide its length."""
    x = ops.asarray(ary)
    (axis,) = own_axes(axis, x.ndim)
    count = x.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"A number of sections must be > 0; received {sections}.")
        longer = count % sections
        lengths = [count // sections + (i < longer) for i in range(sections)]
        ends = np.cumsum([0, *lengths]).tolist()
    else:
        ends = [0, *(int(i) for i in indices_or_sections), count]
    lead = (slice(None),) * axis
    return [
        ops.getitem(x, index=(*lead, slice(start, end)))
        for start, end in pairwise(ends)
    ]


@implements(np.split)
def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return stretches of ary, of equal length if a number of sections is given."""
    x = ops.asarray(ary)
    (place,) = own_axes(axis, x.ndim)
    if np.ndim(indices_or_sections) == 0 and x.shape[place] % indices_or_sections:
        raise ShapeError(
            f"np.split cannot cut {x.shape[place]} entries into {indices_or_sections} "
            "equal sections. Use np.array_split, or give the indices."
        )
    return array_split(x, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Any]:
    """Return stretches along the second axis, of a vector along its only one."""
    x = _with_axes(ary, 1, "hsplit")
    return split(x, indices_or_sections, axis=1 if x.ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Any]:
    """Return stretches along the first axis."""
    return split(_with_axes(ary, 2, "vsplit"), indices_or_sections, axis=0)


@implements(np.dsplit)
def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Any]:
    """Return stretches along the third axis."""
    return split(_with_axes(ary, 3, "dsplit"), indices_or_sections, axis=2)


def _with_axes(ary: ArrayLike, count: int, name: str) -> Array:
    x = ops.asarray(ary)
    if x.ndim < count:
        raise ShapeError(
            f"np.{name} needs {count} axes or more; received {describe(x)}."
        )
    return x


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Return the slices of x along an axis."""
    x = ops.asarray(x)
    if x.ndim == 0:
        raise ShapeError(f"np.unstack needs at least one axis; received {describe(x)}.")
    (axis,) = own_axes(axis, x.ndim)
    lead = (slice(None),) * axis
    return tuple(ops.getitem(x, index=(*lead, i)) for i in range(x.shape[axis]))


if hasattr(np, "row_stack"):  # the old name of vstack, which makes no dispatch
    OWN[np.row_stack] = vstack  # pyright: ignore[reportDeprecated]
if hasattr(np, "unstack"):  # NumPy 2.1
    implements(np.unstack)(unstack)
