"""Rows: the calls of a trace, and the decisions that were taken on their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.tracing.active import keep_off_programs
from chainrule.compiler.tracing.deferred import Deferred
from chainrule.values.buffered import current
from chainrule.values.quiet import HARMLESS, current_state, raises_errors
from chainrule.values.shapes import ARRAYS, kind_of

Function = Callable[..., Any]
NUMBERS = (float, int, bool, complex)
NO_KEYWORDS: Mapping[str, Any] = {}
_DTYPES: Mapping[type, np.dtype[Any]] = {k: np.dtype(k) for k in NUMBERS}


class Row:
    """One call: ``function(*args, **given)``, in which other rows are operands.

    Attributes
    ----------
    function, args, given
        The call. A row among the arguments, also inside lists, tuples and slices,
        stands for its result. ``function`` is ``None`` for an input.
    operands
        The rows among the arguments, in order.
    shape, dtype, number
        What every result is like; ``number`` is the class of a Python number.
    serial
        The place of the row in its trace.
    where
        The source line, of a row whose shape depends on values; else empty.
    """

    __slots__ = ("args", "dtype", "function", "given", "number", "operands", "serial",
                 "shape", "where")  # fmt: skip

    def __init__(
        self, function: Function | None, args: tuple[Any, ...],
        given: Mapping[str, Any], operands: list[Row], value: Any, serial: int,
    ) -> None:  # fmt: skip
        """Keep the call and what its result is like."""
        self.function: Any = function
        self.args: Any = args
        self.given: Any = given
        self.operands: list[Row] = operands
        self.serial: int = serial
        self.where: str = ""
        kind = kind_of(value)
        self.number: type | None = None
        self.shape: Any = ()
        self.dtype: Any = _DTYPES.get(kind)
        if self.dtype is not None:
            self.number = kind
        elif kind is Deferred or isinstance(value, ARRAYS):
            self.shape, self.dtype = value.shape, value.dtype
        else:
            self.shape = None  # several results, or a column
        if current_state() not in HARMLESS and raises_errors():
            keep_off_programs()

    def with_call(
        self, function: Function, args: tuple[Any, ...],
        given: Mapping[str, Any] = NO_KEYWORDS,
    ) -> Row:  # fmt: skip
        """Return a row of another call, with results like this one's."""
        row = Row(function, args, given, rows_in((args, given)), None, self.serial)
        row.shape, row.dtype, row.number = self.shape, self.dtype, self.number
        row.where = self.where
        return row

    def as_input(self) -> Row:
        """Return the row of an input with values like this one's."""
        row = Row(None, (), NO_KEYWORDS, [], None, -1)
        row.shape, row.dtype, row.number = self.shape, self.dtype, self.number
        return row

    @property
    def reads_first(self) -> bool:
        """Whether the first argument is the one operand, and all others constants."""
        return len(self.operands) == 1 and self.args[0] is self.operands[0]

    def __repr__(self) -> str:
        """Show the call."""
        name = getattr(self.function, "__name__", "input")
        return f"<row {self.serial}: {name}, {self.shape}, {self.dtype}>"


@dataclass(frozen=True, eq=False)
class Guard:
    """A decision that Python took on a traced value.

    ``take`` turns the value into what was decided on (``bool``, ``int``, an array), and
    ``expected`` is what it was; ``where`` is the source line that asked.
    """

    row: Row
    take: Function
    expected: Any
    where: str

    def at(self, row: Row) -> Guard:
        """Return the same decision on another row."""
        return Guard(row, self.take, self.expected, self.where)

    def holds(self, value: Any) -> bool:
        """Tell whether the decision would be the same for another value."""
        decision = self.take(value)
        if type(decision) is int:
            return decision == self.expected
        return np.array_equal(decision, self.expected)


def mapped(leaf: Function, x: Any) -> Any:
    """Return an argument with a function applied to what is no number in it.

    It is walked through lists, tuples, dictionaries and slices.
    """
    kind = kind_of(x)
    if kind is float or kind is int:
        return x
    if kind is tuple:
        return tuple([mapped(leaf, v) for v in x])
    if kind is list:
        return [mapped(leaf, v) for v in x]
    if kind is dict:
        return {k: mapped(leaf, v) for k, v in x.items()}
    if kind is slice:
        return slice(*(mapped(leaf, v) for v in (x.start, x.stop, x.step)))
    return leaf(current(x))


def rows_in(x: Any) -> list[Row]:
    """Return the rows among arguments, in order."""
    rows: list[Row] = []

    def collected(x: Any) -> Any:
        if isinstance(x, Row):
            rows.append(x)
        return x

    mapped(collected, x)
    return rows
