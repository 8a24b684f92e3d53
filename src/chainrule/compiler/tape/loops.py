"""Loops as regions of a tape.

In: a row whose function is a loop (``compiler.control``), and the ``Builder`` that
lowers its program. Out: the places of its results; the body has been lowered into the
same workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.meanings import CannotLowerError, check_kind
from chainrule.compiler.native.movements import Places
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.tape.flags import flag_nans, raise_where
from chainrule.compiler.tape.in_place import changed_in_place
from chainrule.compiler.tape.instructions import written_by
from chainrule.compiler.tape.native_values import UNROLLED
from chainrule.compiler.tape.outer_carries import STEPS, OuterCarry, without_outer_sums
from chainrule.compiler.tape.places import EXACT, is_one_piece, overlap, span
from chainrule.compiler.tape.regions import Carry, Repeat, Stack
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.protection import plausible
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.shapes import ARRAYS, shape_of

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder


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
    steps.start(leaves, captured)

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
    steps.start(leaves, captured)
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
    read = test.last_uses()
    looked_at = (i for i, x in enumerate(test.inputs[: loop.carried]) if x in read)
    steps = _Steps(b, loop, Repeat("while", [], counted=counted), looked_at)
    steps.start(leaves, [*captured[0], *captured[1]])
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
    return (fused(program, floats=True, top=False) if b.fuses else None) or program


def lower_body(
    b: Builder,
    program: Program,
    inputs: Sequence[Any],
    own: Sequence[Places | None] = (),
) -> bool:
    """Lower a program whose inputs, ``None`` if nobody reads them, have places.

    Those that it may change are its ``own``. Tell whether it can raise no flag.
    """
    if program.guards:
        raise CannotLowerError("decisions in the body")
    for x, places in zip(program.inputs, inputs, strict=True):
        if places is not None:
            if not is_column(places):
                check_kind(x)
            b.at[x] = places
    growing = b.lower(program, [p for p in own if p is not None])
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

    def __init__(
        self,
        b: Builder,
        loop: LoopBody,
        repeat: Repeat,
        looked_at: Iterable[int] = (),
    ) -> None:
        """Find the carries that products are added to; a condition looks at others."""
        self.b = b
        self.loop = loop
        self.repeat = repeat
        self.program: Program = loop.body.program
        self.inputs: list[Row] = self.program.inputs
        self.starts: list[Places] = []
        self.ends: list[Places] = []
        self.fresh: set[int] = set()
        """The carries that begin with zero, whose places hold anything then."""
        n = len(loop.body.likes) - loop.carried
        kept = zip(loop.history, loop.stored[n:], strict=True)
        seen = {i for i, stored in kept if stored}.union(looked_at)
        adding = (i for i in range(loop.carried) if i not in seen)
        self._plain, self._sums = without_outer_sums(self.program, adding)

    def start(self, leaves: Sequence[Any], captured: Sequence[Any]) -> None:
        """Copy the first carries to where each step finds its own.

        A large one that nobody reads afterwards is taken where it is.
        """
        n = self.loop.carried
        others = [
            p for x in (*leaves, *captured) if not is_column(p := self.b.places(x))
        ]
        for i, x in enumerate(self.inputs[:n]):
            check_kind(x)
            found = others.pop(0)
            if self._begins_with_zero(i, leaves[i]):
                self.fresh.add(i)
                self.starts.append(self.b.new(x.shape or ()))
                continue
            alone = not any(overlap(found, p) for p in (*others, *self.starts))
            is_large = np.size(found) > UNROLLED and np.shape(found) == x.shape
            if not (is_large and alone and self.b.may_change(found)):
                found = self.b.elementwise("copy", x.shape, found)
            self.starts.append(found)

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
            program = fused_in(b, self._plain)
            for i, call, k in changed_in_place(program, n):
                b.in_place[call, k] = self.starts[i]
            own = [*self.starts, *xs]
            lower_body(b, program, [*own, *outer], own)
            wanted = [*self._wanted(), *(True for _ in self._sums for _ in range(2))]
            self.ends = own_places(b, program, wanted, self.starts)
        self._add_up()
        self.repeat.inside.append(parts)
        self.repeat.captured += _numbers(outer)
        self.repeat.operands += [p for p in outer if not is_column(p)]
        for before, after in zip(self.starts, self.ends, strict=False):
            if np.size(before) and after is not before:
                self.repeat.carries.append(Carry(*span(before)[:1], *span(after)))

    def _add_up(self) -> None:
        """Have products be added to carries; their vectors are the last results."""
        vectors = self.ends[len(self.ends) - 2 * len(self._sums) :]
        del self.ends[len(self.ends) - 2 * len(self._sums) :]
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        for (i, product), pair in zip(self._sums, pairs, strict=True):
            shape: tuple[int, int] = product.shape
            column, row = (span(p)[0] for p in pair)
            first, second = (span(self.b.new((STEPS, k)))[0] for k in shape)
            start = span(self.starts[i])[0]
            fresh = i in self.fresh
            self.repeat.sums.append(
                OuterCarry(start, shape, (column, row), (first, second), fresh)
            )

    def _begins_with_zero(self, i: int, x: Any) -> bool:
        """Tell whether a carry is zero at first, and one product is added to it."""
        alone = sum(i == k for k, _ in self._sums) == 1
        return alone and isinstance(x, ARRAYS) and not np.any(x)

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
    b: Builder,
    program: Program,
    wanted: Sequence[bool] | None = None,
    starts: Sequence[Places] = (),
) -> list[Any]:
    """Return contiguous places for each output, of its own and written in each run.

    Where an output has none, such as an input or a part of another output, it is
    copied. There are none for outputs that are not ``wanted``. An output may be where
    it started, in the place of the carry that it becomes, and of no other.
    """
    own = np.zeros(b.size, dtype=bool)
    for start, n in written_by(b.code):
        own[start : start + n] = True
    for _, part in b.called:
        for places in part.results:
            own[places] = True
    for places in starts:
        own[places] = False
    found: list[Any] = []
    for i, x in enumerate(program.outputs):
        if wanted is not None and not wanted[i]:
            found.append(())
            continue
        places = b.places(x)
        start, n = span(places)
        if i < len(starts) and np.array_equal(places, starts[i]):
            found.append(places)
        elif (
            isinstance(x, Row) and is_one_piece(places) and own[start : start + n].all()
        ):
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


__all__ = [
    "is_column",
    "lowered_entries",
    "lowered_pass",
    "lowered_scan",
    "lowered_while",
    "own_places",
]
