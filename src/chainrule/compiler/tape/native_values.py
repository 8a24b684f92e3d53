"""Values of a tape's function: which numbers are in registers, and which in memory.

In: reads and writes of places. Out: loads, where a number is not known by name, and
stores, which stay where somebody reads them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.compiler.native.text import WIDTH, Unit, literal
from chainrule.compiler.native.writer import Writer
from chainrule.compiler.tape.instructions import reach

UNROLLED = 64
"""Instructions on at most so many numbers are written out; longer ones are loops."""


class Values(Writer):
    """Writes a function of a workspace's address.

    A value that was written whole is known by name: a number by its place, several
    numbers by their first place and length; what is written to some of its places makes
    it be forgotten. Stores are kept apart in ``lines``, as (first place, length, text),
    until it is known which are read.
    """

    def __init__(
        self,
        unit: Unit,
        parameters: Sequence[str],
        read: Any,
        constants: Mapping[int, float],
        known: bytearray | None = None,
    ) -> None:
        """Begin; ``read`` marks the places that somebody else reads.

        ``known``, all 0 at first, marks those that may be known by name; it may be
        shared.
        """
        super().__init__(unit, parameters)
        self.read = read
        self._known = bytearray(len(read)) if known is None else known
        self._constants = constants
        self._numbers: dict[int, str] = {}
        self._vectors: dict[tuple[int, int], list[str]] = {}
        self._splats: dict[str, str] = {}
        self._moving: list[tuple[int, int, str]] = []

    def move(self, start: int, count: int, pointer: str) -> None:
        """Say that so many places from one on are elsewhere, at a pointer."""
        self._moving.append((start, count, pointer))

    def word(self, table: str, i: int) -> str:
        """Return an integer of a table."""
        return self.add(f"load i64, ptr {self.at(table, i, 8)}")

    def part(self, array: tuple[str, str], t: str, n: int) -> str:
        """Return the address of step t's part, n numbers of an array with a mask."""
        entries, mask = array
        return self.at(entries, self.add(f"and i64 {t}, {mask}"), 8 * n)

    def pointer(self, place: int | str) -> str:
        """Write the address of a place."""
        base = "%work"
        if type(place) is int:
            for start, count, moved in self._moving:
                if start <= place < start + count:
                    place, base = place - start, moved
                    break
        return self.add(f"getelementptr double, ptr {base}, i64 {place}")

    # ------------------------------------------------------------------- reading

    def _mark(self, start: int, *axes: tuple[int, int]) -> None:
        """Note that the places from one on are read, by (step, count) of each axis."""
        low, high = reach(start, *axes)
        self.read[low:high] = True

    def take_in(self, place: int, count: int, pointer: str) -> None:
        """Copy numbers from outside the workspace to their places."""
        if count > UNROLLED:
            self._copied(pointer, self.pointer(place), count)
        elif count == 1:
            self.put(place, self.load(pointer))
        else:
            starts = range(0, count, WIDTH)
            pieces = [
                self.load_vector(self.moved(pointer, i), min(WIDTH, count - i))
                for i in starts
            ]
            self.put_pieces(place, count, pieces)

    def copy(self, source: int, target: int, count: int) -> None:
        """Write what copies numbers from places to others, through memory."""
        self._mark(source, (1, count))
        self._mark(target, (1, count))
        self.forget(target, count)
        self._copied(self.pointer(source), self.pointer(target), count)

    def fill(self, place: int, count: int) -> None:
        """Write zeros to so many places, through memory."""
        with self.loop(count) as loop:
            self.store("0.0", self.at(self.pointer(place), loop.i, 8))

    def _copied(self, source: str, target: str, count: int) -> None:
        """Write a loop that copies numbers from one address to another."""
        whole = count - count % WIDTH
        with self.loop(whole, WIDTH) as loop:
            x = self.load(self.at(source, loop.i, 8), WIDTH)
            self.store(x, self.at(target, loop.i, 8), WIDTH)
        if whole < count:
            x = self.load(self.at(source, whole, 8), count - whole)
            self.store(x, self.at(target, whole, 8), count - whole)

    def number(self, place: int) -> str:
        """Return the number at a place."""
        found = self._numbers.get(place)
        if found is None:
            if place in self._constants:
                return literal(self._constants[place])
            self.read[place] = True
            found = self.load(self.pointer(place))
            self._numbers[place] = found
            self._known[place] = 1
        return found

    def spread(self, place: int) -> str:
        """Return a vector of the number at a place."""
        if place in self._constants:
            return literal(self._constants[place], WIDTH)
        x = self.number(place)
        found = self._splats.get(x)
        if found is None:
            found = self._splats[x] = self.splat(x)
        return found

    def vector(self, start: int, step: int, count: int) -> str:
        """Return up to ``WIDTH`` numbers from memory, as a vector of ``WIDTH``."""
        if step == 1:
            self._mark(start, (1, count))
            return self.load_vector(self.pointer(start), count)
        numbers = [self.number(start + i * step) for i in range(count)]
        return self.gathered(numbers, WIDTH)

    def pieces(self, start: int, step: int, count: int) -> list[str]:
        """Return an operand in vectors of ``WIDTH``."""
        if step == 0:
            return [self.spread(start)] * -(-count // WIDTH)
        found = self._vectors.get((start, count)) if step == 1 else None
        if found is None:
            found = [
                self.vector(start + i * step, step, min(WIDTH, count - i))
                for i in range(0, count, WIDTH)
            ]
            if step == 1:
                self._vectors[start, count] = found
                self._known[start : start + count] = b"\1" * count
        return found

    def pieces_of(self, place: int, count: int) -> list[str]:
        """Return so many numbers from a place on: a number, or vectors."""
        return [self.number(place)] if count == 1 else self.pieces(place, 1, count)

    # ------------------------------------------------------------------- writing

    def leave(self, place: int, count: int, parts: Sequence[str]) -> None:
        """Write what ``pieces_of`` returned to places."""
        if count == 1:
            self.store(parts[0], self.pointer(place))
            return
        for i, x in zip(range(0, count, WIDTH), parts, strict=True):
            self.store_vector(x, self.pointer(place + i), min(WIDTH, count - i))

    @contextmanager
    def apart(self) -> Generator[None]:
        """Write what runs under a condition: what it makes known is forgotten."""
        held = dict(self._numbers), dict(self._vectors), dict(self._splats)
        yield
        self._numbers, self._vectors, self._splats = held
        for place in self._numbers:
            self._known[place] = 1
        for place, count in self._vectors:
            self._known[place : place + count] = b"\1" * count

    def store_if_read(self, x: str, place: int, count: int) -> None:
        """Write a store that stays if the places are read."""
        have = len(self.lines)
        self.store(x, self.pointer(place), count)
        text = "".join(self.lines[have:])
        del self.lines[have:]
        self.lines.append((place, count, text))

    def hand_out(self, place: int, count: int, pointer: str) -> None:
        """Write a value to an array outside the workspace."""
        if count == 1:
            self.store(self.number(place), pointer)
            return
        if count > UNROLLED:
            self._mark(place, (1, count))
            self._copied(self.pointer(place), pointer, count)
            return
        for i, x in enumerate(self.pieces(place, 1, count)):
            n = min(WIDTH, count - i * WIDTH)
            self.store_vector(x, self.moved(pointer, i * WIDTH), n)

    def forget(self, start: int, count: int) -> None:
        """Forget what so many places held, as they are written."""
        stop = start + count
        if 1 not in self._known[start:stop]:
            return
        self._numbers = {
            p: x for p, x in self._numbers.items() if not start <= p < stop
        }
        self._vectors = {
            (p, n): x
            for (p, n), x in self._vectors.items()
            if stop <= p or p + n <= start
        }
        self._known[start:stop] = bytes(count)

    def put(self, place: int, x: str) -> None:
        """Keep a number."""
        self.forget(place, 1)
        self._numbers[place] = x
        self._known[place] = 1
        self.store_if_read(x, place, 1)

    def put_pieces(self, place: int, count: int, parts: list[str]) -> None:
        """Keep several numbers."""
        self.forget(place, count)
        self._vectors[place, count] = parts
        self._known[place : place + count] = b"\1" * count
        for i, x in zip(range(0, count, WIDTH), parts, strict=True):
            n = min(WIDTH, count - i)
            self.store_if_read(self.resized(x, WIDTH, n), place + i, n)

    def finish(self, name: str) -> None:
        """Hand the function to its unit, without the stores that nobody reads."""
        kept: list[Any] = []
        for line in self.lines:
            if type(line) is str:
                kept.append(line)
            elif self.read[line[0] : line[0] + line[1]].any():
                kept.append(line[2])
        self.lines = kept
        super().finish(name)


__all__ = ["UNROLLED", "Values"]
