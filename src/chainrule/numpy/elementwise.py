"""Elementwise functions composed of recorded operations, and methods of ufuncs.

What each is made of stands in its docstring; its derivative follows from the rules of
the parts. Signatures are NumPy's; ``out=`` is refused. Entries that a mask, a condition
or a replacement leaves out are structural zeros, as are those that ``where=`` leaves
out of a ufunc: NumPy leaves such entries of the result undefined, on nodes they are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import (
    call_keywords,
    holds_nodes,
    plain_operand,
)
from chainrule.nodes.node_class import node
from chainrule.nodes.tables import FUNCTIONS, UFUNCS
from chainrule.numpy.in_place import own
from chainrule.numpy.statistics import cast, least_of
from chainrule.operations import namespace as ops
from chainrule.rules.namespace import served
from chainrule.values.foreign import alike, first_foreign, is_foreign, made_like, zeros
from chainrule.values.shapes import describe, dtype_of, is_complex, shape_of
from chainrule.values.types import Array, ArrayValue, Axis, Value
from chainrule.values.vertices import as_array, raw
from chainrule.wrapping import implements

_NO_VALUE: Any = np._NoValue  # type: ignore[attr-defined]
_numpy: Any = np

# -------------------------------------------------------------------------- selection


@implements(np.where)
def where(condition: ArrayLike, *choices: ArrayLike) -> Any:
    """z = x where the condition holds, else y; without x and y, where it holds."""
    if not choices:
        return np.nonzero(plain_operand(condition))
    if len(choices) != 2:
        raise ValueError("np.where needs both x and y, or neither.")
    return ops.where(condition, *choices)


@implements(np.clip, method="clip")
def clip(
    a: ArrayLike,
    a_min: ArrayLike | None = _NO_VALUE,
    a_max: ArrayLike | None = _NO_VALUE,
    out: None = None,
    *,
    min: ArrayLike | None = _NO_VALUE,
    max: ArrayLike | None = _NO_VALUE,
) -> Any:
    """z = min(max(a, a_min), a_max); a bound of ``None`` is none. See ``clip_grad``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> x = gd.node([-2.0, 0.5, 3.0])
    >>> np.sum(np.clip(x, 0.0, 1.0)).backward()
    >>> x.grad
    array([0., 1., 0.])
    """
    low = _one_of(a_min, min, "a_min", "min")
    high = _one_of(a_max, max, "a_max", "max")
    return ops.clip(
        a, -np.inf if low is None else low, np.inf if high is None else high
    )


def _one_of(x: ArrayLike | None, y: ArrayLike | None, *names: str) -> ArrayLike | None:
    """Return the one that was given of two names of one bound."""
    if x is not _NO_VALUE and y is not _NO_VALUE:
        raise ValueError(f"np.clip takes {names[0]} or {names[1]}, not both.")
    operand = y if x is _NO_VALUE else x
    return None if operand is _NO_VALUE else operand


@implements(np.select)
def select(
    condlist: Sequence[ArrayLike],
    choicelist: Sequence[ArrayLike],
    default: ArrayLike = 0,
) -> Any:
    """z = the choice of the first condition that holds, else ``default``"""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            "np.select needs as many choices as conditions, and at least one; received "
            f"{len(condlist)} conditions and {len(choicelist)} choices."
        )
    conditions = [plain_operand(c) for c in condlist]
    for c in conditions:
        if dtype_of(c) != np.bool_:
            raise ArgumentError(
                f"np.select needs boolean conditions; received {describe(c)}. Write a "
                "comparison, such as x > 0."
            )
    z = default
    for condition, choice in zip(conditions[::-1], choicelist[::-1], strict=True):
        z = ops.where(condition, choice, z)
    return z


@implements(np.choose, may_raise=True)
def choose(
    a: ArrayLike, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise"
) -> Any:
    """z[i] = choices[a[i]][i]"""
    if holds_nodes(a):
        raise ArgumentError(
            "np.choose needs integers that say which choice to take; received a node, "
            "which holds floating-point numbers. Pass gd.value(a).astype(int)."
        )
    count = len(choices)
    index = as_array(a)
    shapes = [shape_of(c) for c in choices]
    plain = [np.empty(s) for s in shapes]
    parameters = {"mode": mode}
    served(np.choose, (index, plain), parameters, index)
    if mode != "raise":
        index = index % count if mode == "wrap" else np.clip(index, 0, count - 1)
    z = own(ops.broadcast_to(choices[0], np.broadcast_shapes(index.shape, *shapes)))
    for i in range(1, count):
        z = ops.where(index == i, choices[i], z)
    return z


@implements(np.nan_to_num, entrywise=True, of_memory=("copy", (False,)))
def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: Value = 0.0,
    posinf: Value | None = None,
    neginf: Value | None = None,
) -> Any:
    """z = x with nan and infinities replaced; there the derivative in x is 0."""
    if not copy:
        x_: Any = x  # a node, or NumPy would not hand it over
        x_[...] = nan_to_num(x, True, nan, posinf, neginf)
        return x
    if is_complex(x):
        parts = ops.real(x), ops.imag(x)
        return ops.complex_of(
            *[nan_to_num(v, True, nan, posinf, neginf) for v in parts]
        )
    limits, value = np.finfo(dtype_of(x)), raw(x)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    number = limits.dtype.type
    nan, high, low = (  # two of Python's would be of float64
        number(v) if isinstance(v, (int, float)) else v for v in (nan, high, low)
    )
    infinite = ops.where(_numpy.isposinf(value), high, low)
    instead = ops.where(np.isnan(value), nan, infinite)
    return ops.where(_numpy.isfinite(value), x, instead)


# ------------------------------------------------------------------ several results


@implements(np.divmod)
def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Any, Any]:
    """Return the floor of x / y, a plain value, and the remainder."""
    return ops.floor_divide(x, y), ops.remainder(x, y)


@implements(np.modf)
def modf(x: ArrayLike, /) -> tuple[Any, Any]:
    """Return the fractional part, and the whole part, a plain value."""
    return ops.fraction(x), np.modf(plain_operand(x))[1]


@implements(np.frexp)
def frexp(x: ArrayLike, /) -> tuple[Any, Any]:
    """Return the mantissa, and the exponent, plain integers."""
    return ops.mantissa(x), np.frexp(plain_operand(x))[1]


# -------------------------------------------------------------------- complex numbers


@implements(np.sign)
def sign(x: Value, /) -> Any:
    """Return the sign, a plain value; for complex x, z = x / |x| and 0 at 0."""
    if not is_complex(x):
        return ops.sign(x)
    size = ops.absolute(x)
    zero = np.equal(size, 0)
    return ops.where(zero, 0.0, x / ops.where(zero, 1.0, size))


@implements(np.angle)
def angle(z: ArrayLike, deg: bool = False) -> Any:
    """Return the argument; of real numbers it is locally constant, a plain value."""
    if not is_complex(z):
        return np.angle(plain_operand(z), deg)
    return ops.angle(z, deg=bool(deg))


@implements(np.real_if_close)
def real_if_close(a: ArrayLike, tol: float = 100) -> Any:
    """z = Re(a) if all imaginary parts are tiny, else a"""
    if not is_complex(a):
        return a
    value: Any = plain_operand(a)
    size = tol * float(np.finfo(dtype_of(value)).eps) if tol > 1 else tol
    return ops.real(a) if np.all(np.absolute(_numpy.imag(value)) < size) else a


def _real(x: Array) -> Array:
    """Real part, as a node."""
    return ops.real(x)


def _imag(x: Array) -> Array:
    """Imaginary part, as a node."""
    return ops.imag(x)


for _name, _part in [("real", _real), ("imag", _imag)]:
    setattr(node, _name, property(_part))


def _round(x: Array, decimals: int = 0, out: Any = None) -> Array:
    """Return the rounded value, a plain one: locally constant."""
    return _numpy.round(x, decimals, out)


for _name, _method in [("round", _round)]:
    setattr(node, _name, _method)

# --------------------------------------------------------- polynomials, interpolation


@implements(np.polyval)
def polyval(p: ArrayLike, x: ArrayLike) -> Any:
    """z = p[0] x**(n-1) + ... + p[n-1], by Horner's rule; differentiable in both."""
    if isinstance(x, np.poly1d):
        raise ArgumentError(
            "np.polyval of a poly1d and nodes is not supported. Pass x as a node or an "
            "array."
        )
    p, x = ops.asarray(p), x if type(x) is float else ops.asarray(x)
    z: Any = dtype_of(x).type(0.0)
    if shape_of(x):
        z = zeros(shape_of(x), dtype_of(x), raw(x))
    for i in range(len(p)):
        z = z * x + p[i]
    return z


@implements(np.interp, primitive=True)
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: ArrayLike | None = None,
) -> Any:
    """z = the straight lines through the points (xp, fp), at x.

    Differentiable in every argument. At a knot the line to the right counts, at the
    last knot the line to the left; outside the knots z is locally constant in x. Where
    a knot is repeated z jumps: the value is that of its last one, as NumPy's is.
    """
    plain = alike([plain_operand(v) for v in (x, xp, fp, left, right, period)])
    found = first_foreign(plain)
    if found is None:
        np.interp(*plain)
    else:
        served(np.interp, plain, {}, found)
    xs, knots, values = (_double(made_like(v, found)) for v in (x, xp, fp))
    if period is not None:
        xs, knots, values = _unrolled(xs, knots, values, ops.absolute(period))
        left = right = None
    at, between = plain_operand(xs), plain_operand(knots)
    z = _on_lines(xs, knots, values, at, between)
    z = ops.where(at < between[0], values[0] if left is None else left, z)
    return ops.where(at > between[-1], values[-1] if right is None else right, z)


def _double(x: ArrayLike) -> Any:
    """Return a number, a node or an array in double precision, as interp works in."""
    if type(x) is float:
        return x
    x = ops.asarray(x)
    double = np.complex128 if is_complex(x) else np.float64
    return x if dtype_of(x) == double else ops.astype(x, double)


def _unrolled(
    x: Array, xp: Array, fp: Array, period: Array
) -> tuple[Array, Array, Array]:
    """Return periodic data over one period, with one more knot on each side."""
    x, xp = ops.remainder(x, period), ops.remainder(xp, period)
    order = np.argsort(plain_operand(xp))
    xp, fp = xp[order], fp[order]
    xp = ops.concatenate((xp[-1:] - period, xp, xp[:1] + period))
    return x, xp, ops.concatenate((fp[-1:], fp, fp[:1]))


def _on_lines(
    x: Array, xp: Array, fp: Array, at: ArrayValue, knots: ArrayValue
) -> Array:
    """Return the value at x of the line between its neighbouring knots."""
    if len(knots) == 1:
        return own(ops.broadcast_to(fp[0], np.shape(at))) if np.shape(at) else fp[0]
    first, last = 0, len(knots) - 1
    k = _numpy.minimum(_numpy.searchsorted(knots, at, side="right") - 1, last)
    ends = () if is_foreign(knots) else (knots[0] == knots[1], knots[-1] == knots[-2])
    repeats = any(map(_may_be, ends))
    if repeats:  # at the last knot the line before it counts, from the last value on
        first = _numpy.searchsorted(knots, knots[0], side="right") - 1
        last = _numpy.maximum(_numpy.searchsorted(knots, knots[-1]), 1)
    k = _numpy.maximum(k, first)
    i = _numpy.minimum(k, last - 1)
    x0, y0 = ops.getitem(xp, index=i), ops.getitem(fp, index=i)
    x1, y1 = ops.getitem(xp, index=i + 1), ops.getitem(fp, index=i + 1)
    if not repeats:
        return (y1 - y0) / (x1 - x0) * (x - x0) + y0
    flat = knots[0] == knots[-1]
    slope = ops.where(flat, 0.0, y1 - y0) / ops.where(flat, 1.0, x1 - x0)
    return slope * (x - ops.getitem(xp, index=k)) + ops.getitem(fp, index=k)


def _may_be(truth: bool | Array) -> bool:
    """Tell whether something is true of the knots, or may be, in a trace."""
    return not isinstance(truth, bool | np.bool_) or bool(truth)


# ------------------------------------------------------------------ methods of ufuncs


@implements((np.logaddexp, "reduce"))
def logaddexp_reduce(
    x: ArrayLike,
    /,
    *,
    axis: Axis = 0,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    initial: Value | None = -np.inf,
    where: ArrayLike = True,
) -> Any:
    """z = log(sum(exp(x))) over axes, without overflow; 0 derivative where z = -inf."""
    x = cast(x, dtype)
    if where is not True:
        x = ops.where(plain_operand(where), x, -np.inf)
    value = as_array(plain_operand(x))
    top = np.max(value, axis=axis, keepdims=True, **least_of(value, -np.inf))
    top = np.where(np.isfinite(top), top, 0.0).astype(value.dtype)
    total = ops.sum(ops.exp(x - top), axis=axis, keepdims=bool(keepdims))
    empty = np.equal(total, 0)
    top = np.reshape(top, shape_of(total))
    z = ops.log(ops.where(empty, 1.0, total)) + top
    z = ops.where(empty, -np.inf, z)
    if type(initial) is float and initial == -np.inf:
        return z
    return ops.logaddexp(z, initial)


@implements((np.logaddexp, "accumulate"))
def logaddexp_accumulate(
    x: ArrayLike, /, *, axis: int = 0, dtype: DTypeLike | None = None
) -> Any:
    """z[k] = log(sum(exp(x[:k + 1]))), one logaddexp after the other."""
    x = cast(x, dtype)
    rows = ops.swapaxes(x, 0, axis)
    totals = [rows[0]] if len(rows) else []
    for k in range(1, len(rows)):
        totals.append(ops.logaddexp(totals[-1], rows[k]))
    return ops.swapaxes(ops.stack(totals), 0, axis) if totals else x


def _outer(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return ``ufunc.outer``: every element of x with every element of y."""

    def outer(x: ArrayLike, y: ArrayLike, /, **kwargs: Any) -> Any:
        dim = len(shape_of(y))
        if dim:
            x = ops.reshape(ops.asarray(x), (*shape_of(x), *(1,) * dim))
        return UFUNCS[ufunc](x, y, **call_keywords(kwargs))

    outer.__name__ = outer.__qualname__ = f"{ufunc.__name__}_outer"
    return outer


for _ufunc in UFUNCS:
    if (_ufunc.nin, _ufunc.nout, _ufunc.signature) == (2, 1, None):
        FUNCTIONS.setdefault((_ufunc, "outer"), _outer(_ufunc))
