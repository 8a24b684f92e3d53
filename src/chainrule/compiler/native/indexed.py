"""Entries at places that arrays of integers hold: read, added or written.

In: a row that indexes with integers which arguments or other rows hold. Out: loops of
machine code over them. Each array of integers is looked at once, before the loops that
read it: where one is out of bounds, these do nothing, and a flag says so, so that NumPy
raises its error. Negative ones count from the end, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.text import WIDTH
from chainrule.compiler.native.whole_numbers import (
    Axis,
    IndexWriter,
    Integers,
    OfIntegers,
)
from chainrule.values.types import Shape

TURNS = 4
"""Entries that are moved in one turn of a loop."""
UNROLLED = 4 * WIDTH
"""Entries of a row that are moved without a loop."""


_PAIRS = {
    "added_at": "add",
    "maximum_at": "maximum",
    "minimum_at": "minimum",
    "unindex": "add",
}
"""What is made of an entry and what goes there."""


class Layout(NamedTuple):
    """Where entries are that an index picks.

    ``array`` and ``part`` are the numbers of the first entry, but for the integers.
    """

    array: int
    part: int
    axes: tuple[Axis, ...]
    integers: tuple[Integers, ...]


class Indexed(OfIntegers):
    """A read, a sum or a write at places that arrays of integers hold.

    Its arrays are the one that is read, or that is copied and then changed (none for
    ``"unindex"``, which changes zeros); what is added or written (none for
    ``"getitem"``); the integers, and the flags that tell whether some are outside.
    """

    def __init__(
        self, name: str, like: tuple[Shape, Any], layout: Layout, flags: int
    ) -> None:
        """Describe it; ``like`` are shape and dtype of the result.

        A complex number is two of them, along an axis more.
        """
        self.__name__: str = name
        self.shape: Shape = like[0]
        self.dtype: Any = like[1]
        self.real: str = "float" if self.dtype.char in "fF" else "double"
        self.layout = layout
        self.flags = flags
        self.described: str = f"{self.shape} {self.dtype} {tuple(layout)} {flags}"
        self.first: int = 1 if name in ("getitem", "unindex") else 2
        self.last: int = self.first + len(layout.integers)

    def may_overwrite(self, operand: Any, array: Any, *others: Any) -> bool:
        """Tell whether the result may take the memory of an operand."""
        changes = self.first > 1 and operand is array
        return changes and not any(x is operand for x in others)

    def __call__(self, *given: Any) -> Any:
        """Return the entries, or the array after it was changed."""
        arrays = [np.ascontiguousarray(x) for x in given]
        z: Any = np.empty(self.shape, self.dtype)
        self.bound(arrays, (z,))()
        return z

    def write(self, writer: IndexWriter, kinds: list[bool]) -> None:
        """Write it."""
        writer.opened(self.last + self.flags + 1)
        *given, z = map(writer.entries, range(self.last + self.flags + 1))
        integers, flags = given[self.first : self.last], given[self.last :]
        for flag in flags:
            with writer.where(writer.is_true(writer.load(flag))):
                writer.leave_function()
        array, part = (given[0], z) if self.__name__ == "getitem" else (z, given[-1])
        if self.__name__ != "getitem":
            part = given[self.first - 1]
            self._begin(writer, given[0], z)
        if not all(a.many for a in self.layout.axes):
            return
        at = [
            writer.moved(array, self.layout.array),
            writer.moved(part, self.layout.part),
        ]
        for pointer, of in zip(integers, self.layout.integers, strict=True):
            at.append(writer.at(pointer, of.start, 8))
        _Picked(writer, self, kinds).along(0, at)

    def _begin(self, writer: IndexWriter, x: str, z: str) -> None:
        """Write what the array is before it is changed: zeros, or a copy."""
        size = self.dtype.itemsize * math.prod(self.shape)
        kinds = "ptr, i8, i64, i1"
        if self.__name__ == "unindex":
            call = f"@llvm.memset.p0.i64(ptr {z}, i8 0, i64 {size}, i1 false)"
            name, test = "llvm.memset.p0.i64", "true"
        else:
            call = f"@llvm.memcpy.p0.p0.i64(ptr {z}, ptr {x}, i64 {size}, i1 false)"
            name, kinds = "llvm.memcpy.p0.p0.i64", "ptr, ptr, i64, i1"
            test = writer.add(f"icmp ne ptr {x}, {z}")
        writer.unit.external.add(f"declare void @{name}({kinds})")
        with writer.where(test):
            writer.do(f"call void {call}")


class _Picked:
    """Writes the loops over what an index picks."""

    def __init__(self, writer: IndexWriter, of: Indexed, kinds: list[bool]) -> None:
        self.to = writer
        self.name: str = of.__name__
        self.axes = of.layout.axes
        self.integers = of.layout.integers
        self.kinds = kinds
        known = [k + 1 for k, axis in enumerate(self.axes) if any(axis.integers)]
        self.known: int = max(known, default=0)
        """How many axes there are before the integers are known."""

    def along(self, k: int, at: Sequence[str]) -> None:
        """Write the loop over an axis, and inside it those over the next."""
        if k == self.known:
            at = [self._found(at), at[1]]
        if k == len(self.axes):
            self._moved(at[0], at[1], 1)
            return
        axis = self.axes[k]
        last = k + 1 == len(self.axes)
        if last and k >= self.known and axis.array == 1 and axis.part in (0, 1):
            self._row(axis, at)
            return
        several = TURNS if last else 1
        whole = axis.many - axis.many % several
        for start, stop, turns in ((0, whole, several), (whole, axis.many, 1)):
            if start < stop:
                with self.to.loop(stop, turns, start=start) as loop:
                    first = self._on(at, axis, loop.i)
                    for j in range(turns):
                        self.along(k + 1, self._on(first, axis, j))

    def _on(self, at: Sequence[str], axis: Axis, i: str | int) -> list[str]:
        """Return the addresses so many entries of an axis on."""
        sizes = (self.to.size, self.to.size, *(8 for _ in axis.integers))
        moves = [n * step for n, step in zip(sizes, axis.steps, strict=True)]
        pairs = zip(at, moves[: len(at)], strict=True)
        return [self.to.at(pointer, i, move) for pointer, move in pairs]

    def _found(self, at: Sequence[str]) -> str:
        """Return the address in the array that the integers tell."""
        to, found = self.to, at[0]
        given = zip(at[2:], self.integers, self.kinds, strict=True)
        for pointer, of, is_whole in given:
            k = to.integer(pointer, is_whole=is_whole)
            found = to.moved(found, to.place(k, of))
        return found

    def _row(self, axis: Axis, at: Sequence[str]) -> None:
        """Write the moves of entries that follow each other, in vectors."""
        whole = axis.many - axis.many % WIDTH if axis.many > UNROLLED else 0
        if whole:
            with self.to.loop(whole, WIDTH) as loop:
                here = self._on(at, axis, loop.i)
                self._moved(here[0], here[1], WIDTH, axis.part)
        start, width = whole, WIDTH
        while start < axis.many:
            if start + width > axis.many:
                width //= 2
                continue
            here = self._on(at, axis, start)
            self._moved(here[0], here[1], width, axis.part)
            start += width

    def _moved(self, entry: str, part: str, width: int, step: int = 1) -> None:
        """Write what entries take, or give: a vector of them, or one."""
        to = self.to
        if self.name == "getitem":
            to.store(to.load(entry, width), part, width)
            return
        x = to.load(part, width) if step else to.splat(to.load(part), width)
        if self.name != "setitem":
            x = to.operation(_PAIRS[self.name], width, to.load(entry, width), x)
        to.store(x, entry, width)


__all__ = ["Indexed", "Layout"]
