"""Loops of a nest, written in the language of LLVM.

In: a ``Plan``. Out: a function of the arrays' objects. The innermost loop runs over the
axis with most entries in a row, ``WIDTH`` at a time. Where operands are put together of
several arrays, each box in which the same are read has loops of its own; threads share
those of the largest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.nest_plan import Access, Box, Plan, contiguous
from chainrule.compiler.native.operations import REDUCTIONS
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit, literal, type_of
from chainrule.compiler.native.writer import RECORD, Writer

_STORED = {"f": ("double", 8), "b": ("i8", 1), "i": ("i64", 8)}
"""The type and bytes of an entry in memory, by the kind of its dtype."""


class _Stretch(NamedTuple):
    """A box, its innermost axis, and whether threads share it; what is read in it."""

    box: Box
    along: int
    shared: bool
    pieces: list[int | None]
    """The input that each operand of pieces is."""
    reads: set[int]


class NestWriter(Writer):
    """Writes the loops of a plan."""

    def __init__(self, unit: Unit, plan: Plan) -> None:
        """Look which axes the loops go over."""
        super().__init__(unit, [RECORD])
        self.plan = plan
        self.outs = [contiguous(plan.shape, dtype) for _, dtype in plan.results]
        self.sums = [
            contiguous(plan.shape, np.dtype(float), r.axes) for r in plan.reductions
        ]
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
        self.finish(name)

    def _empty(self, pointers: Sequence[str]) -> None:
        """Begin the reductions: each entry is the number that changes none."""
        for r, pointer in zip(self.plan.reductions, pointers, strict=True):
            kept = [n for i, n in enumerate(self.plan.shape) if i not in r.axes]
            with self.loop(math.prod(kept)) as loop:
                start = literal(REDUCTIONS[r.name].start)
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
            return (reads + len(plan.steps)) * -(-n // WIDTH) / n + 4.0 / n

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
        plan, (begin, end) = self.plan, at.box[at.along]
        n, shared = end - begin, at.shared and self.split == at.along
        whole = n - n % WIDTH
        still = {
            i: self.splat(self._number(pointers[i], plan.inputs[i]))
            for i in sorted(at.reads)
            if not plan.inputs[i].strides[at.along]
        }
        summed = [j for j, r in enumerate(plan.reductions) if at.along in r.axes]
        nothing = {j: literal(_nothing(plan.reductions[j].name), WIDTH) for j in summed}
        if whole:
            turns = self.shared_turns(whole) if shared else str(whole)
            carried = [(VECTOR, nothing[j]) for j in summed]
            with self.loop(turns, WIDTH, carried) as loop:
                i = self._plus(loop.i, "%first" if shared else "0", str(begin))
                have = dict(zip(summed, loop.carried, strict=True))
                have = self._body(pointers, at, still, i, WIDTH, have)
                loop.after = [have[j] for j in summed]
            self._add_up(pointers, dict(zip(summed, loop.after, strict=True)))
        if whole < n:
            with ExitStack() as where:
                if shared:
                    where.enter_context(self.where(self.add(f"icmp eq i64 %last, {n}")))
                i, count = str(begin + whole), n - whole
                rest = self._body(pointers, at, still, i, count, nothing)
                self._add_up(pointers, rest)

    def _add_up(self, pointers: list[str], totals: dict[int, str]) -> None:
        """Reduce vectors, and what is in memory so far."""
        first = len(self.plan.inputs) + len(self.outs)
        for j, total in totals.items():
            name, pointer = self.plan.reductions[j].name, pointers[first + j]
            found = self.operation(
                name, 1, self.load(pointer), self.folded(total, name)
            )
            self.store(found, pointer)

    def _body(
        self,
        pointers: list[str],
        at: _Stretch,
        still: dict[int, str],
        i: str,
        count: int,
        totals: dict[int, str],
    ) -> dict[int, str]:
        """Write the steps for a stretch of the inner axis; return its totals."""
        plan, values = self.plan, self._values(pointers, at, still, i, count)
        rest = pointers[len(plan.inputs) :]
        for (place, _), pointer, a in zip(plan.results, rest, self.outs, strict=False):
            self._stored(values[place], pointer, a, at.along, i, count)
        totals = dict(totals)
        sums = zip(plan.reductions, rest[len(self.outs) :], self.sums, strict=True)
        for j, (r, pointer, a) in enumerate(sums):
            x = values[r.step]
            if j in totals:
                x = self.filled(x, count, literal(_nothing(r.name), WIDTH))
                totals[j] = self.operation(r.name, WIDTH, totals[j], x)
            else:
                have = self._loaded(pointer, a, at.along, i, count)
                total = self.operation(r.name, WIDTH, have, x)
                self._stored(total, pointer, a, at.along, i, count)
        return totals

    def _values(
        self,
        pointers: list[str],
        at: _Stretch,
        still: dict[int, str],
        i: str,
        count: int,
    ) -> list[str]:
        """Write the steps for a stretch of the inner axis; return their results."""
        inputs, values = dict(still), list[str]()

        def read(place: int) -> str:
            if place not in inputs:
                pointer, seen = pointers[place], self.plan.inputs[place]
                inputs[place] = self._loaded(pointer, seen, at.along, i, count)
            return inputs[place]

        def operand(kind: str, x: Any) -> str:
            if kind == "number":
                return literal(x, WIDTH)
            if kind == "step":
                return values[int(x)]
            place = at.pieces[int(x)] if kind == "pieces" else int(x)
            return literal(0.0, WIDTH) if place is None else read(place)

        for step in self.plan.steps:
            operands = [operand(*x) for x in step.operands]
            values.append(self.operation(step.name, WIDTH, *operands))
        return values

    def _number(self, pointer: str, a: Access) -> str:
        kind, _ = _STORED[a.dtype.kind]
        x = self.add(f"load {kind}, ptr {pointer}")
        return self._as_double(x, a, 1)

    def _as_double(self, x: str, a: Access, count: int) -> str:
        kind, _ = _STORED[a.dtype.kind]
        if kind == "double":
            return x
        word = "sitofp"
        if kind == "i8":  # true is any number but 0
            zeros = "zeroinitializer" if count > 1 else "0"
            x = self.add(f"icmp ne {type_of(kind, count)} {x}, {zeros}")
            kind, word = "i1", "uitofp"
        return self.add(
            f"{word} {type_of(kind, count)} {x} to {type_of('double', count)}"
        )

    def _offset(self, pointer: str, a: Access, along: int, i: str) -> str:
        kind, _ = _STORED[a.dtype.kind]
        step = a.step(along)
        moved = i if step == 1 else self.add(f"mul i64 {i}, {step}")
        return self.add(f"getelementptr {kind}, ptr {pointer}, i64 {moved}")

    def _loaded(self, pointer: str, a: Access, along: int, i: str, count: int) -> str:
        """Return a stretch of an array, as a vector of ``WIDTH``."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, along, i)
        if a.step(along) == 1 and count > 1:
            x = self.add(f"load <{count} x {kind}>, ptr {at}, align {size}")
            return self.resized(self._as_double(x, a, count), count, WIDTH)
        places = [self._stepped(at, a, along, j) for j in range(count)]
        found = [self.add(f"load {kind}, ptr {place}") for place in places]
        return self.gathered([self._as_double(x, a, 1) for x in found], WIDTH)

    def _stepped(self, at: str, a: Access, along: int, j: int) -> str:
        kind, _ = _STORED[a.dtype.kind]
        steps = j * a.step(along)
        return self.add(f"getelementptr {kind}, ptr {at}, i64 {steps}") if j else at

    def _stored(
        self, x: str, pointer: str, a: Access, along: int, i: str, count: int
    ) -> None:
        """Write a stretch of a result."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, along, i)
        if a.step(along) == 1:
            parts = [(self.resized(x, WIDTH, count), at, count)]
        else:
            numbers = [self.element(x, j) for j in range(count)]
            parts = [
                (z, self._stepped(at, a, along, j), 1) for j, z in enumerate(numbers)
            ]
        for z, place, n in parts:
            kinds = type_of(kind, n)
            if kind == "i8":
                z = self.add(f"fptoui {type_of('double', n)} {z} to {kinds}")
            self.do(f"store {kinds} {z}, ptr {place}, align {size}")


def _nothing(name: str) -> float:
    """Return what changes no sum (not even -0) and no largest or smallest number."""
    return -0.0 if name == "add" else REDUCTIONS[name].start


__all__ = ["NestWriter"]
