"""Groups of elementwise rows that a loop nest can run together.

Rows join a group if no path leads from the group to them around it: then the group can
run as one, after all that it reads and before all that reads it. And no row that may
raise an error comes to run before a decision that precedes it. What only shows an
array otherwise (a reshape, a slice, a broadcast) is no row of a group: its operand is
read in place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.meanings import (
    CannotLowerError,
    operation_of,
    power_of,
    reduction_of,
)
from chainrule.compiler.native.single_rows import Scattered
from chainrule.compiler.native.views import Views, only_shows
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.protection import is_of_others
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.rules.traits import traits
from chainrule.values.shapes import ARRAYS

LARGE = 1 << 12
"""Arrays from this many elements on are worth fusing."""

FEWEST = 2
"""How many rows and reductions make a group."""

SHORT = 256
"""NumPy's inner loop is over the last axis: it is slow where that is shorter."""

_DTYPES: Any = (np.dtype(np.float64), np.dtype(np.bool_))


class Group:
    """Rows to run as one with reductions of them, and the groups that they need."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Start empty."""
        self.shape = shape
        self.rows: list[Row] = []
        self.reductions: list[Row] = []
        self.needs: set[Group] = set()

    @property
    def members(self) -> list[Row]:
        """The rows that the group stands for."""
        return [*self.rows, *self.reductions]

    def reaches(self, other: Group) -> bool:
        """Tell whether this group needs another, directly or through others."""
        seen: set[Group] = set()
        waiting: list[Group] = [self]
        while waiting:
            group = waiting.pop()
            if group is other:
                return True
            if group not in seen:
                seen.add(group)
                waiting.extend(group.needs)
        return False


def grouped(program: Program, views: Views) -> list[Group]:
    """Return the groups that are worth a loop nest."""
    member: dict[Row, Group] = {}
    above: dict[Row, set[Group]] = {}
    open_groups: dict[tuple[int, ...], list[Group]] = {}
    groups: list[Group] = []
    decisions, decided = {g.row for g in program.guards}, False
    for row in program.rows:
        decided = decided or row in decisions
        if decided and _may_raise(row):
            open_groups.clear()  # it would run before the decision that precedes it
        needs: set[Group] = set()
        for x in row.operands:
            if x in member:
                needs.add(member[x])
            else:
                needs |= above.get(x, set())
        if not _is_fusable(row):
            above[row] = needs
            if _is_reduction(row) and row.args[0] in member:
                member[row.args[0]].reductions.append(row)
            continue
        for group in open_groups.setdefault(row.shape or (), [])[::-1]:
            outside = needs - {group}
            around = any(
                group in above.get(x, ()) for x in row.operands if x not in member
            )
            if not around and not any(g.reaches(group) for g in outside):
                break
        else:
            group = Group(row.shape or ())
            open_groups[group.shape].append(group)
            groups.append(group)
        group.rows.append(row)
        group.needs |= needs - {group}
        member[row] = group
    return [g for g in groups if _pays(g, views)]


def _may_raise(row: Row) -> bool:
    """Tell whether a row may raise an error for some values of its operands."""
    f: Any = row.function
    if isinstance(f, (np.ufunc, Product, Scattered)) or f is masked_result:
        return False
    known = traits_of(f)
    if known is traits or is_of_others(f):
        return True
    return known.may_raise and not only_shows(row)


def _pays(group: Group, views: Views) -> bool:
    """Tell whether a group gains by a loop nest."""
    if len(group.members) >= FEWEST:
        return True
    (row,) = group.rows
    if group.shape[-1] >= SHORT:
        return False
    found = [views.of(x).view for x in row.args if isinstance(x, (Row, np.ndarray))]
    return any(np.shape(v) != row.shape or not v.flags.c_contiguous for v in found)


def _is_fusable(row: Row) -> bool:
    """Tell whether a row is elementwise, large, and known to the tape."""
    if not row.shape or math.prod(row.shape) < LARGE or row.dtype is None:
        return False
    if any(x.dtype not in _DTYPES for x in (row, *row.operands)):
        return False
    if not all(map(_is_plain, row.args)):
        return False
    try:
        steps_of(row)
    except CannotLowerError:
        return False
    return True


def _is_plain(x: Any) -> bool:
    return (
        isinstance(x, Row)
        or type(x) in (float, int, np.float64)
        or (isinstance(x, ARRAYS) and x.dtype in _DTYPES)
    )


def steps_of(row: Row) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the operations of a row, in which ``...`` is the one before."""
    f: Any = row.function
    if f is masked_result:
        inner = row.given["forward"]
        if set(row.given) != {"forward", "where"} or not isinstance(inner, np.ufunc):
            raise CannotLowerError
        name = operation_of(inner, [*row.operands, row])
        return [(name, row.args), ("where", (row.given["where"], ..., 0.0))]
    if not traits_of(f).entrywise or row.given:
        raise CannotLowerError
    name = operation_of(f, [*row.operands, row])
    return [power_of(row) if name == "power" else (name, row.args)]


def _is_reduction(row: Row) -> bool:
    """Tell whether a row reduces one value over given axes, and asks no more."""
    known = traits_of(row.function)
    if known.reduces is None or known.averages or not row.reads_first:
        return False
    try:
        pair, *_ = reduction_of(row)
    except CannotLowerError:
        return False
    kind = row.args[0].dtype
    return kind == np.float64 or (pair == "add" and kind == np.bool_)
