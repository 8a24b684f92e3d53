"""Places that are moved, and those that are added up where several go to one.

In: a row that moves entries, or adds them at indices, and the ``Builder`` that knows
their places. Out: the places of its result; ``CannotLowerError`` where NumPy runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.meanings import FLOATS, CannotLowerError
from chainrule.compiler.native.movements import (
    Places,
    moved,
    picked,
    picks_some_twice,
)
from chainrule.compiler.tape.computed import (
    at_computed_places,
    changed_in_region,
    changes_part,
    has_computed_places,
)
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import picks_once
from chainrule.values.types import Shape

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

_np: Any = np


def moved_places(b: Builder, row: Row) -> Places:
    """Move places as the function moves entries; place 0 holds 0."""
    if has_computed_places(row):
        return at_computed_places(b, row)
    changed = changed_in_region(b, row) if changes_part(row) else None
    return moved(row, b.places).astype(np.int64) if changed is None else changed


def added(b: Builder, shape: Shape, x: Places, y: Places) -> Places:
    """Write a sum; where one of two entries is absent, the other is the sum."""
    if not shape:
        if b.absent in (x, y):
            return y if x == b.absent else x
        return b.elementwise("add", shape, x, y)
    if all(b.start_of(p, shape) is not None for p in (x, y)):
        return b.elementwise("add", shape, x, y)
    flat: list[Any] = [np.ravel(np.broadcast_to(p, shape)) for p in (x, y)]
    x, y = flat
    both = (x != b.absent) & (y != b.absent)
    if both.all():
        return b.elementwise("add", shape, x.reshape(shape), y.reshape(shape))
    found: Any = _np.where(x == b.absent, y, x)
    if both.any():
        found[both] = b.elementwise("add", (int(both.sum()),), x[both], y[both])
    return found.reshape(shape)


def added_to(b: Builder, row: Row) -> Places:
    """Add to the places of an array what is added at an index."""
    index = row.given["index"]
    if has_computed_places(row):
        return at_computed_places(b, row)
    changed = changed_in_region(b, row) if changes_part(row) else None
    if changed is not None:
        return changed
    found = np.array(b.places(row.args[0]), order="C")  # _add_each flattens it
    part = b.places(row.args[1])
    if any(x.dtype != row.dtype for x in row.operands) or row.dtype not in FLOATS:
        raise CannotLowerError
    if not picks_once(index):
        _add_each(b, found, picked(index, found.shape), part)
        return found
    before = found[index]
    if before.shape:
        part = np.broadcast_to(part, before.shape)
        found[index] = added(b, before.shape, before, part)
    else:
        found[index] = added(b, (), int(before), int(np.ravel(part)[0]))
    return found


def unindexed(b: Builder, row: Row) -> Places:
    """Move places to those at an index, or add up what goes to the same."""
    index, shape = row.given["index"], row.given["shape"]
    fixed = not has_computed_places(row) and row.reads_first
    if not fixed or picks_once(index) or not picks_some_twice(index, shape):
        return moved_places(b, row)
    found: Any = _np.zeros(shape, np.int64)
    _add_each(b, found, picked(index, shape), b.places(row.args[0]))
    return found


def scattered(b: Builder, row: Row) -> Places:
    """Write what :class:`Scattered` does."""
    f: Any = row.function
    found: Any = _np.zeros(f.shape, np.int64)
    _add_each(b, found, f.places, np.ravel(b.places(row.args[0])))
    return found


def _add_each(b: Builder, found: Any, targets: Any, places: Places) -> None:
    """Add places to those at flat targets, in their order where these are equal."""
    if targets.size > _FEW_ADDED:
        raise CannotLowerError  # NumPy counts them together
    flat, sources = found.reshape(-1), np.broadcast_to(places, targets.shape).ravel()
    turns, seen = list[int](), dict[int, int]()
    for place in targets.ravel().tolist():
        seen[place] = seen.get(place, -1) + 1
        turns.append(seen[place])
    for k in range(max(turns, default=-1) + 1):
        now = np.equal(turns, k)
        to = targets.ravel()[now]
        flat[to] = added(b, to.shape, flat[to], sources[now])


_FEW_ADDED = 1 << 9
"""Entries that are added at an index which picks some twice, as instructions."""


def added_at_indices(b: Builder, row: Row) -> Places:
    """Add to the places at each index what is added there."""
    indices = row.given["indices"]
    if has_computed_places(row):
        return at_computed_places(b, row)
    found: Any = _np.full(row.shape, b.absent)
    for x, index in zip(row.args, indices, strict=True):
        if not picks_once(index):
            _add_each(b, found, picked(index, found.shape), b.places(x))
            continue
        before = found[index]
        if before.shape:
            part = np.broadcast_to(b.places(x), before.shape)
            found[index] = added(b, before.shape, before, part)
        else:
            found[index] = added(b, (), int(before), b.places(x))
    return found


__all__ = [
    "added",
    "added_at_indices",
    "added_to",
    "moved_places",
    "scattered",
    "unindexed",
]
