"""Histories of carries: what a sweep reads of them is stored instead.

A loop backwards takes the carries before each step, and repeats the step on them. Where
its body reads a few entries of a carry only, the loop forwards hands out these: of a
loop that fills an array of n entries one number per step, and not n arrays.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.compiler.programs.common_subexpressions import (
    eliminate_common_subexpressions,
)
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.writes import prepare_writes
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.shapes import ndarray


class LoopBody(Protocol):
    """What is asked of a body: see ``control.bodies.Body``."""

    program: Program
    likes: list[Any]

    def running(self, program: Program, likes: list[Any]) -> LoopBody:
        """Return this body with another program, which returns values like these."""
        ...


class _Pair(NamedTuple):
    """A loop's row, and that of a loop which takes one of its histories.

    ``place`` is the number of the xs, ``known`` what inputs of the later body are in
    the loop, and ``reads`` are the rows of that body which read the history.
    """

    loop: Row
    later: Row
    place: int
    known: Mapping[Row, Any]
    reads: Sequence[Row]


def narrow_histories(program: Program) -> bool:
    """Replace histories by what is read of them; tell whether one was."""
    changed = False
    while (pair := next(_pairs(program), None)) is not None:
        _narrow(program, pair)
        changed = True
    return changed


def _pairs(program: Program) -> Iterator[_Pair]:
    """Yield the histories that can be replaced."""
    uses = program.uses()
    order = {x: i for i, x in enumerate([*program.inputs, *program.rows])}
    for later in program.rows:
        if not _is_scan(later):
            continue
        for place, x in enumerate(later.args[0][later.function.carried :]):
            if not isinstance(x, Row) or uses[x] > 1:
                continue
            loop = _history_of(x, later)
            if loop is None:
                continue
            known = dict(_known_inputs(loop, later, order))
            reads = _reads(later, place, known)
            if reads:
                yield _Pair(loop, later, place, known, reads)


def _is_scan(row: Row) -> bool:
    """Tell whether a row is a loop of so many steps, with a body without decisions."""
    f = row.function
    return (
        row.shape is None
        and isinstance(getattr(f, "count", None), int)
        and hasattr(f, "narrowed")
        and not f.body.program.guards
    )


def _history_of(x: Row, later: Row) -> Row | None:
    """Return the loop of as many steps whose history a value is."""
    loop = x.args[0] if x.function is operator.getitem else None
    if not isinstance(loop, Row) or not _is_scan(loop) or x.shape is None:
        return None
    f = loop.function
    is_history = x.args[1] >= f.returned and f.count == later.function.count
    return loop if is_history else None


def _reads(later: Row, place: int, inputs: Mapping[Row, Any]) -> list[Row]:
    """Return what reads the history, if it can be computed in the loop and is small."""
    body: Program = later.function.body.program
    first: int = later.function.carried
    history: Row = body.inputs[first + place]
    known = set(inputs)
    reads: list[Row] = []
    for row in body.rows:
        is_known = row.shape is not None and row.number is None
        is_known = is_known and known.issuperset(row.operands)
        if is_known:
            known.add(row)
        if history in row.operands:
            if not is_known:
                return []
            reads.append(row)
    size = sum(math.prod(row.shape) for row in reads)
    is_read_whole = any(x is history for x in (*body.outputs, *body.checks))
    return [] if is_read_whole or 2 * size > math.prod(history.shape) else reads


def _known_inputs(
    forwards: Row, backwards: Row, order: Mapping[Row, int]
) -> Iterator[tuple[Row, Any]]:
    """Yield the inputs of the later body that the loop has too, and what they are.

    That is an input of its body, or a row outside that it can capture.
    """
    loop, later = forwards.function, backwards.function
    inputs = later.body.program.inputs
    leaves, captured = backwards.args
    own_leaves, own_captured = forwards.args
    own = loop.body.program.inputs
    n, m = later.carried, loop.carried
    for x, leaf in zip(inputs[n : len(leaves)], leaves[n:], strict=True):
        if type(leaf) is float:
            continue  # nobody reads it
        same = next((i for i, y in enumerate(own_leaves[m:]) if _equal(leaf, y)), None)
        if same is not None:
            yield x, own[m + same]
        elif isinstance(leaf, Row) and _history_of(leaf, backwards) is forwards:
            yield x, own[loop.history[leaf.args[1] - loop.returned]]
    for x, outer in zip(inputs[len(leaves) :], captured, strict=True):
        same = next((i for i, y in enumerate(own_captured) if outer is y), None)
        if same is not None:
            yield x, own[len(own_leaves) + same]
        elif not isinstance(outer, Row) or order[outer] < order[forwards]:
            yield x, outer


def _equal(x: Any, y: Any) -> bool:
    """Tell whether two xs are the same; a constant may have been copied."""
    if isinstance(x, ndarray) and isinstance(y, ndarray):
        alike = x.shape == y.shape and x.dtype == y.dtype
        return alike and x.dtype != object and x.tobytes() == y.tobytes()
    return x is y


def _narrow(program: Program, pair: _Pair) -> None:
    """Have the loop hand out what the later one reads, which takes that."""
    reads, first = pair.reads, pair.loop.function.returned
    _hand_out(pair)
    stacks: list[Row] = []
    count = pair.loop.function.count
    for i, row in enumerate(reads):
        like = np.broadcast_to(np.zeros((), row.dtype), (count, *row.shape))
        args = (pair.loop, first + i)
        stacks.append(Row(operator.getitem, args, {}, [pair.loop], like, 0))
    for row in program.rows:
        if row.function is operator.getitem and row.args[0] is pair.loop:
            i = row.args[1]
            row.args = (pair.loop, i + len(reads) * (i >= first))
    at = program.rows.index(pair.loop) + 1
    program.rows[at:at] = stacks
    _take(pair, stacks)


def _hand_out(pair: _Pair) -> None:
    """Have the body of the loop compute what is read, and the loop return it."""
    loop, reads, known = pair.loop.function, pair.reads, pair.known
    body: Program = loop.body.program.copied()
    leaves, captured = pair.loop.args
    inside: dict[Row, Row] = {}
    inputs, outside = list(body.inputs), list(captured)
    for x, there in known.items():
        if isinstance(there, Row) and there in body.inputs:
            inside[x] = there
    for row in _needed(reads, pair.later.function.body.program):
        for x in row.operands:
            if x not in inside:
                inside[x] = x.as_input()
                inputs.append(inside[x])
                outside.append(known[x])
        args, given = replaced(row.args, inside), replaced(row.given, inside)
        inside[row] = row.with_call(row.function, args, given)
        body.rows.append(inside[row])
    body.inputs = inputs
    body.outputs = [*body.outputs, *(inside[row] for row in reads)]
    eliminate_common_subexpressions(body)
    prepare_writes(body)
    likes = [np.zeros(row.shape, row.dtype)[()] for row in reads]
    pair.loop.function = loop.narrowed(body.renumbered(), ys=likes)
    pair.loop.args = leaves, outside
    pair.loop.operands = rows_in(pair.loop.args)


def _needed(reads: Sequence[Row], body: Program) -> list[Row]:
    """Return the rows that some rows of a body are computed of, and these, in order."""
    needed, rows = set(reads), set(body.rows)
    for row in reversed(body.rows):
        if row in needed:
            needed.update(x for x in row.operands if x in rows)
    return [row for row in body.rows if row in needed]


def _take(pair: _Pair, stacks: Sequence[Row]) -> None:
    """Have the later loop take what it read of the history."""
    later = pair.later.function
    whole: Program = later.body.program
    body = whole.copied()
    numbers = [whole.rows.index(row) for row in pair.reads]
    leaves, captured = pair.later.args
    given: dict[Row, Row] = {}
    for i in numbers:
        row: Row = body.rows[i]
        given[row] = row.as_input()
    body.inputs = list(body.inputs)
    body.inputs[len(leaves) : len(leaves)] = given.values()
    body.rows = [row for row in body.rows if row not in given]
    for row in body.rows:
        if any(x in given for x in row.operands):
            row.args, row.given = replaced(row.args, given), replaced(row.given, given)
            row.operands = rows_in((row.args, row.given))
    body.outputs = [given.get(x, x) if isinstance(x, Row) else x for x in body.outputs]
    body.checks = [given.get(x, x) for x in body.checks]
    leaves = [*leaves, *stacks]
    leaves[later.carried + pair.place] = 0.0
    pair.later.function = later.narrowed(body.renumbered(), xs=len(stacks))
    pair.later.args = leaves, captured
    pair.later.operands = rows_in(pair.later.args)


__all__ = ["narrow_histories"]
