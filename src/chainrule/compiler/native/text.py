"""Text in the language of LLVM: modules, and what is written into them.

In: instructions, one by one. Out: the text of a ``Unit``, which ``llvm.py`` compiles.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH = 8
"""Numbers in a vector: one register of 512 bits, two of 256, four of 128."""
WIDTHS = {"double": WIDTH, "float": 2 * WIDTH}
"""Numbers in a vector, by their kind."""
CAN_FLUSH: bool = platform.machine().lower() in ("x86_64", "amd64")
"""Whether this machine can be told to take subnormal numbers as 0."""
SIZES = {"double": 8, "float": 4}
"""Bytes of a number, by its kind."""


def type_of(kind: str, width: int) -> str:
    """Return the type of one number or of a vector."""
    return kind if width == 1 else f"<{width} x {kind}>"


def literal(x: Any, width: int = 1, kind: str = "double") -> str:
    """Return the text of a constant number: exactly, or rounded to ``float``."""
    if type(x) is np.uint64:
        text, kind = str(int(x)), "i64"
    else:
        if kind == "float":
            with np.errstate(all="ignore"):
                x = np.float32(x)
        bits = struct.unpack("<Q", struct.pack("<d", float(x)))[0]
        text = f"0x{bits:016X}"
    return text if width == 1 else f"splat ({kind} {text})"


VECTOR = type_of("double", WIDTH)

Called = tuple[str, int]
"""A function of this library: its name, and the width of its vectors."""


@dataclass(frozen=True)
class Piece:
    """Text, the name of its result, and the declarations that it needs.

    ``called`` are functions of this library, ``external`` intrinsics and functions of
    the C library; ``scalar`` says that each number takes a call of the latter.
    """

    text: str
    result: str
    called: Mapping[Called, str]
    external: frozenset[str]
    scalar: bool


class Unit:
    """The text of a module: functions, and the declarations that they need."""

    def __init__(self, *, flushes: bool = False) -> None:
        """Start empty; with ``flushes`` its functions take subnormal numbers as 0.

        It needs the instructions of x86, and is not done elsewhere.
        """
        self.flushes: bool = flushes and CAN_FLUSH
        self.parts: list[str] = []
        self.called: dict[Called, str] = {}
        self.external: set[str] = set()

    def declare(self, piece: Piece) -> None:
        """Declare what a piece of text needs."""
        self.called |= piece.called
        self.external |= piece.external

    def text(self, defined: Collection[Called] = ()) -> str:
        """Return the module, of which some functions may be defined in it."""
        called = [line for key, line in self.called.items() if key not in defined]
        return "\n".join([*sorted([*called, *self.external]), *self.parts])


class Text:
    """Instructions, one after the other, in blocks."""

    def __init__(self, unit: Unit, names: str) -> None:
        """Begin; ``names`` is what the names of results begin with."""
        self.unit = unit
        self.lines: list[Any] = []
        self.block: str = "start"
        self._names = names
        self._count = 0

    def fresh(self) -> str:
        """Return a name that is not taken."""
        self._count += 1
        return f"{self._names}{self._count}"

    def add(self, text: str) -> str:
        """Write an instruction; return the name of its result."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}\n")
        return name

    def do(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}\n")

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:\n")
        self.block = label

    def external(
        self, result: str, name: str, kind: str, operands: Sequence[str]
    ) -> str:
        """Write a call of an external function, whose operands are of one type."""
        taken = ", ".join([kind] * len(operands))
        self.unit.external.add(f"declare {result} @{name}({taken})")
        given = ", ".join(f"{kind} {x}" for x in operands)
        return self.add(f"call {result} @{name}({given})")

    def any_of(self, test: str, width: int) -> str:
        """Write whether a condition holds for some number of a vector."""
        if width == 1:
            return test
        name = f"llvm.vector.reduce.or.v{width}i1"
        return self.external("i1", name, type_of("i1", width), [test])

    def as_function(
        self, name: str, parameters: Sequence[str], kind: str = "void", result: str = ""
    ) -> str:
        """Return a function of what was written, and its type and result."""
        head = f"define {kind} @{name}({', '.join(parameters)})"
        end = f"  ret {kind} {result}".rstrip()
        lines = "".join(self.lines)
        if self.unit.flushes:
            lines = f"{_FLUSHING}{lines}{_AS_BEFORE}"
            self.unit.external |= _CONTROL
        return f"{head} {{\nstart:\n{lines}{end}\n}}\n"


_CONTROL = {f"declare void @llvm.x86.sse.{x}mxcsr(ptr)" for x in ("st", "ld")}
_FLUSHING = """\
  %before = alloca i32
  %flushing = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %before)
  %bits = load i32, ptr %before
  %more = or i32 %bits, 32832
  store i32 %more, ptr %flushing
  call void @llvm.x86.sse.ldmxcsr(ptr %flushing)
"""
"""Sets "flush to zero" (bit 15) and "denormals are zeros" (bit 6) of the thread."""
_AS_BEFORE = "  call void @llvm.x86.sse.ldmxcsr(ptr %before)\n"


__all__ = [
    "CAN_FLUSH",
    "SIZES",
    "VECTOR",
    "WIDTH",
    "WIDTHS",
    "Called",
    "Piece",
    "Text",
    "Unit",
    "literal",
    "type_of",
]
