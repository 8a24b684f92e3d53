"""Lanes: one example's program on many examples, a block of them at a time.

In: a program traced for one example, of which some inputs differ between examples.
Out: ``Lanes``, called with all examples. Every entry of every value becomes a lane: a
stretch of ``LANE`` numbers in the workspace, one per example of the block. A tape row
of one entry becomes a row over a lane, which the VM runs with vector instructions, and
the workspace of a block stays in the cache however many examples there are. Compiled
(``hasten``), a place is a register of eight examples: see ``blocks``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.expressions import LANES
from chainrule.compiler.native.threads import parts_of, side_by_side
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import NanFound
from chainrule.compiler.tape import interpreter as vm
from chainrule.compiler.tape.lowering import (
    Builder,
    CannotLowerError,
    constants_of,
    refuse_calls,
)
from chainrule.compiler.tape.native_examples import Example, compiled_examples
from chainrule.compiler.tracing.rows import Row

LANE = 128
"""Examples in a block: enough to hide a row's start, few enough for the cache."""

CHUNK = 1 << 16
"""Numbers of arguments and results that the workspace holds at a time."""

_REDUCTIONS = {vm.OPCODES["sum"]: vm.OPCODES["add"],
               vm.OPCODES["max"]: vm.OPCODES["maximum"],
               vm.OPCODES["min"]: vm.OPCODES["minimum"]}  # fmt: skip
_DOT, _MATMUL = vm.OPCODES["dot"], vm.OPCODES["matmul"]
_ADD, _MULTIPLY = vm.OPCODES["add"], vm.OPCODES["multiply"]
_COPY, _MAXIMUM, _ISNAN = (vm.OPCODES[k] for k in ("copy", "maximum", "isnan"))


class Lanes:
    """The function of a vmap's row: the program of one example, on blocks of lanes."""

    def __init__(
        self, program: Program, many: Sequence[bool], count: int, threads: int = 1
    ) -> None:
        """Write the tape; raise ``CannotLowerError`` where NumPy would have to run.

        In native code up to so many threads share the examples.
        """
        b = Builder(program)
        refuse_calls(b, program)
        if b.whole:
            raise CannotLowerError("integers that may be too large for a tape")
        self.count = count
        self._many = list(many)
        self._places = [np.ravel(b.at[x]) for x in program.inputs]
        self._sizes = [len(p) for p in self._places]
        ends = [_even(b, x) for x in program.outputs]
        if not all(map(len, (*self._places, *ends))):
            raise CannotLowerError("empty arrays")
        entries = LANE * (sum(self._sizes) + sum(map(len, ends)))
        self.blocks: int = min(-(-count // LANE), max(1, CHUNK // max(1, entries)))
        self._example = Example(
            [list(row) for row in b.code],
            constants_of(b, math.inf),
            [(p.tolist(), m) for p, m in zip(self._places, self._many, strict=True)],
            [p.tolist() for p in ends],
            [p for x in program.checks for p in np.ravel(b.at[x]).tolist()],
        )
        self._likes = [x if isinstance(x, Row) else np.asarray(x)
                       for x in program.outputs]  # fmt: skip
        self.instructions: int = 2 * self._example.operations
        self.optimized: bool = True
        self._native: Any = None
        self.name: str = "tape VM"
        self._threads = threads
        code = _widened(b)
        self._flags: int = b.size * LANE
        b.size += 2
        for x in program.checks:
            for place in np.ravel(b.at[x]).tolist():
                seen = self._flags + LANE
                code.append(_row(_ISNAN, seen, place * LANE))
                code.append(_row(_MAXIMUM, self._flags, self._flags, seen))
        self._lanes = b.size
        self._filled = b.filled
        self._size = b.size * LANE
        self._given: list[slice | None] = []
        self._results: list[tuple[slice, Any]] = []
        opening, ins = self._read()
        closing, outs = self._handed_out(program, ends)
        self._code = np.array([*opening, *code, *closing], dtype=np.int64)
        self._tables = [np.array(t, dtype=np.int64).reshape(-1, w)
                        for t, w in ((ins, 4), (outs, 4), ((), 3))]  # fmt: skip
        self._free: list[Any] = []

    def _stage(self, places: Any) -> tuple[int, slice]:
        """Return where a block is read or handed out, and where all blocks are."""
        size = len(places)
        stage = int(places[0]) * LANE if size == 1 else self._size
        if size != 1:
            self._size += size * LANE
        whole = slice(self._size, self._size + size * LANE * self.blocks)
        self._size = whole.stop
        return stage, whole

    def _read(self) -> tuple[list[list[int]], list[list[int]]]:
        """Return the rows that spread inputs over lanes, and what to read."""
        rows: list[list[int]] = []
        ins: list[list[int]] = []
        for places, varies in zip(self._places, self._many, strict=True):
            if not varies:
                self._given.append(None)
                continue
            size = len(places)
            stage, whole = self._stage(places)
            self._given.append(whole)
            ins.append([stage, whole.start, size * LANE, size * LANE])
            if size != 1:
                rows += [_row(_COPY, int(p) * LANE, stage + e, dx=size)
                         for e, p in enumerate(places)]  # fmt: skip
        return rows, ins

    def _handed_out(
        self, program: Program, ends: Sequence[Any]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return the rows that gather outputs from lanes, and what to hand out."""
        rows: list[list[int]] = []
        outs: list[list[int]] = []
        for x, places in zip(program.outputs, ends, strict=True):
            size = len(places)
            stage, whole = self._stage(places)
            self._results.append((whole, x if isinstance(x, Row) else np.asarray(x)))
            outs.append([whole.start, size * LANE, stage, size * LANE])
            if size != 1:
                rows += _gathered(places, stage, size)
        return rows, outs

    def hasten(self) -> None:
        """Have LLVM compile what the VM interprets, if that is not too long."""
        self._native = compiled_examples(self._example, self.count)
        self.name = "native code"

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """Return the results of all examples, stacked."""
        return (self._interpreted if self._native is None else self._compiled)(inputs)

    def _compiled(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run all examples in native code."""
        given = [np.ascontiguousarray(x, dtype=np.float64) for x in inputs]
        found = [np.empty((self.count, *x.shape)) for x in self._likes]
        parts = parts_of(-(-self.count // LANES), self._threads)
        flags = [np.zeros(1) for _ in parts]
        arrays = [*map(id, given), *map(id, found)]

        def run(i: int, first: int, last: int) -> None:
            self._native(first, last, *arrays, id(flags[i]))

        side_by_side(run, parts)
        if any(flag[0] for flag in flags):
            raise NanFound
        return tuple([z.astype(x.dtype, copy=False)
                      for z, x in zip(found, self._likes, strict=True)])  # fmt: skip

    def _interpreted(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run all examples on the VM, a block of lanes at a time."""
        work = self._workspace()
        varying: list[tuple[slice, Any]] = []
        try:
            for places, size, whole, x in zip(
                self._places, self._sizes, self._given, inputs, strict=True
            ):
                if whole is None:
                    lanes = work[: self._lanes * LANE].reshape(-1, LANE)
                    lanes[places] = np.ravel(x)[:, None]
                    continue
                varying.append((whole, np.reshape(x, (self.count, size))))
            flags = work[self._flags : self._flags + LANE]
            flags[:] = 0.0
            results = tuple(
                np.empty((self.count, *x.shape), x.dtype) for _, x in self._results
            )
            for start in range(0, self.count, self.blocks * LANE):
                self._run(work, varying, results, start)
            if flags.any():
                raise NanFound
            return results
        finally:
            self._free.append(work)

    def _run(
        self, work: Any, varying: Any, results: tuple[Any, ...], start: int
    ) -> None:
        """Run the examples from one on, as many as the workspace holds."""
        end = min(self.count, start + self.blocks * LANE)
        n, blocks = end - start, -(-(end - start) // LANE)
        for whole, x in varying:
            rows = work[whole].reshape(-1, x.shape[1])
            rows[:n] = x[start:end]
            rows[n : blocks * LANE] = rows[n - 1]
        vm.run_scan(self._code, work, blocks, False, *self._tables)
        for result, (whole, x) in zip(results, self._results, strict=True):
            result[start:end] = work[whole].reshape(-1, *x.shape)[:n]

    def _workspace(self) -> Any:
        try:
            return self._free.pop()
        except IndexError:
            return self._made()

    def _made(self) -> Any:
        work = vm.workspace(self._size)
        work[:] = 0.0
        lanes = work[: self._lanes * LANE].reshape(-1, LANE)
        for places, value in self._filled:
            lanes[np.ravel(places)] = np.ravel(value)[:, None]
        return work


def _row(op: int, z: int, x: int, y: int = 0, w: int = 0, n: int = LANE,
         dx: int = 1) -> list[int]:  # fmt: skip
    return [op, z, x, y, w, n, dx, 1, 1, 0, 0]


def _even(b: Builder, x: Any) -> Any:
    """Return an output's places, copied together where they do not step evenly."""
    places = np.ravel(b.places(x))
    steps = np.diff(places)
    if len(places) > 1 and (steps != steps[0]).any():
        places = b.elementwise("copy", places.shape, places)
    return places


def _gathered(places: Any, stage: int, size: int) -> list[list[int]]:
    """Return rows that put lanes in the order of examples."""
    first = int(places[0]) * LANE if size else 0
    step = int(places[1] - places[0]) * LANE if size else 0
    return [_row(_COPY, stage + lane * size, first + lane, n=size, dx=step)
            for lane in range(LANE)]  # fmt: skip


def _widened(b: Builder) -> list[list[int]]:
    """Return the rows of a tape with every place as a lane."""
    found: list[list[int]] = []
    for op, z, x, y, w, n, dx, dy, dw, m, k in b.code:
        if op in _REDUCTIONS:
            pair = _REDUCTIONS[op]
            terms = [(x + i * dx) * LANE for i in range(n)]
            _folded(found, pair, z * LANE, terms)
        elif op == _DOT:
            pairs = [((x + i * dx) * LANE, (y + i * dy) * LANE) for i in range(n)]
            _summed(found, b, z * LANE, pairs)
        elif op == _MATMUL:
            for i in range(m):
                for j in range(n):
                    pairs = [((x + i * dx + e * dw) * LANE, (y + e * dy + j) * LANE)
                             for e in range(k)]  # fmt: skip
                    _summed(found, b, (z + i * n + j) * LANE, pairs)
        elif dx == dy == dw == 1:
            found.append(_row(op, z * LANE, x * LANE, y * LANE, w * LANE, n * LANE))
        else:
            found += [
                _row(op, (z + i) * LANE, (x + i * dx) * LANE, (y + i * dy) * LANE,
                     (w + i * dw) * LANE)
                for i in range(n)
            ]  # fmt: skip
    return found


def _folded(found: list[list[int]], op: int, z: int, terms: list[int]) -> None:
    first, *rest = terms
    if not rest:
        found.append(_row(_COPY, z, first))
    for i, term in enumerate(rest):
        found.append(_row(op, z, z if i else first, term))


def _summed(
    found: list[list[int]], b: Builder, z: int, pairs: list[tuple[int, int]]
) -> None:
    """Write a sum of products of lanes."""
    part = b.new(()) * LANE
    for i, (x, y) in enumerate(pairs):
        found.append(_row(_MULTIPLY, part if i else z, x, y))
        if i:
            found.append(_row(_ADD, z, z, part))
