"""Loops and branches as regions of a tape.

In: a row whose function is a loop or a branch (``compiler.control``), and the
``Builder`` that lowers its program. Out: the places of its results; the body has been
lowered into the same workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.meanings import CannotLowerError, check_kind
from chainrule.compiler.native.movements import Places
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tape.flags import flag_nans, raise_where
from chainrule.compiler.tape.in_place import changed_in_place
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.parts import Part
from chainrule.compiler.tape.places import EXACT, is_one_piece, span, stretches
from chainrule.compiler.tape.regions import Carry, Either, Repeat, Stack
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.protection import plausible
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.shapes import ARRAYS, shape_of

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

SELECTED = 32
"""Instructions of two branches up to which both run, and the results are selected."""


class LoopBody(Protocol):
    """What is asked of a loop: see ``control.loops.Loop``."""

    reverse: bool
    history: list[int]
    carried: int
    returned: int
    entries: list[Any]
    stored: list[bool]

    @property
    def body(self) -> Any:
        """The body, whose ``program`` is lowered."""
        ...


def lowered_scan(
    b: Builder, loop: LoopBody, leaves: Sequence[Any], captured: Sequence[Any], n: int
) -> list[Any]:
    """Lower a loop of n steps, whose xs and stacked results are arrays."""
    steps = _Steps(b, loop, Repeat("scan", [], reverse=loop.reverse, count=n))
    steps.start(leaves)

    def entries(x: Any) -> Stack:
        places = b.in_one_piece(b.places(x))
        steps.repeat.operands.append(places)
        return Stack(span(places)[0])

    steps.lower_body(leaves, captured, entries)

    def stack(like: Any) -> tuple[Any, Stack]:
        places = b.new((n, *shape_of(like)))
        return places, Stack(span(places)[0])

    results = steps.stored(stack)
    steps.end(results)
    return [*steps.starts, *results]


def lowered_pass(
    b: Builder,
    loop: LoopBody,
    leaves: Sequence[Any],
    captured: Sequence[Any],
    counted: int,
) -> list[Any]:
    """Lower a loop over steps that have been counted; its xs and ys are columns."""
    steps = _Steps(b, loop, Repeat("pass", [], reverse=loop.reverse, counted=counted))
    steps.start(leaves)
    steps.lower_body(leaves, captured, steps.column)
    results = steps.stored(steps.new_column)
    steps.end([])
    return [*steps.starts, *results]


def lowered_while(
    b: Builder,
    loop: LoopBody,
    test: Program,
    leaves: Sequence[Any],
    captured: Sequence[Sequence[Any]],
) -> list[Any]:
    """Lower a loop with a condition; its last result is the number of its steps."""
    counted = int(b.new(()))
    steps = _Steps(b, loop, Repeat("while", [], counted=counted))
    steps.start(leaves)
    of_test = [b.places(x) for x in captured[0]]
    with b.region() as parts:
        lower_body(b, test, [*steps.starts, *of_test])
        holds = np.ravel(b.places(test.outputs[0]))
        if holds.size != 1:
            raise CannotLowerError("a condition of several numbers")
    steps.repeat.test = int(holds[0])
    steps.repeat.inside.append(parts)
    steps.lower_body(leaves, captured[1], steps.column)
    results = steps.stored(steps.new_column)
    steps.repeat.captured += _numbers(of_test)
    steps.end([counted])
    return [*steps.starts, *results, counted]


def fused_in(b: Builder, program: Program) -> Program:
    """Return a body, its loops over large arrays as single rows where that is asked."""
    return (fused(program, floats=True) if b.fuses else None) or program


def lower_body(b: Builder, program: Program, inputs: Sequence[Any]) -> bool:
    """Lower a program whose inputs, ``None`` if nobody reads them, have places.

    Tell whether it can raise no flag.
    """
    if program.guards:
        raise CannotLowerError("decisions in the body")
    for x, places in zip(program.inputs, inputs, strict=True):
        if places is not None:
            if not is_column(places):
                check_kind(x)
            b.at[x] = places
    growing = b.lower(program)
    flag_nans(b, program.checks, b.flag)
    for places in map(b.places, growing):
        size = b.elementwise("absolute", np.shape(places), places)
        limit = b.constant(EXACT)
        large = b.elementwise("greater_equal", np.shape(places), size, limit)
        raise_where(b, large, b.large)
    inner = any(x.shape is None for x in program.rows)
    return not (program.checks or growing or inner)


class _Steps:
    """A loop that is being lowered."""

    def __init__(self, b: Builder, loop: LoopBody, repeat: Repeat) -> None:
        self.b = b
        self.loop = loop
        self.repeat = repeat
        self.program: Program = loop.body.program
        self.inputs: list[Row] = self.program.inputs
        self.starts: list[Places] = []
        self.ends: list[Places] = []

    def start(self, leaves: Sequence[Any]) -> None:
        """Copy the first carries to where each step finds its own."""
        for x, leaf in zip(self.inputs, leaves[: self.loop.carried], strict=False):
            check_kind(x)
            places = self.b.places(leaf)
            self.starts.append(self.b.elementwise("copy", x.shape, places))

    def lower_body(
        self,
        leaves: Sequence[Any],
        captured: Sequence[Any],
        stacked: Callable[[Any], Stack],
    ) -> None:
        """Lower the body; ``stacked`` says where the entries of an xs are."""
        b, n, read = self.b, self.loop.carried, self.program.last_uses()
        xs: list[Any] = []
        for x, leaf in zip(self.inputs[n : len(leaves)], leaves[n:], strict=True):
            if x not in read:
                xs.append(None)
                continue
            stack = stacked(leaf)
            check_kind(x)
            xs.append(b.new(x.shape or ()))
            self._move(self.repeat.taken, xs[-1], stack)
        outer = [b.places(x) for x in captured]
        with b.region() as parts:
            program = fused_in(b, self.program)
            for i, call, k in changed_in_place(program, n):
                b.in_place[call, k] = self.starts[i]
            lower_body(b, program, [*self.starts, *xs, *outer])
            self.ends = own_places(b, program, self._wanted())
        self.repeat.inside.append(parts)
        self.repeat.captured += _numbers(outer)
        self.repeat.operands += [p for p in outer if not is_column(p)]
        for before, after in zip(self.starts, self.ends, strict=False):
            if np.size(before) and after is not before:
                self.repeat.carries.append(Carry(*span(before)[:1], *span(after)))

    def _wanted(self) -> list[bool]:
        """Tell which results of the body are read."""
        loop = self.loop
        return [True] * loop.carried + loop.stored[: loop.returned - loop.carried]

    def stored(self, stack: Callable[[Any], tuple[Any, Stack]]) -> list[Any]:
        """Say where the ys and histories go that are stored; ``None`` for others."""
        loop, results = self.loop, list[Any]()
        kept = [(self.starts[i], self.repeat.kept) for i in loop.history]
        given = [(p, self.repeat.given) for p in self.ends[loop.carried :]]
        for (places, moves), like, stored in zip(
            [*given, *kept], loop.entries, loop.stored, strict=True
        ):
            if not stored:
                results.append(None)
                continue
            if isinstance(like, Column):
                raise CannotLowerError("columns of columns")
            result, where = stack(like)
            results.append(result)
            self._move(moves, places, where)
        return results

    def column(self, x: Any) -> Stack:
        """Return where a column's entries are."""
        found = self.b.places(x)
        if not is_column(found):
            raise CannotLowerError("an array for each step of a while loop")
        return Stack(found.slot, is_column=True)

    def new_column(self, like: Any) -> tuple[Any, Stack]:
        """Return a new column of the steps, and where its entries are."""
        found = self.b.column(np.asarray(like), self.repeat.counted or 0)
        return found, Stack(found.slot, is_column=True)

    def _move(self, moves: Any, places: Places, stack: Stack) -> None:
        if np.size(places):
            moves.append((*span(places), stack))

    def end(self, results: Sequence[Places | None]) -> None:
        """Add the loop to the tape."""
        b, repeat = self.b, self.repeat
        repeat.failed, repeat.large = b.flag, b.large
        repeat.results += [*self.starts, b.flag, b.large]
        repeat.results += [p for p in results if p is not None and np.size(p)]
        b.called.append((len(b.code), repeat))


def own_places(
    b: Builder, program: Program, wanted: Sequence[bool] | None = None
) -> list[Any]:
    """Return contiguous places for each output, of its own and written in each run.

    Where an output has none, such as an input or a part of another output, it is
    copied. There are none for outputs that are not ``wanted``.
    """
    own = np.zeros(b.size, dtype=bool)
    for it in b.code:
        own[it.target : it.target + it.written] = True
    for _, outside in b.called:
        for places in outside.results:
            own[places] = True
    found: list[Any] = []
    for i, x in enumerate(program.outputs):
        if wanted is not None and not wanted[i]:
            found.append(())
            continue
        places = b.places(x)
        start, n = span(places)
        if isinstance(x, Row) and is_one_piece(places) and own[start : start + n].all():
            own[start : start + n] = False
            found.append(places)
        else:
            found.append(b.elementwise("copy", shape_of(x), places))
    return found


def is_column(places: Any) -> bool:
    """Tell whether a value is a column, and has no places."""
    return hasattr(places, "slot")


def _numbers(places: Sequence[Any]) -> list[int]:
    return [p for p in places if isinstance(p, int)]


# ---------------------------------------------------------------------------- branches


def lowered_cond(
    b: Builder,
    bodies: Sequence[Any],
    likes: Sequence[Any],
    choice: Any,
    inputs: Sequence[Any],
    captured: Sequence[Sequence[Any]],
) -> list[Any]:
    """Lower two branches: both run if they are short, else one of them."""
    given = [b.places(x) for x in inputs]
    condition = int(np.ravel(b.places(choice))[0])
    either = Either("cond", [], choice=condition)
    found: list[list[Any]] = []
    quiet = True
    for body, outer in zip(bodies, captured, strict=True):
        with b.region() as parts:
            places = [b.places(x) for x in outer]
            program = fused_in(b, body.program)
            quiet &= lower_body(b, program, [*given, *places])
            found.append([b.places(x) for x in program.outputs])
        either.inside.append(parts)
        either.operands += [p for p in (*given, *places) if not is_column(p)]
    if any(isinstance(x, Column) for x in likes):
        raise CannotLowerError("columns in branches")
    if quiet and _are_short(either.inside):
        return _selected(b, either, likes, found)
    results = [b.new(shape_of(x)) for x in likes]
    for parts, outputs in zip(either.inside, found, strict=True):
        with b.region() as copies:
            for result, places in zip(results, outputs, strict=True):
                _copy_to(b, result, places)
        parts += copies
    either.results = [*(p for p in results if np.size(p)), b.flag, b.large]
    b.called.append((len(b.code), either))
    return results


def _selected(
    b: Builder, either: Either, likes: Sequence[Any], found: Sequence[Sequence[Any]]
) -> list[Any]:
    """Run both branches, and select the results."""
    for parts in either.inside:
        for part in parts:
            if isinstance(part, Code):
                b.code.extend(part)
    return [
        b.elementwise("where", shape_of(like), either.choice, x, y)
        for like, x, y in zip(likes, *found, strict=True)
    ]


def lowered_entries(b: Builder, row: Row) -> Any:
    """Lower a function of each entry of columns; return the column of its results."""
    columns = {x: b.at[x] for x in row.operands if is_column(b.at[x])}
    entries = {x: Row(None, (), {}, [], c.like, -1) for x, c in columns.items()}
    examples: dict[Row, Any] = {x: c.like for x, c in columns.items()}
    for x in row.operands:
        if x not in columns:
            examples[x] = plausible(x.shape or (), x.dtype)  # type: ignore[arg-type]
    f = row.function.function
    like = f(*replaced(row.args, examples), **replaced(row.given, examples))
    if not isinstance(like, ARRAYS):
        raise CannotLowerError("several results for each entry")
    args, given = replaced(row.args, entries), replaced(row.given, entries)
    inner = Row(f, args, given, rows_in((args, given)), like, 0)
    counted = next(iter(columns.values())).counted
    repeat = Repeat(row.function.__name__, [], counted=counted, failed=b.flag)
    for x, c in columns.items():
        check_kind(entries[x])
        places = b.at[entries[x]] = b.new(np.shape(c.like))
        if np.size(places):
            repeat.taken.append((*span(places), Stack(c.slot, is_column=True)))
    program = Program([], [inner], [inner])
    with b.region() as parts:
        lower_body(b, program, [])
        (places,) = own_places(b, program)
    repeat.inside.append(parts)
    result = b.column(np.asarray(like), counted)
    if np.size(places):
        repeat.given.append((*span(places), Stack(result.slot, is_column=True)))
    repeat.operands += [b.places(x) for x in row.operands if x not in columns]
    repeat.results += [b.flag, b.large]
    b.called.append((len(b.code), repeat))
    return result


def _are_short(branches: Sequence[Sequence[Part]]) -> bool:
    """Tell whether branches are few instructions."""
    parts = [x for branch in branches for x in branch]
    codes = [x for x in parts if isinstance(x, Code)]
    return len(codes) == len(parts) and sum(map(len, codes)) <= SELECTED


def _copy_to(b: Builder, target: Places, places: Places) -> None:
    """Write a copy of a value to contiguous places that there are."""
    flat = np.broadcast_to(places, np.shape(target)).reshape(1, -1)
    start = span(target)[0]
    if np.size(target):
        for at, count, (step,) in stretches(flat):
            b.code.add("copy", start + at, [(int(flat[0, at]), step)], count)


__all__ = [
    "is_column",
    "lowered_cond",
    "lowered_entries",
    "lowered_pass",
    "lowered_scan",
    "lowered_while",
    "own_places",
]
