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
import math
import operator
import sys
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler import progress
from chainrule.compiler.options import Options
from chainrule.compiler.tracing.opened import Record
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    WHOLE,
    at_numpy_pole,
    class_of,
    inverted,
    is_python,
    is_scalar,
)
from chainrule.compiler.tracing.protection import may_raise, plausible
from chainrule.errors import CompileError, EscapeError
from chainrule.nodes.admission import numeric_array, object_array
from chainrule.nodes.recorder import as_operand, is_number, may_change
from chainrule.operations_grad.indexing import getitem
from chainrule.rules.namespace import whole
from chainrule.values.containers import declare_value
from chainrule.values.shapes import (
    ARRAYS,
    SEQUENCES,
    TUPLE,
    describe,
    dtype_of,
    kind_of,
    laid_out,
    ndarray,
)
from chainrule.values.versions import shares
from chainrule.values.vertices import (
    ARITHMETIC_ERRORS,
    first_stand_in,
    first_vertex,
    is_internal,
    stand_in,
    vertex,
)

Function = Callable[..., Any]
NUMBERS = (float, int, bool, complex)


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
        self, function: Function | None, args: Any, given: Any, operands: list[Row],
        value: Any, serial: int,
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
        elif isinstance(value, ARRAYS):
            self.shape, self.dtype = value.shape, value.dtype
        else:
            self.shape = None  # several results, or a column

    @property
    def reads_first(self) -> bool:
        """Whether the first argument is the one operand, and all others constants."""
        return len(self.operands) == 1 and self.args[0] is self.operands[0]

    def __repr__(self) -> str:
        """Show the call."""
        name = getattr(self.function, "__name__", "input")
        return f"<row {self.serial}: {name}, {self.shape}, {self.dtype}>"


class Column:
    """A value of each step of a loop: a result that rows hand to rows.

    Each call has its own number of steps, so that a trace can give it no shape. For
    several examples (``vmap``) it is a column of columns, or ``Together``.
    """

    __slots__ = ("entries",)

    def __init__(self, entries: Sequence[Any]) -> None:
        """Keep the value of each step, in order."""
        self.entries: Sequence[Any] = entries

    def __getitem__(self, i: int) -> Any:
        """Return one of them."""
        return self.entries[i]


class Together(Column):
    """A column for several examples, which an entry has along its first axis."""

    __slots__ = ()

    def __getitem__(self, i: int) -> Any:
        """Return the column of one example."""
        return Column([x[i] for x in self.entries])


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
        found = self.take(value)
        if type(found) is int:
            return found == self.expected
        return np.array_equal(found, self.expected)


class Trace:
    """The rows, guards and checks of one run of a function.

    The body of a loop is traced by itself, in a trace whose ``parent`` is that of the
    loop. What it reads from there becomes an input of the body: ``captured``. Its
    ``options`` (see ``compile``) are the parent's.
    """

    def __init__(
        self, parent: Trace | None = None, options: Options | None = None,
        *, protected: bool = False,
    ) -> None:  # fmt: skip
        """Start empty; ``protected`` rows run only where a condition holds."""
        self.parent: Trace | None = parent
        self.protected: Trace | None = parent.protected if parent else None
        if protected:
            self.protected = self
        self.options: Options = options or (
            Options() if parent is None else parent.options
        )
        self.level: int = 0 if parent is None else parent.level + 1
        self.repeats: int = 1 if parent is None else parent.repeats
        """How often one call runs these rows, by the loops around them."""
        self.captured: dict[Row, tuple[Traced, Traced]] = {}
        self.opened: Record = Record() if parent is None else parent.opened
        self.raised: Exception | None = None
        """An error of the example's. Where the function goes on, it decides on it."""
        self.rows: list[Row] = progress.new_rows()
        self.guards: list[Guard] = []
        self.checks: list[Row] = []
        self.mapped: list[tuple[int, str]] = []
        """Of each vmap whose rows are among these: the examples, and why it is so."""
        self.writes: bool = False
        """Whether arrays were written, so that layouts in memory play a part."""

    def wrote(self) -> None:
        """Note that an array was written, here or in the body of a loop."""
        self.writes = True
        if self.parent is not None:
            self.parent.wrote()

    def input(self, value: Any) -> Traced:
        """Return a stand-in for an argument."""
        return Traced(self, Row(None, (), _NONE, [], value, -1), value)

    def constant(self, x: Any) -> Traced:
        """Return a stand-in for a value that is no argument."""
        if isinstance(x, ndarray) and may_change(x):
            x = x.copy()
            x.flags.writeable = False
        make = float if type(x) is float else np.asarray
        return self.result(make, (x,), _NONE, [], x)

    def call(self, function: Function, args: Sequence[Any], given: Any) -> Any:
        """Run a function on stand-ins: compute for the example, and add a row."""
        if _ACTIVE.traces and may_raise(function, args):
            args, given = _protected(function, args, given)
        deepest = _deepest(self, args)
        if given:
            deepest = _deepest(deepest, list(given.values()))
        if deepest is not self:
            return deepest.call(function, args, given)
        operands: list[Row] = []
        rows = tuple([self._rows(x, operands) for x in args])
        values = [_values(x) for x in args]
        run: Any = function
        if self.protected is not None:  # a loop there need not end for the example
            run = getattr(function, "outline", function)
        try:
            if given:
                value = run(*values, **{k: _values(x) for k, x in given.items()})
                given = {k: self._rows(x, operands) for k, x in given.items()}
            else:
                given, value = _NONE, run(*values)
        except Exception as error:
            self.note(error)
            raise
        if not operands:
            return value
        found = self.result(function, rows, given, operands, value)
        alone = isinstance(value, ndarray) and value.base is None
        if alone and all(value is not v for v in values):
            return found
        return _noted(found, args)

    def note(self, error: Exception) -> None:
        """Keep an error that depends on values, and so not every call raises."""
        if not isinstance(error, (TypeError, AttributeError)):
            self.raised = error

    def at_pole(
        self, ufunc: Function, function: Function, args: Sequence[Any],
        error: Exception,
    ) -> Any:  # fmt: skip
        """Return the result of an operator where Python's numbers raise an error.

        It is NumPy's, or the error itself for integers and booleans.
        """
        values = [_value(x) for x in args]
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
        return self.result(function, rows, _NONE, operands, value.item())

    def _rows(self, x: Any, operands: list[Row]) -> Any:
        """Replace stand-ins by their rows, also inside lists, tuples and slices."""

        def row_of(x: Any) -> Any:
            if isinstance(x, Traced):
                row = x.row if x.home is self else self.capture(x)
                operands.append(row)
                return row
            if isinstance(x, ndarray):
                if matrix_or_masked(x):
                    numeric_array(x, "A compiled function")  # says what to write
                if x.dtype == object:
                    made = self.call(np.asarray, (x.tolist(),), None)
                    return row_of(made) if isinstance(made, Traced) else made
                if may_change(x):
                    x = x.copy()
                    x.flags.writeable = False
            return x

        return mapped(row_of, x)

    def result(
        self, function: Any, args: Any, given: Any, operands: list[Row], value: Any
    ) -> Any:
        """Add a row and return its result; several results become items."""
        if isinstance(value, ndarray) and value.dtype == object:
            _refuse_hidden(function, value)
        row = Row(function, args, given, operands, value, len(self.rows))
        self.rows.append(row)
        if _picks_by_value(function, args):
            row.where = user_line()
        if row.shape is not None or isinstance(value, Column):
            return Traced(self, row, value)
        if isinstance(value, SEQUENCES):
            items = [
                self.result(operator.getitem, (row, i), _NONE, [row], v)
                for i, v in enumerate(value)  # type: ignore[arg-type]
            ]
            made: Any = type(value)  # type: ignore
            return made(*items) if hasattr(made, "_fields") else made(items)
        raise EscapeError(
            f"{getattr(function, '__name__', function)} returned {describe(value)} "
            "for a traced value, which would be frozen into the compiled function. "
            "Take it out of the function, or name the argument it comes from in "
            "static=."
        )

    @contextlib.contextmanager
    def active(self) -> Generator[None]:
        """Make this the innermost trace that is being made, in this thread."""
        _ACTIVE.traces.append(self)
        try:
            yield
        finally:
            _ACTIVE.traces.pop()

    def innermost(self) -> Trace:
        """Return the innermost active trace inside this one, or this one."""
        for trace in reversed(_ACTIVE.traces):
            home: Trace | None = trace
            while home is not None:
                if home is self:
                    return trace
                home = home.parent
        return self

    def capture(self, x: Traced) -> Row:
        """Return the input of this body that stands for a value of an outer trace."""
        found = self.captured.get(x.row)
        if found is None:
            if self.parent is None:
                raise EscapeError(
                    "A value of one trace was used in another. Return it from the "
                    "function that computed it, or pass it as an argument."
                )
            if x.home is not self.parent:
                outer = Traced(self.parent, self.parent.capture(x), x.value)
            else:
                outer = Traced(self.parent, x.row, x.value)  # x may be written
            row = Row(None, (), _NONE, [], x.value, -1)
            found = self.captured[x.row] = (outer, Traced(self, row, x.value))
        return found[1].row

    def guard(self, x: Traced, take: Function) -> Any:
        """Keep a decision, and return what it is for the example."""
        if self.parent is not None:
            for outer, inner in self.captured.values():
                if inner.row is x.row:
                    return self.parent.guard(outer, take)
            raise CompileError(
                f"The body of a loop decides on a value at {user_line()}, and would "
                "have to decide in every step. Use np.where or gd.cond there."
            )
        found = take(x.value)
        self.guards.append(Guard(x.row, take, found, user_line()))
        return found


class _Active(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []


_ACTIVE = _Active()


def traces_being_made() -> list[Trace]:
    """Return the traces that this thread is making, the innermost last."""
    return list(_ACTIVE.traces)


# -------------------------------------------------- what a condition protects from


def _protected(
    function: Function, args: Sequence[Any], given: Any
) -> tuple[Sequence[Any], Any]:
    """Return the arguments of a call that a condition may protect from an error.

    The call must stay in the innermost body that runs only where a condition holds, so
    what it reads is brought there. Where it fails for the example, for which the
    condition need not hold, it is traced for other values.
    """
    stay = _ACTIVE.traces[-1].protected
    if stay is None:
        return args, given
    lineage: list[Trace] = []
    home: Trace | None = stay
    while home is not None:
        lineage.append(home)
        home = home.parent

    def brought(x: Any) -> Any:
        if kind_of(x) is not Traced or x.home not in lineage or x.home is stay:
            return x
        return Traced(stay, stay.capture(x), x.value)

    found, named = mapped(brought, (tuple(args), dict(given or _NONE)))
    try:
        function(*map(_values, found), **_values(named))
    except (*ARITHMETIC_ERRORS, IndexError):
        return mapped(_plausible, (found, named))
    return found, named


def _plausible(x: Any) -> Any:
    """Return a stand-in with a value of its kind that most functions take."""
    if kind_of(x) is not Traced:
        return x
    number = x.row.number
    value = plausible(x.shape, x.dtype) if number is None else number(1)
    return Traced(x.home, x.row, value)


def _deepest(trace: Trace, x: Any) -> Trace:
    """Return the innermost trace among that of a call and those of its arguments."""
    kind = kind_of(x)
    if kind is Traced:
        return x.home if x.home.level > trace.level else trace
    if kind is float or kind is int:
        return trace
    if kind is slice:
        x = (x.start, x.stop, x.step)
    elif kind is dict:
        x = x.values()
    elif kind is ndarray and x.dtype == object:
        x = x.flat
    elif kind is not tuple and kind is not list:
        return _deepest(trace, x.touched()) if isinstance(x, Traced) else trace
    for v in x:
        trace = _deepest(trace, v)
    return trace


def _noted(found: Any, args: Any) -> Any:
    """Note which results of a call are views, and of what; return the results."""
    for z in found if isinstance(found, SEQUENCES) else (found,):
        if isinstance(z, Traced) and isinstance(z.value, ndarray):
            _note_view(z, args)
    return found


def _note_view(z: Traced, args: Any) -> None:
    for x in args:
        if isinstance(x, SEQUENCES):
            _note_view(z, x)
        elif isinstance(x, Traced) and x.home is z.home and shares(z.value, x.value):
            z.base = x
            x.seen_by(z)
            return


def matrix_or_masked(x: Any) -> bool:
    """Tell whether an array's class means something else by its operators."""
    return kind_of(x) is not ndarray and (
        isinstance(x, np.matrix) or hasattr(x, "mask")
    )


def joined(leaves: Sequence[Any]) -> list[Any]:
    """Return leaves, arrays of nodes and stand-ins (``np.array([x, y])``) as one."""
    return [as_operand(x) if kind_of(x) is ndarray and x.dtype == object else x
            for x in leaves]  # fmt: skip


def _picks_by_value(function: Any, args: Any) -> bool:
    """Tell whether the values of operands decide how many entries a result has."""
    if function is not operator.getitem:
        return function in _PICKING or (function is np.where and len(args) == 1)
    parts = args[1] if isinstance(args[1], TUPLE) else args[1:]
    return any(isinstance(x, Row) and x.dtype == np.bool_ for x in parts)


_PICKING: set[Any] = {
    np.nonzero, np.flatnonzero, np.argwhere, np.compress, np.extract, np.trim_zeros,
    np.delete, np.repeat, np.unique, np.unique_all, np.unique_counts, np.unique_values,
    np.unique_inverse, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d,
}  # fmt: skip


def _refuse_hidden(function: Any, value: Any) -> None:
    """Raise if a function called back into the trace: its rows would be frozen."""
    if first_stand_in(value) is not None:
        raise EscapeError(
            f"{getattr(function, '__name__', function)} was given a Python function "
            "that reads a value of the compiled function from outside its arguments, "
            "which would be frozen. Pass that value as an argument, or write the "
            "operation for whole arrays."
        )


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
    return leaf(x)


def _values(x: Any) -> Any:
    """Replace stand-ins by their values for the example."""
    return mapped(_value, x)


def _value(x: Any) -> Any:
    kind = kind_of(x)
    if kind is Traced:
        return x.value
    return _values(x.tolist()) if kind is ndarray and x.dtype == object else x


def user_line() -> str:
    """Return file and line of the innermost frame outside this library and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_internal(frame):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def _in_forward() -> bool:
    """Tell whether the function that asks for entries is one that ``whole`` runs.

    Such a function, as a rule's forward, is one row where it looks at entries. Frames
    are only looked at where a trace is asked for entries, so that rules cost nothing.
    """
    caller = sys._getframe(2).f_back
    return caller is not None and caller.f_code is whole.__code__


# ------------------------------------------------------------------ the stand-in itself


def _binary(ufunc: Any, plain: Function) -> tuple[Function, Function]:
    """Return an operator and its reflected form."""
    is_power = plain is _power

    def run(x: Any, y: Any) -> Any:
        if _ACTIVE.traces and may_raise(plain, (x, y)):
            (x, y), _ = _protected(plain, (x, y), None)
        kind = kind_of(y)
        if isinstance(y, vertex):
            return NotImplemented
        trace, row = x.home, x.row
        if kind is Traced and y.home is trace:
            number = y.row.number
            value_of_y, row_of_y, operands = y.value, y.row, [row, y.row]
        elif kind is float or kind is int or kind is bool:
            number, value_of_y, row_of_y, operands = kind, y, y, [row]
        elif y is None or kind is str:
            return NotImplemented
        elif _repeats(ufunc, x, kind):
            return x._whole_number("repeating a list") * y
        else:
            return _called(ufunc, plain, x, y)
        if row.number is float and number is not complex and not is_power:
            function: Any = ufunc  # the commonest case, as the rule below has it
        else:
            function = _function_of(ufunc, plain, x, y, row.number, number)
        try:
            value = plain(x.value, value_of_y)
        except (*ARITHMETIC_ERRORS, TypeError) as error:
            return trace.at_pole(ufunc, function, (x, y), error)
        made = Row(function, (row, row_of_y), _NONE, operands, value, len(trace.rows))
        trace.rows.append(made)
        return Traced(trace, made, value)

    def reflected(x: Any, y: Any) -> Any:
        if _ACTIVE.traces and may_raise(plain, (y, x)):
            (y, x), _ = _protected(plain, (y, x), None)
        if isinstance(y, vertex):
            return NotImplemented
        kind = kind_of(y)
        if _repeats(ufunc, x, kind):
            return y * x._whole_number("repeating a list")
        return _called(ufunc, plain, y, x)

    return run, reflected


def _called(ufunc: Any, plain: Function, x: Any, y: Any) -> Any:
    """Return the result of an operator on any two operands, one of them traced."""
    inside = first_vertex(x, y)
    if inside is not None:
        return inside.__array_ufunc__(ufunc, "__call__", x, y)
    function = _function_of(ufunc, plain, x, y, _number_of(x), _number_of(y))
    trace = x.home if kind_of(x) is Traced else y.home
    if not (is_scalar(_value(x)) and is_scalar(_value(y))):
        return trace.call(ufunc, (x, y), None)
    trace = _deepest(trace, (x, y))
    try:
        value = plain(_value(x), _value(y))
    except (*ARITHMETIC_ERRORS, TypeError) as error:
        return trace.at_pole(ufunc, function, (x, y), error)
    operands: list[Row] = []
    rows = tuple([trace._rows(v, operands) for v in (x, y)])
    return trace.result(function, rows, _NONE, operands, value)


def _function_of(
    ufunc: Any, plain: Function, x: Any, y: Any, number: Any, other: Any
) -> Function:
    """Return the function of an operator's row: Python's, or NumPy's.

    The class of a power of Python integers depends on the sign of the exponent.
    """
    if not is_python(number, other):
        return _of.pow if plain is _power and not _is_real_power(x, y) else ufunc
    if plain is not _power:
        return plain
    if number in WHOLE and other is int and kind_of(y) is Traced:
        asked = y >= 0
        asked.home.guard(asked, bool)
    return _of.pow


def _is_real_power(x: Any, y: Any) -> bool:
    """Tell whether ``**`` is ``np.power`` here: of arrays of floats.

    It is for an exponent that is an array, too, though one without axes.
    """
    values = _value(x), _value(y)
    if all(map(is_scalar, values)):
        return False
    if isinstance(values[1], ndarray) and not values[1].shape:
        return True
    return all(dtype_of(v).kind == "f" or not np.ndim(v) for v in values)


def _number_of(x: Any) -> type | None:
    """Return the class of the Python number that a value is, or stands for."""
    return x.row.number if kind_of(x) is Traced else class_of(x)


def _repeats(ufunc: Any, x: Traced, kind: type) -> bool:
    """Tell whether a product with this class of sequence repeats it, as with an int."""
    return (
        ufunc is np.multiply
        and (kind is list or kind is tuple or kind is str or kind is bytes)
        and isinstance(x.value, (int, np.integer))
    )


def _power(x: Any, y: Any) -> Any:
    """Return x ** y; refuse the complex root that Python takes of a real number."""
    z = x**y
    if type(z) is complex and type(x) is not complex and type(y) is not complex:
        raise ValueError
    return z


def _unary(ufunc: Any, plain: Function) -> Function:
    """Return an operator on one operand."""

    def run(x: Traced) -> Any:
        number = x.row.number
        if number is None:
            return ufunc(x)
        function = plain if is_python(number) else ufunc
        try:
            value = plain(x.value)
        except (*ARITHMETIC_ERRORS, TypeError) as error:
            return x.home.at_pole(ufunc, function, (x,), error)
        return x.home.result(function, (x.row,), _NONE, [x.row], value)

    return run


class Traced(stand_in):
    """A value in a trace: see ``stand_in``."""

    __slots__ = ("__weakref__", "base", "cut", "home", "row", "value", "views")
    __array_priority__: float = 900.0
    __pandas_priority__: int = 5000

    def __init__(self, trace: Trace, row: Row, value: Any) -> None:
        """Stand for the result of a row, with its value for the example."""
        self.home: Trace = trace
        self.row: Row = row
        self.value: Any = value
        self.base: Any = None
        self.cut: Any = None
        self.views: list[weakref.ref[Traced]] | None = None

    def seen_by(self, view: Traced) -> None:
        """Enter a view that is up to date."""
        if self.views is None:
            self.views = []
        self.views.append(weakref.ref(view))

    def touched(self) -> Traced:
        """Return this, made again from its base where that was written."""
        _ = self.row
        return self

    def fixed(self) -> Traced:
        """Return a handle that nobody else can write into."""
        if not isinstance(self.value, ndarray):
            return self
        return Traced(self.home, self.row, self.value)

    def guarded(self) -> Traced:
        """Return a handle that nobody can write into."""
        made = self.fixed()
        if made is not self:
            made.base, made.value = self, self.value.view()
            made.value.flags.writeable = False
        return made

    def laid_out(self, before: Any) -> Traced:
        """Return an array that lies in memory as another one, or by itself."""
        made, value = self, np.asarray(self.value)
        like = before.value if isinstance(before, Traced) else before
        if like is None:
            value = value if value.flags.forc else np.copy(value, order="K")
        else:
            self.home.wrote()
            if value.strides != like.strides:
                value = laid_out(value, like)
        if not isinstance(self.value, ndarray):
            made = self.home.call(np.asarray, (self,), None)
        return Traced(self.home, made.row, value)

    @property
    def shape(self) -> Any:
        """The shape, as it will be in every call."""
        return self.row.shape

    @property
    def dtype(self) -> Any:
        """The dtype, as it will be in every call."""
        return self.row.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    def whole(self, function: Any, operands: Sequence[Any], given: Any) -> Any:
        """Return the result of a function, run as one row."""
        if function is getitem and kind_of(operands[0]) is ndarray:  # a traced index
            return self.home.call(operator.getitem, (*operands, given["index"]), None)
        return self.home.call(function, operands, given)

    def over(self, f: Function, seeds: Any) -> list[Any]:
        """Return the results of ``f`` for each seed, stacked; ``f`` is traced once."""
        return MAPS[0](self.home.innermost(), f, seeds)

    @property
    def example(self) -> Any:
        """The value for the example."""
        return self.value

    @property
    def may_decide(self) -> bool:
        """Whether a guard can be kept: not of what a loop, branch or map repeats."""
        return self.home.parent is None

    @property
    def is_number(self) -> bool:
        """Whether this stands for a Python number, which adopts others' dtypes."""
        return self.row.number is not None

    def as_number(self) -> Traced:
        """Return the result of the last row as the Python number that it is."""
        row = self.row
        if row.number is None and row.shape == () and row.dtype == np.float64:
            self.value, row.number = float(self.value), float
        return self

    def like(self, value: Any) -> Any:
        """Return this as a Python number where the value is one."""
        number = type(value) is float or is_number(value)
        if not number or self.row.number is not None or self.dtype != np.float64:
            return self
        return self.home.call(float, (self,), None)

    def refuse_nan(self) -> None:
        """Say that the program is wrong for arguments that make this hold a nan."""
        self.home.checks.append(self.row)

    def __repr__(self) -> str:
        """Show what is known; the entries are those of the example only."""
        return f"traced({self.dtype}, shape {self.shape}, for example {self.value})"

    def __divmod__(self, y: Any) -> tuple[Any, Any]:
        """Return quotient and remainder."""
        return self // y, self % y

    def __rdivmod__(self, y: Any) -> tuple[Any, Any]:
        """Return quotient and remainder."""
        return y // self, y % self

    def __format__(self, spec: str) -> str:
        """Format the example's value."""
        return format(self.value, spec)

    def __getitem__(self, index: Any) -> Any:
        """Index as NumPy does; a view remembers its index."""
        z = self.home.call(operator.getitem, (self, index), None)
        if isinstance(z, Traced) and z.base is self:
            z.cut = index
        return z

    def __len__(self) -> int:
        """Return the length of the first axis."""
        if not self.shape:
            raise TypeError("len() of a number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the first axis."""
        if not self.shape:
            raise TypeError("iteration over a number")
        return (self[i] for i in range(self.shape[0]))

    def __bool__(self) -> bool:
        """Return the truth for the example: a guard. A rule's forward is one row."""
        if _in_forward():
            raise escape("a branch on a value inside a rule")
        return self.home.guard(self, bool)

    def _whole_number(self, what: str) -> int:
        if self.dtype.kind not in "biu":
            raise escape(what)
        return self.home.guard(self, int)

    def __int__(self) -> int:
        """Return an integer or boolean for the example, a guard; refuse a float."""
        return self._whole_number("int(x)")

    def __index__(self) -> int:
        """Return an integer for the example, a guard; refuse a float."""
        if _in_forward():
            raise escape("an index made of x inside a rule")
        return self._whole_number("using x as an integer")

    def __hash__(self) -> int:
        """Return an integer's hash, a guard; refuse a float."""
        if self.shape != () or self.dtype.kind not in "biu":
            raise escape("x as a key of a dictionary or set")
        return hash(self._whole_number("hash(x)"))

    def __float__(self) -> float:
        """Return a number that is made of integers, a guard; refuse a float."""
        if self.shape == () and _is_of_integers(self.row):
            return self.home.guard(self, float)
        raise escape("float(x) or math.f(x)")

    def __complex__(self) -> complex:
        """Return an integer as a complex number, a guard; refuse a float."""
        return complex(self._whole_number("complex(x)"))

    def __round__(self, digits: Any = None) -> Any:
        """Return an integer as Python does, or ``np.round`` to so many digits."""
        return self._rounded(round, np.round) if digits is None else np.round(
            self, digits  # type: ignore[call-overload]
        )  # fmt: skip

    def __floor__(self) -> Any:
        """Return an integer as Python does; of an array ``np.floor``."""
        return self._rounded(math.floor, np.floor)

    def __ceil__(self) -> Any:
        """Return an integer as Python does; of an array ``np.ceil``."""
        return self._rounded(math.ceil, np.ceil)

    def __trunc__(self) -> Any:
        """Return an integer as Python does; of an array ``np.trunc``."""
        return self._rounded(math.trunc, np.trunc)

    def _rounded(self, of_number: Function, of_array: Any) -> Any:
        f = of_array if self.shape or self.dtype.kind == "c" else of_number
        return self.home.call(f, (self,), None)

    def item(self, *index: int) -> Any:
        """Return a single integer, a guard; refuse a float."""
        return (self[index] if index else self)._whole_number("x.item()")

    def tolist(self) -> Any:
        """Return integers for the example, a guard; refuse floats."""
        return self.__array__().tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return integers or booleans, a guard; refuse floats, if there are any."""
        if not self.size:
            return np.empty(self.shape, self.dtype if dtype is None else dtype)
        if _in_forward():
            raise escape("an array made of x inside a rule")
        if self.dtype.kind in "biu":
            found = np.array(self.home.guard(self, np.array))
            return found if dtype is None else found.astype(dtype)
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise escape(f"an array of dtype {np.dtype(dtype)} made of x")
        entries = object_array(self)
        if dtype is not None:
            return entries  # Python asks for objects
        return self.home.opened.opened(entries, user_line())

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Add a ufunc's call, or one of its methods', as a row."""
        if any(isinstance(x, vertex) for x in inputs):
            return NotImplemented
        inside = first_vertex(inputs, kwargs)
        if inside is not None:
            return inside.__array_ufunc__(ufunc, method, *inputs, **kwargs)
        if kwargs.get("out") is not None or method == "at":
            raise escape("writing into an array with out= or ufunc.at")
        if method != "__call__":
            return self.home.call(getattr(ufunc, method), inputs, kwargs)
        return self.home.call(ufunc, inputs, kwargs)

    def __array_function__(
        self, func: Any, types: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Add any other NumPy function's call as a row."""
        if any(issubclass(t, vertex) for t in types):
            return NotImplemented
        inside = first_vertex(args, kwargs)
        if inside is not None:
            return inside.__array_function__(func, types, args, kwargs)
        if kwargs.get("out") is not None or func in _IN_PLACE:
            raise escape("writing into an array in place")
        if func in _OF_SHAPE:
            return func(*map(_values, args), **kwargs)
        if func is np.astype and args[0] is self:
            return self.astype(*args[1:], **kwargs)
        return self.home.call(func, args, kwargs)

    def astype(self, dtype: Any, **given: Any) -> Any:
        """Return ``np.astype``, which Python's numbers do not have."""
        number, dtype = self.row.number, np.dtype(dtype)
        if number is None:
            return self.home.call(np.astype, (self, dtype), given)
        if number is not complex and dtype == np.float64:
            return self.home.call(float, (self,), None)
        value = np.asarray(self.value).astype(dtype)[()]
        row = self.row
        return self.home.result(np.astype, (row, dtype), _NONE, [row], value)

    def reshape(self, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        """Return ``np.reshape``, the shape as one tuple or several numbers."""
        known = {} if copy is None else {"copy": copy}
        return np.reshape(self, _one(shape), order=order, **known)  # type: ignore

    def transpose(self, *axes: Any) -> Any:
        """Return ``np.transpose``, the axes as one tuple or several numbers."""
        return np.transpose(self, _one(axes) if axes else None)  # type: ignore

    @property
    def T(self) -> Any:  # noqa: N802
        """The transpose."""
        return np.transpose(self)  # type: ignore[arg-type]

    def flatten(self, order: Any = "C") -> Any:
        """Return ``np.ravel``, a copy."""
        return np.ravel(self, order).fixed()  # type: ignore[arg-type]

    @property
    def flat(self) -> Any:
        """The elements one by one; to write into them is to write into this."""
        z: Any = np.reshape(self, (-1,))  # type: ignore[call-overload]
        if z.base is None:
            z.base = self
            self.seen_by(z)
        return z

    def conj(self) -> Any:
        """Return ``np.conjugate``; a real array itself, as NumPy's method does."""
        return np.conjugate(self) if self.dtype.kind == "c" else self  # type: ignore

    conjugate = conj


def _is_of_integers(row: Row) -> bool:
    """Tell whether arithmetic on integers alone made a number.

    It decides as they do: ``np.arange(n / 2)`` asks for the quotient of n / 2 and 1.
    """
    waiting = [row]
    while waiting:
        x = waiting.pop()
        if x.dtype is not None and x.dtype.kind in "biu":
            continue
        known = isinstance(x.function, np.ufunc) or x.function in UFUNCS
        if not x.operands or not known or len(waiting) > 9:
            return False
        waiting += x.operands
    return True


def _one(given: tuple[Any, ...]) -> Any:
    return given[0] if len(given) == 1 else given


def escape(what: str) -> EscapeError:
    """Return the error that says what would freeze a traced value."""
    return EscapeError(
        f"{what} would freeze a value into the compiled function, although it depends "
        "on the arguments. Use NumPy's functions (np.sin(x), np.stack, np.where), or "
        "name the argument in static=, so that each of its values gets a program."
    )


def _method(function: Any) -> Function:
    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


_np: Any = np
_of: Any = operator
for _name in [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "choose",
    "clip",
    "compress",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ptp",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
]:
    setattr(Traced, _name, _method(getattr(_np, _name)))
_ufuncs: list[Any] = [f for f in vars(np).values() if isinstance(f, np.ufunc)]
for _ufunc in _ufuncs:
    # What NumPy calls on the elements of an object array: np.sin -> x.sin().
    if _ufunc.nin == 1 and not hasattr(Traced, _ufunc.__name__):
        setattr(Traced, _ufunc.__name__, _method(_ufunc))
for _name in ("real", "imag"):
    setattr(Traced, _name, property(getattr(_np, _name)))
_compared = ("lt", "le", "gt", "ge", "eq", "ne")
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and",
              "or", "xor", "lshift", "rshift", *_compared):  # fmt: skip
    _plain = getattr(operator, f"__{_name}__")
    _ufunc = np.matmul if _name == "matmul" else UFUNCS[_plain]
    _run, _reflected = _binary(_ufunc, _power if _name == "pow" else _plain)
    setattr(Traced, f"__{_name}__", _run)
    if _name not in _compared:
        setattr(Traced, f"__r{_name}__", _reflected)
for _plain in (_of.neg, _of.pos, _of.abs, inverted):
    _name = "invert" if _plain is inverted else _plain.__name__
    setattr(Traced, f"__{_name}__", _unary(UFUNCS[_plain], _plain))

declare_value(Traced)

MAPS: list[Function] = []
"""What maps a function over seeds in a trace; set by ``compile.mapping``."""
_NONE: Mapping[str, Any] = {}
_DTYPES: Mapping[type, np.dtype[Any]] = {k: np.dtype(k) for k in NUMBERS}
_OF_SHAPE = {
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj,
    np.zeros_like, np.ones_like, np.empty_like, np.can_cast, np.common_type,
}  # fmt: skip
"""Functions that read shapes and dtypes only: their results are constants."""
_IN_PLACE = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal,
             np.put_along_axis}  # fmt: skip
