"""Batching: the rows of one example's program, run on all examples at once.

In: a program traced for one example, and its inputs with a leading axis of examples.
Out: its outputs with that axis. Elementwise rows broadcast; reductions, products,
shapes and indices have their axes moved by one; any other function is called once per
example by ``Each``, which is right and slow, and which ``stats()`` shows by its name.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching import products, rows
from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Form,
    Many,
    Moved,
    plain_of,
)
from chainrule.compiler.batching.sparsity import Sparse, sparse_result
from chainrule.compiler.control.bodies import example_of, traced_in
from chainrule.compiler.control.scan import Loop
from chainrule.compiler.control.while_loop import Pass, While
from chainrule.compiler.executors.choice import Running
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.signals import NanFound
from chainrule.compiler.progress import watched
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import Column, Row, Together
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError
from chainrule.operations_grad.indexing import setitem, unindex
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.sweeps.sweep import has_nan
from chainrule.values.shapes import TUPLE, shape_of
from chainrule.values.vertices import first_stand_in, stand_in

_np: Any = np
_of: Any = operator


def run_batched(
    program: Program, inputs: Sequence[Any], count: int, home: Trace | None
) -> list[Any]:
    """Run a program on inputs of which some are ``Many`` or ``Sparse``.

    Returns all outputs as arrays; those that do not depend on the example are repeated.
    What depends on no traced value is computed now; ``home`` is ``None`` if all is.
    """
    known: dict[Row, Any] = dict(zip(program.inputs, inputs, strict=True))
    for row in program.rows:
        known[row] = _batched(row, known, count)
    for row in program.checks:
        x = known[row]
        x = x.entries if isinstance(x, Sparse) else plain_of(x)
        if isinstance(x, stand_in):
            x.refuse_nan()
        elif has_nan(x):
            if home is None:
                raise NanFound
            home.constant(x).refuse_nan()
    found: list[Any] = []
    for x in program.outputs:
        value = known[x] if isinstance(x, Row) else x
        if isinstance(value, Many):
            found.append(value.value)
        else:
            value = value if isinstance(x, Row) else np.asarray(value)
            found.append(_np.broadcast_to(value, (count, *np.shape(value))))
    return found


def _batched(row: Row, known: dict[Row, Any], count: int) -> Any:
    """Return the result of a row for all examples."""
    found = {x: known[x] for x in row.operands}
    given = {k: replaced(x, found) for k, x in row.given.items()}
    moved = Moved(row, replaced(row.args, found), given, count)
    if any(isinstance(x, Sparse) for x in found.values()):
        sparse = sparse_result(moved)
        if sparse is not None:
            return sparse
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
    for form in _forms_of(row.function):
        try:
            return Many(form(moved))
        except CannotBatchError:
            pass
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
        return {"loop": self.__name__, "examples": self.count,
                "running": self.running, "programs": inside}  # fmt: skip

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
        if row.shape is None:
            return tuple([_stacked(parts, row) for parts in zip(*results, strict=True)])
        return _stacked(results, row)


def _stacked(parts: Sequence[Any], row: Row) -> Any:
    """Join the results of all examples."""
    if isinstance(parts[0], Column):
        return Column(parts)
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


def _forms_of(function: Any) -> list[Form]:
    """Return the forms of a function, to be tried in order."""
    if isinstance(function, Loop):
        return [_scanned]
    if isinstance(function, Pass):
        return [] if isinstance(function, While) else [_passed]
    if function in (np.power, _of.pow):
        return [rows.powers]
    if function in UFUNCS:
        return [rows.plain]
    if function in _OF_OURS:
        return [_OF_OURS[function]]
    if function is np.einsum:
        return [products.einsum]
    known = traits_of(function)
    return [form for trait, form in _BY_TRAIT.items() if getattr(known, trait)]


def _scanned(moved: Moved) -> Any:
    """Batch a scan: a scan whose body runs the examples' bodies."""
    loop: Loop = moved.row.function
    leaves, captured = moved.args
    n, count = loop.carried, moved.count
    many = [True] * n + [isinstance(x, Many) for x in leaves[n:]]
    carries = [
        x.value if isinstance(x, Many) else _np.broadcast_to(x, (count, *shape_of(x)))
        for x in leaves[:n]
    ]
    unread = [np.broadcast_to(0.0, (loop.count, *inside.shape))  # type: ignore[misc]
              for inside in loop.body.program.inputs[n : len(leaves)]]  # fmt: skip
    xs = [_np.moveaxis(x.value, 0, 1) if isinstance(x, Many)
          else x if shape_of(x) else zeros
          for x, zeros in zip(leaves[n:], unread, strict=True)]  # fmt: skip
    home = traced_in(list(map(plain_of, [*leaves, *captured])))
    if home is None:
        raise CannotBatchError

    def flat(*inputs: Any) -> list[Any]:
        given = [Many(x) if m else x for x, m in zip(inputs, many, strict=True)]
        program = loop.body.program
        return run_batched(program, [*given, *captured], count, home.innermost())

    batched = Loop(home, flat, carries, xs, loop.count, reverse=loop.reverse,
                   keep=loop.keep)  # fmt: skip
    found = batched.values([*carries, *xs])
    return (*found[:n], *(_np.moveaxis(z, 1, 0) for z in found[n:]))


def _passed(moved: Moved) -> Any:
    """Batch a pass over the steps of a while loop, if these are the same."""
    loop: Pass = moved.row.function
    steps, leaves, captured = moved.args
    n, count = loop.carried, moved.count
    columns = leaves[n:]
    many = [True] * n + [isinstance(x, Many) for x in columns]
    own = [example_of(x.value) for x in columns if isinstance(x, Many)]
    if isinstance(steps, Many) or not all(isinstance(x, Together) for x in own):
        raise CannotBatchError
    home = traced_in(list(map(plain_of, [steps, *leaves, *captured])))
    if home is None:
        raise CannotBatchError
    carries = [
        x.value if isinstance(x, Many) else _np.broadcast_to(x, (count, *shape_of(x)))
        for x in leaves[:n]
    ]
    likes = [
        _np.broadcast_to(x, (count, *shape_of(x))) if m else x
        for x, m in zip(loop.likes, many[n:], strict=True)
    ]

    def flat(*inputs: Any) -> list[Any]:
        given = [Many(x) if m else x for x, m in zip(inputs, many, strict=True)]
        program = loop.body.program
        return run_batched(program, [*given, *captured], count, home.innermost())

    batched = Pass(home, flat, carries, likes, reverse=loop.reverse, together=True)
    return batched.values(steps, carries, list(map(plain_of, columns)))


_OF_OURS: dict[Any, Form] = {
    operator.getitem: rows.getitem,
    setitem: rows.overwritten,
    unindex: rows.unindexed,
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
