"""Zeros with a result put into a box of them, as a result of operands put there.

The derivative of ``x[1:]`` is ``unindex(z, index=slice(1, None))``. Loop nests read
movements in place, but what is moved has to lie in memory: here ``z`` does, at every
such step of a stencil. Where ``z`` is computed of what was only moved, by functions
that make zeros of zeros (sums, products, powers), these run on the moved operands
instead, in the nest that reads them: ``unindex(a * b)`` is ``unindex(a) * unindex(b)``.
Of other functions a multiple is taken later, as of all that moves entries:
``np.roll(-a, 1)`` is ``-np.roll(a, 1)``.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.compiler.native.columns_apart import unindex_columns
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.index_runs import unindex_runs
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.views import only_shows
from chainrule.compiler.programs.common_subexpressions import argument_key
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, rewrite
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.indexing import as_tuple, unindex
from chainrule.values.shapes import Shape

_np: Any = np
LARGEST = 24
"""So many rows may be computed again, for one that is put into zeros."""
SUMS = {"add", "subtract", "negative", "sub", "neg"}
PRODUCTS = {"multiply", "mul"}
POWERS = {"power", "pow", "true_divide", "divide", "truediv"}
"""Names of ufuncs, and of Python's operators: zeros of zeros, at little cost."""


class TooMuchError(Exception):
    """A row is not computed of moved operands alone, or of too many."""


def unindex_operands(program: Program) -> None:
    """Move ``unindex`` of large arrays to what these are computed of."""
    unindex_runs(program)
    unindex_columns(program)
    if not any(_is_wanted(row) or _moves_multiple(row) for row in program.rows):
        return
    known: dict[Any, Row] = {}

    def replacement(row: Row, rows: list[Row]) -> Row:
        if _is_wanted(row) and math.prod(row.shape) >= LARGE:
            inside = _Inside(row, known)
            try:
                found = inside.of(row.args[0], row.args[0].shape)
            except TooMuchError:
                return _scaled_later(row, rows)
            rows += inside.made
            known.update(inside.new)
            return found
        if _moves_multiple(row) and math.prod(row.shape) >= LARGE:
            return _scaled_later(row, rows)
        rows.append(row)
        return row

    rewrite(program, replacement, "unindex")
    eliminate_dead_code(program)


def _is_wanted(row: Row) -> bool:
    """Tell whether a row puts a computed array of floats into a box of zeros."""
    if row.function is not unindex or not row.reads_first or not row.shape:
        return False
    x, index = row.operands[0], as_tuple(row.given["index"])
    return (
        x.dtype == row.dtype
        and row.dtype.kind == "f"
        and len(index) == len(row.shape) == len(x.shape or ())
        and all(type(i) is slice for i in index)
        and not is_movement(x)
    )


def _moves_multiple(row: Row) -> bool:
    """Tell whether a row has a multiple of an array, or its negative, elsewhere."""
    if row.function is unindex or not row.shape or not is_movement(row):
        return False
    if not row.reads_first or len(row.operands) != 1:
        return False
    (x,) = row.operands
    in_place = only_shows(row) and math.prod(row.shape) == math.prod(x.shape or ())
    alike = x.dtype == row.dtype and row.dtype.kind == "f"
    return alike and not in_place and _scaled_operand(x) is not None


def _scaled_later(row: Row, rows: list[Row]) -> Row:
    """Move what an array is a multiple of, if it is that; add the rows.

    The multiple is computed again by each nest that reads it, and lies in no memory.
    """
    scaled: list[Row] = []
    x = row.args[0]
    while (place := _scaled_operand(x)) is not None:
        scaled.append(x)
        x = x.args[place]
    rows.append(row.with_call(row.function, (x, *row.args[1:]), row.given))
    for y in reversed(scaled):
        args = [_as_number(v) for v in y.args]
        args[_scaled_operand(y) or 0] = rows[-1]
        rows.append(row.with_call(y.function, tuple(args)))
    return rows[-1]


def _scaled_operand(x: Row) -> int | None:
    """Return which operand a row has the negative, or a finite multiple, of."""
    if x.given or is_movement(x) or x.function is None:
        return None
    name, args = getattr(x.function, "__name__", ""), list(map(_as_number, x.args))
    if name not in {"negative", "neg", *PRODUCTS} or len(x.operands) != 1:
        return None
    (operand,) = x.operands
    place = next(i for i, v in enumerate(args) if v is operand)
    alike = operand.shape == x.shape and operand.dtype == x.dtype
    others = args[:place] + args[place + 1 :]
    return place if alike and all(map(_is_number, others)) else None


class _Inside:
    """The rows for one ``unindex``."""

    def __init__(self, row: Row, known: dict[Any, Row]) -> None:
        self.row = row
        self.index: Any = as_tuple(row.given["index"])
        self.known = known
        self.new: dict[Any, Row] = {}
        self.made: list[Row] = []
        self.begun = 0  # before they are made: sums may be long

    def of(self, x: Row, whole: Shape) -> Row:
        """Return a row put into zeros; it is broadcast to a shape where it is read."""
        index, shape = self._last(x.shape, whole)
        if x.dtype != self.row.dtype:
            raise TooMuchError
        key = x, argument_key(index), shape
        found = self.known.get(key) or self.new.get(key)
        if found is not None:
            return found
        self.begun += 1
        if self.begun > LARGEST:
            raise TooMuchError
        if is_movement(x):
            if not _shows_slices(x):
                raise TooMuchError
            found = x.with_call(unindex, (x,), {"index": index, "shape": shape})
        else:
            found = x.with_call(x.function, self._args(x))
        found.shape = shape
        self.new[key] = found
        self.made.append(found)
        return found

    def _last(self, shape: Shape, whole: Shape) -> tuple[Any, Shape]:
        """Return the index and the shape of the last axes, which an operand has.

        Along the others it is the same, so that zeros may not be added there.
        """
        n = len(shape)
        target = self.row.shape[-len(whole) :]
        if not n or shape != whole[-n:] or target[:-n] != whole[:-n]:
            raise TooMuchError
        return self.index[-n:], target[-n:]

    def _args(self, x: Row) -> tuple[Any, ...]:
        """Return the arguments of a function that makes zeros of zeros, moved."""
        name = getattr(x.function, "__name__", "")
        of_python = getattr(operator, name, None) is x.function
        if x.given or not (of_python or isinstance(x.function, np.ufunc)):
            raise TooMuchError
        if name in SUMS:
            return tuple(self._moved(v, x) for v in x.args)
        args = list(map(_as_number, x.args))
        if name in PRODUCTS:
            moved = [v if _is_number(v) else self._moved(v, x) for v in args]
            if any(isinstance(v, Row) and v.shape == x.shape for v in x.args):
                return tuple(moved)
        if name in POWERS:
            base, number = args
            if (
                _is_number(number)
                and number > 0
                and getattr(base, "shape", ()) == x.shape
            ):
                return self._moved(base, x), number
        raise TooMuchError

    def _moved(self, v: Any, x: Row) -> Any:
        """Return an operand of ``x``; one of fewer axes is moved along these."""
        if isinstance(v, Row):
            return self.of(v, x.shape)
        index, shape = self._last(np.shape(v) or x.shape, x.shape)
        found: Any = np.zeros(shape, self.row.dtype)
        found[index] = v
        return found


def _shows_slices(x: Row) -> bool:
    """Tell whether a row is a box of an array, or zeros around one."""
    if x.function not in (operator.getitem, unindex):
        return False
    index = x.args[1] if x.function is operator.getitem else x.given["index"]
    return all(type(i) is slice and not rows_in(i) for i in as_tuple(index))


def _is_number(v: Any) -> bool:
    """Tell whether a factor is one number, finite where it is known."""
    if isinstance(v, Row):
        return False  # it may be infinite
    return isinstance(v, (float, int, np.generic)) and bool(_np.isfinite(v))


def _as_number(v: Any) -> Any:
    """Return a constant array that repeats one number as that number."""
    array: Any = v
    if not isinstance(v, np.ndarray) or not array.size:
        return array
    first = array.flat[0]
    return first if bool(_np.all(array == first)) else array


__all__ = ["unindex_operands"]
