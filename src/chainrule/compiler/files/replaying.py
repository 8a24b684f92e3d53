"""Replaying: the rows of a program on nodes and stand-ins, as the function would run.

In: a program from a file, and arguments of which some are nodes or traced. Out: its
results, recorded or traced like those of the function that it was made of. So a loaded
function can be differentiated and be part of another program, without its Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import operations
from chainrule.compiler.batching.batch import Each
from chainrule.compiler.batching.examples import as_row
from chainrule.compiler.batching.vmap import InBlocks, vmap
from chainrule.compiler.control.bodies import example_of
from chainrule.compiler.control.carries import cast
from chainrule.compiler.control.cond import Branches, cond
from chainrule.compiler.control.loops import Loop, Scan, While
from chainrule.compiler.control.scan import scan
from chainrule.compiler.control.while_loop import while_loop
from chainrule.compiler.dispatch.signature import is_numeric
from chainrule.compiler.files.checked import Given, called
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.signals import GuardFailed
from chainrule.compiler.tracing.calls import operand_count, parameters
from chainrule.compiler.tracing.plain_operators import power
from chainrule.compiler.tracing.rows import Guard, Row
from chainrule.compiler.tracing.shapes import keeps_shape
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError, FileError
from chainrule.nodes.recorder import record
from chainrule.rules import rule_of
from chainrule.rules.supports import has_nan, masked_result
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import kind_of, ndarray, shape_of
from chainrule.values.vertices import (
    first_stand_in,
    first_vertex,
    raw,
    refuse_nans,
    stand_in,
)

if TYPE_CHECKING:
    from chainrule.compiler.files.functions import Loaded


class Replayed:
    """The function of a file: the rows of the program for its arguments."""

    def __init__(self, name: str, parameters: inspect.Signature | None) -> None:
        """Say how it is called."""
        self.__name__ = name
        self.__qualname__ = name
        self.__module__ = "chainrule.loaded"
        self.__doc__ = f"{name}, loaded from a file."
        if parameters is not None:
            self.__signature__ = parameters
        self.loaded: Loaded

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Run the rows of the first path that these arguments follow."""
        loaded = self.loaded
        examples, named = map_leaves(example_of, (args, keywords))
        known = loaded.known_for(*loaded.signed(examples, named))
        for kind in (float, np.float64):  # sweeps make one of the other
            if not known.paths:
                given, by_name = map_leaves(_as(kind), (examples, named))
                other = loaded.known_for(*loaded.signed(given, by_name))
                known = other if other.paths else known
        leaves = loaded.signed(args, keywords)[0]
        numeric = map(is_numeric, known.signature.leaves)
        numbers = [x for x, n in zip(leaves, numeric, strict=True) if n]
        for path in known.paths:
            try:
                return path.arrange(replay(path.program, numbers))
            except GuardFailed:
                continue
        raise loaded.without_program(known.signature)


def _as(kind: type) -> Callable[[Any], Any]:
    """Return what makes a float one of a class."""

    def converted(x: Any) -> Any:
        return kind(x) if kind_of(x) in (float, np.float64) else x

    return converted


def replay(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """Return the results of a program's rows, of which some may be nodes or traced."""
    known: dict[Row, Any] = dict(zip(program.inputs, leaves, strict=True))
    guards: dict[Row, list[Guard]] = {}
    for guard in program.guards:
        guards.setdefault(guard.row, []).append(guard)
    for row in program.inputs:
        _decide(guards.get(row, ()), known[row])
    for row in program.rows:
        args = [replaced(x, known) for x in row.args]
        given = {k: replaced(x, known) for k, x in row.given.items()}
        value = known[row] = _called(row, args, given, known)
        if row.shape is not None:
            if shape_of(value) != row.shape and not keeps_shape(row):
                raise GuardFailed
            _decide(guards.get(row, ()), value)
    _look_for_nan([known[x] for x in program.checks], leaves)
    results = [replaced(x, known) for x in program.outputs]
    return [x.copy() if isinstance(x, ndarray) else x for x in results]


def _decide(guards: Sequence[Guard], value: Any) -> None:
    """Raise where a decision on a value is another one; in a trace it is a guard."""
    for guard in guards:
        if not guard.holds(raw(value)):
            raise GuardFailed


def _look_for_nan(checks: Sequence[Any], leaves: Sequence[Any]) -> None:
    """Raise where a derivative is nan, unless an argument is."""
    values = list(map(raw, checks))
    refuse_nans(values)
    plain = [x for x in values if not isinstance(x, stand_in)]
    if any(map(has_nan, plain)) and not any(map(has_nan, map(example_of, leaves))):
        raise FileError(
            "A derivative in a function from a file is nan, and no argument is. Where "
            "that is for a branch that does not count, as of np.where, the function "
            "itself knows; a file does not hold it. Keep the arguments of such "
            "branches away from their poles."
        )


# ------------------------------------------------------------------------------- rows


def _called(
    row: Row, args: Sequence[Any], given: Mapping[str, Any], known: Mapping[Row, Any]
) -> Any:
    """Return the result of a row."""
    of_nodes = first_vertex(args, given) is not None
    if not of_nodes and first_stand_in(args, given) is None:
        return called(row, known)
    for kind, run in _OBJECTS.items():
        if isinstance(row.function, kind):
            return run(row.function, *args)
    if of_nodes:
        return _on_nodes(row, args, given)
    value = as_row(row.function, args, given)
    if row.number is float and isinstance(value, Traced) and value.row.number is None:
        value = as_row(float, (value,), {})
    return value


def _on_nodes(row: Row, args: Sequence[Any], given: Mapping[str, Any]) -> Any:
    """Return a row's result as a node."""
    function: Any = row.function
    if function is float:
        return args[0]
    if function is cast:
        return operations.astype(args[0], args[1])
    if function is masked_result:
        given = dict(given)
        return record(_rule(given.pop("forward")), args, given)
    if function is power:
        return operations.power(*args)
    if not isinstance(function, FunctionType) or function.__module__[:5] == "numpy":
        return function(*args, **given)
    n = operand_count(function, args)
    more = parameters(function, args, given, n)
    return record(_rule(function), args[:n], more)


def _rule(function: Any) -> Any:
    found = rule_of(function)
    if found is None:
        raise _underivable(getattr(function, "__name__", "a function"))
    return found


def _underivable(name: str) -> CompileError:
    return CompileError(
        f"The derivative of {name} cannot be made from the rows of a file. Take the "
        "derivative before gd.save: save gd.compile(gd.grad(f)), or call "
        "gd.grad(fast) once, whose programs are saved with those of fast."
    )


# ------------------------------------------------------------------- loops, branches


def _scan(loop: Scan, leaves: Sequence[Any], captured: Sequence[Any]) -> Any:
    n, inputs, read = loop.carried, loop.body.program.inputs, _read(loop)
    places = [i for i in range(n, len(leaves)) if inputs[i] in read]

    def step(carry: Any, xs: Any) -> Any:
        given = [*carry, *leaves[n:]]
        for i, x in zip(places, xs or (), strict=True):
            given[i] = x
        results = replay(loop.body.program, [*given, *captured])
        return results[:n], (results[n:], [carry[i] for i in loop.history])

    xs = [leaves[i] for i in places] or None
    last, (ys, histories) = scan(
        step, list(leaves[:n]), xs, loop.count, reverse=loop.reverse, checkpoint=0
    )
    return (*last, *ys, *histories)


def _read(loop: Loop) -> Mapping[Row, int]:
    return loop.body.program.last_uses()


def _while(loop: While, leaves: Sequence[Any], captured: Sequence[Any]) -> Any:
    if any(loop.stored):
        raise _underivable("a derivative of while_loop")
    of_condition, of_body = captured

    def condition(carry: Any) -> Any:
        return replay(loop.test.program, [*carry, *of_condition])[0]

    def body(carry: Any) -> Any:
        return replay(loop.body.program, [*carry, *of_body])

    last = while_loop(condition, body, list(leaves))
    return (*last, *([None] * (len(loop.stored) + 1)))


def _pass(loop: Loop, *args: Any) -> Any:
    raise _underivable("a derivative of while_loop")


def _cond(
    branches: Branches, choice: Any, inputs: Sequence[Any], captured: Sequence[Any]
) -> Any:
    def branch(i: int) -> Callable[..., Any]:
        program = branches.bodies[i].program

        def run(*operands: Given) -> Any:
            return replay(program, [*operands, *captured[i]])

        return run

    return tuple(cond(choice, branch(0), branch(1), *inputs))


def _blocks(blocks: InBlocks, *inputs: Given) -> Any:
    def one(*example: Given) -> Any:
        return tuple(replay(blocks.program, example))

    return vmap(one, in_axes=[0 if many else None for many in blocks.many])(*inputs)


def _each(each: Each, *values: Given) -> Any:
    row = each.row

    def one(*example: Given) -> Any:
        known = dict(zip(row.operands, example, strict=True))
        args = [replaced(x, known) for x in row.args]
        given = {k: replaced(x, known) for k, x in row.given.items()}
        return _called(row, args, given, known)

    return vmap(one, in_axes=[0 if many else None for many in each.many])(*values)


_OBJECTS: Mapping[type, Callable[..., Any]] = {
    Scan: _scan,
    While: _while,
    Loop: _pass,
    Branches: _cond,
    InBlocks: _blocks,
    Each: _each,
}


__all__ = ["Replayed", "replay"]
