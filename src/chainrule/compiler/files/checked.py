"""The first run of a program from a file, in which each row is compared with the file.

In: a program and the values of its inputs. Out: nothing, or ``FileError``. Native code
reads and writes as many entries as a program says that a value has. A program that was
not traced here is therefore run once row by row, by the functions themselves, before
anything else runs it. All shapes are the same in later calls, but for those of rows
whose shape depends on values, at which every executor looks in every call.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.executors.choice import Choice
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.files.errors import require
from chainrule.compiler.files.programs import Limits
from chainrule.compiler.files.sizes import check_sizes
from chainrule.compiler.native.threads import Team
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.signals import GuardFailed
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    at_numpy_pole,
    is_of_numbers,
    is_of_whole,
)
from chainrule.compiler.tracing.rows import NUMBERS, Guard, Row
from chainrule.compiler.tracing.shapes import keeps_shape
from chainrule.locks import lock
from chainrule.rules import traits_of
from chainrule.values.quiet import quietly
from chainrule.values.shapes import kind_of, ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS

_of: Any = operator
Given = float | NDArray[Any]
"""What a program is given: numbers and arrays."""


class Checked(Choice):
    """The executor of a program from a file: chosen after it was run and compared."""

    def __init__(self, program: Program, limits: Limits) -> None:
        """Choose nothing yet."""
        self.program = program
        self.run: Any = Replay(program)
        self.reason: str = "from a file, not run yet"
        self.teams: list[Team] = []
        self.call: Any = self._first
        self._deciding = lock()
        self._limits = limits

    def _first(self, *leaves: Given) -> Any:
        options = self._limits.options
        if not check(self.program, leaves, self._limits):
            options = replace(options, executor="numpy")
        super().__init__(self.program, options)
        return self.call(*leaves)


class CheckedRun:
    """The body of a loop or a branch, which is compared when it is first run."""

    def __init__(self, program: Program, limits: Limits) -> None:
        """Run nothing yet."""
        self.program = program
        self._limits = limits
        self._run: Replay | None = None
        self.exact: bool = True
        """Whether all dtypes are those of the file."""

    @property
    def compared(self) -> bool:
        """Whether it was compared."""
        return self._run is not None

    def check(self, *leaves: Given) -> None:
        """Compare it with a run on these leaves, unless it was."""
        if self._run is None:
            self.exact = check(self.program, leaves, self._limits)
            self._run = Replay(self.program)

    def __call__(self, *leaves: Given) -> Any:
        """Run it."""
        self.check(*leaves)
        return self._run(*leaves)  # type: ignore[misc]


VARYING = "a dtype that depends on values"


def check(program: Program, leaves: Sequence[Any], limits: Limits) -> bool:
    """Run a program row by row; raise where a result is not what it says.

    Return whether all dtypes are as it says, too: that of ``eigvals`` depends on
    values, and then NumPy alone may run the program. It raises ``GuardFailed`` where
    the values take another path, and the function's own errors.
    """
    return quietly(_check, program, leaves, limits)


def _check(program: Program, leaves: Sequence[Any], limits: Limits) -> bool:
    require(len(leaves) == len(program.inputs), "a program has other inputs")
    known: dict[Row, Any] = {}
    guards: dict[Row, list[Guard]] = {}
    for guard in program.guards:
        guards.setdefault(guard.row, []).append(guard)
    last, exact = program.last_uses(), True
    for row, x in zip(program.inputs, leaves, strict=True):
        if row in last and row.shape is not None:  # else a loop may give it anything
            exact &= _compare(row, x)
        known[row] = x
        _decide(guards.get(row, ()), x)
    for i, row in enumerate(program.rows):
        value = called(row, known, limits)
        if row.shape is not None:
            if np.shape(value) != row.shape and not keeps_shape(row):
                raise GuardFailed(row.where)
            exact &= _compare(row, value)
        known[row] = value
        _decide(guards.get(row, ()), value)
        for x in row.operands:
            if last[x] == i:
                known.pop(x, None)
    return exact


def _decide(guards: Sequence[Guard], value: Any) -> None:
    if not all(g.holds(value) for g in guards):
        raise GuardFailed


def _compare(row: Row, x: Any) -> bool:
    """Raise if a value is not like a row's results; tell if its dtype is the same."""
    own: Any = kind_of(x)
    kind: Any = np.dtype(own) if own in NUMBERS else getattr(x, "dtype", None)
    same = np.shape(x) == row.shape
    if same and kind == row.dtype:
        return True
    varies = row.function is not None and not traits_of(row.function).entrywise
    require(
        same and varies and kind is not None and np.can_cast(kind, row.dtype),
        f"{row} has results of shape {np.shape(x)} and dtype {kind}, "
        f"where {row.shape} and {row.dtype} are written",
    )
    return False


def called(row: Row, known: Mapping[Row, Any], limits: Limits | None = None) -> Any:
    """Return the result of a row, as NumPy runs it."""
    function = row.function
    args: Any = tuple([replaced(x, known) for x in row.args])
    given = {k: replaced(x, known) for k, x in row.given.items()}
    if limits is not None:
        check_sizes(row, args, given, limits)
    if function is operator.getitem and (
        isinstance(row.args[0], (list, tuple)) or row.args[0].shape == ()
    ):
        args = (np.asarray(args[0]), *args[1:])
    if function is np.astype and row.shape == ():
        args = (np.asarray(args[0]), *args[1:])
    if is_of_numbers(row) and row.dtype == np.float64 and not is_of_whole(row):
        function, args = _of.pow, (np.float64(args[0]), args[1])
    try:
        value = function(*args, **given)
    except ARITHMETIC_ERRORS:
        if function not in UFUNCS or is_of_whole(row):
            raise
        value = at_numpy_pole(function, args)
    if row.number is not None and kind_of(value) is not row.number:
        value = row.number(value)
    elif row.shape == () and isinstance(value, ndarray):
        value = value[()]
    return value


__all__ = ["VARYING", "Checked", "CheckedRun", "Given", "called", "check"]
