"""Liveness: which arrays of a tape may be changed where they are.

In: a program whose rows are lowered, one after the other. Out: whether an array is the
program's own, written anew in each run of its tape, and whether a later row reads it.
Rows share places (a view has some of its base's), so both are known by place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.movements import Places
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.computed import changes_part, has_computed_places
from chainrule.compiler.tape.held import place_of
from chainrule.compiler.tape.instructions import written_by
from chainrule.compiler.tape.places import is_one_piece, overlap, span
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ndarray

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

SEVERAL = 4
"""Copied are entries of which an array has so many times more, else it is itself."""
_ALWAYS = 1 << 60
_NEVER = -1

_PLACES: Any = (int, ndarray)


class Liveness:
    """The places of a program's values that may be written over.

    Attributes
    ----------
    now
        The number of the row that is being lowered.
    """

    def __init__(
        self, b: Builder, program: Program, own: Sequence[Places] = ()
    ) -> None:
        """Begin; the values at places of its ``own`` are written before each run."""
        self.now: int = 0
        self._b = b
        self._last = program.last_uses()
        self._until = np.full(b.size, _NEVER)
        self._own = np.zeros(b.size, dtype=bool)
        self._seen: tuple[int, int] = 0, 0
        self._rows: dict[Row, Any] = {}
        """The rows that are read later, and their places."""
        for places in own:
            self._own[places] = True

    def note(self, row: Row, at: Any) -> None:
        """Note that a row has these places, as long as it is read."""
        until = self._last.get(row, _NEVER)
        if row.shape is not None and row.dtype is not None and row.dtype.kind in "iu":
            until = _ALWAYS  # whether it is exact may be looked at in the end
        self._extend()
        self._mark(place_of(at), until)
        if until > self.now:
            self._rows[row] = at

    def _mark(self, at: Any, until: int) -> None:
        if isinstance(at, list):
            for part in at:  # pyright: ignore[reportUnknownVariableType]
                self._mark(place_of(part), until)
        elif isinstance(at, _PLACES):
            self._until[at] = np.maximum(self._until[at], until)

    def _extend(self) -> None:
        """Make room for the places that are new, and note those that are written."""
        b, have = self._b, len(self._own)
        if b.size > have:
            more = max(b.size, 2 * have) - have
            self._until = np.concatenate([self._until, np.full(more, _NEVER)])
            self._own = np.concatenate([self._own, np.zeros(more, dtype=bool)])
        instructions, called = self._seen
        for start, count in written_by(b.code[instructions:]):
            self._own[start : start + count] = True
        for _, part in b.called[called:]:
            for places in part.results:
                if isinstance(places, _PLACES):
                    self._own[places] = True
        self._seen = len(b.code), len(b.called)

    def may_change(self, places: Places) -> bool:
        """Tell whether the row that is being lowered may write over these places.

        Other operands of the row itself may be among them. A few entries that are read
        later, by views, are copied before.
        """
        if not is_one_piece(places):
            return False
        self._extend()
        start, n = span(places)
        own, until = (x[start : start + n] for x in (self._own, self._until))
        if not own.all():
            return False
        late = until > self.now
        return not late.any() or self._moved_away(places, int(late.sum()))

    def _moved_away(self, places: Places, late: int) -> bool:
        """Copy the few entries that are read later to other places, if that is all."""
        start, n = span(places)
        last = {x: self._last.get(x, _NEVER) for x in self._rows}
        self._rows = {x: at for x, at in self._rows.items() if last[x] > self.now}
        readers = [
            (x, at)
            for x, at in self._rows.items()
            if not isinstance(at, _PLACES) or overlap(places, at)
        ]
        if SEVERAL * late > n or not readers:
            return False
        if any(not isinstance(at, _PLACES) for _, at in readers):
            return False
        if any(x.dtype != np.float64 or SEVERAL * np.size(at) > n for x, at in readers):
            return False
        for x, at in readers:
            self._b.noted(x, self._b.elementwise("copy", np.shape(at), at))
        until = self._until[start : start + n]
        until[until > self.now] = self.now
        return True


def changes_arrays(program: Program) -> bool:
    """Tell whether a program may change arrays where they are, or has loops that do."""
    others = (x for x in program.rows if type(x.function) is not np.ufunc)
    return any(map(_may_change, others))


def _may_change(row: Row) -> bool:
    told = getattr(row.function, "told", None)
    inside: list[Program] = [] if told is None else told()["programs"]
    changes = has_computed_places(row) or changes_part(row)
    return changes or any(map(changes_arrays, inside))


__all__ = ["Liveness", "changes_arrays"]
