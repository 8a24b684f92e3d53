"""Loops of a nest, written in the language of LLVM.

In: a ``Plan``. Out: a function of the arrays' objects. The innermost loop runs over the
axis with most entries in a row, a vector at a time. Where operands are put together of
several arrays, each box in which the same are read has loops of its own; threads share
those of the largest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack

from chainrule.compiler.native.nest_phases import BLOCK
from chainrule.compiler.native.nest_plan import Access, Box, Plan, merged
from chainrule.compiler.native.nest_rows import RowWriter
from chainrule.compiler.native.nest_vectors import Stretch, Totals
from chainrule.compiler.native.operations import REDUCTIONS
from chainrule.compiler.native.text import Unit


class NestWriter(RowWriter):
    """Writes the loops of a plan."""

    def __init__(self, unit: Unit, plan: Plan) -> None:
        """Look which axes the loops go over."""
        super().__init__(unit, merged(plan))
        self._boxes = self.plan.boxes
        self.along: int = self._inner_axis(self._boxes[0])
        lengths = [b - a for a, b in self._boxes[0]]
        outer = [i for i, n in enumerate(lengths) if n > 1 and i != self.along]
        self.split: int = outer[0] if outer else self.along
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
            with self.loop(math.prod(kept)) as loop:
                start = self.literal(REDUCTIONS[r.name].start, a.parts)
                self.write_one(start, self.at(pointer, loop.i, a.dtype.itemsize), a)

    def _stretch(self, box: Box, *, shared: bool) -> Stretch:
        """Say what is read in a box."""
        plan = self.plan
        pieces = [plan.read_in(box, i) for i in range(len(plan.pieces))]
        operands = {x for step in plan.steps for x in step.operands}
        reads = {x for kind, x in operands if kind == "input"}
        reads |= {x for x in pieces if x is not None}
        along = self.along if shared else self._inner_axis(box)
        return Stretch(box, along, shared, pieces, reads)

    def _inner_axis(self, box: Box) -> int:
        """Return the axis whose loop is innermost: long, and in one piece in memory."""
        plan = self.plan

        def cost(axis: int) -> float:
            n = box[axis][1] - box[axis][0]
            arrays = (*plan.inputs, *self.outs, *self.sums)
            reads = sum(_reading(a, axis) for a in arrays)
            return (reads + len(plan.steps)) * -(-n // self.width) / n + 4.0 / n

        return min(range(len(box)), key=cost)

    def _nest(
        self, pointers: list[str], accesses: Sequence[Access], at: Stretch
    ) -> None:
        """Write the loops over a box."""
        axes = [i for i in range(len(at.box)) if i != at.along]
        long = [i for i in axes if at.box[i][1] - at.box[i][0] > 1]
        tiled = long[-1] if long and self.is_tiled(at) else None
        whole = self.opened_totals(self._of_all(at), exact=True)
        inner = pointers
        with ExitStack() as loops:
            for axis in axes:
                if axis == tiled:
                    continue
                begin, turns = self._turns(at, axis)
                i = begin
                if axis in long:
                    i = self.plus(loops.enter_context(self.loop(turns)).i, begin)
                inner = self._moved(inner, accesses, axis, i)
            if tiled is None:
                self.row(inner, at, whole)
            else:
                self._tiles(inner, accesses, at, tiled, whole)
        self.closed_totals(whole, pointers)

    def _of_all(self, at: Stretch) -> list[int]:
        """Return the reductions of all entries to one number, if there are rows."""
        axes = {i for i, n in enumerate(self.plan.shape) if n > 1} | {at.along}
        pairs = enumerate(self.plan.reductions)
        return [j for j, r in pairs if axes <= set(r.axes)]

    def _turns(self, at: Stretch, axis: int) -> tuple[str, str]:
        """Return the first entry along an axis of a box, and how many there are."""
        start, stop = at.box[axis]
        if at.shared and axis == self.split and stop - start > 1:
            return self.plus("%first", str(start)), self.shared_turns()
        return str(start), str(stop - start)

    def _moved(
        self, pointers: list[str], accesses: Sequence[Access], axis: int, i: str
    ) -> list[str]:
        """Return the addresses so many entries on along an axis."""
        pairs = zip(pointers, accesses, strict=True)
        return [self.at(p, i, a.strides[axis]) for p, a in pairs]

    def _tiles(
        self,
        pointers: list[str],
        accesses: Sequence[Access],
        at: Stretch,
        axis: int,
        whole: Totals,
    ) -> None:
        """Write the loop over an axis of short rows, several at a time."""
        begin, turns = self._turns(at, axis)
        rows = BLOCK // at.length
        steps = [a.strides[axis] for a in accesses]
        with self.loop(turns, rows) as loop:
            count = self.least(self.add(f"sub i64 {turns}, {loop.i}"), rows)
            first = self._moved(pointers, accesses, axis, self.plus(loop.i, begin))
            self.tile(first, steps, at, count, whole)


_PAGE = 4096
"""Bytes from which on entries that far apart push each other out of the cache."""


def _reading(a: Access, axis: int) -> float:
    """Return what it costs to read, or write, a vector along an axis."""
    if a.step(axis) in (0, 1):
        return 1.0
    return 6.0 if abs(a.strides[axis]) < _PAGE else 12.0


__all__ = ["NestWriter"]
