"""The rows that stand for a row of complex numbers: on their parts.

In: the rows of a program. Out: rows of real numbers; ``CannotLowerError`` where a
function of complex numbers has no such form. Functions that move entries, or add them
up, are called on both parts; products are four, and sums of these.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.complex_arithmetic import (
    FORMS,
    REAL,
    Arithmetic,
    Part,
    Parts,
    parts_of,
)
from chainrule.compiler.native.meanings import (
    CannotLowerError,
    name_of,
    power_of,
    reduced_by,
)
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.operations import operation_named
from chainrule.compiler.native.transforms import TransformedParts, transform_of
from chainrule.compiler.programs.program import replaced, swapped
from chainrule.compiler.tracing.calls import named, operand_count
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.complex_parts import complex_of
from chainrule.operations_grad.indexing import added_at, unindex_all
from chainrule.operations_grad.shaping import astype_grad
from chainrule.rules import multilinear, rule_of
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.values.quiet import quietly
from chainrule.values.shapes import SEQUENCES, is_complex, shape_of
from chainrule.values.types import Shape

COMPLEX: np.dtype[Any] = np.dtype(np.complex128)
MOST = 1 << 14
"""Entries of complex arrays: more are read and written as they are, in half as many
streams of memory."""

SYSTEM = 32
"""Equations of a complex system that is solved as twice as many real ones."""


class RowParts(Arithmetic):
    """Writes the rows of a program in parts."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.halved: dict[Row, Parts] = {}
        self._constants: dict[int, tuple[Any, Parts]] = {}
        """Those of constants, which stay: no other may get such an array's id."""
        self._matrices: dict[int, tuple[Any, Row]] = {}
        self.moved: dict[Row, Any] = {}
        """The real rows that became others."""

    def enter(self, x: Row, parts: Sequence[Row]) -> None:
        """Note the parts of an input."""
        if x.dtype != COMPLEX:
            raise CannotLowerError(f"{x.dtype} values")
        self.halved[x] = Parts(*parts)

    def halves(self, x: Part, *, pair: bool) -> tuple[Part, ...]:
        """Return both parts of a value in full, or the one that there is."""
        if not pair:
            return (self.real(x),)
        return tuple(self.whole(p, shape_of(x)) for p in self.parts(x))

    def parts(self, x: Part) -> Parts:
        """Return the parts of a value."""
        if not isinstance(x, Row):
            if id(x) not in self._constants:
                self._constants[id(x)] = x, parts_of(x)
            return self._constants[id(x)][1]
        if x in self.halved:
            return self.halved[x]
        return Parts(self.real(x), 0.0)

    def real(self, x: Part) -> Part:
        """Return what a real row became; a constant as it is."""
        return self.moved.get(x, x) if isinstance(x, Row) else x

    # ------------------------------------------------------------------ row by row

    def keep(self, row: Row) -> None:
        """Add a row of real numbers, which may read what was complex before."""
        args, given = replaced(row.args, self.moved), replaced(row.given, self.moved)
        self.moved[row] = row.with_call(row.function, args, given)
        self.rows.append(self.moved[row])

    def _become(self, row: Row, found: Parts | Part) -> None:
        """Have a value stand for a row: parts, or a real row or constant like it."""
        if isinstance(found, Parts):
            if row.dtype != COMPLEX:
                raise CannotLowerError(f"{row.dtype} values")
            self.halved[row] = found
            return
        x: Any = self.whole(found, row.shape)
        alike = isinstance(x, Row) and (x.dtype, x.number) == (row.dtype, row.number)
        if not alike:
            x = row.with_call(np.positive, (x,))
            self.rows.append(x)
        self.moved[row] = x

    def write_in_parts(self, row: Row) -> None:
        """Write what stands for a row of complex numbers."""
        if math.prod(row.shape or ()) > MOST:
            raise CannotLowerError("large complex arrays")
        known, f = traits_of(row.function), row.function
        if known.transform:
            self._transform(row)
        elif is_movement(row) or f in (added_at, unindex_all):
            self._become(row, self._moved_parts(row))
        elif known.contracts:
            self._become(row, self._product(row))
        elif known.by_factors in ("solve", "inv") and not row.given:
            self._become(row, self._by_factors(row))
        elif f is np.linalg.norm or f is np.linalg.vector_norm:
            self._become(row, self._norm(row))
        elif known.reduces is np.add or known.accumulates is np.add:
            self._become(row, self._sum(row))
        else:
            self._become(row, self._elementwise(row))

    # -------------------------------------------------------------------- functions

    def _elementwise(self, row: Row) -> Any:
        f, args = UFUNCS.get(row.function, row.function), row.args
        if f is masked_result:
            inner, mask = row.given["forward"], row.given["where"]
            if set(row.given) != {"forward", "where"}:
                raise _no_form(row)
            found = self._applied(row, inner, args)
            if not isinstance(found, Parts):
                return self.call(np.where, self.real(mask), found, 0.0)
            return self.where(self.real(mask), found, Parts(0.0, 0.0))
        if rule_of(f) is astype_grad and row.dtype == COMPLEX and row.reads_first:
            return self.parts(args[0])
        asks = any(x is not None and x is not False for x in row.given.values())
        if asks or (row.number is complex and operation_named(f) in _RAISING):
            raise _no_form(row)  # Python's raise errors
        return self._applied(row, f, args)

    def _applied(self, row: Row, f: Any, args: Sequence[Any]) -> Any:
        """Return an elementwise function of the parts of its arguments."""
        do, name = self.call, operation_named(f)
        if name == "where":
            mask, *others = args
            if holds_complex(mask):
                raise _no_form(row)
            return self.where(self.real(mask), *map(self.parts, others))
        x, *rest = given = [self.parts(v) for v in args]
        if f is np.real or f is np.imag:
            return x.im if f is np.imag else x.re
        if f is complex_of:
            return Parts(x.re, rest[0].re)
        if f is np.absolute and row.number is None:
            return do(np.hypot, *x)
        if f is np.angle:
            return do(np.arctan2, x.im, x.re)
        if name in (*_EVERY, *_SOME):
            both = [self.test(f, *part) for part in zip(*given, strict=True)]
            return self.test(np.logical_and if name in _EVERY else np.logical_or, *both)
        if name == "power" and power_of(row)[0] == "square":
            return self.square(x)
        if name not in FORMS or row.dtype != COMPLEX:
            raise _no_form(row)
        return getattr(self, name)(*given)

    def _moved_parts(self, row: Row) -> Parts:
        """Move both parts as the function moves entries."""
        n = operand_count(row.function, row.args)
        others = replaced(list(row.args[n:]), self.moved)
        given: Mapping[str, Any] = replaced(row.given, self.moved)
        first = [[self._moved_part(x, k) for x in row.args[:n]] for k in (0, 1)]
        return Parts(*(self.made(row, (*x, *others), given) for x in first))

    def _moved_part(self, x: Any, part: int) -> Any:
        if isinstance(x, SEQUENCES):
            return [self._moved_part(v, part) for v in x]
        return self.whole(self.parts(x)[part], shape_of(x))

    def _sum(self, row: Row) -> Parts:
        """Return sums of both parts."""
        if traits_of(row.function).reduces is not None:
            reduced_by(row)  # raises where it asks for more
        elif not row.reads_first:
            raise _no_form(row)
        x, *others = row.args
        wholes = (self.whole(part, shape_of(x)) for part in self.parts(x))
        return Parts(*(self.made(row, (part, *others), row.given) for part in wholes))

    def _norm(self, row: Row) -> Part:
        """Return the root of the sum of squares of both parts."""
        x = row.args[0]
        order, axis, keeps = (
            named(row.function, row.args, row.given).get(name)
            for name in ("ord", "axis", "keepdims")
        )
        plain = order is None or (order == 2 and row.function is np.linalg.vector_norm)
        if not plain or not isinstance(x, Row):
            raise _no_form(row)
        re, im = (self.whole(part, shape_of(x)) for part in self.parts(x))
        squares = [self.call(np.multiply, part, part) for part in (re, im)]
        given = {"axis": axis, "keepdims": bool(keeps)}
        total = self.add_row(np.sum, (self.call(np.add, *squares),), row.shape)
        total.given = given
        return self.call(np.sqrt, total)

    def made(self, row: Row, args: Sequence[Any], given: Mapping[str, Any]) -> Part:
        """Add a call like another one, on real numbers; a constant of constants."""
        if given.get("dtype") is not None:
            given = {**given, "dtype": REAL}
        made = row.with_call(row.function, tuple(args), given)
        if not made.operands:
            whole = functools.partial(made.function, **made.given)
            found = np.asarray(quietly(whole, *made.args))
            return found if found.shape else found.item()
        made.dtype, made.number = REAL, None
        self.rows.append(made)
        return made

    def _product(self, row: Row) -> Parts:
        """Return a product by four real ones."""
        x, y, *others = row.args
        if row.dtype != COMPLEX or not _is_product(row):
            raise _no_form(row)

        def product(a: Part, b: Part) -> Part:
            args = self.whole(a, shape_of(x)), self.whole(b, shape_of(y))
            return self.made(row, (*args, *others), row.given)

        (a, b), (c, d) = self.parts(x), self.parts(y)
        re = self.call(np.subtract, product(a, c), product(b, d))
        return Parts(re, self.call(np.add, product(a, d), product(b, c)))

    def _transform(self, row: Row) -> None:
        """Write a Fourier transform, which has machine code for parts."""
        transform = transform_of(row)
        if transform is None:
            raise CannotLowerError(f"{name_of(row)} of these lengths")
        function = TransformedParts(transform, row.shape)
        whole = self.add_row(
            function,
            self.halves(row.operands[0], pair=holds_complex(row.operands[0])),
            None,
            None,
        )
        found = [self.item(whole, i, row.shape) for i in range(function.results)]
        self._become(row, Parts(*found) if len(found) > 1 else found[0])

    def _by_factors(self, row: Row) -> Parts:
        """Return a solution, or an inverse, by a real matrix of twice as many rows.

        ``A + i B`` has the matrix ``((A, -B), (B, A))``. The transpose of that is the
        matrix of the conjugate transpose.
        """
        a, *right = row.args
        n, vector = shape_of(a)[-1], len(right) == 1 == len(shape_of(right[0]))
        if row.dtype != COMPLEX or n > SYSTEM:
            raise _no_form(row)
        before = swapped(a)
        turned = before is not None
        matrix = self._doubled(before if turned else a)
        shape = list(matrix.shape or ())
        if turned:
            matrix = self.add_row(np.swapaxes, (matrix, -1, -2), matrix.shape)
        axis = -1 if vector else -2
        for i, y in enumerate(right):
            given = self.conjugate(self.parts(y)) if turned else self.parts(y)
            both = [self.whole(part, shape_of(y)) for part in given]
            right[i] = self._beside(both, axis)
            shape = [*row.shape]
            shape[axis] *= 2
        z = self.add_row(row.function, (matrix, *right), tuple(shape))
        every = () if vector else (slice(row.shape[-1]),)
        halves = [(..., slice(k, k + n), *every) for k in (0, n)]
        found = (self.add_row(operator.getitem, (z, i), row.shape) for i in halves)
        return self.conjugate(Parts(*found)) if turned else Parts(*found)

    def _doubled(self, a: Part) -> Row:
        """Return the real matrix that stands for a complex one."""
        if id(a) not in self._matrices:
            re, im = (self.whole(part, shape_of(a)) for part in self.parts(a))
            negative = self.whole(self.call(np.negative, im), shape_of(a))
            rows = [self._beside(x, -1) for x in ([re, negative], [im, re])]
            self._matrices[id(a)] = a, self._beside(rows, -2)
        return self._matrices[id(a)][1]

    def _beside(self, parts: Sequence[Part], axis: int) -> Row:
        """Return two arrays of one shape beside each other."""
        shape = list(shape_of(parts[0]))
        shape[axis] *= 2
        return self.add_row(np.concatenate, (list(parts), axis), tuple(shape))

    def item(self, whole: Row, i: int, shape: Shape) -> Row:
        """Return one of several results."""
        return self.add_row(operator.getitem, (whole, i), shape)


def holds_complex(x: Part) -> bool:
    """Tell whether a row or a constant is complex."""
    if isinstance(x, Row):
        return x.dtype is not None and x.dtype.kind == "c"
    return is_complex(x)


def _is_product(row: Row) -> bool:
    """Tell whether a row is linear in both of its operands."""
    known = rule_of(row.function)
    return known is not None and issubclass(known, multilinear)


def _no_form(row: Row) -> CannotLowerError:
    return CannotLowerError(f"{name_of(row)} of complex numbers")


_RAISING = ("divide", "power")
"""What raises errors for some of Python's numbers."""
_EVERY, _SOME = ("equal", "isfinite"), ("not_equal", "isnan", "isinf")
"""Tests of complex numbers: those that hold for both parts, and for one of them."""

__all__ = ["COMPLEX", "RowParts", "holds_complex"]
