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
from typing import Any, TypeAlias

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

Places: TypeAlias = list[list[int]]
"""Where the parts of each of several values are among those of all."""


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
        self._items: dict[Row, tuple[Row, Places]] = {}
        """Of loops: the new row, and where each result is among its own."""

    def write(self) -> None:
        """Write all rows."""
        for row in self.program.rows:
            pause()
            if row.function is operator.getitem and row.args[0] in self._items:
                self._item(row)
            elif not (_is_complex(row) or any(map(self._is_halved, row.operands))):
                self.keep(row)
            elif hasattr(row.function, "told"):
                self._repeated(row)
            else:
                self.write_in_parts(row)

    def _is_halved(self, x: Row) -> bool:
        """Tell whether a row, or a column, has two parts."""
        return holds_complex(x) or x in self.halved

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

    def _repeated(self, row: Row) -> None:
        """Write a loop or a branch whose bodies are in parts."""
        f: Any = row.function
        if hasattr(f, "bodies"):
            found = self._branches(f, *row.args)
        elif hasattr(f, "carried"):
            found = self._loop(f, *row.args)
        else:
            raise CannotLowerError(f"{name_of(row)} of complex numbers")
        made = row.with_call(*found[:2])
        self.rows.append(made)
        self._items[row] = made, found[2]

    def _loop(self, loop: Any, *args: Any) -> tuple[Any, tuple[Any, ...], Places]:
        """Return a loop in parts, its arguments, and the places of its results."""
        *count, leaves, captured = args
        made, places = _loop_in_parts(loop)
        inputs: list[Row] = loop.body.program.inputs
        n = len(leaves)
        given = self._given(leaves, inputs)
        if not hasattr(loop, "test"):
            more: list[Any] = self._given(captured, inputs[n:])
        else:
            tested = loop.test.program.inputs[n:]
            pairs = zip(captured, (tested, inputs[n:]), strict=True)
            more = [self._given(x, y) for x, y in pairs]
        return made, (*map(self.real, count), given, more), places

    def _branches(
        self, branches: Any, choice: Part, inputs: Sequence[Part], captured: Any
    ) -> tuple[Any, tuple[Any, ...], Places]:
        """Return branches in parts, their arguments, and the places of results."""
        bodies, likes = branches.bodies, branches.likes
        if holds_complex(choice) or any(isinstance(x, Column) for x in likes):
            raise CannotLowerError("branches on complex numbers")
        given = list(map(is_complex, likes))
        made = copy.copy(branches)
        made.bodies = [_body_in_parts(x, given) for x in bodies]
        made.likes = _flat(map(_halves, likes, given))
        inside: list[list[Row]] = [x.program.inputs for x in bodies]
        n = len(inputs)
        pairs = zip(captured, inside, strict=True)
        more = [self._given(x, y[n:]) for x, y in pairs]
        args = self.real(choice), self._given(inputs, inside[0]), more
        return made, args, _places(given)

    def _given(self, values: Sequence[Part], inside: Sequence[Row]) -> list[Part]:
        """Return what bodies are given for inputs, of which some are complex."""
        pairs = zip(values, inside, strict=False)
        return _flat(self.halves(x, pair=holds_complex(y)) for x, y in pairs)

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
            part.dtype, part.number = None if row.shape is None else REAL, None
        self.halved[row] = Parts(*found)


def _loop_in_parts(loop: Any) -> tuple[Any, Places]:
    """Return the loop in parts that stands for one, and the places of its results."""
    n, m = loop.carried, loop.mapped
    likes: list[Any] = loop.body.likes
    entries: list[Any] = loop.entries
    if any(isinstance(x, Column) for x in entries):
        raise CannotLowerError("columns in a loop of complex numbers")
    taken = list(map(holds_complex, loop.body.program.inputs))
    given = [*taken[:n], *map(is_complex, likes[n:])]
    kept: list[int] = loop.history
    carries = _places(taken[:n])
    body = _body_in_parts(loop.body, given)
    halves = list(map(_halves, entries, map(is_complex, entries)))
    stored = zip(loop.stored, halves, strict=True)
    described: dict[str, Any] = {
        "body": body,
        "carried": len(_flat(carries)),
        "mapped": m + sum(taken[n : n + m]),
        "returned": len(body.likes),
        "history": _flat(carries[k] for k in kept),
        "entries": _flat(halves),
        "stored": _flat([one] * len(x) for one, x in stored),
    }
    results = [*given, *(taken[k] for k in kept)]
    if hasattr(loop, "test"):
        described["test"] = _body_in_parts(loop.test, [False])
        results.append(False)  # the number of steps
    made = copy.copy(loop)
    for name, value in described.items():
        setattr(made, name, value)
    return made, _places(results)


def _body_in_parts(body: Any, given: Sequence[bool]) -> Any:
    """Return a body in parts; of its results those that are ``given`` have two."""
    made = _Made(body.program)
    inputs = [_split(made, x) for x in body.program.inputs]
    made.write()
    pairs = zip(body.program.outputs, given, strict=True)
    outputs = [made.halves(x, pair=pair) for x, pair in pairs]
    found = copy.copy(body)
    found.program = made.finished(_flat(inputs), _flat(outputs))
    found.likes = _flat(map(_halves, body.likes, given))
    return found


def _flat(parts: Iterable[Sequence[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(parts))


def _places(are_pairs: Sequence[bool]) -> Places:
    """Return the places of the parts of values, of which some have two."""
    found: Places = []
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
