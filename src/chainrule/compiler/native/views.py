"""What a row only shows: a view of the array of another row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import kind_of, ndarray

HELD = 1 << 12
"""Entries from which on a tape has an array outside of its workspace."""
FLOAT: Any = np.dtype(np.float64)
SINGLE: Any = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Shown:
    """What a value shows: a view of the array of another row, or its own."""

    base: Any
    array: Any
    view: Any


class Views:
    """Resolves what rows only show: by showing it of an array that nobody reads."""

    def __init__(self, *, floats: bool, singles: bool = False) -> None:
        """Start empty; with ``floats`` all arrays are of float64.

        With ``singles`` those of float32 are what they are from ``HELD`` entries on.
        """
        self.floats = floats
        self.singles = singles
        self._found: dict[Row, Shown] = {}
        self._constants: dict[int, Shown] = {}
        self._alive: list[Any] = []
        self._filled: dict[int, Any] = {}

    def of(self, x: Any) -> Shown:
        """Return what a row or a constant array shows."""
        if not isinstance(x, Row):
            found = self._constants.get(id(x))
            if found is None:
                found = self._constants[id(x)] = self._held(x)
                self._alive.append(x)  # so that no other has its number
            return found
        found = self._found.get(x)
        if found is None:
            found = self._found[x] = self._seen(x)
        return found

    def _seen(self, row: Row) -> Shown:
        if only_shows(row) and row.args[0].shape is not None:
            source = self.of(row.args[0])
            view: Any = row.function(source.view, *row.args[1:], **row.given)
            if kind_of(view) is ndarray and np.may_share_memory(view, source.array):
                return Shown(source.base, source.array, view)
        own = np.empty(row.shape or (), self.dtype_of(row))
        return Shown(row, own, own)

    def dtype_of(self, x: Any) -> Any:
        """Return the dtype in which a value is held."""
        if x.dtype is None:
            return FLOAT
        held = self.singles and x.dtype == SINGLE and math.prod(x.shape) >= HELD
        return x.dtype if held or not self.floats else FLOAT

    def holds(self, kind: str) -> bool:
        """Tell whether what is computed with a kind of numbers may be held."""
        return kind == "double" or self.singles or not self.floats

    def added_in(self, row: Row, real: Any) -> Any:
        """Return the dtype of what a loop with ``real`` numbers reduces a row in."""
        counts = row.args[0].dtype == np.bool_ and not self.floats
        return real if counts else self.dtype_of(row)

    def filled(self, x: Any) -> Any:
        """Return a constant array with each entry where its number says; or a row."""
        if isinstance(x, Row) or x.flags.c_contiguous:
            return x
        if id(x) not in self._filled:
            self._alive.append(x)
            self._filled[id(x)] = np.ascontiguousarray(x)
        return self._filled[id(x)]

    def _held(self, x: Any) -> Shown:
        """Hold a constant array: what repeats entries, once."""
        once = x[tuple(slice(None if step else 1) for step in np.asarray(x).strides)]
        own = np.ascontiguousarray(once, dtype=self.dtype_of(x)).reshape(once.shape)
        return Shown(own, own, np.broadcast_to(own, np.shape(x)))


def only_shows(row: Row) -> bool:
    """Tell whether a row may only show its one operand otherwise."""
    known = traits_of(row.function)
    return known.moves and known.views and row.reads_first
