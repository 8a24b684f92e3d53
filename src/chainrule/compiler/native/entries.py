"""Entries of arrays, read and written in the language of LLVM.

In: the address of an array, and how it is read (``nest_plan.Access``). Out: numbers of
float64, one or as a vector, whatever is stored.
"""

from __future__ import annotations

from chainrule.compiler.native.nest_plan import Access
from chainrule.compiler.native.text import WIDTH, type_of
from chainrule.compiler.native.writer import Writer

_STORED = {"f": ("double", 8), "b": ("i8", 1), "i": ("i64", 8)}
"""The type and bytes of an entry in memory, by the kind of its dtype."""


class EntryWriter(Writer):
    """Writes what reads and writes entries."""

    def read_one(self, pointer: str, a: Access) -> str:
        """Return the number at an address."""
        kind, _ = _STORED[a.dtype.kind]
        x = self.add(f"load {kind}, ptr {pointer}")
        return self._as_double(x, a, 1)

    def _as_double(self, x: str, a: Access, count: int) -> str:
        kind, _ = _STORED[a.dtype.kind]
        if kind == "double":
            return x
        word = "sitofp"
        if kind == "i8":  # true is any number but 0
            zeros = "zeroinitializer" if count > 1 else "0"
            x = self.add(f"icmp ne {type_of(kind, count)} {x}, {zeros}")
            kind, word = "i1", "uitofp"
        return self.add(
            f"{word} {type_of(kind, count)} {x} to {type_of('double', count)}"
        )

    def _offset(self, pointer: str, a: Access, along: int, i: str) -> str:
        kind, _ = _STORED[a.dtype.kind]
        step = a.step(along)
        moved = i if step == 1 else self.add(f"mul i64 {i}, {step}")
        return self.add(f"getelementptr {kind}, ptr {pointer}, i64 {moved}")

    def read(self, pointer: str, a: Access, along: int, i: str, count: int) -> str:
        """Return a stretch of an array, as a vector of ``WIDTH``."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, along, i)
        if a.step(along) == 1 and count > 1:
            x = self.add(f"load <{count} x {kind}>, ptr {at}, align {size}")
            return self.resized(self._as_double(x, a, count), count, WIDTH)
        places = [self._stepped(at, a, along, j) for j in range(count)]
        found = [self.add(f"load {kind}, ptr {place}") for place in places]
        return self.gathered([self._as_double(x, a, 1) for x in found], WIDTH)

    def _stepped(self, at: str, a: Access, along: int, j: int) -> str:
        kind, _ = _STORED[a.dtype.kind]
        steps = j * a.step(along)
        return self.add(f"getelementptr {kind}, ptr {at}, i64 {steps}") if j else at

    def written(
        self, x: str, pointer: str, a: Access, along: int, i: str, count: int
    ) -> None:
        """Write a stretch of a result."""
        kind, size = _STORED[a.dtype.kind]
        at = self._offset(pointer, a, along, i)
        if a.step(along) == 1:
            parts = [(self.resized(x, WIDTH, count), at, count)]
        else:
            numbers = [self.element(x, j) for j in range(count)]
            parts = [
                (z, self._stepped(at, a, along, j), 1) for j, z in enumerate(numbers)
            ]
        for z, place, n in parts:
            kinds = type_of(kind, n)
            if kind == "i8":
                z = self.add(f"fptoui {type_of('double', n)} {z} to {kinds}")
            self.do(f"store {kinds} {z}, ptr {place}, align {size}")


__all__ = ["EntryWriter"]
