"""Reads and writes at places that a program computes, in machine code.

In: how an index steps through an array: constants and slices, and integers that rows
hold. Out: a ``PlaceFunction``, which works on arrays in place, and raises a flag where
an integer is out of bounds, so that NumPy says so.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import Pending, is_shared, shared
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.values.shapes import Shape

_OPERATIONS = 6
"""About how many of a loop's operations take as long to compile."""


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
        ``None`` stands for the axis of computed integers.
    computed
        The axes that are indexed by computed integers.
    """

    shape: Shape
    start: int
    axes: tuple[tuple[int | None, int], ...]
    computed: tuple[Computed, ...]

    @property
    def many(self) -> int | None:
        """How many integers there are for one axis, if these are an array."""
        return next((c.many for c in self.computed if c.many is not None), None)

    @property
    def picked(self) -> Shape:
        """The shape of the entries."""
        many = self.many or 0
        return tuple(many if n is None else n for n, _ in self.axes)


class PlaceFunction:
    """A read or a write at computed places.

    Its arrays are the one that is read or changed (none for ``"unindex"``), what is
    written (none for ``"getitem"``), and the integers; then the result, and a flag.

    Attributes
    ----------
    likes
        The shapes and dtypes of its results.
    fails
        The last result is 1 where an integer is out of bounds.
    """

    keeps_shape = True
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
        shape = box.picked if name == "getitem" else box.shape
        self.likes: list[tuple[Shape, np.dtype[Any]]] = [(shape, dtype), ((), dtype)]

    @functools.cached_property
    def code(self) -> Any:
        """The machine code, which may be another's too."""
        return shared(self.text, self._compiled)

    def _compiled(self) -> Any:
        unit = Unit()
        _Places(unit, self.__name__, self.box, self.written).write("places")
        return Function(Functions(unit, 2), "places")

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled."""
        return None if is_shared(self.text) else Pending(self.text, _OPERATIONS)

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        arrays = [np.ascontiguousarray(x, dtype=np.float64) for x in given]
        return call_on(self.code, 0, 1, (*arrays, *found))


class _Places(Writer):
    """Writes the function."""

    def __init__(
        self, unit: Unit, name: str, box: Box, written: tuple[int, ...]
    ) -> None:
        super().__init__(unit, [RECORD])
        self.name = name
        self.box = box
        self.written = written

    def write(self, symbol: str) -> None:
        """Write it under a name."""
        reads = self.name == "getitem"
        arrays = int(self.name != "unindex") + int(not reads)
        integers = len(self.box.computed)
        self.opened(arrays + integers + 2)
        given = [self.entries(i) for i in range(arrays)]
        indices = [self.entries(arrays + i) for i in range(integers)]
        z, flag = (self.entries(arrays + integers + i) for i in range(2))
        if reads:
            self._all(z, given[0], indices, flag)
        else:
            self._begin(z, given[0] if arrays == 2 else "")
            self._all(given[-1], z, indices, flag)
        self.finish(symbol)

    def _begin(self, z: str, x: str) -> None:
        """Write what copies an array, or makes zeros."""
        count = math.prod(self.box.shape)
        whole = count - count % self.width
        for start, stop, width in ((0, whole, self.width), (whole, count, 1)):
            if start == stop:
                continue
            with self.loop(stop, width, start=start) as loop:
                entries = self.literal(0.0, width)
                if x:
                    entries = self.load(self.moved(x, loop.i), width)
                self.store(entries, self.moved(z, loop.i), width)

    def _all(self, part: str, array: str, indices: Sequence[str], flag: str) -> None:
        """Write the loop over computed integers, or what they pick if they are one."""
        self.store("0.0", flag)
        many = self.box.many
        if many is None:
            self._picked(part, array, self._start(indices, "0", flag), "")
            return
        if many:
            with self.loop(many) as loop:
                start = self._start(indices, loop.i, flag)
                self._picked(part, array, start, loop.i)

    def _start(self, indices: Sequence[str], i: str, flag: str) -> str:
        """Return the first place, from the computed integers."""
        found = str(self.box.start)
        for at, axis in zip(indices, self.box.computed, strict=True):
            turn = i if axis.many is not None else "0"
            number = self.load(self.moved(at, turn))
            k = self.add(f"fptosi double {number} to i64")
            negative = self.add(f"icmp slt i64 {k}, 0")
            wrapped = self.add(f"add i64 {k}, {axis.length}")
            k = self.add(f"select i1 {negative}, i64 {wrapped}, i64 {k}")
            inside = self.add(f"icmp ult i64 {k}, {axis.length}")
            before = self.load(flag)
            found_out = self.add(f"select i1 {inside}, double {before}, double 1.0")
            self.store(found_out, flag)
            k = self.add(f"select i1 {inside}, i64 {k}, i64 0")
            step = self.add(f"mul i64 {k}, {axis.step}")
            found = self.add(f"add i64 {found}, {step}")
        return found

    def _picked(self, part: str, array: str, start: str, i: str) -> None:
        """Write the loops over the entries that one set of integers picks."""
        at = start, "0"
        if i:
            axis = next(k for k, (n, _) in enumerate(self.box.axes) if n is None)
            at = start, self.add(f"mul i64 {i}, {self._steps()[axis]}")
        self._along(0, part, array, at)

    def _steps(self) -> tuple[int, ...]:
        """Return the steps along each axis of what is read into, or written."""
        if self.name != "getitem":
            return self.written
        shape = self.box.picked
        return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))

    def _along(self, axis: int, part: str, array: str, at: tuple[str, str]) -> None:
        """Write the loop over one axis, and inside it those over the next."""
        axes = self.box.axes
        if axis == len(axes):
            self._moved(self.moved(part, at[1]), self.moved(array, at[0]))
            return
        count, step = axes[axis]
        if count is None:
            self._along(axis + 1, part, array, at)
            return
        if not count:
            return
        with self.loop(count) as loop:
            there, here = (
                self.add(f"add i64 {x}, {self.add(f'mul i64 {loop.i}, {by}')}")
                for x, by in zip(at, (step, self._steps()[axis]), strict=True)
            )
            self._along(axis + 1, part, array, (there, here))

    def _moved(self, part: str, entry: str) -> None:
        """Write what one entry takes, or gives."""
        if self.name == "getitem":
            self.store(self.load(entry), part)
            return
        x = self.load(part)
        if self.name != "setitem":
            x = self.operation("add", 1, self.load(entry), x)
        self.store(x, entry)


__all__ = ["Box", "Computed", "PlaceFunction"]
