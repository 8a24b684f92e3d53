"""Forms of rows: how the function of a row is written on a tape, by its traits.

In: a row, and the ``Builder`` that knows the places of its operands. Out: the places of
its result; ``CannotLowerError`` where NumPy has to run it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.collected import Scattered
from chainrule.compiler.native.meanings import (
    FLOATS,
    CannotLowerError,
    contracted_axes,
    operation_of,
    power_of,
    reduced_by,
)
from chainrule.compiler.native.movements import Places
from chainrule.compiler.native.operations import (
    OPCODES,
    REDUCTIONS,
    operation_named,
    single_of,
)
from chainrule.compiler.tape.added_places import (
    added,
    added_at_indices,
    added_to,
    moved_places,
    scattered,
    unindexed,
)
from chainrule.compiler.tape.held import FLOAT, SINGLE
from chainrule.compiler.tape.places import is_grid, stretches
from chainrule.compiler.tape.reductions import reduced
from chainrule.compiler.tracing.calls import named, parameters
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    Entrywise,
    is_of_whole,
    power,
)
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.shapes import keeps_shape
from chainrule.operations_grad.indexing import (
    added_at,
    setitem,
    unindex,
    unindex_all,
)
from chainrule.operations_grad.recurrences import recurrence
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.values.types import Shape

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

_np: Any = np
_of: Any = operator
Form = Callable[["Builder", Row], Places]


def form_of(row: Row) -> Form | None:
    """Return how a row is written, if a tape may hold it."""
    f = row.function
    if not keeps_shape(row):
        return None  # NumPy runs it, and its shape is looked at
    if f in UFUNCS or f is power or isinstance(f, Entrywise):
        return _plain
    if f in _OF_OURS:
        return _OF_OURS[f]
    if isinstance(f, Scattered):
        return scattered
    known = traits_of(f)
    if known.entrywise:
        return _cast if known.in_order else _elementwise
    for trait, form in _BY_TRAIT.items():
        if getattr(known, trait):
            return form
    return None


def may_grow(row: Row) -> bool:
    """Tell whether a row of integers may hold larger ones than its operands."""
    known = traits_of(row.function)
    if known.reduces is np.add:
        return any(x.dtype != np.bool_ for x in row.operands)
    return not (known.bounded or known.moves)


# ------------------------------------------------------------------ entry by entry


def number_opcode(f: np.ufunc, dtype: np.dtype[Any]) -> int | None:
    """Return the opcode of a ufunc that is one instruction for any numbers."""
    if f.signature is not None or f is np.power or traits_of(f).in_order:
        return None
    name = operation_named(f)
    if name == "nextafter" and dtype == SINGLE:
        return None
    return OPCODES.get(single_of(name) if name and dtype == SINGLE else name)


def _elementwise(b: Builder, row: Row) -> Places:
    f: Any = row.function
    if row.given:
        raise CannotLowerError
    operands = row.operands
    of_floats = row.shape == () and all(x.dtype == FLOAT for x in [row, *operands])
    name = operation_named(f) if of_floats else ""
    name = name or operation_of(f, [*operands, row])
    args = row.args
    if name == "power":
        name, args = power_of(row)
    if name == "nextafter" and b.single:
        raise CannotLowerError  # of float64 it would be rounded away
    if name == "add":
        return added(b, row.shape, *map(b.places, args))
    if name == "where":
        condition, *values = args
        at = b.unrounded(condition), *map(b.places, values)
        return b.elementwise(name, row.shape, *at)
    if name == "power" and f is np.power and _may_be_root(row):
        base, exponent = map(b.places, args)
        half = b.elementwise("equal", (), exponent, b.constant(0.5))
        both = [
            b.elementwise("sqrt", row.shape, base),
            b.elementwise("power", row.shape, base, exponent),
        ]
        return b.elementwise("where", row.shape, half, *both)
    return _entries(b, row, name, args)


def _may_be_root(row: Row) -> bool:
    """Tell whether NumPy takes the root where the exponent, one number, is 0.5."""
    exponent = row.args[1]
    return row.number is None and isinstance(exponent, Row) and exponent.shape == ()


def _plain(b: Builder, row: Row) -> Places:
    """Write one of Python's operators: where it has the results of NumPy's function."""
    f = row.function
    if isinstance(f, Entrywise):
        f = f.function
        if f is _of.pow:
            raise CannotLowerError
    if f is _of.pos:
        return b.places(row.args[0])
    if f is _of.pow or f is power:
        if row.dtype not in FLOATS or is_of_whole(row):
            raise CannotLowerError  # powers of integers: exact, or an error
        name, args = power_of(row)
    elif f is _of.truediv:
        raise CannotLowerError  # it raises an error at 0
    else:
        name, args = operation_of(UFUNCS[f], [*row.operands, row]), row.args
    return _entries(b, row, name, args)


def _entries(b: Builder, row: Row, name: str, args: Sequence[Any]) -> Places:
    """Write an elementwise operation of the tape."""
    found = b.elementwise(name, row.shape, *map(b.places, args))
    if row.dtype == np.int64 and name in ("multiply", "negative"):
        return _from_zero(b, row.shape, found)
    return found


def _masked(b: Builder, row: Row) -> Places:
    given = dict(row.given)
    f, mask = given.pop("forward"), given.pop("where")
    if given or not isinstance(f, np.ufunc):
        raise CannotLowerError
    name = operation_of(f, [*row.operands, row])
    z = b.elementwise(name, row.shape, *map(b.places, row.args))
    return b.elementwise("where", row.shape, b.places(mask), z, b.constant(0.0))


def _cast(b: Builder, row: Row) -> Places:
    """Take a value as it is, in a dtype that holds it."""
    source = row.args[0]
    if not isinstance(source, Row) or len(row.operands) > 1:
        raise CannotLowerError
    kinds = "biuf"
    if kinds.index(source.dtype.kind) > kinds.index(row.dtype.kind):  # type: ignore
        raise CannotLowerError
    return b.places(source)


# ------------------------------------------------------------------------ over axes


def _reduced(b: Builder, row: Row) -> Places:
    """Write a reduction, or a mean as NumPy computes it: a sum, divided."""
    pair, axes, keepdims = reduced_by(row)
    x = row.args[0]
    if x.dtype == np.bool_:
        pair = _of_truths(pair)
    if pair == "add" and x.dtype == np.int64:
        raise CannotLowerError  # a part of the sum may not be exact
    places = np.asarray(b.places(x))
    if pair == "multiply":
        found = _multiplied(b, row, places, axes)
    elif pair in REDUCTIONS:
        found = (
            reduced(b, REDUCTIONS[pair].name, pair, places, axes) if axes else places
        )
    else:
        raise CannotLowerError
    if pair == "add":
        found = _from_zero(b, np.shape(found), found)
    if traits_of(row.function).averages:
        found = _divided(b, row, x, found)
    return np.reshape(found, row.shape) if keepdims else found


def _of_truths(pair: str) -> str:
    """Return what reduces truths as floats: any is the largest, all the smallest."""
    if pair == "logical_or":
        return "maximum"
    if pair == "logical_and":
        return "minimum"
    return pair if pair == "add" else ""


def _multiplied(b: Builder, row: Row, places: Places, axes: tuple[int, ...]) -> Places:
    """Write a product of few entries, one after the other as NumPy computes it."""
    moved = np.moveaxis(places, axes, range(len(axes)))
    lanes = moved.reshape(-1, *moved.shape[len(axes) :])
    if row.args[0].dtype not in FLOATS or not 0 < len(lanes) <= _LONGEST:
        raise CannotLowerError
    found = lanes[0]
    for part in lanes[1:]:
        found = b.elementwise("multiply", part.shape, found, part)
    return found


def _accumulated(b: Builder, row: Row) -> Places:
    """Write what entries up to each make, one after the other as NumPy computes it."""
    known, x = traits_of(row.function), row.args[0]
    pair = operation_named(known.accumulates)
    others = parameters(row.function, row.args, row.given, 1)
    others.pop("axis", None)
    axis = named(row.function, row.args, row.given)["axis"]
    plain = all(v is None for v in others.values())
    if not isinstance(x, Row) or not pair or not plain or row.dtype not in FLOATS:
        raise CannotLowerError
    places = np.asarray(b.places(x))
    if axis is None or not places.ndim:
        places, axis = places.reshape(-1), 0
    lanes = np.moveaxis(places, axis, 0)
    if x.dtype != row.dtype or not 0 < len(lanes) <= _LONGEST:
        raise CannotLowerError
    found = [lanes[0]]
    for part in lanes[1:]:
        found.append(b.elementwise(pair, part.shape, found[-1], part))
    return np.moveaxis(np.stack(found), 0, axis)


def _recurrence(b: Builder, row: Row) -> Places:
    """Write a recurrence, one entry after the other."""
    if row.dtype not in FLOATS or not 0 < row.shape[-1] <= _LONGEST:
        raise CannotLowerError
    factors, terms = (np.asarray(b.places(x)) for x in row.args)
    factors = np.broadcast_to(factors, (*row.shape[:-1], row.shape[-1] - 1))
    lanes = np.moveaxis(np.broadcast_to(terms, row.shape), -1, 0)
    found = [lanes[0]]
    for factor, term in zip(np.moveaxis(factors, -1, 0), lanes[1:], strict=True):
        moved = b.elementwise("multiply", term.shape, factor, found[-1])
        found.append(b.elementwise("add", term.shape, moved, term))
    return np.stack(found, axis=-1)


_LONGEST = 1000
"""Entries along an axis: each is an instruction of its own."""


def _divided(b: Builder, row: Row, x: Row, total: Places) -> Places:
    count = math.prod(x.shape) / max(1, math.prod(row.shape or ()))
    if row.dtype != x.dtype or not count:
        raise CannotLowerError
    return b.elementwise("divide", np.shape(total), total, b.constant(float(count)))


def _product(b: Builder, row: Row) -> Places:
    """Write a product of matrices and vectors, or of stacks of them."""
    if row.dtype not in FLOATS or row.shape is None:
        raise CannotLowerError  # booleans are not counted, and integers are exact
    x, y = (np.asarray(b.places(v)) for v in row.args[:2])
    stacked = max(x.ndim, y.ndim) > 2 <= min(x.ndim, y.ndim)
    if row.function is np.matmul and stacked and not row.given:
        return _stacked(b, row.shape, x, y)
    pairs = contracted_axes(row)
    if pairs is None or len(pairs[0]) != 1:
        raise CannotLowerError
    if (x.ndim, y.ndim) == (1, 1):
        return _dot(b, x, y)
    if x.ndim > 2 or y.ndim > 2:
        raise CannotLowerError
    ((first,), (second,)) = pairs
    left = x[None, :] if x.ndim == 1 else x if first == 1 else x.T
    right = y[:, None] if y.ndim == 1 else y if second == 0 else y.T
    return _matrix_product(b, left, right).reshape(row.shape)


def _stacked(b: Builder, shape: tuple[int, ...], x: Any, y: Any) -> Places:
    """Write products of few matrices, one after the other."""
    stack, count = shape[:-2], math.prod(shape[:-2])
    if not 0 < count <= MOST:
        raise CannotLowerError
    left, right = (
        np.broadcast_to(v, (*stack, *v.shape[-2:])).reshape(count, *v.shape[-2:])
        for v in (x, y)
    )
    found = [_matrix_product(b, m, n) for m, n in zip(left, right, strict=True)]
    return np.stack(found).reshape(shape)


MOST = 64
"""Products of a stack of matrices from which on it is left to NumPy."""


def _matrix_product(b: Builder, x: Places, y: Places) -> Places:
    """Write a product of two small matrices."""
    (m, k), (_, n) = x.shape, y.shape
    most = LARGE_PRODUCT if b.depth and 1 in (m, n) else SMALL_PRODUCT
    if not m * k * n or m * k * n > most:
        raise CannotLowerError
    if not is_grid(x):
        x = b.elementwise("copy", x.shape, x)
    if not is_grid(y) or (n > 1 and y[0, 1] - y[0, 0] != 1):
        y = b.elementwise("copy", y.shape, y)
    result = b.new((m, n))
    across = int(x[0, 1] - x[0, 0]) if k > 1 else 0
    down = int(x[1, 0] - x[0, 0]) if m > 1 else 0
    below = int(y[1, 0] - y[0, 0]) if k > 1 else 0
    first, second = int(x[0, 0]), int(y[0, 0])
    operands = [(first, down), (second, below), (first, across)]
    b.code.add("matmul", int(result[0, 0]), operands, n, rows=m, inner=k)
    return _from_zero(b, (m, n), result)


def _dot(b: Builder, x: Places, y: Places) -> Places:
    """Write a sum of products of two vectors."""
    result = b.new(())
    flat = np.stack([x, y])
    if len(list(stretches(flat))) > 1:
        flat = np.stack([b.elementwise("copy", x.shape, p) for p in flat])
    if x.size < 2:
        raise CannotLowerError
    steps = (flat[:, 1] - flat[:, 0]).tolist()
    pairs = list(zip(flat[:, 0].tolist(), steps, strict=True))
    b.code.add("dot", int(result), pairs, x.size)
    return _from_zero(b, (), int(result))


def _from_zero(b: Builder, shape: Shape, x: Places) -> Places:
    """Add 0: NumPy's sums start from it, and integers have no -0."""
    return b.elementwise("add", shape, x, b.constant(0.0))


SMALL_PRODUCT = 1 << 15
"""Products of matrices with more multiplications than this are left to BLAS."""
LARGE_PRODUCT = 1 << 24
"""Those of a matrix and a vector, inside a loop."""

_OF_OURS: Mapping[Any, Form] = {
    added_at: added_to,
    masked_result: _masked,
    recurrence: _recurrence,
    setitem: moved_places,
    unindex: unindexed,
    unindex_all: added_at_indices,
}
"""How functions that take an index, or another function, are written."""
_BY_TRAIT: Mapping[str, Form] = {
    "contracts": _product,
    "reduces": _reduced,
    "accumulates": _accumulated,
    "moves": moved_places,
}
"""How a function is written that has a trait."""


__all__ = [
    "form_of",
    "may_grow",
    "number_opcode",
]
