"""By example: rows that take other steps, or another branch, for each example.

In: the first such row, and those after it. Out: a scan over the examples, whose step
runs for one of them the row and what reads its columns. In native code that is a loop
around the example's own loop, which takes no more steps than it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from chainrule.compiler.batching.examples import Many
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Scan, While
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace

Known = dict[Row, Any]
Run = Callable[[Row, Known], Any]


def differs(row: Row, known: Mapping[Row, Any]) -> bool:
    """Tell whether the examples' values say how a row runs."""
    if isinstance(row.function, Branches):
        choice = row.args[0]
        return isinstance(choice, Row) and isinstance(known[choice], Many)
    return isinstance(row.function, While) and any(
        isinstance(known[x], Many) for x in row.operands
    )


def group_of(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the first row with what has to run with it, and what both read before.

    Columns have a length of their own for each example: they stay in the group, and so
    does all that lies between the row and what reads them. A loop that has to run
    before belongs to the group as well.
    """
    firsts = {rows[0]}
    while True:
        group = _between(rows, firsts)
        before = _needed(rows, group)
        loops = {x for x in before if isinstance(x.function, (While, Branches))}
        if not loops:
            return group, before
        firsts |= loops


def _between(rows: Sequence[Row], firsts: Collection[Row]) -> list[Row]:
    """Return some rows, and those between them and what reads columns."""
    reached = set(firsts)
    for row in rows:
        if not reached.isdisjoint(row.operands):
            reached.add(row)
    group, read = set[Row](), set(firsts)
    for row in reversed(rows):
        ends = row.shape is None or any(x.shape is None for x in row.operands)
        if row in reached and (ends or row in read):
            group.add(row)
            read.update(row.operands)
    return [row for row in rows if row in group]


def _needed(rows: Sequence[Row], group: Sequence[Row]) -> list[Row]:
    """Return those of the rows that a group needs and does not have."""
    inside, needed = set(group), set[Row]()
    for row in reversed(rows):
        if row in inside or row in needed:
            needed.update(row.operands)
    return [row for row in rows if row in needed and row not in inside]


def over_examples(
    group: Sequence[Row],
    wanted: Collection[Row],
    known: Known,
    count: int,
    home: Trace,
    run: Run,
) -> Known | None:
    """Return the results that are ``wanted`` of a group, for all examples.

    ``None`` if there is no such loop: a column comes from outside the group.
    """
    inside = set(group)
    read = dict.fromkeys(x for row in group for x in row.operands)
    outside = [x for x in read if x not in inside]
    results = [row for row in group if row in wanted]
    if any(x.shape is None for x in (*outside, *results)):
        return None
    mapped = [x for x in outside if isinstance(known[x], Many)]
    shared = {x: known[x] for x in outside if not isinstance(known[x], Many)}

    def flat(*entries: Any) -> list[Any]:
        values: Known = shared | dict(zip(mapped, entries, strict=True))
        for row in group:
            values[row] = run(row, values)
        return [values[row] for row in results]

    xs = [known[x].value for x in mapped]
    loop = Scan(home, flat, [], xs, count, reverse=False, history=())
    return dict(zip(results, map(Many, loop.values(xs)), strict=True))
