"""Trace: run a function once on stand-ins, and keep each NumPy call as a row.

In: a function and example arguments. Out: a ``Trace``, whose rows are the calls in the
order in which they were made, whose guards are the decisions that Python took on
values, and whose checks are the values that must not be nan (see ``refuse_nans``).

A ``Traced`` value behaves as the array or number that it stands in for, in NumPy's
functions, operators and methods. Each call computes the value for the example and adds
a row. Nodes may hold traced values, so sweeps of any order are traced like all else.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import progress
from chainrule.compiler.options import Options
from chainrule.compiler.tracing.active import ACTIVE, is_protected
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.compositions import by_parts, looks_at_memory
from chainrule.compiler.tracing.constants import Constants
from chainrule.compiler.tracing.deferred import deferred, lying_as, value_now
from chainrule.compiler.tracing.frames import user_line
from chainrule.compiler.tracing.guesses import Guesses
from chainrule.compiler.tracing.opened import Record
from chainrule.compiler.tracing.picking import line_of_picking
from chainrule.compiler.tracing.plain_operators import WHOLE, at_numpy_pole, class_of
from chainrule.compiler.tracing.protection import deepest, may_raise, protected_call
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Guard, Row, mapped
from chainrule.compiler.tracing.shapes import keeps_shape, keeps_shapes
from chainrule.compiler.tracing.traced import Traced, value_of, values_of
from chainrule.compiler.tracing.traced_operators import add_operators
from chainrule.compiler.tracing.views import noted, seen
from chainrule.errors import CompileError, EscapeError
from chainrule.nodes.admission import numeric_array
from chainrule.nodes.recorder import as_operand, may_change
from chainrule.nodes.tables import FUNCTIONS
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import SEQUENCES, describe, kind_of, ndarray
from chainrule.values.vertices import first_stand_in


class Trace:
    """The rows, guards and checks of one run of a function.

    The body of a loop is traced by itself, in a trace whose ``parent`` is that of the
    loop. What it reads from there becomes an input of the body: ``captured``. Its
    ``options`` (see ``compile``) are the parent's.
    """

    def __init__(
        self,
        parent: Trace | None = None,
        options: Options | None = None,
        *,
        protected: bool = False,
        exact: bool = True,
    ) -> None:
        """Start empty; ``protected`` rows run only where a condition holds.

        One that is not ``exact`` takes no steps of loops that count them.
        """
        self.guesses: Guesses = parent.guesses if parent else Guesses(exact=exact)
        self.parent: Trace | None = parent
        self.protected: Trace | None = parent.protected if parent else None
        if protected:
            self.protected = self
        self.options: Options = options or (
            Options() if parent is None else parent.options
        )
        outer = () if parent is None else (*parent.before, parent)
        self.before: dict[Trace, int] = {t: len(t.rows) for t in outer}
        """How many rows the traces around this one had when it began."""
        self.level: int = len(outer)
        self.repeats: int = 1 if parent is None else parent.repeats
        """How often one call runs these rows, by the loops around them."""
        self.captured: dict[Row, tuple[Traced, Traced]] = {}
        self.opened: Record = Record() if parent is None else parent.opened
        self.constants: Constants = Constants() if parent is None else parent.constants
        self.raised: Exception | None = None
        """An error of the example's. Where the function goes on, it decides on it."""
        self.rows: list[Row] = progress.new_list()
        self.guards: list[Guard] = []
        self.checks: list[Row] = []
        self.mapped: list[tuple[int, str]] = []
        """Of each vmap whose rows are among these: the examples, and why it is so."""
        self.defers: bool = False
        """Whether some values were not computed for the example at once."""
        self.writes: bool = False
        """Whether arrays were written, so that layouts in memory play a part."""

    def wrote(self) -> None:
        """Note that an array was written, here or in the body of a loop."""
        self.writes = True
        if self.parent is not None:
            self.parent.wrote()

    def input(self, value: Any) -> Traced:
        """Return a stand-in for an argument."""
        return Traced(self, Row(None, (), NO_KEYWORDS, [], value, -1), value)

    def constant(self, x: Any) -> Traced:
        """Return a stand-in for a value that is no argument."""
        if isinstance(x, ndarray) and may_change(x):
            x = self.constants.kept(x)
        make = float if type(x) is float else np.asarray
        return self.result(make, (x,), NO_KEYWORDS, [], x)

    def call(
        self, function: Function, args: Sequence[Any], given: Mapping[str, Any] | None
    ) -> Any:
        """Run a function on stand-ins: compute for the example, and add a row."""
        if is_protected() and may_raise(function, args):
            args, given = protected_call(function, args, given)
        home = deepest(self, args)
        if given:
            home = deepest(home, list(given.values()))
        if home is not self:
            return home.call(function, args, given)
        operands: list[Row] = []
        rows = tuple([self._rows(x, operands) for x in args])
        if operands and first_stand_in(given) is None:
            value = deferred(function, tuple(map(_known_in, args, rows)), given)
            if value is not None:
                self.defers = True
                z = self.result(function, rows, given or NO_KEYWORDS, operands, value)
                return seen(z, args[0]) if value.shows else z
        values = [values_of(x) for x in args]
        run = self._run_for_example(function)
        try:
            if given:
                value = run(*values, **{k: values_of(x) for k, x in given.items()})
                given = {k: self._rows(x, operands) for k, x in given.items()}
            else:
                given, value = NO_KEYWORDS, run(*values)
        except Exception as error:
            self.note(error)
            raise
        if not operands:
            return value
        result = self.result(function, rows, given, operands, value)
        if isinstance(value, (ndarray, *SEQUENCES)):
            alone = isinstance(value, ndarray) and value.base is None
            own = hasattr(function, "outline")  # of loops and branches
            if not own and (not alone or any(value is v for v in values)):
                return noted(result, args)
        return result

    def _run_for_example(self, function: Any) -> Function:
        """Return what computes a result: a loop need not end for the example."""
        if self.protected is not None:
            return getattr(function, "outline", function)
        if self.guesses.exact or not getattr(function, "unbounded", False):
            return function
        self.guesses.add_next(self)
        return function.outline

    def entrywise(self, ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
        """Run a ufunc on stand-ins and numbers: the commonest calls."""
        if ufunc.nout != 1 or ufunc.signature is not None or is_protected():
            return self.call(ufunc, inputs, None)
        operands: list[Row] = []
        args: list[Any] = []
        values: list[Any] = []
        for x in inputs:
            if kind_of(x) is not Traced:
                args.append(x)
                values.append(x)
                continue
            row = x.row
            if x.home is not self or row.shape is None:
                return self.call(ufunc, inputs, None)
            operands.append(row)
            args.append(row)
            values.append(x.known)
        value = deferred(ufunc, values)
        self.defers = self.defers or value is not None
        if value is None:
            try:
                value = ufunc(*map(value_now, values))
            except Exception as error:
                self.note(error)
                raise
        rows = self.rows
        row = Row(ufunc, tuple(args), NO_KEYWORDS, operands, value, len(rows))
        if row.dtype is None or row.dtype == object:
            return self.call(ufunc, inputs, None)  # which says what to write
        rows.append(row)
        return Traced(self, row, value)

    def composed(
        self, function: Function, args: Sequence[Any], given: Mapping[str, Any]
    ) -> Any:
        """Run a function on stand-ins, as the rows that it is composed of, if any."""
        if looks_at_memory(function, args, given):
            return FUNCTIONS[function](*args, **given)
        z = by_parts(self, function, args, given)
        return self.call(function, args, given) if z is None else noted(z, args)

    def note(self, error: Exception) -> None:
        """Keep an error that depends on values, and so not every call raises."""
        if not isinstance(error, (TypeError, AttributeError)):
            self.raised = error

    def at_pole(
        self, ufunc: Function, function: Function, args: Sequence[Any], error: Exception
    ) -> Any:
        """Return the result of an operator where Python's numbers raise an error.

        It is NumPy's, or the error itself for integers and booleans.
        """
        values = [value_of(x) for x in args]
        kinds = [class_of(x) for x in values]
        if all(kind in WHOLE for kind in kinds):
            self.note(error)
            raise error
        if None in kinds or isinstance(error, TypeError):  # NumPy orders complex ones
            return self.call(ufunc, args, None)
        operands: list[Row] = []
        rows = tuple([self._rows(x, operands) for x in args])
        try:
            value: Any = at_numpy_pole(function, values)
        except ArithmeticError as too_large:
            self.note(too_large)
            raise
        return self.result(function, rows, NO_KEYWORDS, operands, value.item())

    def _rows(self, x: Any, operands: list[Row]) -> Any:
        """Replace stand-ins by their rows, also inside lists, tuples and slices."""
        kind = kind_of(x)
        if kind is float or kind is int:
            return x
        if kind is Traced and x.home is self:
            operands.append(x.row)
            return x.row

        def row_of(x: Any) -> Any:
            if isinstance(x, Traced):
                row = x.row if x.home is self else self.capture(x)
                operands.append(row)
                return row
            if is_foreign(x):
                raise CompileError(
                    f"A compiled function uses {describe(x)} from outside its "
                    "arguments, whose entries it does not see. Call the function "
                    "itself, or compile it on each chunk by gd.map_reduce."
                )
            if isinstance(x, ndarray):
                if matrix_or_masked(x):
                    numeric_array(x, "A compiled function")  # says what to write
                if x.dtype == object:
                    x = self.call(np.asarray, (x.tolist(),), None)
                    if isinstance(x, Traced):
                        return row_of(x)
                if may_change(x):
                    x = self.constants.kept(x)
            return x

        return mapped(row_of, x)

    def result(
        self,
        function: Function,
        args: tuple[Any, ...],
        given: Mapping[str, Any],
        operands: list[Row],
        value: Any,
    ) -> Any:
        """Add a row and return its result; several results become items."""
        if isinstance(value, ndarray) and value.dtype == object:
            _refuse_hidden(function, value)
        row = Row(function, args, given, operands, value, len(self.rows))
        self.rows.append(row)
        if not (keeps_shape if row.shape is not None else keeps_shapes)(row):
            row.where = line_of_picking()
            self.guesses.refuse(self, row)
        if row.shape is not None or isinstance(value, Column):
            return Traced(self, row, value)
        if isinstance(value, SEQUENCES):
            items = [
                self.result(operator.getitem, (row, i), NO_KEYWORDS, [row], v)
                for i, v in enumerate(value)  # type: ignore[arg-type]
            ]
            kind: Any = type(value)  # type: ignore
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        raise EscapeError(
            f"{getattr(function, '__name__', function)} returned {describe(value)} "
            "for a traced value, which would be frozen into the compiled function. "
            "Take it out of the function, or name the argument it comes from in "
            "static=."
        )

    @contextlib.contextmanager
    def active(self) -> Generator[None]:
        """Make this the innermost trace that is being made, in this thread."""
        ACTIVE.traces.append(self)
        try:
            yield
        finally:
            ACTIVE.traces.pop()

    def innermost(self) -> Trace:
        """Return the innermost active trace inside this one, or this one."""
        for trace in reversed(ACTIVE.traces):
            if trace is self or self in trace.before:
                return trace
        return self

    def capture(self, x: Traced) -> Row:
        """Return the input of this body that stands for a value of an outer trace."""
        pair = self.captured.get(x.row)
        if pair is None:
            if self.parent is None:
                raise EscapeError(
                    "A value of one trace was used in another. Return it from the "
                    "function that computed it, or pass it as an argument."
                )
            if x.home is not self.parent:
                outer = Traced(self.parent, self.parent.capture(x), x.known)
            else:
                outer = Traced(self.parent, x.row, x.known)  # x may be written
            row = Row(None, (), NO_KEYWORDS, [], x.known, -1)
            pair = self.captured[x.row] = (outer, Traced(self, row, x.known))
        return pair[1].row

    def guard(self, x: Traced, take: Function) -> Any:
        """Keep a decision, and return what it is for the example."""
        if self.parent is not None:
            for outer, inner in self.captured.values():
                if inner.row is x.row:
                    return self.parent.guard(outer, take)
            raise CompileError(
                f"The body of a loop decides on a value at {user_line()}, and would "
                f"have to decide in every step. {_INSTEAD.get(take, _PLACES)}"
            )
        self.guesses.refuse(self, x.row)
        decision = take(x.value)
        self.guards.append(Guard(x.row, take, decision, user_line()))
        return decision


_PLACES = (
    "To read an array of NumPy's own at a place that the body computes, or to write "
    "there, make it a = chainrule.numpy.array(a), or pass it to the function as an "
    "argument; write a[i + np.arange(n)] for a[i:i + n]. A count, as of range(n), has "
    "to be known before the loop."
)
_INSTEAD: dict[Any, str] = {bool: "Use np.where or gd.cond there."}
"""What to write instead of a decision of a body, by what it asks for."""


def _known_in(x: Any, row: Any) -> Any:
    """Return an operand's value, perhaps deferred; of constants, what a row keeps."""
    if kind_of(x) in SEQUENCES:
        return tuple(map(_known_in, x, row))
    if kind_of(x) is kind_of(row) is ndarray and x.strides != row.strides:
        return lying_as(row, x)
    return x.known if isinstance(x, Traced) else row


def matrix_or_masked(x: Any) -> bool:
    """Tell whether an array's class means something else by its operators."""
    return kind_of(x) is not ndarray and (
        isinstance(x, np.matrix) or hasattr(x, "mask")
    )


def joined(leaves: Sequence[Any]) -> list[Any]:
    """Return leaves, arrays of nodes and stand-ins (``np.array([x, y])``) as one."""
    return [
        as_operand(x) if kind_of(x) is ndarray and x.dtype == object else x
        for x in leaves
    ]


def _refuse_hidden(function: Function, value: NDArray[Any]) -> None:
    """Raise if a function called back into the trace: its rows would be frozen."""
    if first_stand_in(value) is not None:
        raise EscapeError(
            f"{getattr(function, '__name__', function)} was given a Python function "
            "that reads a value of the compiled function from outside its arguments, "
            "which would be frozen. Pass that value as an argument, or write the "
            "operation for whole arrays."
        )


add_operators()
