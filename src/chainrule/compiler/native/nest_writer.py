"""Loops of a nest, written in the language of LLVM.

In: a ``Plan``. Out: a function of the arrays' objects. The innermost loop runs over the
axis with most entries in a row, a vector at a time. Where operands are put together of
several arrays, each box in which the same are read has loops of its own; threads share
those of the largest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from chainrule.compiler.native.complex_writer import ComplexWriter, Number
from chainrule.compiler.native.nest_phases import BLOCK, phases_of
from chainrule.compiler.native.nest_plan import (
    Access,
    Box,
    Plan,
    contiguous,
)
from chainrule.compiler.native.operations import REDUCTIONS
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD


class _Stretch(NamedTuple):
    """A box, its innermost axis, and whether threads share it; what is read in it."""

    box: Box
    along: int
    shared: bool
    pieces: list[int | None]
    """The input that each operand of pieces is."""
    reads: set[int]


class _Row(NamedTuple):
    """A row of the inner axis: the arrays' addresses, and what stays along it."""

    pointers: list[str]
    at: _Stretch
    still: dict[int, str]
    totals: dict[int, tuple[str, str]]
    """Of reductions along it: where the total is, and what it lost in rounding."""


class _Place(NamedTuple):
    """A vector: its phase, the start of its stretch, where in that, and how long."""

    phase: int
    block: str
    i: str
    length: int


class NestWriter(ComplexWriter):
    """Writes the loops of a plan."""

    def __init__(self, unit: Unit, plan: Plan) -> None:
        """Look which axes the loops go over."""
        super().__init__(unit, [RECORD], plan.real)
        self.plan = plan
        self.outs: list[Access] = [
            contiguous(plan.shape, dtype) for _, dtype in plan.results
        ]
        self.sums: list[Access] = [
            contiguous(plan.shape, r.dtype, r.axes) for r in plan.reductions
        ]
        self._phases = phases_of(plan)
        self._stack: dict[str, str] = {}
        self._numbers: int = 2 if any(s.is_complex for s in plan.steps) else 1
        """Numbers in a result, at most."""
        self._boxes = plan.boxes
        self.along: int = self._inner_axis(self._boxes[0])
        lengths = [b - a for a, b in self._boxes[0]]
        outer = [i for i, n in enumerate(lengths) if n > 1 and i != self.along]
        self.split: int = outer[0] if outer else self.along
        """The axis that threads share, in the largest box."""
        self.turns: int = lengths[self.split]

    def write(self, name: str) -> None:
        """Write the function."""
        accesses = [*self.plan.inputs, *self.outs, *self.sums]
        self.opened(len(accesses))
        pointers = [
            self.at(self.entries(i), a.offset, 1) for i, a in enumerate(accesses)
        ]
        self._empty(pointers[len(accesses) - len(self.sums) :])
        first, *others = self._boxes
        self._nest(pointers, accesses, self._stretch(first, shared=True))
        if others:
            with self.where(self.add("icmp eq i64 %first, 0")):
                for box in others:
                    self._nest(pointers, accesses, self._stretch(box, shared=False))
        for kept, kinds in self._stack.items():
            self.lines.insert(0, f"  %{kept} = alloca {kinds}, align 64\n")
        self.finish(name)

    def _empty(self, pointers: Sequence[str]) -> None:
        """Begin the reductions: each entry is the number that changes none."""
        reductions = zip(self.plan.reductions, pointers, self.sums, strict=True)
        for r, pointer, a in reductions:
            kept = [n for i, n in enumerate(self.plan.shape) if i not in r.axes]
            with self.loop(math.prod(kept) * a.parts) as loop:
                start = self.literal(REDUCTIONS[r.name].start, 1)
                self.store(start, self.moved(pointer, loop.i))

    def _stretch(self, box: Box, *, shared: bool) -> _Stretch:
        """Say what is read in a box."""
        plan = self.plan
        pieces = [plan.read_in(box, i) for i in range(len(plan.pieces))]
        operands = {x for step in plan.steps for x in step.operands}
        reads = {x for kind, x in operands if kind == "input"}
        reads |= {x for x in pieces if x is not None}
        along = self.along if shared else self._inner_axis(box)
        return _Stretch(box, along, shared, pieces, reads)

    def _inner_axis(self, box: Box) -> int:
        """Return the axis whose loop is innermost: long, and in one piece in memory."""
        plan = self.plan

        def cost(axis: int) -> float:
            n = box[axis][1] - box[axis][0]
            steps = [a.step(axis) for a in (*plan.inputs, *self.outs, *self.sums)]
            reads = sum(1.0 if s in (0, 1) else 6.0 for s in steps)
            return (reads + len(plan.steps)) * -(-n // self.width) / n + 4.0 / n

        return min(range(len(box)), key=cost)

    def _nest(
        self, pointers: list[str], accesses: Sequence[Access], at: _Stretch
    ) -> None:
        """Write the loops over a box."""
        with ExitStack() as loops:
            for axis, (start, stop) in enumerate(at.box):
                if axis == at.along:
                    continue
                i = str(start)
                if stop - start > 1:
                    shared = at.shared and axis == self.split
                    turns = self.shared_turns() if shared else str(stop - start)
                    i = loops.enter_context(self.loop(turns)).i
                    i = self._plus(i, "%first" if shared else "0", str(start))
                pointers = [
                    self.at(p, i, a.strides[axis])
                    for p, a in zip(pointers, accesses, strict=True)
                ]
            self._row(pointers, at)

    def _plus(self, *numbers: str) -> str:
        """Return the sum of integers."""
        found, *others = [x for x in numbers if x != "0"] or ["0"]
        for x in others:
            found = self.add(f"add i64 {found}, {x}")
        return found

    # ----------------------------------------------------------- the innermost loop

    def _row(self, pointers: list[str], at: _Stretch) -> None:
        """Write the loop over the inner axis."""
        begin, end = at.box[at.along]
        n, shared = end - begin, at.shared and self.split == at.along
        whole = n - n % self.width
        row = self._opened_row(pointers, at)
        if whole:
            turns = self.shared_turns(whole) if shared else str(whole)
            start = self._plus("%first" if shared else "0", str(begin))
            if not (self._phases.loops or row.totals):
                self._block(row, start, turns)
            else:
                with self.loop(turns, BLOCK) as loop:
                    left = self.add(f"sub i64 {turns}, {loop.i}")
                    short = self.add(f"icmp slt i64 {left}, {BLOCK}")
                    count = self.add(f"select i1 {short}, i64 {left}, i64 {BLOCK}")
                    self._block(row, self._plus(loop.i, start), count)
        if whole < n:
            with ExitStack() as where:
                if shared:
                    where.enter_context(self.where(self.add(f"icmp eq i64 %last, {n}")))
                self._block(row, str(begin + whole), n - whole)
        first = len(self.plan.inputs) + len(self.outs)
        for j, total in row.totals.items():
            r = self.plan.reductions[j]
            self.add_up(r.name, self._width(r.step), *total, row.pointers[first + j])

    def _opened_row(self, pointers: list[str], at: _Stretch) -> _Row:
        """Read what stays along a row, and begin its totals."""
        plan = self.plan
        still = {
            i: self._repeated(pointers[i], plan.inputs[i])
            for i in sorted(at.reads)
            if not plan.inputs[i].strides[at.along]
        }
        totals: dict[int, tuple[str, str]] = {}
        for j, r in enumerate(plan.reductions):
            if at.along in r.axes:
                many = self._width(r.step)
                nothing, kinds = self.literal(_nothing(r.name), many), self.type(many)
                totals[j] = self._kept(f"total{j}", many), self._kept(f"lost{j}", many)
                self.do(f"store {kinds} {nothing}, ptr {totals[j][0]}")
                self.do(f"store {kinds} zeroinitializer, ptr {totals[j][1]}")
        return _Row(pointers, at, still, totals)

    def _repeated(self, pointer: str, a: Access) -> str:
        """Return a vector of one entry."""
        x, many = self.read_one(pointer, a), self.width * a.parts
        if a.parts == 1:
            return self.splat(x)
        return self.shuffled(x, "poison", 2, [i % 2 for i in range(many)])

    def _width(self, step: int) -> int:
        """Return how many numbers a vector of a step's results has."""
        return self.width * (2 if self.plan.steps[step].is_complex else 1)

    def _kept(self, name: str, count: int, kind: str = "") -> str:
        """Return the address of numbers on the stack, the same for each name."""
        self._stack.setdefault(name, f"[{count} x {kind or self.real}]")
        return f"%{name}"

    def _buffer(self, step: int) -> str:
        """Return the address of the buffer of a step."""
        slot = self._phases.slots[step]
        return self._kept(f"buffer{slot}", BLOCK * self._numbers)

    def _block(self, row: _Row, i: str, count: str | int) -> None:
        """Write the phases of a stretch of the inner axis.

        It has whole vectors, as many numbers as a text says, or fewer than a vector.
        """
        for phase, calls in enumerate(self._phases.calls):
            nothing = {
                j: self.literal(_nothing(r.name), self._width(r.step))
                for j, r in enumerate(self.plan.reductions)
                if j in row.totals and self._phases.of[r.step] == phase
            }
            summed = list(nothing)
            if isinstance(count, int):
                totals = self._body(row, _Place(phase, i, "0", count), nothing)
            else:
                widths = [self._width(self.plan.reductions[j].step) for j in summed]
                carried = [
                    (self.type(n), nothing[j])
                    for n, j in zip(widths, summed, strict=True)
                ]
                with self.loop(count, self.width, carried) as loop:
                    have = dict(zip(summed, loop.carried, strict=True))
                    have = self._body(row, _Place(phase, i, loop.i, self.width), have)
                    loop.after = [have[j] for j in summed]
                totals = dict(zip(summed, loop.after, strict=True))
            for j in summed:
                r = self.plan.reductions[j]
                self.add_in(r.name, self._width(r.step), totals[j], *row.totals[j])
            for step in calls:
                self._call(row, step, i, count)

    # ------------------------------------------------------------ calls of ufuncs

    def _call(self, row: _Row, step: int, i: str, count: str | int) -> None:
        """Write the call of a ufunc's loop for a stretch."""
        loop = self._phases.loops[step]
        places = [self._given(row, x, i) for x in self.plan.steps[step].operands]
        places.append((self._buffer(step), self._bytes(step)))
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
        given = f"ptr {args}, ptr {length}, ptr {steps}, ptr {data}"
        self.do(f"call void @{loop.function}({given})")

    def _given(self, row: _Row, operand: tuple[str, Any], i: str) -> tuple[str, int]:
        """Return where an operand of a call is, and its bytes from each to the next."""
        kind, x = operand
        if kind == "step":
            return self._buffer(int(x)), self._bytes(int(x))
        if kind == "number":
            return self._alone(self.literal(x, 2), 2), 0
        place = row.at.pieces[int(x)] if kind == "pieces" else int(x)
        if place is None:
            return self._alone(self.literal(0.0, 2), 2), 0
        along = self.plan.inputs[place].strides[row.at.along]
        if not along and place in row.still:
            parts = self.plan.inputs[place].parts
            first = self.resized(row.still[place], self.width * parts, parts)
            return self._alone(first, parts), 0
        return self.at(row.pointers[place], i, along), along

    def _alone(self, x: str, count: int) -> str:
        """Return the address of a number that is put on the stack."""
        at = self._kept(f"number{len(self._stack)}", 2)
        self.store(x, at, count)
        return at

    def _bytes(self, step: int) -> int:
        """Return the bytes from each result to the next in the buffer of a step."""
        return self.size * self._width(step) // self.width

    # --------------------------------------------------------------------- a vector

    def _body(self, row: _Row, place: _Place, totals: dict[int, str]) -> dict[int, str]:
        """Write a phase for a vector of the inner axis; return its totals."""
        plan, phases, count = self.plan, self._phases, place.length
        i = self._plus(place.block, place.i)
        value = self._values(row, place, i)
        rest = row.pointers[len(plan.inputs) :]
        for (k, _), pointer, a in zip(plan.results, rest, self.outs, strict=False):
            if phases.of[k] == place.phase:
                self.written(value(k), pointer, a, row.at.along, i, count)
        totals = dict(totals)
        sums = zip(plan.reductions, rest[len(self.outs) :], self.sums, strict=True)
        for j, (r, pointer, a) in enumerate(sums):
            if phases.of[r.step] != place.phase:
                continue
            x = value(r.step)
            if j in totals:
                width = self._width(r.step)
                nothing = self.literal(_nothing(r.name), width)
                x = self.filled(x, count * a.parts, nothing, width)
                totals[j] = self.operation(r.name, width, totals[j], x)
            else:
                have = self.read(pointer, a, row.at.along, i, count)
                total = self.operation(r.name, self._width(r.step), have, x)
                self.written(total, pointer, a, row.at.along, i, count)
        return totals

    def _values(self, row: _Row, place: _Place, i: str) -> Callable[[int], str]:
        """Write the steps of a phase for a vector; return what gives their results."""
        inputs, values, phases = dict(row.still), dict[int, str](), self._phases

        def read(k: int) -> str:
            if k not in inputs:
                pointer, seen = row.pointers[k], self.plan.inputs[k]
                inputs[k] = self.read(pointer, seen, row.at.along, i, place.length)
            return inputs[k]

        def value(k: int) -> str:
            if k not in values:  # another phase has left it in its buffer
                at = self.at(self._buffer(k), place.i, self._bytes(k))
                values[k] = self.load_vector(at, place.length, self._width(k))
            return values[k]

        def operand(kind: str, x: Any) -> Number:
            if kind == "number":
                width = self.width * (2 if isinstance(x, complex) else 1)
                return Number(self.literal(x, width), width)
            if kind == "step":
                return Number(value(int(x)), self._width(int(x)))
            k = row.at.pieces[int(x)] if kind == "pieces" else int(x)
            if k is None:
                return Number(self.literal(0.0), self.width)
            return Number(read(k), self.width * self.plan.inputs[k].parts)

        for k in phases.steps[place.phase]:
            step = self.plan.steps[k]
            operands = [operand(*x) for x in step.operands]
            values[k] = self.computed(step, operands)
            if k in phases.kept:
                at = self.at(self._buffer(k), place.i, self._bytes(k))
                self.store_vector(values[k], at, place.length, self._width(k))
        return value


def _nothing(name: str) -> float:
    """Return what changes no sum (not even -0) and no largest or smallest number."""
    return -0.0 if name == "add" else REDUCTIONS[name].start


__all__ = ["NestWriter"]
