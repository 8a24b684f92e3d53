"""Batches of small matrix products in native code.

In: two operands' shapes and strides. Out: a ``Product``, called with their arrays.
NumPy calls BLAS once per pair of matrices; BLAS copies both into an order of its own
first, which pays for large matrices only. Here a tile of the result stays in registers
while rows of the one matrix and columns of the other pass by, read where they are.
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
from chainrule.compiler.native.sharing import Pending, is_shared, shared
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit
from chainrule.compiler.native.threads import Team, parts_of, side_by_side
from chainrule.compiler.native.writer import RECORD, Writer

ROWS, COLUMNS = 6, 4 * WIDTH
"""A tile of the result: 24 of 32 registers of eight numbers."""
_OPERATIONS = 20
"""About how many of a loop's operations take as long to compile."""


class Product:
    """``x @ y`` for stacks of matrices, in machine code."""

    __name__ = "matmul"

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
        self._described = shape, inner, x, y
        self.text: str = f"product {self._described}"

    @functools.cached_property
    def code(self) -> Any:
        """The machine code, which may be another's too."""
        return shared(self.text, self._compiled)

    def _compiled(self) -> Any:
        unit = Unit()
        _Tiles(unit, *self._described).write("product")
        return Function(Functions(unit, 2), "product")

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled."""
        return None if is_shared(self.text) else Pending(self.text, _OPERATIONS)

    def __call__(self, x: Any, y: Any, out: Any = None) -> Any:
        """Return the product."""
        z = np.empty(self.shape) if out is None else out
        self.bound((np.ascontiguousarray(x), np.ascontiguousarray(y)), [z])()
        return z

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called."""
        arrays = (*given, *found)
        alone = call_on(self.code, 0, self._turns, arrays)
        if self.team.alone:
            return alone
        calls = [call_on(self.code, *part, arrays) for part in self._parts]
        return self.team.call(alone, functools.partial(side_by_side, calls))


class _Tiles(Writer):
    """Writes the loops over tiles."""

    def __init__(
        self, unit: Unit, shape: Sequence[int], inner: int, x: Access, y: Access
    ) -> None:
        super().__init__(unit, [RECORD])
        self.shape = shape
        self.inner = inner
        self.x, self.y = x.strides, y.strides
        size = 8
        strides: list[int] = []
        for n in reversed(shape):
            strides.insert(0, size)
            size *= n
        self.z = tuple(strides)
        self.offsets = (x.offset, y.offset, 0)

    def write(self, name: str) -> None:
        """Write the function."""
        m, n = self.shape[-2:]
        self.opened(3)
        pointers = [
            self.at(self.entries(i), offset, 1) for i, offset in enumerate(self.offsets)
        ]
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
            whole = n - n % COLUMNS
            if whole:
                count = whole if stack else self.shared_turns(whole)
                with self.loop(count, COLUMNS) as loop:
                    j = loop.i if stack else self.add(f"add i64 {loop.i}, %first")
                    self._columns(pointers, j, COLUMNS, m)
            if whole < n:
                if not stack:
                    last = self.add(f"icmp eq i64 %last, {n}")
                    loops.enter_context(self.where(last))
                self._columns(pointers, whole, n - whole, m)
        self.finish(name)

    def _columns(
        self, pointers: Sequence[str], j: str | int, width: int, m: int
    ) -> None:
        """Write the tiles of some columns, from the first row to the last."""
        x, y, z = pointers
        y, z = self.at(y, j, self.y[-1]), self.at(z, j, 8)
        rows = max(1, min(m, ROWS * COLUMNS // (-(-width // WIDTH) * WIDTH), 12))
        whole = m - m % rows
        with self.loop(whole, rows) as loop:
            left, right = self.at(x, loop.i, self.x[-2]), self.at(z, loop.i, self.z[-2])
            self._tile(left, y, right, rows, width)
        if whole < m:
            left, right = self.at(x, whole, self.x[-2]), self.at(z, whole, self.z[-2])
            self._tile(left, y, right, m - whole, width)

    def _tile(self, x: str, y: str, z: str, rows: int, width: int) -> None:
        """Write one tile: a loop over the inner axis, its sums in registers."""
        counts = [min(WIDTH, width - j) for j in range(0, width, WIDTH)]
        zeros = [(VECTOR, "zeroinitializer")] * (rows * len(counts))
        with self.loop(self.inner, 1, zeros) as loop:
            across, below = (
                self.at(x, loop.i, self.x[-1]),
                self.at(y, loop.i, self.y[-2]),
            )
            columns = [
                self.load_vector(self.at(below, j * WIDTH, 8), c)
                for j, c in enumerate(counts)
            ]
            sums = iter(loop.carried)
            for i in range(rows):
                place = self.at(across, i, self.x[-2])
                a = self.splat(self.load(place))
                loop.after += [
                    self.external(
                        VECTOR, f"llvm.fmuladd.v{WIDTH}f64", VECTOR, [a, b, next(sums)]
                    )
                    for b in columns
                ]
        totals = iter(loop.after)
        for i in range(rows):
            row = self.at(z, i, self.z[-2])
            for j, c in enumerate(counts):
                self.store_vector(next(totals), self.at(row, j * WIDTH, 8), c)


__all__ = ["Product"]
