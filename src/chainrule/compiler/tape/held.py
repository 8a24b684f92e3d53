"""Large arrays of a tape, which lie outside of its workspace.

In: the shapes of results. Out: ``Held`` for these, and the memory of each. An
argument is read where it is, and a result is written into the array that is returned.
What is between has a buffer, which is free again after the last call that reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.calls import Changing
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.views import FLOAT, HELD, SINGLE, only_shows
from chainrule.compiler.programs.pool import Pool
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.parts import Outside
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

WHOLE: Any = np.dtype(np.int64)

ALWAYS = 1 << 60
"""The last call that reads what is read after all calls."""
ARGUMENT, RESULT, CALLED, BUFFERED = range(4)
"""What holds the entries: an argument, what is returned, NumPy, or a buffer."""


class Held:
    """A large array of float64, or of what a tape has as such; or one of integers.

    Attributes
    ----------
    role
        What holds the entries.
    places
        Those of the entries in the workspace, where instructions read them: then it is
        there, like small arrays.
    copied
        Those of a copy of float32 in the workspace, which instructions read.
    first, last
        The calls between which it is in use, by their number.
    becomes
        What is made in its place by the last call that reads it.
    dtype
        That of the array: int64 where NumPy alone reads and makes it, so that integers
        need not become floats, and indices again; float32 from ``HELD`` entries on.
    """

    def __init__(
        self, shape: tuple[int, ...], role: int, first: int, dtype: Any = FLOAT
    ) -> None:
        """Begin to hold it."""
        self.shape = shape
        self.dtype: Any = dtype
        self.size: int = math.prod(shape)
        self.role = role
        self.places: Any = None
        self.copied: Any = None
        self.first: int = first
        self.last: int = first
        self.becomes: Held | None = None


def place_of(x: Any) -> Any:
    """Return the places of a value; a ``Held`` where they are not in the workspace."""
    return x.places if isinstance(x, Held) and x.places is not None else x


def shown_by(row: Row, at: Mapping[Row, Any]) -> Held | None:
    """Return the large array that a row shows in another shape, if it does."""
    found: Any = at[row.operands[0]] if only_shows(row) else None
    if not isinstance(found, Held) or found.places is not None:
        return None
    whole = np.empty(row.operands[0].shape or ())
    view: Any = row.function(whole, *row.args[1:], **row.given)
    shows = np.may_share_memory(view, whole) and view.size == whole.size
    return found if shows and view.flags.c_contiguous else None


def reads_held(row: Row, at: Mapping[Row, Any]) -> bool:
    """Tell whether a row computes with a large array: it does not only move entries."""
    known = traits_of(row.function)
    if known.moves and not known.entrywise:
        return False
    operands = (at[x] for x in row.operands)
    return any(isinstance(x, Held) and x.size >= HELD for x in operands)


def read_by_call(b: Builder, row: Row) -> list[Any]:
    """Return where the operands are of a row that is called now.

    What machine code reads of the workspace is copied together, where instructions can;
    integers it reads there, as floats, unless it reads them as such.
    """
    native = hasattr(row.function, "bound")
    floats = native and not getattr(row.function, "reads_whole", False)
    singles = not native or hasattr(row.function, "of_singles")
    for x in row.operands:
        if not singles and isinstance(b.at[x], Held) and b.at[x].dtype is SINGLE:
            raise CannotLowerError("native code of float64 beside float32")
        if floats and isinstance(b.at[x], Held) and b.at[x].dtype is WHOLE:
            b.places(x)
        if isinstance(b.at[x], Held):
            b.at[x].last = len(b.called)
        elif native:
            with suppress(CannotLowerError):  # else NumPy collects its entries
                b.noted(x, b.in_one_piece(b.at[x]))
    return [b.at[x] for x in row.operands]


class Memory:
    """The memory of held arrays: buffers that several share, one after the other."""

    def __init__(
        self, held: Sequence[Held], outputs: Sequence[Held], calls: Sequence[Any]
    ) -> None:
        """Assign it; those of ``outputs`` are returned, and the ``calls`` by number."""
        self.held: list[Held] = [h for h in held if h.places is None]
        for h in outputs:
            if h.role == BUFFERED and h.size >= HELD:
                h.role = RESULT
            h.last = ALWAYS
        self._numbers: dict[Held, int] = {}
        self._pool = Pool()
        for i, call in enumerate(calls):
            if isinstance(call, Outside) and call.is_native:
                _overwrite(call, i)
        self._assign()

    def _assign(self) -> None:
        """Give each a buffer, or the memory of what is made of it in place."""
        busy: list[tuple[int, int]] = []
        roots = [h for h in self.held if h.role == BUFFERED and h.becomes is None]
        for h in sorted(roots, key=lambda h: h.first):
            for last, number in busy:
                if last < h.first:
                    self._pool.give(number)
            busy = [(last, n) for last, n in busy if last >= h.first]
            self._numbers[h] = self._pool.take(-(-h.size * h.dtype.itemsize // 8))
            busy.append((h.last, self._numbers[h]))

    @property
    def bytes(self) -> int:
        """The bytes of all buffers."""
        return 8 * sum(self._pool.sizes)

    def released(self, parts: Sequence[Any], arrays: Any) -> dict[int, list[Any]]:
        """Return what NumPy has made and nobody reads after a part, by its number."""
        calls = [i for i, x in enumerate(parts) if not isinstance(x, Code)]
        found: dict[int, list[Any]] = {}
        for h in self.held:
            if h.role == CALLED and h.last < ALWAYS:
                found.setdefault(calls[h.last], []).append(arrays[h])
        return found

    def arrays(self) -> dict[Held, Any]:
        """Return new memory: an array, or what changes from call to call."""
        pieces = [np.empty(n) for n in self._pool.sizes]
        own = {
            h: pieces[self._numbers[h]].view(h.dtype)[: h.size].reshape(h.shape)
            if h.role == BUFFERED
            else Changing(h.dtype)
            for h in self.held
            if h.becomes is None
        }
        return {h: own[_last_of(h)] for h in self.held}


def _overwrite(call: Outside, number: int) -> None:
    """Have results be in place of what is read for the last time, entry by entry."""
    may = getattr(call.row.function, "may_overwrite", None)
    if may is None:
        return
    of_buffers = [BUFFERED, RESULT]
    written = call.results[: getattr(call.row.function, "results", None)]  # not sums
    results = [h for h in written if isinstance(h, Held) and h.role in of_buffers]
    results = [h for h in results if h.places is None]
    pairs = list(zip(call.row.operands, call.operands, strict=True))
    for x, h in pairs:
        if any(at is h and row is not x for row, at in pairs):
            continue  # another operand shows it in another shape
        ends = isinstance(h, Held) and h.role == BUFFERED and h.last == number
        free = ends and h.places is None and h.becomes is None
        alike = (z for z in results if (z.size, z.dtype) == (h.size, h.dtype))
        of_size = next(alike, None) if free else None
        if of_size is not None and may(x, *call.row.args):
            results.remove(of_size)
            h.becomes = of_size
            of_size.first = h.first


def _last_of(h: Held) -> Held:
    """Return what is in the memory of an array in the end."""
    while h.becomes is not None:
        h = h.becomes
    return h


__all__ = [
    "ARGUMENT",
    "BUFFERED",
    "CALLED",
    "FLOAT",
    "HELD",
    "RESULT",
    "SINGLE",
    "WHOLE",
    "Held",
    "Memory",
    "place_of",
    "read_by_call",
    "reads_held",
    "shown_by",
]
