"""Arrays of integers, and whether they are places of an axis: one look at each.

In: how the integers of an array are read. Out: a function that tells whether some are
outside, and what functions over integers have in common. A tape has integers as such,
or as floats.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import Pending, is_shared, shared
from chainrule.compiler.native.text import WIDTH, Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.compiler.programs.signals import NanFound
from chainrule.values.types import Shape


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
    first: int = 0
    last: int = 1
    real: str = "double"
    """The kind of the numbers that it moves."""

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        kinds = [x.dtype.kind == "i" for x in given[self.first : self.last]]
        code = shared(self._text(kinds), lambda: self._compiled(kinds))
        return call_on(code, 0, 1, (*given, *found))

    @functools.cached_property
    def code(self) -> Function:
        """The machine code, where its integers are held as such."""
        kinds = [True] * (self.last - self.first)
        return shared(self._text(kinds), lambda: self._compiled(kinds))

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled of that."""
        text = self._text([True] * (self.last - self.first))
        return None if is_shared(text) else Pending(text, self.operations)

    def _text(self, kinds: Sequence[bool]) -> str:
        return f"{self.__name__} {self.real} {self.described} {kinds}"

    def _compiled(self, kinds: Sequence[bool]) -> Function:
        unit = Unit()
        writer = IndexWriter(unit, [RECORD], self.real)
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
    """Whether integers are outside of an axis: 1 if one is, else 0; and once more."""

    __name__ = "within"

    def __init__(self, length: int, start: int, axes: tuple[Axis, ...]) -> None:
        """Describe it: ``axes`` are those of one array of integers."""
        self.length = length
        self.start = start
        self.axes = axes
        self.described: str = f"{length} {start} {axes}"

    def __call__(self, x: Any) -> Any:
        """Return the integers; where some are outside, the function itself says so."""
        integers: Any = np.ascontiguousarray(x, dtype=np.int64)
        flags = np.zeros(()), np.zeros(())
        self.bound((integers,), flags)()
        if flags[0]:
            raise NanFound
        return integers

    def write(self, writer: IndexWriter, kinds: list[bool]) -> None:
        """Write it."""
        writer.opened(3)
        at, flags = writer.entries(0), [writer.entries(i) for i in (1, 2)]
        for flag in flags:
            writer.store("0.0", flag)
        if not all(a.many for a in self.axes):
            return
        at = writer.at(at, self.start, 8)
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


class Flag(Within):
    """The same for a tape: the second of the two raises its flag (``fails``)."""

    fills = True
    fails = True
    results = 0
    likes: ClassVar[list[tuple[Shape, np.dtype[Any]]]] = [
        ((), np.dtype(np.float64)),
        ((), np.dtype(np.float64)),
    ]


__all__ = [
    "Axis",
    "Flag",
    "IndexWriter",
    "Integers",
    "OfIntegers",
    "Within",
    "joined_axes",
]
