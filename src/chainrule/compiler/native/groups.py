"""Groups of elementwise rows that a loop nest can run together.

Every row has a *level*. It is at least that of what it reads, and more where it reads
what another group, or a reduction, computes; groups are the elementwise rows of one
shape and level, so that no path leads from a group to itself around it. And no row that
may raise an error comes to run before a decision that precedes it: from such a row on,
levels are higher than before. What only shows entries of other arrays (a slice, a
concatenation) is no row of a group: they are read in place.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.accumulated import Accumulated
from chainrule.compiler.native.collected import Collected
from chainrule.compiler.native.computed_again import ComputedAgain
from chainrule.compiler.native.hyperbolic_pairs import pairs_of_tanh
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.meanings import CannotLowerError, reduction_of
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.pieces import Pieces
from chainrule.compiler.native.recurrences import Recurrence
from chainrule.compiler.native.row_steps import (
    DTYPES,
    holds,
    kind_of_row,
    steps_of,
)
from chainrule.compiler.native.searched import Searched
from chainrule.compiler.native.transforms import Transformed
from chainrule.compiler.native.views import Views, only_shows
from chainrule.compiler.native.whole_numbers import OfIntegers
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.protection import is_of_others
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.rules.traits import traits
from chainrule.values.indices import is_basic

LARGE = 1 << 8
"""Entries from which on arrays are worth fusing: instead of calls of NumPy, which each
cost a microsecond, and of instructions of a tape."""

FEWEST = 2
"""How many rows and reductions make a group."""

SHORT = 256
"""NumPy's inner loop is over the last axis: it is slow where that is shorter."""

Joins = dict[Row, str]
"""The rows that may be in a group, with the kind of numbers of each."""


class Group:
    """Rows to run as one, with reductions of them."""

    def __init__(self, shape: tuple[int, ...], kind: str) -> None:
        """Start empty."""
        self.shape = shape
        self.kind = kind
        self.rows: list[Row] = []
        self.reductions: list[Row] = []

    @property
    def members(self) -> list[Row]:
        """The rows that the group stands for."""
        return [*self.rows, *self.reductions]


def grouped(program: Program, views: Views) -> list[Group]:
    """Return the groups that are worth a loop nest."""
    level, joins = _levels(program, floats=views.floats)
    _lowered_late(program, level, joins)

    def is_inside(x: Row, reader: Row) -> bool:
        if reader in joins:
            return _go_together(x, reader, joins)
        return _is_reduction(reader)

    ComputedAgain(program, views, level, joins, is_inside).rewrite()
    groups: dict[Any, Group] = {}
    member: dict[Row, Group] = {}
    for row in program.rows:
        if row in joins:
            key = (row.shape, level[row], joins[row])
            member[row] = groups.setdefault(key, Group(row.shape or (), joins[row]))
            member[row].rows.append(row)
        elif _is_reduction(row) and row.args[0] in member:
            group = member[row.args[0]]
            if _adds_up(row, group) and views.holds(group.kind):
                group.reductions.append(row)
    moved = {x for row in program.rows if _moves(row) for x in row.operands}
    return [g for g in groups.values() if _pays(g, views, moved)]


def _moves(row: Row) -> bool:
    """Tell whether a row moves entries, or adds them up at places."""
    return is_movement(row) or isinstance(row.function, OfIntegers)


def _levels(program: Program, *, floats: bool) -> tuple[dict[Row, int], Joins]:
    """Return the lowest level of each row, and which rows may be in a group."""
    level: dict[Row, int] = dict.fromkeys(program.inputs, 0)
    joins: Joins = {}
    decisions, decided = {g.row for g in program.guards}, False
    lowest = highest = 0
    for row in program.rows:
        pause()
        decided = decided or row in decisions
        if decided and _may_raise(row):
            lowest = highest + 1  # it would run before the decision that precedes it
        fusable = is_fusable(row) and not (floats and _narrows(row))
        if fusable:
            of_others = (joins[x] for x in row.operands if x in joins)
            joins[row] = kind_of_row(row) or next(of_others, "double")
        read = [_above(x, row, level, joins) for x in row.operands]
        level[row] = max([lowest, *read])
        highest = max(highest, level[row])
    return level, joins


def _narrows(row: Row) -> bool:
    """Tell whether a row becomes float32 when it is written, which a tape holds not."""
    return row.dtype == np.float32 and kind_of_row(row) == "double"


def _above(x: Row, row: Row, level: dict[Row, int], joins: Joins) -> int:
    """Return the level from which on a row may read another."""
    return level[x] + (x in joins and not _go_together(x, row, joins))


def _go_together(x: Row, row: Row, joins: Joins) -> bool:
    """Tell whether a row may read another in one group."""
    alike = joins.get(row) == joins[x] and x.shape == row.shape
    return alike and holds(joins[x], x.dtype)


def _lowered_late(program: Program, level: dict[Row, int], joins: Joins) -> None:
    """Raise levels of rows that are only read later: they need not be kept so long.

    What shares work with a row of its level stays there.
    """
    held, decisions = set(program.ends), {g.row for g in program.guards}
    held |= pairs_of_tanh(program)
    users: dict[Row, list[Row]] = {}
    latest: dict[Row, float] = {}
    for row in reversed(program.rows):
        pause()
        readers = users.get(row, ())
        if row in joins and row not in held and readers:
            later = _later_level(row, level, users, latest, joins)
            if later is not None and _keeps_less(row, level, users, joins):
                level[row] = later
        elif row not in joins:
            ends = [level[r] if r in joins else latest[r] for r in readers]
            if row in decisions:
                ends.append(level[row])
            latest[row] = min(ends, default=math.inf)
        for x in row.operands:
            users.setdefault(x, []).append(row)


def _later_level(
    row: Row,
    level: dict[Row, int],
    users: dict[Row, list[Row]],
    latest: dict[Row, float],
    joins: Joins,
) -> int | None:
    """Return the level of all that reads a row; its sums may be as late as they are.

    What is only summed goes to the level of those that read its operands.
    """
    sums = [r for r in users[row] if r not in joins]
    readers = [r for r in users[row] if r in joins]
    if not all(map(_is_reduction, sums)):
        return None
    if not readers:
        beside = {x for x in row.operands if x in joins and level[x] == level[row]}
        readers = [r for x in beside for r in users.get(x, ()) if r in joins]
    levels = {level[r] for r in readers}
    if len(levels) != 1 or not all(_go_together(row, r, joins) for r in readers):
        return None
    (later,) = levels
    return later if all(later < latest[r] for r in sums) else None


def _keeps_less(
    row: Row, level: dict[Row, int], users: dict[Row, list[Row]], joins: Joins
) -> bool:
    """Tell whether computing a row later keeps no more arrays until then."""
    inside = {x for x in row.operands if x in joins and level[x] == level[row]}
    return sum(users.get(x, []) != [] for x in inside) <= 1


_HARMLESS = (
    np.ufunc,
    Product,
    Collected,
    Accumulated,
    Recurrence,
    Searched,
    OfIntegers,
    Transformed,
)


def _may_raise(row: Row) -> bool:
    """Tell whether a row may raise an error for some values of its operands."""
    f: Any = row.function
    if isinstance(f, _HARMLESS) or f is masked_result:
        return False
    known = traits_of(f)
    if known is traits or is_of_others(f):
        return True
    return known.may_raise and not only_shows(row)


def _pays(group: Group, views: Views, moved: set[Row]) -> bool:
    """Tell whether a group gains by a loop nest; others read what is ``moved``."""
    if len(group.members) >= FEWEST:
        return True
    (row,) = group.rows
    if views.floats and row in moved:
        return True  # its nest is called with those that read it
    bases = [views.of(x).base for x in row.args if isinstance(x, Row)]
    if any(isinstance(x, Row) and is_movement(x) for x in bases):
        return True  # what is put together of arrays need not be made
    if group.shape[-1] >= SHORT:
        return False
    found = [views.of(x).view for x in row.args if isinstance(x, (Row, np.ndarray))]
    return any(np.shape(v) != row.shape or not v.flags.c_contiguous for v in found)


def is_fusable(row: Row) -> bool:
    """Tell whether a row is elementwise, large, and known to the tape."""
    if not row.shape or math.prod(row.shape) < LARGE or row.dtype is None:
        return False
    if any(x.dtype not in DTYPES for x in (row, *row.operands)):
        return False
    try:
        steps_of(row)
    except CannotLowerError:
        return False
    return True


def check_in_loops(program: Program, *, floats: bool) -> None:
    """Have loops look for nan: where there is one, it is the largest number.

    On a tape NumPy finds the largest where no loop does.
    """
    for i, check in enumerate(program.checks):
        x = _shown_whole(check)
        numbers = x.dtype is not None and x.dtype.kind == "f"
        large = floats and math.prod(x.shape or ()) >= LARGE
        if numbers and (large or is_fusable(x)):
            nothing: Any = np.zeros((), x.dtype)[()]
            top = Row(np.max, (x,), {}, [x], nothing, len(program.rows))
            program.rows.append(top)
            program.checks[i] = top


def _shown_whole(x: Row) -> Row:
    """Return the row all of whose entries a row only shows in another shape."""
    while only_shows(x) and x.args[0].shape is not None:
        if math.prod(x.args[0].shape) != math.prod(x.shape or ()):
            break
        x = x.args[0]
    return x


_SHORT = 2_000
"""Rows up to which a program has loops for what is read in another order. That of a
table which is filled part by part has thousands, which would take LLVM seconds."""


def copy_in_loops(program: Program, pieces: Pieces, *, floats: bool) -> None:
    """Let nests read what NumPy would reduce, or copy, along short axes.

    A copy that is only reduced costs nothing. Products that cannot read a factor where
    it is get a copy. So does what is read in another order than in ``pieces``.
    """
    rows: list[Row] = []
    copies: dict[Row, Row] = {}
    short = len(program.rows) <= _SHORT
    views = Views(floats=floats)
    for row in program.rows:
        reads = _is_reduction(row) or _copies(row, views)
        reads = reads or (short and _mixes(row, pieces))
        if reads and _is_slow(row.args[0]):
            x = row.args[0]
            if x not in copies:
                copies[x] = x.with_call(np.positive, (x,))
                rows.append(copies[x])
            row.args, row.operands = (copies[x], *row.args[1:]), [copies[x]]
        elif isinstance(row.function, Product):
            _copy_factors(row, rows)
        rows.append(row)
    for i, x in enumerate(program.outputs):
        if isinstance(x, Row) and x.operands and only_shows(x) and _is_slow(x):
            rows.append(x.with_call(np.positive, (x,)))
            program.outputs[i] = rows[-1]
            program.checks = [rows[-1] if c is x else c for c in program.checks]
    program.rows = rows


def _copy_factors(row: Row, rows: list[Row]) -> None:
    """Have a product read copies of what is only shown."""
    for x in row.operands:
        if x.operands and only_shows(x) and _is_slow(x):
            copied = x.with_call(np.positive, (x,))
            rows.append(copied)
            row.args = tuple(copied if v is x else v for v in row.args)
    row.operands = [x for x in row.args if isinstance(x, Row)]


def _copies(row: Row, views: Views) -> bool:
    """Tell whether a row shows what is no view of the array that its operand shows."""
    if not only_shows(row) or not only_shows(row.args[0]):
        return False
    return views.of(row).base is row


def _mixes(row: Row, pieces: Pieces) -> bool:
    """Tell whether a row shows what is put together, but not in pieces as it shows it.

    Of two arrays in turns it shows each number in a row, for example. What is cut out
    of pieces is in pieces.
    """
    if row.function is operator.getitem and is_basic(row.args[1]):
        return False
    if not only_shows(row) or only_shows(row.args[0]) or not is_movement(row.args[0]):
        return False
    if not _is_slow(row.args[0]):
        return False  # which is told at once, unlike its pieces
    return pieces.of(row.args[0]) is not None and pieces.of(row) is None


def _is_slow(x: Row) -> bool:
    """Tell whether an array of float numbers has short rows, and is not computed."""
    large = math.prod(x.shape or ()) >= LARGE and x.dtype.kind == "f"
    return large and (x.shape or (0,))[-1] < SHORT and not is_fusable(x)


def _is_reduction(row: Row) -> bool:
    """Tell whether a row reduces one value over given axes, and asks no more."""
    known = traits_of(row.function)
    if known.reduces is None or known.averages or not row.reads_first:
        return False
    try:
        pair, *_ = reduction_of(row)
    except CannotLowerError:
        return False
    kind = row.args[0].dtype.kind
    return kind == "f" or (pair == "add" and kind in "bc")


def _adds_up(row: Row, group: Group) -> bool:
    """Tell whether a group's numbers are what a reduction is computed with."""
    dtype = row.args[0].dtype
    if dtype == np.bool_:  # more might be no whole float32
        return group.kind == "double" or math.prod(group.shape) <= _COUNTED
    return row.dtype == dtype and holds(group.kind, dtype)


_COUNTED = 1 << 24
"""Entries up to which float32 counts exactly."""
