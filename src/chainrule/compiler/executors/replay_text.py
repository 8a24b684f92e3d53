"""The text of a program that NumPy runs: one line per row, then guards and checks.

In: a ``Program`` and the numbers of its buffers. Out: a function, quick (Python floats
in ``math``'s arithmetic) or careful (all in NumPy).
"""

from __future__ import annotations

import itertools
import operator
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compiler.executors.buffers import (
    FREED,
    bytes_of,
    may_share,
    native_results,
    written_in_place,
)
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import GuardFailed, NanFound
from chainrule.compiler.programs.text import (
    Names,
    argument_text,
    expression,
    function_name,
)
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    is_of_numbers,
    is_of_whole,
    takes_root,
)
from chainrule.compiler.tracing.rows import Function, Guard, Row
from chainrule.compiler.tracing.shapes import keeps_shape
from chainrule.progress import watched
from chainrule.rules import rule_of, traits_of
from chainrule.rules.expressions import tests
from chainrule.rules.python_forms import MATH, python_form
from chainrule.rules.supports import has_nan
from chainrule.steps.text import compile_text, forget_with
from chainrule.values.shapes import SEQUENCES, kind_of, ndarray

_of: Any = operator

_FLOAT, _BOOL = np.dtype(np.float64), np.dtype(np.bool_)
_DOUBLE = _FLOAT, np.dtype(np.complex128)


def compile_program(
    program: Program, numbers: Mapping[Row, int], *, quick: bool
) -> Callable[..., tuple[Any, ...]]:
    """Generate and compile the text of a program; ``numbers`` are those of buffers."""
    text = _Text(program, numbers, quick=quick)
    lines = [*text.head(), *text.body(), *text.checks(), text.returned()]
    try:
        number = _FREE.popleft()
    except IndexError:
        number = next(_NUMBERS)
    label = f"program {number}" + ("" if quick else ", careful")
    space = {**_SPACE, **text.names.constants}
    run: Any = compile_text("\n".join(lines) + "\n", "run", label, space)
    forget_with(run)
    weakref.finalize(run, _FREE.append, number).atexit = False
    return run


_NUMBERS = itertools.count(1)
_FREE: deque[int] = deque()
"""Numbers of programs that are gone: new ones take their names."""
_SPACE: Mapping[str, Any] = {
    **MATH,
    "np": np,
    "GuardFailed": GuardFailed,
    "NanFound": NanFound,
    "has_nan": has_nan,
}
"""The names that every text may use."""


class _Text:
    """The lines of a program's function."""

    def __init__(
        self, program: Program, numbers: Mapping[Row, int], *, quick: bool
    ) -> None:
        self.program = program
        self.numbers = numbers
        self.quick = quick
        inputs = {x: f"x{i}" for i, x in enumerate(program.inputs)}
        self.names: Names = Names(inputs, inline=0)  # made once, not in each call
        self.names._taken |= set(_SPACE)
        self.items: Mapping[Row, Mapping[int, Row]] = native_results(program)
        self.in_place: set[Row] = written_in_place(program)
        self.guards: dict[Row, list[Guard]] = {}
        for guard in program.guards:
            self.guards.setdefault(guard.row, []).append(guard)

    def head(self) -> list[str]:
        """Return what names the buffers and inputs, and guards these."""
        arguments = [self.names.row(x) for x in self.program.inputs]
        buffers = "".join(f"b{i}, " for i in range(len(set(self.numbers.values()))))
        lines = [f"def run(buffers, {', '.join(arguments)}):"]
        if buffers:
            lines.append(f"    {buffers}= buffers")
        for x, name in zip(self.program.inputs, arguments, strict=True):
            if self.quick and x.shape == () and x.dtype == _FLOAT and x.number is None:
                lines.append(f"    {name} = float({name})")
            elif not self.quick and x.number in (float, complex):
                kind = "float64" if x.number is float else "complex128"
                lines.append(f"    {name} = np.{kind}({name})")
            lines += self._guarded(x)
        return lines

    def body(self) -> list[str]:
        """Return a line for each row, and those that look at guards and shapes."""
        lines: list[str] = []
        used = {x for x in self.program.outputs if isinstance(x, Row)}
        used = used.union(*(row.operands for row in self.program.rows))
        ending = self._ending()
        with watched(self.program.rows, "writing", "rows") as rows:
            for i, row in enumerate(rows):
                text = self._call(row)
                if row in self.in_place:
                    text = self.names.row(row.args[0])
                    lines += [f"    {text}{change}" for change in self._changes(row)]
                is_bool = row.shape == () and row.dtype == _BOOL
                if is_bool and row in used and _is_test(row.function):
                    text = f"{'bool' if row.number is bool else 'np.bool_'}({text})"
                name = self.names.row(row)
                lines.append(f"    {name} = {text}")
                if not keeps_shape(row):
                    test = f"np.shape({name}) != {row.shape!r}"
                    lines.append(f"    if {test}: raise GuardFailed({row.where!r})")
                if row in self.guards:
                    lines += self._guarded(row)
                if i in ending:
                    gone = ", ".join(map(self.names.row, ending[i]))
                    lines.append(f"    del {gone}")
        return lines

    def _ending(self) -> dict[int, list[Row]]:
        """Return large arrays that have no buffer, by the number of the last reader."""
        ending: dict[int, list[Row]] = {}
        for row, i in self.program.last_uses().items():
            if row.operands and row not in self.numbers and bytes_of(row) >= FREED:
                ending.setdefault(i, []).append(row)
        return ending

    def _changes(self, row: Row) -> list[str]:
        """Return what a row does to its first operand's array, in place."""
        if "index" in row.given:
            changes = [(row.given["index"], "=", row.args[1])]
        else:
            indices = row.given["indices"][1:]
            pairs = zip(indices, row.args[1:], strict=True)
            changes = [(index, "+=", part) for index, part in pairs]
        return [
            f"[{argument_text(i, self.names)}] {sign} {argument_text(x, self.names)}"
            for i, sign, x in changes
        ]

    def _guarded(self, row: Row) -> list[str]:
        """Return what looks at the decisions on a row."""
        lines: list[str] = []
        name = self.names.row(row)
        for guard in self.guards.get(row, ()):
            if guard.take is bool:
                test = f"not {name}" if guard.expected else name
            else:
                test = f"not {self.names.constant(guard.holds, 'holds')}({name})"
            lines.append(f"    if {test}: raise GuardFailed")
        return lines

    def checks(self) -> list[str]:
        """Return what looks for nan."""
        lines: list[str] = []
        for x in self.program.checks:
            name = self.names.row(x)
            test = f"{name} != {name}" if x.shape == () else f"has_nan({name})"
            lines.append(f"    if {test}: raise NanFound")
        return lines

    def _call(self, row: Row) -> str:
        """Return the code of a row."""
        f, args, names = row.function, row.args, self.names
        form = scalar_form(row) if self.quick else None
        if form is not None:
            operands = [
                names.row(x) if isinstance(x, Row) else _number(x, names) for x in args
            ]
            return form.format(*operands)
        if is_of_numbers(row) and row.dtype == _FLOAT and not is_of_whole(row):
            base, exponent = (argument_text(x, names) for x in args)
            return f"np.float64({base}) ** {exponent}"
        adopted: Any = names
        if (_is_narrow(row) or _is_narrow(args)) and not (f in UFUNCS and row.number):
            adopted = _Narrow(names)
        out = self._out(row)
        if out is None:
            return expression(_direct(row), adopted, infix=self.quick)
        operands = [argument_text(x, adopted) for x in args]
        return f"{function_name(f, names)}({', '.join(operands)}, out={out})"

    def _out(self, row: Row) -> str | None:
        """Return the buffers that a row is written into, if it has some."""
        if row in self.items:
            items = self.items[row]
            buffers = [
                self.numbers.get(items[i]) if i in items else None
                for i in range(max(items) + 1)
            ]
            return f"({''.join('None, ' if k is None else f'b{k}, ' for k in buffers)})"
        if row in self.numbers and row.function is not operator.getitem:
            return f"b{self.numbers[row]}"
        return None

    def returned(self) -> str:
        """Return the line that returns the results."""
        results = _returned(self.program, self.names)
        return f"    return ({''.join(f'{x}, ' for x in results)})"


def _direct(row: Row) -> Row:
    """Return a reduction as its ufunc's, without the layers of Python around that."""
    known, args, given = traits_of(row.function), row.args, row.given
    if known.reduces is None or known.averages or len(args) != 1:
        return row
    if type(args[0]) is not Row or not args[0].shape or given.keys() - _OF_REDUCE:
        return row
    axis = named(row.function, args, given)["axis"]
    return row.with_call(known.reduces.reduce, args, {**given, "axis": axis})


_OF_REDUCE = {"axis", "keepdims"}


def scalar_form(row: Row) -> str | None:
    """Return how a row of float64 numbers is written for Python floats, if it is."""
    if row.given or row.shape != ():
        return None
    f = row.function
    form = None
    if row.dtype != _FLOAT:
        form = _float_form(f) if _is_test(f) else None
    elif isinstance(f, np.ufunc) or f is _of.pow:
        form = _float_form(UFUNCS.get(f, f))
        if takes_root(row):
            form = "sqrt({0})"
        elif f is np.power and row.number is None and isinstance(row.args[1], Row):
            form = "(sqrt({0}) if {1} == 0.5 else pow_({0}, {1}))"
    return form if form is not None and all(map(_is_scalar, row.args)) else None


def _is_test(f: Function) -> bool:
    """Tell whether a ufunc compares or tests numbers."""
    operation = rule_of(f) if isinstance(f, np.ufunc) else None
    return operation is not None and tests(operation)


def _float_form(f: Function) -> str | None:
    """Return how a ufunc of floats is written for Python floats, if it is."""
    operation = rule_of(f)
    return None if operation is None else python_form(operation)


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
        self.inline: int = names.inline

    def row(self, row: Row) -> str:
        """Return the row's name in the class that NumPy's promotion asks for."""
        name = self._names.row(row)
        if row.shape != () or row.dtype not in _DOUBLE:
            return name
        return f"{_class_of(row)}({name})"

    def constant(self, x: Any, name: str) -> str:
        """Return the name of a value."""
        return self._names.constant(x, name)


def _class_of(row: Row) -> str:
    """Return the class of a number, Python's or NumPy's."""
    return f"np.{row.dtype.name}" if row.number is None else row.number.__name__


def _returned(program: Program, names: Names) -> list[str]:
    """Return the code of the results, copied where memory is not theirs alone."""
    seen = set[Row]()
    results: list[str] = []
    for x in program.outputs:
        text = argument_text(x, names)
        if not isinstance(x, Row):
            results.append(f"{text}.copy()" if isinstance(x, ndarray) else text)
            continue
        if x.shape == () and x.dtype in _DOUBLE:
            results.append(f"{_class_of(x)}({text})")
            continue
        if x.number is not None:
            results.append(text)
            continue
        if may_share(x, seen):
            copied = f"{text}.copy()"
            # A loop or a branch may have handed on an int of Python's.
            whole = x.shape == () and x.dtype.kind in "biu"
            text = (
                f"{text} if isinstance({text}, int) else {copied}" if whole else copied
            )
        results.append(text)
    return results
