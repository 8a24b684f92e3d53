"""Identities that are exact in real arithmetic only: ``compile(..., fastmath=True)``.

In: a row whose operands are simplified. Out: the row, or the constant, that stands for
it; or the same row, rewritten. Shape, dtype and class stay. With ``c``, ``d`` constant
numbers and ``x`` of the result's shape and dtype, real or complex:

- ``x / c`` is ``x * (1 / c)``;
- constants are gathered in chains of ``*``, ``/`` and ``-x``, as in ``(x * c) * d``,
  and in chains of ``+``, ``-`` and ``-x``, as in ``c - (x + d)``;
- ``x * 0``, ``0 / x`` and ``x - x`` are 0, ``x / x`` and ``x**0`` are 1, ``x + 0`` is
  ``x``, ``x + x`` is ``2 * x``, ``x * x`` is ``x**2``;
- ``x**n`` is made of one product, quotient or square root, for the ``n`` in
  ``_powers``;
- of ``exp`` and ``log``, ``exp2`` and ``log2``, ``expm1`` and ``log1p``, one undoes the
  other; ``sqrt(x) * sqrt(x)`` and ``sqrt(x)**2`` are ``x``;
- calls of constants are computed.

This assumes that every value is finite and in the domain of its function, and that
divisors are not 0. A constant that would overflow or be subnormal is not made.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.programs.common_subexpressions import call_key
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.identities import Identities
from chainrule.compiler.programs.program import (
    Program,
    alike,
    become,
    constant,
    rewrite,
)
from chainrule.compiler.tracing.plain_operators import OPERATORS, UFUNCS
from chainrule.compiler.tracing.rows import Function, Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import generic, kind_of, ndarray

_of: Any = operator

Placed = Callable[[Row], Any]
"""Gives a new row its place among the others; returns what stands for it."""
_PRECISIONS = "fdFD"
"""Dtypes, as characters, for which a Python float is a constant without loss."""


def take_fastmath_identities(program: Program) -> None:
    """Take identities of real arithmetic, and drop what nobody reads then.

    Exact identities and equal calls are looked for on the way: each may be what
    another identity needs.
    """
    known: dict[Any, Row] = {}
    identity = Identities()

    def simplest(row: Row, rows: list[Row]) -> Any:
        def placed(row: Row) -> Any:
            result = identity(row)
            if result is None:
                result = simplified(row, placed)
            if result is None:
                result = known.setdefault(call_key(row), row)
            if result is row:
                rows.append(row)
            return result

        return placed(row)

    rewrite(program, simplest, "identities of real arithmetic")
    eliminate_dead_code(program)


def simplified(row: Row, placed: Placed) -> Any:
    """Return the row or constant that a call is in real arithmetic, if it is simpler.

    ``None`` if it is not; the row itself may have been rewritten.
    """
    if not row.operands and _is_folded(row.function):
        return _value_of(row)
    rule = _rule_of(row.function)
    if rule is None or row.given or row.dtype is None or row.number is complex:
        return None  # a ufunc would make NumPy's number of Python's complex one
    return rule(row, placed) if row.dtype.char in _PRECISIONS else None


def _rule_of(function: Function) -> Callable[[Row, Placed], Any] | None:
    """Return what may be taken of a function's calls, besides exact identities."""
    known = OPERATORS.get(function, _of.pow if function is _of.pow else None)
    undoes = known is None and function not in UFUNCS and traits_of(function).undoes
    return _inverse if undoes else _RULES.get(known)


# -------------------------------------------------------------------------- constants


def _number(x: Any) -> float | None:
    """Return a constant argument as a float, if it is one real number throughout."""
    kind = kind_of(x)
    if kind is float:
        return x
    if kind is ndarray and x.size and (x.size <= _LOOKED_AT or not any(x.strides)):
        first = x.flat[0]
        return _number(first) if not any(x.strides) or np.all(x == first) else None
    if kind is int or (issubclass(kind, generic) and x.dtype.kind in "fiu"):
        try:
            return float(x)
        except OverflowError:
            return None
    return None


_LOOKED_AT = 1024
"""Constant arrays of up to this many entries are compared entry by entry."""


def _is_precise(c: float, row: Row) -> bool:
    """Tell whether a factor is neither infinite nor subnormal in a row's dtype."""
    limits = np.finfo(row.dtype)
    return float(limits.tiny) <= abs(c) <= float(limits.max)


def _value_of(row: Row) -> Any:
    """Return the result of a call of constants; ``None`` if it is not as in the row."""
    with np.errstate(all="ignore"):
        value = row.function(*row.args, **row.given)
    if row.number is not None:
        return row.number(value)
    result: Any = np.asarray(value)
    if result.shape != row.shape or result.dtype != row.dtype:
        return None
    if result.shape == ():
        return result[()]
    result.flags.writeable = False
    return result


def _repeated(row: Row, x: Row) -> Row | None:
    """Return x for a row of the same entries; keep the row for another class."""
    if x.number is row.number:
        return x
    become(row, np.positive, (x,))
    return None


# ---------------------------------------------------------------- c * x and c / x

Scaled = tuple[Row, float, int]
"""``x, c, s`` of ``c * x**s``, where ``s`` is 1 or -1."""


def _scaled(row: Row) -> Scaled | None:
    """Take a row as a constant times a value, or over it."""
    f = OPERATORS.get(row.function)
    if f not in _FACTORS or row.given:
        return None
    if f in _SIGNS:
        x, c, s = row.args[0], _SIGNS[f], 1
    else:
        x, y = row.args
        if type(x) is Row:
            c, s = _number(y), 1
            if c is not None and f is _of.truediv:
                c = 1.0 / c if c else None
        else:
            x, c, s = y, _number(x), -1 if f is _of.truediv else 1
    if c is None or type(x) is not Row or not alike(x, row):
        return None
    return x, c, s


_SIGNS = {_of.neg: -1, _of.pos: 1}
_FACTORS = {_of.mul, _of.truediv, *_SIGNS}


def _factors(row: Row, placed: Placed) -> Any:
    """Gather constant factors; write a quotient by a constant as a product."""
    scaled = _scaled(row)
    if scaled is None:
        return None
    x, c, s = scaled
    if c == 0.0:
        return constant(0.0, row)
    inner = _scaled(x)
    if inner is not None and inner[1] != 0.0:
        x, d, t = inner
        c, s = (c * d if s == 1 else c / d), s * t
    elif row.function is not np.divide or s == -1:
        return None
    if not _is_precise(c, row):
        return None
    if s == 1 and c == 1.0:
        return _repeated(row, x)
    if s == 1 and c == -1.0:
        become(row, np.negative, (x,))
    else:
        become(row, *((np.multiply, (x, c)) if s == 1 else (np.divide, (c, x))))
    return None


# ----------------------------------------------------------------- x + c and c - x


def _shifted(row: Row) -> Scaled | None:
    """Take a row as ``s * x + c``."""
    f = OPERATORS.get(row.function)
    if f not in _TERMS or row.given:
        return None
    if f in _SIGNS:
        x, c, s = row.args[0], 0.0, _SIGNS[f]
    else:
        x, y = row.args
        sign = -1 if f is _of.sub else 1
        if type(x) is Row:
            c, s = _number(y), 1
            c = None if c is None else sign * c
        else:
            x, c, s = y, _number(x), sign
    if c is None or type(x) is not Row or not alike(x, row):
        return None
    return x, c, s


_TERMS = {_of.add, _of.sub, *_SIGNS}


def _terms(row: Row, placed: Placed) -> Any:
    """Gather constant terms."""
    shifted = _shifted(row)
    if shifted is None:
        return None
    x, c, s = shifted
    inner = _shifted(x)
    if inner is not None:
        x, d, t = inner
        c, s = c + s * d, s * t
    elif c != 0.0:
        return None
    if not _is_precise(c, row) and c != 0.0:
        return None
    if c == 0.0 and s == 1:
        return _repeated(row, x)
    if c == 0.0:
        become(row, np.negative, (x,))
    else:
        become(row, *((np.add, (x, c)) if s == 1 else (np.subtract, (c, x))))
    return None


# ------------------------------------------------------------------ rules of functions


def _twice(row: Row) -> bool:
    """Tell whether both operands of a row are the same one, in the row's dtype."""
    x, y = row.args
    return x is y and type(x) is Row and alike(x, row)


def _add(row: Row, placed: Placed) -> Any:
    if _twice(row):
        become(row, np.multiply, (row.args[0], 2.0))
        return _factors(row, placed)
    return _terms(row, placed)


def _subtract(row: Row, placed: Placed) -> Any:
    return constant(0.0, row) if _twice(row) else _terms(row, placed)


def _multiply(row: Row, placed: Placed) -> Any:
    if _twice(row):
        become(row, np.square, row.args[:1])
        return _inverse(row, placed)
    return _factors(row, placed)


def _divide(row: Row, placed: Placed) -> Any:
    return constant(1.0, row) if _twice(row) else _factors(row, placed)


def _negative(row: Row, placed: Placed) -> Any:
    (x,) = row.args
    if type(x) is Row and _scaled(x) is not None:
        return _factors(row, placed)
    return _terms(row, placed)


def _inverse(row: Row, placed: Placed) -> Any:
    """Write ``exp(log(x))``, ``sqrt(x)**2`` and the like as x."""
    known, x = traits_of(row.function), row.args[0]
    if known.of_branches and row.dtype.kind == "c":  # type: ignore[union-attr]
        return None  # log(exp(x)) is x plus a multiple of 2 pi i
    if type(x) is not Row or x.function is not known.undoes or x.given:
        return None
    y = x.args[0]
    return _repeated(row, y) if type(y) is Row and alike(y, row) else None


def _power(row: Row, placed: Placed) -> Any:
    """Write a power by products, a quotient or a square root."""
    x, exponent = row.args
    n = _number(exponent)
    if n is None or type(x) is not Row or not alike(x, row):
        return None
    if n == 0.0:
        return constant(1.0, row)
    if n == 1.0:
        return _repeated(row, x)
    parts = _powers.get(n)
    if parts is None:
        return None
    *inner, (f, args) = parts
    last = x
    for function, given in inner:
        last = placed(row.with_call(function, tuple(_filled(given, x, last))))
        if type(last) is not Row:
            return None
    become(row, f, tuple(_filled(args, x, last)))
    rule = _rule_of(f)
    return rule(row, placed) if rule is not None else None


def _filled(args: tuple[Any, ...], x: Row, last: Row) -> list[Any]:
    known: dict[Any, Any] = {"x": x, "last": last}
    return [known.get(v, v) for v in args]


_powers: dict[float, list[tuple[Any, tuple[Any, ...]]]] = {
    2.0: [(np.square, ("x",))],
    0.5: [(np.sqrt, ("x",))],
    -0.5: [(np.sqrt, ("x",)), (np.divide, (1.0, "last"))],
    -1.0: [(np.divide, (1.0, "x"))],
}
"""The calls that make a power, of ``x`` and of the call before."""


_RULES: dict[Any, Callable[[Row, Placed], Any]] = {
    _of.add: _add,
    _of.sub: _subtract,
    _of.mul: _multiply,
    _of.truediv: _divide,
    _of.neg: _negative,
    _of.pow: _power,
}
"""What may be taken of an operator on arrays, besides exact identities."""


def _is_folded(function: Function) -> bool:
    """Tell whether a call of constants is computed."""
    known = traits_of(function)
    simple = known.entrywise or known.moves or known.reduces is not None
    return simple and function not in UFUNCS


__all__ = ["take_fastmath_identities"]
