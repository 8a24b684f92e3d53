"""Parts: what a tape consists of, in the order in which it runs.

A part is a stretch of instructions (``Code``), a call of what has no form on the tape
(``Outside``), or a ``Region``, which runs parts many times or under a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from chainrule.compiler.native.movements import Places
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tracing.rows import Row

if TYPE_CHECKING:
    from chainrule.compiler.tape.native_instructions import Instructions
    from chainrule.compiler.tape.native_tape import Writers


@dataclass(frozen=True, eq=False)
class Outside:
    """A row that is called between two stretches of tape.

    ``operands`` are the places of the row's operands, ``results`` those of its result,
    or of each where there are several; large arrays are ``Held``. In a region its
    address, and that of the record that it takes, are at two places from ``slot`` on.
    """

    row: Row
    operands: list[Any]
    results: list[Any]
    slot: int = 0

    @property
    def name(self) -> str:
        """The name of the row's function."""
        return getattr(self.row.function, "__name__", "function")

    @property
    def is_native(self) -> bool:
        """Whether the function is machine code."""
        return hasattr(self.row.function, "bound")


@dataclass(eq=False)
class Region:
    """Parts that run many times, or under a condition.

    Attributes
    ----------
    name
        What it is called.
    inside
        The parts, in lists that run as one.
    operands, results
        The places that it reads and those that it writes, as far as others may.
    is_inside
        Whether it is written into the function of what is around it.
    """

    is_inside: ClassVar[bool] = False
    name: str
    inside: list[list[Part]]
    operands: list[Places] = field(default_factory=list[Places])
    results: list[Places] = field(default_factory=list[Places])

    def write(self, writer: Instructions, to: Writers) -> None:
        """Write it into a function of its own."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Columned:
    """Where a column is: its address, what each entry is like, and their number.

    ``slot`` and ``counted`` are the places of the first and the last.
    """

    slot: int
    like: Any
    counted: int


Part = Code | Outside | Region


def codes_in(parts: Sequence[Part]) -> Iterator[Code]:
    """Yield the stretches of instructions, also those inside regions."""
    for part in parts:
        if isinstance(part, Code):
            yield part
        elif isinstance(part, Region):
            for inner in part.inside:
                yield from codes_in(inner)


def outsides_in(parts: Sequence[Part]) -> Iterator[Outside]:
    """Yield the calls inside regions."""
    for part in parts:
        if isinstance(part, Region):
            for inner in part.inside:
                yield from (x for x in inner if isinstance(x, Outside))
                yield from outsides_in(inner)


__all__ = ["Columned", "Outside", "Part", "Region", "codes_in", "outsides_in"]
