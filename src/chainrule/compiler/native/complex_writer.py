"""Steps and totals of vectors of numbers, which may be complex, as LLVM's text.

A complex number is two numbers, one after the other, as in memory. So sums, choices and
signs are those of vectors of twice the width. Functions are not written here:
NumPy's loops compute them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.compiler.native.entries import EntryWriter
from chainrule.compiler.native.nest_plan import Access, Step
from chainrule.compiler.native.text import type_of


class Number(NamedTuple):
    """A vector: its name, and how many numbers it has."""

    name: str
    width: int


class ComplexWriter(EntryWriter):
    """Writes elementwise steps."""

    def computed(
        self, step: Step, operands: Sequence[Number], *, is_called: bool = True
    ) -> str:
        """Write a step; return its result."""
        if not step.of_complex:
            names = (x.name for x in operands)
            return self.operation(step.name, self.width, *names, is_called=is_called)
        if step.name == "where":
            mask, *others = operands
            twice = [i // 2 for i in range(2 * self.width)]
            mask = self.shuffled(mask.name, "poison", self.width, twice)
            x, y = map(self.paired, others)
            return self.operation("where", 2 * self.width, mask, x, y)
        if step.name == "complex":
            return self.paired(*operands)
        pairs = [self.paired(x) for x in operands]
        if step.name in ("real", "imag"):
            places = range(int(step.name == "imag"), 2 * self.width, 2)
            return self.shuffled(pairs[0], "poison", 2 * self.width, places)
        if step.name == "conjugate":
            return self._conjugate(*pairs)
        if step.name == "multiply":
            return self._product(*pairs)
        return self.operation(step.name, 2 * self.width, *pairs)

    def paired(self, x: Number, imaginary: Number | None = None) -> str:
        """Return a vector as complex numbers: real ones beside others, or 0."""
        if x.width > self.width:
            return x.name
        places = [i // 2 + i % 2 * self.width for i in range(2 * self.width)]
        turned = imaginary.name if imaginary else self.literal(0.0)
        return self.shuffled(x.name, turned, self.width, places)

    def _conjugate(self, x: str) -> str:
        width = 2 * self.width
        negative = self.operation("negative", width, x)
        places = [i + i % 2 * width for i in range(width)]
        return self.shuffled(x, negative, width, places)

    def _product(self, x: str, y: str) -> str:
        """Write a product as NumPy does, where its loops have fused operations."""
        width = 2 * self.width
        real, imaginary = (
            self.shuffled(x, "poison", width, [i - i % 2 + part for i in range(width)])
            for part in (0, 1)
        )
        turned = self.shuffled(y, "poison", width, [i ^ 1 for i in range(width)])
        crossed = self.operation("multiply", width, imaginary, turned)
        negative = self.operation("negative", width, crossed)
        places = [i + (1 - i % 2) * width for i in range(width)]
        crossed = self.shuffled(crossed, negative, width, places)
        kinds = self.type(width)
        name = f"llvm.fma.v{width}f{8 * self.size}"
        return self.external(kinds, name, kinds, [real, y, crossed])

    # ------------------------------------------------------------------------ totals

    def add_in(self, name: str, width: int, x: str, total: str, lost: str) -> None:
        """Add a vector to a total in memory, and what that loses in rounding, if kept.

        So the error of a sum is that of one stretch (Neumaier's summation, by the
        error-free sum of Knuth).
        """
        kinds = self.type(width)
        have = self.add(f"load {kinds}, ptr {total}")
        new = self.operation(name, width, have, x)
        self.do(f"store {kinds} {new}, ptr {total}")
        if not lost:
            return
        part = self.add(f"fsub {kinds} {new}, {have}")
        rest = self.add(f"fsub {kinds} {new}, {part}")
        first = self.add(f"fsub {kinds} {have}, {rest}")
        second = self.add(f"fsub {kinds} {x}, {part}")
        error = self.add(f"fadd {kinds} {first}, {second}")
        so_far = self.add(f"load {kinds}, ptr {lost}")
        error = self.add(f"fadd {kinds} {so_far}, {error}")
        self.do(f"store {kinds} {error}, ptr {lost}")

    def add_up(
        self, name: str, width: int, total: str, lost: str, pointer: str, a: Access
    ) -> None:
        """Reduce a total, and what is in memory so far; ``lost`` may be empty."""
        parts, kinds = width // self.width, self.type(width)
        x = self.folded(self.add(f"load {kinds}, ptr {total}"), name, parts)
        if lost:
            one, test = self.type(parts), type_of("i1", parts)
            error = self.folded(self.add(f"load {kinds}, ptr {lost}"), name, parts)
            exact = self.add(f"fcmp ord {one} {error}, {error}")  # not of infinities
            better = self.add(f"fadd {one} {x}, {error}")
            x = self.add(f"select {test} {exact}, {one} {better}, {one} {x}")
        have = self.read_one(pointer, a)
        self.write_one(self.operation(name, parts, have, x), pointer, a)


__all__ = ["ComplexWriter", "Number"]
