"""Batches of small matrix products in native code.

In: two operands' shapes and strides. Out: a ``Product``, called with their arrays.
NumPy calls BLAS once per pair of matrices; BLAS copies both into an order of its own
first, which pays for large matrices only. Here a tile of the result stays in registers
while rows of the one matrix and columns of the other pass by, read where they are.

A processor takes some hundred times as long over a product with a subnormal number. So
matrices that hold any are multiplied by a power of 2, and the result is divided by it:
both are exact, but for the result's last rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.nest_plan import Access
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit, literal
from chainrule.compiler.native.threads import Team, parts_of, side_by_side
from chainrule.compiler.native.writer import RECORD, Writer

ROWS, COLUMNS = 6, 4 * WIDTH
"""A tile of the result: 24 of 32 registers of eight numbers."""
CHECKED = 16
"""Rows and columns from which on matrices are searched for subnormal numbers."""
SCALE, MOST = 2.0**200, 2.0**300
"""What such matrices are multiplied by, and what their entries are less than."""
WORDS = f"<{WIDTH} x i64>"


class Product(SharedCode):
    """``x @ y`` for stacks of matrices, in machine code."""

    __name__ = "matmul"
    operations = 20

    def __init__(
        self,
        shape: tuple[int, ...],
        inner: int,
        x: Access,
        y: Access,
        threads: int | str = 1,
    ) -> None:
        """Describe it, with a result of this shape; the last axis of ``y`` has step 1.

        The accesses have one stride per axis of the stack, then those of the matrix.
        A team of so many threads shares the first axis of a stack, or the columns.
        """
        self.shape = shape
        *stack, _, columns = shape
        shared = (stack[0], 1) if stack else (columns, COLUMNS)
        self.team: Team = Team(threads)
        self._turns: int = shared[0]
        self._parts = parts_of(shared[0], self.team.count, shared[1])
        if len(self._parts) == 1:
            self.team.stay_alone()
        self._described = shape, inner, x.strides, y.strides
        self._offsets = x.offset, y.offset  # of views of one array, all that differs
        self.text: str = f"product {self._described}"

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        _Tiles(unit, *self._described).write("product")
        return Function(Functions(unit, 2), "product")

    def __call__(self, x: Any, y: Any, out: Any = None) -> Any:
        """Return the product."""
        z = np.empty(self.shape) if out is None else out
        self.bound((np.ascontiguousarray(x), np.ascontiguousarray(y)), [z])()
        return z

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called."""
        arrays = (*given, *found)
        alone = call_on(self.code, 0, self._turns, arrays, self._offsets)
        if self.team.alone:
            return alone
        calls = [
            call_on(self.code, *part, arrays, self._offsets) for part in self._parts
        ]
        return self.team.call(alone, functools.partial(side_by_side, calls))


class _Tiles(Writer):
    """Writes the loops over tiles."""

    def __init__(
        self,
        unit: Unit,
        shape: Sequence[int],
        inner: int,
        x: tuple[int, ...],
        y: tuple[int, ...],
    ) -> None:
        super().__init__(unit, [RECORD])
        self.shape = shape
        self.inner = inner
        self.x, self.y = x, y
        size = 8
        strides: list[int] = []
        for n in reversed(shape):
            strides.insert(0, size)
            size *= n
        self.z = tuple(strides)

    def write(self, name: str) -> None:
        """Write the function."""
        m, n = self.shape[-2:]
        self.opened(3)
        pointers = [self._start(0), self._start(1), self.entries(2)]
        stack = self.shape[:-2]
        with ExitStack() as loops:
            for axis, count in enumerate(stack):
                i = loops.enter_context(
                    self.loop(count if axis else self.shared_turns())
                ).i
                if not axis:
                    i = self.add(f"add i64 {i}, %first")
                steps = self.x[axis], self.y[axis], self.z[axis]
                moved = zip(pointers, steps, strict=True)
                pointers = [self.at(p, i, s) for p, s in moved]
            if min(m, n) < CHECKED or 8 not in self.x[-2:]:
                self._matrix(pointers, [])
            else:
                self._careful_matrix(pointers)
        self.finish(name)

    def _start(self, i: int) -> str:
        """Return the address from which on a factor is read; its offset is known."""
        offset = self.add(f"load i64, ptr {self.at('%record', 5 + i, 8)}")
        return self.at(self.entries(i), offset, 1)

    def _careful_matrix(self, pointers: Sequence[str]) -> None:
        """Write one product of a stack that may hold subnormal numbers."""
        m, n = self.shape[-2:]
        sides = [
            (pointers[0], (m, self.inner), self.x[-2:]),
            (pointers[1], (self.inner, n), self.y[-2:]),
        ]
        tiny = self._either(*(self._holds_subnormal(*side) for side in sides))
        with self.where(self.add(f"xor i1 {tiny}, true")):
            self._matrix(pointers, [])
        with self.where(tiny):
            large = self._either(*(self._holds_large(*side) for side in sides))
            self._matrix(pointers, self._scales(large))

    def _matrix(self, pointers: Sequence[str], scales: Sequence[str]) -> None:
        """Write one product of a stack; with what multiplies factors and result."""
        n = self.shape[-1]
        stack = self.shape[:-2]
        whole = n - n % COLUMNS
        if whole:
            count = whole if stack else self.shared_turns(whole)
            with self.loop(count, COLUMNS) as loop:
                j = loop.i if stack else self.add(f"add i64 {loop.i}, %first")
                self._columns(pointers, j, COLUMNS, scales)
        if whole < n:
            with ExitStack() as last:
                if not stack:
                    ends = self.add(f"icmp eq i64 %last, {n}")
                    last.enter_context(self.where(ends))
                self._columns(pointers, whole, n - whole, scales)

    # ---------------------------------------------------------- subnormal numbers

    def _either(self, x: str, y: str) -> str:
        return self.add(f"or i1 {x}, {y}")

    def _scales(self, large: str) -> list[str]:
        """Return what multiplies the factors, and the result: 1 if some are large."""
        factor, back = literal(SCALE), literal(SCALE**-2)
        choose = f"select i1 {large}, double 1.0, double"
        return [self.add(f"{choose} {x}") for x in (factor, back)]

    def _holds_subnormal(self, start: str, counts: Any, steps: Any) -> str:
        """Write the search of a matrix: its words without sign, less 1, are small."""

        def less(word: str) -> str:
            return self.add(f"sub {WORDS} {word}, splat (i64 1)")

        least = self._extreme("umin", -1, less, start, counts, steps)
        return self.add(f"icmp ult i64 {least}, {(1 << 53) - 1}")

    def _holds_large(self, start: str, counts: Any, steps: Any) -> str:
        """Write whether an entry is large, or not finite."""
        greatest = self._extreme("umax", 0, str, start, counts, steps)
        limit = int(np.float64(MOST).view(np.int64)) << 1
        return self.add(f"icmp uge i64 {greatest}, {limit}")

    def _extreme(
        self,
        name: str,
        first: int,
        of: Callable[[str], str],
        start: str,
        counts: Sequence[int],
        steps: Sequence[int],
    ) -> str:
        """Write the least or greatest of a function of words, without their signs."""
        (rows, step), (count, _) = sorted(
            zip(counts, steps, strict=True), key=lambda pair: pair[1] == 8
        )
        function = f"llvm.{name}.v{WIDTH}i64"

        def more(found: str, place: str, count: int) -> str:
            x = self.filled(self.load_vector(place, count), count, "zeroinitializer")
            word = self.add(f"bitcast {VECTOR} {x} to {WORDS}")
            word = of(self.add(f"shl {WORDS} {word}, splat (i64 1)"))
            return self.external(WORDS, function, WORDS, [found, word])

        whole = count - count % WIDTH
        with self.loop(rows, 1, [(WORDS, f"splat (i64 {first})")]) as outer:
            (found,) = outer.carried
            row = self.at(start, outer.i, step)
            if whole:
                with self.loop(whole, WIDTH, [(WORDS, found)]) as loop:
                    place = self.at(row, loop.i, 8)
                    loop.after = [more(loop.carried[0], place, WIDTH)]
                (found,) = loop.after
            if whole < count:
                found = more(found, self.at(row, whole, 8), count - whole)
            outer.after = [found]
        reduced = f"llvm.vector.reduce.{name}.v{WIDTH}i64"
        return self.external("i64", reduced, WORDS, outer.after)

    def _columns(
        self,
        pointers: Sequence[str],
        j: str | int,
        width: int,
        scales: Sequence[str],
    ) -> None:
        """Write the tiles of some columns, from the first row to the last."""
        x, y, z = pointers
        m = self.shape[-2]
        y, z = self.at(y, j, self.y[-1]), self.at(z, j, 8)
        rows = max(1, min(m, ROWS * COLUMNS // (-(-width // WIDTH) * WIDTH), 12))
        whole = m - m % rows
        with self.loop(whole, rows) as loop:
            left, right = self.at(x, loop.i, self.x[-2]), self.at(z, loop.i, self.z[-2])
            self._tile((left, y, right), rows, width, scales)
        if whole < m:
            left, right = self.at(x, whole, self.x[-2]), self.at(z, whole, self.z[-2])
            self._tile((left, y, right), m - whole, width, scales)

    def _tile(
        self,
        pointers: Sequence[str],
        rows: int,
        width: int,
        scales: Sequence[str],
    ) -> None:
        """Write one tile: a loop over the inner axis, its sums in registers.

        The last columns are in a vector that is no wider than they need.
        """
        x, y, z = pointers
        counts = [min(WIDTH, width - j) for j in range(0, width, WIDTH)]
        wide = [1 << (c - 1).bit_length() for c in counts]
        zeros = [(self.type(w), self.literal(0.0, w)) for w in wide] * rows
        with self.loop(self.inner, 1, zeros) as loop:
            across = self.at(x, loop.i, self.x[-1])
            below = self.at(y, loop.i, self.y[-2])
            columns = [
                self.resized(self.load(self.at(below, j * WIDTH, 8), c), c, w)
                for j, (c, w) in enumerate(zip(counts, wide, strict=True))
            ]
            if scales:
                pairs = zip(columns, wide, strict=True)
                columns = [self._times(v, scales[0], w) for v, w in pairs]
            sums = iter(loop.carried)
            for i in range(rows):
                a = self.load(self.at(across, i, self.x[-2]))
                if scales:
                    a = self._times(a, scales[0], 1)
                for b, w in zip(columns, wide, strict=True):
                    loop.after.append(self.fused(self.splat(a, w), b, next(sums), w))
        totals = iter(loop.after)
        for i in range(rows):
            row = self.at(z, i, self.z[-2])
            for j, (c, w) in enumerate(zip(counts, wide, strict=True)):
                total, place = next(totals), self.at(row, j * WIDTH, 8)
                if scales:
                    total = self._times(total, scales[1], w)
                self.store(self.resized(total, w, c), place, c)

    def _times(self, x: str, factor: str, width: int) -> str:
        return self.add(f"fmul {self.type(width)} {x}, {self.splat(factor, width)}")


__all__ = ["Product"]
