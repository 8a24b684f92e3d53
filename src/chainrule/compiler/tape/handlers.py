"""Handlers: functions in machine code, each for one kind of instruction.

In: a ``Kind``: an operation, how the places of its operands step, and what remains of
their number when it is divided by ``WIDTH``. Out: a function of the addresses of an
instruction and of the workspace, that the interpreter calls. As the kind is known when
it is written, a handler is a loop over vectors, then one shorter vector, and decides
nothing. It is compiled when a tape first has its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.expressions import is_scalar, operation
from chainrule.compiler.native.operations import (
    ELEMENTWISE,
    PAIRS,
    operands_of,
)
from chainrule.compiler.native.text import WIDTH, Unit, literal, type_of
from chainrule.compiler.native.writer import Writer
from chainrule.compiler.tape.instructions import LAYOUT

STILL, NEXT, ANY = 0, 1, 2
"""How an operand steps: not at all, from each number to the next, or otherwise."""

STEPS = {"a": ("x", "dx"), "b": ("y", "dy"), "c": ("w", "dw")}
"""The fields of each operand's first place and step."""

WIDTHS = (1, 2, 4, WIDTH)
"""Lengths of vectors."""

SUMS, PRODUCTS, EXTREMES = 8, 4, 4
"""How many partial results a sum, a sum of products and a maximum have."""


class Kind(NamedTuple):
    """A kind of instruction.

    ``steps`` has ``STILL``, ``NEXT`` or ``ANY`` for each operand; ``rest`` is the
    number of elements modulo ``WIDTH``. Where a handler depends on neither, they are
    empty and 0.
    """

    operation: str
    steps: tuple[int, ...]
    rest: int


class InstructionWriter(Writer):
    """Writes what reads ``%instruction``, and a workspace at ``%work``."""

    def field(self, name: str) -> str:
        """Return a field of the instruction."""
        fields: Any = LAYOUT.fields
        kind, offset = fields[name]
        at = self.at("%instruction", offset, 1)
        if kind == np.int64:
            return self.add(f"load i64, ptr {at}")
        return self.add(f"sext i32 {self.add(f'load i32, ptr {at}')} to i64")

    def place(self, i: str) -> str:
        """Return the address of a place."""
        return self.moved("%work", i)

    def stepped(self, start: str, i: str | int, step: str) -> str:
        """Return ``start + i * step``."""
        return self.add(f"add i64 {start}, {self.add(f'mul i64 {i}, {step}')}")


def width_of(count: int) -> int:
    """Return the width of the vectors that so many numbers are computed in."""
    return next(width for width in WIDTHS if width >= count)


@dataclass(frozen=True)
class _Operand:
    """Where an operand is, how it steps, and if it does not, vectors of it by width."""

    at: str
    kind: int
    step: str
    vectors: dict[int, str]


class Handler(InstructionWriter):
    """Writes the handler of a kind."""

    def __init__(self, unit: Unit, kind: Kind) -> None:
        """Begin."""
        super().__init__(unit, ["ptr %instruction", "ptr %work"])
        self.kind = kind

    def write(self, symbol: str) -> None:
        """Write it under a name."""
        name = self.kind.operation
        if is_scalar(name):
            self._one_by_one(name)
        elif name in ELEMENTWISE:
            self._in_vectors(name)
        elif name == "matmul":
            self._product()
        else:
            self._reduced(name)
        self.finish(symbol)

    # --------------------------------------------------------------------- operands

    def _operands(self) -> list[_Operand]:
        """Return the instruction's operands."""
        names = operands_of(self.kind.operation)
        found: list[_Operand] = []
        for name, kind in zip(names, self.kind.steps, strict=True):
            first, step = STEPS[name]
            at = self.place(self.field(first))
            step = self.field(step) if kind == ANY else ""
            found.append(self._operand(at, kind, step))
        return found

    def _operand(self, at: str, kind: int, step: str) -> _Operand:
        """Return an operand, read already if it does not step."""
        vectors: dict[int, str] = {}
        if kind == STILL:
            number = self.load(at)
            vectors = {width: self.splat(number, width) for width in WIDTHS}
        return _Operand(at, kind, step, vectors)

    def _read(self, x: _Operand, i: str, count: int) -> str:
        """Return so many numbers of an operand, from the i-th on."""
        width = width_of(count)
        if x.kind == STILL:
            return x.vectors[width]
        if x.kind == NEXT:
            return self.resized(self.load(self.moved(x.at, i), count), count, width)
        numbers = [self._number(x, i, j) for j in range(count)]
        return self.gathered(numbers, width)

    def _number(self, x: _Operand, i: str, j: int) -> str:
        """Return number ``i + j`` of an operand."""
        if x.kind == STILL:
            return x.vectors[1]
        if j:
            i = self.add(f"add i64 {i}, {j}")
        if x.kind == ANY:
            i = self.add(f"mul i64 {i}, {x.step}")
        return self.load(self.moved(x.at, i))

    # ------------------------------------------------------------------ elementwise

    def _one_by_one(self, name: str) -> None:
        """Write a loop over numbers."""
        fields = [STEPS[x] for x in operands_of(name)]
        starts = [(self.field(first), self.field(step)) for first, step in fields]
        target = self.place(self.field("target"))
        with self.loop(self.field("length"), certain=False) as loop:
            places = [self.stepped(first, loop.i, step) for first, step in starts]
            xs = [self.load(self.place(place)) for place in places]
            self.store(self.operation(name, 1, *xs), self.moved(target, loop.i))

    def _in_vectors(self, name: str) -> None:
        """Write a loop over vectors, and what remains."""
        operands, target = self._operands(), self.place(self.field("target"))
        apart = all(kind == ANY for kind in self.kind.steps)
        apart = apart and not operation(name, 1).called

        def piece(i: str, count: int) -> None:
            if apart:  # numbers that would have to be gathered, and are not worth it
                for j in range(count):
                    z = self.operation(
                        name, 1, *[self._number(x, i, j) for x in operands]
                    )
                    self.store(z, self.moved(target, self.add(f"add i64 {i}, {j}")))
                return
            width = width_of(count)
            z = self.operation(
                name, width, *[self._read(x, i, count) for x in operands]
            )
            self.store(self.resized(z, width, count), self.moved(target, i), count)

        whole = self.add(f"and i64 {self.field('length')}, {-WIDTH}")
        with self.loop(whole, WIDTH, certain=False) as loop:
            piece(loop.i, WIDTH)
        if self.kind.rest:
            piece(whole, self.kind.rest)

    # ------------------------------------------------------------ sums and extremes

    def _reduced(self, name: str) -> None:
        """Write a reduction to one number."""
        operands, count = self._operands(), self.field("length")
        if name == "sum":
            found = self._total(operands, count, SUMS)
        elif name == "dot":
            found = self._total(operands, count, PRODUCTS)
        else:
            found = self._extreme(PAIRS[name], operands, count)
        self.store(found, self.place(self.field("target")))

    def _total(self, operands: Sequence[_Operand], count: str, width: int) -> str:
        """Return the sum of an operand, or of two operands' products."""
        whole, kind = self.add(f"and i64 {count}, {-width}"), type_of("double", width)
        nothing = [(kind, "zeroinitializer")]
        with self.loop(whole, width, nothing, certain=False) as loop:
            term = self._terms(operands, loop.i, width)
            loop.after = [self.operation("add", width, loop.carried[0], term)]
        parts = [self.element(loop.after[0], i, width) for i in range(width)]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self.operation("add", 1, *pair) for pair in pairs]
        with self.loop(
            count, 1, [("double", parts[0])], start=whole, certain=False
        ) as loop:
            term = self._terms(operands, loop.i, 1)
            loop.after = [self.operation("add", 1, loop.carried[0], term)]
        return loop.after[0]

    def _terms(self, operands: Sequence[_Operand], i: str, count: int) -> str:
        """Return so many terms of a sum."""
        if len(operands) == 1:
            return self._read(operands[0], i, count)
        if all(x.kind == ANY for x in operands):
            pairs = [[self._number(x, i, j) for x in operands] for j in range(count)]
            terms = [self.operation("multiply", 1, *pair) for pair in pairs]
            return self.gathered(terms, count)
        factors = [self._read(x, i, count) for x in operands]
        return self.operation("multiply", count, *factors)

    def _extreme(self, name: str, operands: Sequence[_Operand], count: str) -> str:
        """Return the largest or smallest number of an operand."""
        (x,) = operands
        width, kind = EXTREMES, type_of("double", EXTREMES)
        whole = self.add(f"and i64 {count}, {-width}")
        first = self.splat(self._number(x, "0", 0), width)
        with self.loop(whole, width, [(kind, first)], certain=False) as loop:
            found = self._read(x, loop.i, width)
            loop.after = [self.operation(name, width, found, loop.carried[0])]
        head, *others = [self.element(loop.after[0], i, width) for i in range(width)]
        with self.loop(
            count, 1, [("double", head)], start=whole, certain=False
        ) as loop:
            found = self._number(x, loop.i, 0)
            loop.after = [self.operation(name, 1, found, loop.carried[0])]
        parts = [loop.after[0], *others]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self.operation(name, 1, *pair) for pair in pairs]
        return parts[0]

    # --------------------------------------------------------------------- products

    def _product(self) -> None:
        """Write a product of matrices: its rows from those of y, or as sums if few."""
        z, x, y = (self.field(name) for name in ("target", "x", "y"))
        n, dx = self.field("length"), self.field("dx")
        narrow = self.add(f"icmp ult i64 {n}, {WIDTH}")
        few = self.add(f"select i1 {narrow}, i64 {n}, i64 0")
        many = self.add(f"select i1 {narrow}, i64 0, i64 {n}")
        stops = [self.add(f"and i64 {many}, {-width}") for width in (WIDTH, 4, 1)]
        across, below, k = (self.field(name) for name in ("dw", "dy", "inner"))
        right, left = self.kind.steps
        with self.loop(self.field("rows"), certain=False) as rows:
            a = self.place(self.stepped(x, rows.i, dx))
            row = self.place(self.stepped(z, rows.i, n))
            first = self._operand(a, left, across)
            pieces = zip((0, *stops), stops, (WIDTH, 4, 1), strict=False)
            for start, stop, width in pieces:
                with self.loop(stop, width, start=start, certain=False) as columns:
                    b = self.place(self.add(f"add i64 {y}, {columns.i}"))
                    total = self._column(first, b, below, k, width)
                    self.store(total, self.moved(row, columns.i), width)
            with self.loop(few, certain=False) as columns:
                b = self.place(self.add(f"add i64 {y}, {columns.i}"))
                second = self._operand(b, right, below)
                total = self._total([first, second], k, PRODUCTS)
                self.store(total, self.moved(row, columns.i))

    def _column(self, x: _Operand, y: str, below: str, k: str, width: int) -> str:
        """Return the products of a row of x with so many columns of y."""
        nothing = [(type_of("double", width), literal(0.0, width))]
        with self.loop(k, 1, nothing, certain=False) as terms:
            a = self.splat(self._number(x, terms.i, 0), width)
            b = self.load(self.moved(y, self.add(f"mul i64 {terms.i}, {below}")), width)
            term = self.operation("multiply", width, a, b)
            terms.after = [self.operation("add", width, terms.carried[0], term)]
        return terms.after[0]


__all__ = ["ANY", "NEXT", "STEPS", "STILL", "Handler", "InstructionWriter", "Kind"]
