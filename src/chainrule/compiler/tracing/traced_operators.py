"""Operators and methods of traced values: each adds a row.

``add_operators`` gives them to ``Traced``.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.compiler.tracing.active import is_protected
from chainrule.compiler.tracing.deferred import (
    Deferred,
    deferred,
    outline_of,
    value_now,
)
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    WHOLE,
    class_of,
    inverted,
    is_python,
    is_scalar,
)
from chainrule.compiler.tracing.protection import deepest, may_raise, protected_call
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Row
from chainrule.compiler.tracing.traced import Traced, known_of, value_of
from chainrule.nodes.beside_labelled import beside_labelled
from chainrule.nodes.beside_scipy import beside_sparse
from chainrule.values.buffered import buffered
from chainrule.values.shapes import dtype_of, kind_of, ndarray
from chainrule.values.types import Order, Shape
from chainrule.values.vertices import ARITHMETIC_ERRORS, first_vertex, vertex

_np: Any = np
_of: Any = operator
_ARRAYS = {ndarray, Deferred}
_OTHERS: Any = (vertex, buffered)
"""What has operators of its own, which take traced values."""


def _binary(ufunc: np.ufunc, plain: Function) -> Function:
    """Return an operator whose left operand is traced."""
    is_power = plain is _power

    def run(x: Traced, y: Any) -> Any:
        if is_protected() and may_raise(plain, (x, y)):
            (x, y), _ = protected_call(plain, (x, y), None)
        kind = kind_of(y)
        if isinstance(y, _OTHERS):
            return NotImplemented
        trace, row = x.home, x.row
        if kind is Traced and y.home is trace:
            number = y.row.number
            value_of_y, row_of_y, operands = y.known, y.row, [row, y.row]
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
        known, value = x.known, None
        if kind_of(known) in _ARRAYS or kind_of(value_of_y) in _ARRAYS:
            value = deferred(function, (known, value_of_y))
            trace.defers = trace.defers or value is not None
        if value is None:
            try:
                value = plain(value_now(known), value_now(value_of_y))
            except (*ARITHMETIC_ERRORS, TypeError) as error:
                return trace.at_pole(ufunc, function, (x, y), error)
        args = (row, row_of_y)
        z = Row(function, args, NO_KEYWORDS, operands, value, len(trace.rows))
        trace.rows.append(z)
        return Traced(trace, z, value)

    return run


def _reflected(ufunc: np.ufunc, plain: Function) -> Function:
    """Return an operator whose right operand is traced."""
    is_power = plain is _power

    def reflected(x: Traced, y: Any) -> Any:
        if is_protected() and may_raise(plain, (y, x)):
            (y, x), _ = protected_call(plain, (y, x), None)
        kind, trace, row = kind_of(y), x.home, x.row
        if (kind is float or kind is int) and row.number is float and not is_power:
            try:
                value = plain(y, x.value)
            except ARITHMETIC_ERRORS as error:
                return trace.at_pole(ufunc, ufunc, (y, x), error)
            z = Row(ufunc, (y, row), NO_KEYWORDS, [row], value, len(trace.rows))
            trace.rows.append(z)
            return Traced(trace, z, value)
        if isinstance(y, vertex):
            return NotImplemented
        if _repeats(ufunc, x, kind):
            return y * x._whole_number("repeating a list")
        return _called(ufunc, plain, y, x)

    return reflected


def _called(ufunc: np.ufunc, plain: Function, x: Any, y: Any) -> Any:
    """Return the result of an operator on any two operands, one of them traced."""
    inside = first_vertex(x, y)
    if inside is not None:
        return inside.__array_ufunc__(ufunc, "__call__", x, y)
    for beside in (beside_sparse, beside_labelled):
        z = beside(plain.__name__, x, y)
        if z is not NotImplemented:
            return z
    function = _function_of(ufunc, plain, x, y, _number_of(x), _number_of(y))
    trace = x.home if isinstance(x, Traced) else y.home
    known = known_of(x), known_of(y)
    later = function is ufunc and Deferred in map(kind_of, known)
    if later or not all(map(is_scalar, map(outline_of, known))):
        return trace.call(ufunc, (x, y), None)
    trace = deepest(trace, (x, y))
    try:
        value = plain(value_of(x), value_of(y))
    except (*ARITHMETIC_ERRORS, TypeError) as error:
        return trace.at_pole(ufunc, function, (x, y), error)
    operands: list[Row] = []
    rows = tuple([trace._rows(v, operands) for v in (x, y)])
    return trace.result(function, rows, NO_KEYWORDS, operands, value)


def _function_of(
    ufunc: np.ufunc,
    plain: Function,
    x: Any,
    y: Any,
    number: type | None,
    other: type | None,
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
    values = outline_of(known_of(x)), outline_of(known_of(y))
    if all(map(is_scalar, values)):
        return False
    if isinstance(values[1], ndarray) and not values[1].shape:
        return True
    return all(dtype_of(v).kind == "f" or not np.ndim(v) for v in values)


def _number_of(x: Any) -> type | None:
    """Return the class of the Python number that a value is, or stands for."""
    return x.row.number if kind_of(x) is Traced else class_of(x)


def _repeats(ufunc: np.ufunc, x: Traced, kind: type) -> bool:
    """Tell whether a product with this class of sequence repeats it, as with an int."""
    return (
        ufunc is np.multiply
        and (kind is list or kind is tuple or kind is str or kind is bytes)
        and isinstance(outline_of(x.known), (int, np.integer))
    )


def _power(x: Any, y: Any) -> Any:
    """Return x ** y; refuse the complex root that Python takes of a real number."""
    z = x**y
    if type(z) is complex and type(x) is not complex and type(y) is not complex:
        raise ValueError
    return z


def _unary(ufunc: np.ufunc, plain: Function) -> Function:
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
        return x.home.result(function, (x.row,), NO_KEYWORDS, [x.row], value)

    return run


def _rounding(plain: Function, ufunc: Function) -> Function:
    """Return what Python's rounding functions ask for: of arrays NumPy's function."""

    def run(x: Traced, *digits: int) -> Any:
        if digits:
            return ufunc(x, *digits)
        f = ufunc if x.shape or x.dtype.kind == "c" else plain
        return x.home.call(f, (x,), None)

    return run


def _method(function: Function) -> Function:
    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


_METHODS = (
    "all any argmax argmin argpartition argsort choose cumprod cumsum diagonal dot "
    "max mean min nonzero prod ptp ravel repeat round searchsorted squeeze std sum "
    "swapaxes take trace var"
).split()
"""Methods of arrays that are NumPy's functions of the same name."""
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
BINARY = (
    "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
).split()


def _reshape(
    x: Traced, *shape: int | Shape, order: Order = "C", copy: bool | None = None
) -> Any:
    """Return ``np.reshape``, the shape as one tuple or several numbers."""
    known = {} if copy is None else {"copy": copy}
    return _np.reshape(x, _one(shape), order=order, **known)


def _transpose(x: Traced, *axes: int | Shape) -> Any:
    """Return ``np.transpose``, the axes as one tuple or several numbers."""
    return _np.transpose(x, _one(axes) if axes else None)


def _clip(x: Traced, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Any:
    """Return ``np.clip``, which wants both bounds where the method takes one."""
    return _np.clip(x, min, max)


def _compress(x: Traced, condition: ArrayLike, axis: int | None = None) -> Any:
    """Return ``np.compress``, whose first operand is the condition."""
    return _np.compress(condition, x, axis=axis)


def _one(given: tuple[Any, ...]) -> Any:
    return given[0] if len(given) == 1 else given


def _conj(x: Traced) -> Any:
    """Return ``np.conjugate``; a real array itself, as NumPy's method does."""
    return _np.conjugate(x) if x.dtype.kind == "c" else x


def add_operators() -> None:
    """Give ``Traced`` its operators, and the methods that are functions of NumPy."""
    for name in _METHODS:
        setattr(Traced, name, _method(getattr(_np, name)))
    for f in vars(np).values():
        # What NumPy calls on the elements of an object array: np.sin -> x.sin().
        if isinstance(f, np.ufunc) and f.nin == 1 and not hasattr(Traced, f.__name__):
            setattr(Traced, f.__name__, _method(f))
    for name in ("conj", "conjugate"):
        setattr(Traced, name, _conj)
    for method in (_reshape, _transpose, _clip, _compress):
        setattr(Traced, method.__name__.removeprefix("_"), method)
    for name in ("real", "imag"):
        setattr(Traced, name, property(getattr(_np, name)))
    setattr(Traced, "T", property(_transpose))  # noqa: B010
    for name in (*BINARY, *_COMPARISONS):
        operation = getattr(operator, f"__{name}__")
        ufunc, plain = UFUNCS[operation], _power if name == "pow" else operation
        setattr(Traced, f"__{name}__", _binary(ufunc, plain))
        if name in BINARY:
            setattr(Traced, f"__r{name}__", _reflected(ufunc, plain))
    for plain in (round, math.floor, math.ceil, math.trunc):
        name = plain.__name__
        setattr(Traced, f"__{name}__", _rounding(plain, getattr(_np, name)))
    for plain in (_of.neg, _of.pos, _of.abs, inverted):
        name = "invert" if plain is inverted else plain.__name__
        setattr(Traced, f"__{name}__", _unary(UFUNCS[plain], plain))
