"""The verifier: what must hold of a program after every pass.

In: a program and the name of a stage. Out: nothing, or ``InvalidProgramError``, which
says what does not hold. The tests run it after each pass; see ``passes.OBSERVERS``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.programs.common_subexpressions import call_key
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row, mapped, rows_in
from chainrule.compiler.tracing.shapes import keeps_shape
from chainrule.errors import ChainruleError
from chainrule.values.shapes import ndarray

SMALL = 1_000
"""Calls are run again, for their shapes and dtypes, in programs of up to so many rows,
and if their results have up to so many entries."""


class InvalidProgramError(ChainruleError):
    """A pass has made a program that does not repeat the trace."""


def verify(stage: str, program: Program) -> None:
    """Raise if a program is not what it should be at a stage."""
    _check_order(stage, program)
    for row in program.rows:
        _check_row(stage, row)
    if stage != "traced":
        _check_uses(stage, program)
    if stage in ("cse", "loops", "scatters"):
        _check_calls(stage, program)
    if len(program.rows) <= SMALL:
        for row in program.rows:
            if isinstance(row.function, np.ufunc) and not row.given:
                _check_result(stage, row)


def _require(holds: bool, stage: str, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise InvalidProgramError(f"After {stage!r}: {what}.")


def _check_order(stage: str, program: Program) -> None:
    """Look whether each row stands once, after its operands, and before the ends."""
    known = set(program.inputs)
    _require(len(known) == len(program.inputs), stage, "an input stands twice")
    for x in program.inputs:
        _require(x.function is None, stage, f"the input {x} has a function")
    for row in program.rows:
        _require(row not in known, stage, f"{row} stands twice")
        for x in row.operands:
            _require(x in known, stage, f"{row} reads {x}, which is not computed yet")
        known.add(row)
    for x in program.outputs:
        _require(not isinstance(x, Row) or x in known, stage, f"no row is output {x}")
    for guard in program.guards:
        _require(guard.row in known, stage, f"no row is guarded {guard.row}")
    for x in program.checks:
        _require(x in known, stage, f"no row is checked {x}")


def _check_row(stage: str, row: Row) -> None:
    """Look whether the operands are those among the arguments, and constants fixed."""
    _require(
        row.operands == rows_in((row.args, row.given)), stage,
        f"the operands of {row} are not those among its arguments",
    )  # fmt: skip

    def fixed(x: Any) -> Any:
        _require(
            not isinstance(x, ndarray) or not x.flags.writeable, stage,
            f"a constant of {row} can be written",
        )  # fmt: skip
        return x

    mapped(fixed, (row.args, row.given))


def _check_uses(stage: str, program: Program) -> None:
    """Look whether each row leads to an end, or has a shape that depends on values."""
    uses = program.last_uses()
    for row in program.rows:
        _require(row in uses or not keeps_shape(row), stage, f"{row} is not used")


def _check_calls(stage: str, program: Program) -> None:
    """Look whether equal calls are one row."""
    known: set[Any] = set()
    for row in program.rows:
        key = call_key(row)
        _require(key not in known, stage, f"{row} is an equal call to one before")
        known.add(key)


def _check_result(stage: str, row: Row) -> None:
    """Look whether a ufunc of operands like these has a result like that."""
    if row.shape is None or math.prod(row.shape) > SMALL:
        return
    example = np.errstate(all="ignore")
    with example:
        result: Any = row.function(*mapped(_example, row.args))
    _require(
        np.shape(result) == row.shape and np.asarray(result).dtype == row.dtype, stage,
        f"{row} has results of shape {np.shape(result)}, {np.asarray(result).dtype}",
    )  # fmt: skip


def _example(x: Any) -> Any:
    """Return a value like a row's results."""
    if not isinstance(x, Row):
        return x
    if x.number is not None:
        return x.number(1)
    return np.ones(x.shape, x.dtype)[()]
