"""Lowering: a program as instructions, and calls in between where a tape has no form.

In: a ``Program`` of real numbers, booleans and integers. Out: a ``Builder``, which
holds the instructions, the places of every value, the constants to fill in, and the
calls. ``tape``, ``native_tape`` and the scans make functions of it.

Every value is known by the *places* of its entries in one flat workspace: an array of
integers of its shape. What only moves entries (a reshape, an index, a stack) therefore
runs no code at all: NumPy's own function is applied to the places. Elementwise rows,
reductions and small products become instructions, one per stretch of places with
constant steps. Any other row is called between two stretches of tape.

Numbers of float32 are held as float64: an instruction on them rounds its operands and
its result, so that sums, products, quotients and roots have float32's bits. Large
arrays of float32 are held as such; instructions read a copy.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.in_parts import PARTS, PartOf, is_pair, joined
from chainrule.compiler.native.meanings import (
    FLOATS,
    CannotLowerError,
    check_kind,
    is_single,
    name_of,
)
from chainrule.compiler.native.widening import widening
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.assembly import Assembly
from chainrule.compiler.tape.computed import adds_few
from chainrule.compiler.tape.flags import without_flag
from chainrule.compiler.tape.forms import (
    Places,
    form_of,
    may_grow,
    number_opcode,
)
from chainrule.compiler.tape.held import (
    ARGUMENT,
    BUFFERED,
    CALLED,
    FLOAT,
    HELD,
    SINGLE,
    WHOLE,
    Held,
    place_of,
    read_by_call,
    reads_held,
    shown_by,
)
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.liveness import Liveness, changes_arrays
from chainrule.compiler.tape.loops import lowered_entries
from chainrule.compiler.tape.parts import Columned, Outside, Part, Region
from chainrule.compiler.tape.places import is_exact
from chainrule.compiler.tracing.columns import OnEntries
from chainrule.compiler.tracing.rows import Row
from chainrule.progress import watched
from chainrule.values.shapes import SEQUENCES

_ALIGNED = 8  # arrays that start at multiples of 64 bytes are quicker


class Builder(Assembly):
    """Assigns places and writes instructions, row by row of a program."""

    size: int
    code: Code
    called: list[tuple[int, Outside | Region]]
    fuses: bool = True  # loops over large arrays, in the bodies of others

    def __init__(self, program: Program, *, hold: bool = False) -> None:
        """Lower all rows; with ``hold`` large arrays lie outside of the workspace."""
        super().__init__()
        self._hold = hold
        self.held: list[Held] = []
        self.at: dict[Row, Any] = {}
        """The places of each row, or a ``Held``; of a column, a ``Columned``, and of
        several results those of each."""
        self.slots: list[int] = []
        """Places that hold an address, and the next ones an integer."""
        self.columns: list[int] = []
        """Those that hold the address of a column's memory."""
        self.in_place: dict[tuple[Row, int], Places] = {}
        """Where results of calls go that are made in place of what these read."""
        self.depth: int = 0
        self._live: Liveness | None = None
        self._opcodes: dict[Any, int | None] = {}
        for x in program.inputs:
            if hold and is_pair(x):
                self.at[x] = [self.new(x.shape) for _ in PARTS]
                continue
            check_kind(x)
            kept = x.dtype in FLOATS or x.dtype.kind in "iu"
            held = kept and self._holds(x.shape)
            self.at[x] = (
                self._held(x.shape, ARGUMENT, x.dtype)
                if held
                else self.new(x.shape or ())
            )
        self._growing: list[Row] = self._may_grow(program.inputs)
        self._growing += self.lower(program)

    @property
    def whole(self) -> list[Places]:
        """Integers that may be too large to be exact: to be looked at in each run."""
        places = (place_of(self.at[x]) for x in self._growing)
        return [p for p in places if not isinstance(p, Held)]

    def lower(self, program: Program, own: Sequence[Places] = ()) -> list[Row]:
        """Lower the rows; return those of integers that may become too large.

        Those of its ``own`` inputs are written before each run of the rows.
        """
        outer = self._live
        self._live = Liveness(self, program, own) if changes_arrays(program) else None
        try:
            self._lower_rows(program)
        finally:
            self._live = outer
        return self._may_grow(x for x in program.rows if x in self.at)

    def _may_grow(self, rows: Iterable[Row]) -> list[Row]:
        """Return those of integers that may be too large."""
        return [x for x in rows if x.dtype == WHOLE and may_grow(x)]

    def _lower_rows(self, program: Program) -> None:
        at, of_numbers, live = self.at, self._of_numbers, self._live
        if live is not None:
            for x in program.inputs:
                live.note(x, at.get(x))
        with watched(program.rows, "lowering", "rows") as rows:
            for i, row in enumerate(rows):
                pause()
                if live is not None:
                    live.now = i
                number = of_numbers(row)
                at[row] = self._lowered(row) if number is None else number
                if live is not None:
                    live.note(row, at[row])

    def may_change(self, places: Places) -> bool:
        """Tell whether the row that is being lowered may write over places."""
        return self._live is not None and self._live.may_change(places)

    def to_change(self, places: Places) -> Places:
        """Return places in one piece which may be written over: a copy if need be."""
        if self.may_change(places):
            return places
        return self.elementwise("copy", np.shape(places), places)

    def noted(self, row: Row, places: Places) -> None:
        """Have a row at other places from now on."""
        self.at[row] = places
        if self._live is not None:
            self._live.note(row, places)

    @functools.cached_property
    def flag(self) -> int:
        """The place of a number that is not 0 where there is a nan that may not be."""
        return int(self.new(()))

    @functools.cached_property
    def large(self) -> int:
        """The same, where an integer is too large to be exact."""
        return int(self.new(()))

    def parts(self) -> list[Part]:
        """Return stretches of tape, and what is between them."""
        found: list[Part] = []
        start = 0
        for end, called in [*self.called, (len(self.code), None)]:
            if end > start:
                found.append(self.code[start:end])
            if called is not None:
                found.append(called)
            start = end
        return found

    # --------------------------------------------------------------------- regions

    @contextmanager
    def region(self) -> Generator[list[Part]]:
        """Have what is written now be parts of their own, which the list then holds."""
        outer = self.code, self.called
        self.code, self.called = Code(), []
        self.depth += 1
        found: list[Part] = []
        try:
            yield found
            found += self.parts()
        finally:
            self.code, self.called = outer
            self.depth -= 1

    def slot(self) -> int:
        """Return a place for an address; the next one is for another integer."""
        self.slots.append(self.size)
        return int(self.new((2,))[0])

    def column(self, like: Any, counted: int) -> Columned:
        """Return where the entries of a new column are."""
        found = Columned(self.slot(), like, counted)
        self.columns.append(found.slot)
        return found

    def _holds(self, shape: tuple[int, ...], least: int = HELD) -> bool:
        """Tell whether an array lies outside of the workspace: not in a region."""
        wanted = self._hold and not self.depth and shape
        return bool(wanted) and math.prod(shape) >= least

    def _holds_single(self, shape: tuple[int, ...] | None, dtype: Any) -> bool:
        """Tell whether an array is one of float32 outside of the workspace."""
        return dtype == SINGLE and shape is not None and self._holds(shape)

    def _held(self, shape: tuple[int, ...], role: int, dtype: Any = FLOAT) -> Held:
        """Hold a result of the call that comes now: integers as such, else floats."""
        kept = WHOLE if dtype.kind in "iu" else FLOAT
        if self._holds_single(shape, dtype):
            kept = SINGLE
        self.held.append(Held(shape, role, len(self.called), kept))
        return self.held[-1]

    def places(self, x: Any) -> Places:
        """Return the places of an argument: of a row, a constant, or a nest of them.

        What computes with numbers of float32 finds others rounded.
        """
        if self.single and isinstance(x, Row) and x.dtype in (FLOAT, WHOLE):
            return self.rounded(self.unrounded(x))
        return self.unrounded(x)

    def unrounded(self, x: Any) -> Places:
        """Return the places of an argument, whatever computes with it."""
        if isinstance(x, Row):
            found = self.at[x]
            if isinstance(found, Held):
                if found.dtype is SINGLE:
                    places = self._widened(x, found)
                else:
                    if found.places is None:
                        found.places = self.new(found.shape)
                    places = found.places
                return places if places.shape == x.shape else places.reshape(x.shape)
            return found
        if isinstance(x, SEQUENCES):
            return [self.places(v) for v in x]
        return self.constant(x)

    def _widened(self, x: Row, held: Held) -> Places:
        """Return the places of a copy of a large array of float32, made once."""
        if held.copied is None:
            if self.depth:
                raise CannotLowerError("large arrays of float32 in a loop")
            held.copied = self.new(held.shape)
            held.last = len(self.called)
            call = Outside(widening(x, held.shape), [held], [held.copied])
            self.called.append((len(self.code), call))
        return held.copied

    def _lowered(self, row: Row) -> Any:
        found = self._lowered_row(row)
        if self._holds_single(row.shape, row.dtype) and not isinstance(found, Held):
            raise CannotLowerError("large arrays of float32 that a loop makes")
        return found

    def _lowered_row(self, row: Row) -> Any:
        if row.function is operator.getitem and isinstance(row.args[0], Row):
            several = self.at[row.args[0]]
            if isinstance(several, list):
                return self._one_of(several, row)
        if row.shape is None:
            return self._several(row)
        if isinstance(row.function, PartOf):
            return self.at[row.args[0]][row.function.part]
        if row.function is joined:
            return [np.broadcast_to(self.places(x), row.shape) for x in row.args]
        check_kind(row)
        before = self.as_single(is_single(row))
        try:
            return self._of_one_result(row)
        finally:
            self.as_single(before)

    def _of_one_result(self, row: Row) -> Any:
        """Return the places of a row that is an array or a number."""
        shown = shown_by(row, self.at) if self.held else None
        if shown is not None:
            return shown
        large = self._holds(row.shape) or (self.held and reads_held(row, self.at))
        single = self._holds_single(row.shape, row.dtype)
        numpys = single or (large and not self.depth and not adds_few(row))
        form = None if numpys else form_of(row)
        if form is not None:
            try:
                found = form(self, row)
                return found if row.shape else int(found)
            except CannotLowerError:
                pass
        if getattr(row.function, "fills", False):
            return self._one_of(self._several(row), row)
        native = hasattr(row.function, "bound")
        if native and single and not hasattr(row.function, "of_singles"):
            raise CannotLowerError("native code of float64 for float32")
        role, least = (BUFFERED, LARGE) if native else (CALLED, HELD)
        held = self._holds(row.shape, least)
        result = self._held(row.shape, role, row.dtype) if held else self.new(row.shape)
        self._call(row, [result])
        return result

    def _one_of(self, several: Any, row: Row) -> Any:
        """Return one of several results; of what is computed as float64, rounded."""
        first = row.function is operator.getitem
        f, i = (row.args[0].function, row.args[1]) if first else (row.function, 0)
        rounds = getattr(f, "fills", False) and f.likes[i][1] != row.dtype == SINGLE
        return self.rounded(several[i]) if rounds else several[i]

    def _several(self, row: Row) -> Any:
        """Return the places of each result of a loop or a branch, or of a column."""
        if isinstance(row.function, OnEntries):
            return lowered_entries(self, row)
        lower = getattr(row.function, "lower", None)
        if lower is not None:
            return lower(self, row)
        if not getattr(row.function, "fills", False):
            raise CannotLowerError(f"{name_of(row)} is no part of a tape")
        results: list[Any] = [
            self._held(shape, BUFFERED, dtype)
            if (i < row.function.results and self._holds(shape, LARGE))
            or self._holds_single(shape, dtype)
            else self._result(row, i, shape)
            for i, (shape, dtype) in enumerate(row.function.likes)
        ]
        self._call(row, results)
        return without_flag(self, row, results)

    def _result(self, row: Row, i: int, shape: tuple[int, ...]) -> Places:
        """Return where a result of a call goes in the workspace."""
        found = self.in_place.get((row, i))
        return self.new(shape) if found is None else found

    def _call(self, row: Row, results: list[Any]) -> None:
        """Add a call of a row; in a region it is machine code on whole arrays."""
        if not self.depth:
            operands = read_by_call(self, row)
            self.called.append((len(self.code), Outside(row, operands, results)))
            return
        places = map(self.unrounded, row.operands)
        called = Outside(row, list(map(self.in_one_piece, places)), results)
        if not called.is_native:
            raise CannotLowerError(f"no form on a tape: {called.name}")
        called = replace(called, slot=self.slot())
        self.called.append((len(self.code), called))

    def _of_numbers(self, row: Row) -> int | None:
        """Write a ufunc of numbers of one dtype: most rows of long programs.

        ``None`` for any other row, and where the general form has more to look at.
        """
        f, dtype = row.function, row.dtype
        if row.shape != () or dtype not in FLOATS or type(f) is not np.ufunc:
            return None
        try:
            op = self._opcodes[f, dtype]
        except KeyError:
            op = self._opcodes[f, dtype] = number_opcode(f, dtype)
        if op is None or row.given:
            return None
        places = [0, 0, 0]
        for i, x in enumerate(row.args):
            if type(x) is Row:
                if x.dtype is not dtype or self.at[x] == self.absent:
                    return None
                places[i] = self.at[x]
            elif type(x) is float or (type(x) is int and is_exact(x)):
                places[i] = self.constant(x)
            else:
                return None
        z = self.size
        self.size += 1
        self.code.add_number(op, z, *places)
        return z


__all__ = ["Builder", "CannotLowerError", "Outside"]
