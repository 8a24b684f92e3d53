"""The innermost loops of a nest: rows of vectors, and tiles of short rows.

In: the addresses of what is read and written in one row of the inner axis. Out: the
text that computes the row, phase by phase (``nest_phases``). Where rows are short, a
ufunc's loop is called for a *tile* of several: their results lie in its buffer one row
after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from chainrule.compiler.native.nest_phases import BLOCK
from chainrule.compiler.native.nest_plan import Access
from chainrule.compiler.native.nest_vectors import (
    Line,
    Place,
    Stretch,
    Totals,
    VectorWriter,
    neutral,
)

_EXACT = 16
"""Vectors that are added up without looking at what is lost: NumPy adds as many."""
SEVERAL = 4
"""Sums of a row that are added up beside each other, where that is little text."""
_LITTLE = 6
"""Steps of a nest that are that."""


class RowWriter(VectorWriter):
    """Writes rows of a plan."""

    # ------------------------------------------------------------------------ rows

    def row(self, pointers: list[str], at: Stretch, whole: Totals) -> None:
        """Write the loop over the inner axis; ``whole`` are totals of all entries."""
        begin, end = at.box[at.along]
        n, shared = end - begin, at.shared and self.split == at.along
        full = n - n % self.width
        own = self.opened_totals(self._along(at, whole), exact=self._is_long(n))
        line = self._line(pointers, at, {**whole, **own})
        if full:
            turns = self.shared_turns(full) if shared else str(full)
            start = self.plus("%first" if shared else "0", str(begin))
            few = n * self._numbers <= self._several * _EXACT * self.width
            if not self._phases.loops and (few or not line.totals):
                self._block(line, start, turns)
            else:
                with self.loop(turns, BLOCK) as loop:
                    count = self.least(self.add(f"sub i64 {turns}, {loop.i}"), BLOCK)
                    self._block(line, self.plus(loop.i, start), count)
        if full < n:
            with ExitStack() as where:
                if shared:
                    where.enter_context(self.where(self.add(f"icmp eq i64 %last, {n}")))
                self._block(line, str(begin + full), n - full)
        self.closed_totals(own, pointers)

    def _is_long(self, n: int) -> bool:
        """Tell whether the sum of a row may lose more than NumPy's would.

        Of ``SEVERAL`` sums each has few terms of a ``BLOCK``, and NumPy's own loses
        more with every doubling: up to 8 blocks, these lose less.
        """
        exact = 8 * BLOCK if self._several > 1 else _EXACT * self.width
        return n * self._numbers > exact

    @functools.cached_property
    def _several(self) -> int:
        """How many vectors of a row are added up beside each other."""
        little = len(self.plan.steps) <= _LITTLE and not self._phases.loops
        return SEVERAL if little else 1

    def _along(self, at: Stretch, whole: Totals) -> list[int]:
        """Return the reductions along the inner axis, but for those of all entries."""
        pairs = enumerate(self.plan.reductions)
        return [j for j, r in pairs if at.along in r.axes and j not in whole]

    def _line(self, pointers: list[str], at: Stretch, totals: Totals) -> Line:
        """Read what stays along a row."""
        still = {
            i: self._repeated(pointers[i], self.plan.inputs[i])
            for i in sorted(at.reads)
            if not self.plan.inputs[i].strides[at.along]
        }
        return Line(pointers, at, still, totals)

    def _repeated(self, pointer: str, a: Access) -> str:
        """Return a vector of one entry."""
        x, many = self.read_one(pointer, a), self.width * a.parts
        if a.parts == 1:
            return self.splat(x)
        return self.shuffled(x, "poison", 2, [i % 2 for i in range(many)])

    def _block(self, line: Line, i: str, count: str | int) -> None:
        """Write the phases of a stretch of the inner axis.

        It has whole vectors, as many numbers as a text says, or fewer than a vector.
        """
        for phase, calls in enumerate(self._phases.calls):
            self._stretch_of(line, phase, i, "0", count)
            for step in calls:
                operands = self.plan.steps[step].operands
                given = [self._given(line, x, i, "0") for x in operands]
                self._call(step, given, "0", count)

    def _stretch_of(
        self, line: Line, phase: int, i: str, kept: str, count: str | int
    ) -> None:
        """Write one phase of a stretch, whose results are kept from an entry on."""
        summed = self._of_phase(line.totals, phase)
        widths = [self._width(self.plan.reductions[j].step) for j in summed]
        names = [self.plan.reductions[j].name for j in summed]
        nothing = [
            self.literal(neutral(x), n) for x, n in zip(names, widths, strict=True)
        ]
        if isinstance(count, int):
            empty = dict(zip(summed, nothing, strict=True))
            totals = self.body(line, Place(phase, i, kept, count), empty)
        else:
            totals = dict(zip(summed, nothing, strict=True))
            first, whole = Place(phase, i, kept, self.width), "0"
            if summed and self._several > 1:
                whole = self.add(f"and i64 {count}, {-self._several * self.width}")
                part = "0", whole
                totals = self._looped(line, first, part, totals, self._several)
            totals = self._looped(line, first, (whole, count), totals)
        for j, name, width in zip(summed, names, widths, strict=True):
            self.add_in(name, width, totals[j], *line.totals[j])

    def _looped(
        self,
        line: Line,
        first: Place,
        part: tuple[str, str],
        totals: dict[int, str],
        several: int = 1,
    ) -> dict[int, str]:
        """Write a loop over the vectors of a part of a stretch; return its totals.

        It takes ``several`` at a time, each with totals of its own, which begin as
        these do: only one may have some already.
        """
        (start, stop), many = part, len(totals)
        carried = [(self.type(self._width_of(j)), x) for j, x in totals.items()]
        with self.loop(
            stop,
            several * self.width,
            carried * several,
            start=start,
            certain=start == "0" and several == 1,
        ) as loop:
            for k in range(several):
                own = loop.carried[k * many : (k + 1) * many]
                along = self.plus(loop.i, str(k * self.width))
                here = self.plus(first.i, along), self.plus(first.kept, along)
                place = Place(first.phase, *here, first.length)
                have = self.body(line, place, dict(zip(totals, own, strict=True)))
                loop.after += [have[j] for j in totals]
        return {j: self._added(j, loop.after[k::many]) for k, j in enumerate(totals)}

    def _added(self, j: int, xs: list[str]) -> str:
        """Return what a reduction makes of several vectors, pair by pair."""
        while len(xs) > 1:
            pairs = zip(xs[::2], xs[1::2], strict=True)
            name, width = self.plan.reductions[j].name, self._width_of(j)
            xs = [self.operation(name, width, *pair) for pair in pairs]
        return xs[0]

    def _width_of(self, j: int) -> int:
        """Return how many numbers a vector of a reduction has."""
        return self._width(self.plan.reductions[j].step)

    # ----------------------------------------------------------------------- tiles

    def is_tiled(self, at: Stretch) -> bool:
        """Tell whether several rows are worth one call of each ufunc's loop."""
        return bool(self._phases.loops) and 4 * at.length <= BLOCK

    def tile(
        self,
        pointers: list[str],
        steps: Sequence[int],
        at: Stretch,
        rows: str,
        whole: Totals,
    ) -> None:
        """Write so many rows, whose arrays are so many bytes apart, phase by phase."""
        n, begin = at.length, str(at.box[at.along][0])
        full = n - n % self.width
        for phase, calls in enumerate(self._phases.calls):
            with self.loop(rows) as loop:
                own = self._of_phase(dict.fromkeys(self._along(at, whole)), phase)
                totals = self.opened_totals(own, exact=self._is_long(n))
                moved = self._on(pointers, steps, loop.i)
                line = self._line(moved, at, {**whole, **totals})
                kept = self.add(f"mul i64 {loop.i}, {n}")
                if full:
                    self._stretch_of(line, phase, begin, kept, str(full))
                if full < n:
                    start = self.plus(begin, str(full)), self.plus(kept, str(full))
                    self._stretch_of(line, phase, *start, n - full)
                self.closed_totals(totals, moved)
            for step in calls:
                self._called_on(step, pointers, steps, at, rows)

    def _on(self, pointers: list[str], steps: Sequence[int], i: str) -> list[str]:
        """Return the addresses so many rows on."""
        return [self.at(p, i, s) for p, s in zip(pointers, steps, strict=True)]

    def _called_on(
        self,
        step: int,
        pointers: list[str],
        steps: Sequence[int],
        at: Stretch,
        rows: str,
    ) -> None:
        """Write the call of a ufunc's loop for a tile: for all rows, if it can be."""
        operands, begin = self.plan.steps[step].operands, str(at.box[at.along][0])
        if all(self._goes_on(x, steps, at) for x in operands):
            line = self._line(pointers, at, {})
            given = [self._given(line, x, begin, "0") for x in operands]
            count = self.add(f"mul i64 {rows}, {at.length}")
            self._call(step, given, "0", count)
            return
        with self.loop(rows) as loop:
            line = self._line(self._on(pointers, steps, loop.i), at, {})
            kept = self.add(f"mul i64 {loop.i}, {at.length}")
            given = [self._given(line, x, begin, kept) for x in operands]
            self._call(step, given, kept, at.length)

    def _goes_on(
        self, operand: tuple[str, Any], steps: Sequence[int], at: Stretch
    ) -> bool:
        """Tell whether the rows of an operand follow each other by its steps."""
        kind, x = operand
        if kind in ("step", "number"):
            return True
        place = at.pieces[int(x)] if kind == "pieces" else int(x)
        if place is None:
            return True
        return steps[place] == at.length * self.plan.inputs[place].strides[at.along]

    # ------------------------------------------------------------ calls of ufuncs

    def _call(
        self,
        step: int,
        given: Sequence[tuple[str, int]],
        kept: str,
        count: str | int,
    ) -> None:
        """Write the call of a ufunc's loop for a stretch."""
        loop = self._phases.loops[step]
        result = self.at(self._buffer(step), kept, self._bytes(step))
        places = [*given, (result, self._bytes(step))]
        args, steps = self._kept("args", 4, "ptr"), self._kept("steps", 4, "i64")
        for k, (pointer, stride) in enumerate(places):
            self.do(f"store ptr {pointer}, ptr {self.at(args, k, 8)}")
            self.do(f"store i64 {stride}, ptr {self.at(steps, k, 8)}")
        length = self._kept("length", 1, "i64")
        self.do(f"store i64 {count}, ptr {length}")
        self.unit.external.add(f"declare void @{loop.function}(ptr, ptr, ptr, ptr)")
        if loop.data:
            self.unit.external.add(f"@{loop.data} = external global i8")
        data = f"@{loop.data}" if loop.data else "null"
        passed = f"ptr {args}, ptr {length}, ptr {steps}, ptr {data}"
        self.do(f"call void @{loop.function}({passed})")

    def _given(
        self, line: Line, operand: tuple[str, Any], i: str, kept: str
    ) -> tuple[str, int]:
        """Return where an operand of a call is, and its bytes from each to the next."""
        kind, x = operand
        if kind == "step":
            size = self._bytes(int(x))
            return self.at(self._buffer(int(x)), kept, size), size
        if kind == "number":
            return self._alone(self.literal(x, 2), 2), 0
        place = line.at.pieces[int(x)] if kind == "pieces" else int(x)
        if place is None:
            return self._alone(self.literal(0.0, 2), 2), 0
        along = self.plan.inputs[place].strides[line.at.along]
        if not along and place in line.still:
            parts = self.plan.inputs[place].parts
            first = self.resized(line.still[place], self.width * parts, parts)
            return self._alone(first, parts), 0
        return self.at(line.pointers[place], i, along), along

    def _alone(self, x: str, count: int) -> str:
        """Return the address of a number that is put on the stack."""
        at = self._kept(f"number{len(self._stack)}", 2)
        self.store(x, at, count)
        return at


__all__ = ["RowWriter"]
