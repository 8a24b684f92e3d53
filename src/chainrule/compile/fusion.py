"""Fusion: elementwise rows of large arrays, run together on one block after another.

In: a ``Program``. Out: the same program with groups of elementwise rows of one shape
made into single rows, whose function is a ``Fused``. NumPy sweeps whole arrays through
memory once per operation; a group goes through the VM a block at a time, and only what
is read outside the group is written to memory.

Rows join a group if no path leads from the group to them around it: then the group can
run as one, after all that it reads and before all that reads it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compile.lanes import Lanes
from chainrule.compile.lowering import CannotLowerError, operation_of
from chainrule.compile.program import Program, replaced
from chainrule.compile.trace import Row
from chainrule.shapes import ARRAYS, ndarray
from chainrule.supports import masked_result

LARGE = 1 << 12
"""Arrays from this many elements on are worth fusing."""

FEWEST = 4
"""How many rows make a group."""

_GAIN = 2
_DTYPES: Any = (np.dtype(np.float64), np.dtype(np.bool_))


class Group:
    """Rows to run as one, and the groups that they need first."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Start empty."""
        self.shape = shape
        self.rows: list[Row] = []
        self.needs: set[Group] = set()

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


def fused(program: Program) -> Program | None:
    """Return a program with groups fused; ``None`` if there is nothing to gain."""
    program = _copied(program)
    member = _grouped(program)
    groups = dict.fromkeys(member.values())
    made: dict[Group, list[Row]] = {}
    for group in groups:
        try:
            made[group] = _made(group, program, member)
        except CannotLowerError:
            continue
    if made:
        inside = {row: g for row, g in member.items() if g in made}
        _replace(program, made, inside)
    return program if made else None


def _copied(program: Program) -> Program:
    """Return a program of its own rows."""
    known: dict[Row, Row] = {x: x for x in program.inputs}
    rows: list[Row] = []
    for row in program.rows:
        made = Row(
            row.function,
            tuple(replaced(x, known) for x in row.args),
            {k: replaced(x, known) for k, x in row.given.items()},
            [known[x] for x in row.operands],
            None,
            row.serial,
        )
        made.shape, made.dtype, made.number = row.shape, row.dtype, row.number
        known[row] = made
        rows.append(made)
    return Program(
        program.inputs,
        rows,
        [known[x] if isinstance(x, Row) else x for x in program.outputs],
        [g.at(known[g.row]) for g in program.guards],
        [known[x] for x in program.checks],
        dict(program.counts),
    )


def _grouped(program: Program) -> dict[Row, Group]:
    """Return the group of each row that has one of three rows or more."""
    member: dict[Row, Group] = {}
    above: dict[Row, set[Group]] = {}
    open_groups: dict[tuple[int, ...], list[Group]] = {}
    for row in program.rows:
        needs: set[Group] = set()
        for x in row.operands:
            if x in member:
                needs.add(member[x])
            else:
                needs |= above.get(x, set())
        if not _is_fusable(row):
            above[row] = needs
            continue
        for group in open_groups.setdefault(row.shape or (), [])[::-1]:
            outside = needs - {group}
            around = any(group in above.get(x, ()) for x in row.operands
                         if x not in member)  # fmt: skip
            if not around and not any(g.reaches(group) for g in outside):
                break
        else:
            group = Group(row.shape or ())
            open_groups[group.shape].append(group)
        group.rows.append(row)
        group.needs |= needs - {group}
        member[row] = group
    return {row: g for row, g in member.items() if len(g.rows) >= FEWEST}


def _is_fusable(row: Row) -> bool:
    """Tell whether a row is elementwise, large, and known to the VM."""
    f = row.function
    if not row.shape or math.prod(row.shape) < LARGE or row.dtype is None:
        return False
    if any(x.dtype not in _DTYPES for x in (row, *row.operands)):
        return False
    if f is np.where:
        return len(row.args) == 3 and not row.given
    if f is masked_result:
        return set(row.given) == {"forward", "where"} and isinstance(
            row.given["forward"], np.ufunc
        )
    if not isinstance(f, np.ufunc) or row.given or f.signature is not None:
        return False
    try:
        operation_of(f, [*row.operands, row])
    except CannotLowerError:
        return False
    return all(_is_plain(x) for x in row.args)


def _is_plain(x: Any) -> bool:
    return isinstance(x, Row) or type(x) in (float, int) or (
        isinstance(x, ARRAYS) and x.dtype.kind in "fbiu"
    )  # fmt: skip


def _made(group: Group, program: Program, member: dict[Row, Group]) -> list[Row]:
    """Return the row of a group, and the items that stand for what it hands out."""
    inside = set(group.rows)
    used = {
        x for row in program.rows if member.get(row) is not group for x in row.operands
    }
    ends = [*program.outputs, *program.checks, *(g.row for g in program.guards)]
    used |= {x for x in ends if isinstance(x, Row)}
    results = [row for row in group.rows if row in used]
    known: dict[Row, Row] = {}
    inputs: list[Row] = []
    operands: list[Any] = []
    many: list[bool] = []
    arrays: dict[int, Row] = {}

    def entry(x: Any, dtype: Any, shape: Any) -> Row:
        made = Row(None, (), {}, [], np.zeros((), dtype)[()], -1)
        inputs.append(made)
        operands.append(x)
        many.append(shape != ())
        return made

    rows: list[Row] = []
    for row in group.rows:
        for x in row.operands:
            if x not in inside and x not in known:
                known[x] = entry(x, x.dtype, x.shape)
        args = [
            _entry_of(x, arrays, entry)
            if isinstance(x, ndarray) and x.shape
            else replaced(x, known)
            for x in row.args
        ]
        given = {k: replaced(x, known) for k, x in row.given.items()}
        found = [x for x in [*args, *given.values()] if isinstance(x, Row)]
        like = np.zeros((), row.dtype)[()]
        known[row] = Row(row.function, tuple(args), given, found, like, len(rows))
        rows.append(known[row])
    if len(rows) < len(inputs) + len(results) + _GAIN:
        raise CannotLowerError  # its reads and writes cost as much as its rows
    part = Program(inputs, rows, [known[x] for x in results])
    fused_row = Fused(Lanes(part, many, math.prod(group.shape)), group.shape, many)
    reads = [x for x in operands if isinstance(x, Row)]
    whole = Row(fused_row, (operands,), {}, reads, (), 0)
    items = [_item(whole, i, x) for i, x in enumerate(results)]
    return [whole, *items, *results]


def _entry_of(x: Any, arrays: dict[int, Row], entry: Any) -> Row:
    found = arrays.get(id(x))
    if found is None:
        found = arrays[id(x)] = entry(x, x.dtype, x.shape)
    return found


def _item(whole: Row, i: int, like: Row) -> Row:
    item = Row(operator.getitem, (whole, i), {}, [whole], None, 0)
    item.shape, item.dtype = like.shape, like.dtype
    return item


def _replace(
    program: Program, made: dict[Group, list[Row]], inside: dict[Row, Group]
) -> None:
    """Put the rows of groups in place of their members, in an order that can run."""
    place: dict[Row, Row] = {x: x for x in program.inputs}
    for found in made.values():
        count = (len(found) - 1) // 2
        place |= dict(zip(found[count + 1 :], found[1 : count + 1], strict=True))
    ordered: list[Row] = []
    done: set[Any] = set()
    for row in program.rows:
        _settle(row, inside, made, place, ordered, done)
    program.rows = ordered
    program.outputs = [place[x] if isinstance(x, Row) else x for x in program.outputs]
    program.checks = [place[x] for x in program.checks]
    program.guards = [g.at(place[g.row]) for g in program.guards]
    for i, row in enumerate(ordered):
        row.serial = i


def _settle(
    row: Row, inside: dict[Row, Group], made: dict[Group, list[Row]],
    place: dict[Row, Row], ordered: list[Row], done: set[Any],
) -> None:  # fmt: skip
    """Add a row after all that it needs; a member adds its whole group."""
    waiting: list[Any] = [inside.get(row, row)]
    while waiting:
        unit = waiting[-1]
        if unit in done:
            waiting.pop()
            continue
        rows = unit.rows if isinstance(unit, Group) else [unit]
        missing = [
            inside.get(x, x) for r in rows for x in r.operands
            if x.function is not None and inside.get(x, x) is not unit
            and inside.get(x, x) not in done
        ]  # fmt: skip
        if missing:
            waiting += missing
            continue
        waiting.pop()
        done.add(unit)
        if isinstance(unit, Group):
            found = made[unit]
            count = (len(found) - 1) // 2
            whole = found[0]
            whole.args = tuple(replaced(list(a), place) for a in whole.args)
            whole.operands = [place[x] for x in whole.operands]
            ordered += found[: count + 1]
        else:
            unit.args = tuple(replaced(x, place) for x in unit.args)
            unit.given = {k: replaced(x, place) for k, x in unit.given.items()}
            unit.operands = [place[x] for x in unit.operands]
            place[unit] = unit
            ordered.append(unit)


class Fused:
    """A group's rows on blocks of entries: the function of its row."""

    __name__ = "fused"
    keeps_shape = True

    def __init__(
        self, lanes: Lanes, shape: tuple[int, ...], many: Sequence[bool]
    ) -> None:
        """Keep the group's tape."""
        self.lanes = lanes
        self.shape = shape
        self.many = many

    def __call__(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return what the group hands out."""
        given = [
            np.broadcast_to(x, self.shape) if m and np.shape(x) != self.shape else x
            for x, m in zip(operands, self.many, strict=True)
        ]
        return tuple(z.reshape(self.shape) for z in self.lanes(*given))


__all__ = ["Fused", "fused"]
