"""Examples: a row with its arguments' values for all examples, as forms read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.tracing.calls import named, operand_count, parameters, place_of
from chainrule.compiler.tracing.columns import function_of_entries
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.rules.traits import traits
from chainrule.values.shapes import SEQUENCES, normalize_axes, shape_of
from chainrule.values.vertices import first_stand_in

_np: Any = np


class Many:
    """A value with a leading axis of examples."""

    def __init__(self, value: Any) -> None:
        """Keep the value of all examples."""
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return shape_of(self.value)[1:]


class CannotBatchError(Exception):
    """A row has no batched form for these arguments; it is called per example."""


class Moved:
    """A row with its arguments' values, for a batched form to read.

    Attributes
    ----------
    run
        Runs a program on inputs of which some are ``Many``: ``batch.run_batched``.
    args, given
        The arguments, with ``Many`` where a value has an axis of examples.
    known
        The traits of the row's function.
    shape
        The shape of one example's result.
    """

    def __init__(
        self, row: Row, args: Any, given: Any, count: int, run: Callable[..., Any]
    ) -> None:
        """Keep them."""
        self.row = row
        self.run = run
        self.args = args
        self.given = given
        self.count = count
        self.known: type[traits] = traits_of(row.function)
        self.shape: Any = row.shape or ()

    def rank(self, x: Any) -> int:
        """Return the number of axes of one example."""
        return len(shape_of(x))

    def aligned(self, x: Any, rank: int) -> Any:
        """Return a value for broadcasting with others of this rank per example."""
        if not isinstance(x, Many):
            return x
        added = rank - len(x.shape)
        if added <= 0:
            return x.value
        return _np.reshape(x.value, (self.count, *(1,) * added, *x.shape))

    def widened(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Return a value with axes of length one, which are counted from the end."""
        wide = _np.expand_dims(plain_of(x), axes)
        return Many(wide) if isinstance(x, Many) else wide

    def filled(self, x: Any) -> Any:
        """Return a value with an axis of examples, repeated where it has none."""
        return repeated(x, self.count)

    @property
    def operands(self) -> int:
        """How many of the arguments are operands; the others are parameters."""
        return operand_count(function_of_entries(self.row.function), self.args)

    def named(self) -> dict[str, Any]:
        """Return the arguments by name, and the defaults of those left out."""
        return named(self.row.function, self.args, self.given)

    def parameters(self, start: int) -> dict[str, Any]:
        """Return the arguments from a position on by name; none has examples."""
        found = parameters(self.row.function, self.args, self.given, start)
        if holds_examples(list(found.values())):
            raise CannotBatchError
        return found

    def called(self, *operands: Any, **changed: Any) -> Any:
        """Call the row's function on other operands, some parameters changed."""
        args = list(self.args)
        args[: len(operands)] = operands
        given = dict(self.given)
        for name, value in changed.items():
            place = place_of(self.row.function, name)
            if len(operands) <= place < len(args):
                args[place] = value
            else:
                given[name] = value
        if holds_examples([*args, *given.values()]):
            raise CannotBatchError
        return as_row(self.row.function, args, given)


Form = Callable[[Moved], Any]
"""Runs a row on all examples at once."""


def holds_examples(x: Any) -> bool:
    """Tell whether nested lists hold a value with an axis of examples."""
    if isinstance(x, SEQUENCES):
        return any(map(holds_examples, x))
    return isinstance(x, Many)


def plain_of(x: Any) -> Any:
    """Return the value of all examples, or what they share."""
    return x.value if isinstance(x, Many) else x


def repeated(x: Any, count: int) -> Any:
    """Return what examples share as an array with an axis of examples."""
    if isinstance(x, Many):
        return x.value
    return _np.broadcast_to(x, (count, *shape_of(x)))


def shifted(axis: Any, rank: int) -> Any:
    """Return an axis of one example as an axis of the batch."""
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, SEQUENCES):
        return tuple(a + 1 for a in normalize_axes(tuple(axis), rank))
    return normalize_axes(axis, rank)[0] + 1 if rank else ()


def as_row(function: Any, values: Sequence[Any], given: Any) -> Any:
    """Call a function, as one row where a value is traced."""
    trace = first_stand_in(*values, given)
    if trace is None:
        return function(*values, **given)
    return trace.whole(function, values, given)
