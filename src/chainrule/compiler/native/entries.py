"""Entries of arrays, read and written in the language of LLVM.

In: the address of an array, and how it is read (``nest_plan.Access``). Out: numbers of
the kind that the function computes with, one or as a vector, whatever is stored. A
complex entry is two numbers.
"""

from __future__ import annotations

from chainrule.compiler.native.nest_plan import Access
from chainrule.compiler.native.text import type_of
from chainrule.compiler.native.writer import Writer

_STORED = {"d": "double", "f": "float", "?": "i8", "l": "i64", "q": "i64"}
"""The type of a number in memory, by the character of its dtype."""


def _stored(a: Access) -> str:
    return _STORED[a.dtype.char.lower()]


class EntryWriter(Writer):
    """Writes what reads and writes entries."""

    def read_one(self, pointer: str, a: Access) -> str:
        """Return the entry at an address: a number, or a vector of two."""
        kinds = type_of(_stored(a), a.parts)
        x = self.add(
            f"load {kinds}, ptr {pointer}, align {a.dtype.itemsize // a.parts}"
        )
        return self._as_real(x, a, a.parts)

    def _as_real(self, x: str, a: Access, count: int) -> str:
        kind, real = _stored(a), self.real
        if kind == real:
            return x
        word = {"i64": "sitofp", "float": "fpext", "double": "fptrunc"}.get(kind, "")
        if kind == "i8":  # true is any number but 0
            zeros = "zeroinitializer" if count > 1 else "0"
            x = self.add(f"icmp ne {type_of(kind, count)} {x}, {zeros}")
            kind, word = "i1", "uitofp"
        return self.add(f"{word} {type_of(kind, count)} {x} to {self.type(count)}")

    def read(self, pointer: str, a: Access, along: int, i: str, count: int) -> str:
        """Return a stretch of an array, as a whole vector."""
        kind, size, n = _stored(a), a.dtype.itemsize // a.parts, count * a.parts
        at, whole = self.at(pointer, i, a.strides[along]), self.width * a.parts
        if a.step(along) == 1 and n > 1:
            x = self.add(f"load <{n} x {kind}>, ptr {at}, align {size}")
            return self.resized(self._as_real(x, a, n), n, whole)
        places = self._places(at, a, along, count)
        found = [self.add(f"load {kind}, ptr {place}") for place in places]
        return self.gathered([self._as_real(x, a, 1) for x in found], whole)

    def _places(self, at: str, a: Access, along: int, count: int) -> list[str]:
        """Return the addresses of the numbers of so many entries."""
        size = a.dtype.itemsize // a.parts
        return [
            self.at(at, j * a.strides[along] + part * size, 1)
            for j in range(count)
            for part in range(a.parts)
        ]

    def written(
        self, x: str, pointer: str, a: Access, along: int, i: str, count: int
    ) -> None:
        """Write a stretch of a result."""
        n = count * a.parts
        at, whole = self.at(pointer, i, a.strides[along]), self.width * a.parts
        if a.step(along) == 1:
            parts = [(self.resized(x, whole, n), at, n)]
        else:
            numbers = [self.element(x, j, whole) for j in range(n)]
            places = self._places(at, a, along, count)
            parts = [(z, p, 1) for z, p in zip(numbers, places, strict=True)]
        for z, place, many in parts:
            self._write(z, place, a, many)

    def write_one(self, x: str, pointer: str, a: Access) -> None:
        """Write an entry: a number, or a vector of two."""
        self._write(x, pointer, a, a.parts)

    def _write(self, x: str, place: str, a: Access, count: int) -> None:
        """Write numbers to an address, as what is stored there."""
        kind, size = _stored(a), a.dtype.itemsize // a.parts
        kinds = type_of(kind, count)
        if kind != self.real:
            word = {"double": "fpext", "float": "fptrunc"}.get(kind, "fptoui")
            x = self.add(f"{word} {self.type(count)} {x} to {kinds}")
        self.do(f"store {kinds} {x}, ptr {place}, align {size}")


__all__ = ["EntryWriter"]
