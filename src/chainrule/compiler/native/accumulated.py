"""Accumulations along an axis in machine code: ``cumsum``, ``cumprod`` and relatives.

In: a row whose function makes each entry of those up to it. Out: whether native code
computes it, one entry after the other as NumPy does, and so with its bits. The operand
is read where it is, also backwards.
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
from chainrule.compiler.native.operations import operation_named
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.views import Views
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.calls import named, parameters
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import Shape, normalize_axes


class Accumulated(SharedCode):
    """An accumulation of the entries along one axis."""

    keeps_shape = True
    operations = 3

    def __init__(
        self, name: str, pair: str, shape: Shape, axis: int, x: Access
    ) -> None:
        """Describe it: ``pair`` is the operation of an entry and those before it."""
        self.__name__: str = name
        self.shape = shape
        self._described = pair, shape, axis, x
        self.text: str = f"accumulated {self._described}"

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        _Lines(unit, *self._described).write("accumulated")
        return Function(Functions(unit, 2), "accumulated")

    def __call__(self, x: Any) -> Any:
        """Return the accumulated entries."""
        z = np.empty(self.shape)
        self.bound((np.ascontiguousarray(x),), (z,))()
        return z

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        return call_on(self.code, 0, 1, (*given, *found))


class _Lines(Writer):
    """Writes the loops."""

    def __init__(
        self, unit: Unit, pair: str, shape: Shape, axis: int, x: Access
    ) -> None:
        super().__init__(unit, [RECORD])
        self.pair = pair
        self.shape = shape
        self.axis = axis
        self.offset = x.offset
        self.steps = x.strides, contiguous(shape, x.dtype).strides

    def write(self, name: str) -> None:
        """Write the function."""
        self.opened(2)
        x, z = self.at(self.entries(0), self.offset, 1), self.entries(1)
        with ExitStack() as loops:
            for axis in range(self.axis):
                i = loops.enter_context(self.loop(self.shape[axis])).i
                x, z = self._moved((x, z), axis, i)
            if self.axis == len(self.shape) - 1:
                self._line(x, z)
            else:
                self._rows(x, z)
        self.finish(name)

    def _moved(self, pointers: tuple[str, str], axis: int, i: str) -> tuple[str, str]:
        x, z = pointers
        first, second = self.steps
        return self.at(x, i, first[axis]), self.at(z, i, second[axis])

    def _line(self, x: str, z: str) -> None:
        """Write the loop along the last axis: one number is carried."""
        first = self.load(x)
        self.store(first, z)
        carried = [("double", first)]
        with self.loop(self.shape[-1], 1, carried, start=1, certain=False) as loop:
            here, there = self._moved((x, z), self.axis, loop.i)
            total = self.operation(self.pair, 1, loop.carried[0], self.load(here))
            self.store(total, there)
            loop.after = [total]

    def _rows(self, x: str, z: str) -> None:
        """Write the loop along another axis: each row is made of the one before."""
        self._row(x, z, "")
        with self.loop(self.shape[self.axis], start=1, certain=False) as loop:
            here, there = self._moved((x, z), self.axis, loop.i)
            before = self.at(there, -self.steps[1][self.axis], 1)
            self._row(here, there, before)

    def _row(self, x: str, z: str, before: str) -> None:
        last = len(self.shape) - 1
        with ExitStack() as loops:
            for axis in range(self.axis + 1, last):
                i = loops.enter_context(self.loop(self.shape[axis])).i
                x, z = self._moved((x, z), axis, i)
                before = self.at(before, i, self.steps[1][axis]) if before else ""
            n = self.shape[last]
            width = self.width if self.steps[0][last] == self.size else 1
            whole = n - n % width
            for start, stop, many in ((0, whole, width), (whole, n, 1)):
                if start == stop:
                    continue
                with self.loop(stop, many, start=start) as loop:
                    here, there = self._moved((x, z), last, loop.i)
                    entries = self.load(here, many)
                    if before:
                        have = self.load(self.at(before, loop.i, self.size), many)
                        entries = self.operation(self.pair, many, have, entries)
                    self.store(entries, there, many)


def accumulate(program: Program, views: Views, least: int) -> bool:
    """Let native code accumulate arrays of so many entries; tell whether it will."""
    found = [_as_accumulated(row, views, least) for row in program.rows]
    return any(found)


def _as_accumulated(row: Row, views: Views, least: int) -> bool:
    known = traits_of(row.function)
    if known.accumulates is None or not row.reads_first or row.dtype != np.float64:
        return False
    (x,) = row.operands
    pair = operation_named(known.accumulates)
    call = row.function, row.args, row.given
    others = parameters(*call, 1)
    others.pop("axis", None)
    if not pair or x.dtype != row.dtype or any(v is not None for v in others.values()):
        return False
    axis, shape = named(*call).get("axis"), x.shape or ()
    if shape != row.shape or math.prod(shape) < least:
        return False
    if axis is None and len(shape) > 1:
        return False
    (axis,) = normalize_axes(axis, len(shape))
    shown = views.of(x)
    seen = access(shown.array, shown.view, shape)
    assert seen is not None  # noqa: S101
    row.function = Accumulated(row.function.__name__, pair, shape, axis, seen)
    row.args, row.given, row.operands = (shown.base,), {}, [shown.base]
    return True


__all__ = ["Accumulated", "accumulate"]
