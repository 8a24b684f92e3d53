"""Cheap rows that are computed again where they are read later, and lie in no memory.

In: a program, and the levels of the rows that may be in groups (``groups``). A row that
is cheap, and needs one array, becomes a row of each later group that reads it. That
reads the array instead, and the row need not be written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from chainrule.compiler.background import pause
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.row_steps import steps_of
from chainrule.compiler.native.views import Views, only_shows
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.shapes import ARRAYS

CHEAP = frozenset(
    """
    absolute add copy equal greater greater_equal isnan less less_equal logical_and
    logical_not logical_or maximum minimum multiply negative not_equal square subtract
    where
    """.split()
)
"""Operations of one or two instructions for eight numbers."""

MOST = 4
"""How many operations are done again for a row, at most."""

SMALL = 8
"""How many times as large as what it is broadcast to an array costs nothing to read."""

Inside = Callable[[Row, Row], bool]
"""Whether what reads a row can be in a group that has it."""


class ComputedAgain:
    """Which rows are computed again, and what they become in later groups."""

    def __init__(
        self,
        program: Program,
        views: Views,
        level: dict[Row, int],
        joins: dict[Row, str],
        is_inside: Inside,
    ) -> None:
        """Find the rows of a program; ``joins`` are those that may be in groups."""
        self._program, self._views = program, views
        self._level, self._joins = level, joins
        self._made: dict[tuple[Row, int], Row] = {}
        self._stored = set(program.ends)
        """What is written in any case."""
        later: set[Row] = set()
        for row in program.rows:
            for x in row.operands:
                if x in joins and not is_inside(x, row):
                    self._stored.add(x)
                elif x in joins and row in joins and level[x] < level[row]:
                    later.add(x)
        self._later = later
        self.found: set[Row] = {x for x in later - self._stored if self._pays(x)}
        """The rows that later groups compute again."""

    def rewrite(self) -> None:
        """Give later groups rows of their own; the rows that nobody reads then go."""
        if not self.found:
            return
        level, rows = self._level, list[Row]()
        for row in self._program.rows:
            pause()
            if row in self._joins:
                later = {x for x in row.operands if x in self.found}
                known = {
                    x: self.made(x, level[row], rows)
                    for x in later
                    if level[x] < level[row]
                }
                if known:
                    row.args = replaced(row.args, known)
                    row.given = {k: replaced(v, known) for k, v in row.given.items()}
                    row.operands = rows_in((row.args, row.given))
            rows.append(row)
        self._program.rows = rows
        eliminate_dead_code(self._program)

    def made(self, x: Row, level: int, rows: list[Row]) -> Row:
        """Return the row that a group of this level has for another, once added."""
        if (x, level) not in self._made:
            known = {y: self.made(y, level, rows) for y in self._parts(x)}
            given = {k: replaced(v, known) for k, v in x.given.items()}
            own = x.with_call(x.function, replaced(x.args, known), given)
            self._level[own], self._joins[own] = level, self._joins[x]
            self._made[x, level] = own
            rows.append(own)
        return self._made[x, level]

    def _parts(self, x: Row) -> Iterator[Row]:
        """Yield the operands that are computed again with a row."""
        for y in dict.fromkeys(x.operands):
            if y in self._joins and y not in self._stored and _is_cheap(y):
                yield y

    def _pays(self, row: Row) -> bool:
        """Tell whether a row takes few operations on entries of one array."""
        arrays: set[Any] = set()
        waiting, done = [row], set[Row]()
        while waiting:
            x = waiting.pop()
            done.add(x)
            if not _is_cheap(x) or len(done) > MOST:
                return False
            parts = set(self._parts(x))
            waiting += parts - done
            for y in (*_arrays_in(x.args), *_arrays_in(tuple(x.given.values()))):
                is_row = isinstance(y, Row)
                if (is_row and y in parts) or self._is_small(y, row):
                    continue
                if is_row and not self._is_there(y):
                    return False
                arrays.add(y if is_row else id(y))
        return len(arrays) <= 1

    def _is_small(self, y: Any, row: Row) -> bool:
        """Tell whether an array, or what it shows again and again, is a small one."""
        view = self._views.of(y).view
        pairs = zip(view.shape, view.strides, strict=True)
        size = math.prod(n for n, step in pairs if step)
        return SMALL * size <= math.prod(row.shape or ())

    def _is_there(self, y: Row) -> bool:
        """Tell whether an operand is in memory whatever reads it."""
        if y in self._joins:
            return y in self._stored or y in self._later
        return only_shows(y) or not is_movement(y)


def _is_cheap(row: Row) -> bool:
    return all(step.name in CHEAP for step in steps_of(row))


def _arrays_in(args: tuple[Any, ...]) -> Iterator[Any]:
    return (x for x in args if isinstance(x, (Row, ARRAYS)))


__all__ = ["ComputedAgain"]
