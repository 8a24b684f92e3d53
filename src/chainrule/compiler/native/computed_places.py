"""Reads and writes at places that a program computes, in machine code.

In: how an index steps through an array: constants and slices, and integers that rows
hold. Out: a ``PlaceFunction``, which reads an array or changes it where it is, and
raises a flag where an integer is out of bounds, so that NumPy says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.values.shapes import Shape

Integer = Callable[[int, str], str]
"""Returns a computed integer, as a number: of which axis, and the turn of the loop."""


class Computed(NamedTuple):
    """An axis that computed integers index: so many places, so far apart, of which ...

    ... there are ``many``, or one where that is ``None``.
    """

    length: int
    step: int
    many: int | None


class Box(NamedTuple):
    """The entries at places that are computed.

    Attributes
    ----------
    shape
        The shape of the array.
    start
        The first of them where all computed integers are 0.
    axes
        How many there are along each axis of the result, and how far apart. A count
        ``None`` stands for the axis of arrays of integers.
    computed
        The axes that are indexed by computed integers.
    many
        How many integers the arrays have; ``None`` if there are none.
    """

    shape: Shape
    start: int
    axes: tuple[tuple[int | None, int], ...]
    computed: tuple[Computed, ...]
    many: int | None

    @property
    def picked(self) -> Shape:
        """The shape of the entries."""
        many = self.many or 0
        return tuple(many if n is None else n for n, _ in self.axes)


class PlaceFunction(SharedCode):
    """A read or a write at computed places.

    Its arrays are the one that is read or changed, what is written (none for
    ``"getitem"``), and the integers; then the result, which is the array itself where
    that is changed, and a flag.

    Attributes
    ----------
    likes
        The shapes and dtypes of its results.
    fails
        The last result is 1 where an integer is out of bounds.
    """

    keeps_shape = True
    operations = 6
    fills = True
    fails = True
    results = 0
    """How many results may be in memory of their own."""

    def __init__(self, name: str, box: Box, written: tuple[int, ...]) -> None:
        """Describe it: ``written`` are the steps of what is written, along each axis.

        These are 0 where it is repeated.
        """
        self.__name__: str = name
        self.box = box
        self.written = written
        self.text: str = f"{name} {tuple(box)} {written}"
        dtype = np.dtype(np.float64)
        shape = box.picked if self.reads else box.shape
        self.likes: list[tuple[Shape, np.dtype[Any]]] = [(shape, dtype), ((), dtype)]

    @property
    def reads(self) -> bool:
        """Whether it reads an array; if not, it changes it."""
        return self.__name__ == "getitem"

    @property
    def repeats(self) -> bool:
        """Whether it writes one number, to all entries."""
        return not (self.reads or any(self.written))

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        writer = Writer(unit, [RECORD])
        integers = len(self.box.computed)
        writer.opened((2 if self.reads else 3) + integers + 1)
        arrays = [writer.entries(i) for i in range((1 if self.reads else 2) + integers)]
        z, flag = (writer.entries(len(arrays) + i) for i in range(2))
        array, *rest = arrays
        part = z if self.reads else rest.pop(0)
        if self.repeats:
            part = writer.load(part)

        def integer(i: int, turn: str) -> str:
            return writer.load(writer.moved(rest[i], turn))

        writer.store(self.write(writer, array, part, integer), flag)
        writer.finish("places")
        return Function(Functions(unit, 2), "places")

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        arrays = [np.ascontiguousarray(x, dtype=np.float64) for x in given]
        return call_on(self.code, 0, 1, (*arrays, *found))

    def write(self, writer: Writer, array: str, part: str, integer: Integer) -> str:
        """Write it into a function; return the number that its flag is.

        ``array`` and ``part`` are addresses: of the array, and of what is read into, or
        written; a number that it repeats is given itself. ``integer`` returns one of
        the computed integers.
        """
        return _Places(writer, self, integer).write(array, part)

    def entry(self, writer: Writer, array: str, integer: Integer) -> tuple[str, str]:
        """Write the read of a single entry; return it, and the number of the flag."""
        start, outside = _Places(writer, self, integer).start("0")
        return writer.load(writer.moved(array, start)), outside


class _Places:
    """Writes such a function."""

    def __init__(
        self, writer: Writer, function: PlaceFunction, integer: Integer
    ) -> None:
        self.to = writer
        self.name: str = function.__name__
        self.box = function.box
        self.integer = integer
        self.repeats: bool = function.repeats
        self.steps: tuple[int, ...] = function.written
        if function.reads:
            shape = self.box.picked
            steps = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
            self.steps = tuple(steps)

    def write(self, array: str, part: str) -> str:
        """Write the loop over computed integers, or what they pick if they are one."""
        many = self.box.many
        if many is None:
            start, outside = self.start("0")
            self._along(0, part, array, (start, "0"))
            return outside
        if not many:
            return "0.0"
        axis, each = next(
            (k, by) for k, (n, by) in enumerate(self.box.axes) if n is None
        )
        with self.to.loop(many, 1, [("double", "0.0")]) as loop:
            start, outside = self.start(loop.i)
            start = self.to.add(
                f"add i64 {start}, {self.to.add(f'mul i64 {loop.i}, {each}')}"
            )
            here = self.to.add(f"mul i64 {loop.i}, {self.steps[axis]}")
            self._along(0, part, array, (start, here))
            loop.after = [self.to.operation("maximum", 1, loop.carried[0], outside)]
        return loop.after[0]

    def start(self, turn: str) -> tuple[str, str]:
        """Return the first place, and a number that is 1 where that is outside."""
        add, found = self.to.add, str(self.box.start)
        inside = "true"
        for i, axis in enumerate(self.box.computed):
            number = self.integer(i, turn if axis.many is not None else "0")
            k = add(f"fptosi double {number} to i64")
            negative = add(f"icmp slt i64 {k}, 0")
            wrapped = add(f"add i64 {k}, {axis.length}")
            k = add(f"select i1 {negative}, i64 {wrapped}, i64 {k}")
            within = add(f"icmp ult i64 {k}, {axis.length}")
            k = add(f"select i1 {within}, i64 {k}, i64 0")
            step = add(f"mul i64 {k}, {axis.step}")
            found = add(f"add i64 {found}, {step}")
            inside = add(f"and i1 {inside}, {within}")
        return found, add(f"select i1 {inside}, double 0.0, double 1.0")

    def _along(self, axis: int, part: str, array: str, at: tuple[str, str]) -> None:
        """Write the loop over one axis, and inside it those over the next."""
        to, axes = self.to, self.box.axes
        if axis == len(axes):
            here = part if self.repeats else to.moved(part, at[1])
            self._moved(here, to.moved(array, at[0]), 1)
            return
        count, step = axes[axis]
        if count is None:
            self._along(axis + 1, part, array, at)
            return
        if axis + 1 == len(axes) and step == 1 and self.steps[axis] in (0, 1):
            self._row(count, part, array, at)
            return
        if not count:
            return
        with to.loop(count) as loop:
            there, here = (
                to.add(f"add i64 {x}, {to.add(f'mul i64 {loop.i}, {by}')}")
                for x, by in zip(at, (step, self.steps[axis]), strict=True)
            )
            self._along(axis + 1, part, array, (there, here))

    def _row(self, count: int, part: str, array: str, at: tuple[str, str]) -> None:
        """Write the loop over entries that follow each other, in vectors."""
        to, moves = self.to, self.steps[-1]
        first = part if self.repeats else to.moved(part, at[1])
        entry = to.moved(array, at[0])
        whole = count - count % to.width
        for start, stop, width in ((0, whole, to.width), (whole, count, 1)):
            if start == stop:
                continue
            with to.loop(stop, width, start=start) as loop:
                here = to.moved(first, loop.i) if moves else first
                self._moved(here, to.moved(entry, loop.i), width)

    def _moved(self, part: str, entry: str, width: int) -> None:
        """Write what entries take, or give: a vector of them, or one."""
        to = self.to
        if self.name == "getitem":
            to.store(to.load(entry, width), part, width)
            return
        if self.repeats or (width > 1 and not self.steps[-1]):
            x = to.splat(part if self.repeats else to.load(part), width)
        else:
            x = to.load(part, width)
        if self.name != "setitem":
            x = to.operation("add", width, to.load(entry, width), x)
        to.store(x, entry, width)


__all__ = ["Box", "Computed", "PlaceFunction"]
