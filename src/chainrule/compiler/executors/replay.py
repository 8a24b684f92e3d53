"""Replay: run a program with NumPy, from generated text and preallocated buffers.

In: a ``Program``. Out: a ``Replay``, called with the leaves of the arguments. It needs
nothing but NumPy and runs every operation of the library.

The text has one line per row. Scalars are Python floats in ``math``'s arithmetic, about
four times faster than NumPy's scalars; where that raises (a pole, an overflow) the
program runs again by a second text, all in NumPy. Elementwise results of large arrays
are written into buffers, which liveness assigns: a buffer is free again after the last
row that may look at it. Views (a reshape, a slice) keep the buffer of what they show.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import Program, keeps_shape
from chainrule.compiler.programs.signals import GuardFailed, NanFound
from chainrule.compiler.programs.text import (
    Names,
    argument_text,
    expression,
    function_name,
)
from chainrule.compiler.progress import watched
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    is_of_numbers,
    is_of_whole,
    takes_root,
)
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.python_forms import MATH, SCALAR_FORMS
from chainrule.steps.step import compile_text
from chainrule.sweeps.sweep import has_nan
from chainrule.values.shapes import SEQUENCES, TUPLE, kind_of, ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS

_of: Any = operator

_FLOAT = np.dtype(np.float64)
_COMPARED: dict[Any, str] = {
    np.less: "{0} < {1}",
    np.less_equal: "{0} <= {1}",
    np.greater: "{0} > {1}",
    np.greater_equal: "{0} >= {1}",
    np.equal: "{0} == {1}",
    np.not_equal: "{0} != {1}",
}
_SIGN = "1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 if {0} == 0.0 else {0}"
BUFFERED = 1 << 13
"""Elementwise results from this many bytes on are written into buffers."""


class Replay:
    """A program as a function of its inputs' values.

    Threads may call it at once: each call takes a set of buffers, and makes one if none
    is free.
    """

    name = "numpy"

    def __init__(self, program: Program) -> None:
        """Do nothing yet: buffers and text are made when they are first needed."""
        self.program = program
        self._free: list[tuple[Any, ...]] = []
        self._quick: Callable[..., Any] | None = None
        self._careful: Callable[..., Any] | None = None

    @functools.cached_property
    def buffers(self) -> tuple[dict[Row, int], list[Place]]:
        """The number of each buffered row's buffer, and what each buffer is like."""
        return _buffers(self.program)

    @functools.cached_property
    def _scalar(self) -> bool:
        """Whether all of it is arithmetic of Python floats."""
        program = self.program
        return all(x.number in (float, int) for x in program.inputs) and all(
            x.function is float
            or _scalar_form(x) is not None
            or (x.function in UFUNCS and is_of_whole(x))
            for x in program.rows
        )

    @property
    def workspace(self) -> int:
        """The bytes of one set of buffers."""
        return sum(
            int(np.prod(shape)) * dtype.itemsize for shape, dtype in self.buffers[1]
        )

    def __call__(self, *leaves: Any) -> Any:
        """Run the program; raise ``GuardFailed`` or ``NanFound`` where it is wrong."""
        run = self._quick
        if run is None:
            run = self._quick = _compiled(self.program, self.buffers[0], quick=True)
        if self._scalar:
            try:
                return run((), *leaves)
            except ARITHMETIC_ERRORS:
                return self._run_carefully((), leaves)
        try:
            held = self._free.pop()
        except IndexError:
            held = tuple(np.empty(shape, dtype) for shape, dtype in self.buffers[1])
        try:
            with np.errstate(all="ignore"):
                try:
                    return run(held, *leaves)
                except ARITHMETIC_ERRORS:
                    return self._run_carefully(held, leaves)
        finally:
            self._free.append(held)

    def _run_carefully(self, held: Any, leaves: Sequence[Any]) -> Any:
        run = self._careful
        if run is None:
            run = _compiled(self.program, self.buffers[0], quick=False)
            self._careful = run
        with np.errstate(all="ignore"):
            return run(held, *leaves)

    def shares(self) -> dict[str, float]:
        """Return nothing: all rows are NumPy's."""
        return {}

    def poison(self) -> None:
        """Fill the free buffers with nan, so that an unwritten read shows."""
        for held in self._free:
            for buffer in held:
                buffer.fill(np.nan if buffer.dtype.kind in "fc" else 1)


# --------------------------------------------------------------------------- buffers

Place = tuple[tuple[int, ...], np.dtype[Any]]


def _looked_at(row: Row) -> list[Row]:
    """Return the operands whose memory a result may look at."""
    return [] if _is_number(row) or is_fresh(row) else row.operands


def _shows(row: Row, seen: set[Row]) -> bool:
    """Tell whether a result may look at memory of an input, or at what is ``seen``.

    The rows whose memory it may look at are seen from then on.
    """
    found, rest = False, [row]
    while rest:
        x = rest.pop()
        if x in seen or not x.operands:
            found = True
        elif _is_number(x):
            continue  # a number holds no memory
        if x not in seen:
            seen.add(x)
            rest += _looked_at(x)
    return found


def _is_number(row: Row) -> bool:
    """Tell whether a result is a number, and not an array without axes: a view."""
    if row.number is not None:
        return True
    if row.shape != () or row.dtype is None:
        return False
    if is_fresh(row):
        return True
    if row.function is not operator.getitem:
        return False
    source, index = row.args
    parts = index if isinstance(index, TUPLE) else (index,)
    return isinstance(source, Row) and source.shape is not None and all(
        isinstance(x, (int, np.integer, Row)) for x in parts
    )  # fmt: skip


def is_fresh(row: Row) -> bool:
    """Tell whether a result is surely in memory of its own."""
    f = row.function
    if f is operator.getitem:
        return _fills(row.args[0])  # one of several results
    return isinstance(f, np.ufunc) or f in _FRESH or _fills(row)


def _fills(row: Any) -> bool:
    """Tell whether a row is native code, which writes into arrays that it is given."""
    return isinstance(row, Row) and getattr(row.function, "fills", False)


_FRESH = {np.sum, np.mean, np.prod, np.max, np.min, np.dot, np.where, np.stack,
          np.concatenate, np.cumsum, np.add.reduce}  # fmt: skip


def _buffers(program: Program) -> tuple[dict[Row, int], list[Place]]:
    """Assign buffers to rows: the number of each, and what each is like."""
    if not any(map(_takes_out, program.rows)):
        return {}, []
    until = program.last_uses()
    end = len(program.rows)
    kept = {x for x in program.outputs if isinstance(x, Row)}
    for row in reversed(program.rows):
        for x in _looked_at(row):
            until[x] = max(until.get(x, -1), until.get(row, -1))
            if row in kept:
                kept.add(x)
    free: dict[Place, list[int]] = {}
    ending: dict[int, list[Row]] = {}
    numbers: dict[Row, int] = {}
    places: list[Place] = []

    def release(i: int) -> None:
        for done in ending.pop(i, []):
            free.setdefault(_place(done), []).append(numbers[done])

    items = _items(program)
    for i, row in enumerate(program.rows):
        release(i - 1)
        for made in items.get(row, {0: row}).values():
            if made in kept or made in numbers or not _takes_out(made):
                continue
            if isinstance(made.function, np.ufunc) and made.function.signature is None:
                release(i)  # an elementwise result may take the place of an operand
            place = _place(made)
            if free.get(place):
                numbers[made] = free[place].pop()
            else:
                numbers[made] = len(places)
                places.append(place)
            if until.get(made, -1) < end:
                ending.setdefault(until.get(made, -1), []).append(made)
    return numbers, places


def _items(program: Program) -> dict[Row, dict[int, Row]]:
    """Return the results of rows of native code that have several, by their numbers."""
    found: dict[Row, dict[int, Row]] = {}
    for row in program.rows:
        if row.function is operator.getitem and _fills(row.args[0]):
            found.setdefault(row.args[0], {})[row.args[1]] = row
    return found


def _place(row: Row) -> Place:
    return row.shape, row.dtype  # type: ignore[return-value]


def _takes_out(row: Row) -> bool:
    """Tell whether a row's result can be written into a buffer, and should be."""
    if not row.shape:
        return False  # a number, or several results
    f = row.function
    takes = isinstance(f, np.ufunc) and f.nout == 1 and not row.given
    return (
        (takes or _fills(row) or (f is operator.getitem and _fills(row.args[0])))
        and row.dtype is not None
        and row.dtype.kind in "fcb"
        and math.prod(row.shape) * row.dtype.itemsize >= BUFFERED
    )


# ------------------------------------------------------------------------------- text


def _compiled(
    program: Program, numbers: dict[Row, int], *, quick: bool
) -> Callable[..., Any]:
    """Generate and compile the text of a program."""
    arguments = {x: f"x{i}" for i, x in enumerate(program.inputs)}
    names = Names(arguments)
    space: dict[str, Any] = {**MATH, "np": np, "GuardFailed": GuardFailed,
                             "NanFound": NanFound, "has_nan": has_nan}  # fmt: skip
    names._taken |= set(space)
    guards: dict[Row, list[Any]] = {}
    for guard in program.guards:
        guards.setdefault(guard.row, []).append(guard)
    buffers = "".join(f"b{i}, " for i in range(len(set(numbers.values()))))
    lines = [f"def run(buffers, {', '.join(arguments.values())}):"]
    if buffers:
        lines.append(f"    {buffers}= buffers")
    for x in program.inputs:
        if quick and x.shape == () and x.dtype == _FLOAT and x.number is None:
            lines.append(f"    {arguments[x]} = float({arguments[x]})")
        elif not quick and x.number in (float, complex):
            kind = "float64" if x.number is float else "complex128"
            lines.append(f"    {arguments[x]} = np.{kind}({arguments[x]})")
        lines += _guarded(guards.get(x, []), names)
    items = _items(program)
    used = {x for x in program.outputs if isinstance(x, Row)}
    used = used.union(*(row.operands for row in program.rows))
    with watched(program.rows, "writing", "rows") as rows:
        for row in rows:
            text = _call(row, names, numbers, items, quick=quick)
            if row.function in _COMPARED and row.shape == () and row in used:
                text = f"{'bool' if row.number is bool else 'np.bool_'}({text})"
            name = names.row(row)
            lines.append(f"    {name} = {text}")
            if not keeps_shape(row):
                test = f"np.shape({name}) != {row.shape!r}"
                lines.append(f"    if {test}: raise GuardFailed({row.where!r})")
            if row in guards:
                lines += _guarded(guards[row], names)
    for x in program.checks:
        name = names.row(x)
        test = f"{name} != {name}" if x.shape == () else f"has_nan({name})"
        lines.append(f"    if {test}: raise NanFound")
    lines.append(f"    return ({''.join(f'{r}, ' for r in _returned(program, names))})")
    label = f"program at {id(program):x}" + ("" if quick else ", careful")
    space |= names.constants
    return compile_text("\n".join(lines) + "\n", "run", label, space)


def _guarded(guards: Sequence[Any], names: Names) -> list[str]:
    lines: list[str] = []
    for guard in guards:
        name = names.row(guard.row)
        if guard.take is bool:
            test = f"not {name}" if guard.expected else name
        else:
            test = f"not {names.constant(guard.holds, 'holds')}({name})"
        lines.append(f"    if {test}: raise GuardFailed")
    return lines


def _call(
    row: Row, names: Names, numbers: dict[Row, int],
    items: dict[Row, dict[int, Row]], *, quick: bool,
) -> str:  # fmt: skip
    """Return the code of a row."""
    f, args = row.function, row.args
    form = _scalar_form(row) if quick else None
    if form is not None:
        operands = [names.row(x) if isinstance(x, Row) else _number(x, names)
                    for x in args]  # fmt: skip
        return form.format(*operands)
    if is_of_numbers(row) and row.dtype == _FLOAT and not is_of_whole(row):
        base, exponent = (argument_text(x, names) for x in args)
        return f"np.float64({base}) ** {exponent}"
    adopted: Any = names
    if (_is_narrow(row) or _is_narrow(args)) and not (f in UFUNCS and row.number):
        adopted = _Narrow(names)
    if row in items:
        found = items[row]
        places = [numbers.get(found[i]) if i in found else None
                  for i in range(max(found) + 1)]  # fmt: skip
        out = "".join("None, " if k is None else f"b{k}, " for k in places)
        operands = [argument_text(x, adopted) for x in args]
        return f"{function_name(f, names)}({', '.join(operands)}, out=({out}))"
    if row in numbers and f is not operator.getitem:
        operands = [argument_text(x, adopted) for x in args]
        return f"{function_name(f, names)}({', '.join(operands)}, out=b{numbers[row]})"
    return expression(row, adopted, infix=quick)


def _scalar_form(row: Row) -> str | None:
    """Return how a row of float64 numbers is written for Python floats, if it is."""
    if row.given or row.shape != ():
        return None
    f = row.function
    form = _COMPARED.get(f)
    if form is None and row.dtype == _FLOAT and (
        isinstance(f, np.ufunc) or f is _of.pow
    ):  # fmt: skip
        form = _float_form(UFUNCS.get(f, f))
        if takes_root(row):
            form = "sqrt({0})"
        elif f is np.power and row.number is None and isinstance(row.args[1], Row):
            form = "(sqrt({0}) if {1} == 0.5 else pow_({0}, {1}))"
    return form if form is not None and all(map(_is_scalar, row.args)) else None


@functools.cache
def _float_form(f: Any) -> str | None:
    """Return how a ufunc of floats is written for Python floats, if it is."""
    if f is np.trunc:
        return None  # math.trunc loses the sign of a zero
    return _SIGN if f is np.sign else SCALAR_FORMS.get(f.__name__)


def _is_scalar(x: Any) -> bool:
    """Tell whether an argument is a float64 number: a Python float in quick text."""
    kind = kind_of(x)
    if kind is Row:
        return x.shape == () and x.dtype == _FLOAT
    return kind is float or kind is int or kind is np.float64


def _is_narrow(x: Any) -> bool:
    """Tell whether there is a value of less than double precision."""
    if isinstance(x, SEQUENCES):
        return any(map(_is_narrow, x))
    dtype = getattr(x, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fcb":
        return False
    return dtype.itemsize < (16 if dtype.kind == "c" else 8)


def _number(x: Any, names: Names) -> str:
    x = float(x)
    text = repr(x)
    if "n" in text:  # inf and nan
        return names.constant(x, "number")
    return f"({text})" if text[0] == "-" else text


class _Narrow:
    """Names for a call in single precision, which only numbers adopt."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def row(self, row: Row) -> str:
        """Return the row's name in the class that NumPy's promotion asks for."""
        name = self._names.row(row)
        if row.number is complex:
            return f"complex({name})"
        if row.shape != () or row.dtype != _FLOAT:
            return name
        return f"float({name})" if row.number is float else f"np.float64({name})"

    def constant(self, x: Any, name: str) -> str:
        """Return the name of a value."""
        return self._names.constant(x, name)


def _returned(program: Program, names: Names) -> list[str]:
    """Return the code of the results, copied where memory is not theirs alone."""
    seen = set[Row]()
    found: list[str] = []
    for x in program.outputs:
        text = argument_text(x, names)
        if not isinstance(x, Row):
            found.append(f"{text}.copy()" if isinstance(x, ndarray) else text)
            continue
        if x.shape == () and x.dtype == _FLOAT:
            kind = "float" if x.number is float else "np.float64"
            found.append(f"{kind}({text})")
            continue
        if x.number is not None:
            found.append(f"complex({text})" if x.number is complex else text)
            continue
        if _shows(x, seen):
            copied = f"{text}.copy()"
            # A loop or a branch may have handed on an int of Python's.
            whole = x.shape == () and x.dtype.kind in "biu"
            text = (
                f"{text} if isinstance({text}, int) else {copied}" if whole else copied
            )
        found.append(text)
    return found
