"""By example: rows that take other steps, or another branch, for each example.

In: the first such row, and those after it. Out: a scan over the examples, whose step
runs for some of them the row and what reads its columns. These are ``TOGETHER`` where
their bodies can do each other no harm (``control.is_harmless``), and else one. In
native code that is a loop around the examples' own loop, which takes no more steps than
the longest of them needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching.control import is_harmless
from chainrule.compiler.batching.examples import Many, repeated
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Scan, While
from chainrule.compiler.tracing.columns import OnEntries
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import shape_of

_np: Any = np

Known = dict[Row, Any]
Run = Callable[[Row, Known, int], Any]

TOGETHER = 16
"""Examples that run at once: two registers of AVX-512, of which one waits less."""


def runs_by_example(row: Row, known: Mapping[Row, Any]) -> bool:
    """Tell whether the examples' values say how a row runs, and so run apart."""
    if isinstance(row.function, Branches):
        choice = row.args[0]
        differs = isinstance(choice, Row) and isinstance(known[choice], Many)
        return differs and not is_harmless(row)
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
    may = all(map(_may_run_together, group))
    together = min(count, TOGETHER) if may else 1

    def run_group(values: Known) -> list[Any]:
        for row in group:
            values[row] = run(row, values, together)
        return [values[row] for row in results]

    if may and together == count:
        return dict(
            zip(results, run_group({x: known[x] for x in outside}), strict=True)
        )
    mapped = [x for x in outside if isinstance(known[x], Many)]
    shared = {x: known[x] for x in outside if not isinstance(known[x], Many)}

    def flat(*entries: Any) -> list[Any]:
        if not may:
            return run_group(shared | dict(zip(mapped, entries, strict=True)))
        found = run_group(shared | dict(zip(mapped, map(Many, entries), strict=True)))
        return [repeated(x, together) for x in found]

    turns = -(-count // together)
    xs = [_in_turns(known[x].value, turns, together) for x in mapped]
    loop = Scan(home, flat, [], xs, turns, reverse=False, history=())
    found = [Many(_in_line(z, count, together)) for z in loop.values(xs)]
    return dict(zip(results, found, strict=True))


def _may_run_together(row: Row) -> bool:
    """Tell whether a row has a form for several examples, and does no harm."""
    if isinstance(row.function, OnEntries):
        return traits_of(row.function.function).entrywise
    return is_harmless(row)


def _in_turns(x: Any, turns: int, together: int) -> Any:
    """Return examples as turns of so many; the last one is repeated to fill them."""
    if together == 1:
        return x
    count = shape_of(x)[0]
    if turns * together > count:
        x = x[np.minimum(np.arange(turns * together), count - 1)]
    return _np.reshape(x, (turns, together, *shape_of(x)[1:]))


def _in_line(x: Any, count: int, together: int) -> Any:
    """Return turns of examples as all examples."""
    if together == 1:
        return x
    shape = shape_of(x)
    x = _np.reshape(x, (shape[0] * together, *shape[2:]))
    return x if shape[0] * together == count else x[:count]
