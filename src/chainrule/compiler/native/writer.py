"""Functions of addresses and integers, written instruction by instruction.

In: loads, operations, loops. Out: functions in a ``Unit``. Vectors and loops are
written out here, so LLVM is asked for machine instructions only.

Functions read arrays by the addresses of the Python objects (``id``), which the caller
keeps alive; see ``Writer.entries``.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.expressions import operation, without_call
from chainrule.compiler.native.operations import ELEMENTWISE
from chainrule.compiler.native.text import (
    SIZES,
    WIDTHS,
    Text,
    Unit,
    literal,
    type_of,
)


def _place_of_data() -> int:
    """Return where in an array object the address of its entries is; 0 if nowhere.

    Reading it in native code takes a nanosecond, by ``x.ctypes.data`` half a
    microsecond per array.
    """
    if sys.implementation.name != "cpython":
        return 0
    place = object.__basicsize__
    for x in (np.zeros(3), np.zeros((2, 2), dtype=bool)):
        found = ctypes.c_void_p.from_address(id(x) + place).value
        if found != x.ctypes.data:
            return 0
    return place


DATA = _place_of_data()
"""Where an array object keeps the address of its entries, in bytes."""


def objects(count: int) -> list[str]:
    """Return the parameters of a function of arrays: the addresses of the objects."""
    return [f"ptr %array{i}" for i in range(count)]


RECORD = "ptr %record"
"""The parameter of functions that are called with a record: see ``Writer.opened``."""


class Loop:
    """A loop that is being written: its counter, and what its turns hand on.

    The body sets ``after`` to the new values of ``carried``; after the loop it has
    those that hold there.
    """

    def __init__(self, i: str, carried: list[str]) -> None:
        """Name them."""
        self.i = i
        self.carried = carried
        self.after: list[str] = []


class Turns(Loop):
    """A loop that is being written whose turns begin with a test.

    Its body calls ``go_on`` once, with what says whether there is another turn.
    ``carried`` has the values that hold there, also after the loop.
    """

    def __init__(self, writer: Writer, label: str, carried: list[str]) -> None:
        """Name them."""
        super().__init__(f"%{label}i", carried)
        self._writer, self._label = writer, label

    def go_on(self, test: str) -> None:
        """Write the test; what follows is done only if it holds."""
        body = f"{self._label}body"
        self._writer.do(f"br i1 {test}, label %{body}, label %{self._label}end")
        self._writer.begin(body)


class Writer(Text):
    """Writes one function, whose numbers are of one kind: ``double`` or ``float``."""

    def __init__(
        self, unit: Unit, parameters: Sequence[str], real: str = "double"
    ) -> None:
        """Begin a function of addresses and integers."""
        super().__init__(unit, "%r")
        self.parameters: list[str] = list(parameters)
        self.real = real
        self.width: int = WIDTHS[real]
        """Numbers in a vector."""
        self.size: int = SIZES[real]
        """Bytes of a number."""
        self.whole: str = type_of(real, self.width)
        """The type of a vector."""
        self._narrow: dict[str, tuple[str, str]] = {}
        """Numbers of float64 that are float32 too: as which, and in which block; it is
        empty where they are in all."""

    def finish(self, name: str) -> None:
        """Hand the function to its unit."""
        self.unit.parts.append(self.as_function(name, self.parameters))

    def operation(
        self, name: str, width: int, *operands: str, is_called: bool = True
    ) -> str:
        """Write one of the tape's operations; return the name of its result."""
        pause()
        if is_called or self.real == "float":
            found = operation(name, width, self.real)
        else:
            found = without_call(name, width)
        self.unit.declare(found)
        rounds = ELEMENTWISE[name].rounds
        xs = [self._narrowed(x, width) for x in operands] if rounds else operands
        a, b, c = (*xs, "", "", "")[:3]
        p = f"{self.fresh()}_"
        self.lines.append(found.text.format(a=a, b=b, c=c, p=p))
        z = found.result.format(a=a, b=b, c=c, p=p)
        return self._widened(z, width) if rounds else z

    def _narrowed(self, x: str, width: int) -> str:
        """Return float64 numbers as float32, as which they may be known."""
        known = self._narrow.get(x)
        if known is None or known[1] not in ("", self.block):
            wide, narrow = (type_of(kind, width) for kind in ("double", "float"))
            known = self.add(f"fptrunc {wide} {x} to {narrow}"), self.block
            self._narrow[x] = known
        return known[0]

    def _widened(self, x: str, width: int) -> str:
        """Return float32 numbers as float64."""
        narrow, wide = (type_of(kind, width) for kind in ("float", "double"))
        z = self.add(f"fpext {narrow} {x} to {wide}")
        self._narrow[z] = x, ""
        return z

    # ------------------------------------------------------------ numbers, vectors

    def type(self, count: int) -> str:
        """Return the type of a number, or of a vector of so many."""
        return type_of(self.real, count)

    def literal(self, x: complex, width: int = 0) -> str:
        """Return a constant, in a vector of so many: else one of ``self.width``."""
        width = width or self.width
        if not isinstance(x, complex):
            return literal(x, width, self.real)
        parts = [literal(v, 1, self.real) for v in (x.real, x.imag)] * (width // 2)
        return f"<{', '.join(f'{self.real} {v}' for v in parts)}>"

    def load(self, pointer: str, count: int = 1) -> str:
        """Return so many numbers from an address on, as a vector if there are more."""
        return self.add(f"load {self.type(count)}, ptr {pointer}, align {self.size}")

    def store(self, x: str, pointer: str, count: int = 1) -> None:
        """Write so many numbers to an address."""
        kinds = self.type(count)
        self.do(f"store {kinds} {x}, ptr {pointer}, align {self.size}")

    def load_vector(self, pointer: str, count: int, width: int = 0) -> str:
        """Return results from an address on, as a vector of so many numbers.

        A vector has ``self.width`` results, of which ``count`` are there.
        """
        width = width or self.width
        have = count * width // self.width
        return self.resized(self.load(pointer, have), have, width)

    def store_vector(self, x: str, pointer: str, count: int, width: int = 0) -> None:
        """Write the first ``count`` results of a vector."""
        width = width or self.width
        have = count * width // self.width
        self.store(self.resized(x, width, have), pointer, have)

    def fused(self, a: str, b: str, c: str, width: int = 1) -> str:
        """Return ``a * b + c`` of float64 numbers, or of vectors of them."""
        name = "llvm.fmuladd." + ("f64" if width == 1 else f"v{width}f64")
        kind = type_of("double", width)
        return self.external(kind, name, kind, [a, b, c])

    def least(self, x: str, most: int) -> str:
        """Return the smaller one of two integers."""
        short = self.add(f"icmp slt i64 {x}, {most}")
        return self.add(f"select i1 {short}, i64 {x}, i64 {most}")

    def moved(self, pointer: str, i: str | int) -> str:
        """Return the address so many numbers on."""
        return self.add(f"getelementptr {self.real}, ptr {pointer}, i64 {i}")

    def gathered(self, numbers: Sequence[str], width: int) -> str:
        """Return a vector of numbers."""
        kinds, found = self.type(width), "poison"
        if width == 1:
            return numbers[0]
        for i, x in enumerate(numbers):
            found = self.add(f"insertelement {kinds} {found}, {self.real} {x}, i64 {i}")
        return found

    def shuffled(self, x: str, y: str, width: int, places: Iterable[int | None]) -> str:
        """Return a vector of chosen numbers of two of a width; ``None`` is any."""
        kind = self.type(width)
        chosen = [f"i32 {'poison' if i is None else i}" for i in places]
        mask = f"<{len(chosen)} x i32> <{', '.join(chosen)}>"
        return self.add(f"shufflevector {kind} {x}, {kind} {y}, {mask}")

    def splat(self, x: str, width: int = 0) -> str:
        """Return a vector of one number."""
        width = width or self.width
        if width == 1:
            return x
        return self.shuffled(self.gathered([x], width), "poison", width, [0] * width)

    def resized(self, x: str, have: int, want: int) -> str:
        """Return a vector cut or filled up to another length."""
        if have == want:
            return x
        if have == 1:
            return self.gathered([x], want)
        if want == 1:
            return self.element(x, 0, have)
        places = [i if i < have else None for i in range(want)]
        return self.shuffled(x, "poison", have, places)

    def folded(self, x: str, name: str, parts: int = 1) -> str:
        """Return what is left of a vector when an operation has paired its halves.

        Of results with several ``parts``, so many numbers are left.
        """
        whole = width = self.width * parts
        while width > parts:
            width //= 2
            halves = [
                [i + start if i < width else None for i in range(whole)]
                for start in (0, width)
            ]
            x = self.operation(
                name, whole, *(self.shuffled(x, "poison", whole, h) for h in halves)
            )
        return self.resized(x, whole, parts)

    def element(self, x: str, i: int, width: int = 0) -> str:
        """Return a number of a vector."""
        kinds = self.type(width or self.width)
        return self.add(f"extractelement {kinds} {x}, i64 {i}")

    def filled(self, x: str, count: int, other: str, width: int = 0) -> str:
        """Return a vector with all numbers from one on replaced by another's."""
        width = width or self.width
        if count == width:
            return x
        places = [i if i < count else width + i for i in range(width)]
        return self.shuffled(x, other, width, places)

    # ------------------------------------------------------------- loops, addresses

    @contextmanager
    def loop(
        self,
        stop: str | int,
        step: int = 1,
        carried: Sequence[tuple[str, str]] = (),
        *,
        start: str | int = 0,
        certain: bool = True,
    ) -> Generator[Loop]:
        """Write a loop over ``range(start, stop, step)``.

        ``carried`` has type and first value of what a turn hands to the next. Unless it
        is ``certain`` that there is a turn, that is tested.
        """
        label = self.fresh()[1:]
        before, i = self.block, f"%{label}i"
        found = Loop(i, [f"%{label}c{j}" for j in range(len(carried))])
        opening = f"br label %{label}body"
        if not certain:
            some = self.add(f"icmp slt i64 {start}, {stop}")
            opening = f"br i1 {some}, label %{label}body, label %{label}end"
        head = len(self.lines)
        self.lines.append("")
        self.block = f"{label}body"
        yield found
        after = self.add(f"add i64 {i}, {step}")
        more = self.add(f"icmp slt i64 {after}, {stop}")
        self.do(f"br i1 {more}, label %{label}body, label %{label}end")
        top = [f"  {opening}", f"{label}body:"]
        bottom = [f"{label}end:"]
        counter = (i, ("i64", str(start)), after)
        others = zip(found.carried, carried, found.after, strict=True)
        for name, (kind, first), last in (counter, *others):
            both = f"[ {first}, %{before} ], [ {last}, %{self.block} ]"
            top.append(f"  {name} = phi {kind} {both}")
            if not certain and name != i:
                bottom.append(f"  {name}end = phi {kind} {both}")
        if not certain:
            found.after = [f"{name}end" for name in found.carried]
        self.lines[head] = "\n".join(top) + "\n"
        self.lines.append("\n".join(bottom) + "\n")
        self.block: str = f"{label}end"

    @contextmanager
    def tested_loop(self, carried: Sequence[tuple[str, str]]) -> Generator[Turns]:
        """Write a loop of any number of turns: see ``Turns``.

        ``carried`` has type and first value of what a turn hands to the next.
        """
        label = self.fresh()[1:]
        names = [f"%{label}c{j}" for j in range(len(carried))]
        found, before, head = Turns(self, label, names), self.block, len(self.lines)
        self.lines.append("")
        self.block = f"{label}head"
        yield found
        after = self.add(f"add i64 {found.i}, 1")
        self.do(f"br label %{label}head")
        top = [f"  br label %{label}head", f"{label}head:"]
        counter = (found.i, ("i64", "0"), after)
        others = zip(names, carried, found.after, strict=True)
        for name, (kind, first), last in (counter, *others):
            both = f"[ {first}, %{before} ], [ {last}, %{self.block} ]"
            top.append(f"  {name} = phi {kind} {both}")
        self.lines[head] = "\n".join(top) + "\n"
        self.begin(f"{label}end")

    def is_true(self, x: str) -> str:
        """Return whether a number is not 0."""
        return self.add(f"fcmp une double {x}, 0.0")

    def leave_function(self) -> None:
        """Return from the function; what follows in this block is not run."""
        self.do("ret void")
        self.begin(self.fresh()[1:])

    def opened(self, count: int) -> None:
        """Read a record: ``%first`` and ``%last``, then the objects of the arrays."""
        for i in range(2 + count):
            name = ("first", "last")[i] if i < 2 else f"array{i - 2}"
            at = self.at("%record", i, 8)
            kind = "i64" if i < 2 else "ptr"
            self.do(f"%{name} = load {kind}, ptr {at}")

    def entries(self, i: int) -> str:
        """Return the address of an array's entries; ``%array{i}`` is the object's."""
        return self.data(f"%array{i}")

    def data(self, array: str) -> str:
        """Return the address of the entries of an array's object."""
        at = self.add(f"getelementptr i8, ptr {array}, i64 {DATA}")
        return self.add(f"load ptr, ptr {at}")

    def at(self, pointer: str, i: str | int, step: int) -> str:
        """Return the address so many steps of so many bytes on."""
        if not step or i == 0:
            return pointer
        moved = i * step if type(i) is int else self.add(f"mul i64 {i}, {step}")
        return self.add(f"getelementptr i8, ptr {pointer}, i64 {moved}")

    def shared_turns(self, most: int | None = None) -> str:
        """Return the length of this thread's part, ``%first`` to ``%last``, of an axis.

        With ``most`` it ends there at the latest.
        """
        stop = "%last"
        if most is not None:
            late = self.add(f"icmp sgt i64 %last, {most}")
            stop = self.add(f"select i1 {late}, i64 {most}, i64 %last")
        return self.add(f"sub i64 {stop}, %first")

    @contextmanager
    def where(self, test: str) -> Generator[None]:
        """Write what is done only where a condition holds; no value leaves it."""
        label = self.fresh()[1:]
        self.do(f"br i1 {test}, label %{label}then, label %{label}after")
        self.begin(f"{label}then")
        yield
        self.do(f"br label %{label}after")
        self.begin(f"{label}after")


__all__ = ["DATA", "RECORD", "Loop", "Turns", "Writer", "objects"]
