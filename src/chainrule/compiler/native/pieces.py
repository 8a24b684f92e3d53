"""Pieces: arrays that are put together of others, box by box.

In: a row that moves entries, perhaps of what was moved before. Out: the arrays that its
entries are of, and boxes in each of which it is one of these, read by constant steps,
or 0. So a slice of a concatenation of slices is read where the entries are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.movements import is_movement, moved
from chainrule.compiler.native.nest_plan import Box
from chainrule.compiler.programs.common_subexpressions import argument_key
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ARRAYS, SEQUENCES

_np: Any = np
Array = np.ndarray[Any, Any]
LONG = 1 << 31
"""So many entries of arrays need longer numbers."""
MOST = 1 << 26
"""Entries that are looked at in one program: it takes some nanoseconds each."""
CUTS, ARRAYS_READ = 8, 8
"""Stretches along an axis, and arrays, of which something is put together."""


class Part(NamedTuple):
    """A box, the array that its entries are of, and where: ``None`` where they are 0.

    Entry i of the box is at ``start + sum(steps * i)`` of the array's entries.
    """

    box: Box
    array: int | None
    start: int
    steps: tuple[int, ...]


@dataclass(eq=False)
class Pattern:
    """Which entries of which arrays; equal ones are one object, with one ``serial``.

    A movement's arrays are some of those of its operands: ``read`` says which.
    """

    serial: int
    shape: tuple[int, ...]
    bases: tuple[int, ...]
    """The places of the arrays' first entries, and the one after the last."""
    parts: list[Part]
    read: tuple[int, ...] = (0,)

    def places(self, by: int) -> Any:
        """Return the numbers of the entries, those of all arrays one after the other.

        They are counted from ``by + 1`` on; 0 is none. They take more memory than
        arrays that are computed, so nobody keeps them.
        """
        found: Any = _np.zeros(self.shape, np.int32)
        for box, array, start, steps in self.parts:
            if array is None:
                continue
            inside = found[(..., *(slice(a, b) for a, b in box))]
            inside += np.int32(by + self.bases[array] + start)
            lengths = [np.arange(b - a, dtype=np.int32) for a, b in box]
            for step, along in zip(steps, _np.ix_(*lengths), strict=True):
                inside += np.int32(step) * along
        return found


class Pieced(NamedTuple):
    """A value by its pattern, and the rows and constant arrays of that."""

    pattern: Pattern
    arrays: tuple[Any, ...]


class Pieces:
    """Resolves what rows are put together of."""

    def __init__(self) -> None:
        """Start empty."""
        self._found: dict[Row, Pieced | None] = {}
        self._patterns: dict[Any, Pattern | None] = {}
        self._looked = 0

    def of(self, row: Row) -> Pieced | None:
        """Return what a row is put together of; ``None`` if it is not."""
        waiting = [row]  # not by recursion: chains of movements may be long
        while waiting:
            x = waiting[-1]
            operands = [v for v in _moved_by(x) if v not in self._found]
            if operands and x not in self._found:
                waiting += operands
                continue
            waiting.pop()
            if x not in self._found:
                self._found[x] = self._pieced(x) if _is_piecewise(x) else None
        return self._found[row]

    def _pieced(self, row: Row) -> Pieced | None:
        operands: list[Pieced] = []
        args = self._key(row.args, operands, row.dtype)
        key = row.function, args, argument_key(row.given), row.dtype
        if key not in self._patterns:
            self._patterns[key] = self._pattern(row, operands)
        pattern = self._patterns[key]
        if pattern is None:
            return None
        arrays = [x for one in operands for x in one.arrays]
        return Pieced(pattern, tuple(arrays[i] for i in pattern.read))

    def _key(self, x: Any, operands: list[Pieced], dtype: Any) -> Any:
        """Return what is equal for equal movements; collect their operands."""
        if isinstance(x, SEQUENCES):
            return tuple(self._key(v, operands, dtype) for v in x)
        if not isinstance(x, Row):
            if _is_moved(x, dtype):
                operands.append(self._own(x))
                return operands[-1].pattern.serial, "constant"
            return argument_key(x)
        operands.append(self._found.get(x) or self._own(x))
        return operands[-1].pattern.serial, "pattern"

    def _own(self, x: Any) -> Pieced:
        """Return an array as put together of itself."""
        shape = np.shape(x) if not isinstance(x, Row) else x.shape or ()
        found = self._patterns.get(("own", shape))
        if found is None:
            size = math.prod(shape)
            steps = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
            whole = Part(tuple((0, n) for n in shape), 0, 0, steps)
            found = Pattern(len(self._patterns), shape, (1, size + 1), [whole])
            self._patterns["own", shape] = found
        return Pieced(found, (x,))

    def _pattern(self, row: Row, operands: Sequence[Pieced]) -> Pattern | None:
        """Move the places of the operands' entries."""
        self._looked += math.prod(row.shape or ())
        if self._looked > MOST:
            return None
        bases, shifts = [1], list[int]()
        for one in operands:
            shifts.append(bases[-1] - 1)
            bases += [b + shifts[-1] for b in one.pattern.bases[1:]]
        if bases[-1] >= LONG:
            return None
        pairs = zip(operands, shifts, strict=True)
        rest = (one.pattern.places(by) for one, by in pairs)

        def places_of(x: Any) -> Any:
            if isinstance(x, SEQUENCES):
                return [places_of(v) for v in x]
            if isinstance(x, Row) or _is_moved(x, row.dtype):
                return next(rest)
            raise CannotLowerError  # a number: it is in no array

        try:
            places = moved(row, places_of).astype(np.int32, copy=False)
        except CannotLowerError:
            return None
        if places.shape != row.shape or next(rest, None) is not None:
            return None
        return self._of_those_read(places, bases)

    def _of_those_read(self, places: Array, bases: Sequence[int]) -> Pattern | None:
        """Return a pattern of the arrays of which there are entries."""
        owners = _owners(places, bases)
        if len(bases) > ARRAYS_READ:
            counts = _np.bincount(owners.ravel(), minlength=len(bases))[1:]
        else:  # bincount would copy
            counts = [np.count_nonzero(owners == i) for i in range(1, len(bases))]
        read = np.flatnonzero(counts).tolist()
        if len(read) > ARRAYS_READ:
            return None
        if len(read) < len(bases) - 1:
            places, owners, bases = _without_others(places, owners, bases, read)
        parts = _parts_of(places, owners, bases)
        if parts is None:
            return None
        equal = tuple(read), tuple(bases), places.shape, tuple(parts)
        if equal not in self._patterns:
            self._patterns[equal] = Pattern(
                len(self._patterns), places.shape, tuple(bases), parts, tuple(read)
            )
        return self._patterns[equal]


def _is_piecewise(row: Row) -> bool:
    """Tell whether a row moves entries of arrays of its own dtype."""
    if not row.shape or row.dtype is None or not is_movement(row):
        return False
    return all(x.dtype == row.dtype and x.shape is not None for x in row.operands)


def _is_moved(x: Any, dtype: Any) -> bool:
    """Tell whether a constant is an array of the numbers that are moved."""
    return isinstance(x, ARRAYS) and x.dtype == dtype and x.dtype.kind in "fc"


def _moved_by(row: Row) -> list[Row]:
    return row.operands if _is_piecewise(row) else []


def _without_others(
    places: Array, owners: Array, bases: Sequence[int], read: Sequence[int]
) -> tuple[Any, Any, list[int]]:
    """Return places, their owners and bases as if there were only the arrays read."""
    kept, back = [1], np.zeros(len(bases), dtype=places.dtype)
    number = np.zeros(len(bases), dtype=owners.dtype)
    for i in read:
        back[i + 1] = kept[-1] - bases[i]
        number[i + 1] = len(kept)
        kept.append(kept[-1] + bases[i + 1] - bases[i])
    return places + back[owners], number[owners], kept


def _owners(places: Array, bases: Sequence[int]) -> Any:
    """Return which array each place is in, from 1 on; 0 is none."""
    if len(bases) > ARRAYS_READ:
        return _np.searchsorted(bases, places, side="right").astype(_np.int32)
    found: Any = _np.zeros(places.shape, _np.uint8)
    for base in bases:
        found += places >= base
    return found


# ------------------------------------------------------------------------------ boxes


def _parts_of(places: Array, owners: Array, bases: Sequence[int]) -> list[Part] | None:
    """Return the boxes in which places go by constant steps; ``None``: too many."""
    if places.size == 0:
        return None
    axes: list[list[tuple[int, int]]] = []
    for axis in range(places.ndim):
        stretches = _stretches(places, owners, axis)
        if len(stretches) > CUTS:
            return None
        axes.append(stretches)
    found: list[Part] = []
    for box in itertools.product(*axes):
        inside = tuple(slice(a, b) for a, b in box)
        part = _part(box, places[inside], owners[inside], bases)
        if part is None:
            return None
        found.append(part)
    return found


def _stretches(places: Array, owners: Array, axis: int) -> list[tuple[int, int]]:
    """Return where along an axis the steps are the same, and the owners."""
    n = places.shape[axis]
    size = places.size // n
    steps = np.moveaxis(np.diff(places, axis=axis), axis, 0).reshape(n - 1, size)
    others = np.moveaxis(np.diff(owners, axis=axis), axis, 0).reshape(n - 1, size)
    cuts = np.flatnonzero((others != 0).any(axis=1)) + 1
    alike = np.zeros(n - 1, dtype=bool)
    alike[:-1] = (steps[1:] == steps[:-1]).all(axis=1)
    return list(itertools.islice(_cut(n, cuts, alike), CUTS + 1))


def _cut(n: int, cuts: Array, alike: Array) -> Iterator[tuple[int, int]]:
    """Yield stretches: up to a cut, or where a step is not like the one before."""
    ends, start = np.flatnonzero(~alike) + 2, 0
    while start < n:
        stop = int(ends[np.searchsorted(ends, start + 2)]) if start + 1 < n else n
        if start + 2 < n and not alike[start] and alike[start + 1]:
            stop = start + 1  # by itself: the stretch begins after it
        later = cuts[np.searchsorted(cuts, start + 1) :]
        stop = min(stop, int(later[0])) if later.size else stop
        yield start, stop
        start = stop


def _part(box: Box, places: Array, owners: Array, bases: Sequence[int]) -> Part | None:
    first, owner = int(places.flat[0]), int(owners.flat[0])
    steps = tuple(
        int(places[(0,) * i + (1,) + (0,) * (places.ndim - i - 1)]) - first
        if n > 1
        else 0
        for i, n in enumerate(places.shape)
    )
    expected: Any = first
    for step, i in zip(steps, np.ogrid[tuple(map(slice, places.shape))], strict=True):
        expected = expected + step * i
    if not (np.all(owners == owner) and np.array_equal(places, expected)):
        return None
    if owner == 0:
        return Part(box, None, 0, steps)
    return Part(box, owner - 1, first - bases[owner - 1], steps)


__all__ = ["Part", "Pieced", "Pieces"]
