"""Loop nests in native code: elementwise rows of one shape, and sums of their results.

In: rows that all have one shape, their operands, and what is read of them outside, or
summed over some axes. Out: a ``Nest``, called with the operands. NumPy sweeps whole
arrays through memory once per operation; a nest reads each operand once, keeps what is
between in registers, and writes only what is asked for.

An operand may have any strides: what reshapes, broadcasts, slices or transposes an
array is read in place. The innermost loop runs over the axis with most entries in a
row, ``WIDTH`` at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.operations import REDUCTIONS
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit, literal, type_of
from chainrule.compiler.native.threads import parts_of, side_by_side
from chainrule.compiler.native.writer import Writer, objects

Shape = tuple[int, ...]
_STORED = {"f": ("double", 8), "b": ("i8", 1), "i": ("i64", 8)}
"""The type and bytes of an entry in memory, by the kind of its dtype."""


@dataclass(frozen=True)
class Access:
    """Where an array's entries are: a byte per step along each axis, and its dtype."""

    dtype: Any
    strides: Shape
    offset: int = 0

    def step(self, axis: int) -> int:
        """Return the step along an axis, in entries."""
        return self.strides[axis] // self.dtype.itemsize


@dataclass(frozen=True)
class Step:
    """One elementwise operation: its result's number is its place in the list.

    Operands are ``("input", i)``, ``("step", i)`` or ``("number", x)``.
    """

    name: str
    operands: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Reduction:
    """A step's result reduced over axes, by an operation of ``REDUCTIONS``."""

    name: str
    step: int
    axes: Shape


@dataclass(frozen=True)
class Plan:
    """What a nest computes.

    ``inputs`` are the operands' entries for the whole shape (stride 0 where they are
    broadcast), ``results`` the numbers and dtypes of the steps that are written.
    """

    shape: Shape
    inputs: tuple[Access, ...]
    steps: tuple[Step, ...]
    results: tuple[tuple[int, Any], ...]
    reductions: tuple[Reduction, ...]


class Nest:
    """A plan in machine code: called with the inputs' arrays."""

    def __init__(self, plan: Plan, threads: int = 1) -> None:
        """Compile it; up to so many threads share a call."""
        self.plan = plan
        unit = Unit()
        loops = _Loops(unit, plan)
        loops.write("nest")
        count = len(plan.inputs) + len(plan.results) + len(plan.reductions)
        self._run = Functions(unit, 2).function("nest", 2 + count)
        block = WIDTH if loops.split == loops.along else 1
        self._parts = parts_of(plan.shape[loops.split], threads, block)
        self.shapes: list[Shape] = [
            tuple(1 if i in r.axes else n for i, n in enumerate(plan.shape))
            for r in plan.reductions
        ]

    def __call__(self, arrays: Sequence[Any], out: Sequence[Any] = ()) -> list[Any]:
        """Return the results, then the reductions with axes of length 1.

        ``out`` may hold arrays to write into.
        """
        plan, found = self.plan, list(out)
        found += [None] * (len(plan.results) + len(plan.reductions) - len(found))
        for i, (_, dtype) in enumerate(plan.results):
            if found[i] is None:
                found[i] = np.empty(plan.shape, dtype)
        for i, shape in enumerate(self.shapes, len(plan.results)):
            if found[i] is None:
                found[i] = np.empty(shape)
        given = [
            np.ascontiguousarray(x, dtype=a.dtype)
            for x, a in zip(arrays, plan.inputs, strict=True)
        ]
        self.bound(given, found)()
        return found

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called.

        ``given`` are contiguous arrays of the inputs' dtypes, ``found`` those of the
        results and reductions.
        """
        plan, first = self.plan, len(self.plan.results)
        totals = list(found[first:])
        starts = [REDUCTIONS[r.name].start for r in plan.reductions]
        sums = [totals, *(list(map(np.empty_like, totals)) for _ in self._parts[1:])]
        arrays = [(*given, *found[:first], *part) for part in sums]
        places = [tuple(map(id, these)) for these in arrays]

        def run(i: int, first: int, last: int) -> None:
            for total, x in zip(sums[i], starts, strict=True):
                total.fill(x)
            self._run(first, last, *places[i])

        def whole() -> None:
            side_by_side(run, self._parts)
            for other in sums[1:]:
                self._join(totals, other)

        run.arrays = arrays  # type: ignore[attr-defined]  (their addresses are used)
        return whole

    def _join(self, totals: Sequence[Any], others: Sequence[Any]) -> None:
        """Take the reductions of another part into these."""
        with np.errstate(all="ignore"):
            for r, total, x in zip(self.plan.reductions, totals, others, strict=True):
                getattr(np, r.name)(total, x, out=total)


def access(base: Any, view: Any, shape: Shape) -> Access | None:
    """Return how a view reads an array, broadcast to a shape; ``None`` if it copies."""
    if view is not base and not np.may_share_memory(view, base):
        return None
    wide = np.broadcast_to(view, shape)
    start = wide.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return Access(base.dtype, wide.strides, start)


class _Loops(Writer):
    """Writes the loops of a plan."""

    def __init__(self, unit: Unit, plan: Plan) -> None:
        count = len(plan.inputs) + len(plan.results) + len(plan.reductions)
        super().__init__(unit, ["i64 %first", "i64 %last", *objects(count)])
        self.plan = plan
        self.outs = [_contiguous(plan.shape, dtype) for _, dtype in plan.results]
        self.sums = [
            _contiguous(plan.shape, np.dtype(float), r.axes) for r in plan.reductions
        ]
        self.along: int = _inner_axis(plan, [*self.outs, *self.sums])
        outer = [i for i, n in enumerate(plan.shape) if n > 1 and i != self.along]
        self.split: int = outer[0] if outer else self.along
        """The axis that threads share."""

    def write(self, name: str) -> None:
        """Write the function."""
        plan, accesses = self.plan, [*self.plan.inputs, *self.outs, *self.sums]
        pointers = [
            self.at(self.entries(i), a.offset, 1) for i, a in enumerate(accesses)
        ]
        with ExitStack() as loops:
            for axis, n in enumerate(plan.shape):
                if axis == self.along or n == 1:
                    continue
                shared = axis == self.split
                turns = self.shared_turns() if shared else str(n)
                i = loops.enter_context(self.loop(turns)).i
                if shared:
                    i = self.add(f"add i64 {i}, %first")
                steps = [a.strides[axis] for a in accesses]
                pointers = [
                    self.at(p, i, s) for p, s in zip(pointers, steps, strict=True)
                ]
            self._row(pointers)
        self.finish(name)

    # ----------------------------------------------------------- the innermost loop

    def _row(self, pointers: list[str]) -> None:
        """Write the loop over the inner axis."""
        plan, n = self.plan, self.plan.shape[self.along]
        whole = n - n % WIDTH
        still = {
            i: self.splat(self._number(pointers[i], a))
            for i, a in enumerate(plan.inputs)
            if not a.strides[self.along]
        }
        summed = [j for j, r in enumerate(plan.reductions) if self.along in r.axes]
        nothing = {j: literal(_nothing(plan.reductions[j].name), WIDTH) for j in summed}
        if whole:
            start, turns = "0", str(whole)
            if self.split == self.along:
                start, turns = "%first", self.shared_turns(whole)
            carried = [(VECTOR, nothing[j]) for j in summed]
            with self.loop(turns, WIDTH, carried) as loop:
                i = loop.i if start == "0" else self.add(f"add i64 {loop.i}, {start}")
                have = dict(zip(summed, loop.carried, strict=True))
                have = self._body(pointers, still, i, WIDTH, have)
                loop.after = [have[j] for j in summed]
            self._add_up(pointers, dict(zip(summed, loop.after, strict=True)))
        if whole < n:
            with ExitStack() as where:
                if self.split == self.along:
                    where.enter_context(self.where(self.add(f"icmp eq i64 %last, {n}")))
                rest = self._body(pointers, still, str(whole), n - whole, nothing)
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
        still: dict[int, str],
        i: str,
        count: int,
        totals: dict[int, str],
    ) -> dict[int, str]:
        """Write the steps for a stretch of the inner axis; return its totals."""
        plan, inputs, values = self.plan, dict(still), list[str]()

        def operand(kind: str, x: Any) -> str:
            if kind == "number":
                return literal(x, WIDTH)
            place: int = x
            if kind == "step":
                return values[place]
            if place not in inputs:
                pointer = pointers[place]
                inputs[place] = self._loaded(pointer, plan.inputs[place], i, count)
            return inputs[place]

        for step in plan.steps:
            operands = [operand(*x) for x in step.operands]
            values.append(self.operation(step.name, WIDTH, *operands))
        rest = pointers[len(plan.inputs) :]
        for (place, _), pointer, a in zip(plan.results, rest, self.outs, strict=False):
            self._stored(values[place], pointer, a, i, count)
        totals = dict(totals)
        sums = zip(plan.reductions, rest[len(self.outs) :], self.sums, strict=True)
        for j, (r, pointer, a) in enumerate(sums):
            x = values[r.step]
            if j in totals:
                x = self.filled(x, count, literal(_nothing(r.name), WIDTH))
                totals[j] = self.operation(r.name, WIDTH, totals[j], x)
            else:
                have = self._loaded(pointer, a, i, count)
                total = self.operation(r.name, WIDTH, have, x)
                self._stored(total, pointer, a, i, count)
        return totals

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

    def _offset(self, pointer: str, a: Access, i: str) -> str:
        kind, _ = _STORED[a.dtype.kind]
        step = a.step(self.along)
        moved = i if step == 1 else self.add(f"mul i64 {i}, {step}")
        return self.add(f"getelementptr {kind}, ptr {pointer}, i64 {moved}")

    def _loaded(self, pointer: str, a: Access, i: str, count: int) -> str:
        """Return a stretch of an array, as a vector of ``WIDTH``."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, i)
        if a.step(self.along) == 1 and count > 1:
            x = self.add(f"load <{count} x {kind}>, ptr {at}, align {size}")
            return self.resized(self._as_double(x, a, count), count, WIDTH)
        places = [self._stepped(at, a, j) for j in range(count)]
        found = [self.add(f"load {kind}, ptr {place}") for place in places]
        return self.gathered([self._as_double(x, a, 1) for x in found], WIDTH)

    def _stepped(self, at: str, a: Access, j: int) -> str:
        kind, _ = _STORED[a.dtype.kind]
        steps = j * a.step(self.along)
        return self.add(f"getelementptr {kind}, ptr {at}, i64 {steps}") if j else at

    def _stored(self, x: str, pointer: str, a: Access, i: str, count: int) -> None:
        """Write a stretch of a result."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, i)
        if a.step(self.along) == 1:
            parts = [(self.resized(x, WIDTH, count), at, count)]
        else:
            numbers = [self.element(x, j) for j in range(count)]
            parts = [(z, self._stepped(at, a, j), 1) for j, z in enumerate(numbers)]
        for z, place, n in parts:
            kinds = type_of(kind, n)
            if kind == "i8":
                z = self.add(f"fptoui {type_of('double', n)} {z} to {kinds}")
            self.do(f"store {kinds} {z}, ptr {place}, align {size}")


def _nothing(name: str) -> float:
    """Return what changes no sum (not even -0) and no largest or smallest number."""
    return -0.0 if name == "add" else REDUCTIONS[name].start


def _contiguous(shape: Shape, dtype: Any, without: Sequence[int] = ()) -> Access:
    """Return the strides of a result, 0 along axes that are summed over."""
    strides, size = [0] * len(shape), np.dtype(dtype).itemsize
    for axis in reversed(range(len(shape))):
        if axis not in without:
            strides[axis] = size
            size *= shape[axis]
    return Access(np.dtype(dtype), tuple(strides))


def _inner_axis(plan: Plan, results: Sequence[Access]) -> int:
    """Return the axis whose loop is innermost: long, and in one piece in memory."""

    def cost(axis: int) -> float:
        n = plan.shape[axis]
        steps = [a.step(axis) for a in (*plan.inputs, *results)]
        reads = sum(1.0 if s in (0, 1) else 6.0 for s in steps)
        return (reads + len(plan.steps)) * -(-n // WIDTH) / n + 4.0 / n

    return min(range(len(plan.shape)), key=cost)


__all__ = ["Access", "Nest", "Plan", "Reduction", "Step", "access"]
