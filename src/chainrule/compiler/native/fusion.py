"""Fusion: elementwise rows of large arrays, run together as one loop nest.

In: a ``Program``. Out: the same program with groups of elementwise rows of one shape,
and sums of their results, made into single rows, whose function is a ``Fused``. NumPy
sweeps whole arrays through memory once per operation; a group reads what it needs once,
and only what is read outside the group is written to memory.

Rows join a group if no path leads from the group to them around it: then the group can
run as one, after all that it reads and before all that reads it. And no row that may
raise an error comes to run before a decision that precedes it. What only shows an
array otherwise (a reshape, a slice, a broadcast) is no row of a group: its operand is
read in place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.loop_nests import (
    Access,
    Nest,
    Plan,
    Reduction,
    Step,
    access,
)
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.meanings import (
    CannotLowerError,
    contracted_axes,
    operation_of,
    power_of,
    reduction_of,
)
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tracing.protection import is_of_others
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import picks_once, unindex
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.rules.traits import traits
from chainrule.values.shapes import ARRAYS, kind_of, ndarray

LARGE = 1 << 12
"""Arrays from this many elements on are worth fusing."""

FEWEST = 2
"""How many rows and reductions make a group."""

SHORT = 256
"""NumPy's inner loop is over the last axis: it is slow where that is shorter."""

WORTH, WORTH_ON_TAPE = 1 << 8, 1 << 14
"""Multiplications from which on a product of matrices is worth a function of its own:
instead of a call of NumPy, and of rows of a tape."""

_DTYPES: Any = (np.dtype(np.float64), np.dtype(np.bool_))


@dataclass(frozen=True, eq=False)
class Shown:
    """What a value shows: a view of the array of another row, or its own."""

    base: Any
    array: Any
    view: Any


class Views:
    """Resolves what rows only show: by showing it of an array that nobody reads."""

    def __init__(self, *, floats: bool) -> None:
        """Start empty; with ``floats`` all arrays are of float64."""
        self.floats = floats
        self._found: dict[Row, Shown] = {}
        self._constants: dict[int, Any] = {}

    def of(self, x: Any) -> Shown:
        """Return what a row or a constant array shows."""
        if not isinstance(x, Row):
            own = self._constants.get(id(x))
            if own is None:
                own = self._constants[id(x)] = self._held(x)
            return Shown(own, own, own)
        found = self._found.get(x)
        if found is None:
            found = self._found[x] = self._seen(x)
        return found

    def _seen(self, row: Row) -> Shown:
        if _only_shows(row) and row.args[0].shape is not None:
            source = self.of(row.args[0])
            view: Any = row.function(source.view, *row.args[1:], **row.given)
            if kind_of(view) is ndarray and np.may_share_memory(view, source.array):
                return Shown(source.base, source.array, view)
        own = np.empty(row.shape or (), self.dtype_of(row))
        return Shown(row, own, own)

    def dtype_of(self, x: Any) -> Any:
        """Return the dtype in which a value is held."""
        return np.dtype(float) if self.floats or x.dtype is None else x.dtype

    def _held(self, x: Any) -> Any:
        return np.ascontiguousarray(x, dtype=self.dtype_of(x)).reshape(np.shape(x))


class Scattered:
    """``unindex`` for one index, of which it is known where each entry goes."""

    __name__ = "unindex"
    keeps_shape = True

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        """Find the places of the entries."""
        self.shape = shape
        self.size: int = math.prod(shape)
        self.places: Any = np.arange(self.size).reshape(shape)[index].ravel()

    def __call__(self, x: Any) -> Any:
        """Return zeros with the entries added."""
        weights = np.ravel(x)
        found = np.bincount(self.places, weights=weights, minlength=self.size)
        return found.reshape(self.shape)


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
        _as_product(row, views, threads) or _as_scattered(row) for row in program.rows
    )
    groups = _grouped(program, views)
    member = {row: g for g in groups for row in g.members}
    made = {g: _made(g, program, member, views, threads) for g in groups}
    if not made and not others:
        return None
    _replace(program, made, member)
    eliminate_dead_code(program)
    for i, row in enumerate(program.rows):
        row.serial = i
    return program


def _grouped(program: Program, views: Views) -> list[Group]:
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
            around = any(group in above.get(x, ()) for x in row.operands
                         if x not in member)  # fmt: skip
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
    return known.may_raise and not _only_shows(row)


def _only_shows(row: Row) -> bool:
    """Tell whether a row may only show its one operand otherwise."""
    known = traits_of(row.function)
    return known.moves and known.views and row.reads_first


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
        _steps(row)
    except CannotLowerError:
        return False
    return True


def _is_plain(x: Any) -> bool:
    return isinstance(x, Row) or type(x) in (float, int, np.float64) or (
        isinstance(x, ARRAYS) and x.dtype in _DTYPES
    )  # fmt: skip


def _steps(row: Row) -> list[tuple[str, tuple[Any, ...]]]:
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


# -------------------------------------------------------------- products of matrices


def _as_product(row: Row, views: Views, threads: int) -> bool:
    """Let native code compute a product of matrices; tell whether it will."""
    shape = row.shape
    stacked = row.function is np.matmul
    if row.given or row.dtype != np.float64 or len(row.args) != 2:
        return False
    if not stacked and contracted_axes(row) != ([1], [0]):
        return False
    if len(shape or ()) < 2 or shape[-2] == 1 or (not stacked and len(shape) > 2):
        return False
    x, y = (_in_place(v, views, last=i == 1) for i, v in enumerate(row.args))
    if x is None or y is None:
        return False
    inner = x.view.shape[-1]
    if math.prod(shape) * inner < (WORTH_ON_TAPE if views.floats else WORTH):
        return False
    found: list[Access] = []
    for seen in (x, y):
        wide = (*shape[:-2], *seen.view.shape[-2:])
        read = access(seen.array, seen.view, wide)
        assert read is not None  # noqa: S101
        found.append(read)
    row.function = Product(shape, inner, *found, threads=threads)
    row.args = (x.base, y.base)
    row.operands = [v for v in row.args if isinstance(v, Row)]
    return True


def _in_place(x: Any, views: Views, *, last: bool) -> Shown | None:
    """Return how a product reads a matrix; the last axis in one piece if asked."""
    if not isinstance(x, (Row, ARRAYS)) or x.dtype != np.float64:
        return None
    shown = views.of(x)
    if last and shown.view.strides[-1:] != (8,):
        own = np.empty(shown.view.shape)  # it will be copied
        shown = Shown(x, own, own)
    return shown if shown.view.ndim > 1 else None


def _as_scattered(row: Row) -> bool:
    """Let one pass over entries undo an index that may pick some twice."""
    index, shape = row.given.get("index"), row.given.get("shape")
    if row.function is not unindex or row.dtype != np.float64 or picks_once(index):
        return False
    if len(row.args) != 1 or not row.reads_first:
        return False
    row.function, row.given = Scattered(index, shape), {}
    return True


# -------------------------------------------------------------------- a group's row


def _made(
    group: Group, program: Program, member: dict[Row, Group], views: Views,
    threads: int,
) -> list[Row]:  # fmt: skip
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
            for name, args in _steps(row):
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
        rows = unit.members if isinstance(unit, Group) else [unit]
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
