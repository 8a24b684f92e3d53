"""Fusion: elementwise rows of large arrays, run together as one loop nest.

In: a ``Program``. Out: the same program with groups of elementwise rows of one shape,
and sums of their results, made into single rows, whose function is a ``Fused``. NumPy
sweeps whole arrays through memory once per operation; a group reads what it needs once,
and only what is read outside the group is written to memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.groups import Group, grouped, steps_of
from chainrule.compiler.native.loop_nests import (
    Access,
    Nest,
    Plan,
    Reduction,
    Step,
    access,
)
from chainrule.compiler.native.meanings import reduction_of
from chainrule.compiler.native.single_rows import as_product, as_scattered
from chainrule.compiler.native.views import Views
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tracing.rows import Row


def fused(
    program: Program, threads: int = 1, *, floats: bool = False
) -> Program | None:
    """Return a program with groups fused; ``None`` if there is nothing to gain.

    Up to so many threads share each loop. With ``floats`` masks are arrays of float64,
    as they are on a tape.
    """
    program = program.copied()
    views = Views(floats=floats)
    others = sum(
        as_product(row, views, threads) or as_scattered(row) for row in program.rows
    )
    groups = grouped(program, views)
    member = {row: g for g in groups for row in g.members}
    made = {g: _made(g, program, member, views, threads) for g in groups}
    if not made and not others:
        return None
    _replace(program, made, member)
    eliminate_dead_code(program)
    for i, row in enumerate(program.rows):
        row.serial = i
    return program


def _made(
    group: Group, program: Program, member: dict[Row, Group], views: Views, threads: int
) -> list[Row]:
    """Return the row of a group, and the items that stand for what it hands out."""
    used = {
        x for row in program.rows if member.get(row) is not group for x in row.operands
    }
    ends = [*program.outputs, *program.checks, *(g.row for g in program.guards)]
    used |= {x for x in ends if isinstance(x, Row)}
    planned = _Planned(group, views)
    results = [row for row in group.rows if row in used]
    plan = Plan(
        group.shape,
        tuple(planned.inputs),
        tuple(planned.steps),
        tuple((planned.place[row], views.dtype_of(row)) for row in results),
        tuple(map(planned.reduction, group.reductions)),
    )
    nest = Nest(plan, threads)
    handed = [*results, *group.reductions]
    likes = [(x.shape, x.dtype) for x in handed]
    reads = [x for x in planned.operands if isinstance(x, Row)]
    whole = Row(Fused(nest, likes), (planned.operands,), {}, reads, (), 0)
    return [whole, *(_item(whole, i, x) for i, x in enumerate(handed)), *handed]


class _Planned:
    """A group's inputs and steps."""

    def __init__(self, group: Group, views: Views) -> None:
        """Collect them."""
        self.shape = group.shape
        self.views = views
        self.operands: list[Any] = []
        self.inputs: list[Access] = []
        self.steps: list[Step] = []
        self.place: dict[Row, int] = {}
        self._known: dict[Any, tuple[str, int]] = {}
        for row in group.rows:
            for name, args in steps_of(row):
                given = tuple(map(self._operand, args))
                self.steps.append(Step(name, given))
            self.place[row] = len(self.steps) - 1

    def _operand(self, x: Any) -> tuple[str, Any]:
        if x is ...:
            return "step", len(self.steps) - 1
        if isinstance(x, Row) and x in self.place:
            return "step", self.place[x]
        if not isinstance(x, (Row, np.ndarray)):
            return "number", float(x)
        found = self._known.get(_key(x))
        if found is None:
            found = self._known[_key(x)] = "input", len(self.inputs)
            self._read(x)
        return found

    def _read(self, x: Any) -> None:
        """Add an input: what a value shows, if that is a view, else the value."""
        shown = self.views.of(x)
        seen = access(shown.array, shown.view, self.shape)
        assert seen is not None  # noqa: S101
        self.inputs.append(seen)
        self.operands.append(shown.base)

    def reduction(self, row: Row) -> Reduction:
        """Return what a reduction does."""
        pair, axes, _ = reduction_of(row)
        return Reduction(pair, self.place[row.args[0]], axes)


def _key(x: Any) -> Any:
    return x if isinstance(x, Row) else id(x)


def _item(whole: Row, i: int, like: Row) -> Row:
    item = Row(operator.getitem, (whole, i), {}, [whole], None, 0)
    item.shape, item.dtype, item.number = like.shape, like.dtype, like.number
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


def _settle(
    row: Row,
    inside: dict[Row, Group],
    made: dict[Group, list[Row]],
    place: dict[Row, Row],
    ordered: list[Row],
    done: set[Any],
) -> None:
    """Add a row after all that it needs; a member adds its whole group."""
    waiting: list[Any] = [inside.get(row, row)]
    while waiting:
        unit = waiting[-1]
        if unit in done:
            waiting.pop()
            continue
        rows = unit.members if isinstance(unit, Group) else [unit]
        computed = [x for r in rows for x in r.operands if x.function is not None]
        needs = [inside.get(x, x) for x in computed]
        missing = [x for x in needs if x is not unit and x not in done]
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
    """A group as one loop nest: the function of its row."""

    __name__ = "fused"
    keeps_shape = True
    fills = True

    def __init__(self, nest: Nest, likes: Sequence[tuple[Any, Any]]) -> None:
        """Keep the nest, and the shapes and dtypes of what it hands out."""
        self.nest = nest
        self.likes = likes

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called."""
        (operands,) = given
        return self.nest.bound(operands, found)

    def __call__(
        self, operands: Sequence[Any], out: Sequence[Any] = ()
    ) -> tuple[Any, ...]:
        """Return what the group hands out; ``out`` may hold arrays for results."""
        found = self.nest(operands, out)
        return tuple(
            [
                z.reshape(shape).astype(dtype, copy=False)[()]
                for z, (shape, dtype) in zip(found, self.likes, strict=True)
            ]
        )


__all__ = ["Fused", "fused"]
