"""Identities that are exact in floating point, row by row.

``Identities`` knows ``x * 1``, ``x / 1``, ``x**1``, ``x - 0``, ``-(-x)``, ``x + (-y)``,
a reshape or cast to what a value is already, and a part of an array that is put back.
Masks of what is zero anyway are left out (``masked_products``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.masked_products import unmask
from chainrule.compiler.programs.parts_put_back import put_back
from chainrule.compiler.programs.program import (
    Program,
    alike,
    become,
    constant,
    rewrite,
    transposed,
)
from chainrule.compiler.programs.simpler_calls import SimplerCalls
from chainrule.compiler.programs.whole_powers import POWERS, WholePowers
from chainrule.compiler.tracing.plain_operators import OPERATORS, UFUNCS
from chainrule.compiler.tracing.rows import Function, Row
from chainrule.operations_grad.indexing import added_at, setitem, unindex
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.values.indices import is_whole
from chainrule.values.shapes import ARRAYS, TUPLE

_of: Any = operator


Rule = Callable[[Row], Row | None]


def take_identities(program: Program) -> None:
    """Replace calls that only repeat an operand, and drop what nobody reads then.

    Whole powers become products, and some calls simpler ones.
    """
    identity, simplify, write_product = Identities(), SimplerCalls(), WholePowers()
    rewritten: list[Row] = []

    def kept_or_repeated(row: Row, rows: list[Row]) -> Any:
        function = row.function
        if function is masked_result:
            unmask(row)
        repeated = _overwritten(row) if function is setitem else identity(row)
        if repeated is not None:
            if type(repeated) is not Row or row.operands != [repeated]:
                rewritten.append(row)
            return repeated
        if function in POWERS and (one := write_product(row, rows)) is not None:
            rewritten.append(row)
            return one
        simplify(row, rows)
        if row.function is not function:
            rewritten.append(row)
        rows.append(row)
        return row

    rewrite(program, kept_or_repeated, "identities")
    if rewritten:
        eliminate_dead_code(program)  # -y of what was x - (-y)


class Identities:
    """Which row a call only repeats, exactly; what a function may do is remembered."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._rules: dict[Function, Rule | None] = {}

    def __call__(self, row: Row) -> Row | None:
        """Return the row that a call repeats; ``None`` if it does more.

        A sum with a negative, or a double negative, is rewritten in place.
        """
        f = row.function
        try:
            rule = self._rules[f]
        except KeyError:
            rule = self._rules[f] = _rule_of(f)
        if rule is None or row.given:
            return None
        repeated = rule(row)
        if repeated is None or repeated.number is not row.number:
            return None
        return repeated if alike(repeated, row) else None


def _rule_of(f: Function) -> Rule | None:
    """Return what finds the operand that a call of a function may repeat."""
    if f in UFUNCS:
        return None  # Python's operators, on its own numbers
    rule = _IDENTITIES.get(OPERATORS.get(f, f))
    return _first if rule is None and traits_of(f).in_order else rule


def _is(x: Any, value: float) -> bool:
    """Tell whether an argument is a constant, exactly this number (0 means +0)."""
    if type(x) is float or type(x) is int:
        return x == value and math.copysign(1.0, x) == math.copysign(1.0, value)
    if isinstance(x, ARRAYS) and x.dtype.kind in "fiu" and x.size:
        if not any(x.strides):
            x = x.flat[0]  # one number, broadcast
        elif x.size > 4096:
            return False
        signs: Any = np.signbit(x) == (math.copysign(1.0, value) < 0)
        return bool(np.all(x == value) and np.all(signs))
    return False


def _product(row: Row) -> Row | None:
    x, y = row.args
    if type(x) is not Row:
        x, y = y, x
    if type(y) is Row or type(x) is not Row or _is_complex(row):
        return None
    if _is(y, 1.0):
        return x
    if _is(y, -1.0) and alike(x, row):
        become(row, np.negative, (x,))
    return None


def _quotient(row: Row) -> Row | None:
    x, y = row.args
    return x if _is(y, 1.0) and type(x) is Row and not _is_complex(row) else None


def _is_complex(row: Row) -> bool:
    """Tell whether a product with 1 makes nan of a part, beside an infinite one."""
    return row.dtype is not None and row.dtype.kind == "c"


def _difference(row: Row) -> Row | None:
    x, y = row.args
    if type(x) is Row and _is(y, 0.0):
        return x
    if _is_negative(y):
        become(row, np.add, (x, y.args[0]))
    return None


def _sum(row: Row) -> Row | None:
    x, y = row.args
    if _is_negative(y):
        become(row, np.subtract, (x, y.args[0]))
        return None
    return put_back(row)


def _is_negative(x: Any) -> bool:
    """Tell whether this is -y, exactly: an unsigned integer wraps around."""
    return (
        _negated(x) is not None
        and alike(x, x.args[0])
        and x.dtype is not None
        and x.dtype.kind in "fc"
    )


def _negated(x: Any) -> Row | None:
    """Return y of a row -y."""
    if type(x) is not Row or x.function is not np.negative or x.given:
        return None
    return _first(x)


def _negative(row: Row) -> Row | None:
    return _negated(row.args[0])


def _first(row: Row) -> Row | None:
    return row.args[0] if type(row.args[0]) is Row else None


def _power(row: Row) -> Row | None:
    x, exponent = row.args
    return x if _is(exponent, 1.0) and type(x) is Row and not _is_complex(row) else None


def _turned_twice(row: Row) -> Row | None:
    x = transposed(transposed(row))
    return x if type(x) is Row else None


def _all_of(row: Row) -> Row | None:
    x, index = row.args
    return x if type(x) is Row and _is_whole(index, row) else None


def _is_whole(index: Any, row: Row) -> bool:
    """Tell whether an index picks an array as it is."""
    if isinstance(index, TUPLE):
        return len(index) == 0 and row.shape != ()  # x[()] is no array
    return is_whole(index)


def _overwritten(row: Row) -> Any:
    """Return what is written into all of an array: a row like it, or one number.

    Rows of several axes may lie in memory in another order than the array.
    """
    y: Any = row.args[1]
    if not _is_whole(row.given["index"], row) or not row.shape:
        return None
    if type(y) is Row:
        in_order = len(row.shape) == 1 or y.function in (added_at, unindex, setitem)
        return y if in_order and alike(y, row) else None
    return constant(y, row) if type(y) is float and row.dtype.kind == "f" else None


_IDENTITIES: dict[Any, Rule] = {
    _of.mul: _product,
    _of.truediv: _quotient,
    _of.sub: _difference,
    _of.add: _sum,
    _of.neg: _negative,
    _of.pow: _power,
    _of.getitem: _all_of,
    np.transpose: _turned_twice,
}
"""What functions, by their operators, may only repeat; see ``Identities``."""

__all__ = ["Identities", "take_identities"]
