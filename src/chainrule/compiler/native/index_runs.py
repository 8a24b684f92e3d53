"""Indices of few runs: what they pick twice is put into zeros run by run.

In: a program. Out: the same, in which ``unindex`` at a constant index that goes along
one axis by steps, but for some places, is a sum of ``unindex`` at slices. So the
gradient of an array with repeated or mirrored borders (``np.pad``) is read in place by
the loops around it, and needs no pass of its own.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.movements import picks_some_twice
from chainrule.compiler.programs.program import Program, rewrite
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import as_tuple, picks_once, unindex
from chainrule.values.shapes import ARRAYS

_np: Any = np
MOST = 8
"""Runs of an index from which on its entries are counted one by one."""


class Run(NamedTuple):
    """Entries of an index, from one up to another, and the places that they name."""

    start: int
    stop: int
    places: slice


def unindex_runs(program: Program) -> None:
    """Let large arrays be put into zeros run by run, where that can be."""
    if any(map(_repeats, program.rows)):

        def replacement(row: Row, rows: list[Row]) -> Row:
            found = _by_runs(row) if _repeats(row) else []
            rows += found or [row]
            return rows[-1]

        rewrite(program, replacement, "indices")


def _repeats(row: Row) -> bool:
    """Tell whether a row puts an array into zeros at a constant index of integers."""
    if row.function is not unindex or not row.reads_first or not row.shape:
        return False
    return row.dtype.kind in "fc" and not picks_once(row.given["index"])


def _by_runs(row: Row) -> list[Row]:
    """Return the rows of the sum; none where there are too many."""
    index, shape = as_tuple(row.given["index"]), row.shape
    arrays = [i for i, part in enumerate(index) if isinstance(part, ARRAYS)]
    if math.prod(shape) < LARGE or len(arrays) != 1 or rows_in(index):
        return []
    (axis,) = arrays
    others = (*index[:axis], *index[axis + 1 :])
    if any(part != slice(None) for part in others) or not _is_list(index[axis]):
        return []
    runs = runs_of(index[axis], shape[axis])
    if len(runs) > MOST or not picks_some_twice(index[axis], shape[axis : axis + 1]):
        return []
    found: list[Row] = []
    total: Row | None = None
    before = (slice(None),) * axis
    x = row.args[0]
    for run in runs:
        part = x.with_call(operator.getitem, (x, (*before, slice(run.start, run.stop))))
        part.shape = (*x.shape[:axis], run.stop - run.start, *x.shape[axis + 1 :])
        given = {"index": (*before, run.places), "shape": shape}
        placed = row.with_call(unindex, (part,), given)
        found += [part, placed]
        if total is not None:
            placed = row.with_call(np.add, (total, placed))
            found.append(placed)
        total = placed
    return found


def _is_list(index: Any) -> bool:
    return index.ndim == 1 and index.dtype.kind in "iu" and index.size > 0


def runs_of(index: Any, n: int, most: int = MOST) -> list[Run]:
    """Return the runs of an index of an axis with ``n`` entries; at most ``most + 1``.

    >>> import numpy as np
    >>> [r.places for r in runs_of(np.array([0, 0, 1, 2, 3, 2]), 4)]
    [slice(0, 1, 1), slice(0, 4, 1), slice(2, 3, 1)]
    """
    places: Any = _np.where(index < 0, index + n, index)
    steps: Any = _np.diff(places)
    changes: Any = _np.flatnonzero(steps[1:] != steps[:-1]) + 1
    found: list[Run] = []
    start, count = 0, places.size
    while start < count and len(found) <= most:
        step = int(steps[start]) if start < count - 1 else 1
        after = int(_np.searchsorted(changes, start, "right"))
        stop = (int(changes[after]) if after < changes.size else count - 1) + 1
        if step == 0 or (stop == start + 2 < count):
            step, stop = 1, start + 1
        first, last = (
            int(places[start]),
            int(places[stop - 1]) + (1 if step > 0 else -1),
        )
        where = slice(first, last if last >= 0 else None, step)
        found.append(Run(start, stop, where))
        start = stop
    return found


__all__ = ["runs_of", "unindex_runs"]
