"""tanh and its derivative, which share an exponential in loops.

In: a program. Out: the same, in which ``1 / (c * c)`` with ``c = cosh(x)``, which is
the derivative of tanh(x), is one function of x. It takes one division, and a loop that
has tanh(x) too computes one exponential for both.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, become
from chainrule.compiler.tracing.plain_operators import OPERATORS
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.partials import sech_square

_of: Any = operator


def pair_hyperbolics(program: Program, least: int) -> None:
    """Write the derivatives of tanh as such, in arrays of so many float64 numbers."""
    changed = False
    for row in program.rows:
        if row.dtype == np.float64 and math.prod(row.shape or ()) >= least:
            x = _cosh_in(row)
            if x is not None:
                become(row, sech_square, (x,))
                changed = True
    if changed:
        eliminate_dead_code(program)


def pairs_of_tanh(program: Program) -> set[Row]:
    """Return the derivatives of tanh where the program has tanh of the same row."""
    of_tanh = {x.args[0] for x in program.rows if x.function is np.tanh and x.operands}
    return {
        x for x in program.rows if x.function is sech_square and x.args[0] in of_tanh
    }


def _cosh_in(row: Row) -> Row | None:
    """Return x of a row ``1 / cosh(x)**2``."""
    if not _is_called(row, _of.truediv):
        return None
    one, square = row.args
    if type(one) not in (int, float) or one != 1 or not isinstance(square, Row):
        return None
    c = _squared(square)
    if not isinstance(c, Row) or c.function is not np.cosh or c.given:
        return None
    return c.args[0] if isinstance(c.args[0], Row) else None


def _squared(row: Row) -> Any:
    """Return c of a row ``c * c`` or ``c**2``."""
    if _is_called(row, _of.mul):
        return row.args[0] if row.args[0] is row.args[1] else None
    if _is_called(row, _of.pow):
        exponent = row.args[1]
        return row.args[0] if type(exponent) in (int, float) and exponent == 2 else None
    return row.args[0] if row.function is np.square and not row.given else None


def _is_called(row: Row, function: object) -> bool:
    """Tell whether a row is of an operator, or of the ufunc that this is for arrays."""
    return OPERATORS.get(row.function, row.function) is function and not row.given


__all__ = ["pair_hyperbolics", "pairs_of_tanh"]
