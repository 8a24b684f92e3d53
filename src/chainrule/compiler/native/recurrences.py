"""Linear recurrences in machine code: s[k] = a[k - 1] s[k - 1] + b[k].

In: a row of a recurrence. Out: whether native code solves it, one entry after the
other. The operands are read where they are, also backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.nest_plan import Access, access, contiguous
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.views import Views
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.recurrences import recurrence
from chainrule.values.shapes import ARRAYS, Shape


class Recurrence(SharedCode):
    """The solution of a linear recurrence along the last axis."""

    __name__ = "recurrence"
    keeps_shape = True
    operations = 4

    def __init__(self, shape: Shape, a: Access, b: Access) -> None:
        """Describe it: the shape of the solution, and how the operands are read."""
        self.shape = shape
        self._described = shape, a, b
        self.text: str = f"recurrence {self._described}"

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        _Lines(unit, *self._described).write("recurrence")
        return Function(Functions(unit, 2), "recurrence")

    def __call__(self, a: Any, b: Any) -> Any:
        """Return the solution."""
        s = np.empty(self.shape)
        self.bound(tuple(map(np.ascontiguousarray, (a, b))), (s,))()
        return s

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        return call_on(self.code, 0, 1, (*given, *found))


class _Lines(Writer):
    """Writes the loops: that along a line carries one number."""

    def __init__(self, unit: Unit, shape: Shape, a: Access, b: Access) -> None:
        super().__init__(unit, [RECORD])
        self.shape = shape
        self.read = a, b, contiguous(shape, np.dtype(float))

    def write(self, name: str) -> None:
        """Write the function."""
        self.opened(3)
        lines = tuple(
            self.at(self.entries(i), one.offset, 1) for i, one in enumerate(self.read)
        )
        with ExitStack() as loops:
            for axis, n in enumerate(self.shape[:-1]):
                i = loops.enter_context(self.loop(n)).i
                lines = self._moved(lines, axis, i)
            self._line(*lines)
        self.finish(name)

    def _moved(self, lines: Sequence[str], axis: int, i: str) -> tuple[str, ...]:
        pairs = zip(lines, self.read, strict=True)
        return tuple(self.at(x, i, one.strides[axis]) for x, one in pairs)

    def _line(self, a: str, b: str, s: str) -> None:
        first = self.load(b)
        self.store(first, s)
        _, b, s = (
            self.at(x, 1, one.strides[-1])
            for x, one in zip((a, b, s), self.read, strict=True)
        )
        carried = [("double", first)]
        with self.loop(self.shape[-1] - 1, 1, carried, certain=False) as loop:
            factor, term, there = self._moved((a, b, s), -1, loop.i)
            grown = self.operation("multiply", 1, self.load(factor), loop.carried[0])
            found = self.operation("add", 1, grown, self.load(term))
            self.store(found, there)
            loop.after = [found]


def as_recurrence(row: Row, views: Views, least: int) -> bool:
    """Let native code solve a recurrence of so many entries; tell whether it will."""
    if row.function is not recurrence or row.dtype != np.float64 or row.shape is None:
        return False
    if not views.floats or math.prod(row.shape) < least:
        return False
    read: list[Access] = []
    bases: list[Any] = []
    for x, n in zip(row.args, (row.shape[-1] - 1, row.shape[-1]), strict=True):
        if not isinstance(x, (Row, ARRAYS)) or x.dtype != np.float64:
            return False
        shown = views.of(x)
        seen = access(shown.array, shown.view, (*row.shape[:-1], n))
        if seen is None:
            return False
        read.append(seen)
        bases.append(shown.base)
    row.function, row.args = Recurrence(row.shape, *read), tuple(bases)
    row.operands = [x for x in bases if isinstance(x, Row)]
    return True


__all__ = ["Recurrence", "as_recurrence"]
