"""Fusion: elementwise rows of large arrays, run together as one loop nest.

In: a ``Program``. Out: the same program with groups of elementwise rows of one shape,
and sums of their results, made into single rows, whose function is a ``Fused``. NumPy
sweeps whole arrays through memory once per operation; a group reads what it needs once,
and only what is read outside the group is written to memory.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.factors import share_factors
from chainrule.compiler.native.groups import (
    LARGE,
    Group,
    check_in_loops,
    copy_in_loops,
    grouped,
)
from chainrule.compiler.native.hyperbolic_pairs import pair_hyperbolics
from chainrule.compiler.native.loop_nests import Nest
from chainrule.compiler.native.meanings import reduction_of
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.nest_calls import call_of
from chainrule.compiler.native.nest_plan import (
    Access,
    Piece,
    Plan,
    Reduction,
    Step,
    access,
    grid,
)
from chainrule.compiler.native.pieces import Part, Pieces
from chainrule.compiler.native.row_steps import REALS, Meant, steps_of
from chainrule.compiler.native.sharing import Pending
from chainrule.compiler.native.single_rows import compute_by_themselves, gather
from chainrule.compiler.native.unindexed import unindex_operands
from chainrule.compiler.native.vector_products import write_products
from chainrule.compiler.native.views import Views
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import unindex
from chainrule.values.shapes import ARRAYS, is_complex


def fused(
    program: Program, threads: int | str = 1, *, floats: bool = False, top: bool = True
) -> Program | None:
    """Return a program with groups fused; ``None`` if there is nothing to gain.

    Up to so many threads share each loop; with ``"auto"``, as many as pay. With
    ``floats`` masks are arrays of float64, as on a tape. The ``top`` is no loop's body.
    """
    if not any(map(_may_gain, program.rows)):
        return None
    program = program.copied()
    pair_hyperbolics(program, LARGE)
    write_products(program, floats=floats)
    unindex_operands(program)
    views, pieces = Views(floats=floats, singles=floats and top), Pieces()
    others = share_factors(program, native=floats)
    others |= compute_by_themselves(program, views, threads, top=top)
    check_in_loops(program, floats=floats)
    copy_in_loops(program, pieces, floats=floats)
    groups = grouped(program, views)
    member = {row: g for g in groups for row in g.members}
    kept = _read_outside(program, member)
    made = {
        g: _made(g, kept, _Planned(g, views, pieces), threads, program.flushes)
        for g in groups
    }
    if not made and not others:
        return None
    _replace(program, made, member)
    eliminate_dead_code(program)
    gather(program, on_tape=floats)
    for i, row in enumerate(program.rows):
        row.serial = i
    return program


def _may_gain(row: Row) -> bool:
    """Tell whether a row is, or reads, more than numbers and short vectors."""
    if row.shape == () and all(x.shape == () for x in row.operands):
        return False
    return row.function is unindex or any(
        x.shape is None or len(x.shape) > 1 or math.prod(x.shape) >= LARGE
        for x in (row, *row.operands)
    )


def _read_outside(program: Program, member: dict[Row, Group]) -> set[Row]:
    """Return the rows that are read outside of their groups."""
    kept = set(program.ends)
    for row in program.rows:
        group = member.get(row)
        kept.update(x for x in row.operands if group is None or member.get(x) != group)
    return kept


def _made(
    group: Group,
    kept: set[Row],
    planned: _Planned,
    threads: int | str,
    flushes: bool,  # noqa: FBT001
) -> list[Row]:
    """Return the row of a group, and the items that stand for what it hands out."""
    pause()
    views = planned.views
    results = [row for row in group.rows if row in kept]
    plan = Plan(
        group.shape,
        tuple(planned.inputs),
        tuple(planned.steps),
        tuple((planned.place[row], views.dtype_of(row)) for row in results),
        tuple(map(planned.reduction, group.reductions)),
        tuple(planned.pieces),
        group.kind,
        flushes,
    )
    handed = [*results, *group.reductions]
    likes = [(x.shape, x.dtype) for x in handed]
    reads = [x for x in planned.operands if isinstance(x, Row)]
    whole = Row(
        Fused(Nest(plan, threads), likes), (planned.operands,), {}, reads, (), 0
    )
    return [whole, *(_item(whole, i, x) for i, x in enumerate(handed)), *handed]


_BOXES = 27
"""Boxes of a nest, each with loops of its own: 3 along each of 3 axes."""
_PLAIN = {float(x) for x in range(-4, 5)} | {0.25, 0.5, -0.5}
"""Numbers that are written into machine code; others are read, so that steps of a loop
with numbers of their own share it."""


class _Planned:
    """A group's inputs and steps."""

    def __init__(self, group: Group, views: Views, pieces: Pieces) -> None:
        """Collect them."""
        self.shape = group.shape
        self.real: Any = REALS[group.kind]
        self.views = views
        self.operands: list[Any] = []
        self.inputs: list[Access] = []
        self.pieces: list[tuple[Piece, ...]] = []
        self.steps: list[Step] = []
        self.place: dict[Row, int] = {}
        self._of = pieces
        self._known: dict[Any, tuple[str, Any]] = {}
        self._accesses: dict[Any, int] = {}
        for row in group.rows:
            for meant in steps_of(row):
                given = self._operands(meant)
                self.steps.append(
                    Step(meant.name, given, meant.of_complex, meant.is_complex)
                )
            self.place[row] = len(self.steps) - 1

    def _operands(self, meant: Meant) -> tuple[tuple[str, Any], ...]:
        """Return the operands of a step: of a complex one, as complex numbers."""
        if not meant.of_complex or meant.name == "complex":
            return tuple(map(self._operand, meant.args))
        masks = 1 if meant.name == "where" else 0
        before = len(self.steps) - 1
        return (
            *map(self._operand, meant.args[:masks]),
            *(self._complex(x, before) for x in meant.args[masks:]),
        )

    def _complex(self, x: Any, before: int) -> tuple[str, Any]:
        """Return an operand as complex numbers: cast where it has another dtype."""
        if x is ...:
            return "step", before
        if not _is_array(x):
            return "number", complex(x)
        kind, number = self._operand(x)
        if x.dtype == np.result_type(self.real, np.complex64):
            return kind, number
        key = _key(x), "complex"
        if key not in self._known:
            self.steps.append(Step("complex", ((kind, number),), True, True))
            self._known[key] = "step", len(self.steps) - 1
        return self._known[key]

    def _operand(self, x: Any) -> tuple[str, Any]:
        if x is ...:
            return "step", len(self.steps) - 1
        if isinstance(x, Row) and x in self.place:
            return "step", self.place[x]
        key = _key(x)
        if key not in self._known:
            self._known[key] = self._read(x)
        return self._known[key]

    def _read(self, x: Any) -> tuple[str, Any]:
        """Return what an operand is: read in place if that can be, else a copy."""
        if not _is_array(x):
            number = complex(x) if is_complex(x) else float(x)
            if number in _PLAIN:
                return "number", number
            x = np.array(number)
        shown = self.views.of(x)
        if isinstance(x, Row) and isinstance(shown.base, Row):
            found = self._put_together(x) if is_movement(shown.base) else None
            if found is not None:
                return found
        return "input", self._input(
            shown.base, access(shown.array, shown.view, self.shape)
        )

    def _input(self, base: Any, seen: Access | None) -> int:
        assert seen is not None  # noqa: S101
        key = _key(base), seen
        if key not in self._accesses:
            self._accesses[key] = len(self.inputs)
            self.inputs.append(seen)
            self.operands.append(base)
        return self._accesses[key]

    def _put_together(self, row: Row) -> tuple[str, Any] | None:
        """Add the pieces of an operand that is put together of arrays."""
        pieced = self._of.of(row)
        if pieced is None:
            return None
        parts = pieced.pattern.parts
        boxes = [Piece(self._box(p, row.shape or ()), None) for p in parts]
        if len(grid(self.shape, [*self.pieces, boxes])) > _BOXES:
            return None
        found: list[Piece] = []
        for piece, part in zip(boxes, parts, strict=True):
            number = None
            if part.array is not None:
                base = pieced.arrays[part.array]
                held = self.views.of(self.views.filled(base))
                number = self._input(held.base, self._access(piece, part, held.array))
            found.append(Piece(piece.box, number))
        if len(found) == 1 and found[0].input is not None:
            return "input", found[0].input
        self.pieces.append(tuple(found))
        return "pieces", len(self.pieces) - 1

    def _box(self, part: Part, shape: tuple[int, ...]) -> Any:
        """Return where in the shape of the loops a part is broadcast to."""
        new = len(self.shape) - len(shape)
        whole = [(0, n) for n in self.shape]
        along = zip(part.box, shape, self.shape[new:], whole[new:], strict=True)
        inner = [box if n == len_ else all_ for box, n, len_, all_ in along]
        return (*whole[:new], *inner)

    def _access(self, piece: Piece, part: Part, array: Any) -> Access:
        """Return how a part is read, by the numbers of the loops' entries."""
        size = array.itemsize
        new = len(self.shape) - len(part.box)
        strides = [0] * new
        for (a, b), all_ in zip(part.box, piece.box[new:], strict=True):
            strides.append(
                part.steps[len(strides) - new] * size if (a, b) == all_ else 0
            )
        back = sum(s * a for s, (a, _) in zip(strides, piece.box, strict=True))
        return Access(array.dtype, tuple(strides), part.start * size - back)

    def reduction(self, row: Row) -> Reduction:
        """Return what a reduction does."""
        pair, axes, _ = reduction_of(row)
        dtype = self.views.added_in(row, self.real)
        return Reduction(pair, self.place[row.args[0]], axes, dtype)


def _is_array(x: Any) -> bool:
    return isinstance(x, (Row, np.ndarray))


def _key(x: Any) -> Any:
    if isinstance(x, Row):
        return x
    return id(x) if isinstance(x, ARRAYS) else repr(x)  # tells 0.0 from -0.0


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
        pause()
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
    of_singles = True

    def __init__(self, nest: Nest, likes: Sequence[tuple[Any, Any]]) -> None:
        """Keep the nest, and the shapes and dtypes of what it hands out."""
        self.nest = nest
        self.likes = likes
        self.results: int = len(nest.plan.results)
        """How many of these are no reductions."""

    @functools.cached_property
    def call(self) -> Callable[..., Any]:
        """The function that Python calls."""
        return call_of(self.nest, self.likes)

    def may_overwrite(self, operand: Row, operands: Sequence[Any]) -> bool:
        """Tell whether a result may take the memory of an operand as it is made."""
        places = [i for i, x in enumerate(operands) if x is operand]
        return self.nest.reads_in_step(places)

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled."""
        return self.nest.pending

    @property
    def code(self) -> object:
        """The machine code of the nest."""
        return self.nest.code

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called."""
        return self.nest.bound(given[0], found)

    def __call__(self, operands: Sequence[Any], out: Sequence[Any] = ()) -> Any:
        """Return what the group hands out; ``out`` may hold arrays for results."""
        return self.call(operands, out)


__all__ = ["Fused", "fused"]
