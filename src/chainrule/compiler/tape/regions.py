"""Regions: loops and branches on a tape, in native code.

In: the parts of a loop's body, or of two branches, all on one workspace. Out: a
function of the workspace's address for each. What a step hands to the next stays in
registers. What it leaves for later is written to the places of an array, or to a
*column*: memory that grows with the steps, of which the workspace holds the address,
and behind it the number of entries that there is room for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainrule.compiler.native.text import VECTOR, WIDTH
from chainrule.compiler.tape.native_instructions import UNROLLED, Instructions
from chainrule.compiler.tape.outer_carries import OuterCarry
from chainrule.compiler.tape.parts import Part, Region

if TYPE_CHECKING:
    from chainrule.compiler.tape.native_tape import Writers

FEWEST = 64
"""The entries that a column has room for at first."""
HELD = 256
"""Numbers that the steps of a loop hand on in registers; others are in memory."""


@dataclass(frozen=True)
class Stack:
    """Where a value of each step is: in places from one on, or in a column.

    ``place`` is then that of the column's address.
    """

    place: int
    is_column: bool = False


@dataclass(frozen=True)
class Carry:
    """Where a carry is before a step and after it, and how many numbers it has."""

    before: int
    after: int
    size: int


Move = tuple[int, int, Stack]
"""The place and the size of a value, and where its entries of all steps are."""


@dataclass(eq=False)
class Repeat(Region):
    """A loop: ``inside`` is its body, or a condition and its body.

    Attributes
    ----------
    count
        The number of steps, if it is the same in all calls.
    counted
        Else the place of it, where a loop with a condition writes it.
    test
        The place of the condition.
    failed, large
        The places of flags: numbers that are not 0 if something failed, there being no
        memory left among other things, and if an integer is too large to be exact.
    carries, taken, kept, given
        The carries; xs; carries before each step, and results, that are stored.
    captured
        Places of numbers that no step changes.
    sums
        Carries that outer products are added to, which are no ``carries``.
    """

    reverse: bool = False
    count: int = 0
    counted: int | None = None
    test: int | None = None
    failed: int = 0
    large: int = 0
    carries: list[Carry] = field(default_factory=list[Carry])
    taken: list[Move] = field(default_factory=list[Move])
    kept: list[Move] = field(default_factory=list[Move])
    given: list[Move] = field(default_factory=list[Move])
    captured: list[int] = field(default_factory=list[int])
    sums: list[OuterCarry] = field(default_factory=list[OuterCarry])

    def write(self, writer: Instructions, to: Writers) -> None:
        """Write the loop into a function of its own."""
        count = self._count(writer)
        for place in self.captured:
            writer.number(place)
        for c in self.carries:
            writer.read[c.before : c.before + c.size] = True
        held = self._held()
        first = [
            (VECTOR if c.size > 1 else "double", x)
            for c in held
            for x in writer.pieces_of(c.before, c.size)
        ]
        with writer.tested_loop(first) as turn:
            _put(writer, held, turn.carried)
            if self.test is None:
                holds = writer.add(f"icmp slt i64 {turn.i}, {count}")
            else:
                to.write(writer, self.inside[0])
                holds = self._goes_on(writer, writer.number(self.test))
            turn.go_on(holds)
            self._write_step(writer, to, turn.i, count)
            for x in self.sums:
                x.keep(writer, turn.i)
            turn.after = [x for c in held for x in writer.pieces_of(c.after, c.size)]
            for c in self.carries:
                if c not in held and c.after != c.before:
                    writer.copy(c.after, c.before, c.size)
        for c, pieces in zip(held, _shared(held, turn.carried), strict=True):
            writer.leave(c.before, c.size, pieces)
        for x in self.sums:
            x.add_rest(writer, turn.i)
        if self.test is not None and self.counted is not None:
            number = writer.add(f"sitofp i64 {turn.i} to double")
            writer.store(number, writer.pointer(self.counted))

    def _goes_on(self, writer: Instructions, test: str) -> str:
        """Return whether a condition holds, and no flag is up: NumPy runs it then."""
        holds = writer.is_true(test)
        for flag in (self.failed, self.large):
            writer.read[flag] = True
            up = writer.load(writer.pointer(flag))
            down = writer.add(f"fcmp oeq double {up}, 0.0")
            holds = writer.add(f"and i1 {holds}, {down}")
        return holds

    def _held(self) -> list[Carry]:
        """Return the carries that stay in registers from step to step."""
        found: list[Carry] = []
        total = 0
        for c in self.carries:
            if c.after == c.before:
                continue  # it is changed where it is
            if c.size <= UNROLLED and total + c.size <= HELD:
                found.append(c)
                total += c.size
        return found

    def _count(self, writer: Instructions) -> str:
        """Return the number of steps, with room for what they leave in columns."""
        if self.test is not None:
            return ""
        if self.counted is None:
            return str(self.count)
        number = writer.number(self.counted)
        count = writer.add(f"fptosi double {number} to i64")
        for _, size, stack in (*self.kept, *self.given):
            self._make_room(writer, stack, size, count)
        return count

    def _write_step(
        self, writer: Instructions, to: Writers, i: str, count: str
    ) -> None:
        """Write a step: what it takes, its body, and what it leaves."""
        t = i
        if self.test is not None and self.kept:
            needed = writer.add(f"add i64 {i}, 1")
            for _, size, stack in self.kept:
                self._make_room(writer, stack, size, needed)
        elif self.reverse:
            late = writer.add(f"sub i64 {count}, {i}")
            t = writer.add(f"sub i64 {late}, 1")
        for place, size, stack in self.taken:
            writer.take_in(place, size, _entry(writer, stack, t, size))
        for place, size, stack in self.kept:
            writer.hand_out(place, size, _entry(writer, stack, t, size))
        to.write(writer, self.inside[-1])
        for place, size, stack in self.given:
            writer.hand_out(place, size, _entry(writer, stack, t, size))

    def _make_room(
        self, writer: Instructions, stack: Stack, size: int, count: str
    ) -> None:
        """Write what has a column hold so many entries, by growing it twofold.

        If there is no memory for it, the function ends, with no step counted.
        """
        address, room = (writer.pointer(stack.place + k) for k in range(2))
        have = writer.add(f"load i64, ptr {room}")
        with writer.where(writer.add(f"icmp slt i64 {have}, {count}")):
            twice = writer.add(f"shl i64 {count}, 1")
            few = writer.add(f"icmp slt i64 {twice}, {FEWEST}")
            want = writer.add(f"select i1 {few}, i64 {FEWEST}, i64 {twice}")
            length = writer.add(f"mul i64 {want}, {8 * size}")
            writer.unit.external.add("declare ptr @realloc(ptr, i64)")
            old = writer.add(f"load ptr, ptr {address}")
            new = writer.add(f"call ptr @realloc(ptr {old}, i64 {length})")
            with writer.where(writer.add(f"icmp eq ptr {new}, null")):
                writer.store("1.0", writer.pointer(self.failed))
                if self.counted is not None:
                    writer.store("0.0", writer.pointer(self.counted))
                writer.leave_function()
            writer.do(f"store ptr {new}, ptr {address}")
            writer.do(f"store i64 {want}, ptr {room}")


def _shared(carries: Iterable[Carry], pieces: Iterable[str]) -> list[list[str]]:
    """Return what is held of each carry: a number, or vectors."""
    rest = iter(pieces)
    return [[next(rest) for _ in range(0, c.size, WIDTH)] for c in carries]


def _put(writer: Instructions, carries: list[Carry], pieces: Iterable[str]) -> None:
    """Have the carries of this step known by name."""
    for c, parts in zip(carries, _shared(carries, pieces), strict=True):
        if c.size == 1:
            writer.put(c.before, parts[0])
        else:
            writer.put_pieces(c.before, c.size, parts)


def _entry(writer: Instructions, stack: Stack, t: str, size: int) -> str:
    """Return the address of a step's entry."""
    start = writer.pointer(stack.place)
    if stack.is_column:
        start = writer.add(f"load ptr, ptr {start}")
    return writer.at(start, t, 8 * size)


@dataclass(eq=False)
class Either(Region):
    """Two branches: the first is run if the number at ``choice`` is not 0."""

    choice: int = 0

    def write(self, writer: Instructions, to: Writers) -> None:
        """Write the branches into a function of their own."""
        first, second = self.inside
        with writer.where(writer.is_true(writer.number(self.choice))):
            with writer.apart():
                to.write(writer, first)
            writer.leave_function()
        to.write(writer, second)


def may_not_end(region: Region) -> bool:
    """Tell whether there is a loop with a condition in a region."""
    inside = [x for parts in region.inside for x in parts if isinstance(x, Region)]
    looped = isinstance(region, Repeat) and region.test is not None
    return looped or any(map(may_not_end, inside))


__all__ = ["Carry", "Either", "Part", "Repeat", "Stack", "may_not_end"]
