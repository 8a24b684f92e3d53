"""What a row only shows: a view of the array of another row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import kind_of, ndarray


@dataclass(frozen=True, eq=False)
class Shown:
    """What a value shows: a view of the array of another row, or its own."""

    base: Any
    array: Any
    view: Any


class Views:
    """Resolves what rows only show: by showing it of an array that nobody reads."""

    def __init__(self, *, floats: bool) -> None:
        """Start empty; with ``floats`` all arrays are of float64."""
        self.floats = floats
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
        return np.dtype(float) if self.floats or x.dtype is None else x.dtype

    def holds(self, kind: str) -> bool:
        """Tell whether numbers of a kind are held as such."""
        return kind == "double" or not self.floats

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
