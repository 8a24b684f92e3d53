"""Batching: the rows of one example's program, run on all examples at once.

In: a program traced for one example, and its inputs with a leading axis of examples.
Out: its outputs with that axis. Elementwise rows broadcast; reductions, products,
shapes and indices have their axes moved by one; any other function is called once per
example by ``Each``, which is right and slow, and which ``stats()`` shows by its name.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching import control, indices, products, rows
from chainrule.compiler.batching.by_example import (
    Known,
    group_of,
    over_examples,
    runs_by_example,
)
from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Form,
    Many,
    Moved,
    plain_of,
    repeated,
)
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Loop, Pass, While
from chainrule.compiler.executors.running import Running
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.signals import NanFound
from chainrule.compiler.tracing.columns import Column, OnEntries, RaggedColumns
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError
from chainrule.operations_grad.extremes_at import maximum_at, minimum_at
from chainrule.operations_grad.indexing import added_at, setitem, unindex
from chainrule.progress import watched
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import has_nan, masked_result
from chainrule.values.shapes import TUPLE, shape_of
from chainrule.values.vertices import first_stand_in, stand_in

_np: Any = np
_of: Any = operator


def run_batched(
    program: Program, inputs: Sequence[Any], count: int, home: Trace | None
) -> list[Any]:
    """Run a program on inputs of which some are ``Many``.

    Returns all outputs as arrays; those that do not depend on the example are repeated.
    What depends on no traced value is computed now; ``home`` is ``None`` if all is.
    """
    known: dict[Row, Any] = dict(zip(program.inputs, inputs, strict=True))
    last = program.last_uses()
    ends = [x for x in (*program.outputs, *program.checks) if isinstance(x, Row)]
    for i, row in enumerate(program.rows):
        if row not in known:
            if home is not None and runs_by_example(row, known):
                _run_by_example(program.rows[i:], ends, known, count, home)
            if row not in known:
                known[row] = _batched(row, known, count)
        for x in row.operands:
            if last[x] <= i:  # all examples of it are large
                known.pop(x, None)
    _check(program, known, home)
    found: list[Any] = []
    for x in program.outputs:
        value = known[x] if isinstance(x, Row) else x
        if isinstance(value, Many):
            found.append(value.value)
        else:
            found.append(
                repeated(value if isinstance(x, Row) else np.asarray(value), count)
            )
    return found


def _check(program: Program, known: Known, home: Trace | None) -> None:
    """Refuse what may not hold a nan, now or in each run."""
    for row in program.checks:
        x = plain_of(known[row])
        if isinstance(x, stand_in):
            x.refuse_nan()
        elif has_nan(x):
            if home is None:
                raise NanFound
            home.constant(x).refuse_nan()


def _run_by_example(
    rows: Sequence[Row], ends: Collection[Row], known: Known, count: int, home: Trace
) -> None:
    """Run the first row for some examples after others, and what goes with it.

    ``ends`` are the results and checks of the program. If there is no such loop, no
    more is known than before but what the row needs.
    """
    group, before = group_of(rows)
    for row in before:
        if row not in known:
            known[row] = _batched(row, known, count)
    inside = set(group)
    wanted = {x for row in rows if row not in inside for x in row.operands}

    found = over_examples(group, wanted.union(ends), known, count, home, _batched)
    if found is not None:
        known.update(dict.fromkeys(group) | found)


def _batched(row: Row, known: dict[Row, Any], count: int) -> Any:
    """Return the result of a row for all examples."""
    found = rows.beside(row, {x: known[x] for x in row.operands})
    given = {k: replaced(x, found) for k, x in row.given.items()}
    moved = Moved(row, replaced(row.args, found), given, count, run_batched)
    args = moved.args
    if row.function is operator.getitem and isinstance(args[0], TUPLE):
        return args[0][args[1]]  # one of several results, the same for all examples
    values = [plain_of(found[x]) for x in row.operands]
    many = [isinstance(found[x], Many) for x in row.operands]
    trace = first_stand_in(*values)
    if not any(many):
        if trace is None or row.function in UFUNCS:
            return row.function(*args, **given)  # type: ignore[misc]
        return _of_class(row.number, trace.whole(row.function, args, given))
    for form in _forms_of(row, values):
        try:
            value = form(moved)
        except CannotBatchError:
            continue
        if row.shape is None or shape_of(value) == (count, *row.shape):
            return Many(value)
    each = Each(row, many, count)
    if trace is None:
        return Many(each(*values))
    return Many(trace.whole(each, values, {}))


def _of_class(number: Any, x: Any) -> Any:
    """Return the result of a new row as the Python number that it is for an example."""
    if isinstance(x, Traced) and number is not None and x.row.number is None:
        x.value, x.row.number = number(x.value), number
    return x


class Each:
    """A row's function, called once per example: the function of a row of its own."""

    takes_columns = True

    def __init__(self, row: Row, many: Sequence[bool], count: int) -> None:
        """Say which of the row's operands have an axis of examples."""
        self.row = row
        self.many = many
        self.count = count
        name = getattr(row.function, "__name__", "function")
        self.__name__: str = f"each_{name}"
        self.running: Running = Running(
            None, f"{name} has no form for all examples at once"
        )

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of these calls, and the programs inside them."""
        told = getattr(self.row.function, "told", None)
        inside: list[Program] = [] if told is None else told()["programs"]
        return {
            "loop": self.__name__,
            "examples": self.count,
            "running": self.running,
            "programs": inside,
        }

    def __call__(self, *values: Any) -> Any:
        """Call and stack."""
        return self.running(self._called, self._called, *values)

    def _called(self, *values: Any) -> Any:
        row, results = self.row, list[Any]()
        with watched(range(self.count), self.__name__, "examples") as examples:
            for i in examples:
                known = {
                    x: v[i] if many else v
                    for x, v, many in zip(row.operands, values, self.many, strict=True)
                }
                args = replaced(row.args, known)
                given = {k: replaced(x, known) for k, x in row.given.items()}
                results.append(row.function(*args, **given))  # type: ignore[misc]
        ragged = self._has_ragged_results(values)
        if isinstance(results[0], TUPLE):
            pairs = zip(*results, strict=True)
            return tuple([_stacked(parts, row, ragged=ragged) for parts in pairs])
        return _stacked(results, row, ragged=ragged)

    def _has_ragged_results(self, values: Sequence[Any]) -> bool:
        """Tell whether each example has its own number of steps."""
        if any(isinstance(x, RaggedColumns) for x in values):
            return True
        count, operands = _count_of(self.row), self.row.operands
        return isinstance(self.row.function, While) or (
            count in operands and self.many[operands.index(count)]
        )


def _count_of(row: Row) -> Any:
    """Return the argument of a row that is a number of steps, if there is one."""
    function = row.function
    if isinstance(function, Pass) and not isinstance(function, While):
        return row.args[0]
    if isinstance(function, Each):
        inside, operands = _count_of(function.row), function.row.operands
        return row.args[operands.index(inside)] if inside in operands else None
    return None


def _stacked(parts: Sequence[Any], row: Row, *, ragged: bool) -> Any:
    """Join the results of all examples."""
    if isinstance(parts[0], Column):
        if ragged or isinstance(parts[0], RaggedColumns):
            return RaggedColumns(parts)
        steps = zip(*(x.entries for x in parts), strict=True)
        return Column([np.stack(x) for x in steps], np.stack([x.like for x in parts]))
    shapes = sorted({np.shape(x) for x in parts})
    if len(shapes) > 1:
        name = "x[mask]" if row.function is operator.getitem else row.function.__name__
        place = f" at {row.where}" if row.where else ""
        raise CompileError(
            f"{name}{place} has another shape for each example of vmap, such as "
            f"{shapes[0]} and {shapes[-1]}. Keep the shape: write np.where(mask, x, "
            "0.0), or np.sum(x, where=mask)."
        )
    return np.stack(parts)


def _forms_of(row: Row, values: Sequence[Any]) -> list[Form]:
    """Return the forms of a row with these operands, to be tried in order."""
    forms = _forms_of_function(row.function)
    if any(map(control.is_ragged, values)):
        return [form for form in forms if form is control.looped]
    if row.shape is None:
        return [form for form in forms if form in _WITHOUT_SHAPE]
    return forms


def _forms_of_function(function: Any) -> list[Form]:
    if isinstance(function, Branches):
        return [control.branched, control.selected]
    if isinstance(function, While):
        return [control.looped_apart]
    if isinstance(function, Pass):
        return [control.looped, control.passed_apart]
    if isinstance(function, Loop):
        return [control.looped]
    if function in (np.power, _of.pow):
        return [rows.powers]
    if function in UFUNCS:
        return [rows.plain]
    if function is np.einsum:
        return [products.einsum]
    if isinstance(function, OnEntries):
        return [rows.elementwise] if traits_of(function.function).entrywise else []
    known = traits_of(function)
    forms = [form for trait, form in _BY_TRAIT.items() if getattr(known, trait)]
    return [_OF_OURS[function], *forms] if function in _OF_OURS else forms


_WITHOUT_SHAPE: tuple[Form, ...] = (
    control.looped,
    control.looped_apart,
    control.passed_apart,
    control.branched,
    control.selected,
    indices.getitem,
    rows.elementwise,
    rows.last_axes,
)
"""The batched forms that do not ask for the shape of a row."""
_OF_OURS: dict[Any, Form] = {
    operator.getitem: indices.getitem,
    added_at: indices.overwritten,
    maximum_at: indices.overwritten,
    minimum_at: indices.overwritten,
    setitem: indices.overwritten,
    unindex: indices.unindexed,
    masked_result: rows.elementwise,
}
"""The batched forms of functions that take an index, or another function."""
_BY_TRAIT: dict[str, Form] = {
    "entrywise": rows.elementwise,
    "contracts": products.contracted,
    "signature": rows.last_axes,
    "in_order": rows.in_order,
    "axes": rows.along,
    "moves": rows.moved_entries,
}
"""The batched form that a function has by a trait."""
