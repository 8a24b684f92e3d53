"""Instructions: what a tape consists of.

A tape runs on a flat workspace of float64, in which every value has its places. In
memory its instructions are integers, eleven each, of which the interpreter reads those
that it needs; everybody else writes and reads them by this file. The last instruction
here adds the number at place 0 to those at 3 and 4, and writes the sums to 5 and 6:

>>> code = Code()
>>> code.add("copy", 3, [(1, 1)], length=2)
>>> code.add("add", 5, [(3, 1), (0, 0)], length=2)
>>> list(code)[1][:4]
('add', 5, ((3, 1), (0, 0)), 2)
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.operations import (
    ELEMENTWISE,
    NAMES,
    OPCODES,
    operands_of,
)

Operand = tuple[int, int]
"""The place of an operand's first number, and the step from each to the next."""


class Instruction(NamedTuple):
    """One instruction.

    An elementwise operation writes ``length`` places, from ``target`` on; number i of
    an operand ``(place, step)`` is at ``place + i * step``. A step is 0 (one number for
    all), 1 (contiguous) or any integer. Booleans are 0.0 and 1.0. ``sum``, ``max``,
    ``min`` and ``dot`` reduce so many numbers to one. ``matmul`` writes the product of
    a matrix of ``rows`` by ``inner`` and one of ``inner`` by ``length`` numbers, row by
    row: its operands are the first with the step from row to row, the second with the
    same (a row of it is contiguous), and the first with the step within a row.

    What an instruction writes may be a part of a larger value, and may have been
    written before: an instruction that changes an array in place is one like any other.
    The places that it writes may be those of an operand of step 1, exactly, and overlap
    no operand otherwise.
    """

    operation: str
    target: int
    operands: tuple[Operand, ...]
    length: int = 1
    rows: int = 0
    inner: int = 0

    @property
    def written(self) -> int:
        """How many places it writes."""
        if self.operation in ELEMENTWISE:
            return self.length
        return self.rows * self.length if self.operation == "matmul" else 1

    @property
    def reached(self) -> list[tuple[int, int]]:
        """Where it reads and writes: first places, and those after the last."""
        written = self.target, self.target + self.written
        if self.operation == "matmul":
            (x, dx), (y, dy), (_, dw) = self.operands
            left = reach(x, (dx, self.rows), (dw, self.inner))
            return [left, reach(y, (dy, self.inner), (1, self.length)), written]
        return [*(reach(x, (step, self.length)) for x, step in self.operands), written]


def reach(start: int, *axes: tuple[int, int]) -> tuple[int, int]:
    """Return the first place, and the one after the last, of a grid of places.

    It starts at ``start``; each axis has a step, which may be negative, and a count.
    """
    ends = [step * (count - 1) for step, count in axes]
    low = start + sum(min(0, end) for end in ends)
    return low, start + sum(max(0, end) for end in ends) + 1


_WORDS = "operation target x y w length dx dy dw rows inner"
FIELDS: tuple[str, ...] = tuple(_WORDS.split())
"""The integers of an instruction: ``x``, ``y``, ``w`` are the places of the operands,
``dx``, ``dy``, ``dw`` their steps."""

LAYOUT = np.dtype([("operation", np.int64), *((x, np.int32) for x in FIELDS[1:])])
"""How they lie in memory: 48 bytes, for programs of millions of instructions. There is
room for an address in the first, where the interpreter puts that of a function."""

LARGEST = 2**31 - 1
"""The largest place that can be named."""

_PACKED = Struct(f"=q{len(FIELDS) - 1}i")


class Code:
    """Instructions, one after the other."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes | bytearray = b"") -> None:
        """Begin with those of another, or none."""
        self._packed = bytearray(packed)

    def add(
        self,
        operation: str,
        target: int,
        operands: Sequence[Operand],
        length: int = 1,
        rows: int = 0,
        inner: int = 0,
    ) -> None:
        """Add an instruction."""
        (x, dx), (y, dy), (w, dw) = (*operands, *(_NONE,) * (3 - len(operands)))
        self._packed += _PACKED.pack(
            OPCODES[operation], target, x, y, w, length, dx, dy, dw, rows, inner
        )

    def add_number(
        self, opcode: int, target: int, x: int, y: int = 0, w: int = 0
    ) -> None:
        """Add an instruction on single numbers."""
        self._packed += _PACKED.pack(opcode, target, x, y, w, 1, 0, 0, 0, 0, 0)

    def extend(self, other: Code) -> None:
        """Add the instructions of another."""
        self._packed += other._packed

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed) // _PACKED.size

    def __getitem__(self, part: slice) -> Code:
        """Return some of them."""
        start, stop, _ = part.indices(len(self))
        return Code(self._packed[start * _PACKED.size : stop * _PACKED.size])

    def __iter__(self) -> Iterator[Instruction]:
        """Yield each."""
        for op, z, x, y, w, n, dx, dy, dw, rows, inner in _PACKED.iter_unpack(
            self._packed
        ):
            operands = ((x, dx), (y, dy), (w, dw))[: _count(op)]
            yield Instruction(NAMES[op], z, operands, n, rows, inner)

    @property
    def table(self) -> Any:
        """The integers, as an array of ``LAYOUT``, which is no copy."""
        return np.frombuffer(self._packed, dtype=LAYOUT)


_NONE: Operand = (0, 0)


def written_by(code: Code) -> list[tuple[int, int]]:
    """Return where each instruction writes: the first place, and how many."""
    return [(it.target, it.written) for it in code]


@functools.cache
def _count(op: int) -> int:
    """Return how many operands an operation has."""
    return 3 if NAMES[op] == "matmul" else len(operands_of(NAMES[op]))


__all__ = ["LARGEST", "LAYOUT", "Code", "Instruction", "Operand", "reach", "written_by"]
