"""Entries at places that arrays of integers hold: read, added or written.

In: a row that indexes with integers which arguments or other rows hold. Out: loops of
machine code over them. Each array of integers is looked at once (``Within``), before
the loops that read it: where one is out of bounds, these do nothing, and a flag says
so, so that NumPy raises its error. Negative ones count from the end, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import Pending, is_shared, shared
from chainrule.compiler.native.text import WIDTH, Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.values.shapes import Shape

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


class Axis(NamedTuple):
    """An axis of what an index picks.

    Attributes
    ----------
    many
        How many entries there are along it.
    array, part
        How far apart these are in the array, and in what is read or written.
    integers
        How far apart their integers are, in each array of these.
    """

    many: int
    array: int
    part: int
    integers: tuple[int, ...]

    def joins(self, inner: Axis) -> bool:
        """Tell whether the axis goes on where the next one ends."""
        steps = zip(self.steps, inner.steps, strict=True)
        return all(outer == inner.many * step for outer, step in steps)

    @property
    def steps(self) -> tuple[int, ...]:
        """All that is moved by, entry by entry."""
        return (self.array, self.part, *self.integers)


class Integers(NamedTuple):
    """An array of integers: the length of the axis that they index, and ...

    ... how far apart its entries are; where the first of them is in its array.
    """

    length: int
    step: int
    start: int


class Layout(NamedTuple):
    """Where entries are that an index picks.

    ``array`` and ``part`` are the numbers of the first entry, but for the integers.
    """

    array: int
    part: int
    axes: tuple[Axis, ...]
    integers: tuple[Integers, ...]


def joined_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the same places by as few axes as can be."""
    found: list[Axis] = []
    for axis in axes:
        if axis.many == 1:
            continue
        if found and found[-1].joins(axis):
            many = found.pop().many * axis.many
            axis = axis._replace(many=many)
        found.append(axis)
    return tuple(found)


class OfIntegers:
    """What reads arrays of integers: as such, or as the floats that a tape has of them.

    Attributes
    ----------
    first, last
        Which of its arrays hold integers.
    """

    keeps_shape = True
    reads_whole = True
    __name__: str
    described: str
    operations: int = 4
    first: int
    last: int

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        kinds = [x.dtype.kind == "i" for x in given[self.first : self.last]]
        code = shared(self._text(kinds), lambda: self._compiled(kinds))
        return call_on(code, 0, 1, (*given, *found))

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled, where its integers are held as such."""
        text = self._text([True] * (self.last - self.first))
        return None if is_shared(text) else Pending(text, self.operations)

    def _text(self, kinds: Sequence[bool]) -> str:
        return f"{self.__name__} {self.described} {kinds}"

    def _compiled(self, kinds: Sequence[bool]) -> Function:
        unit = Unit()
        writer = IndexWriter(unit, [RECORD])
        self.write(writer, list(kinds))
        writer.finish("indexed")
        return Function(Functions(unit, 2), "indexed")

    def write(self, writer: IndexWriter, kinds: list[bool]) -> None:
        """Write the function; ``kinds`` tell which integers are held as such."""
        raise NotImplementedError


class IndexWriter(Writer):
    """Writes loops over integers."""

    def integer(self, pointer: str, width: int = 1, *, is_whole: bool) -> str:
        """Return an integer, or a vector of them."""
        kind = "i64" if width == 1 else f"<{width} x i64>"
        if is_whole:
            return self.add(f"load {kind}, ptr {pointer}, align 8")
        x = self.load(pointer, width)
        return self.add(f"fptosi {self.type(width)} {x} to {kind}")

    def place(self, k: str, of: Integers) -> str:
        """Return how far an integer moves; a negative one counts from the end."""
        negative = self.add(f"ashr i64 {k}, 63")
        back = self.add(f"and i64 {negative}, {of.length}")
        k = self.add(f"add i64 {k}, {back}")
        return k if of.step == 1 else self.add(f"mul i64 {k}, {of.step}")


class Within(OfIntegers):
    """Whether integers are outside of an axis: 1 if one is, else 0; and once more.

    The second raises a flag (``fails``).
    """

    __name__ = "within"
    fills = True
    fails = True
    results = 0
    first, last = 0, 1

    def __init__(self, length: int, start: int, axes: tuple[Axis, ...]) -> None:
        """Describe it: ``axes`` are those of one array of integers."""
        self.length = length
        self.start = start
        self.axes = axes
        self.described: str = f"{length} {start} {axes}"
        dtype = np.dtype(np.float64)
        self.likes: list[tuple[Shape, np.dtype[Any]]] = [((), dtype), ((), dtype)]

    def write(self, writer: IndexWriter, kinds: list[bool]) -> None:
        """Write it."""
        writer.opened(3)
        at, flags = writer.entries(0), [writer.entries(i) for i in (1, 2)]
        for flag in flags:
            writer.store("0.0", flag)
        if not all(a.many for a in self.axes):
            return
        at = writer.moved(at, self.start)
        *outer, inner = self.axes or (Axis(1, 0, 0, (1,)),)
        whole = inner.many - inner.many % WIDTH if inner.integers == (1,) else 0
        with ExitStack() as loops:
            for axis in outer:
                turn = loops.enter_context(writer.loop(axis.many))
                at = writer.at(at, turn.i, 8 * axis.integers[0])
            for start, stop, width in ((0, whole, WIDTH), (whole, inner.many, 1)):
                if start < stop:
                    self._look(writer, at, (start, stop, width), flags, kinds[0])

    def _look(
        self,
        writer: IndexWriter,
        at: str,
        turns: tuple[int, int, int],
        flags: Sequence[str],
        is_whole: bool,  # noqa: FBT001
    ) -> None:
        """Write the loop over integers that follow each other by steps."""
        start, stop, width = turns
        kind, truths = (f"<{width} x {k}>" if width > 1 else k for k in ("i64", "i1"))
        n, most = (
            f"splat (i64 {x})" if width > 1 else str(x)
            for x in (self.length, 2 * self.length)
        )
        step = self.axes[-1].integers[0] if self.axes else 1
        nothing = "zeroinitializer" if width > 1 else "false"
        with writer.loop(stop, width, [(truths, nothing)], start=start) as loop:
            here = writer.at(at, loop.i, 8 * step)
            k = writer.integer(here, width, is_whole=is_whole)
            later = writer.add(f"add {kind} {k}, {n}")
            outside = writer.add(f"icmp uge {kind} {later}, {most}")
            (before,) = loop.carried
            loop.after = [writer.add(f"or {truths} {before}, {outside}")]
        (found,) = loop.after
        if width > 1:
            name = f"llvm.vector.reduce.or.v{width}i1"
            writer.unit.external.add(f"declare i1 @{name}({truths})")
            found = writer.add(f"call i1 @{name}({truths} {found})")
        with writer.where(found):
            for flag in flags:
                writer.store("1.0", flag)


class Indexed(OfIntegers):
    """A read, a sum or a write at places that arrays of integers hold.

    Its arrays are the one that is read, or that is copied and then changed (none for
    ``"unindex"``, which changes zeros); what is added or written (none for
    ``"getitem"``); the integers, and the flags that tell whether some are outside.
    """

    def __init__(self, name: str, shape: Shape, layout: Layout, flags: int) -> None:
        """Describe it; ``shape`` is that of the result."""
        self.__name__: str = name
        self.shape = shape
        self.layout = layout
        self.flags = flags
        self.described: str = f"{shape} {tuple(layout)} {flags}"
        self.first: int = 1 if name in ("getitem", "unindex") else 2
        self.last: int = self.first + len(layout.integers)

    def may_overwrite(self, operand: Any, array: Any, *others: Any) -> bool:
        """Tell whether the result may take the memory of an operand."""
        changes = self.first > 1 and operand is array
        return changes and not any(x is operand for x in others)

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
            at.append(writer.moved(pointer, of.start))
        _Picked(writer, self, kinds).along(0, at)

    def _begin(self, writer: IndexWriter, x: str, z: str) -> None:
        """Write what the array is before it is changed: zeros, or a copy."""
        size, kinds = 8 * math.prod(self.shape), "ptr, i8, i64, i1"
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
        steps = axis.steps[: len(at)]
        pairs = zip(at, steps, strict=True)
        return [self.to.at(pointer, i, 8 * step) for pointer, step in pairs]

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


__all__ = ["Axis", "Indexed", "Integers", "Layout", "Within", "joined_axes"]
