"""Batched loops and branches: their bodies run for all examples at once.

In: a loop or a branch as a row. Out: its results for all examples. Where they take the
same steps, or the same branch, the row is one again, whose bodies run all their bodies.
Where they differ they run together, if the bodies can do no harm (``is_harmless``): an
example whose loop has ended keeps its carries while others go on, and of two branches
both are run, and the results are selected.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Many,
    Moved,
    plain_of,
    repeated,
)
from chainrule.compiler.control.bodies import FlatFunction, example_of, traced_in
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Loop, While
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.columns import Column, RaggedColumns
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.protection import is_of_others
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import known_of
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import dtype_of
from chainrule.values.vertices import raw

_np: Any = np
_of: Any = operator

LARGEST = 4
"""Entries of one example's values up to which loops of several of them run at once."""


def looped(moved: Moved) -> Any:
    """Batch a loop of the same steps for all examples: its body runs all their bodies.

    An xs is a number where the body does not read it.
    """
    loop: Loop = moved.row.function
    *counts, leaves, captured = moved.args
    n = loop.carried
    if any(isinstance(x, Many) for x in counts) or any(
        is_ragged(plain_of(x)) for x in leaves[n:]
    ):
        raise CannotBatchError
    home = _home([*counts, *leaves, *captured])
    flat, xs = _body(moved, home)
    carries = [repeated(x, moved.count) for x in leaves[:n]]
    batched = loop.over_same_steps(
        home,
        flat,
        carries,
        xs,
        counts[0] if counts else loop.count,
        reverse=loop.reverse,
        history=loop.history,
    )
    results = batched.values([*carries, *xs])
    return (*results[:n], *map(_axes_swapped, results[n:]))


def _body(moved: Moved, home: Trace) -> tuple[FlatFunction, list[Any]]:
    """Return the body of a loop for all examples, and the xs that it reads."""
    loop: Loop = moved.row.function
    *_, leaves, captured = moved.args
    n = loop.carried
    read = [i for i, x in enumerate(leaves) if i < n or type(x) is not float]
    many = [i < n or isinstance(leaves[i], Many) for i in read]

    def flat(*inputs: Any) -> list[Any]:
        given: list[Any] = [0.0] * len(leaves)
        for i, x, of_many in zip(read, inputs, many, strict=True):
            given[i] = Many(x) if of_many else x
        program = loop.body.program
        given += captured
        return moved.run(program, given, moved.count, home.innermost())

    xs = [
        _axes_swapped(leaves[i].value) if of_many else leaves[i]
        for i, of_many in zip(read[n:], many[n:], strict=True)
    ]
    return flat, xs


def looped_apart(moved: Moved) -> Any:
    """Batch a loop whose examples end one after the other.

    The number of its steps is counted for each of them.
    """
    loop: While = moved.row.function
    leaves, (of_test, of_body) = moved.args
    home = _home([*leaves, *of_test, *of_body])
    if not is_harmless(moved.row):
        raise CannotBatchError
    count, n = moved.count, loop.carried

    def run(program: Program, carry: Sequence[Any], outside: Sequence[Any]) -> Any:
        given = [*map(Many, carry), *outside]
        return moved.run(program, given, count, home.innermost())

    def goes_on(carry: Sequence[Any]) -> Any:
        (holds,) = run(loop.test.program, carry, of_test)
        holds = _np.reshape(holds, (count,))
        return holds if dtype_of(holds) == np.bool_ else _np.not_equal(holds, 0)

    def flat(*given: Any) -> list[Any]:
        *carry, active, steps = given
        after = run(loop.body.program, carry, of_body)
        after = _where_active(active, after, carry)
        active_then = _np.logical_and(active, goes_on(after))
        return [*after, active_then, _np.where(active, steps + 1.0, steps)]

    def any_active(*given: Any) -> list[Any]:
        return [_np.any(given[n])]

    carries = [repeated(x, count) for x in leaves]
    carries += [goes_on(carries), np.zeros(count)]
    batched = While(home, flat, any_active, carries)
    results = batched.values(carries)
    histories = results[n + 2 : 2 * n + 2]
    return (*results[:n], *histories, results[n + 1])


def passed_apart(moved: Moved) -> Any:
    """Batch a loop over steps that were counted for each example."""
    loop: Loop = moved.row.function
    counts, leaves, captured = moved.args
    n = loop.carried
    if not isinstance(counts, Many) or any(is_ragged(plain_of(x)) for x in leaves[n:]):
        raise CannotBatchError
    home = _home([counts, *leaves, *captured])
    if not is_harmless(moved.row):
        raise CannotBatchError
    run, xs = _body(moved, home)
    most = _np.max(counts.value)

    def flat(*given: Any) -> list[Any]:
        carry, t = given[:n], given[n]
        results = run(*carry, *given[n + 1 :])
        after = _where_active(t < counts.value, results[:n], carry)
        return [*after, t - 1.0 if loop.reverse else t + 1.0, *results[n:]]

    carries = [repeated(x, moved.count) for x in leaves[:n]]
    carries.append(most - 1.0 if loop.reverse else 0.0)
    batched = loop.over_same_steps(
        home, flat, carries, xs, most, reverse=loop.reverse, history=loop.history
    )
    results = batched.values([*carries, *xs])
    return (*results[:n], *results[n + 1 :])


def branched(moved: Moved) -> Any:
    """Batch a branch that all examples take: each branch runs all their branches."""
    branches: Branches = moved.row.function
    choice, inputs, captured = moved.args
    values = [choice, *inputs, *(x for c in captured for x in c)]
    home = _home(values)
    if isinstance(choice, Many) or any(is_ragged(plain_of(x)) for x in values):
        raise CannotBatchError

    def batched(program: Program, outside: Sequence[Any]) -> FlatFunction:
        def flat(*given: Any) -> list[Any]:
            pairs = zip(given, inputs, strict=True)
            inside = [Many(x) if isinstance(like, Many) else x for x, like in pairs]
            inside += outside
            return moved.run(program, inside, moved.count, home.innermost())

        return flat

    pairs = zip(branches.bodies, captured, strict=True)
    flats = [batched(body.program, outside) for body, outside in pairs]
    plain = list(map(plain_of, inputs))
    return Branches(home, flats, plain).values(plain, choice)


def selected(moved: Moved) -> Any:
    """Batch a branch that differs: both run, and each example has one's results."""
    branches: Branches = moved.row.function
    choice, inputs, captured = moved.args
    home = _home([choice, *inputs, *(x for c in captured for x in c)])
    if any(map(_is_column, inputs)) or not is_harmless(moved.row):
        raise CannotBatchError
    true, false = (
        moved.run(body.program, [*inputs, *outside], moved.count, home.innermost())
        for body, outside in zip(branches.bodies, captured, strict=True)
    )
    return tuple(_where_active(repeated(choice, moved.count), true, false))


# --------------------------------------------------------------------- what is shared


def is_harmless(row: Row) -> bool:
    """Tell whether a row's bodies may run where the example would not run them.

    No value makes them raise an error, or go on for ever, and they are small enough for
    the other examples to lose little by it. A row of no bodies is run for each of them.
    """
    function = row.function
    if isinstance(function, Branches):
        return all(_all_harmless(body.program) for body in function.bodies)
    if isinstance(function, While) and not _all_harmless(function.test.program):
        return False
    return not isinstance(function, Loop) or _all_harmless(function.body.program)


def _all_harmless(program: Program) -> bool:
    if program.guards or program.checks:
        return False
    values = [*program.inputs, *program.rows]
    if any(math.prod(x.shape or ()) > LARGEST for x in values):
        return False
    return all(map(_is_harmless_in_body, program.rows))


def _is_harmless_in_body(row: Row) -> bool:
    """Tell whether no values make a row raise an error: it is no loop, for example."""
    function = row.function
    if isinstance(function, Branches):
        return is_harmless(row)
    if function is _of.getitem:
        return not rows_in(row.args[1])
    if row.shape is None or is_of_others(function):
        return False
    kinds = {x.dtype.kind for x in (row, *row.operands) if x.dtype is not None}
    if "f" not in kinds and function in UFUNCS:
        return function in _TOTAL
    known = traits_of(function)
    if kinds & {"i", "u"} and "f" not in kinds and known.entrywise:
        return known.of_integers  # a quotient raises an error, for example
    return "c" not in kinds and not known.may_raise


_TOTAL = frozenset(
    getattr(operator, name)
    for name in ("add sub mul neg pos abs lt le gt ge eq ne and_ or_ xor").split()
)
"""Python's operators on its integers that raise no error."""


def is_ragged(x: Any) -> bool:
    """Tell whether a value is a column for each example, of lengths of their own."""
    return isinstance(known_of(raw(x)), RaggedColumns)


def _is_column(x: Any) -> bool:
    return isinstance(known_of(raw(plain_of(x))), Column)


def _home(values: Sequence[Any]) -> Trace:
    """Return the innermost trace that values belong to."""
    home = traced_in(list(map(plain_of, values)))
    if home is None:
        raise CannotBatchError
    return home


def _where_active(
    active: Any, after: Sequence[Any], before: Sequence[Any]
) -> list[Any]:
    """Return what comes after for the examples that are active, for others before."""
    found: list[Any] = []
    for x, y in zip(after, before, strict=True):
        axes = (1,) * (np.ndim(example_of(x)) - 1)
        mask = _np.reshape(active, (-1, *axes)) if axes else active
        found.append(_np.where(mask, x, y))
    return found


def _axes_swapped(x: Any) -> Any:
    """Return an array with the axes of steps and examples exchanged."""
    if isinstance(known_of(raw(x)), Column):
        return x  # it has no axis of steps
    return _np.moveaxis(x, 0, 1)


__all__ = [
    "branched",
    "is_harmless",
    "is_ragged",
    "looped",
    "looped_apart",
    "passed_apart",
    "selected",
]
