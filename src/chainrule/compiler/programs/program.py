"""Programs: the rows of a trace that are needed to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.tracing.rows import Function, Guard, Row, mapped
from chainrule.progress import watched
from chainrule.values.shapes import ndarray


@dataclass(eq=False)
class Program:
    """Rows to run, in order, and what of them is returned, guarded and checked.

    Attributes
    ----------
    inputs
        The rows that stand for the arguments' leaves.
    rows
        The calls.
    outputs
        The leaves of the result: rows, or plain constants.
    guards, checks
        The decisions to hold to, in order, and the rows that must not be nan.
    counts
        Rows as they were traced and after each pass, by its name.
    mapped
        Of each vmap whose rows are among these: the examples, and why it is so.
    traced
        What it was before the passes, if that was kept.
    """

    inputs: list[Row]
    rows: list[Row]
    outputs: list[Any]
    guards: list[Guard] = field(default_factory=list[Guard])
    checks: list[Row] = field(default_factory=list[Row])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    mapped: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    traced: Snapshot | None = None

    @property
    def flushes(self) -> bool:
        """Whether native code may take subnormal numbers as 0, as ``fastmath`` says."""
        return "fastmath" in self.counts

    @property
    def ends(self) -> list[Row]:
        """The rows that are asked for: results, checks, what decisions are taken on."""
        found = [*self.outputs, *self.checks, *(g.row for g in self.guards)]
        return [x for x in found if isinstance(x, Row)]

    def uses(self) -> Counter[Row]:
        """Return how often each row is read, at the end as well."""
        found = Counter(x for row in self.rows for x in row.operands)
        found.update(self.ends)
        return found

    def last_uses(self) -> dict[Row, int]:
        """Return for each row the number of the row that reads it last."""
        last: dict[Row, int] = {}
        for i, row in enumerate(self.rows):
            for x in row.operands:
                last[x] = i
        end = len(self.rows)
        return last | dict.fromkeys(self.ends, end)

    def copied(self) -> Program:
        """Return this program with rows of its own, but for the inputs."""
        return Snapshot(self).restored()

    def renumbered(self) -> Program:
        """Return this program, its rows numbered from 0."""
        for i, row in enumerate(self.rows):
            row.serial = i
        return self


class Snapshot:
    """What a program is now: passes may change its rows, and make it other lists."""

    def __init__(self, program: Program) -> None:
        """Keep the calls of the rows, and the lists."""
        self._calls = [(x, x.function, x.args, x.given) for x in program.rows]
        self._inputs, self._outputs = program.inputs, program.outputs
        self._guards, self._checks = program.guards, program.checks
        self._counts, self._mapped = dict(program.counts), program.mapped

    def release(self, program: Program) -> None:
        """Forget the entries of large arrays that only rows without use read."""
        used = set(program.rows)
        self._calls = [
            (x, f, args, given)
            if x in used
            else (x, f, mapped(_without_entries, args), mapped(_without_entries, given))
            for x, f, args, given in self._calls
        ]

    def restored(self) -> Program:
        """Return a program like that one, with rows of its own."""
        copies: dict[Row, Row] = {x: x for x in self._inputs}
        rows: list[Row] = []
        for row, function, args, given in self._calls:
            pause()
            copied = row.with_call(
                function, replaced(args, copies), replaced(given, copies)
            )
            copies[row] = copied
            rows.append(copied)
        return Program(
            self._inputs,
            rows,
            [copies[x] if isinstance(x, Row) else x for x in self._outputs],
            [g.at(copies[g.row]) for g in self._guards],
            [copies[x] for x in self._checks],
            dict(self._counts),
            self._mapped,
        )


def _without_entries(x: Any) -> Any:
    """Return a large array as one that repeats a single entry, in no memory."""
    if isinstance(x, ndarray) and x.nbytes > _SMALL:
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)
    return x


_SMALL = 1024


def replaced(x: Any, by: Mapping[Row, Any]) -> Any:
    """Replace rows by others, also inside lists, tuples and slices."""
    if type(x) is Row:
        return by.get(x, x)

    def other(x: Any) -> Any:
        return by.get(x, x) if isinstance(x, Row) else x

    return mapped(other, x)


def alike(x: Row, y: Row) -> bool:
    """Tell whether two rows have the same shape and dtype; columns have none."""
    return x.shape is not None and x.shape == y.shape and x.dtype == y.dtype


def transposed(x: Any) -> Any:
    """Return what a row is the transpose of; ``None`` if it is no transpose."""
    if not isinstance(x, Row) or x.function is not np.transpose or x.given:
        return None
    return x.args[0] if x.args[1:] in ((), (None,)) else None


def swapped(x: Any) -> Any:
    """Return what a row swaps the last two axes of; ``None`` if it does not."""
    if not isinstance(x, Row) or x.function is not np.swapaxes:
        return None
    before = x.args[0] if set(x.args[1:]) == {-1, -2} else None
    return before if isinstance(before, Row) else None


def become(row: Row, function: Function, args: tuple[Any, ...]) -> None:
    """Make another call of a row."""
    row.function, row.args = function, args
    row.operands = [x for x in args if type(x) is Row]


def constant(value: float, row: Row) -> Any:
    """Return a number as a constant of a row's shape, dtype and class."""
    if row.number is not None:
        return row.number(value)
    number = row.dtype.type(value)
    return number if row.shape == () else np.broadcast_to(number, row.shape)


Replacement = Callable[[Row, list[Row]], Any]
"""Returns what stands for a row. It appends the row to the list, if that is itself."""


def rewrite(program: Program, replacement: Replacement, what: str) -> None:
    """Go through the rows, and let each be replaced by a row or a constant.

    Its operands have been replaced before.
    """
    moved: dict[Row, Any] = {}
    stay = moved.keys().isdisjoint
    rows: list[Row] = []
    decided = {guard.row for guard in program.guards}
    with watched(program.rows, what, "rows") as before:
        for row in before:
            if moved and not stay(row.operands):
                _read(row, moved)
            replaced_by = replacement(row, rows)
            if replaced_by is not row:
                if row in decided and not isinstance(replaced_by, Row):
                    rows.append(row)  # Python asks for this value
                else:
                    moved[row] = replaced_by
    program.rows = rows
    if moved:
        program.outputs = [moved.get(x, x) if isinstance(x, Row) else x
                           for x in program.outputs]  # fmt: skip
        checks = [moved.get(x, x) for x in program.checks]
        program.checks = list(dict.fromkeys(x for x in checks if isinstance(x, Row)))
        program.guards = [g.at(moved.get(g.row, g.row)) for g in program.guards]


def _read(row: Row, moved: Mapping[Row, Any]) -> None:
    """Let a row read what its operands have become."""
    row.args = tuple([replaced(x, moved) for x in row.args])
    if row.given:
        row.given = {k: replaced(x, moved) for k, x in row.given.items()}
    operands = [moved.get(x, x) for x in row.operands]
    row.operands = [x for x in operands if isinstance(x, Row)]
