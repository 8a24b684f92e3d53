"""Places: where computed entries go in a sparse matrix, and how they are put there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.index_runs import runs_of
from chainrule.compiler.sparsity.structure import Structure
from chainrule.rules.namespace import plain
from chainrule.values.types import Array, Value

_np: Any = np


class Places:
    """The entries of a pattern by rows, and parts that are to be added there.

    Of a symmetric matrix those above the diagonal are copied from below it.
    """

    def __init__(self, pattern: Structure, *, symmetric: bool) -> None:
        """Number the entries."""
        self._pattern = pattern
        rows, columns = pattern.rows(), pattern.indices
        above = columns > rows if symmetric else _np.zeros(0, bool)
        self._above: Any = _np.flatnonzero(above).astype(_np.int32)
        self._below: Any = pattern.places_of(columns[self._above], rows[self._above])
        self._symmetric = symmetric
        self._parts: list[Any] = []
        self._places: list[Any] = []

    def wanted(self, rows: Array, columns: Array) -> Any:
        """Return which of these are computed: those in a column, not above."""
        some: Any = _np.asarray(columns) >= 0
        return some & (columns <= rows) if self._symmetric else some

    def of(self, rows: Array, columns: Array) -> Any:
        """Return the places of these entries; ``None`` if one is not there."""
        return self._pattern.places_of(rows, columns)

    def add(self, part: Value, places: Array) -> None:
        """Add a vector at these places, which are each there once."""
        self._parts.append(part)
        self._places.append(places)

    def added_to(self, base: Array) -> Any:
        """Return all entries: those in ``base``, with all parts added."""
        if not self._parts:
            return base[self._copies(base.size)]
        together = _np.concatenate(self._places)
        if _np.bincount(together).max() == 1 or self._add_up(base):
            return self._written(base)
        sums = plain.unindex(_joined(self._parts), index=(together,), shape=base.shape)
        sums = sums + base if _np.any(base) else sums
        return sums[self._copies(base.size)] if self._above.size else sums

    def _add_up(self, base: Array) -> bool:
        """Make one part of those that meet; tell whether no two meet any more.

        It holds the places of both, among which those of each have to be in one piece.
        """
        if any((_np.diff(at) <= 0).any() for at in self._places):
            return False  # one meets itself
        owner: Any = _np.full(base.size, -1, _np.int32)
        found: dict[int, tuple[Any, Any]] = {}
        for i, (part, at) in enumerate(zip(self._parts, self._places, strict=True)):
            for k in _np.flatnonzero(_np.bincount(owner[at] + 1)[1:]).tolist():
                both = _np.union1d(found[k][1], at)
                padded = [_padded(*each, both) for each in (found.pop(k), (part, at))]
                if any(x is None for x in padded):
                    return False
                part, at = padded[0] + padded[1], both
            found[i] = part, at
            owner[at] = i
        self._parts = [part for part, _ in found.values()]
        self._places = [at for _, at in found.values()]
        return True

    def _copies(self, count: int) -> Any:
        """Return where each entry is read."""
        found = _np.arange(count, dtype=_np.int32)
        found[self._above] = self._below
        return found

    def _written(self, base: Array) -> Any:
        """Return all entries where no two parts meet."""
        parts: list[Any] = []
        for part, at in zip(self._parts, self._places, strict=True):
            parts.append(part + base[at] if _np.any(base[at]) else part)
        places = self._places
        if self._above.size:
            parts, places = self._with_copies(parts, places, base.size)
            base = base[self._copies(base.size)]
        runs = [runs_of(at, base.size, RUNS) for at in places]
        if len(parts) == 1 or max(map(len, runs)) <= RUNS:
            for part, own, at in zip(parts, runs, places, strict=True):
                if not 1 < len(own) <= RUNS:
                    base = plain.setitem(base, part, index=run_of(at))
                    continue
                for run in own:
                    some = part[run.start : run.stop]
                    base = plain.setitem(base, some, index=run.places)
            return base
        table, where = _np.unique(base, return_inverse=True)
        together = _np.concatenate(places)
        where[together] = table.size + _np.arange(together.size)
        return _joined([table, *parts])[where]

    def _with_copies(
        self, parts: list[Any], places: list[Any], count: int
    ) -> tuple[list[Any], list[Any]]:
        """Return parts below the diagonal together with their copies above it."""
        target = _np.arange(count, dtype=_np.int32)
        target[self._below] = self._above
        for part, at in zip(list(parts), list(places), strict=True):
            to = target[at]
            other = _np.flatnonzero(to != at)
            if other.size:
                parts.append(part if other.size == at.size else part[run_of(other)])
                places.append(to[other])
        return parts, places


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else _np.concatenate(parts)


def _padded(part: Any, at: Array, places: Array) -> Any:
    """Return a part with zeros for the other places; ``None`` if it is not in a piece.

    All places are in order.
    """
    start = int(_np.searchsorted(places, at[0]))
    after = places.size - start - at.size
    if not _np.array_equal(places[start : start + at.size], at):
        return None
    zeros = [_np.zeros(n, part.dtype) for n in (start, after)]
    return _np.concatenate([x for x in (zeros[0], part, zeros[1]) if x.shape != (0,)])


RUNS = 4
"""Runs of places of a part up to which each is written by itself."""


def run_of(places: Array) -> Any:
    """Return an index of these places: a slice where they are evenly apart."""
    steps: Any = _np.diff(places)
    if steps.size and steps[0] > 0 and (steps == steps[0]).all():
        first, last = _np.take(places, [0, -1]).tolist()
        return slice(first, last + 1, int(steps[0]))
    return places


__all__ = ["Places", "run_of"]
