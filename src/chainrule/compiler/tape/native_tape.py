"""Tapes in native code: each stretch of tape as one function, or several.

In: stretches of tape, and the places that are read from outside. Out: functions of the
address of a workspace (``Native``), and before that, about how many machine
instructions they will have.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Call, Function
from chainrule.compiler.native.expressions import operation
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.operations import (
    ELEMENTWISE,
    NAMES,
    OPCODES,
    operands_of,
)
from chainrule.compiler.native.text import WIDTH, Unit
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.native_instructions import UNROLLED, Instructions
from chainrule.compiler.tape.parts import Outside, Part, Region, codes_in
from chainrule.compiler.tape.places import span
from chainrule.progress import watched

_np: Any = np

QUICK = 600
"""From so many instructions on, compiling quickly matters more than the last bit."""

CHUNK = 16_000
"""Numbers that the instructions of a function may make: each may need a place on the
stack, and LLVM's time grows faster than the length of a function."""

# ------------------------------------------------------------------------ estimates


@functools.cache
def _of_name(op: int) -> tuple[int, int, list[bool], bool]:
    """Return, of an opcode: instructions for one number and for a vector, which ...

    ... of a, b, c are read, and whether the operation reduces its operands.
    """
    name = NAMES[op]
    read = [p in operands_of(name) for p in "abc"]
    if name not in ELEMENTWISE:
        return 0, 2, read, name != "matmul"
    one, vector = (operation(name, n).text.count("\n") for n in (1, WIDTH))
    return one, vector, read, False


def instructions_of(code: Code) -> int:
    """Return about how many machine instructions a tape becomes, without writing it."""
    if not len(code):
        return 0
    t = code.table
    op, n = t["operation"], t["length"].astype(np.int64)
    names, at = np.unique(op, return_inverse=True)
    about = zip(*map(_of_name, names.tolist()), strict=True)
    one, vector, read, reduces = (np.array(x)[at] for x in about)
    steps = np.stack([t["dx"], t["dy"], t["dw"]], axis=1)
    looped = n > UNROLLED
    rest = _np.where(looped, n % WIDTH, n)
    pieces = -(-rest // WIDTH)
    loads = _np.select(
        [steps == 1, steps == 0], [1.5 * pieces[:, None], 2.0], 3.0 * rest[:, None]
    )
    turns = _np.select([steps == 1, steps == 0], [2.0, 0.0], 3.0 * WIDTH)
    taken, turn = (loads * read).sum(1), (turns * read).sum(1)
    loop = _np.where(looped, 12 + vector + turn, 0.0)
    found = _np.where(n == 1, one + 2, pieces * (vector + 2) + taken + loop)
    folded = pieces * vector + taken + 15 + _np.where(looped, 40 + 4 * turn, 0.0)
    found = _np.where(reduces, folded, found)
    product = op == OPCODES["matmul"]
    return int(_np.where(product, _of_products(t), found).sum())


def _of_products(table: Any) -> Any:
    """Return the same for products of an (m, k) and a (k, n) matrix."""
    n, m, k = (table[x].astype(np.int64) for x in ("length", "rows", "inner"))
    pieces = -(-n // WIDTH)
    small = 1.5 * k * pieces + m * (2 * k * pieces + 3 * k + 2 * pieces)
    columns = m * (15 + _np.where(k > UNROLLED, 60, 5 * -(-k // WIDTH)))
    looped = 15 + 8 * pieces + 12 * -(-n // UNROLLED)
    return _np.select(
        [(m * k * n <= UNROLLED * WIDTH) & (n > 1), n == 1], [small, columns], looped
    )


# ------------------------------------------------------------------------- executor


class Native:
    """A stretch of tape in machine code."""

    def __init__(self, functions: Functions, names: Sequence[str]) -> None:
        """Keep the functions that it consists of."""
        self._parts = [Function(functions, name) for name in names]

    def bound(self, address: int) -> list[Any]:
        """Return the steps that run the instructions on the workspace at an address."""
        return [Call(part, address) for part in self._parts]


def is_quick(stretches: Sequence[Code]) -> bool:
    """Tell whether LLVM may take its time over so few instructions."""
    return sum(map(len, stretches)) < QUICK


class Writers:
    """Writes parts of a tape as functions of one unit."""

    def __init__(
        self, read: Any, constants: Mapping[int, float], *, flushes: bool = False
    ) -> None:
        """Begin; ``read`` marks the places that are read when all is done."""
        self.unit: Unit = Unit(flushes=flushes)
        self.read = read
        self._constants = constants
        self._known = bytearray(len(read))
        self._writers: dict[str, Instructions] = {}

    def functions(self, part: Code | Region) -> list[str]:
        """Write a part as functions of their own; return their names."""
        if isinstance(part, Region):
            for places in part.operands:
                self.read[places] = True
            name, writer = self._new()
            part.write(writer, self)
            return [name]
        names: list[str] = []
        with watched(_divided(part), "writing native code", "functions") as codes:
            for code in codes:
                name, writer = self._new(self._known)
                names.append(name)
                for it in code:
                    writer.write(it)
        return names

    def _new(self, known: bytearray | None = None) -> tuple[str, Instructions]:
        name = f"part{len(self._writers)}"
        writer = Instructions(
            self.unit, ["ptr %work"], self.read, self._constants, known
        )
        self._writers[name] = writer
        return name, writer

    def write(self, writer: Instructions, parts: Sequence[Part]) -> None:
        """Write parts into a function: short ones in it, others as calls."""
        for part in parts:
            if isinstance(part, Outside):
                self._call(writer, part)
                continue
            if isinstance(part, Region) and part.is_inside:
                part.write(writer, self)
                continue
            if isinstance(part, Code) and len(_divided(part)) == 1:
                for it in part:
                    writer.write(it)
                continue
            for name in self.functions(part):
                writer.do(f"call void @{name}(ptr %work)")
            for places in _written_by(part):
                writer.forget(*places)

    def _call(self, writer: Instructions, part: Outside) -> None:
        """Write a call of the function whose address, and record, are in a slot."""
        for places in part.operands:
            self.read[places] = True
        addresses = [writer.pointer(part.slot + i) for i in range(2)]
        function, record = (writer.add(f"load ptr, ptr {x}") for x in addresses)
        writer.do(f"call void {function}(ptr {record})")
        for places in part.results:
            writer.forget(*span(places))

    def finish(self) -> None:
        """Hand all functions to the unit."""
        for name, writer in self._writers.items():
            writer.finish(name)


def _written_by(part: Code | Region) -> list[tuple[int, int]]:
    """Return the places that a part writes: where they start, and how many."""
    if isinstance(part, Code):
        return [(it.target, it.written) for it in part]
    return list(map(span, part.results))


def compiled_stretches(
    stretches: Sequence[Code | Region],
    read: Any,
    constants: Mapping[int, float],
    *,
    flushes: bool = False,
) -> list[Native]:
    """Compile parts of one tape; ``read`` marks the places that others read.

    ``constants`` are the numbers that no instruction and no argument changes, by their
    places. With ``flushes`` subnormal numbers are taken as 0.
    """
    unit, names = written(stretches, read, constants, flushes=flushes)
    slow = 1 if any(isinstance(x, Region) for x in stretches) else 0
    functions = Functions(unit, 2 if is_quick(list(codes_in(stretches))) else slow)
    return [Native(functions, found) for found in names]


def written(
    stretches: Sequence[Code | Region],
    read: Any,
    constants: Mapping[int, float],
    *,
    flushes: bool = False,
) -> tuple[Unit, list[list[str]]]:
    """Write parts of one tape; return for each the functions that it became."""
    writers = Writers(read, constants, flushes=flushes)
    names = list(map(writers.functions, stretches))
    writers.finish()
    return writers.unit, names


def _divided(code: Code) -> list[Code]:
    """Return a stretch in parts, each short enough for one function."""
    ends = np.cumsum(numbers_of(code)) // CHUNK
    cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(code)]
    return [code[start:stop] for start, stop in itertools.pairwise(cuts)]


def numbers_of(code: Code) -> Any:
    """Return how many numbers in registers each instruction makes, vectors in whole."""
    n = code.table["length"]
    whole = -(-n // WIDTH) * WIDTH
    return np.where(n == 1, 4, np.where(n <= UNROLLED, whole, WIDTH))


__all__ = [
    "QUICK",
    "Native",
    "Writers",
    "compiled_stretches",
    "instructions_of",
    "is_quick",
    "numbers_of",
    "written",
]
