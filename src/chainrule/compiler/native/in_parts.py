"""Complex programs as programs of real numbers: of their real and imaginary parts.

In: a ``Program``. Out: one with the same inputs and results, in which each complex row
is two real ones; so tapes and loops over arrays need to know no complex numbers.
``CannotLowerError`` where a function of complex numbers has no such form.
"""

from __future__ import annotations

import copy
import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.complex_arithmetic import REAL, Part, Parts
from chainrule.compiler.native.meanings import CannotLowerError, name_of
from chainrule.compiler.native.row_parts import COMPLEX, RowParts, holds_complex
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.complex_parts import complex_of
from chainrule.values.shapes import is_complex
from chainrule.values.types import Value


class PartOf:
    """The real part of an argument, or the imaginary one: the function of a row."""

    keeps_shape = True

    def __init__(self, part: int) -> None:
        """Keep which."""
        self.part = part
        self.__name__: str = ("real_part", "imaginary_part")[part]

    def __call__(self, x: Value) -> Any:
        """Return the part."""
        return np.imag(x) if self.part else np.real(x)


PARTS = PartOf(0), PartOf(1)


def joined(re: Value, im: Value) -> Any:
    """Return a complex result of its parts."""
    return complex_of(re, im)


def is_pair(row: Row) -> bool:
    """Tell whether a row of a program in parts is complex: an argument or a result."""
    return row.dtype == COMPLEX and row.function in (None, joined)


def has_complex(program: Program) -> bool:
    """Tell whether a program has complex numbers, or a loop in it."""
    return any(map(_is_complex, (*program.inputs, *program.rows, *program.outputs)))


def _is_complex(x: Part) -> bool:
    told = getattr(x.function, "told", None) if isinstance(x, Row) else None
    return holds_complex(x) or (
        told is not None and any(map(has_complex, told()["programs"]))
    )


def in_parts(program: Program) -> Program:
    """Return a program in parts; the same one if it has no complex numbers."""
    if not has_complex(program):
        return program
    made = _Made(program)
    for x in program.inputs:
        if holds_complex(x):
            made.enter(x, [made.add_row(f, (x,), x.shape) for f in PARTS])
    made.write()
    return made.finished(program.inputs, [made.output(x) for x in program.outputs])


class _Made(RowParts):
    """A program in parts that is being written."""

    def __init__(self, program: Program) -> None:
        """Begin with none of its rows."""
        super().__init__()
        self.program = program
        self._items: dict[Row, tuple[Row, list[list[int]]]] = {}
        """Of loops: the new row, and where each result is among its own."""

    def write(self) -> None:
        """Write all rows."""
        for row in self.program.rows:
            pause()
            if row.function is operator.getitem and row.args[0] in self._items:
                self._item(row)
            elif not (_is_complex(row) or any(map(holds_complex, row.operands))):
                self.keep(row)
            elif hasattr(row.function, "told"):
                self._loop(row)
            else:
                self.write_in_parts(row)

    def finished(self, inputs: list[Row], outputs: list[Any]) -> Program:
        """Return the program of these inputs and outputs, once all rows are written."""
        program = self.program
        checks = [y for x in program.checks for y in self._real_rows(x)]
        guards = [g.at(self._guarded(g.row)) for g in program.guards]
        made = Program(
            inputs, self.rows, outputs, guards, checks, program.counts, program.mapped
        )
        eliminate_dead_code(made)
        return made.renumbered()

    def _guarded(self, row: Row) -> Row:
        found = self.real(row)
        if not isinstance(found, Row):
            raise CannotLowerError("a decision on complex numbers")
        return found

    def _real_rows(self, x: Row) -> list[Row]:
        parts = self.parts(x) if x.dtype == COMPLEX else [self.real(x)]
        return [y for y in parts if isinstance(y, Row)]

    def output(self, x: Part) -> Part:
        """Return a result: a complex row of its parts."""
        if not isinstance(x, Row):
            return x
        if x.dtype != COMPLEX:
            return self.real(x)
        self.rows.append(x.with_call(joined, tuple(self.parts(x))))
        return self.rows[-1]

    def _loop(self, row: Row) -> None:
        """Write a scan whose body is in parts."""
        loop: Any = row.function
        if not isinstance(getattr(loop, "count", None), int) or len(row.args) != 2:
            raise CannotLowerError(f"{name_of(row)} of complex numbers")
        inner = _InLoop(loop)
        leaves, captured = row.args
        pairs = zip([*leaves, *captured], inner.inputs, strict=True)
        given = [self.halves(x, pair=holds_complex(y)) for x, y in pairs]
        first, rest = given[: len(leaves)], given[len(leaves) :]
        made = row.with_call(inner.loop, (_flat(first), _flat(rest)))
        self.rows.append(made)
        self._items[row] = made, inner.places

    def _item(self, row: Row) -> None:
        """Have the results of a loop be those of one in parts."""
        item: tuple[Row, int] = row.args
        whole, places = self._items[item[0]]
        numbers = places[item[1]]
        found = [row.with_call(operator.getitem, (whole, i)) for i in numbers]
        self.rows += found
        if len(found) == 1:
            self.moved[row] = found[0]
            return
        for part in found:
            part.dtype, part.number = REAL, None
        self.halved[row] = Parts(*found)


class _InLoop:
    """The loop in parts that stands for another one.

    Attributes
    ----------
    inputs
        The inputs of the other's body.
    loop
        The loop in parts.
    places
        Where the parts of each result are among its own.
    """

    def __init__(self, loop: Any) -> None:
        """Write its body, and describe it anew."""
        n, m, program = loop.carried, loop.mapped, loop.body.program
        likes: list[Any] = loop.body.likes
        entries: list[Any] = loop.entries
        if any(isinstance(x, Column) for x in entries):
            raise CannotLowerError("columns in a loop of complex numbers")
        self.inputs: list[Row] = program.inputs
        taken = list(map(holds_complex, self.inputs))
        given = [*taken[:n], *map(is_complex, likes[n:])]
        kept: list[int] = loop.history
        carries = _places(taken[:n])
        self.places: list[list[int]] = _places([*given, *(taken[k] for k in kept)])
        made = _Made(program)
        inputs = [_split(made, x) for x in self.inputs]
        made.write()
        pairs = zip(program.outputs, given, strict=True)
        outputs = [made.halves(x, pair=pair) for x, pair in pairs]
        body = copy.copy(loop.body)
        body.program = made.finished(_flat(inputs), _flat(outputs))
        body.likes = _flat(map(_halves, likes, given))
        halves = list(map(_halves, entries, map(is_complex, entries)))
        stored = zip(loop.stored, halves, strict=True)
        described: dict[str, Any] = {
            "body": body,
            "carried": len(_flat(carries)),
            "mapped": m + sum(taken[n : n + m]),
            "returned": len(_flat(outputs)),
            "history": _flat(carries[k] for k in kept),
            "entries": _flat(halves),
            "stored": _flat([one] * len(x) for one, x in stored),
        }
        self.loop: Any = copy.copy(loop)
        for name, value in described.items():
            setattr(self.loop, name, value)


def _flat(parts: Iterable[Sequence[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(parts))


def _places(are_pairs: Sequence[bool]) -> list[list[int]]:
    """Return the places of the parts of values, of which some have two."""
    found: list[list[int]] = []
    start = 0
    for pair in are_pairs:
        found.append(list(range(start, start + 1 + pair)))
        start += 1 + pair
    return found


def _split(made: _Made, x: Row) -> list[Row]:
    """Return the inputs that stand for one."""
    if not holds_complex(x):
        return [x]
    parts = [x.as_input() for _ in PARTS]
    for part in parts:
        part.dtype, part.number = REAL, None if x.number is None else float
    made.enter(x, parts)
    return parts


def _halves(x: Value, pair: bool) -> list[Any]:  # noqa: FBT001
    """Return what is like the parts of a value."""
    return [np.real(x), np.imag(x)] if pair else [x]


__all__ = ["PARTS", "PartOf", "in_parts", "is_pair", "joined"]
